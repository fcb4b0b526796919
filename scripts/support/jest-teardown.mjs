// After all specs: nothing is left running, and nothing in the temporary folder.
import { rmSync } from 'node:fs';

export default async function cleanUpRun() {
  const { nrrRun } = /** @type {{ nrrRun?: { temporary: string, keeper: import('../brokers/keeper.mjs').BrokerKeeper } }} */ (globalThis);
  if (nrrRun === undefined) return;
  await nrrRun.keeper.close();
  rmSync(nrrRun.temporary, { recursive: true, force: true, maxRetries: 3 });
}
