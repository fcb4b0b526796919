import type { Delivery, DriverCapabilities } from '../contract/driver.js';
import { DONE_OUTCOME, type JobControl, type Outcome } from '../contract/executor.js';
import { ATTEMPT_HEADER, CRASHES_HEADER, numberHeader, TIMEOUT_HEADER } from '../contract/job-headers.js';
import { NO_HEADERS, type Done } from '../contract/job.js';
import type { JobEvent, JobsEvents } from '../contract/jobs-events.js';
import type { RetryPolicy } from '../contract/retry-policy.js';
import type { PipelineSettings } from '../contract/settings.js';

/** What a run, its dispatcher and its settlement need of a pipeline. */
export interface RunPipeline {
  readonly name: string;
  /** The broker's name of the queue. */
  readonly queue: string;
  readonly settings: PipelineSettings;
  readonly retry: RetryPolicy;
  readonly capabilities: DriverCapabilities;
  /** A job of this pipeline left the priority queue. */
  left(): void;
  /** Its run is over. */
  freed(bytes: number): void;
  /** Counts starts durably, where the driver does. */
  readonly starting: ((deliveries: readonly Delivery[]) => void) | undefined;
}

/** What a run needs of its kernel. */
export interface RunContext {
  readonly events: JobsEvents;
  settle(run: Run, outcome: Outcome): Done;
  /** Acknowledges before the handler runs. */
  autoAck(run: Run): void;
  /** The handler ended: settles what was not settled before. */
  end(run: Run, outcome: Outcome): void;
  watch(run: Run): void;
}

/** Jobs that start together: the clock is read once for all of them. */
export interface DispatchTurn {
  /** Unit: monotonic milliseconds. */
  readonly startedAt: number;
}

/** One run of one job. A new one for each, so that a late call of a handler that ended reaches no other job. */
export class Run implements JobControl {
  isSettled = false;
  /** Acknowledged when it was handed out: whatever settles it later changes nothing. */
  isAutoAcked = false;
  /** Its time-out or lease is being watched. */
  isWatched = false;
  /** Why it was aborted. */
  abortReason: Error | undefined = undefined;
  lastProgress: unknown = undefined;
  readonly #turn: DispatchTurn;
  readonly #context: RunContext;
  // Apart, as most runs have none: V8 gives every number with a fraction, and Infinity, an object of its own.
  #times: { deadline: number; abandonAt: number } | undefined = undefined;
  #ignoresValue = false;
  #controller: AbortController | undefined = undefined;
  #onAbort: ((reason: Error) => void) | undefined = undefined;
  #retry: RetryPolicy | undefined = undefined;

  constructor(
    readonly delivery: Delivery,
    readonly pipeline: RunPipeline,
    turn: DispatchTurn,
    context: RunContext,
  ) {
    this.#turn = turn;
    this.#context = context;
  }

  /** Unit: monotonic milliseconds. */
  get startedAt(): number {
    return this.#turn.startedAt;
  }

  get deadline(): number {
    return this.#times === undefined ? Infinity : this.#times.deadline;
  }

  /** When its slot is given away although the handler goes on. Unit: monotonic milliseconds. */
  get abandonAt(): number {
    return this.#times === undefined ? Infinity : this.#times.abandonAt;
  }

  set abandonAt(at: number) {
    this.#timed().abandonAt = at;
  }

  get driver(): string {
    return this.pipeline.settings.driver;
  }

  get queue(): string {
    return this.delivery.job.kafka?.topic ?? this.pipeline.queue;
  }

  /** What becomes of the job when it fails. */
  get retry(): RetryPolicy {
    return this.#retry ?? this.pipeline.retry;
  }

  get attempt(): number {
    const { headers } = this.delivery.job;
    const deaths = this.delivery.starts ?? 0;
    if (headers === NO_HEADERS) return 1 + deaths;
    return 1 + deaths + (numberHeader(headers, ATTEMPT_HEADER) ?? 0) + (numberHeader(headers, CRASHES_HEADER) ?? 0);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.abortReason !== undefined) this.#controller.abort(this.abortReason);
    }
    return this.#controller.signal;
  }

  // Both are fractions: without rounding an error would speak of 99.99999999999989 ms.
  get timeoutMs(): number {
    return Math.round((this.deadline - this.startedAt) * 1_000) / 1_000;
  }

  // The job's own time-out was set before the handler's is known, and wins.
  limit(timeoutMs: number): void {
    if (this.deadline !== Infinity && numberHeader(this.delivery.job.headers, TIMEOUT_HEADER) !== undefined) return;
    this.setTimeout(timeoutMs);
  }

  retryBy(policy: Partial<RetryPolicy>): void {
    this.#retry = { ...this.pipeline.retry, ...policy };
  }

  setTimeout(timeoutMs: number): void {
    this.#timed().deadline = this.startedAt + timeoutMs;
    this.#context.watch(this);
  }

  ignoreValue(): void {
    this.#ignoresValue = true;
  }

  /** What it means that the promise of its executor was fulfilled with `value`. */
  outcomeOf(value: Outcome): Outcome {
    return this.#ignoresValue ? DONE_OUTCOME : value;
  }

  settle(outcome: Outcome): Done {
    return this.#context.settle(this, outcome);
  }

  progress(value: unknown): void {
    this.lastProgress = value;
    const { progress } = this.#context.events;
    if (progress !== undefined) progress({ ...this.event(), progress: value });
  }

  /** Tells the handler to end. The first reason stands. */
  abort(reason: Error): void {
    if (this.abortReason !== undefined) return;
    this.abortReason = reason;
    this.#controller?.abort(reason);
    this.#onAbort?.(reason);
  }

  onAbort(listener: (reason: Error) => void): void {
    this.#onAbort = listener;
    if (this.abortReason !== undefined) listener(this.abortReason);
  }

  event(): JobEvent {
    const { id, name, headers } = this.delivery.job;
    return { id, name, queue: this.pipeline.name, headers, attempt: this.attempt };
  }

  #timed(): { deadline: number; abandonAt: number } {
    return (this.#times ??= { deadline: Infinity, abandonAt: Infinity });
  }
}
