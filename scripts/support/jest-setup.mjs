// Before all specs: temporary files have a folder of this run, and whoever asks for a broker finds the keeper by its address.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerKeeper } from '../brokers/keeper.mjs';

export default async function prepareRun() {
  const temporary = mkdtempSync(join(tmpdir(), 'nrr-run-'));
  process.env['TMPDIR'] = process.env['TEMP'] = temporary; // the one is read by POSIX systems, the other by Windows
  const keeper = new BrokerKeeper();
  process.env['NRR_BROKER_KEEPER'] = await keeper.listen();
  Object.assign(globalThis, { nrrRun: { temporary, keeper } });
}
