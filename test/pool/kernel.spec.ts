import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { KernelOptions } from '../../lib/config/kernel-options.js';
import type { FailedJob } from '../../lib/contract/kernel-admin.js';
import { openKernel, closeKernels, type OpenedKernel } from '../support/kernel.js';
import { closePools, openPool, type OpenedPool, type PoolOptions } from './support.js';

afterEach(async () => {
  await closeKernels();
  await closePools();
});

/** No wait between two runs. */
const AT_ONCE = { backoff: { type: 'fixed', delay: 0, jitter: 'none' } } as const;

async function open(options: KernelOptions = {}, pool: PoolOptions = {}): Promise<OpenedKernel & { workers: OpenedPool }> {
  const workers = await openPool(pool);
  const kernel = await openKernel({ retry: AT_ONCE, ...options }, { executor: workers.pool, clock: systemClock });
  return { ...kernel, workers };
}

/** Resolves with the event of the job. */
function event(kernel: OpenedKernel['kernel'], name: 'completed' | 'failed' | 'retrying', job: string): Promise<unknown> {
  return new Promise((resolve) => {
    const end = kernel.events.on(name, (one) => {
      if (one.name !== job) return;
      end();
      resolve(one);
    });
  });
}

/** The event comes before the record is safe. */
async function failedJobs(kernel: OpenedKernel['kernel']): Promise<readonly FailedJob[]> {
  for (;;) {
    const { jobs } = await kernel.admin.failed.list();
    if (jobs.length > 0) return jobs;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('A kernel with a pool of workers', () => {
  it('runs jobs in them', async () => {
    const { kernel, jobs } = await open();
    const completed = event(kernel, 'completed', 'ack');
    await jobs.connect('q').push('ack', 'payload');
    await completed;
    expect(await kernel.admin.counters()).toMatchObject({ started: 1, completed: 1 });
  });

  it('quarantines a job that kills its worker three times, and runs the others', async () => {
    const { kernel, jobs } = await open({ retry: { ...AT_ONCE, attempts: 10 } });
    const failed = event(kernel, 'failed', 'exit-3');
    await jobs.connect('q').push('exit-3', '');
    await failed;
    const completed = event(kernel, 'completed', 'ack');
    await jobs.connect('q').push('ack', '');
    await completed;
    const [record] = await failedJobs(kernel);
    expect(record).toMatchObject({ name: 'exit-3', reason: 'crashed', attempts: 3, error: { code: 'WORKER_EXIT' } });
    expect(record.history).toHaveLength(3);
  });

  it('keeps a job in the failed store whose worker answers with an error', async () => {
    const { kernel, jobs } = await open();
    const failed = event(kernel, 'failed', 'say');
    await jobs.connect('q').push('say', new TextEncoder().encode('{"type":1,"data":{"message":"no such address"}}'));
    await failed;
    expect(await failedJobs(kernel)).toMatchObject([{ reason: 'rejected', attempts: 1, error: { message: 'no such address' } }]);
  });

  it('runs a job again whose worker answers nonsense, as often as its attempts say', async () => {
    const { kernel, jobs } = await open({ retry: { ...AT_ONCE, attempts: 2 } });
    const failed = event(kernel, 'failed', 'empty-answer');
    await jobs.connect('q').push('empty-answer', '');
    await failed;
    expect(await failedJobs(kernel)).toMatchObject([{ reason: 'attempts', attempts: 2, error: { code: 'WORKER_PROTOCOL' } }]);
  });

  it('fails a run at its time-out and kills the worker that does not answer', async () => {
    const { kernel, jobs, workers } = await open({ pipelines: { q: { driver: 'memory', timeout: '100ms', attempts: 1 } } });
    const [before] = await workers.pids();
    const failed = event(kernel, 'failed', 'loop');
    await jobs.connect('q').push('loop', '');
    await failed;
    expect(await failedJobs(kernel)).toMatchObject([{ reason: 'attempts', error: { code: 'JOB_TIMEOUT' } }]);
    await workers.ready();
    expect(await workers.pids()).not.toContain(before);
  });

  it('starts no more jobs than workers are free; the order of the queue holds', async () => {
    const { kernel, jobs, workers } = await open({ consume: [] }, { settings: { numWorkers: 2 } });
    const order: string[] = [];
    kernel.events.on('active', ({ id }) => order.push(id));
    const pushed = [];
    for (let index = 0; index < 6; index++) pushed.push((await jobs.connect('q').push('ack-later', '5')).id);
    const drained = new Promise((resolve) => kernel.events.on('drained', resolve));
    await kernel.resume('q');
    let most = 0;
    kernel.events.on('active', () => void workers.pool.workers().then((all) => (most = Math.max(most, ...all.map(({ inFlight }) => inFlight)))));
    await drained;
    expect(order).toEqual(pushed);
    expect(most).toBeLessThanOrEqual(1);
  });

  it('counts no run for jobs that a stop of the pool gives back', async () => {
    const { kernel, jobs, workers } = await open();
    const active = new Promise((resolve) => kernel.events.on('active', resolve));
    await jobs.connect('q').push('silence', '');
    await active;
    const draining = kernel.drain({ timeoutMs: 50, graceMs: 50 });
    await draining;
    await workers.pool.stop(deadlineAfter(systemClock, 100));
    expect(await kernel.admin.counters()).toMatchObject({ failedRuns: 0, failed: 0, retried: 0 });
  });
});
