import type { Executor, Outcome } from '../../lib/contract/executor.js';
import { CancelJobError, RetryJobError, SnoozeJobError, UnrecoverableJobError } from '../../lib/contract/job-errors.js';
import type { Job } from '../../lib/contract/job.js';
import type { RetryPolicy } from '../../lib/contract/retry-policy.js';
import { HandlerExecutor } from '../../lib/runtime/handler-executor.js';
import type { JobContext } from '../../lib/runtime/job-context.js';
import { turns, VirtualClock } from '../../lib/testing/virtual-clock.js';
import { encodeFrame, FrameFlag } from '../../lib/wire/frame.js';
import { readOutcome } from '../../lib/wire/outcome-json.js';
import { WorkerLoop, type WorkerLoopEnd, type WorkerLoopOptions } from '../../lib/worker/worker-loop.js';
import { answerOf, FakeKernel, jobFrame, textOf } from './support/fake-kernel.js';

interface Bench {
  readonly kernel: FakeKernel;
  readonly clock: VirtualClock;
  readonly loop: WorkerLoop;
  readonly ended: Promise<WorkerLoopEnd>;
  readonly lines: string[];
}

const ACK = '{"type":2,"data":[]}';

function serve(executor: Executor, options: Partial<WorkerLoopOptions> = {}): Bench {
  const kernel = new FakeKernel();
  const clock = new VirtualClock();
  const lines: string[] = [];
  const line = (message: string): void => void lines.push(message);
  const loop = new WorkerLoop({
    relay: kernel.relay,
    executor,
    window: 8,
    foreign: { retryOf: () => policy() },
    clock,
    logger: { debug: line, info: line, warn: line, error: line },
    ...options,
  });
  return { kernel, clock, loop, ended: loop.run(), lines };
}

function policy(changes: Partial<RetryPolicy> = {}): RetryPolicy {
  return { attempts: 3, backoff: (attempt) => attempt * 1_500, onFailure: 'store', ...changes };
}

function handlers(handle: (context: JobContext) => unknown, options = {}): HandlerExecutor {
  return new HandlerExecutor().add('work', handle, options);
}

const throwing = (error: unknown) => () => {
  throw error;
};

/** A handler that ends when the test says so. */
function held(): { executor: HandlerExecutor; started: JobContext[]; release(index: number): void } {
  const started: JobContext[] = [];
  const releases: (() => void)[] = [];
  const executor = handlers((context) => {
    started.push(context);
    return new Promise<void>((resolve) => releases.push(resolve));
  });
  return { executor, started, release: (index) => releases[index]() };
}

describe('A worker loop under a kernel of this library', () => {
  it('consents to the window that it was offered', async () => {
    const { kernel } = serve(handlers(() => {}));
    kernel.control({ pid: 1 });
    const [answer] = await kernel.answers(1);
    expect(textOf(answer)).toBe(`{"pid":${process.pid},"nrr":{"window":8}}`);
  });

  it('consents to no more than it takes itself', async () => {
    const { kernel } = serve(
      handlers(() => {}),
      { maxWindow: 2 },
    );
    kernel.control({ pid: 1 });
    const [answer] = await kernel.answers(1);
    expect(textOf(answer)).toContain('"window":2');
  });

  it('answers with the number of the job, in the order in which handlers end', async () => {
    const { executor, release } = held();
    const { kernel } = serve(executor);
    for (const number of [11, 12, 13]) kernel.job({}, '', number);
    await turns();
    release(2);
    release(0);
    release(1);
    const frames = await kernel.answers(3);
    expect(frames.map(({ options, payload }) => [...options, Buffer.from(payload).toString()])).toEqual([
      [0, 13, ACK],
      [0, 11, ACK],
      [0, 12, ACK],
    ]);
  });

  it('answers the jobs of one chunk in one write', async () => {
    const { kernel } = serve(handlers(() => {}));
    kernel.send(Buffer.concat([1, 2, 3, 4].map((number) => jobFrame({}, '', number))));
    await kernel.answers(4);
    expect(kernel.writes).toHaveLength(1);
  });

  it('starts no more jobs than its window, whatever the kernel sends', async () => {
    const { executor, started, release } = held();
    const { kernel, loop } = serve(executor, { window: 2 });
    for (const number of [1, 2, 3]) kernel.job({}, String(number), number);
    await turns();
    expect(started.map((context) => context.text())).toEqual(['1', '2']);
    expect(loop.inFlight).toBe(3);
    release(0);
    await kernel.answers(1);
    expect(started.map((context) => context.text())).toEqual(['1', '2', '3']);
  });

  it('starts no more jobs than its executor has room for', async () => {
    let room = 0;
    let onCapacity = (): void => {};
    const executor: Executor = {
      capacity: () => room,
      onCapacity: (listener) => (onCapacity = listener),
      execute: () => ({ kind: 'done' }),
    };
    const { kernel } = serve(executor);
    kernel.job({}, '', 1);
    await turns();
    expect(kernel.frames).toEqual([]);
    room = 1;
    onCapacity();
    expect(await kernel.answers(1)).toHaveLength(1);
  });

  it('answers a frame without a number as RoadRunner expects it', async () => {
    const { kernel } = serve(handlers(() => {}));
    kernel.job({});
    const [answer] = await kernel.answers(1);
    expect(answer.options).toEqual([0]);
  });

  it('leaves a thrown error to the policy of the kernel', async () => {
    const { kernel } = serve(handlers(throwing(new TypeError('boom'))));
    kernel.job({}, '', 1);
    const [frame] = await kernel.answers(1);
    const { type, data, nrr } = answerOf(frame);
    expect({ type, data }).toEqual({ type: 1, data: { message: 'boom', requeue: false, delay_seconds: 0 } });
    expect(readOutcome(nrr)).toMatchObject({
      outcome: { kind: 'failed', error: { type: 'TypeError', message: 'boom', stack: expect.stringContaining('TypeError: boom') } },
      retry: undefined,
    });
  });

  it('sends what the handler says of its own policy, the backoff computed', async () => {
    const { kernel } = serve(
      handlers(throwing(new Error('boom')), { attempts: 9, backoff: (attempt: number) => attempt * 10, onFailure: 'queue:dead' }),
    );
    kernel.job({ nrr: { attempt: 4 } }, '', 1);
    const [frame] = await kernel.answers(1);
    const { retry } = readOutcome(answerOf(frame).nrr)!;
    expect([retry?.attempts, retry?.onFailure, retry?.backoff?.(1)]).toEqual([9, 'queue:dead', 40_000]);
  });

  it('sends what a backoff threw: the kernel knows whether it is needed', async () => {
    const { kernel } = serve(handlers(throwing(new Error('boom')), { attempts: 9, backoff: throwing(new RangeError('no number')) }));
    kernel.job({}, '', 1);
    const [frame] = await kernel.answers(1);
    const { outcome, retry } = readOutcome(answerOf(frame).nrr)!;
    expect(outcome).toMatchObject({ kind: 'failed', error: { message: 'boom' } });
    expect(retry?.attempts).toBe(9);
    expect(() => retry?.backoff?.(1)).toThrow(expect.objectContaining({ name: 'RangeError', message: 'no number' }));
  });

  it('answers with a failed run when a wish cannot be written', async () => {
    const { kernel } = serve(handlers(throwing(new RetryJobError('again', { headers: { h: 7n } as never }))));
    kernel.job({}, '', 1);
    const [frame] = await kernel.answers(1);
    expect(readOutcome(answerOf(frame).nrr)?.outcome).toMatchObject({ kind: 'failed', error: { message: expect.stringContaining('BigInt') } });
  });

  it.each([
    ['RETRY_JOB', new RetryJobError('again', { delay: 7, headers: { seen: 'yes' } }), { delay: 7, headers: { seen: 'yes' } }],
    ['RETRY_JOB', new RetryJobError(), {}],
    ['SNOOZE_JOB', new SnoozeJobError('42m'), { delay: '42m' }],
  ])('sends the wish of an error with code %s', async (code, error, wish) => {
    const { kernel } = serve(handlers(throwing(error)));
    kernel.job({}, '', 1);
    const [frame] = await kernel.answers(1);
    const { outcome } = readOutcome(answerOf(frame).nrr)!;
    expect(outcome).toMatchObject({ kind: 'failed', error: { code, cause: wish } });
    expect((outcome as { error: { cause: Error } }).error.cause).toBeInstanceOf(error.constructor);
  });

  it('says which errors are final', async () => {
    const { kernel } = serve(handlers((context) => context.fail(new UnrecoverableJobError('never'))));
    kernel.job({}, '', 1);
    const [frame] = await kernel.answers(1);
    expect(answerOf(frame).nrr).toMatchObject({ kind: 'rejected', error: { type: 'UnrecoverableJobError', code: 'UNRECOVERABLE_JOB' } });
  });

  it('refuses a job that no handler takes, by its code', async () => {
    const { kernel } = serve(handlers(() => {}));
    kernel.job({ job: 'other' }, '', 1);
    const [frame] = await kernel.answers(1);
    expect(answerOf(frame).nrr).toMatchObject({ kind: 'rejected', error: { code: 'UNKNOWN_JOB' } });
  });

  it('keeps milliseconds and whole headers of a requeue', async () => {
    const { kernel } = serve(handlers((context) => context.withoutHeader('old').withHeader('new', ['1', '2']).requeue('later', { delay: 0.25 })));
    kernel.job({ headers: { old: ['x'], 'nrr-attempt': ['1'] } }, '', 1);
    const [frame] = await kernel.answers(1);
    const { type, data, nrr } = answerOf(frame);
    expect([type, data['delay_seconds']]).toEqual([4, 1]);
    expect(readOutcome(nrr)?.outcome).toMatchObject({
      kind: 'requeue',
      delayMs: 250,
      spendsAttempt: false,
      reason: 'later',
      headers: { new: ['1', '2'], 'nrr-attempt': ['1'] },
    });
    expect(Object.keys((readOutcome(nrr)!.outcome as { headers: object }).headers)).not.toContain('old');
  });

  it('answers when the handler settles, and keeps its place until it ends', async () => {
    let release = (): void => {};
    const started: string[] = [];
    const executor = handlers(async (context) => {
      started.push(context.text());
      await context.ack();
      await new Promise<void>((resolve) => (release = resolve));
    });
    const { kernel } = serve(executor, { window: 1 });
    kernel.job({}, 'a', 1);
    await kernel.answers(1);
    kernel.job({}, 'b', 2);
    await turns();
    expect(started).toEqual(['a']);
    release();
    await kernel.answers(2);
    expect(started).toEqual(['a', 'b']);
  });

  it('reports an error that came after the job was settled, and does not answer again', async () => {
    const { kernel, lines } = serve(
      handlers(async (context) => {
        await context.ack();
        throw new Error('too late');
      }),
    );
    kernel.job({}, '', 1);
    await turns();
    expect(kernel.frames.map(textOf)).toEqual([ACK]);
    expect(lines).toEqual(['The handler of job "work" failed after it had settled the job: too late']);
  });

  it('counts runs as the kernel says, else by the headers', async () => {
    const attempts: number[] = [];
    const { kernel } = serve(handlers((context) => void attempts.push(context.attempt)));
    kernel.job({}, '', 1);
    kernel.job({ headers: { 'nrr-attempt': ['2'], 'nrr-crashes': ['1'] } }, '', 2);
    kernel.job({ headers: { 'nrr-attempt': ['2'] }, nrr: { attempt: 7 } }, '', 3);
    await kernel.answers(3);
    expect(attempts).toEqual([1, 4, 7]);
  });

  it.each([
    [{}, 'JOB_CANCELLED'],
    [{ code: 'JOB_CANCELLED', message: 'The user closed the page.' }, 'JOB_CANCELLED'],
    [{ code: 'JOB_TIMEOUT' }, 'JOB_TIMEOUT'],
    [{ code: 'KERNEL_STOPPING' }, 'KERNEL_STOPPING'],
  ])('aborts the signal of the job that a cancel frame %p names', async (fields, code) => {
    const { executor, started, release } = held();
    const { kernel } = serve(executor);
    kernel.job({}, '', 1);
    kernel.job({}, '', 2);
    kernel.control({ cancel: 2, ...fields });
    await turns();
    const signals = started.map(({ signal }) => signal);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(signals[1].reason).toMatchObject({ code });
    release(1);
    expect((await kernel.answers(1))[0].options).toEqual([0, 2]);
  });

  it('answers a cancelled job that had not begun, and never starts it', async () => {
    const { executor, started, release } = held();
    const { kernel } = serve(executor, { window: 1 });
    kernel.job({}, '', 1);
    kernel.job({}, '', 2);
    kernel.control({ cancel: 2 });
    const [frame] = await kernel.answers(1);
    expect(frame.options).toEqual([0, 2]);
    expect(answerOf(frame).nrr).toMatchObject({ kind: 'failed', error: { code: 'JOB_CANCELLED' } });
    release(0);
    await kernel.answers(2);
    expect(started).toHaveLength(1);
  });

  it('passes over the cancel of a job that it does not have', async () => {
    const { kernel } = serve(handlers(() => {}));
    kernel.control({ cancel: 99 });
    kernel.job({}, '', 1);
    expect(await kernel.answers(1)).toHaveLength(1);
  });

  it('finishes what runs at a stop request, gives back what has not begun, and closes', async () => {
    const { executor, release } = held();
    const { kernel, ended } = serve(executor, { window: 1 });
    kernel.job({}, '', 1);
    kernel.job({}, '', 2);
    kernel.control({ stop: true });
    const [returned] = await kernel.answers(1);
    expect(returned.options).toEqual([0, 2]);
    expect(answerOf(returned)).toMatchObject({ type: 3, data: { requeue: true, delay_seconds: 0 }, nrr: { kind: 'unstarted' } });
    kernel.job({}, '', 3);
    expect((await kernel.answers(2))[1].options).toEqual([0, 3]);
    release(0);
    expect(await ended).toBe('stop');
    expect(textOf(kernel.frames[2])).toBe(ACK);
    await kernel.closed();
  });

  it('ends at once when it is idle at a stop request', async () => {
    const { kernel, ended } = serve(handlers(() => {}));
    kernel.control({ stop: true });
    expect(await ended).toBe('stop');
  });

  it('can be stopped from inside', async () => {
    const { loop, ended } = serve(handlers(() => {}));
    loop.stop();
    loop.stop();
    expect(await ended).toBe('stop');
  });

  it('aborts what runs when the kernel is gone, and answers nothing', async () => {
    let reason: unknown;
    const executor = handlers(
      (context) =>
        new Promise<void>((_, reject) => {
          context.signal.addEventListener('abort', () => {
            reason = context.signal.reason;
            reject(context.signal.reason as Error);
          });
        }),
    );
    const { kernel, ended } = serve(executor);
    kernel.job({}, '', 1);
    kernel.end();
    expect(await ended).toBe('closed');
    expect(reason).toMatchObject({ code: 'KERNEL_STOPPING' });
    expect(kernel.frames).toEqual([]);
  });

  it('waits for handlers no longer than the grace when the kernel is gone', async () => {
    const { executor } = held();
    const { kernel, clock, ended } = serve(executor, { graceMs: 500 });
    kernel.job({}, '', 1);
    kernel.end();
    await clock.advance(499);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await ended).toBe('closed');
  });

  it.each([
    ['bytes that are no frame', Buffer.from('warning: something'), 'RPC_FRAME'],
    ['a control frame that asks for nothing known', encodeFrame({ flags: 9, payload: Buffer.from('{}') }), 'KERNEL_PROTOCOL'],
    ['a job without the length of its context', encodeFrame({ flags: 4, payload: Buffer.from('{}') }), 'KERNEL_PROTOCOL'],
  ])('ends with an error at %s', async (_, bytes, code) => {
    const { kernel, ended } = serve(handlers(() => {}));
    kernel.send(bytes);
    await expect(ended).rejects.toMatchObject({ code });
    await kernel.closed();
  });

  it('answers a job whose context cannot be read, and serves on', async () => {
    const { kernel, lines } = serve(handlers(() => {}));
    kernel.send(encodeFrame({ flags: 4, options: [4, 1], payload: Buffer.from('null') }));
    kernel.job({}, '', 2);
    const frames = await kernel.answers(2);
    expect(frames.map(({ options }) => options[1])).toEqual([1, 2]);
    expect(answerOf(frames[0]).nrr).toMatchObject({ kind: 'rejected', error: { code: 'KERNEL_PROTOCOL' } });
    expect(lines).toHaveLength(1);
  });

  it("aborts at the handler's time-out and gives its place away after the grace", async () => {
    const executor = handlers(() => new Promise(() => {}), { timeout: 2 });
    const { kernel, clock, loop } = serve(executor, { graceMs: 500 });
    kernel.job({}, '', 1);
    await clock.advance(2_499);
    expect(kernel.frames).toEqual([]);
    await clock.advance(1);
    const [frame] = await kernel.answers(1);
    expect(answerOf(frame).nrr).toMatchObject({ kind: 'failed', error: { code: 'JOB_TIMEOUT' } });
    expect(loop.inFlight).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer behind for a handler that ends in time', async () => {
    const { kernel, clock } = serve(handlers(() => {}, { timeout: 2 }));
    kernel.job({}, '', 1);
    await kernel.answers(1);
    expect(clock.pending).toBe(0);
  });

  it('tells whoever listens how far a job is', async () => {
    const told: unknown[] = [];
    const { kernel } = serve(
      handlers((context) => context.progress(50)),
      { onProgress: (id, value) => void told.push([id, value]) },
    );
    kernel.job({ id: 'id-7' }, '', 1);
    await kernel.answers(1);
    expect(told).toEqual([['id-7', 50]]);
  });

  it('resets after every job, before the next one begins', async () => {
    const steps: string[] = [];
    const { kernel } = serve(
      handlers((context) => void steps.push(context.text())),
      {
        window: 1,
        finalize: async () => {
          await turns();
          steps.push('reset');
        },
      },
    );
    kernel.job({}, 'a', 1);
    kernel.job({}, 'b', 2);
    await kernel.answers(2);
    await turns();
    await turns();
    expect(steps).toEqual(['a', 'reset', 'b', 'reset']);
  });

  it('goes on when the reset after a job fails, and says so', async () => {
    const { kernel, lines } = serve(
      handlers(() => {}),
      { window: 1, finalize: () => Promise.reject(new Error('dirty')) },
    );
    kernel.job({}, '', 1);
    kernel.job({}, '', 2);
    await kernel.answers(2);
    expect(lines[0]).toBe('What has to be reset after job "work" was not: dirty');
  });

  it('lets an executor settle by the delivery, once', async () => {
    const executor: Executor = {
      capacity: () => Infinity,
      onCapacity: () => {},
      execute: (delivery): Outcome => {
        void delivery.nack({ requeue: true, delayMs: 5 });
        void delivery.ack();
        void delivery.requeue({ headers: {}, delayMs: 0 });
        return { kind: 'done' };
      },
    };
    const { kernel } = serve(executor);
    kernel.job({}, '', 1);
    await turns();
    expect(kernel.frames.map((frame) => answerOf(frame).nrr)).toEqual([{ kind: 'nacked', requeue: true, delayMs: 5, reason: '' }]);
  });

  it('takes a throw of its executor as the failure of the job', async () => {
    const executor: Executor = { capacity: () => 1, onCapacity: () => {}, execute: throwing(new Error('broken')) };
    const { kernel } = serve(executor);
    kernel.job({}, '', 1);
    const [frame] = await kernel.answers(1);
    expect(answerOf(frame).nrr).toMatchObject({ kind: 'failed', error: { message: 'broken' } });
  });

  it('starts nothing while the kernel does not read', async () => {
    const { executor, started } = held();
    const { kernel } = serve(executor);
    const output = kernel.relay.output as import('node:stream').PassThrough;
    output.pause();
    output.write(Buffer.alloc(1024 * 1024));
    kernel.job({}, '', 1);
    await turns();
    expect(started).toHaveLength(0);
    output
      .removeAllListeners('data')
      .on('data', () => {})
      .resume();
    await turns();
    expect(started).toHaveLength(1);
  });
});

describe('A worker loop under RoadRunner', () => {
  const foreign = (executor: Executor, changes: Partial<RetryPolicy> = {}, push?: (job: Job) => Promise<unknown>): Bench =>
    serve(executor, { window: undefined, foreign: { retryOf: () => policy(changes), ...(push === undefined ? {} : { push }) } });

  async function answerTo(bench: Bench, context: Readonly<Record<string, unknown>> = {}): Promise<ReturnType<typeof answerOf>> {
    bench.kernel.job(context);
    const [frame] = await bench.kernel.answers(1);
    expect(frame.options).toEqual([0]);
    return answerOf(frame);
  }

  it('answers the process id without a word of its own', async () => {
    const { kernel } = foreign(handlers(() => {}));
    kernel.control({ pid: 1 });
    const [answer] = await kernel.answers(1);
    expect(textOf(answer)).toBe(`{"pid":${process.pid}}`);
  });

  it('acknowledges what returned', async () => {
    expect(await answerTo(foreign(handlers(() => 7)))).toEqual({ type: 2, data: [] });
  });

  it('requeues what threw, with the backoff in whole seconds and its count, while runs are left', async () => {
    const answer = await answerTo(foreign(handlers(throwing(new Error('boom')))), { headers: { h: ['v'] } });
    expect(answer).toEqual({
      type: 4,
      data: { message: 'boom', delay_seconds: 2, headers: { h: ['v'], 'nrr-attempt': ['1'], 'nrr-first-at': ['1767225600000'] } },
    });
  });

  it('counts on from the count that came, and keeps the time of the first failure', async () => {
    const answer = await answerTo(foreign(handlers(throwing(new Error('boom')))), { headers: { 'nrr-attempt': ['1'], 'nrr-first-at': ['5'] } });
    expect(answer.data).toMatchObject({ delay_seconds: 3, headers: { 'nrr-attempt': ['2'], 'nrr-first-at': ['5'] } });
  });

  it('refuses the job for good at its last run, and says so in the log', async () => {
    const bench = foreign(handlers(throwing(new Error('boom'))));
    expect(await answerTo(bench, { headers: { 'nrr-attempt': ['2'] } })).toEqual({
      type: 3,
      data: { message: 'boom', requeue: false, delay_seconds: 0 },
    });
    expect(bench.lines).toEqual(['Job "work" failed for good after 3 runs: boom']);
  });

  it('pushes a job that failed for good into its queue first, without our headers, then acknowledges', async () => {
    const pushed: Job[] = [];
    let isPushed = (): void => {};
    const push = (job: Job): Promise<void> => {
      pushed.push(job);
      return new Promise((resolve) => (isPushed = resolve));
    };
    const bench = foreign(handlers(throwing(new Error('boom'))), { attempts: 1, onFailure: 'queue:dead' }, push);
    bench.kernel.job({ id: 'id-3', headers: { h: ['v'], 'nrr-attempt': ['4'] } }, 'payload');
    await turns();
    expect(bench.kernel.frames).toEqual([]);
    isPushed();
    expect(textOf((await bench.kernel.answers(1))[0])).toBe(ACK);
    expect(pushed).toMatchObject([{ id: 'id-3', name: 'work', pipeline: 'dead', headers: { h: ['v'] } }]);
    expect(Object.keys(pushed[0].headers)).toEqual(['h']);
    expect(Buffer.from(pushed[0].payload as Uint8Array).toString()).toBe('payload');
  });

  it('pushes no job into the queue that it came from', async () => {
    const pushed: Job[] = [];
    const push = (job: Job): Promise<void> => Promise.resolve(void pushed.push(job));
    const bench = foreign(handlers(throwing(new Error('boom'))), { attempts: 1, onFailure: 'queue:first' }, push);
    expect(await answerTo(bench)).toMatchObject({ type: 3, data: { requeue: false } });
    expect(pushed).toEqual([]);
  });

  it('pushes a job of Kafka without its place there: the other queue has a topic of its own', async () => {
    const pushed: Job[] = [];
    const push = (job: Job): Promise<void> => Promise.resolve(void pushed.push(job));
    const bench = foreign(handlers(throwing(new Error('boom'))), { attempts: 1, onFailure: 'queue:dead' }, push);
    bench.kernel.job({ driver: 'kafka', topic: 'orders', partition: 3, offset: 42 });
    expect(textOf((await bench.kernel.answers(1))[0])).toBe(ACK);
    expect(pushed).toEqual([expect.not.objectContaining({ kafka: expect.anything() })]);
  });

  it('lets the job come back when the push into its queue fails', async () => {
    const bench = foreign(handlers(throwing(new Error('boom'))), { attempts: 1, onFailure: 'queue:dead' }, () =>
      Promise.reject(new Error('no kernel')),
    );
    expect(await answerTo(bench)).toMatchObject({ type: 3, data: { requeue: true, delay_seconds: 5 } });
    expect(bench.lines[1]).toContain('could not be put into queue "dead"');
  });

  it('stops only after a push that is under way', async () => {
    let isPushed = (): void => {};
    const bench = foreign(
      handlers(throwing(new Error('boom'))),
      { attempts: 1, onFailure: 'queue:dead' },
      () => new Promise<void>((resolve) => (isPushed = resolve)),
    );
    bench.kernel.job({});
    await turns();
    bench.kernel.control({ stop: true });
    await turns();
    expect(bench.kernel.isClosed).toBe(false);
    isPushed();
    expect(await bench.ended).toBe('stop');
    expect(bench.kernel.frames.map(textOf)).toEqual([ACK]);
  });

  it.each([
    ['drop', { type: 2, data: [] }],
    ['broker', { type: 3, data: { message: 'boom', requeue: false, delay_seconds: 0 } }],
    ['queue:dead', { type: 3, data: { message: 'boom', requeue: false, delay_seconds: 0 } }],
  ] as const)('with onFailure "%s" and nothing to push with answers %p', async (onFailure, expected) => {
    expect(await answerTo(foreign(handlers(throwing(new Error('boom'))), { attempts: 1, onFailure }))).toEqual(expected);
  });

  it("prefers the handler's own policy, and the number of runs that travels with the job", async () => {
    const executor = handlers(throwing(new Error('boom')), { attempts: 2, backoff: () => 60 });
    expect((await answerTo(foreign(executor))).data).toMatchObject({ delay_seconds: 60 });
    expect(await answerTo(foreign(executor), { headers: { 'nrr-attempt': ['1'] } })).toMatchObject({ type: 3 });
    expect(await answerTo(foreign(executor), { headers: { 'nrr-attempt': ['1'], 'nrr-max-attempts': ['3'] } })).toMatchObject({ type: 4 });
  });

  it.each([new UnrecoverableJobError('never'), new CancelJobError('stop')])('takes %p as final at once', async (error) => {
    expect(await answerTo(foreign(handlers(throwing(error))))).toMatchObject({ type: 3, data: { requeue: false } });
  });

  it('does as RetryJobError and SnoozeJobError ask', async () => {
    const retry = foreign(handlers(throwing(new RetryJobError('again', { delay: 7, headers: { seen: 'yes', 'nrr-attempt': '9' } }))));
    expect((await answerTo(retry)).data).toMatchObject({ message: 'again', delay_seconds: 7, headers: { seen: ['yes'], 'nrr-attempt': ['1'] } });
    const snooze = foreign(handlers(throwing(new SnoozeJobError(9))));
    expect(await answerTo(snooze, { headers: { h: ['v'] } })).toMatchObject({ type: 4, data: { delay_seconds: 9, headers: { h: ['v'] } } });
  });

  it('settles as the handler asks', async () => {
    expect(await answerTo(foreign(handlers((context) => context.nack('no', { redelivery: true, delay: 3 }))))).toEqual({
      type: 3,
      data: { message: 'no', requeue: true, delay_seconds: 3 },
    });
    expect(await answerTo(foreign(handlers((context) => context.fail('no', { requeue: true }))))).toMatchObject({ type: 4, data: { message: 'no' } });
  });

  it.each(['beanstalk', 'boltdb', 'nats'])('counts the runs itself where %s loses headers', async (driver) => {
    const attempts: number[] = [];
    const bench = foreign(
      handlers((context) => {
        attempts.push(context.attempt);
        throw new Error('boom');
      }),
      { onFailure: 'drop' },
    );
    for (let run = 1; run <= 3; run++) {
      bench.kernel.job({ driver, id: 'a' });
      await bench.kernel.answers(run);
    }
    expect(attempts).toEqual([1, 2, 3]);
    expect(bench.kernel.frames.map((frame) => answerOf(frame).type)).toEqual([4, 4, 2]);
    bench.kernel.job({ driver, id: 'a' });
    await bench.kernel.answers(4);
    expect(attempts[3]).toBe(1);
  });

  it('counts no run of another job, nor one whose header has come back', async () => {
    const attempts: number[] = [];
    const bench = foreign(
      handlers((context) => {
        attempts.push(context.attempt);
        throw new Error('boom');
      }),
    );
    bench.kernel.job({ driver: 'beanstalk', id: 'a' });
    bench.kernel.job({ driver: 'beanstalk', id: 'b' });
    bench.kernel.job({ driver: 'beanstalk', id: 'a', headers: { 'nrr-attempt': ['2'] } });
    await bench.kernel.answers(3);
    expect(attempts).toEqual([1, 1, 3]);
  });

  it.each([
    ['boltdb', 'store', 2],
    ['boltdb', 'broker', 2],
    ['kafka', 'store', 2],
    ['kafka', 'broker', 2],
    ['sqs', 'store', 2],
    ['sqs', 'broker', 3],
    ['google_pub_sub', 'store', 2],
    ['google_pub_sub', 'broker', 3],
    ['amqp', 'store', 3],
    ['nats', 'store', 3],
    ['beanstalk', 'store', 3],
  ] as const)('of %s, with onFailure "%s", ends a job that failed for good by type %i: it does not run again', async (driver, onFailure, type) => {
    const bench = foreign(handlers(throwing(new UnrecoverableJobError('never'))), { onFailure });
    expect((await answerTo(bench, { driver })).type).toBe(type);
    expect(bench.lines).toEqual(['Job "work" failed for good after 1 run: never']);
  });

  it('asks beanstalk for another run without the original staying behind', async () => {
    const nacked = foreign(handlers((context) => context.nack('no', { redelivery: true, delay: 3 })));
    expect(await answerTo(nacked, { driver: 'beanstalk' })).toEqual({ type: 4, data: { message: 'no', delay_seconds: 3 } });
    const unpushed = foreign(handlers(throwing(new Error('boom'))), { attempts: 1, onFailure: 'queue:dead' }, () =>
      Promise.reject(new Error('no kernel')),
    );
    expect(await answerTo(unpushed, { driver: 'beanstalk' })).toMatchObject({ type: 4, data: { delay_seconds: 5 } });
  });

  it('does not run a job that has expired', async () => {
    let runs = 0;
    const bench = foreign(handlers(() => runs++));
    expect(await answerTo(bench, { headers: { 'nrr-expires-at': ['1'] } })).toMatchObject({ type: 3, data: { requeue: false } });
    expect(runs).toBe(0);
    expect(bench.lines).toEqual([expect.stringMatching(/^Job "work" was not run: .* expired/)]);
  });

  it('keeps the time-out that travels with the job, over that of its handler', async () => {
    const bench = foreign(handlers(() => new Promise(() => {}), { timeout: 1 }));
    bench.kernel.job({ headers: { 'nrr-timeout': ['3000'] } });
    await bench.clock.advance(3_999);
    expect(bench.kernel.frames).toEqual([]);
    await bench.clock.advance(1);
    expect(answerOf((await bench.kernel.answers(1))[0])).toMatchObject({ type: 4, data: { delay_seconds: 2 } });
  });

  it('takes a run as final whose backoff throws', async () => {
    const bench = foreign(handlers(throwing(new Error('boom'))), { backoff: throwing(new Error('no number')) });
    expect(await answerTo(bench)).toEqual({ type: 3, data: { message: 'no number', requeue: false, delay_seconds: 0 } });
    expect(bench.lines).toEqual(['Job "work" failed for good after 1 run: no number']);
  });

  it.each([
    ['a snooze without a delay', Object.assign(new Error('later'), { code: 'SNOOZE_JOB' })],
    ['a snooze for no number', new SnoozeJobError(Number.NaN)],
    ['a retry before now', new RetryJobError('again', { delay: -1 })],
    ['a retry with headers that are none', new RetryJobError('again', { headers: { h: 7 } as never })],
  ])('counts %s as a failed run', async (_what, error) => {
    expect(await answerTo(foreign(handlers(throwing(error))))).toMatchObject({
      type: 4,
      data: { delay_seconds: 2, headers: { 'nrr-attempt': ['1'] } },
    });
    expect(await answerTo(foreign(handlers(throwing(error)), { attempts: 1 }))).toMatchObject({ type: 3, data: { requeue: false } });
  });

  it('knows the wish of another copy of the library by its code', async () => {
    const error = Object.assign(new Error('later'), { code: 'SNOOZE_JOB', delay: 9 });
    expect(await answerTo(foreign(handlers(throwing(error))))).toMatchObject({ type: 4, data: { message: 'later', delay_seconds: 9 } });
  });

  it('answers a job whose context cannot be read with an error frame, and serves on', async () => {
    const { kernel } = foreign(handlers(() => {}));
    kernel.send(encodeFrame({ flags: 4, options: [0], payload: Buffer.from('x') }));
    kernel.job({});
    const frames = await kernel.answers(2);
    expect([frames[0].flags, frames[0].options, textOf(frames[1])]).toEqual([FrameFlag.error, [], ACK]);
  });

  it('runs one job at a time, and all that it was given before it stops', async () => {
    const { executor, started, release } = held();
    const { kernel, ended } = foreign(executor);
    kernel.job({}, 'a');
    kernel.job({}, 'b');
    kernel.control({ stop: true });
    await turns();
    expect(started.map((context) => context.text())).toEqual(['a']);
    release(0);
    await kernel.answers(1);
    release(1);
    expect(await ended).toBe('stop');
    expect(kernel.frames.map(textOf)).toEqual([ACK, ACK]);
  });

  it('pushes nothing when the kernel is gone', async () => {
    const pushed: Job[] = [];
    const executor = handlers(
      (context) => new Promise<void>((_, reject) => context.signal.addEventListener('abort', () => reject(new UnrecoverableJobError('gone')))),
    );
    const bench = foreign(executor, { onFailure: 'queue:dead' }, (job) => Promise.resolve(pushed.push(job)));
    bench.kernel.job({});
    bench.kernel.end();
    expect(await bench.ended).toBe('closed');
    expect(pushed).toEqual([]);
  });
});
