// What is measured beside each other on one broker: the library, raw clients, the transports of Nest.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PAYLOAD } from '../support/drain.mjs';
import { openKernel, QUEUE } from '../support/kernel.mjs';

/**
 * @typedef {object} Subject
 * @property {Arrivals} arrivals
 * @property {(jobs: number) => Promise<unknown>} push - Resolves when the broker has confirmed all of them.
 * @property {() => unknown} resume - Jobs are handled and acknowledged from here on.
 * @property {() => unknown} pause - And from here on they wait in the broker. Subjects without it always handle.
 * @property {number} [share] - Of the jobs of others: a slow subject would take the time of all.
 * @property {() => Promise<unknown>} close
 */

export const BODY = Buffer.from(PAYLOAD);
export const PREFETCH = 200;

const always = () => {};
/** For subjects that cannot be paused: their jobs are handled while they are pushed. */
export const ALWAYS = { resume: always, pause: always };

/** Counts what was handled. */
export class Arrivals {
  #left = 0;
  #finish = always;
  /** Of every job. */
  onEach = always;
  /** Kept so that no engine drops the reading of the payload. */
  sum = 0;
  done = Promise.resolve();

  /** @param {number} jobs */
  start(jobs) {
    this.#left = jobs;
    this.done = new Promise((resolve) => (this.#finish = () => resolve(undefined)));
  }

  /** @param {number} size */
  handled(size) {
    this.sum += size;
    this.onEach();
    if (--this.#left === 0) this.#finish();
  }
}

/**
 * As many at once as are wanted, each confirmed; then the next.
 *
 * @param {number} jobs
 * @param {number} atOnce
 * @param {() => Promise<unknown>} pushOne
 */
export async function inLots(jobs, atOnce, pushOne) {
  for (let pushed = 0; pushed < jobs; pushed += atOnce) await Promise.all(Array.from({ length: atOnce }, pushOne));
}

/**
 * The library with one pipeline.
 *
 * @param {import('nestjs-roadrunner/kernel').PipelineOptions} pipeline
 * @param {import('nestjs-roadrunner/kernel').KernelOptions} options
 * @param {number} atOnce
 * @param {'single pushes' | 'batches'} [way]
 * @returns {Promise<Subject>}
 */
export async function openLibrary(pipeline, options, atOnce, way = 'single pushes') {
  const arrivals = new Arrivals();
  const handlerOf =
    () =>
    async (/** @type {{ payload: string | Uint8Array }} */ { payload }) =>
      arrivals.handled(payload.length);
  const { kernel, queue } = await openKernel(handlerOf, { ...options, pipelines: { [QUEUE]: pipeline }, failed: { store: 'memory' } });
  const batch = () => queue.dispatchMany(Array.from({ length: atOnce }, () => queue.create('echo', PAYLOAD)));
  return {
    arrivals,
    push:
      way === 'batches'
        ? (jobs) => inLots(jobs / atOnce, 1, batch)
        : (jobs) => inLots(jobs, Math.min(jobs, atOnce), () => queue.push('echo', PAYLOAD)),
    resume: () => kernel.resume(QUEUE),
    pause: () => kernel.pause(QUEUE),
    close: () => kernel.close(),
  };
}

/** A folder in which the peers are installed that are no dependencies of the project. */
export const PEERS = process.env['NRR_BENCH_PEERS'];

/**
 * @param {string} name - Of a package in that folder.
 * @returns {Promise<any>} Its module, as `import` gives it or, for CommonJS, its exports.
 */
export async function importPeer(name) {
  const resolveFrom = createRequire(join(/** @type {string} */ (PEERS), 'package.json'));
  const module = await import(pathToFileURL(resolveFrom.resolve(name)).href);
  return module.default ?? module;
}
