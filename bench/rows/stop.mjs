// What a stop costs: of a kernel that has nothing to do, and with jobs that wait.
import { burstOf, openKernel, QUEUE } from '../support/kernel.mjs';
import { PAYLOAD } from '../support/drain.mjs';
import { costOf } from '../support/measure.mjs';

const WAITING_JOBS = 100_000;
const WARM_UP_BURSTS = 50;

export const rows = {
  'idle close, kernel': async () => {
    const { kernel, queue, countdown } = await openWarm();
    countdown.start(1);
    await queue.push('echo', PAYLOAD);
    await countdown.done;
    const { wallNs } = await costOf(() => kernel.close());
    return { wallMs: wallNs / 1_000_000 };
  },
  'idle close, Nest application': closeApplication,
  '100 k jobs, not stopped': async () => {
    const opened = await openWarm();
    return measureWork(opened, () => opened.countdown.done);
  },
  '100 k jobs, stopped at once': async () => {
    const opened = await openWarm();
    const numbers = await measureWork(opened, () => opened.kernel.drain());
    const { completed } = await opened.kernel.admin.counters();
    const pushed = WAITING_JOBS + WARM_UP_BURSTS * 1_000;
    if (completed !== pushed) throw new Error(`The stop left ${pushed - completed} jobs undone.`);
    return numbers;
  },
};

async function openWarm() {
  const opened = await openKernel((countdown) => async () => countdown.handled(1));
  await opened.kernel.resume(QUEUE);
  const subject = burstOf(opened, () => void opened.queue.push('echo', PAYLOAD));
  for (let burst = 0; burst < WARM_UP_BURSTS; burst++) {
    await subject.fill(1_000);
    await subject.work();
  }
  return { ...opened, subject };
}

/**
 * @param {Awaited<ReturnType<typeof openWarm>>} opened
 * @param {() => Promise<unknown>} end
 */
async function measureWork({ subject }, end) {
  await subject.fill(WAITING_JOBS);
  const { cpuNs, wallNs } = await costOf(end);
  return { workCpuNs: cpuNs / WAITING_JOBS, workWallNs: wallNs / WAITING_JOBS };
}

async function closeApplication() {
  await import('reflect-metadata');
  const { Module } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  const { JobsModule } = await import('nestjs-roadrunner');
  class App {}
  Module({ imports: [JobsModule.forRoot({ pipelines: { emails: { driver: 'memory' } } })] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const { wallNs } = await costOf(() => app.close());
  return { wallMs: wallNs / 1_000_000 };
}
