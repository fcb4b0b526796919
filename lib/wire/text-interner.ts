import type { ProtoCursor } from './proto-cursor.js';

/** Longer texts are made anew. Unit: bytes. */
const MAX_BYTES = 64;
const SLOTS = 128;

interface Known {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/**
 * Texts that come again and again: names of jobs, pipelines and headers. One that was met before costs a comparison of its bytes
 * and no text of its own. Bounded: each text has one slot, in which the newest stays.
 */
export class TextInterner {
  readonly #slots = new Array<Known | undefined>(SLOTS).fill(undefined);

  /** The text of `length` bytes at the cursor, which moves behind it. */
  read(cursor: ProtoCursor, length: number): string {
    if (length === 0) return '';
    if (length > MAX_BYTES) return cursor.text(length);
    const { bytes, at } = cursor;
    const slot = (length * 31 + bytes[at]! * 7 + bytes[at + length - 1]! * 13 + bytes[at + (length >> 1)]!) % SLOTS;
    const known = this.#slots[slot];
    if (known !== undefined && isSame(known.bytes, bytes, at, length)) {
      cursor.at = at + length;
      return known.text;
    }
    const text = cursor.text(length);
    this.#slots[slot] = { bytes: Uint8Array.prototype.slice.call(bytes, at, at + length), text };
    return text;
  }
}

function isSame(known: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let index = 0; index < length; index++) if (known[index] !== bytes[at + index]) return false;
  return true;
}
