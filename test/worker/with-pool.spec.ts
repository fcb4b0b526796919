import { join } from 'node:path';
import type { KernelOptions } from '../../lib/config/kernel-options.js';
import { systemClock } from '../../lib/contract/clock.js';
import { closePools, openPool, type OpenedPool } from '../pool/support.js';
import { closeKernels, openKernel, type OpenedKernel } from '../support/kernel.js';
import { DIST, SUPPORT } from './support/spawned-worker.js';

afterEach(async () => {
  await closeKernels();
  await closePools();
});

/** A kernel whose jobs run in processes of the built library. */
async function open(options: KernelOptions = {}, hasOwnPipe = true): Promise<OpenedKernel & { workers: OpenedPool }> {
  const preload = ['--import', `${DIST}/worker/preload.js`];
  const command = [process.execPath, ...preload, join(SUPPORT, 'worker-process.mjs'), 'loop', DIST];
  const workers = await openPool({ command, host: { hasOwnPipe } });
  const kernel = await openKernel(options, { executor: workers.pool, clock: systemClock });
  return { ...kernel, workers };
}

function event(
  kernel: OpenedKernel['kernel'],
  name: 'completed' | 'failed',
  count = 1,
): Promise<{ name: string; attempt: number; error?: unknown }[]> {
  const seen: { name: string; attempt: number; error?: unknown }[] = [];
  return new Promise((resolve) => {
    kernel.events.on(name, (one) => {
      seen.push(one);
      if (seen.length === count) resolve(seen);
    });
  });
}

describe.each([
  ['a descriptor of its own', true],
  ['its standard pipes', false],
])('A kernel with workers of this library, over %s', (_, hasOwnPipe) => {
  it('runs many jobs, several of them in flight, whatever handlers print', async () => {
    const { kernel, jobs, workers } = await open({}, hasOwnPipe);
    const completed = event(kernel, 'completed', 201);
    const queue = jobs.connect('q');
    await queue.push('print', '');
    for (let index = 0; index < 200; index++) await queue.push('work', String(index));
    await completed;
    expect((await workers.pool.workers())[0]).toMatchObject({ executions: 201 });
    // However slow the machine is, it opens the window in the end.
    while (workers.pool.capacity() < 2) {
      const more = event(kernel, 'completed', 100);
      for (let index = 0; index < 100; index++) await queue.push('work', String(index));
      await more;
    }
  }, 60_000);

  it("applies the handler's own policy to what it throws, and keeps the error", async () => {
    const { kernel, jobs } = await open({}, hasOwnPipe);
    const failed = event(kernel, 'failed');
    await jobs.connect('q').push('throw', '');
    expect(await failed).toMatchObject([
      { attempt: 2, error: { type: 'RangeError', message: 'boom', stack: expect.stringContaining('RangeError: boom') } },
    ]);
  });

  it('takes a run as final whose backoff throws', async () => {
    const { kernel, jobs } = await open({}, hasOwnPipe);
    const failed = event(kernel, 'failed');
    await jobs.connect('q').push('throw.backoff', '');
    expect(await failed).toMatchObject([{ attempt: 1, error: { type: 'TypeError', message: 'no backoff' } }]);
  });

  it('counts a run as failed that is put off by no time', async () => {
    const { kernel, jobs } = await open({}, hasOwnPipe);
    const failed = event(kernel, 'failed');
    await jobs.connect('q').push('snooze.never', '');
    expect(await failed).toMatchObject([{ attempt: 2, error: { code: 'INVALID_ARGUMENT', message: expect.stringContaining('NaN') } }]);
  });

  it('puts a job back with the headers that its handler gave', async () => {
    const { kernel, jobs } = await open({}, hasOwnPipe);
    const completed = event(kernel, 'completed');
    await jobs.connect('q').push('put.back', '');
    expect(await completed).toMatchObject([{ name: 'put.back', attempt: 1, headers: { seen: ['yes'] } }]);
  });

  it('aborts the signal of a job at its time-out, and the worker lives on', async () => {
    const { kernel, jobs, workers } = await open({ pipelines: { q: { driver: 'memory', timeout: '100ms', attempts: 1 } } }, hasOwnPipe);
    const before = await workers.pids();
    const failed = event(kernel, 'failed');
    await jobs.connect('q').push('until.abort', '');
    expect(await failed).toMatchObject([{ error: { code: 'JOB_TIMEOUT' } }]);
    const completed = event(kernel, 'completed');
    await jobs.connect('q').push('work', '');
    await completed;
    expect(await workers.pids()).toEqual(before);
  });

  it('sends a job that no handler takes to the failed store', async () => {
    const { kernel, jobs } = await open({}, hasOwnPipe);
    const failed = event(kernel, 'failed');
    await jobs.connect('q').push('nobody', '');
    expect(await failed).toMatchObject([{ error: { code: 'UNKNOWN_JOB' } }]);
  });
});
