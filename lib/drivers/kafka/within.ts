import type { Clock, Deadline } from '../../contract/clock.js';

/** Ends with the deadline, whatever becomes of the work. */
export function within(clock: Clock, deadline: Deadline, work: Promise<unknown>): Promise<void> {
  return new Promise<void>((resolve) => {
    const timer = deadline.remainingMs() === Infinity ? undefined : clock.setTimer(deadline.remainingMs(), resolve);
    const end = (): void => {
      timer?.cancel();
      resolve();
    };
    work.then(end, end);
  });
}
