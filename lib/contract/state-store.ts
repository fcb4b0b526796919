/** One entry of a range. */
export interface StateEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Which keys. */
export interface StateRange {
  /** Keys that begin with it. */
  readonly prefix: string;
  /** Only keys after it (before it when `reverse`). */
  readonly after?: string;
  /** Range: 1 or more. Default: `100`. */
  readonly limit?: number;
  /** From the last key to the first. Default: `false`. */
  readonly reverse?: boolean;
}

/** Reads see the transaction's own writes. */
export interface StateTransaction {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array, options?: { readonly ttlMs?: number }): void;
  delete(key: string): void;
}

/**
 * The one place of everything that must outlive a job: failed jobs, unique keys, schedules, limits.
 * Keys are text of at most 512 bytes, ordered by their UTF-8 bytes; values are bytes, copied or never changed.
 * Every method may be called concurrently; a write that resolved survives what the implementation promises to survive.
 */
export interface StateStore {
  /** `memory`, `embedded`, `postgres`. */
  readonly kind: string;
  /** True when other processes see the same state. */
  readonly isShared: boolean;
  /** True when what was written outlives the process. */
  readonly isDurable: boolean;
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array, options?: { readonly ttlMs?: number }): Promise<void>;
  /** False when there was nothing. */
  delete(key: string): Promise<boolean>;
  /**
   * True when `owner` holds `key` now, for `ttlMs`: it was free, its time was over, or the owner held it already (then
   * the time begins anew). A claim is apart from the value of the same key.
   */
  claim(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /** False when `owner` did not hold it. */
  release(key: string, owner: string): Promise<boolean>;
  /** How many keys begin with `prefix`. */
  count(prefix: string): Promise<number>;
  range(range: StateRange): Promise<StateEntry[]>;
  /**
   * All of its writes or none; a throw means none. Runs one after another with others that touch the same keys. `work`
   * uses `transaction` and no method of the store itself, whose writes would wait for the end of this one. Where others
   * changed what it had read, `work` runs again: it must have no effects of its own.
   */
  transaction<T>(work: (transaction: StateTransaction) => Promise<T>): Promise<T>;
  /** Calls back after a key that begins with `prefix` was put or deleted, not when its time is over; answers the function that ends it. */
  subscribe(prefix: string, listener: (key: string) => void): () => void;
  /** Ends it when the writes under way are done; may be called twice. All that comes later rejects with `StateStoreClosedError`. */
  close(): Promise<void>;
}
