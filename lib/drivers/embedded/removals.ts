import { failureOfCommit, type LmdbDatabase } from '../../files/lmdb-file.js';
import type { Retries } from './retries.js';

/** What is needed to write without anybody who waits for it. */
export interface UnwatchedWrites {
  readonly database: LmdbDatabase;
  readonly retries: Retries;
  /** Tells the log that a write failed, and what that means. */
  report(cause: unknown, consequence: string): void;
}

/** Removals of jobs that have run: nobody waits for them, and one that failed is tried again. */
export class Removals {
  readonly #writes: UnwatchedWrites;
  #group: { readonly commit: Promise<boolean>; readonly keys: Buffer[] } | undefined;

  constructor(writes: UnwatchedWrites) {
    this.#writes = writes;
  }

  /** One watcher for all removals of a commit. */
  remove(key: Buffer): void {
    const commit = this.#writes.database.remove(key);
    if (this.#group?.commit !== commit) {
      const keys: Buffer[] = [];
      this.#group = { commit, keys };
      void commit.catch(async (error: unknown) => this.#failed(keys, await failureOfCommit(error)));
    }
    this.#group.keys.push(key);
  }

  #failed(keys: readonly Buffer[], cause: unknown): void {
    const { report, retries } = this.#writes;
    report(cause, `${keys.length} finished job${keys.length === 1 ? ' is' : 's are'} removed later.`);
    retries.later(() => {
      for (const key of keys) this.remove(key);
    });
  }
}
