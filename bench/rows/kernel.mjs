// A drain through the library without Nest: queue.push → kernel → memory driver → priority queue → handler → ack.
import { LARGE_BYTES, LARGE_JOBS, largeBuffers, measureDrain, PAYLOAD, touch } from '../support/drain.mjs';
import { burstOf, drainOf, MEMORY, openDrain, openKernel, QUEUE } from '../support/kernel.mjs';
import { collectGarbage } from '../support/measure.mjs';

/** @typedef {import('../support/drain.mjs').Countdown} Countdown */

/** @type {import('../support/kernel.mjs').HandlerMaker} */
const plain = (countdown) => async (context) => countdown.handled(context.text().length);
/** @type {import('../support/kernel.mjs').HandlerMaker} */
const sync = (countdown) => (context) => countdown.handled(context.text().length);
/** @type {import('../support/kernel.mjs').HandlerMaker} */
const decoding = (countdown) => async (context) => countdown.handled(/** @type {{ to: string }} */ (context.json()).to.length);

export const rows = {
  'plain handler': async () => measureDrain(await openDrain(plain)),
  'sync handler': async () => measureDrain(await openDrain(sync)),
  'JSON-decoding handler': async () => measureDrain(await openDrain(decoding)),
  'burst, plain handler': () => burst(plain),
  'burst, sync handler': () => burst(sync),
  'plain jobs before': () => afterOthers(usePlainJobs),
  'jobs of all features before': () => afterOthers(useFeatures),
  'a listener of "completed"': withListener,
  'a header on every job': withHeaders,
  'burst, 1000 pipelines': manyPipelines,
  '1 poller': async () => measureDrain(await openDrain(plain, { numPollers: 1 })),
  '8 pollers': async () => measureDrain(await openDrain(plain, { numPollers: 8 })),
  '256 pollers': async () => measureDrain(await openDrain(plain, { numPollers: 256 })),
  '1 MiB payloads': largePayloads,
};

/** @param {import('../support/kernel.mjs').HandlerMaker} handlerOf */
async function burst(handlerOf) {
  const opened = await openKernel(handlerOf);
  await opened.kernel.resume(QUEUE);
  return measureDrain(burstOf(opened, () => void opened.queue.push('echo', PAYLOAD)));
}

async function withHeaders() {
  const opened = await openKernel(plain);
  const queue = opened.queue.withDefaultOptions({ headers: { tenant: 'blue' } });
  return measureDrain(drainOf(opened, () => void queue.push('echo', PAYLOAD)));
}

async function withListener() {
  const opened = await openKernel(plain);
  let completed = 0;
  opened.events.on('completed', () => completed++);
  const numbers = await measureDrain(drainOf(opened, () => void opened.queue.push('echo', PAYLOAD)));
  if (completed === 0) throw new Error('The listener of "completed" heard nothing.');
  return numbers;
}

// Plain jobs in a process that has run others before. The two rows differ in those only; the garbage of neither is left.
/** @param {(queue: import('nestjs-roadrunner/client').Queue, round: number) => unknown} pushFour */
async function afterOthers(pushFour) {
  const rounds = 5_000;
  const limited = { ...MEMORY, concurrency: 4, timeout: 30, attempts: 2, onFailure: 'drop' };
  const other = pushFour === useFeatures ? limited : MEMORY;
  const opened = await openKernel(plain, { pipelines: { [QUEUE]: MEMORY, other } });
  const { kernel, events, jobs, queue, countdown } = opened;
  const end = pushFour === useFeatures ? events.on('completed', () => {}) : () => {};
  await kernel.resume(QUEUE, 'other');
  for (const used of [jobs.queue('other'), queue]) {
    countdown.start(rounds * 4);
    for (let round = 0; round < rounds; round++) pushFour(used, round);
    await countdown.done;
  }
  await kernel.pause(QUEUE);
  end();
  collectGarbage();
  return measureDrain(drainOf(opened, () => void queue.push('echo', PAYLOAD)));
}

/** @param {import('nestjs-roadrunner/client').Queue} queue */
function usePlainJobs(queue) {
  for (let index = 0; index < 4; index++) void queue.push('echo', PAYLOAD);
}

/**
 * @param {import('nestjs-roadrunner/client').Queue} queue
 * @param {number} round
 */
function useFeatures(queue, round) {
  void queue.push('echo', PAYLOAD, { headers: { tenant: 'blue' }, attempts: 3 });
  void queue.push('echo', PAYLOAD, { delay: 0.001, priority: 1 + (round % 5) });
  void queue.push('echo', Buffer.from(PAYLOAD), { autoAck: true });
  void queue.push('echo', PAYLOAD, { id: `job-${round}`, timeout: 10 });
}

// A burst: paused and resumed one by one, a thousand queues would be worked in another order than they were filled, and cost cache misses.
async function manyPipelines() {
  const names = Array.from({ length: 1_000 }, (_, index) => `queue-${index}`);
  const opened = await openKernel(plain, { pipelines: Object.fromEntries(names.map((name) => [name, MEMORY])) });
  await opened.kernel.resume(...names);
  const queues = names.map((name) => opened.jobs.queue(name));
  let next = 0;
  const push = () => void queues[next++ % queues.length]?.push('echo', PAYLOAD);
  return measureDrain(burstOf(opened, push));
}

async function largePayloads() {
  const payloads = largeBuffers();
  // All queued bytes count, although the jobs share them here.
  const opened = await openKernel(touching, { maxBytes: LARGE_JOBS * LARGE_BYTES * 2 });
  let next = 0;
  const push = () => void opened.queue.push('echo', payloads[next++ % payloads.length]);
  return measureDrain(drainOf(opened, push), LARGE_JOBS);
}

/** @type {import('../support/kernel.mjs').HandlerMaker} */
function touching(countdown) {
  return async ({ payload }) => countdown.handled(touch(payload));
}
