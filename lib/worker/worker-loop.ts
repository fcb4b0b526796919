import { systemClock, type Clock, type Timer } from '../contract/clock.js';
import { KernelStoppingError } from '../contract/errors.js';
import { DONE_OUTCOME, type Executor, type Outcome, type PendingOutcome } from '../contract/executor.js';
import { failureOf } from '../contract/failure.js';
import { CancelJobError, JobTimeoutError } from '../contract/job-errors.js';
import type { Done } from '../contract/job.js';
import { silentLogger, type JobsLogger } from '../contract/logger.js';
import { encodeFrame, FrameFlag, StreamBit, type Frame } from '../wire/frame.js';
import { ACK_BODY, encodeOutcome } from '../wire/job-answer.js';
import { OwnKernelPolicy, type AnswerPolicy } from './answer-policy.js';
import { encodePidAnswer, readControl, type CancelControl } from './control-frame.js';
import { ForeignKernelPolicy, type ForeignKernelOptions } from './foreign-kernel-policy.js';
import { FrameChannel } from './frame-channel.js';
import { JobRun, type JobRunContext } from './job-run.js';
import { partsOf } from './payload.js';
import { JobReader } from './received-job.js';
import type { WorkerRelay } from './relay.js';
import { RunSet } from './run-set.js';

/** What a worker loop is made with. */
export interface WorkerLoopOptions {
  readonly relay: WorkerRelay;
  /** Runs the jobs. */
  readonly executor: Executor;
  /** What the kernel offered in `NRR_WINDOW`. `undefined`: it is none of this library; jobs come one at a time and the worker counts attempts itself. */
  readonly window: number | undefined;
  /** Jobs that this worker takes at once, at most. Default: what the kernel offers. */
  readonly maxWindow?: number;
  /** What happens to failed jobs under a kernel that knows no attempts. */
  readonly foreign: Pick<ForeignKernelOptions, 'retryOf' | 'push'>;
  /** How long a handler may go on after its time-out, and all of them after the kernel is gone. Unit: milliseconds. Default: `1_000`. */
  readonly graceMs?: number;
  readonly clock?: Clock;
  readonly logger?: JobsLogger;
  /** Runs after every job, before its place is free: resets what lives longer than a job. With a window above 1 others may run meanwhile. */
  readonly finalize?: () => void | Promise<void>;
  /** Is told what handlers report. The answer of a job waits for the promise, if any, which must not reject. */
  readonly onProgress?: (jobId: string, value: unknown) => Promise<void> | undefined;
}

/** Why a loop ended: the kernel asked for it, or is gone. */
export type WorkerLoopEnd = 'stop' | 'closed';

const DEFAULT_GRACE_MS = 1_000;

/**
 * Serves the jobs of a kernel with an executor of this process. Under a kernel of this library several jobs are in flight and their answers come in
 * any order; under RoadRunner it is one.
 *
 * Cancelled jobs get an aborted signal and still answer. After a stop request what runs is finished, what has not begun goes back, and the relay
 * closes. When the kernel is gone the signals abort, and what has not ended after the grace is left alone: who started the loop ends the process.
 */
export class WorkerLoop {
  readonly #executor: Executor;
  readonly #channel: FrameChannel;
  readonly #policy: AnswerPolicy;
  readonly #clock: Clock;
  readonly #logger: JobsLogger;
  readonly #graceMs: number;
  readonly #finalize: (() => void | Promise<void>) | undefined;
  /** Jobs at once; `undefined` under a foreign kernel, which has one of them. */
  readonly #window: number | undefined;
  readonly #context: JobRunContext;
  readonly #jobs = new JobReader();
  readonly #runs = new RunSet();
  #waiting: JobRun[] = [];
  #unsettled = 0;
  #isStopping = false;
  #isGone = false;
  /** The kernel does not read; a start waits for it. */
  #isBlocked = false;
  #onIdle: (() => void) | undefined;
  #settle: ((end: WorkerLoopEnd) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor(options: WorkerLoopOptions) {
    const { window, maxWindow = Infinity, clock = systemClock, logger = silentLogger, onProgress } = options;
    this.#executor = options.executor;
    this.#clock = clock;
    this.#logger = logger;
    this.#graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
    this.#finalize = options.finalize;
    this.#window = window === undefined ? undefined : Math.min(window, maxWindow);
    this.#policy = window === undefined ? new ForeignKernelPolicy({ ...options.foreign, clock, logger }) : new OwnKernelPolicy();
    this.#channel = new FrameChannel(options.relay);
    this.#context = {
      clock,
      answer: (run, outcome) => this.#answer(run, outcome),
      timedOut: (run) => this.#abandonLater(run),
      progress: (run, value) => (run.isSettled ? undefined : onProgress?.(run.job.id, value)),
    };
  }

  /** Jobs in hand. */
  get inFlight(): number {
    return this.#runs.size + this.#waiting.length;
  }

  /**
   * Serves until the kernel asks to stop or is gone. To be called once. The relay is closed when it resolves; the process may end.
   *
   * @throws {@link FrameError} or {@link KernelProtocolError} (as a rejection) when what came is no frame for a worker; {@link RelayError}
   *   when the relay never opened.
   */
  run(): Promise<WorkerLoopEnd> {
    this.#executor.onCapacity(() => this.#startSome());
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
      this.#channel.open({ onFrame: (frame) => this.#onFrame(frame), onEnd: (error) => this.#onEnd(error) });
    });
  }

  /** Ends as at a stop request of the kernel. Without effect when it is ending. */
  stop(): void {
    if (this.#isStopping || this.#isGone) return;
    this.#isStopping = true;
    this.#returnWaiting();
    this.#endIfIdle();
  }

  #onFrame(frame: Frame): void {
    if (this.#isGone) return;
    try {
      if ((frame.flags & FrameFlag.control) !== 0) this.#onControl(frame);
      else if ((frame.stream & (StreamBit.stop | StreamBit.pong)) === 0) this.#onJob(frame);
    } catch (error) {
      this.#break(error as Error);
    }
  }

  #onControl(frame: Frame): void {
    const control = readControl(frame);
    if (control.kind === 'pid') this.#channel.send(encodePidAnswer(process.pid, this.#window));
    else if (control.kind === 'stop') this.stop();
    else this.#cancel(control);
  }

  #onJob(frame: Frame): void {
    const { header, body } = partsOf(frame);
    const number = this.#window === undefined ? undefined : frame.options[1];
    let run: JobRun;
    try {
      run = new JobRun(this.#policy.counted(this.#jobs.read(header, body)), number, this.#context);
    } catch (error) {
      return this.#refuseFrame(number, error as Error);
    }
    this.#waiting.push(run);
    if (this.#isStopping) this.#returnWaiting();
    else this.#startSome();
  }

  // The kernel waits for an answer, whatever it sent.
  #refuseFrame(number: number | undefined, error: Error): void {
    this.#logger.error(error.message);
    if (this.#window === undefined) this.#channel.send(encodeFrame({ flags: FrameFlag.error, payload: Buffer.from(error.message) }));
    else this.#channel.answer(number, encodeOutcome({ kind: 'rejected', error: failureOf(error) }));
  }

  #startSome(): void {
    const most = this.#window ?? 1;
    while (this.#waiting.length > 0 && this.#runs.size < most && this.#channel.isWritable && this.#executor.capacity() > 0) {
      this.#start(this.#waiting.shift()!);
    }
    if (!this.#channel.isWritable) this.#startWhenDrained();
  }

  #startWhenDrained(): void {
    if (this.#isBlocked) return;
    this.#isBlocked = true;
    void this.#channel.drained().then(() => {
      this.#isBlocked = false;
      this.#startSome();
    });
  }

  #start(run: JobRun): void {
    this.#runs.add(run);
    const refused = this.#policy.refuse(run);
    if (refused !== undefined) return this.#end(run, refused);
    let result: Outcome | PendingOutcome;
    try {
      result = this.#executor.execute(run, run);
    } catch (error) {
      return this.#end(run, { kind: 'failed', error: failureOf(error) });
    }
    if (!('then' in result)) return this.#end(run, result);
    void result.then(
      (value) => this.#end(run, run.outcomeOf(value)),
      (error: unknown) => this.#end(run, { kind: 'failed', error: failureOf(error) }),
    );
  }

  /** The executor has ended with it: it is answered, unless that is done, and its place is free. */
  #end(run: JobRun, outcome: Outcome): void {
    run.end();
    if (!run.isSettled) void run.settle(outcome);
    else if (outcome.kind !== 'done' && !run.isAbandoned) this.#reportLate(run, outcome);
    if (this.#finalize === undefined) this.#leave(run);
    else void this.#finalizeAfter(run, this.#finalize);
  }

  async #finalizeAfter(run: JobRun, finalize: () => void | Promise<void>): Promise<void> {
    try {
      await finalize();
    } catch (error) {
      this.#logger.error(`What has to be reset after job "${run.job.name}" was not: ${failureOf(error).message}`, { id: run.job.id, error });
    }
    this.#leave(run);
  }

  #leave(run: JobRun): void {
    if (!this.#runs.delete(run)) return;
    if (this.#runs.size === 0) this.#onIdle?.();
    if (this.#waiting.length > 0) this.#startSome();
    this.#endIfIdle();
  }

  #answer(run: JobRun, outcome: Outcome): Done {
    if (run.reported === undefined) return this.#answerAtOnce(run, outcome);
    this.#unsettled++;
    return run.reported.then(async () => {
      this.#unsettled--;
      await this.#answerAtOnce(run, outcome);
      this.#endIfIdle();
    });
  }

  #answerAtOnce(run: JobRun, outcome: Outcome): Done {
    // Nobody reads it, and a push of the policy would double the job that the kernel gives to another worker.
    if (this.#isGone) return;
    if (outcome === DONE_OUTCOME) return this.#send(run, ACK_BODY);
    const body = this.#bodyOf(run, outcome);
    if (body instanceof Uint8Array) return this.#send(run, body);
    this.#unsettled++;
    return body.then((bytes) => {
      this.#unsettled--;
      this.#send(run, bytes);
      this.#endIfIdle();
    });
  }

  // The kernel's own rule: a handler that asks for a delay or headers that are none has failed; without a backoff that works there is no next run.
  #bodyOf(run: JobRun, outcome: Outcome): Uint8Array | Promise<Uint8Array> {
    try {
      return this.#policy.answer(run, outcome);
    } catch (cause) {
      const error = failureOf(cause);
      try {
        return this.#policy.answer(run, { kind: 'failed', error });
      } catch {
        return this.#policy.answer(run, { kind: 'rejected', error });
      }
    }
  }

  #send(run: JobRun, body: Uint8Array): void {
    this.#channel.answer(run.number, body);
  }

  #cancel({ number, code, message }: CancelControl): void {
    const running = this.#runs.all.find((run) => run.number === number);
    if (running !== undefined) return running.abort(this.#cancelReason(running, code, message));
    const waiting = this.#waiting.find((run) => run.number === number);
    if (waiting === undefined) return;
    this.#waiting = this.#waiting.filter((run) => run !== waiting);
    void waiting.settle({ kind: 'failed', error: failureOf(this.#cancelReason(waiting, code, message)) });
  }

  // As the signal of a handler in the kernel itself would say it.
  #cancelReason({ job, receivedAt }: JobRun, code: string | undefined, message: string | undefined): Error {
    if (code === 'JOB_TIMEOUT') return new JobTimeoutError(job.id, job.name, Math.round(this.#clock.monotonic() - receivedAt));
    if (code === 'KERNEL_STOPPING') return new KernelStoppingError();
    return new CancelJobError(message ?? `Job "${job.name}" (${job.id}) was cancelled.`);
  }

  #abandonLater(run: JobRun): void {
    this.#clock.setTimer(this.#graceMs, () => {
      if (!this.#runs.has(run)) return;
      run.isAbandoned = true;
      this.#logger.error(`Job "${run.job.name}" went on ${this.#graceMs} ms after its time-out; its place is given away.`, { id: run.job.id });
      void run.settle({ kind: 'failed', error: failureOf(run.abortReason) });
      this.#leave(run);
    });
  }

  // Only a kernel of this library can have sent more than it was answered; another one gets them run.
  #returnWaiting(): void {
    if (this.#window === undefined) return this.#startSome();
    for (const run of this.#waiting.splice(0)) void run.settle({ kind: 'unstarted' });
  }

  #endIfIdle(): void {
    if (!this.#isStopping || this.#runs.size > 0 || this.#waiting.length > 0 || this.#unsettled > 0) return;
    void this.#channel.close().then(() => this.#settle?.('stop'));
  }

  #onEnd(error: Error | undefined): void {
    if (this.#isGone) return;
    if (error !== undefined) return this.#break(error);
    this.#isGone = true;
    this.#waiting = [];
    void this.#abortAll(new KernelStoppingError()).then(() => this.#settle?.('closed'));
  }

  #break(error: Error): void {
    this.#isGone = true;
    this.#waiting = [];
    void this.#abortAll(error)
      .then(() => this.#channel.close())
      .then(() => this.#fail?.(error));
  }

  /** Resolves when all have ended, or the grace has passed. */
  async #abortAll(reason: Error): Promise<void> {
    for (const run of [...this.#runs.all]) run.abort(reason);
    if (this.#runs.size === 0) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      timer = this.#clock.setTimer(this.#graceMs, resolve);
    });
    timer?.cancel();
  }

  #reportLate({ job, attempt }: JobRun, outcome: Outcome): void {
    const text = outcome.kind === 'failed' || outcome.kind === 'rejected' ? outcome.error.message : `It asked for "${outcome.kind}".`;
    this.#logger.error(`The handler of job "${job.name}" failed after it had settled the job: ${text}`, {
      id: job.id,
      job: job.name,
      queue: job.pipeline,
      attempt,
    });
  }
}
