// After all specs: nothing is left running.
export default async function closeKeeper() {
  const { nrrBrokerKeeper } = /** @type {{ nrrBrokerKeeper?: import('./keeper.mjs').BrokerKeeper }} */ (globalThis);
  await nrrBrokerKeeper?.close();
}
