/** The members of lmdb that are used here, so that its types stay out of our signatures. */
export interface Database {
  /** Inside of a transaction it sees the writes of the transaction. */
  get(key: Buffer): Buffer | undefined;
  put(key: Buffer, value: Buffer): unknown;
  remove(key: Buffer): unknown;
  getRange(options: KeyRange): Iterable<{ readonly key: Buffer; readonly value: Buffer }>;
  getKeys(options: KeyRange): Iterable<Buffer>;
  getKeysCount(options: KeyRange): number;
  /** Reads that follow see every commit so far, of other processes too. */
  resetReadTxn(): void;
  /**
   * Runs `work` while nobody else writes, in this or another process; a throw undoes it. Many of one turn share a commit.
   * Resolves when the commit is on the disk.
   */
  childTransaction<T>(work: () => T): Promise<T>;
  /** Of the last commit. */
  readonly committed: PromiseLike<unknown>;
  on(event: 'beforecommit', listener: () => void): void;
  close(): Promise<void>;
}

export interface KeyRange {
  readonly start: Buffer;
  readonly end?: Buffer;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** Why a commit failed: lmdb tells it by a second promise, which rejects too. */
export async function failureOfCommit(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  return commitError === undefined ? error : commitError.catch((reason: unknown) => reason);
}
