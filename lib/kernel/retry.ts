import { durationMs } from '../contract/duration.js';
import type { BackoffOptions, RetryOptions, RetryPolicy } from '../contract/retry-policy.js';

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_DELAY_MS = 1_000;
const DEFAULT_FACTOR = 2;
const DEFAULT_MAX_MS = 3_600_000;

/** Fills what `options` leave open from `base`, then from the defaults: 3 runs, 1 s × 2 up to 1 h with full jitter, failed store. */
export function resolveRetry(options: RetryOptions | undefined, base?: RetryOptions, random: () => number = Math.random): RetryPolicy {
  return {
    attempts: options?.attempts ?? base?.attempts ?? DEFAULT_ATTEMPTS,
    backoff: createBackoff(options?.backoff ?? base?.backoff ?? {}, random),
    onFailure: options?.onFailure ?? base?.onFailure ?? 'store',
  };
}

/** The wait after the run with this number, in milliseconds. */
export function createBackoff(options: NonNullable<RetryOptions['backoff']>, random: () => number = Math.random): (attempt: number) => number {
  if (typeof options === 'function') return (attempt) => durationMs(options(attempt), 'backoff()');
  const delayOf = plainDelay(options);
  const jitter = options.jitter ?? 'full';
  if (jitter === 'none') return delayOf;
  return jitter === 'full'
    ? (attempt) => delayOf(attempt) * random()
    : (attempt) => {
        const half = delayOf(attempt) / 2;
        return half + half * random();
      };
}

function plainDelay(options: BackoffOptions): (attempt: number) => number {
  const delayMs = options.delay === undefined ? DEFAULT_DELAY_MS : durationMs(options.delay, 'backoff.delay');
  const type = options.type ?? (options.delays === undefined ? 'exponential' : 'list');
  if (type === 'fixed') return () => delayMs;
  if (type === 'list') {
    const delays = (options.delays ?? []).map((delay) => durationMs(delay, 'backoff.delays'));
    return (attempt) => delays[Math.min(attempt, delays.length) - 1] ?? delayMs;
  }
  const factor = options.factor ?? DEFAULT_FACTOR;
  const maxMs = options.max === undefined ? DEFAULT_MAX_MS : durationMs(options.max, 'backoff.max');
  return (attempt) => Math.min(maxMs, delayMs * factor ** (attempt - 1));
}
