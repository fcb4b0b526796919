import type { Clock } from '../contract/clock.js';

/** Also resolves when the time is over: a process in an uninterruptible wait outlives SIGKILL. */
export function within(done: Promise<unknown>, timeoutMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, resolve);
    done.finally(() => timer.cancel()).then(() => resolve(), reject);
  });
}
