/** Work that may wait in one worker. Longer work is better given to another one. Unit: milliseconds. */
const TARGET_MS = 5;
/** A worker that has not answered for so long is given nothing more until it does. Unit: milliseconds. */
const STALL_MS = 10;
/** What is left of the doubt in a worker that became faster, after each answer. */
const DOUBT = 7 / 8;

/**
 * How many payloads a worker may have at once: as many as it does in 5 ms, from 1 up to what was agreed. It begins with 1;
 * a slow answer shrinks it at once, fast ones widen it step by step, so that hardly anything waits behind a long job.
 */
export class AdaptiveWindow {
  readonly #most: number;
  #size = 1;
  #perPayloadMs = Infinity;
  /** When the worker last began or answered. Unit: monotonic milliseconds. */
  #since = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get most(): number {
    return this.#most;
  }

  get size(): number {
    return this.#size;
  }

  /** A worker that had nothing was given something. */
  begin(now: number): void {
    this.#since = now;
  }

  /**
   * `count` answers came together.
   *
   * @param sentAt - When the first of their payloads was sent: a worker that only waits for more is not slow.
   */
  answered(count: number, now: number, sentAt: number): void {
    const sample = (now - Math.max(this.#since, sentAt)) / count;
    this.#since = now;
    const before = this.#perPayloadMs;
    this.#perPayloadMs = before === Infinity || sample > before ? sample : sample + (before - sample) * DOUBT ** count;
    this.#size = Math.max(1, Math.min(this.#most, Math.floor(TARGET_MS / Math.max(this.#perPayloadMs, Number.MIN_VALUE))));
  }

  /** True when a worker that has something keeps silent. */
  isStalled(now: number): boolean {
    return now - this.#since > STALL_MS;
  }
}
