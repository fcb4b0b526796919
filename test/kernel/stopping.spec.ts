import { MemoryStore } from '../../lib/store/memory.store.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { memoryDriver } from '../support/changed-driver.js';
import { openDurable } from '../support/durable-driver.js';
import { closeKernels, deferred, openKernel, settled } from '../support/kernel.js';

afterEach(closeKernels);

describe('drain', () => {
  it('of an idle kernel ends at once', async () => {
    const { kernel } = await openKernel();
    const startedAt = performance.now();
    await kernel.drain();
    await kernel.close();
    expect(performance.now() - startedAt).toBeLessThan(2_000); // a busy machine takes its time
  });

  it('waits for running jobs, whose acknowledgement still counts', async () => {
    const { kernel, jobs, on } = await openKernel();
    const { promise, resolve } = deferred();
    on('job', () => promise);
    await jobs.connect('q').push('job', '');
    await settled();
    let isDrained = false;
    const draining = kernel.drain().then(() => (isDrained = true));
    await settled();
    expect(isDrained).toBe(false);
    resolve();
    await draining;
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1 });
  });

  it('runs the ready jobs of a memory pipeline, as nobody else could', async () => {
    const { kernel, jobs, on } = await openKernel({ numPollers: 1, pipelines: { q: { driver: 'memory', prefetch: 2 } } });
    let runs = 0;
    on('job', async () => {
      await settled();
      runs++;
    });
    for (let index = 0; index < 20; index++) await jobs.connect('q').push('job', '');
    await kernel.drain();
    expect(runs).toBe(20);
  });

  it('counts what is left in memory as lost, delayed jobs too', async () => {
    const { kernel, jobs, clock, on, log } = await openKernel({ numPollers: 1 });
    on('job', (context) => new Promise((resolve) => context.signal.addEventListener('abort', resolve)));
    for (let index = 0; index < 3; index++) await jobs.connect('q').push('job', '');
    await jobs.connect('q').push('job', '', { delay: '1h' });
    await settled();
    const closing = kernel.close();
    await clock.advance(30_000);
    await closing;
    expect(log.lines.filter(({ message }) => message.includes('lost'))).toMatchObject([{ level: 'warn', fields: { pipeline: 'q', lost: 3 } }]);
  });

  it('lets a handler push while it ends', async () => {
    const { kernel, jobs, on } = await openKernel();
    const { promise, resolve } = deferred();
    const done: string[] = [];
    on('first', async () => {
      await promise;
      await jobs.connect('q').push('second', '');
      done.push('first');
    });
    on('second', () => void done.push('second'));
    await jobs.connect('q').push('first', '');
    await settled();
    const draining = kernel.drain();
    resolve();
    await draining;
    expect(done.toSorted()).toEqual(['first', 'second']);
  });

  it('refuses pushes into memory once nothing runs any more', async () => {
    const { kernel, jobs } = await openKernel();
    await kernel.drain();
    await expect(jobs.connect('q').push('job', '')).rejects.toMatchObject({ code: 'KERNEL_STOPPING', pipeline: 'q' });
    await kernel.close();
    await expect(jobs.connect('q').push('job', '')).rejects.toMatchObject({ code: 'KERNEL_STOPPING' });
    await expect(kernel.pause('q')).rejects.toMatchObject({ code: 'KERNEL_STOPPING' });
    await expect(jobs.connect('q').dispatchMany(jobs.connect('q').create('job', ''))).rejects.toMatchObject({
      code: 'PUSH_BATCH',
      outcomes: [{ error: { code: 'KERNEL_STOPPING' } }],
    });
  });

  it('aborts at the deadline, and a job that then fails has spent no attempt', async () => {
    const { kernel, jobs, clock, driver, on } = await openDurable();
    const reasons: unknown[] = [];
    on(
      'job',
      (context) =>
        new Promise((_, reject) =>
          context.signal.addEventListener('abort', () => {
            reasons.push(context.signal.reason);
            reject(context.signal.reason as Error);
          }),
        ),
    );
    await jobs.connect('q').push('job', '');
    await settled();
    const draining = kernel.drain();
    await clock.advance(24_999);
    expect(reasons).toEqual([]);
    await clock.advance(1);
    await draining;
    expect(reasons).toMatchObject([{ code: 'KERNEL_STOPPING' }]);
    expect(driver.log).toEqual(['lend job', 'nack job requeue']);
    expect(await kernel.admin.counters()).toMatchObject({ failedRuns: 0, retried: 0 });
  });

  it('returns a job whose handler does not end after the abort', async () => {
    const { kernel, jobs, clock, driver, on } = await openDurable();
    on('job', () => new Promise(() => {}));
    await jobs.connect('q').push('job', '');
    await settled();
    const draining = kernel.drain();
    await clock.advance(25_999);
    expect(driver.log).toEqual(['lend job']);
    await clock.advance(1);
    await draining;
    expect(driver.log).toEqual(['lend job', 'release job']);
  });

  it('gives the unstarted jobs of a durable pipeline back at once', async () => {
    const { kernel, jobs, clock, driver, on } = await openDurable({ numPollers: 1 });
    on('job', () => new Promise(() => {}));
    for (const name of ['job', 'job', 'job']) await jobs.connect('q').push(name, '');
    await settled();
    const draining = kernel.drain();
    await settled();
    expect(driver.log).toEqual(['lend job', 'lend job', 'lend job', 'release job', 'release job']);
    await clock.advance(60_000);
    await draining;
  });

  it('lets a durable pipeline take pushes until it is closed', async () => {
    const { kernel, jobs, driver } = await openDurable();
    await kernel.drain();
    await jobs.connect('q').push('job', '');
    expect(driver.log).toEqual([]);
    expect((await kernel.stat())[0]!.reserved).toBe(1);
    await kernel.close();
    await expect(jobs.connect('q').push('job', '')).rejects.toMatchObject({ code: 'KERNEL_STOPPING' });
  });

  it('awaits the settlements that drivers still have to confirm', async () => {
    const confirmed = deferred();
    const { kernel, jobs, driver, on } = await openDurable({}, { ack: () => confirmed.promise });
    on('job', () => undefined);
    await jobs.connect('q').push('job', '');
    await settled();
    let isDrained = false;
    const draining = kernel.drain().then(() => (isDrained = true));
    await settled();
    expect([driver.log, isDrained]).toEqual([['lend job', 'ack job'], false]);
    confirmed.resolve();
    await draining;
  });

  it('does not wait for a broker that gives no counts', async () => {
    const { kernel, driver } = await openDurable({}, { stat: () => new Promise(() => {}) });
    await kernel.close();
    expect(driver.log).toEqual([]);
  });

  it('reports a settlement that the driver rejects, and goes on', async () => {
    const { kernel, jobs, on, log } = await openDurable({}, { ack: () => Promise.reject(new Error('connection lost')) });
    const errors: unknown[] = [];
    kernel.events.on('error', (event) => errors.push(event));
    on('job', () => undefined);
    const task = await jobs.connect('q').push('job', '');
    await settled();
    expect(errors).toMatchObject([{ error: { message: 'connection lost' }, queue: 'q', jobId: task.id }]);
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('and close end although a driver never takes a settlement, and say so', async () => {
    const { kernel, jobs, clock, on, log } = await openDurable({}, { ack: () => new Promise(() => {}) });
    on('job', () => undefined);
    await jobs.connect('q').push('job', '');
    await settled();
    const closing = kernel.close();
    await clock.advance('1m');
    await closing;
    expect(log.lines).toMatchObject([
      { level: 'error', message: expect.stringContaining('no driver took in time: 1.') as string, fields: { jobs: 1 } },
    ]);
    expect(clock.pending).toBe(0);
  });

  it.each(['pause', 'stat', 'stop'])(
    'and close go on where the %s of a driver fails: the others are stopped, and the store is closed',
    async (method) => {
      const stopped: string[] = [];
      const clock = new VirtualClock();
      const store = new MemoryStore(clock);
      const bad = memoryDriver({ stop: async () => void stopped.push('bad'), [method]: () => Promise.reject(new Error('broken')) });
      const good = memoryDriver({ stop: async () => void stopped.push('good') });
      const { kernel, log } = await openKernel(
        { pipelines: { first: { driver: 'bad' }, second: { driver: 'good' } } },
        { clock, store, drivers: { bad: () => Promise.resolve(bad), good: () => Promise.resolve(good) } },
      );
      await kernel.close();
      expect(stopped.toSorted()).toEqual(method === 'stop' ? ['good'] : ['bad', 'good']);
      await expect(store.get('key')).rejects.toMatchObject({ code: 'STATE_STORE_CLOSED' });
      expect(log.lines).toMatchObject([{ level: 'error', message: 'Pipeline "first" did not stop in order: broken' }]);
    },
  );

  it('refuses to resume a pipeline', async () => {
    const { kernel, jobs, on } = await openDurable();
    const { promise, resolve } = deferred();
    let runs = 0;
    on('job', () => {
      runs++;
      return promise;
    });
    await jobs.connect('q').push('job', '');
    await settled();
    await kernel.pause('q');
    await jobs.connect('q').push('job', '');
    const draining = kernel.drain();
    await expect(kernel.resume('q')).rejects.toMatchObject({ code: 'KERNEL_STOPPING' });
    resolve();
    await draining;
    expect(runs).toBe(1);
  });

  it('leaves no pipeline open whose declaration was under way', async () => {
    const opening = deferred();
    const calls: string[] = [];
    const slow = memoryDriver({ open: () => opening.promise, stop: async () => void calls.push('stop') });
    const { kernel } = await openKernel({}, { drivers: { slow: () => Promise.resolve(slow) } });
    const declaring = kernel.declare({ name: 'late', driver: 'slow' });
    await settled();
    await kernel.close();
    opening.resolve();
    await expect(declaring).rejects.toMatchObject({ code: 'KERNEL_STOPPING', pipeline: 'late' });
    expect([calls, await kernel.list()]).toEqual([['stop'], []]);
  });

  it('and close may be called again, and at once', async () => {
    const { kernel } = await openKernel();
    await Promise.all([kernel.drain(), kernel.drain(), kernel.close(), kernel.close()]);
    await kernel.close();
    expect(await kernel.list()).toEqual([]);
  });

  it('of a kernel that never started ends', async () => {
    const { kernel } = await openKernel({ consume: [] });
    await kernel.close();
    expect(kernel.isRunning).toBe(false);
  });

  it('leaves no timer behind', async () => {
    const { kernel, jobs, clock, on } = await openKernel();
    on('job', () => undefined, { timeout: 10 });
    await jobs.connect('q').push('job', '', { delay: '1h' });
    await jobs.connect('q').push('job', '');
    await settled();
    await kernel.close();
    expect(clock.pending).toBe(0);
  });
});
