// What one job costs in a queue of a thousand and of a million.
import { NO_HEADERS, JobRecord } from 'nestjs-roadrunner/kernel';
import { PriorityQueue } from '../../dist/kernel/priority-queue.js';
import { measureDrain, PAYLOAD } from '../support/drain.mjs';
import { openDrain } from '../support/kernel.mjs';
import { collectGarbage, costOf, median } from '../support/measure.mjs';

const THOUSAND = 1_000;
const MILLION = 1_000_000;
const PRIORITIES = 10;

export const rows = {
  'priority queue, 1 k deep': () => measureQueue(THOUSAND),
  'priority queue, 1 M deep': () => measureQueue(MILLION),
  'kernel, 1 k deep': () => measureKernel(THOUSAND),
  'kernel, 1 M deep': () => measureKernel(MILLION),
};

// Pops: a full queue is emptied, over and over. Steady: a pop and a push in turn, so that the depth stays.
/** @param {number} depth */
async function measureQueue(depth) {
  const queue = new PriorityQueue();
  const jobs = Array.from(
    { length: depth },
    (_, index) => new JobRecord('echo', 'bench', PAYLOAD, NO_HEADERS, 1 + (index % PRIORITIES), 0, false, undefined),
  );
  const fill = () => {
    for (const job of jobs) queue.add(job, job.priority, undefined);
  };
  const empty = () => {
    for (let index = 0; index < depth; index++) queue.take();
  };
  const exchange = () => {
    for (let index = 0; index < MILLION; index++) {
      const taken = queue.take();
      if (taken !== undefined) queue.add(taken, taken.job.priority, undefined);
    }
  };
  const pops = [];
  const steady = [];
  for (let pass = 0; pass < 6; pass++) {
    let popNs = 0;
    for (let popped = 0; popped < MILLION; popped += depth) {
      fill();
      popNs += (await costOf(empty)).wallNs / MILLION;
    }
    fill();
    collectGarbage();
    const { cpuNs } = await costOf(exchange);
    empty();
    // The first pass is for the compiler.
    if (pass > 0) {
      pops.push(popNs);
      steady.push(cpuNs / MILLION);
    }
  }
  return { popNs: median(pops), steadyCpuNs: median(steady) };
}

/** @param {number} depth */
async function measureKernel(depth) {
  const subject = await openDrain((countdown) => async (context) => countdown.handled(context.text().length));
  if (depth === MILLION) return measureDrain(subject, depth);
  const costs = [];
  await measureDrain(subject, depth);
  for (let handled = 0; handled < MILLION; handled += depth) costs.push(await measureDrain(subject, depth, 0));
  return { workCpuNs: costs.reduce((sum, { workCpuNs }) => sum + workCpuNs, 0) / costs.length };
}
