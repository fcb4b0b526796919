// The drain: all jobs are put in while nothing works, then all are worked; one clock over both.
import { costOf } from './measure.mjs';

export const DRAIN_JOBS = 200_000;
/** V8 needs about 50,000 jobs to settle. They come in small drains, so that the depth is new to every subject alike. */
const WARM_UP_DRAINS = 50;
const WARM_UP_DEPTH = 1_000;

/**
 * @typedef {object} DrainSubject
 * @property {(jobs: number) => unknown} fill - Puts jobs in; none of them starts.
 * @property {() => Promise<unknown>} work - Lets them start; resolves when the last of them has been handled.
 */

/**
 * Nanoseconds per job, after a warm-up.
 *
 * @param {DrainSubject} subject
 * @param {number} [jobs]
 * @param {number} [warmUpDrains]
 */
export async function measureDrain(subject, jobs = DRAIN_JOBS, warmUpDrains = WARM_UP_DRAINS) {
  for (let drain = 0; drain < warmUpDrains; drain++) {
    await subject.fill(WARM_UP_DEPTH);
    await subject.work();
  }
  const fill = await costOf(() => subject.fill(jobs));
  const work = await costOf(() => subject.work());
  return {
    cpuNs: (fill.cpuNs + work.cpuNs) / jobs,
    wallNs: (fill.wallNs + work.wallNs) / jobs,
    fillCpuNs: fill.cpuNs / jobs,
    workCpuNs: work.cpuNs / jobs,
    workWallNs: work.wallNs / jobs,
  };
}

/** Counts handled jobs down; `done` resolves at the last. */
export class Countdown {
  #left = 0;
  #finish = () => {};
  /** Kept so that no engine drops the reading of the payload. */
  sum = 0;
  /** @type {Promise<void>} */
  done = Promise.resolve();

  /** @param {number} jobs */
  start(jobs) {
    this.#left = jobs;
    this.done = new Promise((resolve) => (this.#finish = resolve));
  }

  /** @param {number} size - Of the payload: every handler reads it. */
  handled(size) {
    this.sum += size;
    if (--this.#left === 0) this.#finish();
  }
}

/** About 100 bytes of JSON, the same text for all jobs. */
export const PAYLOAD = JSON.stringify({ to: 'somebody@example.com', subject: 'Welcome', body: 'x'.repeat(42) });

export const LARGE_BYTES = 1_048_576;
export const LARGE_JOBS = 2_000;

/** A few payloads of 1 MiB, used in turn. */
export function largeBuffers() {
  return Array.from({ length: 16 }, (_, index) => new Uint8Array(LARGE_BYTES).fill(index + 1));
}

/**
 * What a handler does with a large payload: it reads the ends.
 *
 * @param {Uint8Array} payload
 */
export function touch(payload) {
  return (payload[0] ?? 0) + (payload[payload.length - 1] ?? 0);
}
