import type { Clock, Timer } from '../contract/clock.js';
import type { JobControl, Outcome } from '../contract/executor.js';
import { JobTimeoutError } from '../contract/job-errors.js';
import { ATTEMPT_HEADER, numberHeader, TIMEOUT_HEADER } from '../contract/job-headers.js';
import type { Job } from '../contract/job.js';

/** One run of a handler without a kernel: what settles the job is taken and has no further effect. */
export class HandlerRun implements JobControl {
  readonly driver = 'memory';
  readonly #job: Job;
  readonly #clock: Clock;
  readonly #aborter = new AbortController();
  /** The job's own time-out. */
  readonly #timeoutMs: number | undefined;
  #timer: Timer | undefined;
  #deadline = Infinity;
  #isSettled = false;

  constructor(job: Job, clock: Clock) {
    this.#job = job;
    this.#clock = clock;
    this.#timeoutMs = numberHeader(job.headers, TIMEOUT_HEADER);
    if (this.#timeoutMs !== undefined) this.#abortAfter(this.#timeoutMs);
  }

  get attempt(): number {
    return 1 + (numberHeader(this.#job.headers, ATTEMPT_HEADER) ?? 0);
  }

  get queue(): string {
    return this.#job.pipeline;
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  get deadline(): number {
    return this.#deadline;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  limit(timeoutMs: number): void {
    if (this.#timeoutMs === undefined) this.#abortAfter(timeoutMs);
  }

  // It runs once, whatever its policy.
  retryBy(): void {}

  settle(_outcome: Outcome): void {
    this.#isSettled = true;
  }

  progress(): void {}

  /** The handler has ended. */
  end(): void {
    this.#timer?.cancel();
  }

  #abortAfter(timeoutMs: number): void {
    this.#deadline = this.#clock.monotonic() + timeoutMs;
    this.#timer = this.#clock.setTimer(timeoutMs, () => this.#aborter.abort(new JobTimeoutError(this.#job.id, this.#job.name, timeoutMs)));
  }
}
