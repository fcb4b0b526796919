// In-process queues that people use today, 64 at once, with the same handler.
import fastq from 'fastq';
import PQueue from 'p-queue';
import { Countdown, measureDrain, PAYLOAD } from '../support/drain.mjs';

const CONCURRENCY = 64;

/** @typedef {{ name: string, payload: string }} EchoJob */

const done = () => {};

export const rows = {
  'fastq, promise API': () => measureDrain(fastqPromise()),
  'fastq, callback API': () => measureDrain(fastqCallback(asyncWorker)),
  'fastq, callback API, sync handler': () => measureDrain(fastqCallback(syncWorker)),
  'p-queue 9': () => measureDrain(pQueue()),
};

/** @returns {import('../support/drain.mjs').DrainSubject} */
function fastqPromise() {
  const countdown = new Countdown();
  const queue = fastq.promise(async (/** @type {EchoJob} */ job) => countdown.handled(job.payload.length), CONCURRENCY);
  return {
    fill: (jobs) => {
      queue.pause();
      countdown.start(jobs);
      for (let index = 0; index < jobs; index++) void queue.push({ name: 'echo', payload: PAYLOAD });
    },
    work: () => {
      queue.resume();
      return countdown.done;
    },
  };
}

/**
 * @param {(countdown: Countdown) => import('fastq').worker<unknown, EchoJob, void>} workerOf
 * @returns {import('../support/drain.mjs').DrainSubject}
 */
function fastqCallback(workerOf) {
  const countdown = new Countdown();
  /** @type {import('fastq').queue<EchoJob, void>} */
  const queue = fastq(workerOf(countdown), CONCURRENCY);
  return {
    fill: (jobs) => {
      queue.pause();
      countdown.start(jobs);
      for (let index = 0; index < jobs; index++) queue.push({ name: 'echo', payload: PAYLOAD }, done);
    },
    work: () => {
      queue.resume();
      return countdown.done;
    },
  };
}

/** @param {Countdown} countdown */
function asyncWorker(countdown) {
  const handle = async (/** @type {EchoJob} */ job) => countdown.handled(job.payload.length);
  return (/** @type {EchoJob} */ job, /** @type {import('fastq').done<void>} */ callback) => {
    handle(job).then(() => callback(null), callback);
  };
}

/** @param {Countdown} countdown */
function syncWorker(countdown) {
  return (/** @type {EchoJob} */ job, /** @type {import('fastq').done<void>} */ callback) => {
    countdown.handled(job.payload.length);
    // Called back at once, fastq overflows the stack on a deep queue.
    queueMicrotask(() => callback(null));
  };
}

/** @returns {import('../support/drain.mjs').DrainSubject} */
function pQueue() {
  const countdown = new Countdown();
  const queue = new PQueue({ concurrency: CONCURRENCY });
  return {
    fill: (jobs) => {
      queue.pause();
      countdown.start(jobs);
      for (let index = 0; index < jobs; index++) {
        const job = { name: 'echo', payload: PAYLOAD };
        void queue.add(async () => countdown.handled(job.payload.length));
      }
    },
    work: () => {
      queue.start();
      return countdown.done;
    },
  };
}
