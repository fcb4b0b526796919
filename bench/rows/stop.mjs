// What a stop costs: of a kernel that has nothing to do, and with jobs that wait.
import { fileURLToPath } from 'node:url';
import { createKernel } from 'nestjs-roadrunner/kernel';
import { burstOf, MEMORY, openKernel, QUEUE } from '../support/kernel.mjs';
import { PAYLOAD } from '../support/drain.mjs';
import { costOf, median } from '../support/measure.mjs';

const WAITING_JOBS = 100_000;
const WARM_UP_BURSTS = 50;
const KERNELS = 5;
const OWN_WORKER = fileURLToPath(new URL('../support/own-worker.mjs', import.meta.url));

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
  'idle close, kernel with 2 workers': closeWithWorkers,
  '100 k jobs, not stopped': () => measureWork(({ countdown }) => countdown.done),
  '100 k jobs, stopped at once': () => measureWork(({ kernel }) => kernel.drain()),
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

// A kernel stops once, so there are several.
/** @param {(opened: Awaited<ReturnType<typeof openWarm>>) => Promise<unknown>} end */
async function measureWork(end) {
  const costs = [];
  for (let index = 0; index < KERNELS; index++) {
    const opened = await openWarm();
    await opened.subject.fill(WAITING_JOBS);
    costs.push(await costOf(() => end(opened)));
    const { completed } = await opened.kernel.admin.counters();
    const left = WAITING_JOBS + WARM_UP_BURSTS * 1_000 - completed;
    // At the end of the last handler the jobs of this turn may not be settled yet.
    if (left > 64) throw new Error(`${left} jobs were left undone.`);
    await opened.kernel.close();
  }
  return { workCpuNs: median(costs.map(({ cpuNs }) => cpuNs)) / WAITING_JOBS, workWallNs: median(costs.map(({ wallNs }) => wallNs)) / WAITING_JOBS };
}

async function closeWithWorkers() {
  const pool = { numWorkers: 2, command: [process.execPath, OWN_WORKER] };
  const kernel = await createKernel({ pipelines: { [QUEUE]: MEMORY }, pool });
  await kernel.start();
  const { wallNs } = await costOf(() => kernel.close());
  return { wallMs: wallNs / 1_000_000 };
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
