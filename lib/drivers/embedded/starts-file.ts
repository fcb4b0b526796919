import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { KEY_BYTES } from './key.js';

/** One slot: a key, and two bytes of nothing. */
const SLOT_BYTES = 16;

/**
 * The jobs that run now, one fixed slot each, in a file of its own. It is written before a job runs and not synced: it has to
 * outlive this process, not the machine. Slots are not cleared when a job ends: a key that is gone means nothing.
 */
export class StartsFile {
  readonly #handle: number;
  readonly #free: number[] = [];
  #buffer = Buffer.alloc(SLOT_BYTES * 64);
  #slots = 0;
  #dirtyFrom = Infinity;
  #dirtyTo = 0;

  constructor(path: string, mode: number) {
    this.#handle = openSync(path, constants.O_RDWR | constants.O_CREAT, mode);
  }

  /** The keys that ran when the last owner ended. */
  read(): Buffer[] {
    const bytes = Buffer.alloc(fstatSync(this.#handle).size);
    readSync(this.#handle, bytes, 0, bytes.length, 0);
    const keys: Buffer[] = [];
    for (let at = 0; at + SLOT_BYTES <= bytes.length; at += SLOT_BYTES) {
      const key = bytes.subarray(at, at + KEY_BYTES);
      if (key[0] !== 0) keys.push(Buffer.from(key));
    }
    return keys;
  }

  /** The place of the first slots stays taken: a disk that is full must not keep jobs from starting. */
  clear(): void {
    const empty = Buffer.alloc(this.#buffer.length);
    writeSync(this.#handle, empty, 0, empty.length, 0);
    ftruncateSync(this.#handle, empty.length);
  }

  /** Answers the slot, to be given back when the job is settled. On the disk only after `write`. */
  take(key: Buffer): number {
    const slot = this.#free.pop() ?? this.#slots++;
    if ((slot + 1) * SLOT_BYTES > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(this.#buffer.length)]);
    key.copy(this.#buffer, slot * SLOT_BYTES);
    this.#touch(slot);
    return slot;
  }

  giveBack(slot: number): void {
    this.#free.push(slot);
  }

  /** For a job whose key stays although it does not run: it must not count as a death. On the disk only after `write`. */
  erase(slot: number): void {
    this.#buffer.fill(0, slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES);
    this.#touch(slot);
    this.#free.push(slot);
  }

  /** For a pipeline that ends while its jobs run: that is no death. Their slots stay taken. On the disk only after `write`. */
  eraseKeys(matches: (key: Buffer) => boolean): void {
    for (let slot = 0; slot < this.#slots; slot++) {
      const bytes = this.#buffer.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES);
      if (!matches(bytes.subarray(0, KEY_BYTES))) continue;
      bytes.fill(0);
      this.#touch(slot);
    }
  }

  /** One write for all slots that changed. */
  write(): void {
    if (this.#dirtyFrom >= this.#dirtyTo) return;
    writeSync(this.#handle, this.#buffer, this.#dirtyFrom, this.#dirtyTo - this.#dirtyFrom, this.#dirtyFrom);
    this.#dirtyFrom = Infinity;
    this.#dirtyTo = 0;
  }

  close(): void {
    closeSync(this.#handle);
  }

  #touch(slot: number): void {
    this.#dirtyFrom = Math.min(this.#dirtyFrom, slot * SLOT_BYTES);
    this.#dirtyTo = Math.max(this.#dirtyTo, (slot + 1) * SLOT_BYTES);
  }
}
