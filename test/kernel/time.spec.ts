import { jest } from '@jest/globals';
import { systemClock } from '../../lib/contract/clock.js';
import { DONE_OUTCOME, type Executor } from '../../lib/contract/executor.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { LEASE_MS, openDurable } from '../support/durable-driver.js';
import { closeKernels, deferred, openKernel, settled } from '../support/kernel.js';

afterEach(closeKernels);

const DAY = 86_400_000;

describe('A delayed job', () => {
  it('of 30 days runs then, not before', async () => {
    const { jobs, clock, on } = await openKernel();
    const at: number[] = [];
    on('job', () => void at.push(clock.monotonic()));
    const start = clock.monotonic();
    await jobs.connect('q').push('job', '', { delay: '30d' });
    await clock.advance(30 * DAY - 1);
    expect(at).toEqual([]);
    await clock.advance(1);
    expect(at).toEqual([start + 30 * DAY]);
  });

  it('is not moved by a step of the wall clock', async () => {
    const { jobs, clock, on } = await openKernel();
    let runs = 0;
    on('job', () => void runs++);
    await jobs.connect('q').push('job', '', { delay: 60 });
    clock.jump(3_600_000);
    await clock.advance(59_999);
    expect(runs).toBe(0);
    clock.jump(-7_200_000);
    await clock.advance(1);
    expect(runs).toBe(1);
  });

  it('until a moment runs at that moment', async () => {
    const { jobs, clock, on } = await openKernel();
    let ranAt = 0;
    on('job', () => void (ranAt = clock.now()));
    const now = jest.spyOn(Date, 'now').mockReturnValue(clock.now());
    try {
      await jobs.connect('q').push('job', '', { delay: new Date(clock.now() + 90_000) });
    } finally {
      now.mockRestore();
    }
    const due = clock.now() + 90_000;
    await clock.advance(100_000);
    expect(ranAt).toBe(due);
  });

  it('costs no timer: a hundred thousand of them have one', async () => {
    const { kernel, jobs, clock, on } = await openKernel({ pipelines: { q: { driver: 'memory', maxJobs: 200_000 } } });
    let runs = 0;
    on('job', () => void runs++);
    const before = clock.pending;
    const queue = jobs.connect('q');
    for (let index = 0; index < 100_000; index++) void queue.push('job', '', { delay: 1 + (index % 1_000) });
    expect(clock.pending - before).toBe(1);
    expect((await kernel.stat())[0]!.delayed).toBe(100_000);
    await clock.advance(1_000_000);
    while ((await kernel.stat())[0]!.active > 0) await settled();
    expect(runs).toBe(100_000);
    expect((await kernel.stat())[0]).toMatchObject({ delayed: 0, active: 0 });
  });
});

describe('The clock of the machine', () => {
  it('does not fire a timer of 30 days at once', () => {
    jest.useFakeTimers({ now: 0 });
    try {
      let fired = 0;
      const timer = systemClock.setTimer(30 * DAY, () => fired++);
      jest.advanceTimersByTime(29 * DAY);
      expect(fired).toBe(0);
      jest.advanceTimersByTime(DAY);
      expect(fired).toBe(1);
      timer.cancel();
    } finally {
      jest.useRealTimers();
    }
  });

  it('fires no cancelled timer, also after it was armed anew', () => {
    jest.useFakeTimers({ now: 0 });
    try {
      let fired = 0;
      const timer = systemClock.setTimer(30 * DAY, () => fired++);
      jest.advanceTimersByTime(29 * DAY);
      timer.cancel();
      jest.advanceTimersByTime(2 * DAY);
      expect(fired).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('A time-out', () => {
  it('aborts the signal with its reason, and the run counts as failed', async () => {
    const { kernel, jobs, clock, on } = await openKernel({ retry: { attempts: 1 } });
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
      { timeout: 5 },
    );
    await jobs.connect('q').push('job', '');
    await clock.advance(4_999);
    expect(reasons).toEqual([]);
    await clock.advance(1);
    expect(reasons).toMatchObject([{ code: 'JOB_TIMEOUT', timeoutMs: 5_000 }]);
    expect((await kernel.admin.failed.list()).jobs).toMatchObject([{ error: { code: 'JOB_TIMEOUT' } }]);
    expect(await kernel.admin.counters()).toMatchObject({ timedOut: 1, failed: 1, zombies: 0 });
  });

  it('aborts a signal that is read only later', async () => {
    const { jobs, clock, on } = await openKernel();
    const { promise, resolve } = deferred();
    let aborted: boolean | undefined;
    on(
      'job',
      async (context) => {
        await promise;
        aborted = context.signal.aborted;
      },
      { timeout: 1 },
    );
    await jobs.connect('q').push('job', '');
    await clock.advance(1_500);
    resolve();
    await settled();
    expect(aborted).toBe(true);
  });

  it('gives the slot away after the grace, to a handler that does not end, and runs the job again', async () => {
    const { kernel, jobs, clock, on, log } = await openKernel({ numPollers: 1, grace: 2, retry: { backoff: { type: 'fixed', delay: 0 } } });
    const { promise, resolve } = deferred();
    const started: number[] = [];
    on(
      'stuck',
      (context) => {
        started.push(context.attempt);
        return context.attempt === 1 ? promise : undefined;
      },
      { timeout: 5 },
    );
    on('other', () => void started.push(0));
    await jobs.connect('q').push('stuck', '');
    await jobs.connect('q').push('other', '');
    await clock.advance(6_999);
    expect(started).toEqual([1]);
    await clock.advance(1);
    expect(started.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    expect(await kernel.admin.counters()).toMatchObject({ timedOut: 1, zombies: 1, retried: 1, completed: 2 });
    expect(log.lines.some(({ message }) => message.includes('slot is given away'))).toBe(true);
    resolve();
    await settled();
    expect(await kernel.admin.counters()).toMatchObject({ zombies: 0, completed: 2 });
  });

  it('that a handler meets by returning within the grace is a success', async () => {
    const { kernel, jobs, clock, on } = await openKernel();
    on('job', (context) => new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve())), { timeout: 1 });
    await jobs.connect('q').push('job', '');
    await clock.advance(10_000);
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1, failedRuns: 0, timedOut: 1 });
  });

  it('of the job wins over that of the handler, and that over that of the pipeline', async () => {
    const { jobs, clock, on } = await openKernel({ pipelines: { q: { driver: 'memory', timeout: 3 } } });
    const limits: Record<string, number> = {};
    const note = (name: string) => (context: { signal: AbortSignal }) =>
      new Promise<void>((resolve) =>
        context.signal.addEventListener('abort', () => {
          limits[name] = (context.signal.reason as { timeoutMs: number }).timeoutMs;
          resolve();
        }),
      );
    on('by-pipeline', note('pipeline'));
    on('by-handler', note('handler'), { timeout: 5 });
    on('by-job', note('job'), { timeout: 5 });
    await jobs.connect('q').push('by-pipeline', '');
    await jobs.connect('q').push('by-handler', '');
    await jobs.connect('q').push('by-job', '', { timeout: 8 });
    await clock.advance(20_000);
    expect(limits).toEqual({ pipeline: 3_000, handler: 5_000, job: 8_000 });
  });

  it('is off unless it is set', async () => {
    const { kernel, jobs, clock, on } = await openKernel();
    const { promise, resolve } = deferred();
    on('job', () => promise);
    await jobs.connect('q').push('job', '');
    await clock.advance(365 * DAY);
    const [running] = await kernel.admin.running();
    expect(running).toMatchObject({ name: 'job', attempt: 1, ageMs: 365 * DAY });
    expect(running).not.toHaveProperty('timeLeftMs');
    resolve();
  });

  it('costs one timer for many jobs, none after the stop', async () => {
    const { kernel, jobs, clock, on } = await openKernel();
    on('job', () => undefined, { timeout: 60 });
    const before = clock.pending;
    for (let index = 0; index < 100; index++) {
      await jobs.connect('q').push('job', '');
      await settled();
    }
    expect(clock.pending - before).toBe(1);
    await kernel.close();
    expect(clock.pending).toBe(0);
  });
});

describe('A run that ends within the abort of its signal', () => {
  // As a pool may end its runs: in the call that tells of the abort, all of them at once.
  async function openEnding() {
    const ends = new Set<() => void>();
    const executor: Executor = {
      capacity: () => Infinity,
      onCapacity: () => {},
      execute: (_delivery, control) => ({
        // oxlint-disable-next-line unicorn/no-thenable -- an executor may answer with less than a promise
        then: (onFulfilled) => {
          ends.add(() => onFulfilled(DONE_OUTCOME));
          control.onAbort!(() => {
            for (const end of ends) end();
            ends.clear();
          });
        },
      }),
    };
    const opened = await openKernel({ pipelines: { q: { driver: 'memory', timeout: 5 } } }, { executor });
    const first = await opened.jobs.connect('q').push('job', '');
    await opened.jobs.connect('q').push('job', '');
    await settled();
    return { ...opened, first };
  }

  it('is over: nobody gives its slot away', async () => {
    const { kernel, clock, log, first } = await openEnding();
    await kernel.admin.cancel(first.id);
    await clock.advance('1m');
    expect(await kernel.admin.counters()).toMatchObject({ completed: 2, zombies: 0, timedOut: 0 });
    expect(log.lines).toEqual([]);
  });

  it('does not time out', async () => {
    const { kernel, clock } = await openEnding();
    await clock.advance('1m');
    expect(await kernel.admin.counters()).toMatchObject({ completed: 2, timedOut: 1 });
  });
});

describe('A job with expiresIn', () => {
  it('that starts in time runs', async () => {
    const { kernel, jobs, on } = await openKernel({}, { clock: new VirtualClock({ start: Date.now() }) });
    on('job', () => undefined);
    await jobs.connect('q').push('job', '', { expiresIn: 60 });
    await settled();
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1, expired: 0 });
  });

  it('that waits too long is not run and kept in the failed store', async () => {
    const clock = new VirtualClock({ start: Date.now() });
    const { kernel, jobs, log, on } = await openKernel({ consume: [] }, { clock });
    let runs = 0;
    on('job', () => void runs++);
    await jobs.connect('q').push('job', '', { expiresIn: 60 });
    await clock.advance(61_000);
    await kernel.resume('q');
    await settled();
    expect(runs).toBe(0);
    expect((await kernel.admin.failed.list()).jobs).toMatchObject([{ reason: 'expired', error: { code: 'JOB_EXPIRED' } }]);
    expect(await kernel.admin.counters()).toMatchObject({ expired: 1 });
    expect(log.lines).toMatchObject([
      { level: 'error', message: expect.stringMatching(/^Job "job" was not run: .* expired 1000 ms before it could start/) },
    ]);
  });
});

describe('A job that is lent for a time', () => {
  it('is extended at a third of it for as long as it runs, whatever becomes of the time before', async () => {
    const extended: number[] = [];
    const { kernel, jobs, clock, on, log } = await openDurable(
      {},
      {
        extend: () => {
          extended.push(clock.monotonic());
          if (extended.length === 1) throw new Error('it broke');
          return extended.length === 2 ? Promise.reject(new Error('connection lost')) : undefined;
        },
      },
    );
    const { promise, resolve } = deferred();
    on('job', () => promise);
    await jobs.connect('q').push('job', '');
    await settled();
    const start = clock.monotonic();
    await clock.advance(LEASE_MS);
    resolve();
    await settled();
    await clock.advance(LEASE_MS);
    expect(extended.map((at) => at - start)).toEqual([LEASE_MS / 3, (2 * LEASE_MS) / 3, LEASE_MS]);
    expect(log.lines.map(({ level, fields }) => [level, (fields['error'] as Error).message])).toEqual([
      ['warn', 'it broke'],
      ['warn', 'connection lost'],
    ]);
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1 });
  });
});
