import type { Clock, Timer } from '../../contract/clock.js';

/** Between two turns of which the first one found something that is due at once, but less than it wrote. Unit: milliseconds. */
const SHORTEST_REST_MS = 1_000;
/** Between two turns that find nothing. Who writes to the partition meanwhile is read no later than that. Unit: milliseconds. */
const LONGEST_REST_MS = 30_000;

/**
 * Bounds how often the waiting jobs of a partition are written again at its end. A turn ends when all is read that was in the partition as it began:
 * what comes then was written again in it, and its times are known. So the next one waits, longer each time, unless one of them is due.
 */
export class Turn {
  readonly #clock: Clock;
  readonly #onRested: () => void;
  #restMs = SHORTEST_REST_MS;
  #timer: Timer | undefined;
  /** Of the partition, at the first fetch. */
  #end: number | undefined;
  #written = 0;
  #found = 0;
  /** Of what was written. Unit: Unix milliseconds. */
  #soonest = Infinity;

  /** @param onRested - The next turn may begin. */
  constructor(clock: Clock, onRested: () => void) {
    this.#clock = clock;
    this.#onRested = onRested;
  }

  /** Nothing is to be written. */
  get isResting(): boolean {
    return this.#timer !== undefined;
  }

  /** A job is written again. */
  wrote(dueAt: number): void {
    this.#written++;
    this.#soonest = Math.min(this.#soonest, dueAt);
  }

  /** A record came that waits for no time. */
  found(): void {
    this.#found++;
  }

  /**
   * The partition was read on.
   *
   * @param next - What was read ends before it.
   * @param end - The offset after the last record.
   */
  read(next: number, end: number): void {
    if (this.#written === 0 || this.isResting) return;
    this.#end ??= end;
    if (next >= this.#end) this.#rest();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #rest(): void {
    if (this.#found > 0) this.#restMs = SHORTEST_REST_MS;
    const isWorthIt = this.#found >= this.#written;
    const restMs = Math.max(SHORTEST_REST_MS, Math.min(this.#restMs, this.#soonest - this.#clock.now()));
    this.#end = undefined;
    this.#written = 0;
    this.#found = 0;
    this.#soonest = Infinity;
    if (isWorthIt) return;
    this.#restMs = Math.min(2 * this.#restMs, LONGEST_REST_MS);
    this.#timer = this.#clock.setTimer(restMs, () => {
      this.#timer = undefined;
      this.#onRested();
    });
  }
}
