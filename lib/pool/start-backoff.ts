import type { Clock, Timer } from '../contract/clock.js';

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
/** A worker that ends sooner, without an answer, counts as one that did not start. Unit: milliseconds. */
const SHORT_LIFE_MS = 1_000;

/** The wait between starts that fail: 1, 2, 4 … 30 seconds. Ended by the first worker that is of use. */
export class StartBackoff {
  readonly #clock: Clock;
  readonly #again: () => void;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, again: () => void) {
    this.#clock = clock;
    this.#again = again;
  }

  /** Nothing may be started now. */
  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  /** One start at a time, until it is known to help. */
  get isCareful(): boolean {
    return this.#failures > 0;
  }

  /** A worker was of use. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** Answers how long the wait is. Unit: milliseconds. */
  failed(): number {
    const waitMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures++;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(waitMs, () => {
      this.#timer = undefined;
      this.#again();
    });
    return waitMs;
  }

  /** True when a worker with this life did not really start. */
  isShort(readyAt: number, executions: number): boolean {
    return executions === 0 && this.#clock.monotonic() - readyAt < SHORT_LIFE_MS;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
