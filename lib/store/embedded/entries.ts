import { FOREVER } from '../checks.js';
import type { LmdbDatabase } from '../../files/lmdb-file.js';
import { decodeEntry, encodeEntry } from './entry.js';
import { expiredRange, expiringKey, expiryKey } from './state-key.js';

/** The entries of the file as they are at `now`. It writes inside of a transaction of the database only. */
export class Entries {
  readonly #database: LmdbDatabase;
  readonly #now: number;

  constructor(database: LmdbDatabase, now: number) {
    this.#database = database;
    this.#now = now;
  }

  get(key: Buffer): Buffer | undefined {
    const bytes = this.#database.get(key);
    if (bytes === undefined) return undefined;
    const { expiresAt, content } = decodeEntry(bytes);
    return expiresAt > this.#now ? content : undefined;
  }

  put(key: Buffer, content: Uint8Array, ttlMs: number): void {
    this.remove(key);
    const expiresAt = this.#now + ttlMs;
    void this.#database.put(key, encodeEntry(content, expiresAt));
    if (expiresAt !== FOREVER) void this.#database.put(expiryKey(expiresAt, key), NOTHING);
  }

  /** False when there was nothing. */
  remove(key: Buffer): boolean {
    const bytes = this.#database.get(key);
    if (bytes === undefined) return false;
    const { expiresAt } = decodeEntry(bytes);
    void this.#database.remove(key);
    if (expiresAt !== FOREVER) void this.#database.remove(expiryKey(expiresAt, key));
    return expiresAt > this.#now;
  }

  /** Keys of entries whose time is over and which were not swept yet. */
  *expired(): Iterable<Buffer> {
    for (const expiry of this.#database.getKeys(expiredRange(this.#now))) yield expiringKey(expiry);
  }

  /** Removes at most `limit` entries whose time is over. */
  sweep(limit: number): void {
    for (const expiry of [...this.#database.getKeys({ ...expiredRange(this.#now), limit })]) this.remove(expiringKey(expiry));
  }
}

const NOTHING = Buffer.alloc(0);
