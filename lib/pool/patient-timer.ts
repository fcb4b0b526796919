import type { Clock, Timer } from '../contract/clock.js';

/** Each of them lets the event loop read once. */
const PARTS = 10;

/**
 * A timer for the rest of what a dead process has written: `callback` is called after `delayMs`, of which no more than a tenth passes while the event
 * loop is blocked. After a long block a plain one would be called before anything of the rest was read.
 */
export function setPatientTimer(clock: Clock, delayMs: number, callback: () => void): Timer {
  let left = PARTS;
  const next = (): Timer =>
    clock.setTimer(delayMs / PARTS, () => {
      if (--left > 0) timer = next();
      else callback();
    });
  let timer = next();
  return { cancel: () => timer.cancel() };
}
