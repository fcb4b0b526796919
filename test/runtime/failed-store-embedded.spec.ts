import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelOptions } from '../../lib/config/kernel-options.js';
import { systemClock } from '../../lib/contract/clock.js';
import type { JobsEventMap, JobsEventName } from '../../lib/contract/jobs-events.js';
import type { FailedJob } from '../../lib/contract/kernel-admin.js';
import { EmbeddedStore } from '../../lib/store/embedded.store.js';
import { MemoryStore } from '../../lib/store/memory.store.js';
import type { CreateKernelParts } from '../../lib/runtime/create-kernel.js';
import { closeKernels, openKernel, type OpenedKernel } from '../support/kernel.js';
import { createTempFolder } from '../support/temp-folder.js';

afterEach(closeKernels);

const embedded = { driver: 'embedded' };
const memory = { driver: 'memory' };
const retry = { backoff: { type: 'fixed', delay: 0, jitter: 'none' } } as const;

function open(dataDir: string, options: KernelOptions = {}, parts: CreateKernelParts = {}): Promise<OpenedKernel> {
  return openKernel({ dataDir, pipelines: { q: embedded }, retry, ...options }, { clock: systemClock, ...parts });
}

/** The next event of this name. */
function next<E extends JobsEventName>({ kernel }: OpenedKernel, name: E): Promise<JobsEventMap[E]> {
  return new Promise((resolve) => {
    const end = kernel.events.on(name, (event) => {
      end();
      resolve(event);
    });
  });
}

function failing(opened: OpenedKernel, message = 'it broke'): void {
  opened.on('job', ({ attempt }) => {
    throw new RangeError(`${message} in run ${attempt}`);
  });
}

async function failedIn(opened: OpenedKernel): Promise<readonly FailedJob[]> {
  return (await opened.kernel.admin.failed.list()).jobs;
}

/** What the store holds when no kernel has it open. */
async function countIn(dataDir: string, prefix: string): Promise<number> {
  const store = await EmbeddedStore.open({ dataDir, clock: systemClock });
  const count = await store.count(prefix);
  await store.close();
  return count;
}

describe('The failed store', () => {
  it.each<[string, boolean, KernelOptions]>([
    ['is a file when a consumed pipeline is durable', true, { pipelines: { m: memory, q: embedded } }],
    ['is in memory when none is', false, { pipelines: { q: memory } }],
    ['is in memory when the durable one is only pushed to', false, { pipelines: { m: memory, q: embedded }, consume: ['m'] }],
    ['is in memory when the configuration says so', false, { failed: { store: 'memory' } }],
    ['is a file when the configuration says so', true, { pipelines: { q: memory }, failed: { store: 'embedded' } }],
  ])('%s', async (_what, isFile, options) => {
    const dataDir = createTempFolder();
    await open(dataDir, options);
    expect(existsSync(join(dataDir, 'state.db'))).toBe(isFile);
  });

  it('is the store that was given, whatever the pipelines are', async () => {
    const dataDir = createTempFolder();
    const store = new MemoryStore(systemClock);
    const opened = await open(dataDir, { retry: { attempts: 1 } }, { store });
    failing(opened);
    const ended = next(opened, 'drained');
    const { id } = await opened.jobs.connect('q').push('job', '');
    await ended;
    await opened.kernel.drain();
    expect([await store.count('failed/job/'), (await opened.kernel.admin.failed.get(id))?.id]).toEqual([1, id]);
    expect(existsSync(join(dataDir, 'state.db'))).toBe(false);
  });

  it('keeps a failed job over a restart, with payload, headers, error and every run', async () => {
    const dataDir = createTempFolder();
    const first = await open(dataDir);
    failing(first);
    const ended = next(first, 'failed');
    const task = await first.jobs.connect('q').push('job', new Uint8Array([0, 255]), { headers: { 'x-a': ['1', '2'] }, priority: 3 });
    await ended;
    await first.kernel.close();
    const second = await open(dataDir);
    const [record] = await failedIn(second);
    expect(record).toMatchObject({ id: task.id, name: 'job', pipeline: 'q', priority: 3, reason: 'attempts', attempts: 3 });
    expect(record!.error).toMatchObject({ type: 'RangeError', message: 'it broke in run 3' });
    expect([...(record!.payload as Uint8Array), ...record!.headers['x-a']!]).toEqual([0, 255, '1', '2']);
    expect(record!.history.map(({ attempt, error }) => [attempt, error.message])).toEqual([
      [1, 'it broke in run 1'],
      [2, 'it broke in run 2'],
      [3, 'it broke in run 3'],
    ]);
  });

  it('replays after a restart, and the job is gone from it', async () => {
    const dataDir = createTempFolder();
    const first = await open(dataDir);
    failing(first);
    const ended = next(first, 'failed');
    const { id } = await first.jobs.connect('q').push('job', 'payload');
    await ended;
    await first.kernel.close();
    const second = await open(dataDir);
    const runs: unknown[] = [];
    second.on('job', (context) => void runs.push([context.text(), context.attempt, context.replayOf]));
    const completed = next(second, 'completed');
    expect(await second.kernel.admin.failed.replay({})).toEqual({ replayed: 1, errors: [] });
    await completed;
    expect(runs).toEqual([['payload', 1, id]]);
    await second.kernel.close();
    expect(await failedIn(await open(dataDir))).toEqual([]);
  });

  it('is shared by two kernels of one folder', async () => {
    const dataDir = createTempFolder();
    const one = await open(dataDir, { retry: { attempts: 1 } });
    const two = await open(dataDir, { pipelines: { other: memory }, failed: { store: 'embedded' } });
    failing(one);
    const ended = next(one, 'failed');
    const { id } = await one.jobs.connect('q').push('job', '');
    await ended;
    await one.kernel.close();
    expect((await failedIn(two)).map((job) => job.id)).toEqual([id]);
  });
});

describe('The failed runs of a job', () => {
  it('of an earlier process are in its record', async () => {
    const dataDir = createTempFolder();
    const slowly = { retry: { backoff: { type: 'fixed', delay: 0.5, jitter: 'none' } } } as const;
    const first = await open(dataDir, slowly);
    failing(first, 'the first process broke');
    const ended = next(first, 'retrying');
    const { id } = await first.jobs.connect('q').push('job', '');
    await ended;
    await first.kernel.close();
    const second = await open(dataDir, slowly);
    const failed = next(second, 'failed');
    failing(second, 'the second process broke');
    await failed;
    await second.kernel.drain();
    expect((await second.kernel.admin.failed.get(id))!.history.map(({ error }) => error.message)).toEqual([
      'the first process broke in run 1',
      'the second process broke in run 2',
      'the second process broke in run 3',
    ]);
  });

  it.each<[string, KernelOptions]>([
    ['are forgotten when it succeeds', { retry: { ...retry, attempts: 3 } }],
    ['are forgotten when its record is there', { retry: { ...retry, attempts: 2 } }],
    ['are forgotten when it is dropped', { retry: { ...retry, attempts: 2, onFailure: 'drop' } }],
  ])('%s', async (_what, options) => {
    const dataDir = createTempFolder();
    const opened = await open(dataDir, options);
    opened.on('job', ({ attempt }) => {
      if (attempt < 3) throw new RangeError('it broke');
    });
    const ended = Promise.race([next(opened, 'completed'), next(opened, 'failed')]);
    const retried = next(opened, 'retrying');
    await opened.jobs.connect('q').push('job', '');
    await Promise.all([retried, ended]);
    await opened.kernel.close();
    expect(await countIn(dataDir, 'attempts/')).toBe(0);
  });
});
