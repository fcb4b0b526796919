import type { Clock, Timer } from '../contract/clock.js';

/** How late it may bark. Unit: milliseconds. */
const TICK_MS = 1_000;

/**
 * Waits for things that should not take long, by one timer over all of them: to begin and end a watch costs a map entry,
 * and while nothing is watched no timer runs.
 */
export class Watchdog<T> {
  readonly #clock: Clock;
  readonly #onLate: (watched: T) => void;
  readonly #dueAt = new Map<T, number>();
  #timer: Timer | undefined;

  constructor(clock: Clock, onLate: (watched: T) => void) {
    this.#clock = clock;
    this.#onLate = onLate;
  }

  /** Again for the same thing: the new time counts. */
  watch(watched: T, withinMs: number): void {
    this.#dueAt.set(watched, this.#clock.monotonic() + withinMs);
    this.#timer ??= this.#clock.setTimer(TICK_MS, () => this.#tick(), { keepsAlive: false });
  }

  leave(watched: T): void {
    this.#dueAt.delete(watched);
  }

  stop(): void {
    this.#dueAt.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tick(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (const [watched, dueAt] of this.#dueAt) {
      if (dueAt > now) continue;
      this.#dueAt.delete(watched);
      this.#onLate(watched);
    }
    if (this.#dueAt.size > 0) this.#timer ??= this.#clock.setTimer(TICK_MS, () => this.#tick(), { keepsAlive: false });
  }
}
