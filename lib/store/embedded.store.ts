import { join, resolve } from 'node:path';
import type { Clock } from '../contract/clock.js';
import { DONE } from '../contract/job.js';
import { type JobsLogger, silentLogger } from '../contract/logger.js';
import type { StateEntry, StateRange, StateStore, StateTransaction } from '../contract/state-store.js';
import { StateConflictError, StateStoreClosedError, StorageError } from '../contract/storage-errors.js';
import { BufferedTransaction } from './buffered-transaction.js';
import { checkKey, checkRange, checkText, checkTtl, writeOf } from './checks.js';
import { failureOfCommit, type LmdbDatabase } from '../files/lmdb-file.js';
import { Entries } from './embedded/entries.js';
import { decodeEntry } from './embedded/entry.js';
import { openStateFile } from './embedded/state-file.js';
import { endOf, Region, stateKey, textOf } from './embedded/state-key.js';
import { Subscriptions } from './subscriptions.js';

/** What an embedded store is given. */
export interface EmbeddedStoreOptions {
  /** The folder of the file `state.db`. It is made with mode 0700. */
  readonly dataDir: string;
  readonly clock: Clock;
  /** Told of listeners that throw. Default: silent. */
  readonly logger?: JobsLogger;
}

type Changes = (key: string) => void;

const KIND = 'embedded';
const FILE = 'state.db';
/** Entries whose time is over that a write removes on its way: more than it adds, so that they cannot pile up. */
const SWEPT_AT_ONCE = 32;
const MAX_TRIES = 100;
const FIRST_KEY = Buffer.alloc(1);

/**
 * State in a file of this machine, which several of its processes may use at once. A write that resolved is on the disk.
 *
 * Claims and transactions are exact across the processes. Subscribers are told what this instance writes, not what others
 * write. Time limits go by the wall time of the clock, which the processes of a machine share. Not for network file systems.
 */
export class EmbeddedStore implements StateStore {
  readonly kind = KIND;
  readonly isShared = true;
  readonly isDurable = true;
  readonly #path: string;
  readonly #database: LmdbDatabase;
  readonly #clock: Clock;
  readonly #subscriptions: Subscriptions;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Ends when all writes so far have: commits keep their order. */
  #lastWrite: Promise<unknown> = DONE;
  /** The last transaction that runs again: they go one after another, so that each comes to its end. */
  #lastRetry: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(path: string, database: LmdbDatabase, { clock, logger = silentLogger }: EmbeddedStoreOptions) {
    this.#path = path;
    this.#database = database;
    this.#clock = clock;
    this.#subscriptions = new Subscriptions(logger);
  }

  /**
   * Opens the store, and makes its file where there is none.
   *
   * @throws PackageMissingError when lmdb is not installed.
   * @throws JobsPathError when the folder or the file cannot be used.
   * @throws FileFormatError when the file is no state store.
   * @throws FileVersionError when a newer version wrote it.
   * @throws StorageError when it could not be written.
   */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const path = join(resolve(options.dataDir), FILE);
    return new EmbeddedStore(path, await openStateFile(path), options);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    checkKey(key);
    this.#checkOpen();
    return this.#read(key);
  }

  async put(key: string, value: Uint8Array, options?: { readonly ttlMs?: number }): Promise<void> {
    checkKey(key);
    const { value: content, ttlMs } = writeOf(value, options);
    await this.#write((entries, changed) => {
      entries.put(stateKey(Region.value, key), content, ttlMs);
      changed(key);
    });
  }

  async delete(key: string): Promise<boolean> {
    checkKey(key);
    return this.#write((entries, changed) => removeValue(entries, key, changed));
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<boolean> {
    checkKey(key);
    checkTtl(ttlMs);
    const claim = stateKey(Region.claim, key);
    return this.#write((entries) => {
      const holder = entries.get(claim)?.toString();
      if (holder !== undefined && holder !== owner) return false;
      entries.put(claim, Buffer.from(owner), ttlMs);
      return true;
    });
  }

  async release(key: string, owner: string): Promise<boolean> {
    checkKey(key);
    const claim = stateKey(Region.claim, key);
    return this.#write((entries) => entries.get(claim)?.toString() === owner && entries.remove(claim));
  }

  async count(prefix: string): Promise<number> {
    checkText(prefix, 'A prefix');
    this.#checkOpen();
    const start = stateKey(Region.value, prefix);
    const entries = this.#entries();
    let count = this.#database.getKeysCount({ start, end: endOf(start) });
    for (const key of entries.expired()) if (start.equals(key.subarray(0, start.length))) count--;
    return count;
  }

  async range(range: StateRange): Promise<StateEntry[]> {
    const { prefix, after, limit, reverse } = checkRange(range);
    this.#checkOpen();
    this.#database.resetReadTxn();
    const now = this.#clock.now();
    const found: StateEntry[] = [];
    for (const { key, value } of this.#stored(stateKey(Region.value, prefix), after, reverse)) {
      const { expiresAt, content } = decodeEntry(value);
      if (expiresAt > now) found.push({ key: textOf(key), value: new Uint8Array(content) });
      if (found.length === limit) break;
    }
    return found;
  }

  async transaction<T>(work: (transaction: StateTransaction) => Promise<T>): Promise<T> {
    this.#checkOpen();
    return this.#track(this.#transact(work));
  }

  subscribe(prefix: string, listener: (key: string) => void): () => void {
    this.#checkOpen();
    return this.#subscriptions.add(prefix, listener);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    this.#subscriptions.clear();
    await this.#database.close();
  }

  // Optimistic, so that nobody's work holds up the writes of all processes: who finds that others wrote what it had read, runs again.
  async #transact<T>(work: (transaction: StateTransaction) => Promise<T>): Promise<T> {
    await this.#lastRetry;
    const done = await this.#try(work);
    return done === undefined ? this.#retry(work) : done.result;
  }

  #retry<T>(work: (transaction: StateTransaction) => Promise<T>): Promise<T> {
    const before = this.#lastRetry;
    const retrying = (async (): Promise<T> => {
      await before;
      for (let tries = 1; tries < MAX_TRIES; tries++) {
        const done = await this.#try(work);
        if (done !== undefined) return done.result;
      }
      throw new StateConflictError(KIND, MAX_TRIES);
    })();
    const ended = retrying.then(noop, noop);
    this.#lastRetry = ended;
    void ended.then(() => {
      if (this.#lastRetry === ended) this.#lastRetry = undefined;
    });
    return retrying;
  }

  /** Undefined when others changed what it had read. */
  async #try<T>(work: (transaction: StateTransaction) => Promise<T>): Promise<{ readonly result: T } | undefined> {
    // It sees what this instance wrote before it.
    const before = this.#lastWrite;
    const transaction = new BufferedTransaction(async (key) => {
      await before;
      return this.#read(key);
    });
    let result: T;
    try {
      result = await work(transaction);
    } catch (error) {
      // It may have failed over reads that do not belong together.
      if (isUnchanged(this.#entries(), transaction.reads)) throw error;
      return undefined;
    } finally {
      transaction.end();
    }
    return (await this.#commit(transaction)) ? { result } : undefined;
  }

  async #commit({ reads, writes }: BufferedTransaction): Promise<boolean> {
    if (writes.size === 0) return isUnchanged(this.#entries(), reads);
    return this.#inTransaction((entries, changed) => {
      if (!isUnchanged(entries, reads)) return false;
      for (const [key, write] of writes) {
        if (write === undefined) removeValue(entries, key, changed);
        else {
          entries.put(stateKey(Region.value, key), write.value, write.ttlMs);
          changed(key);
        }
      }
      return true;
    });
  }

  async #write<T>(action: (entries: Entries, changed: Changes) => T): Promise<T> {
    this.#checkOpen();
    const written = this.#track(this.#inTransaction(action));
    this.#lastWrite = written.then(noop, noop);
    return written;
  }

  async #inTransaction<T>(action: (entries: Entries, changed: Changes) => T): Promise<T> {
    const changed: string[] = [];
    let result: T;
    try {
      result = await this.#database.childTransaction(() => {
        const entries = new Entries(this.#database, this.#clock.now());
        entries.sweep(SWEPT_AT_ONCE);
        return action(entries, (key) => void changed.push(key));
      });
    } catch (error) {
      throw new StorageError(this.#path, await failureOfCommit(error), 'Nothing of it was stored.');
    }
    this.#subscriptions.tell(changed);
    return result;
  }

  #track<T>(operation: Promise<T>): Promise<T> {
    this.#underWay.add(operation);
    const ended = (): void => void this.#underWay.delete(operation);
    operation.then(ended, ended);
    return operation;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new StateStoreClosedError(KIND);
  }

  #read(key: string): Uint8Array | undefined {
    const content = this.#entries().get(stateKey(Region.value, key));
    return content === undefined ? undefined : new Uint8Array(content);
  }

  #entries(): Entries {
    this.#database.resetReadTxn();
    return new Entries(this.#database, this.#clock.now());
  }

  /** What begins with `first` and comes after (reversed: before) the key `after`, swept or not. */
  *#stored(first: Buffer, after: string | undefined, reverse: boolean): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    const behind = endOf(first);
    const mark = after === undefined ? undefined : stateKey(Region.value, after);
    const isMarkInside = mark !== undefined && (reverse ? Buffer.compare(mark, behind) < 0 : Buffer.compare(mark, first) > 0);
    const start = isMarkInside ? mark : reverse ? behind : first;
    // Its own default for the end of a reversed range leaves out binary keys.
    for (const entry of this.#database.getRange(reverse ? { start, end: FIRST_KEY, reverse } : { start })) {
      if (reverse ? Buffer.compare(entry.key, first) < 0 : Buffer.compare(entry.key, behind) >= 0) return;
      if (mark === undefined || !entry.key.equals(mark)) yield entry;
    }
  }
}

function noop(): void {}

function removeValue(entries: Entries, key: string, changed: Changes): boolean {
  const existed = entries.remove(stateKey(Region.value, key));
  if (existed) changed(key);
  return existed;
}

function isUnchanged(entries: Entries, reads: ReadonlyMap<string, Uint8Array | undefined>): boolean {
  for (const [key, read] of reads) {
    const content = entries.get(stateKey(Region.value, key));
    if (content === undefined || read === undefined ? content !== read : !content.equals(read)) return false;
  }
  return true;
}
