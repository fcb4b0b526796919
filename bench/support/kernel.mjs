// The library without Nest: a kernel with memory pipelines and one handler, made as a user would make it.
import { Jobs } from 'nestjs-roadrunner/client';
import { createKernel, HandlerExecutor, JobsEventHub } from 'nestjs-roadrunner/kernel';
import { Countdown, PAYLOAD } from './drain.mjs';

/** More than any row pushes, so that no limit is met: what is measured is the way of a job. */
export const UNLIMITED = 4_000_000;
export const QUEUE = 'bench';
export const MEMORY = { driver: 'memory', maxJobs: UNLIMITED, prefetch: UNLIMITED };

/**
 * @param {import('nestjs-roadrunner/kernel').HandlerFunction} handle
 * @param {import('nestjs-roadrunner/kernel').KernelOptions} [options]
 */
export async function openKernel(handle, options = {}) {
  const events = new JobsEventHub();
  const executor = new HandlerExecutor().add(undefined, handle);
  const kernel = await createKernel({ pipelines: { [QUEUE]: MEMORY }, pipelineSize: UNLIMITED, consume: [], ...options }, { executor, events });
  await kernel.start();
  return { kernel, events, jobs: new Jobs(kernel), queue: new Jobs(kernel).connect(QUEUE) };
}

/**
 * A drain through `queue.push`: the pipeline is paused, filled, resumed.
 *
 * @param {(countdown: Countdown) => import('nestjs-roadrunner/kernel').HandlerFunction} handlerOf
 * @param {import('nestjs-roadrunner/kernel').KernelOptions} [options]
 */
export async function drainOf(handlerOf, options) {
  const countdown = new Countdown();
  const opened = await openKernel(handlerOf(countdown), options);
  return { ...opened, countdown, subject: subjectOf(opened.kernel, countdown, () => void opened.queue.push('echo', PAYLOAD)) };
}

/**
 * A burst into a running pipeline: nothing starts before the loop of pushes gives way.
 *
 * @param {import('nestjs-roadrunner/kernel').Kernel} kernel
 * @param {Countdown} countdown
 * @param {() => unknown} push
 * @returns {import('./drain.mjs').DrainSubject}
 */
export function burstOf(kernel, countdown, push) {
  return {
    fill: (jobs) => {
      countdown.start(jobs);
      for (let index = 0; index < jobs; index++) push();
    },
    work: () => countdown.done,
    close: () => kernel.close(),
  };
}

/**
 * @param {import('nestjs-roadrunner/kernel').Kernel} kernel
 * @param {Countdown} countdown
 * @param {() => unknown} push
 * @param {readonly string[]} [queues]
 * @returns {import('./drain.mjs').DrainSubject}
 */
export function subjectOf(kernel, countdown, push, queues = [QUEUE]) {
  let isRunning = false;
  return {
    fill: async (jobs) => {
      if (isRunning) await kernel.pause(...queues);
      isRunning = false;
      countdown.start(jobs);
      for (let index = 0; index < jobs; index++) push();
    },
    work: async () => {
      isRunning = true;
      await kernel.resume(...queues);
      await countdown.done;
    },
    close: () => kernel.close(),
  };
}
