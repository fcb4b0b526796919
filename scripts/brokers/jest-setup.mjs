// Before all specs: whoever asks for a broker finds the keeper by its address.
import { BrokerKeeper } from './keeper.mjs';

export default async function openKeeper() {
  const keeper = new BrokerKeeper();
  process.env['NRR_BROKER_KEEPER'] = await keeper.listen();
  Object.assign(globalThis, { nrrBrokerKeeper: keeper });
}
