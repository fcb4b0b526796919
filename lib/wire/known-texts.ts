/** Longer texts are not kept: they come from outside. Unit: bytes. */
const MAX_BYTES = 64;
const SLOTS = 128;

interface Known {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/**
 * Texts that come again and again: names of jobs, pipelines, headers and methods. One that was met before costs a comparison of its
 * bytes and no text of its own, and maps find it without hashing it again. Bounded: each text has one slot, in which the newest stays.
 */
export class KnownTexts {
  readonly #slots = new Array<Known | undefined>(SLOTS).fill(undefined);

  /** The text of `length` bytes at `at`, when it is known. */
  find(bytes: Uint8Array, at: number, length: number): string | undefined {
    if (length === 0) return '';
    if (length > MAX_BYTES) return undefined;
    const known = this.#slots[slotOf(bytes, at, length)];
    return known !== undefined && isSame(known.bytes, bytes, at, length) ? known.text : undefined;
  }

  /** Remembers what `find` did not know; answers the text. */
  keep(bytes: Uint8Array, at: number, length: number, text: string): string {
    // Not the method of Buffer, which makes a view.
    if (length <= MAX_BYTES) this.#slots[slotOf(bytes, at, length)] = { bytes: Uint8Array.prototype.slice.call(bytes, at, at + length), text };
    return text;
  }
}

function slotOf(bytes: Uint8Array, at: number, length: number): number {
  return (length * 31 + bytes[at]! * 7 + bytes[at + length - 1]! * 13 + bytes[at + (length >> 1)]!) % SLOTS;
}

function isSame(known: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let index = 0; index < length; index++) if (known[index] !== bytes[at + index]) return false;
  return true;
}
