import type { Clock, Timer } from '../contract/clock.js';
import type { Delivery } from '../contract/driver.js';
import { DONE_OUTCOME, type JobControl, type Outcome } from '../contract/executor.js';
import { JobTimeoutError } from '../contract/job-errors.js';
import { numberHeader, TIMEOUT_HEADER } from '../contract/job-headers.js';
import type { Done, Job, JobHeaders } from '../contract/job.js';
import type { RetryPolicy } from '../contract/retry-policy.js';
import type { ReceivedJob } from './received-job.js';

/** What a run needs of its loop. */
export interface JobRunContext {
  readonly clock: Clock;
  /** Sends the answer; called once. */
  answer(run: JobRun, outcome: Outcome): Done;
  /** Its time-out has passed and its signal is aborted. */
  timedOut(run: JobRun): void;
  /** The promise, if any, is fulfilled when the kernel knows it. It never rejects. */
  progress(run: JobRun, value: unknown): Promise<void> | undefined;
}

/** One run of one job in a worker: what the executor is lent, and what it controls. Settled once, by whoever comes first. */
export class JobRun implements JobControl, Delivery {
  readonly job: Job;
  readonly attempt: number;
  readonly driver: string;
  readonly queue: string;
  /** Unit: monotonic milliseconds. */
  readonly receivedAt: number;
  isSettled = false;
  deadline = Infinity;
  /** Set when the loop waits for the executor no longer. */
  isAbandoned = false;
  /** In the set of what runs; below 0: nowhere. */
  place = -1;
  /** Fulfilled when the kernel knows what the handler has reported: it forgets the job at its answer. */
  reported: Promise<void> | undefined;
  readonly #context: JobRunContext;
  #retry: Partial<RetryPolicy> | undefined;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;
  #timer: Timer | undefined;
  #ignoresValue = false;

  constructor(
    { job, attempt, driver, queue }: ReceivedJob,
    /** The kernel's, where several jobs are in flight. */
    readonly number: number | undefined,
    context: JobRunContext,
  ) {
    this.job = job;
    this.attempt = attempt;
    this.driver = driver;
    this.queue = queue;
    this.receivedAt = context.clock.monotonic();
    this.#context = context;
  }

  /** What the handler says of its own. */
  get retry(): Partial<RetryPolicy> | undefined {
    return this.#retry;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get abortReason(): Error | undefined {
    return this.#abortReason;
  }

  // The job's own time-out wins.
  limit(timeoutMs: number): void {
    this.setTimeout(numberHeader(this.job.headers, TIMEOUT_HEADER) ?? timeoutMs);
  }

  setTimeout(timeoutMs: number): void {
    const { clock } = this.#context;
    this.#timer?.cancel();
    this.deadline = clock.monotonic() + timeoutMs;
    this.#timer = clock.setTimer(timeoutMs, () => {
      this.abort(new JobTimeoutError(this.job.id, this.job.name, timeoutMs));
      this.#context.timedOut(this);
    });
  }

  retryBy(policy: Partial<RetryPolicy>): void {
    this.#retry = policy;
  }

  ignoreValue(): void {
    this.#ignoresValue = true;
  }

  /** What it means that the promise of the executor was fulfilled with `value`. */
  outcomeOf(value: Outcome): Outcome {
    return this.#ignoresValue ? DONE_OUTCOME : value;
  }

  settle(outcome: Outcome): Done {
    if (this.isSettled) return;
    this.isSettled = true;
    return this.#context.answer(this, outcome);
  }

  progress(value: unknown): void {
    this.reported = this.#context.progress(this, value) ?? this.reported;
  }

  /** Tells the handler to end. The first reason stands. */
  abort(reason: Error): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** The executor has ended; no time-out comes any more. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  // As a delivery, for executors that settle by it.

  ack(): Done {
    return this.settle(DONE_OUTCOME);
  }

  nack({ requeue, delayMs = 0 }: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    return this.settle({ kind: 'nacked', requeue, delayMs, reason: '' });
  }

  requeue({ headers, delayMs }: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    return this.settle({ kind: 'requeue', headers, delayMs, reason: '', spendsAttempt: false });
  }
}
