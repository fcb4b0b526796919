// What plain JavaScript can do at most: a loop without a queue, and the prototype kernel.
import { Prototype } from '../limits/prototype.mjs';
import { Countdown, LARGE_JOBS, largeBuffers, measureDrain, PAYLOAD, touch } from '../support/drain.mjs';

/** @typedef {import('../limits/prototype.mjs').Job} Job */

export const rows = {
  'raw loop': () => measureDrain(rawLoop()),
  'prototype, async handler': () => measureDrain(prototype((countdown) => async (job) => countdown.handled(job.payload.length))),
  'prototype, sync handler': () => measureDrain(prototype((countdown) => (job) => countdown.handled(job.payload.length))),
  'prototype, one copy of 1 MiB': () => measureDrain(prototype(copying, largeBuffers()), LARGE_JOBS, 1),
};

/** @returns {import('../support/drain.mjs').DrainSubject} */
function rawLoop() {
  /** @type {{ name: string, payload: string }[]} */
  let jobs = [];
  let sum = 0;
  const handle = async (/** @type {{ payload: string }} */ job) => {
    sum += job.payload.length;
  };
  return {
    fill: (count) => {
      jobs = [];
      for (let index = 0; index < count; index++) jobs.push({ name: 'echo', payload: PAYLOAD });
    },
    work: async () => {
      for (const job of jobs) await handle(job);
      if (sum === 0) throw new Error('The raw loop handled nothing.');
    },
  };
}

/**
 * @param {(countdown: Countdown) => (job: Job) => unknown} handlerOf
 * @param {readonly Job['payload'][]} [payloads] - Used in turn.
 * @returns {import('../support/drain.mjs').DrainSubject}
 */
function prototype(handlerOf, payloads = [PAYLOAD]) {
  const countdown = new Countdown();
  const kernel = new Prototype(handlerOf(countdown));
  return {
    fill: (jobs) => {
      kernel.pause();
      countdown.start(jobs);
      for (let index = 0; index < jobs; index++) kernel.push('echo', payloads[index % payloads.length] ?? PAYLOAD);
    },
    work: () => {
      kernel.resume();
      return countdown.done;
    },
  };
}

/** @param {Countdown} countdown */
function copying(countdown) {
  return async (/** @type {Job} */ { payload }) => countdown.handled(typeof payload === 'string' ? 0 : touch(payload.slice()));
}
