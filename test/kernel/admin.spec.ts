import type { Kernel } from '../../lib/kernel/kernel.js';
import { closeKernels, deferred, openKernel, settled } from '../support/kernel.js';
import { createTempFolder } from '../support/temp-folder.js';

afterEach(closeKernels);

type DriverName = 'memory' | 'embedded';

/** One handler runs, two jobs wait in the queue, two in the driver, one is delayed. */
async function openBusy(driver: DriverName) {
  const dataDir = createTempFolder();
  const opened = await openKernel({ dataDir, numPollers: 1, pipelines: { q: { driver, prefetch: 3 }, other: { driver } } });
  const { promise, resolve } = deferred();
  const ran: string[] = [];
  opened.on('*', async (context) => {
    ran.push(context.name);
    context.progress(ran.length);
    await Promise.race([promise, new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason as Error)))]);
  });
  const ids: Record<string, string> = {};
  for (const name of ['running', 'queued-1', 'queued-2', 'held-1', 'held-2']) {
    ids[name] = (await opened.jobs.connect('q').push(name, name)).id;
    await settled();
  }
  ids['delayed'] = (await opened.jobs.connect('q').push('delayed', 'delayed', { delay: 3_600 })).id;
  return { ...opened, ids, ran, release: resolve };
}

/** The disk takes its time, which is not that of the kernel's clock. */
async function until(isMet: () => Promise<boolean>): Promise<void> {
  while (!(await isMet())) await settled();
}

function untilEmpty(kernel: Kernel): Promise<void> {
  return until(async () => (await kernel.stat()).every(({ active, reserved, delayed }) => active + reserved + delayed === 0));
}

describe.each(['memory', 'embedded'] as const)('KernelAdmin with the driver %s', (driver) => {
  it('lists what runs, with age, attempt and progress', async () => {
    const { kernel, clock, ids } = await openBusy(driver);
    await clock.advance(5_000);
    expect(await kernel.admin.running()).toEqual([{ id: ids['running'], name: 'running', pipeline: 'q', attempt: 1, ageMs: 5_000, progress: 1 }]);
  });

  it('browses running, waiting and delayed jobs in their order', async () => {
    const { kernel, clock } = await openBusy(driver);
    const { jobs } = await kernel.admin.browse('q');
    expect(jobs.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'running running',
      'queued-1 waiting',
      'queued-2 waiting',
      'held-1 waiting',
      'held-2 waiting',
      'delayed delayed',
    ]);
    expect(jobs.at(-1)!.dueAt).toBe(clock.now() + 3_600_000);
    expect(jobs[1]).toMatchObject({ priority: 10, payload: 'queued-1', pipeline: 'q' });
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('browses the same jobs in pages of %i', async (limit) => {
    const { kernel } = await openBusy(driver);
    const names: string[] = [];
    let after: string | undefined;
    do {
      const page = await kernel.admin.browse('q', { limit, ...(after === undefined ? {} : { after }) });
      expect(page.jobs.length).toBeLessThanOrEqual(limit);
      names.push(...page.jobs.map(({ name }) => name));
      after = page.next;
    } while (after !== undefined);
    expect(names).toEqual(['running', 'queued-1', 'queued-2', 'held-1', 'held-2', 'delayed']);
  });

  it.each(['-1', 'x', '1.5', '', 'driver:x'])('refuses to browse after %p', async (after) => {
    const { kernel } = await openKernel({ pipelines: { q: { driver: 'memory' } } });
    await expect(kernel.admin.browse('q', { after })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each([0, -1, 1.5, Number.NaN, 1_001])('refuses to browse %s jobs', async (limit) => {
    const { kernel } = await openKernel();
    await expect(kernel.admin.browse('q', { limit })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `limit is ${limit}. Give a whole number from 1 to 1000.`,
    });
  });

  it('browses by state, name and id', async () => {
    const { kernel, ids } = await openBusy(driver);
    const names = async (query: object): Promise<string[]> => (await kernel.admin.browse('q', query)).jobs.map(({ name }) => name);
    expect(await names({ state: 'running' })).toEqual(['running']);
    expect(await names({ state: 'waiting' })).toEqual(['queued-1', 'queued-2', 'held-1', 'held-2']);
    expect(await names({ state: 'delayed' })).toEqual(['delayed']);
    expect(await names({ name: 'held-2' })).toEqual(['held-2']);
    expect(await names({ id: ids['queued-2'] })).toEqual(['queued-2']);
    await expect(kernel.admin.browse('nowhere')).rejects.toMatchObject({ code: 'PIPELINE_NOT_FOUND' });
  });

  it('removes waiting and delayed jobs, wherever they wait, and no running one', async () => {
    const { kernel, ids, ran, release } = await openBusy(driver);
    for (const name of ['queued-1', 'held-1', 'delayed']) expect(await kernel.admin.remove('q', ids[name]!)).toBe(true);
    expect(await kernel.admin.remove('q', ids['running']!)).toBe(false);
    expect(await kernel.admin.remove('q', 'nobody')).toBe(false);
    release();
    await untilEmpty(kernel);
    expect(ran).toEqual(['running', 'queued-2', 'held-2']);
  });

  it('promotes a delayed job', async () => {
    const { kernel, ids, ran, release } = await openBusy(driver);
    expect(await kernel.admin.promote('q', ids['delayed']!)).toBe(true);
    expect(await kernel.admin.promote('q', ids['queued-1']!)).toBe(false);
    release();
    await untilEmpty(kernel);
    expect(ran.at(-1)).toBe('delayed');
  });

  it('purges what matches, and never what runs', async () => {
    const { kernel, ran, release } = await openBusy(driver);
    expect(await kernel.admin.purge('q', { name: 'queued-2' })).toBe(1);
    expect(await kernel.admin.purge('q', { state: 'delayed' })).toBe(1);
    expect(await kernel.admin.purge('q')).toBe(3);
    release();
    await untilEmpty(kernel);
    expect(ran).toEqual(['running']);
  });

  it('cancels a running job by its signal: it is final', async () => {
    const { kernel, ids, clock } = await openBusy(driver);
    const events: unknown[] = [];
    kernel.events.on('cancelled', (event) => events.push(event));
    expect(await kernel.admin.cancel(ids['running']!, 'the user is gone')).toBe(true);
    await clock.advance(10_000);
    await until(async () => (await kernel.admin.failed.count()) > 0);
    expect((await kernel.admin.failed.list()).jobs).toMatchObject([
      { id: ids['running'], reason: 'rejected', error: { code: 'JOB_CANCELLED', message: 'the user is gone' } },
    ]);
    expect(events).toMatchObject([{ id: ids['running'], reason: 'the user is gone' }]);
  });

  it('cancels a waiting job by taking it out', async () => {
    const { kernel, ids, ran, release } = await openBusy(driver);
    expect(await kernel.admin.cancel(ids['queued-1']!)).toBe(true);
    expect(await kernel.admin.cancel(ids['delayed']!)).toBe(true);
    expect(await kernel.admin.cancel('nobody')).toBe(false);
    release();
    await untilEmpty(kernel);
    expect(ran).toEqual(['running', 'queued-2', 'held-1', 'held-2']);
  });
});

describe('KernelAdmin', () => {
  it('has no workers where handlers run in the process', async () => {
    const { kernel } = await openKernel();
    expect(await kernel.admin.workers()).toEqual([]);
  });
});

describe('Events', () => {
  it('name the job, also as JSON', async () => {
    const { kernel, jobs, on } = await openKernel();
    const seen: object[] = [];
    for (const name of ['pushed', 'active', 'completed'] as const) kernel.events.on(name, (event) => seen.push(event));
    on('good', () => undefined);
    const { id } = await jobs.connect('q').push('good', '');
    await settled();
    const common = { id, name: 'good', queue: 'q', headers: {} };
    expect(seen).toMatchObject([{ id }, { id }, { id }]);
    expect(JSON.parse(JSON.stringify(seen))).toEqual([
      { ...common, attempt: 0 },
      { ...common, attempt: 1 },
      { ...common, attempt: 1, durationMs: 0 },
    ]);
  });

  it('tell the life of a job', async () => {
    const { kernel, jobs, clock, on } = await openKernel({ retry: { attempts: 2, backoff: { type: 'fixed', delay: 1, jitter: 'none' } } });
    const seen: string[] = [];
    for (const name of ['pushed', 'active', 'progress', 'completed', 'retrying', 'failed', 'drained'] as const) {
      kernel.events.on(name, (event) => seen.push(`${name} ${'attempt' in event ? event.attempt : ''}`.trim()));
    }
    on('good', (context) => context.progress(50));
    on('bad', () => {
      throw new Error('it broke');
    });
    await jobs.connect('q').push('good', '');
    await settled();
    await jobs.connect('q').push('bad', '');
    await clock.advance(2_000);
    expect(seen).toEqual([
      'pushed 0',
      'active 1',
      'progress 1',
      'completed 1',
      'drained',
      'pushed 0',
      'active 1',
      'retrying 1',
      'drained',
      'active 2',
      'failed 2',
      'drained',
    ]);
  });

  it('tell who, where and why', async () => {
    const { kernel, jobs, on } = await openKernel({ retry: { attempts: 1 } });
    const events: unknown[] = [];
    kernel.events.on('failed', (event) => events.push(event));
    on('bad', () => {
      throw new TypeError('it broke');
    });
    const task = await jobs.connect('q').push('bad', '', { headers: { 'x-a': '1' } });
    await settled();
    expect(events).toMatchObject([
      { id: task.id, name: 'bad', queue: 'q', attempt: 1, headers: { 'x-a': ['1'] }, error: { type: 'TypeError' }, target: 'store' },
    ]);
  });

  it('of pause and resume name the queue', async () => {
    const { kernel } = await openKernel();
    const events: unknown[] = [];
    kernel.events.on('paused', (event) => events.push(['paused', event.queue]));
    kernel.events.on('resumed', (event) => events.push(['resumed', event.queue]));
    await kernel.pause('q');
    await kernel.resume('q');
    expect(events).toEqual([
      ['paused', 'q'],
      ['resumed', 'q'],
    ]);
  });

  it('whose listener throws harm neither the job nor other listeners', async () => {
    const { kernel, jobs, on } = await openKernel();
    const seen: string[] = [];
    kernel.events.on('completed', () => {
      throw new Error('bad listener');
    });
    kernel.events.on('completed', () => seen.push('completed'));
    kernel.events.on('error', ({ error }) => seen.push(error.message));
    on('job', () => undefined);
    await jobs.connect('q').push('job', '');
    await settled();
    expect(seen).toEqual(['bad listener', 'completed']);
    expect((await kernel.stat())[0]).toMatchObject({ active: 0 });
  });

  it('end when their listener is taken off, and cost nothing then', async () => {
    const { kernel } = await openKernel();
    const off = kernel.events.on('completed', () => {});
    expect(kernel.events.events.completed).toBeDefined();
    off();
    expect(kernel.events.events.completed).toBeUndefined();
  });
});
