import type { JobFailure } from '../contract/failure.js';
import type { FailedAttempt } from '../contract/kernel-admin.js';

/** Jobs remembered; the one that failed longest ago goes first. */
const MAX_JOBS = 10_000;
/** Failed runs kept of one job. */
export const MAX_ATTEMPTS = 20;

/** The failed runs of jobs that are to run again, for the record of those that fail for good. Bounded. */
export class AttemptLog {
  readonly #log = new Map<string, readonly FailedAttempt[]>();

  add(id: string, attempt: number, at: number, error: JobFailure): void {
    const history = [...(this.#log.get(id) ?? []), attemptOf(attempt, at, error)].slice(-MAX_ATTEMPTS);
    this.#log.delete(id);
    this.#log.set(id, history);
    if (this.#log.size > MAX_JOBS) this.#log.delete(this.#log.keys().next().value!);
  }

  /** Takes the failed runs out. */
  take(id: string): readonly FailedAttempt[] {
    const history = this.#log.get(id) ?? [];
    this.#log.delete(id);
    return history;
  }
}

export function attemptOf(attempt: number, at: number, { type, message, code }: JobFailure): FailedAttempt {
  return { attempt, at, error: { type, message, ...(code === undefined ? {} : { code }) } };
}
