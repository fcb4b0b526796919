import { JobsArgumentError } from './errors.js';
import { shown } from './shown.js';

/** A number of seconds, a duration text (`'500ms'`, `'42m'`, `'1h30m'`), or the moment itself. @publicApi */
export type DurationInput = number | string | Date;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION_TEXT = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
/** 2^53 ms hold no more than this: about 285,000 years. */
const MAX_MS = Number.MAX_SAFE_INTEGER;

/**
 * Reads a duration. A `Date` in the past is 0.
 *
 * @param what - The name of the option, for the error.
 * @param nowMs - Wall time, asked only for a `Date`.
 * @returns milliseconds, 0 or more
 * @throws {@link JobsArgumentError} when it is negative, no number, too long or no duration text.
 */
export function durationMs(value: DurationInput, what: string, nowMs: () => number = Date.now): number {
  if (typeof value === 'number') return checked(value * 1_000, value, what);
  if (value instanceof Date) return Math.max(0, checked(Math.abs(value.getTime()), value, what) && value.getTime() - nowMs());
  if (typeof value === 'string') {
    const text = value.trim();
    if (DURATION_TEXT.test(text)) {
      let total = 0;
      for (const [, amount, unit] of text.matchAll(DURATION_PART)) total += Number(amount) * UNIT_MS[unit!]!;
      return checked(total, value, what);
    }
    if (/^\d+(?:\.\d+)?$/.test(text)) return checked(Number(text) * 1_000, value, what);
  }
  throw new JobsArgumentError(`${what} is ${shown(value)}. Give seconds as a number, a duration text such as "42m" or "1h30m", or a Date.`);
}

function checked(ms: number, value: DurationInput, what: string): number {
  if (ms >= 0 && ms <= MAX_MS) return ms;
  throw new JobsArgumentError(`${what} is ${shown(value)}. It must be 0 or more and at most ${Math.floor(MAX_MS / 1_000)} seconds.`);
}
