import type { Clock, Timer } from '../contract/clock.js';
import { JobTimeoutError } from '../contract/job-errors.js';
import type { Run } from './run.js';

/** What the limits do to a run. */
export interface RunLimitListeners {
  onTimeout(run: Run): void;
  /** Its slot is to be given away although its handler goes on. */
  onAbandon(run: Run): void;
  extend(run: Run): void;
}

/**
 * Time-outs of running jobs and the leases of their deliveries: one timer for all of them. It stays set when the run that asked
 * for it has ended: the next one mostly has a later time and needs no new one, so that a job with a time-out costs no timer. At a time-out the signal
 * aborts; after the grace the slot is given away.
 */
export class RunLimits {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #listeners: RunLimitListeners;
  readonly #extendAt = new Map<Run, number>();
  readonly #runs = new Set<Run>();
  #timer: Timer | undefined;
  #timerAt = Infinity;

  constructor(clock: Clock, graceMs: number, listeners: RunLimitListeners) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#listeners = listeners;
  }

  watch(run: Run): void {
    run.isWatched = true;
    this.#runs.add(run);
    this.#armAt(this.#nextOf(run));
  }

  /** Extends the delivery's lease at a third of it for as long as the run lasts. */
  keepLease(run: Run, leaseMs: number): void {
    this.#extendAt.set(run, this.#clock.monotonic() + leaseMs / 3);
    this.watch(run);
  }

  /** Gives the slot away when the handler has not ended after `graceMs`. */
  abandonAfter(run: Run, graceMs: number): void {
    run.abandonAt = Math.min(run.abandonAt, this.#clock.monotonic() + graceMs);
    this.watch(run);
  }

  forget(run: Run): void {
    this.#runs.delete(run);
    this.#extendAt.delete(run);
  }

  /** Nothing runs any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  #nextOf(run: Run): number {
    const next = run.abortReason === undefined ? Math.min(run.deadline, run.abandonAt) : run.abandonAt;
    return Math.min(next, this.#extendAt.get(run) ?? Infinity);
  }

  #armAt(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(Math.max(0, at - this.#clock.monotonic()), () => this.#check());
  }

  #check(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    const now = this.#clock.monotonic();
    // Not a copy: the end of one run may be the end of others.
    for (const run of this.#runs) {
      this.#extendIfDue(run, now);
      if (now >= run.abandonAt) {
        this.forget(run);
        this.#listeners.onAbandon(run);
      } else if (now >= run.deadline && run.abortReason === undefined) {
        run.abort(new JobTimeoutError(run.delivery.job.id, run.delivery.job.name, run.timeoutMs));
        run.abandonAt = now + this.#graceMs;
        this.#listeners.onTimeout(run);
      }
    }
    for (const run of this.#runs) this.#armAt(this.#nextOf(run));
  }

  #extendIfDue(run: Run, now: number): void {
    const at = this.#extendAt.get(run);
    const { leaseMs } = run.delivery;
    if (at === undefined || now < at || leaseMs === undefined) return;
    this.#extendAt.set(run, now + leaseMs / 3);
    this.#listeners.extend(run);
  }
}
