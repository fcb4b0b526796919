import type { Clock, Timer } from '../../contract/clock.js';

/** Before writes that failed are tried again: a disk that is full stays so for a while. */
const RETRY_MS = 1_000;

/** Writes that failed and nobody waits for. */
export class Retries {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  later(work: () => void): void {
    if (this.#isStopped) return;
    const timer = this.#clock.setTimer(RETRY_MS, () => {
      this.#timers.delete(timer);
      work();
    });
    this.#timers.add(timer);
  }

  /** Nothing is tried any more. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
  }
}
