import type { Clock } from '../contract/clock.js';
import { type JobsLogger, silentLogger } from '../contract/logger.js';
import type { StateEntry, StateRange, StateStore, StateTransaction } from '../contract/state-store.js';
import { StateStoreClosedError } from '../contract/storage-errors.js';
import { BufferedTransaction } from './buffered-transaction.js';
import { checkKey, checkRange, checkText, checkTtl, type Write, writeOf } from './checks.js';
import { compareKeys } from './key-order.js';
import { SortedList } from './sorted-list.js';
import { Subscriptions } from './subscriptions.js';
import { TtlMap } from './ttl-map.js';

const KIND = 'memory';

/** State that lives and ends with this process. Time limits go by the wall time of the clock and cost no timers. */
export class MemoryStore implements StateStore {
  readonly kind = KIND;
  readonly isShared = false;
  readonly isDurable = false;
  readonly #clock: Clock;
  readonly #values = new TtlMap<Uint8Array>();
  readonly #keys = new SortedList<string>(compareKeys);
  readonly #claims = new TtlMap<string>();
  readonly #subscriptions: Subscriptions;
  /** The last write that was asked for: each waits for the one before, so that a transaction is alone. */
  #lastWrite: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @param logger - Told of listeners that throw. */
  constructor(clock: Clock, logger: JobsLogger = silentLogger) {
    this.#clock = clock;
    this.#subscriptions = new Subscriptions(logger);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    checkKey(key);
    this.#checkOpen();
    return this.#read(key);
  }

  async put(key: string, value: Uint8Array, options?: { readonly ttlMs?: number }): Promise<void> {
    checkKey(key);
    const write = writeOf(value, options);
    await this.#alone(() => this.#commit([[key, write]]));
  }

  async delete(key: string): Promise<boolean> {
    checkKey(key);
    return this.#alone(() => {
      const existed = this.#values.get(key) !== undefined;
      this.#commit([[key, undefined]]);
      return existed;
    });
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<boolean> {
    checkKey(key);
    checkTtl(ttlMs);
    return this.#alone(() => {
      const holder = this.#claims.get(key);
      if (holder !== undefined && holder !== owner) return false;
      this.#claims.set(key, owner, this.#clock.now() + ttlMs);
      return true;
    });
  }

  async release(key: string, owner: string): Promise<boolean> {
    checkKey(key);
    return this.#alone(() => this.#claims.get(key) === owner && this.#claims.delete(key));
  }

  async count(prefix: string): Promise<number> {
    checkText(prefix, 'A prefix');
    this.#checkOpen();
    this.#dropExpired();
    const [start, end] = this.#placesOf(prefix);
    return end - start;
  }

  async range(range: StateRange): Promise<StateEntry[]> {
    const { prefix, after, limit, reverse } = checkRange(range);
    this.#checkOpen();
    this.#dropExpired();
    let [start, end] = this.#placesOf(prefix);
    if (reverse) {
      if (after !== undefined)
        end = Math.min(
          end,
          this.#keys.countWhile((key) => compareKeys(key, after) < 0),
        );
      start = Math.max(start, end - limit);
    } else {
      if (after !== undefined)
        start = Math.max(
          start,
          this.#keys.countWhile((key) => compareKeys(key, after) <= 0),
        );
      end = Math.min(end, start + limit);
    }
    const keys = this.#keys.slice(start, end);
    return (reverse ? keys.reverse() : keys).map((key) => ({ key, value: this.#values.get(key)!.slice() }));
  }

  async transaction<T>(work: (transaction: StateTransaction) => Promise<T>): Promise<T> {
    return this.#alone(async () => {
      const transaction = new BufferedTransaction((key) => this.#read(key));
      try {
        const result = await work(transaction);
        this.#commit(transaction.writes);
        return result;
      } finally {
        transaction.end();
      }
    });
  }

  subscribe(prefix: string, listener: (key: string) => void): () => void {
    this.#checkOpen();
    return this.#subscriptions.add(prefix, listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#lastWrite;
    this.#subscriptions.clear();
    this.#values.clear();
    this.#keys.clear();
    this.#claims.clear();
  }

  /** Runs `work` after all writes before it, and before all that come later. */
  #alone<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new StateStoreClosedError(KIND));
    const done = this.#lastWrite.then(() => {
      this.#dropExpired();
      return work();
    });
    this.#lastWrite = done.catch(() => {}); // its caller has the error; the next write must still run
    return done;
  }

  #commit(writes: Iterable<readonly [string, Write]>): void {
    const now = this.#clock.now();
    const changed: string[] = [];
    for (const [key, write] of writes) {
      if (write === undefined) {
        if (!this.#values.delete(key)) continue;
        this.#keys.delete(key);
      } else if (this.#values.set(key, write.value, now + write.ttlMs)) {
        this.#keys.add(key);
      }
      changed.push(key);
    }
    this.#subscriptions.tell(changed);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StateStoreClosedError(KIND);
  }

  #read(key: string): Uint8Array | undefined {
    this.#dropExpired();
    return this.#values.get(key)?.slice();
  }

  #dropExpired(): void {
    const now = this.#clock.now();
    for (const key of this.#values.dropExpired(now)) this.#keys.delete(key);
    this.#claims.dropExpired(now);
  }

  /** Positions of the first key that begins with `prefix` and of the first one behind them. */
  #placesOf(prefix: string): [start: number, end: number] {
    const start = this.#keys.countWhile((key) => compareKeys(key, prefix) < 0);
    const end = this.#keys.countWhile((key) => key.startsWith(prefix) || compareKeys(key, prefix) < 0);
    return [start, end];
  }
}
