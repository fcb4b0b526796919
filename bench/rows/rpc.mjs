// Jobs over RPC on loopback: a client process, and this one as the server.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { listen } from '../limits/rpc.mjs';
import { openKernel, QUEUE } from '../support/kernel.mjs';

const LOAD = fileURLToPath(new URL('../support/rpc-load.mjs', import.meta.url));
const PUSHES = 100_000;
const BATCHED = 400_000;
/** The client sends so many more first. */
const WARM_UP = 20_000;

export const rows = {
  'limit, Push with 32 in flight': () => limit('push', PUSHES),
  'library, Push with 32 in flight': () => library('push', PUSHES, false),
  'limit, PushBatch of 1000': () => limit('batch', BATCHED),
  'library, PushBatch of 1000 to a handler': () => library('batch', BATCHED, true),
};

/**
 * @param {'push' | 'batch'} mode
 * @param {number} jobs
 */
async function limit(mode, jobs) {
  const { port, close } = await listen();
  const numbers = await load('limit', port, mode, jobs);
  close();
  return numbers;
}

/**
 * @param {'push' | 'batch'} mode
 * @param {number} jobs
 * @param {boolean} isConsumed - The last job handled ends the clock, not the last answer.
 */
async function library(mode, jobs, isConsumed) {
  const { kernel, countdown } = await openKernel((all) => (context) => all.handled(context.payload.length), { rpc: { listen: 'tcp://127.0.0.1:0' } });
  if (isConsumed) await kernel.resume(QUEUE);
  countdown.start(jobs + WARM_UP);
  const numbers = await load('library', Number(kernel.rpcAddress?.split(':').at(-1)), mode, jobs, isConsumed ? () => countdown.done : undefined);
  await kernel.close();
  return numbers;
}

/**
 * @param {string} kind
 * @param {number} port
 * @param {string} mode
 * @param {number} jobs
 * @param {() => Promise<unknown>} [handled]
 * @returns {Promise<Record<string, number>>}
 */
async function load(kind, port, mode, jobs, handled) {
  const child = fork(LOAD, [kind, String(port), mode, String(jobs)]);
  const before = process.cpuUsage();
  const cost = /** @type {import('../support/measure.mjs').Cost} */ (await new Promise((resolve) => child.once('message', resolve)));
  const answeredAt = performance.now();
  await handled?.();
  const { user, system } = process.cpuUsage(before);
  const wallNs = cost.wallNs + (performance.now() - answeredAt) * 1_000_000;
  return { wallNs: wallNs / jobs, cpuNs: ((user + system) * 1_000 + cost.cpuNs) / jobs, clientCpuNs: cost.cpuNs / jobs };
}
