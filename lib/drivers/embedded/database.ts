/** The members of lmdb that are used here, so that its types stay out of our signatures. */
export interface Database {
  get(key: Buffer): Buffer | undefined;
  /** One promise for all writes of one commit; resolved when it is on the disk. */
  put(key: Buffer, value: Buffer): Promise<boolean>;
  remove(key: Buffer): Promise<boolean>;
  getRange(options: KeyRange): Iterable<{ readonly key: Buffer; readonly value: Buffer }>;
  getKeys(options: KeyRange): Iterable<Buffer>;
  getKeysCount(options: KeyRange): number;
  /** Reads that follow see every commit so far; without it they see those before this turn of the event loop. */
  resetReadTxn(): void;
  transactionSync<T>(work: () => T): T;
  /** Of the last commit. */
  readonly committed: PromiseLike<unknown>;
  readonly flushed: PromiseLike<unknown>;
  on(event: 'beforecommit', listener: () => void): void;
  close(): Promise<void>;
}

export interface KeyRange {
  readonly start: Buffer;
  readonly end?: Buffer;
  readonly limit?: number;
}

/** Why a commit failed: lmdb tells it by a second promise, which rejects too. */
export async function failureOfCommit(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  return commitError === undefined ? error : commitError.catch((reason: unknown) => reason);
}
