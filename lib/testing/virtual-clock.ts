import type { Clock, Timer } from '../contract/clock.js';
import { durationMs } from '../contract/duration.js';
import { JobsArgumentError } from '../contract/errors.js';

/** @publicApi */
export interface VirtualClockOptions {
  /** Wall time at the start. A number is Unix milliseconds. Default: `2026-01-01T00:00:00Z`. */
  readonly start?: number | Date;
}

const DEFAULT_START = Date.UTC(2026, 0, 1);
/** How often the event loop turns before the next timer fires: enough for a loop that yields once or twice. */
const TURNS = 3;

/**
 * A clock that stands still until a test moves it. Timers fire in the order of their time, equal ones in the order they
 * were set; every run of a test sees the same.
 *
 * @example
 * ```ts
 * const clock = new VirtualClock();
 * clock.setTimer(60_000, () => send());
 * await clock.advance('1m'); // send() has run, and what it started has had its turn
 * ```
 *
 * @publicApi
 */
export class VirtualClock implements Clock {
  /** Sorted by time, then by order of setting. */
  readonly #timers: VirtualTimer[] = [];
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #timersSet = 0;
  #moving: Promise<void> = Promise.resolve();

  /** @throws {@link JobsArgumentError} when `start` is no moment. */
  constructor(options: VirtualClockOptions = {}) {
    this.#wallOffsetMs = finite(Number(options.start ?? DEFAULT_START), 'start');
  }

  /** Timers that are set and did not fire. A test that ends with 0 has left none behind. */
  get pending(): number {
    return this.#timers.length;
  }

  now(): number {
    return Math.floor(this.#wallOffsetMs + this.#monotonicMs);
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  /** @throws {@link JobsArgumentError} when `delayMs` is `NaN`. A negative one counts as 0; `Infinity` never fires. */
  setTimer(delayMs: number, callback: () => void): Timer {
    if (Number.isNaN(delayMs)) throw new JobsArgumentError('A timer was set with a delay of NaN. Give milliseconds.');
    const timer = new VirtualTimer(this.#monotonicMs + Math.max(0, delayMs), this.#timersSet++, callback, (cancelled) => this.#remove(cancelled));
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return timer;
  }

  /**
   * Moves wall time and monotonic time, and fires every timer that becomes due, those set meanwhile included. Before the
   * first and after each of them, promises and `setImmediate` callbacks get their turn. Calls that overlap run one after another.
   *
   * @param duration - A number is milliseconds. Text as `'10m'` or `'1h30m'`; text without a unit is seconds, as everywhere.
   * @throws {@link JobsArgumentError} when it is negative, not finite or no duration; and whatever a timer's callback throws:
   *   the clock then stands at the moment of that timer.
   */
  advance(duration: number | string): Promise<void> {
    return this.#alone(() => this.#moveTo(this.#monotonicMs + advanceMs(duration)));
  }

  /**
   * Moves to the moment of the next timer and fires those that are due then; promises and `setImmediate` callbacks get
   * their turn as with {@link advance}.
   *
   * @param until - The latest moment to move to. Unit: monotonic milliseconds. Default: `Infinity`.
   * @returns False when no timer is due by then; the clock has not moved.
   */
  advanceToNextTimer(until = Infinity): Promise<boolean> {
    return this.#alone(async () => {
      await turns();
      const next = this.#timers[0];
      if (next === undefined || next.at > until || next.at === Infinity) return false;
      await this.#moveTo(next.at);
      return true;
    });
  }

  /**
   * Moves wall time only, as when the clock of a machine is set. No timer fires.
   *
   * @param deltaMs - Unit: milliseconds; negative sets it back.
   * @throws {@link JobsArgumentError} when it is not finite.
   */
  jump(deltaMs: number): void {
    this.#wallOffsetMs += finite(deltaMs, 'deltaMs');
  }

  #alone<T>(move: () => Promise<T>): Promise<T> {
    const moved = this.#moving.then(move);
    this.#moving = moved.then(
      () => {},
      () => {}, // its caller has the error; the next call must still run
    );
    return moved;
  }

  async #moveTo(target: number): Promise<void> {
    await turns();
    for (let next = this.#timers[0]; next !== undefined && next.at <= target; next = this.#timers[0]) {
      this.#timers.shift();
      this.#monotonicMs = next.at;
      next.callback();
      await turns();
    }
    this.#monotonicMs = target;
  }

  #remove(timer: VirtualTimer): void {
    const place = this.#placeOf(timer);
    if (this.#timers[place] === timer) this.#timers.splice(place, 1);
  }

  #placeOf(timer: VirtualTimer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle].isBefore(timer)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

class VirtualTimer implements Timer {
  readonly #cancel: (timer: VirtualTimer) => void;

  constructor(
    readonly at: number,
    readonly sequence: number,
    readonly callback: () => void,
    cancel: (timer: VirtualTimer) => void,
  ) {
    this.#cancel = cancel;
  }

  cancel(): void {
    this.#cancel(this);
  }

  isBefore(other: VirtualTimer): boolean {
    return this.at < other.at || (this.at === other.at && this.sequence < other.sequence);
  }
}

/** How far `advance(duration)` moves, in milliseconds. */
export function advanceMs(duration: number | string): number {
  const ms = typeof duration === 'string' ? durationMs(duration, 'duration') : finite(duration, 'duration');
  if (ms < 0) throw new JobsArgumentError(`duration is ${ms} ms, but time does not go back. Use jump() to set the wall clock back.`);
  return ms;
}

/** Promises and `setImmediate` callbacks get their turn. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

function finite(value: number, what: string): number {
  if (Number.isFinite(value)) return value;
  throw new JobsArgumentError(`${what} is ${value}. Give a finite number of milliseconds.`);
}
