// Heap per queued job beyond its payload, which all jobs share.
import fastq from 'fastq';
import PQueue from 'p-queue';
import { Prototype } from '../limits/prototype.mjs';
import { PAYLOAD } from '../support/drain.mjs';
import { openKernel, QUEUE } from '../support/kernel.mjs';
import { heapUsed } from '../support/measure.mjs';

const HUNDRED_THOUSAND = 100_000;
const MILLION = 1_000_000;

export const rows = {
  'queued in a paused pipeline, 100 k': async () => measureBytes(HUNDRED_THOUSAND, await paused()),
  'queued in a paused pipeline, 1 M': async () => measureBytes(MILLION, await paused()),
  'queued behind busy handlers, 100 k': async () => measureBytes(HUNDRED_THOUSAND, await busy()),
  'queued behind busy handlers, 1 M': async () => measureBytes(MILLION, await busy()),
  'queued in the prototype, 100 k': () => measureBytes(HUNDRED_THOUSAND, prototype()),
  'queued in fastq, promise API, 100 k': () => measureBytes(HUNDRED_THOUSAND, fastqPromise()),
  'queued in p-queue 9, 100 k': () => measureBytes(HUNDRED_THOUSAND, pQueue()),
};

/**
 * @param {number} jobs
 * @param {() => unknown} push
 */
async function measureBytes(jobs, push) {
  for (let index = 0; index < 1_000; index++) push();
  await turn();
  const before = heapUsed();
  for (let index = 0; index < jobs; index++) push();
  await turn();
  return { bytes: (heapUsed() - before) / jobs };
}

/** What a push has left to do is done then. */
function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** @param {unknown} _job */
const never = (_job) => new Promise(() => {});

async function paused() {
  const { queue } = await openKernel(() => never);
  return () => void queue.push('echo', PAYLOAD);
}

async function busy() {
  const { kernel, queue } = await openKernel(() => never, { numPollers: 64 });
  await kernel.resume(QUEUE);
  return () => void queue.push('echo', PAYLOAD);
}

function prototype() {
  const kernel = new Prototype(never);
  return () => kernel.push('echo', PAYLOAD);
}

function fastqPromise() {
  const queue = fastq.promise(never, 64);
  return () => void queue.push({ name: 'echo', payload: PAYLOAD });
}

function pQueue() {
  const queue = new PQueue({ concurrency: 64 });
  return () => {
    const job = { name: 'echo', payload: PAYLOAD };
    void queue.add(() => never(job));
  };
}
