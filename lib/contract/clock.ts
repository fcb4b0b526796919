/** The only source of time. Everything that waits takes it from its context, so that tests own the time. */
export interface Clock {
  /** Wall time. Unit: Unix milliseconds. May jump. For what is stored or shown. */
  now(): number;
  /** Unit: milliseconds since an unknown start. Never goes back. For delays, deadlines and ages. */
  monotonic(): number;
  /** Calls back once, never early. Any length is allowed. */
  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer;
}

export interface TimerOptions {
  /** False: a process that has nothing else to do ends before the timer fires. Default: true. */
  readonly keepsAlive?: boolean;
}

/** A timer that was set. */
export interface Timer {
  /** Ends it; without effect when it has fired or was cancelled. */
  cancel(): void;
}

/** A moment by which something has to be over. */
export interface Deadline {
  /** Unit: milliseconds from now, 0 when it has passed, `Infinity` when there is none. */
  remainingMs(): number;
}

/** The longest time that one `setTimeout` can wait: 2^31 − 1 ms, 24.8 days. A longer one would fire at once. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (delayMs, callback, options) => new SystemTimer(delayMs, callback, options?.keepsAlive ?? true),
};

/** The moment `delayMs` from now. */
export function deadlineAfter(clock: Clock, delayMs: number): Deadline {
  const at = clock.monotonic() + delayMs;
  return { remainingMs: () => Math.max(0, at - clock.monotonic()) };
}

class SystemTimer implements Timer {
  readonly #keepsAlive: boolean;
  #handle: ReturnType<typeof setTimeout>;

  constructor(delayMs: number, callback: () => void, keepsAlive: boolean) {
    this.#keepsAlive = keepsAlive;
    this.#handle = this.#arm(performance.now() + Math.max(0, delayMs), callback);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  // setTimeout may fire up to a millisecond early by the monotonic clock: look again, never call early.
  #arm(at: number, callback: () => void): ReturnType<typeof setTimeout> {
    const left = Math.ceil(at - performance.now());
    const handle = setTimeout(
      () => {
        if (performance.now() >= at) callback();
        else this.#handle = this.#arm(at, callback);
      },
      Math.min(left, MAX_TIMEOUT_MS),
    );
    return this.#keepsAlive ? handle : handle.unref();
  }
}
