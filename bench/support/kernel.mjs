// The library without Nest, opened as a user would: a kernel with memory pipelines and one handler for all jobs.
import { Jobs } from 'nestjs-roadrunner/client';
import { createKernel, HandlerExecutor, JobsEventHub } from 'nestjs-roadrunner/kernel';
import { Countdown, PAYLOAD } from './drain.mjs';

export const QUEUE = 'bench';
/** More than any row pushes, so that no limit is met: what is measured is the way of a job. */
const UNLIMITED = 4_000_000;
export const MEMORY = { driver: 'memory', maxJobs: UNLIMITED, prefetch: UNLIMITED };

/** @typedef {(countdown: Countdown) => import('nestjs-roadrunner/kernel').HandlerFunction} HandlerMaker */

/**
 * A kernel whose pipelines are paused by configuration.
 *
 * @param {HandlerMaker} handlerOf
 * @param {import('nestjs-roadrunner/kernel').KernelOptions} [options]
 */
export async function openKernel(handlerOf, options = {}) {
  const countdown = new Countdown();
  const events = new JobsEventHub();
  const executor = new HandlerExecutor().add(undefined, handlerOf(countdown));
  const kernel = await createKernel({ pipelines: { [QUEUE]: MEMORY }, pipelineSize: UNLIMITED, consume: [], ...options }, { executor, events });
  await kernel.start();
  const jobs = new Jobs(kernel);
  return { kernel, events, countdown, jobs, queue: jobs.queue(QUEUE) };
}

/**
 * Drains of a paused pipeline: it is filled by `queue.push`, then resumed.
 *
 * @param {HandlerMaker} handlerOf
 * @param {import('nestjs-roadrunner/kernel').KernelOptions} [options]
 * @returns {Promise<import('./drain.mjs').DrainSubject>}
 */
export async function openDrain(handlerOf, options) {
  const opened = await openKernel(handlerOf, options);
  return drainOf(opened, () => void opened.queue.push('echo', PAYLOAD));
}

/**
 * @param {{ kernel: Pick<import('nestjs-roadrunner/client').JobsApi, 'pause' | 'resume'>, countdown: Countdown }} opened
 * @param {() => unknown} push
 * @returns {import('./drain.mjs').DrainSubject}
 */
export function drainOf({ kernel, countdown }, push) {
  let isRunning = false;
  return {
    fill: async (jobs) => {
      if (isRunning) await kernel.pause(QUEUE);
      countdown.start(jobs);
      for (let index = 0; index < jobs; index++) push();
    },
    work: async () => {
      isRunning = true;
      await kernel.resume(QUEUE);
      await countdown.done;
    },
  };
}

/**
 * A burst into a running pipeline: no job starts before the loop of pushes gives way.
 *
 * @param {{ countdown: Countdown }} opened
 * @param {() => unknown} push
 * @returns {import('./drain.mjs').DrainSubject}
 */
export function burstOf({ countdown }, push) {
  return {
    fill: (jobs) => {
      countdown.start(jobs);
      for (let index = 0; index < jobs; index++) push();
    },
    work: () => countdown.done,
  };
}
