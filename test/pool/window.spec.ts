import { KernelStoppingError } from '../../lib/contract/errors.js';
import type { Outcome } from '../../lib/contract/executor.js';
import { JobTimeoutError } from '../../lib/contract/job-errors.js';
import { AdaptiveWindow } from '../../lib/pool/adaptive-window.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { closePools, openPool, supervisor, type OpenedPool, type PoolOptions } from './support.js';

afterEach(closePools);

const open = (options: PoolOptions = {}): Promise<OpenedPool> => openPool({ script: 'windowed.mjs', ...options });
const DONE = { kind: 'done' };

/** Lets the window grow to its most. */
async function warmUp({ pool, run }: OpenedPool, most: number): Promise<void> {
  while (pool.capacity() < most) await run('ack').outcome;
}

describe('A worker of this library', () => {
  it('is given one job at first, and more as it answers fast', async () => {
    const opened = await open();
    expect(opened.pool.capacity()).toBe(1);
    await warmUp(opened, 64);
    expect(opened.pool.capacity()).toBe(64);
    expect((await opened.pool.workers())[0]).toMatchObject({ window: 64, inFlight: 0, status: 'ready' });
  });

  it('has as many jobs at once as were agreed, not as it claims', async () => {
    const opened = await open({ args: ['greedy'], host: { maxWindow: 4 } });
    await warmUp(opened, 4);
    let most = 0;
    for (let index = 0; index < 50; index++) {
      await opened.run('ack').outcome;
      most = Math.max(most, opened.pool.capacity());
    }
    expect(most).toBeLessThanOrEqual(4);
  });

  it('may answer in any order', async () => {
    const opened = await open();
    await warmUp(opened, 8);
    const runs = ['a', 'b', 'c'].map((body) => opened.run('hold', body).outcome);
    const release = opened.run('release').outcome;
    expect(await Promise.all(runs)).toEqual(['a', 'b', 'c'].map((reason) => ({ kind: 'nacked', requeue: false, delayMs: 0, reason })));
    expect(await release).toEqual(DONE);
  });

  it('that becomes slow is given one job at a time', async () => {
    const opened = await open();
    await warmUp(opened, 8);
    expect(await opened.run('slow', '30').outcome).toEqual(DONE);
    expect(opened.pool.capacity()).toBe(1);
  });

  it('that keeps silent is given nothing more, although its window is open', async () => {
    const opened = await open();
    await warmUp(opened, 8);
    void opened.run('hold');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(opened.pool.capacity()).toBe(0);
    await opened.stop();
  });

  it('says what failed in words of its own', async () => {
    const opened = await open();
    const nrr = {
      kind: 'failed',
      error: { type: 'TypeError', message: 'x is not a function', stack: 'TypeError: x' },
      retry: { attempts: 5, delayMs: 70 },
    };
    const run = opened.run('say', JSON.stringify({ type: 1, data: { message: 'x' }, nrr }));
    expect(await run.outcome).toEqual({ kind: 'failed', error: { type: 'TypeError', message: 'x is not a function', stack: 'TypeError: x' } });
    expect(run.retries).toEqual([{ attempts: 5, backoff: expect.any(Function) }]);
    expect(run.retries[0].backoff?.(1)).toBe(70);
  });

  it('that says it in words that cannot be read has failed the job and is replaced', async () => {
    const opened = await open();
    const [before] = await opened.pids();
    expect(await opened.run('say', '{"type":1,"data":{},"nrr":{"kind":"wonderful"}}').outcome).toMatchObject({ kind: 'failed' });
    await opened.run('ack').outcome;
    expect(await opened.pids()).not.toContain(before);
  });

  it('is told which run of the job it is', async () => {
    const opened = await open();
    const read = async (attempt: number): Promise<Record<string, unknown>> => {
      const outcome = await opened.run('context', '', { attempt }).outcome;
      return JSON.parse((outcome as { reason: string }).reason) as Record<string, unknown>;
    };
    expect(await read(1)).not.toHaveProperty('nrr');
    expect(await read(3)).toHaveProperty('nrr', { attempt: 3 });
  });

  it.each([
    ['unknown-number', /answer to nothing/],
    ['one-option', /1 options instead of 2/],
  ])('that does "%s" is replaced, and all of its jobs are accounted for', async (job, detail) => {
    const opened = await open();
    await warmUp(opened, 4);
    const outcomes = await Promise.all([opened.run('hold').outcome, opened.run(job).outcome]);
    for (const outcome of outcomes) expect(outcome).toEqual({ kind: 'crashed', reason: 'protocol', detail: expect.stringMatching(detail) });
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('that answers a number twice settles nothing else with it', async () => {
    const opened = await open();
    await warmUp(opened, 4);
    const [held, twice] = await Promise.all([opened.run('hold').outcome, opened.run('twice').outcome]);
    expect(twice).toEqual(DONE);
    expect(held).toMatchObject({ kind: 'crashed', reason: 'protocol' });
  });

  it('that sends an error frame for one job keeps the others', async () => {
    const opened = await open();
    await warmUp(opened, 4);
    const held = opened.run('hold', 'kept').outcome;
    expect(await opened.run('error-frame').outcome).toMatchObject({ kind: 'crashed', detail: expect.stringContaining('not today') });
    await opened.run('release').outcome;
    expect(await held).toMatchObject({ kind: 'nacked', reason: 'kept' });
  });

  it('that asks to be replaced finishes what else it has', async () => {
    const opened = await open({ settings: { numWorkers: 2 } });
    const [first] = await opened.pids();
    while ((await opened.pool.workers()).some(({ window }) => window < 4)) await Promise.all([1, 2, 3].map(() => opened.run('ack').outcome));
    const outcome = await opened.run('restart').outcome;
    expect(outcome).toMatchObject({ kind: 'rejected', error: { code: 'JOB_CRASHED' } });
    expect(await opened.run('ack').outcome).toEqual(DONE);
    expect(await opened.pids()).not.toContain(first);
  });
});

describe('A crash while several jobs are in one worker', () => {
  it('counts for all of them: nobody knows which it was', async () => {
    const opened = await open();
    await warmUp(opened, 4);
    const outcomes = await Promise.all([opened.run('hold').outcome, opened.run('hold').outcome, opened.run('exit', '7').outcome]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ kind: 'crashed', reason: 'exit', detail: expect.stringMatching(/exit code 7 while it had 3 payloads/) });
  });

  it('makes each of them run alone afterwards, so that only the guilty one crashes again', async () => {
    const opened = await open();
    await warmUp(opened, 8);
    const again = { headers: { 'nrr-crashes': ['1'] } };
    const outcomes = await Promise.all([
      opened.run('ack').outcome,
      opened.run('exit', '7', again).outcome,
      opened.run('ack', '', again).outcome,
      opened.run('ack', '', { starts: 1 }).outcome,
      opened.run('ack').outcome,
    ]);
    expect(outcomes.map(({ kind }: Outcome) => kind)).toEqual(['done', 'crashed', 'done', 'done', 'done']);
  });

  it('lets a job that runs alone wait until the worker has nothing else', async () => {
    const opened = await open();
    await warmUp(opened, 8);
    const before = opened.run('hold', 'x').outcome;
    const alone = opened.run('held', '', { starts: 1 }).outcome;
    expect(opened.pool.capacity()).toBe(0);
    let isSettled = false;
    void alone.then(() => (isSettled = true));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(isSettled).toBe(false);
    await opened.stop();
    expect(await before).toEqual({ kind: 'unstarted' });
    expect(await alone).toEqual({ kind: 'unstarted' });
  });
});

describe('A run that is aborted', () => {
  const timeout = new JobTimeoutError('id', 'hold', 50);

  it('is cancelled in a worker of this library, which lives on', async () => {
    const opened = await open();
    await warmUp(opened, 4);
    const [before] = await opened.pids();
    const run = opened.run('hold');
    await opened.run('ack').outcome;
    run.abort(timeout);
    expect(await run.outcome).toEqual({ kind: 'failed', error: { type: 'Error', message: timeout.message, code: 'JOB_TIMEOUT' } });
    expect(await opened.pids()).toEqual([before]);
  });

  it('ends the worker that does not listen, after the grace; the others in it go back', async () => {
    const opened = await open({ args: ['deaf'] });
    await warmUp(opened, 4);
    const [before] = await opened.pids();
    const other = opened.run('hold').outcome;
    const run = opened.run('hold');
    run.abort(timeout);
    expect(await run.outcome).toMatchObject({ kind: 'failed', error: { code: 'JOB_TIMEOUT', message: timeout.message } });
    expect(await other).toEqual({ kind: 'unstarted' });
    expect(await opened.run('ack').outcome).toEqual(DONE);
    expect(await opened.pids()).not.toContain(before);
  });

  it('ends a worker of another library at once', async () => {
    const opened = await openPool();
    const run = opened.run('silence');
    run.abort(timeout);
    expect(await run.outcome).toMatchObject({ kind: 'failed', error: { code: 'JOB_TIMEOUT' } });
    expect(await opened.run('ack').outcome).toEqual(DONE);
  });

  it('is given to no other worker when its own asks for that', async () => {
    const opened = await open({ args: ['restart-when-cancelled'] });
    await opened.run('ack').outcome;
    const run = opened.run('hold');
    run.abort(timeout);
    expect(await run.outcome).toMatchObject({ kind: 'failed', error: { code: 'JOB_TIMEOUT', message: timeout.message } });
    expect(await opened.run('held').outcome).toMatchObject({ reason: '0' });
  });

  it('because the kernel stops may still end in time', async () => {
    const opened = await openPool();
    const run = opened.run('ack-later', '50');
    run.abort(new KernelStoppingError());
    expect(await run.outcome).toEqual(DONE);
  });

  it('while it waits for a worker goes back at once', async () => {
    const opened = await openPool();
    void opened.run('silence');
    const waiting = opened.run('ack');
    waiting.abort(timeout);
    expect(await waiting.outcome).toEqual({ kind: 'unstarted' });
    await opened.stop(100);
  });
});

describe('exec_ttl with several jobs in one worker', () => {
  it('blames those that are over it, and gives the others back', async () => {
    const clock = new VirtualClock();
    const opened = await open({ clock, settings: { supervisor: supervisor({ execTtlMs: 300, watchTickMs: 60_000 }) } });
    await warmUp(opened, 8);
    const old = opened.run('hold').outcome;
    await clock.advance(5);
    await opened.run('ack').outcome;
    const young = opened.run('hold').outcome;
    await clock.advance(295);
    expect(await old).toMatchObject({ kind: 'crashed', reason: 'timeout' });
    expect(await young).toEqual({ kind: 'unstarted' });
  });
});

describe('The window', () => {
  const opened = (answers: readonly (readonly [count: number, tookMs: number])[]): number => {
    const window = new AdaptiveWindow(32);
    let now = 0;
    window.begin(now);
    for (const [count, tookMs] of answers) window.answered(count, (now += tookMs), 0);
    return window.size;
  };

  it('is what a worker does in five milliseconds', () => {
    expect(opened([[1, 1]])).toBe(5);
    expect(opened([[10, 1]])).toBe(32);
    expect(opened([[1, 4]])).toBe(1);
  });

  it('is not narrowed by a worker that waits for more', () => {
    const window = new AdaptiveWindow(32);
    window.begin(0);
    window.answered(1, 1_000, 999.9);
    expect(window.size).toBe(32);
  });

  it('shrinks at one slow answer and widens again step by step', () => {
    const slow = [...Array.from({ length: 10 }, () => [10, 1] as const), [1, 20] as const];
    expect(opened(slow)).toBe(1);
    expect(opened([...slow, [10, 1]])).toBe(1);
    expect(opened([...slow, ...Array.from({ length: 60 }, () => [10, 1] as const)])).toBe(32);
  });

  it('believes a worker that became faster by its answers, not by how many of them come together', () => {
    const slow = [[1, 20] as const];
    const apart = Array.from({ length: 32 }, () => [1, 0.1] as const);
    expect(opened([...slow, ...apart])).toBe(opened([...slow, [32, 3.2]]));
    expect(opened([...slow, [32, 3.2]])).toBeGreaterThan(8);
  });
});
