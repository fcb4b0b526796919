// One call of a handler without the pipeline: our compiled chain, and Nest's own caller.
import { callerOfLibrary, callerOfNest, openApplication } from '../support/nest-handlers.mjs';
import { costOf } from '../support/measure.mjs';

/** @typedef {import('../support/nest-handlers.mjs').Equipment} Equipment */

const WARM_UP_CALLS = 50_000;
const CALLS = 200_000;

/** @type {Record<string, { equipment: Equipment, isAsync: boolean }>} */
const HANDLERS = {
  'no parameter, sync': { equipment: 'bare', isAsync: false },
  'payload and context, sync': { equipment: 'payload', isAsync: false },
  'payload and context, async': { equipment: 'payload', isAsync: true },
  'one guard and one pipe, sync': { equipment: 'guard', isAsync: false },
  'one guard and one pipe, async': { equipment: 'guard', isAsync: true },
  'one interceptor, sync': { equipment: 'interceptor', isAsync: false },
  'one interceptor, async': { equipment: 'interceptor', isAsync: true },
  'guard, pipe and interceptor, async': { equipment: 'all', isAsync: true },
};

/** @type {Record<string, () => Promise<{ cpuNs: number, wallNs: number }>>} */
export const rows = Object.fromEntries(
  Object.entries(HANDLERS).flatMap(([name, { equipment, isAsync }]) => [
    [`our chain, ${name}`, async () => measureCalls(await callerOfLibrary(await openApplication(equipment, { isAsync })))],
    [`Nest caller, ${name}`, async () => measureCalls(callerOfNest(await openApplication(equipment, { isAsync })))],
  ]),
);

/** @param {(payload: unknown, context: object) => unknown} call */
async function measureCalls(call) {
  await callMany(call, WARM_UP_CALLS);
  const { cpuNs, wallNs } = await costOf(() => callMany(call, CALLS));
  return { cpuNs: cpuNs / CALLS, wallNs: wallNs / CALLS };
}

// As the kernel calls: what is no promise is not awaited.
/**
 * @param {(payload: unknown, context: object) => unknown} call
 * @param {number} calls
 */
async function callMany(call, calls) {
  const payload = { to: 'somebody@example.com' };
  const context = { id: 'job' };
  for (let index = 0; index < calls; index++) {
    const result = call(payload, context);
    if (result instanceof Promise) await result;
  }
}
