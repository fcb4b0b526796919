import type { Delivery } from './driver.js';
import type { JobFailure } from './failure.js';
import type { Done, JobHeaders } from './job.js';
import type { RetryPolicy } from './retry-policy.js';

/** What runs deliveries: handlers of this process, or a pool of worker processes. */
export interface Executor {
  /** Free slots now. */
  capacity(): number;
  /** The listener is called whenever slots became free without an outcome: a worker that started, a window that grew. */
  onCapacity(listener: () => void): void;
  /** A throw or a rejection counts as `failed` with that error. Synchronous handlers stay synchronous. */
  execute(delivery: Delivery, control: JobControl): Outcome | PendingOutcome;
  executeMany?(deliveries: readonly Delivery[], control: JobControl): Promise<Outcome[]>;
}

/**
 * An outcome that is not there yet: a promise, or less. `then` is called once, and may call back in the turn in which the outcome comes,
 * where a promise would take a microtask and five objects.
 */
export interface PendingOutcome {
  then(onFulfilled: (outcome: Outcome) => void, onRejected: (error: unknown) => void): unknown;
}

/** One run of one job, as its executor sees it. A new one for every run. */
export interface JobControl {
  /** Aborts at the time-out, at a cancel and at the stop of the kernel. Made at the first read (7 µs). */
  readonly signal: AbortSignal;
  /** Unit: monotonic milliseconds; `Infinity` without a time-out. */
  readonly deadline: number;
  /** Runs of this job, this one included: 1 at first. */
  readonly attempt: number;
  /** True when the job has been settled, by whomever. */
  readonly isSettled: boolean;
  /** The driver the job came through. */
  readonly driver: string;
  /** The broker's name of the queue it came from. */
  readonly queue: string;
  /** The handler's own time-out, in milliseconds; the job's wins over it. To be called before the handler runs. */
  limit(timeoutMs: number): void;
  /** The handler's own policy, over that of the pipeline. To be called before the handler runs. */
  retryBy(policy: Partial<RetryPolicy>): void;
  /**
   * Says that the promise which `execute` answers with is the handler's own: fulfilled means done, whatever its value.
   * Saves a promise per job; an executor that is given no such method answers with a promise of an outcome.
   */
  ignoreValue?(): void;
  /**
   * Calls back once when `signal` would abort, at once when it has; costs nothing where reading the signal costs 7 µs. One listener:
   * a second one takes the place of the first. Without the method the signal tells.
   */
  onAbort?(listener: (reason: Error) => void): void;
  /** Settles before the handler ends. The promise, if any, is the driver's. The slot stays taken. */
  settle(outcome: Outcome): Done;
  /** Tells whoever listens how far the job is. */
  progress(value: unknown): void;
}

/** How a run ended. */
export type Outcome =
  | { readonly kind: 'done'; readonly result?: Uint8Array }
  /** Thrown: the attempts policy decides. */
  | { readonly kind: 'failed'; readonly error: JobFailure }
  /** Final. */
  | { readonly kind: 'rejected'; readonly error: JobFailure }
  /** The handler settled it as a broker would: no policy of ours, no failed store. */
  | { readonly kind: 'nacked'; readonly requeue: boolean; readonly delayMs: number; readonly reason: string }
  | {
      readonly kind: 'requeue';
      readonly headers: JobHeaders;
      readonly delayMs: number;
      readonly reason: string;
      readonly spendsAttempt: boolean;
    }
  /** The worker process died; counted against `maxCrashes`. */
  | { readonly kind: 'crashed'; readonly reason: 'exit' | 'timeout' | 'memory' | 'protocol'; readonly detail: string }
  /** Back to its place, nothing counted. */
  | { readonly kind: 'unstarted' };

/** The plain end of a job: shared, so that it costs nothing. */
export const DONE_OUTCOME: Outcome = Object.freeze({ kind: 'done' });
