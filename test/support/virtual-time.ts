import { systemClock, type Clock, type Timer, type TimerOptions } from '../../lib/contract/clock.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import type { ContractTime } from '../drivers/driver-contract.js';

/** Time that passes only when a test says so. */
export function createVirtualTime(): ContractTime {
  const clock = new VirtualClock();
  return { clock, pass: (ms) => clock.advance(ms) };
}

/**
 * Time of the machine of which a test leaves out the most: for a driver that holds delays by its clock and talks to a real broker meanwhile. So long it
 * really waits, that what must not happen has its time to happen. Unit: milliseconds.
 */
const REAL_MS = 200;

export function createShortenedTime(): ContractTime {
  const clock = new ShortenedClock();
  return { clock, pass: (ms) => clock.pass(ms) };
}

class ShortenedClock implements Clock {
  readonly #timers = new Set<ShortenedTimer>();
  #skippedMs = 0;

  now(): number {
    return systemClock.now() + this.#skippedMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#skippedMs;
  }

  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer {
    const timer = new ShortenedTimer(
      this,
      this.monotonic() + delayMs,
      () => {
        this.#timers.delete(timer);
        callback();
      },
      options,
    );
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) && timer.stop() };
  }

  async pass(ms: number): Promise<void> {
    const realMs = Math.min(ms, REAL_MS);
    await new Promise<void>((resolve) => void systemClock.setTimer(realMs, resolve));
    this.#skippedMs += ms - realMs;
    for (const timer of this.#timers) timer.start();
  }
}

class ShortenedTimer {
  readonly #clock: Clock;
  readonly #at: number;
  readonly #callback: () => void;
  readonly #options: TimerOptions | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, at: number, callback: () => void, options: TimerOptions | undefined) {
    this.#clock = clock;
    this.#at = at;
    this.#callback = callback;
    this.#options = options;
    this.start();
  }

  /** Anew with what is left. */
  start(): void {
    this.stop();
    this.#timer = systemClock.setTimer(Math.max(0, this.#at - this.#clock.monotonic()), this.#callback, this.#options);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
