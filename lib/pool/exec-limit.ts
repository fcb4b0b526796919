import type { Clock, Timer } from '../contract/clock.js';
import type { Worker } from './worker.js';

/**
 * `supervisor.exec_ttl`: kills a worker that has a payload for too long. One timer for all of them; it stays set while anything
 * is under way, so that a payload costs no timer.
 */
export class ExecLimit {
  readonly #ttlMs: number;
  readonly #clock: Clock;
  readonly #workers: () => Iterable<Worker>;
  #timer: Timer | undefined;

  constructor(ttlMs: number, clock: Clock, workers: () => Iterable<Worker>) {
    this.#ttlMs = ttlMs;
    this.#clock = clock;
    this.#workers = workers;
  }

  /** Something was given to a worker. */
  watch(): void {
    if (this.#timer === undefined && this.#ttlMs > 0) this.#armAfter(this.#ttlMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #armAfter(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => this.#check());
  }

  #check(): void {
    this.#timer = undefined;
    const latest = this.#clock.monotonic() - this.#ttlMs;
    let next = Infinity;
    for (const worker of this.#workers()) {
      const { oldest } = worker;
      if (oldest === undefined) continue;
      if (oldest.sentAt > latest) {
        next = Math.min(next, oldest.sentAt - latest);
        continue;
      }
      const guilty = [...worker.flights()].filter((flight) => flight.sentAt <= latest);
      worker.kill({
        kind: 'timeout',
        detail: `Worker ${worker.pid} gave no answer for ${this.#ttlMs} ms, the limit of "exec_ttl", and was killed.`,
        guilty,
      });
    }
    if (next !== Infinity) this.#armAfter(next);
  }
}
