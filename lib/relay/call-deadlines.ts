import type { Clock, Timer } from '../contract/clock.js';

/**
 * One timer for the deadlines of many calls. It is set again only for a deadline before the one that it waits for: with
 * one time-out for all calls that is once per time-out, however many calls there are.
 */
export class CallDeadlines {
  readonly #clock: Clock;
  readonly #onDue: (now: number) => number;
  #timer: Timer | undefined;
  #dueAt = Infinity;

  /** @param onDue - Ends the calls that are due and answers the earliest deadline of the others. */
  constructor(clock: Clock, onDue: (now: number) => number) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  add(deadlineAt: number): void {
    if (deadlineAt < this.#dueAt) this.#arm(deadlineAt);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueAt = Infinity;
  }

  // The timer holds no process: while calls are on their way their socket does.
  #arm(dueAt: number): void {
    this.#timer?.cancel();
    this.#dueAt = dueAt;
    this.#timer = this.#clock.setTimer(dueAt - this.#clock.monotonic(), () => this.#fire(), { keepsAlive: false });
  }

  #fire(): void {
    this.#timer = undefined;
    this.#dueAt = Infinity;
    const next = this.#onDue(this.#clock.monotonic());
    // A call that was rejected may have made a new one, whose deadline is set already.
    if (next < this.#dueAt) this.#arm(next);
  }
}
