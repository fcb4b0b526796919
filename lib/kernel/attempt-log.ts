import type { JobFailure } from '../contract/failure.js';
import { DONE } from '../contract/job.js';
import type { FailedAttempt } from '../contract/kernel-admin.js';
import type { JobsLogger } from '../contract/logger.js';
import type { StateStore } from '../contract/state-store.js';
import { idKey } from './id-key.js';

/** Jobs remembered in memory; the one that failed longest ago goes first. */
const MAX_JOBS = 10_000;
/** Failed runs kept of one job. */
export const MAX_ATTEMPTS = 20;
/** `attempts/<id>` holds the failed runs of a job that is to run again. */
const PREFIX = 'attempts/';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The failed runs of jobs that are to run again, for the record of those that fail for good. Bounded. */
export interface AttemptLog {
  /** Never waits and never fails: a settlement goes on at once. */
  add(id: string, attempt: FailedAttempt): void;
  /** With all that was added before. */
  read(id: string): Promise<readonly FailedAttempt[]>;
  forget(id: string): void;
  /** Resolves when all of it is kept. */
  flush(): Promise<void>;
}

/** What an attempt log is given. */
export interface AttemptLogOptions {
  readonly store: StateStore;
  /** How long the runs of a job are kept after the last of them. */
  readonly ttlMs: number;
  readonly logger: JobsLogger;
}

/** A log that outlives the process where its store does. */
export function createAttemptLog(options: AttemptLogOptions): AttemptLog {
  return options.store.isDurable ? new StoredAttemptLog(options) : new MemoryAttemptLog();
}

export function attemptOf(attempt: number, at: number, { type, message, code }: JobFailure): FailedAttempt {
  return { attempt, at, error: { type, message, ...(code === undefined ? {} : { code }) } };
}

class MemoryAttemptLog implements AttemptLog {
  readonly #log = new Map<string, readonly FailedAttempt[]>();

  add(id: string, attempt: FailedAttempt): void {
    const history = withAttempt(this.#log.get(id) ?? [], attempt);
    this.#log.delete(id);
    this.#log.set(id, history);
    if (this.#log.size > MAX_JOBS) this.#log.delete(this.#log.keys().next().value!);
  }

  read(id: string): Promise<readonly FailedAttempt[]> {
    return Promise.resolve(this.#log.get(id) ?? []);
  }

  forget(id: string): void {
    this.#log.delete(id);
  }

  flush(): Promise<void> {
    return DONE;
  }
}

class StoredAttemptLog implements AttemptLog {
  readonly #options: AttemptLogOptions;
  /** The last write of each job that has one under way: those of one job keep their order. */
  readonly #writes = new Map<string, Promise<void>>();

  constructor(options: AttemptLogOptions) {
    this.#options = options;
  }

  add(id: string, attempt: FailedAttempt): void {
    const { store, ttlMs } = this.#options;
    const key = PREFIX + idKey(id);
    this.#write(id, () =>
      store.transaction(async (transaction) => transaction.put(key, encode(withAttempt(decode(await transaction.get(key)), attempt)), { ttlMs })),
    );
  }

  async read(id: string): Promise<readonly FailedAttempt[]> {
    await this.#writes.get(id);
    try {
      return decode(await this.#options.store.get(PREFIX + idKey(id)));
    } catch (error) {
      this.#report(id, 'read', error);
      return [];
    }
  }

  forget(id: string): void {
    this.#write(id, async () => void (await this.#options.store.delete(PREFIX + idKey(id))));
  }

  async flush(): Promise<void> {
    while (this.#writes.size > 0) await Promise.all(this.#writes.values());
  }

  #write(id: string, write: () => Promise<void>): void {
    const written = (this.#writes.get(id) ?? DONE)
      .then(write)
      .catch((error: unknown) => this.#report(id, 'written', error))
      .then(() => {
        if (this.#writes.get(id) === written) this.#writes.delete(id);
      });
    this.#writes.set(id, written);
  }

  #report(id: string, what: string, error: unknown): void {
    this.#options.logger.warn(`The failed runs of job ${id} could not be ${what}; its record may not show them all.`, { id, error });
  }
}

function withAttempt(history: readonly FailedAttempt[], attempt: FailedAttempt): readonly FailedAttempt[] {
  return [...history, attempt].slice(-MAX_ATTEMPTS);
}

function encode(history: readonly FailedAttempt[]): Uint8Array {
  return encoder.encode(JSON.stringify(history));
}

function decode(value: Uint8Array | undefined): readonly FailedAttempt[] {
  return value === undefined ? [] : (JSON.parse(decoder.decode(value)) as FailedAttempt[]);
}
