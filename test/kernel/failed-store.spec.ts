import type { StateTransaction } from '../../lib/contract/state-store.js';
import { MemoryStore } from '../../lib/store/memory.store.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { aJob } from '../support/jobs.js';
import { closeKernels, openKernel, settled, type OpenedKernel } from '../support/kernel.js';
import { createTempFolder } from '../support/temp-folder.js';

afterEach(closeKernels);

async function openWithFailed(names: readonly string[], options: object = {}): Promise<OpenedKernel> {
  const opened = await openKernel({ retry: { attempts: 1 }, ...options });
  opened.on('*', (context) => {
    throw context.name.startsWith('type') ? new TypeError('wrong type') : new Error('it broke');
  });
  for (const name of names) {
    await opened.jobs.connect('q').push(name, `payload of ${name}`, { headers: { 'x-name': name } });
    await settled();
    await opened.clock.advance(1_000);
  }
  return opened;
}

const namesOf = async ({ kernel }: OpenedKernel): Promise<string[]> => (await kernel.admin.failed.list()).jobs.map(({ name }) => name);

describe('The failed store', () => {
  it('keeps payload, headers, error, stack and every failed run', async () => {
    const opened = await openKernel({ retry: { backoff: { type: 'fixed', delay: 1, jitter: 'none' } } });
    let runs = 0;
    opened.on('job', () => {
      throw new Error(`failure ${++runs}`);
    });
    const start = opened.clock.now();
    const task = await opened.jobs.connect('q').push('job', new Uint8Array([0, 255]), { headers: { 'x-a': ['1', '2'] }, priority: 3 });
    await opened.clock.advance(60_000);
    const record = (await opened.kernel.admin.failed.get(task.id))!;
    expect(record).toMatchObject({ id: task.id, name: 'job', pipeline: 'q', priority: 3, reason: 'attempts', attempts: 3, failedAt: start + 2_000 });
    expect(record.error).toMatchObject({ type: 'Error', message: 'failure 3' });
    expect(record.error.stack).toContain('failed-store.spec');
    expect([...(record.payload as Uint8Array)]).toEqual([0, 255]);
    expect([...(record.headers['x-a'] ?? [])]).toEqual(['1', '2']);
    expect(record.history.map(({ attempt, at, error }) => [attempt, at - start, error.message])).toEqual([
      [1, 0, 'failure 1'],
      [2, 1_000, 'failure 2'],
      [3, 2_000, 'failure 3'],
    ]);
  });

  it('lists the newest first, page by page', async () => {
    const { kernel } = await openWithFailed(['a', 'b', 'c', 'd', 'e']);
    const first = await kernel.admin.failed.list({ limit: 2 });
    const second = await kernel.admin.failed.list({ limit: 2, after: first.next! });
    const third = await kernel.admin.failed.list({ limit: 2, after: second.next! });
    expect([first, second, third].map(({ jobs }) => jobs.map(({ name }) => name))).toEqual([['e', 'd'], ['c', 'b'], ['a']]);
    expect(third.next).toBeUndefined();
  });

  it('finds by name, pipeline, reason, class of error and time', async () => {
    const { kernel, clock } = await openWithFailed(['a', 'type-1', 'b', 'type-2']);
    const { failed } = kernel.admin;
    const names = async (query: object): Promise<string[]> => (await failed.list(query)).jobs.map(({ name }) => name);
    const end = clock.now();
    expect(await names({ name: 'a' })).toEqual(['a']);
    expect(await names({ pipeline: 'other' })).toEqual([]);
    expect(await names({ reason: 'attempts' })).toHaveLength(4);
    expect(await names({ errorType: 'TypeError' })).toEqual(['type-2', 'type-1']);
    expect(await names({ since: end - 2_500 })).toEqual(['type-2', 'b']);
    expect(await names({ until: end - 2_500 })).toEqual(['type-1', 'a']);
    expect(await failed.count({ errorType: 'TypeError' })).toBe(2);
    expect(await failed.count()).toBe(4);
  });

  it('is bounded by count: the oldest go', async () => {
    expect(await namesOf(await openWithFailed(['a', 'b', 'c', 'd'], { failed: { count: 2 } }))).toEqual(['d', 'c']);
  });

  it('is bounded by age', async () => {
    const opened = await openWithFailed(['old', 'young'], { failed: { age: '10s' } });
    await opened.clock.advance(8_500);
    expect(await namesOf(opened)).toEqual(['young']);
  });

  it.each([
    ['longer than a key of the store', 'x'.repeat(600)],
    ['with half of a surrogate pair', 'half \ud800'],
  ])('keeps a job whose id is %s, with all its runs', async (_what, id) => {
    for (const store of ['memory', 'embedded'] as const) {
      const { kernel, clock, on } = await openKernel({ retry: { attempts: 2 }, failed: { store }, dataDir: createTempFolder() });
      let runs = 0;
      on('job', () => {
        runs++;
        throw new Error('it broke');
      });
      const failed = new Promise((resolve) => kernel.events.on('failed', resolve));
      await kernel.push(aJob({ pipeline: 'q', id }));
      await clock.advance('1m');
      await failed;
      let kept = await kernel.admin.failed.get(id);
      for (; kept === undefined; kept = await kernel.admin.failed.get(id)) {
        expect(runs).toBe(2);
        await clock.advance('1m');
      }
      expect(kept).toMatchObject({ id, history: [{ attempt: 1 }, { attempt: 2 }] });
      expect(await kernel.admin.failed.remove(id)).toBe(1);
      expect(await kernel.admin.failed.get(id)).toBeUndefined();
    }
  });

  it('removes by id and by filter', async () => {
    const opened = await openWithFailed(['a', 'type-1', 'type-2']);
    const { failed } = opened.kernel.admin;
    const [a] = (await failed.list({ name: 'a' })).jobs;
    expect(await failed.remove(a!.id)).toBe(1);
    expect(await failed.remove('nobody')).toBe(0);
    expect(await failed.remove({ errorType: 'TypeError' })).toBe(2);
    expect(await failed.count()).toBe(0);
  });
});

describe('A replay', () => {
  async function openReplaying(names: readonly string[], options: object = {}) {
    const opened = await openWithFailed(names, { pipelines: { q: { driver: 'memory' }, other: { driver: 'memory' } }, ...options });
    const runs: { name: string; pipeline: string; attempt: number; replayOf: string | undefined; at: number }[] = [];
    for (const name of names) {
      opened.on(name, (context) => {
        const { pipeline, attempt, replayOf } = context;
        runs.push({ name, pipeline, attempt, replayOf, at: opened.clock.monotonic() });
      });
    }
    return { ...opened, runs };
  }

  it('of one runs it anew under a new id that names the old one, and takes it out', async () => {
    const { kernel, runs } = await openReplaying(['a', 'b']);
    const [record] = (await kernel.admin.failed.list({ name: 'a' })).jobs;
    expect(await kernel.admin.failed.replay(record!.id)).toEqual({ replayed: 1, errors: [] });
    await settled();
    expect(runs).toMatchObject([{ name: 'a', pipeline: 'q', attempt: 1, replayOf: record!.id }]);
    expect(await kernel.admin.failed.count()).toBe(1);
  });

  it('of several takes them by id', async () => {
    const { kernel, runs } = await openReplaying(['a', 'b', 'c']);
    const ids = (await kernel.admin.failed.list()).jobs.filter(({ name }) => name !== 'b').map(({ id }) => id);
    expect((await kernel.admin.failed.replay(ids)).replayed).toBe(2);
    await settled();
    expect(runs.map(({ name }) => name).toSorted()).toEqual(['a', 'c']);
  });

  it('of one id that is named twice takes it once', async () => {
    const { kernel, runs } = await openReplaying(['a', 'b']);
    const { id } = (await kernel.admin.failed.list()).jobs[0]!;
    expect(await kernel.admin.failed.replay([id, id])).toEqual({ replayed: 1, errors: [] });
    await settled();
    expect(runs).toHaveLength(1);
  });

  it('by filter begins with the oldest', async () => {
    const { kernel, runs } = await openReplaying(['type-1', 'a', 'type-2']);
    await kernel.admin.failed.replay({ errorType: 'TypeError' });
    await settled();
    expect(runs.map(({ name }) => name)).toEqual(['type-1', 'type-2']);
  });

  it('of many takes them in batches: one transaction of the store for hundreds of records', async () => {
    let transactions = 0;
    class CountingStore extends MemoryStore {
      override transaction<T>(work: (transaction: StateTransaction) => Promise<T>): Promise<T> {
        transactions++;
        return super.transaction(work);
      }
    }
    const clock = new VirtualClock();
    const { kernel, jobs, on } = await openKernel({ retry: { attempts: 1 }, failed: { count: 2_000 } }, { clock, store: new CountingStore(clock) });
    let runs = 0;
    on('job', () => {
      if (++runs <= 1_000) throw new Error('it broke');
    });
    await jobs.connect('q').push('job', '');
    await Promise.all(Array.from({ length: 999 }, () => jobs.connect('q').push('job', '')));
    while ((await kernel.admin.failed.count()) < 1_000) await settled();
    transactions = 0;
    expect(await kernel.admin.failed.replay({})).toEqual({ replayed: 1_000, errors: [] });
    expect(transactions).toBe(4);
    expect(await kernel.admin.failed.count()).toBe(0);
    expect(runs).toBe(2_000);
  });

  it('with a rate spreads the jobs over time', async () => {
    const { kernel, clock, runs } = await openReplaying(['a', 'b', 'c']);
    const start = clock.monotonic();
    const replaying = kernel.admin.failed.replay({}, { rate: 2 });
    await clock.advance(3_000);
    expect((await replaying).replayed).toBe(3);
    expect(runs.map(({ at }) => at - start)).toEqual([0, 500, 1_000]);
  });

  it('with a rate ends with its kernel, without waiting for its next job', async () => {
    const { kernel, clock } = await openReplaying(['a', 'b', 'c']);
    const replaying = kernel.admin.failed.replay({}, { rate: 0.001 });
    await settled();
    await kernel.close();
    expect(await replaying).toEqual({ replayed: 1, errors: [] });
    expect(clock.pending).toBe(0);
  });

  it('to another queue runs there', async () => {
    const { kernel, runs } = await openReplaying(['a']);
    await kernel.admin.failed.replay({}, { to: 'other' });
    await settled();
    expect(runs).toMatchObject([{ pipeline: 'other' }]);
  });

  it('that cannot be pushed leaves the job where it is and says why', async () => {
    const { kernel } = await openReplaying(['a']);
    const result = await kernel.admin.failed.replay({}, { to: 'nowhere' });
    expect(result).toMatchObject({ replayed: 0, errors: [{ error: { code: 'PIPELINE_NOT_FOUND' } }] });
    expect(await kernel.admin.failed.count()).toBe(1);
  });

  it('that fails again is kept again and names the first id', async () => {
    const opened = await openWithFailed(['a']);
    const first = (await opened.kernel.admin.failed.list()).jobs[0]!;
    for (let round = 0; round < 2; round++) {
      await opened.kernel.admin.failed.replay({});
      await settled();
    }
    const { jobs } = await opened.kernel.admin.failed.list();
    expect(jobs).toHaveLength(1);
    expect(jobs[0]!.id).not.toBe(first.id);
    expect([...(jobs[0]!.headers['nrr-replay-of'] ?? [])]).toEqual([first.id]);
  });

  it('refuses a rate that is none', async () => {
    const { kernel } = await openWithFailed([]);
    await expect(kernel.admin.failed.replay({}, { rate: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
