import { JobsArgumentError } from '../contract/errors.js';
import type { StateTransaction } from '../contract/state-store.js';
import { checkKey, type Write, writeOf } from './checks.js';

type Read = Uint8Array | undefined;

/** Keeps what it writes to itself, until its store takes the writes over, and remembers what it read. */
export class BufferedTransaction implements StateTransaction {
  readonly writes = new Map<string, Write>();
  /** What the store held under each key that was read, at the first read. */
  readonly reads = new Map<string, Read>();
  readonly #read: (key: string) => Read | Promise<Read>;
  #isOver = false;

  constructor(read: (key: string) => Read | Promise<Read>) {
    this.#read = read;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    checkKey(key);
    if (this.writes.has(key)) return this.writes.get(key)?.value.slice();
    if (!this.reads.has(key)) {
      const read = await this.#read(key);
      if (!this.reads.has(key)) this.reads.set(key, read);
    }
    return this.reads.get(key)?.slice();
  }

  put(key: string, value: Uint8Array, options?: { readonly ttlMs?: number }): void {
    this.#checkOpen();
    checkKey(key);
    this.writes.set(key, writeOf(value, options));
  }

  delete(key: string): void {
    this.#checkOpen();
    checkKey(key);
    this.writes.set(key, undefined);
  }

  end(): void {
    this.#isOver = true;
  }

  #checkOpen(): void {
    if (this.#isOver) throw new JobsArgumentError('The transaction is over; nothing was done. Await every call inside of its function.');
  }
}
