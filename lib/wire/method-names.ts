import { KnownTexts } from './known-texts.js';

/** Longer names, and more of them, are not kept: answers repeat what comes from outside. */
const MAX_BYTES = 64;
const MAX_NAMES = 256;

/** Remembers the method names of one connection, in both directions. */
export class MethodNames {
  readonly #read = new KnownTexts();
  readonly #bytesByText = new Map<string, Uint8Array>();

  /** The name in the first `length` bytes. Bytes that are no UTF-8 become U+FFFD. */
  read(bytes: Uint8Array, length: number): string {
    return this.#read.find(bytes, 0, length) ?? this.#read.keep(bytes, 0, length, textOf(bytes, length));
  }

  /** The bytes of a name. */
  bytesOf(text: string): Uint8Array {
    const known = this.#bytesByText.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(text);
    if (this.#bytesByText.size < MAX_NAMES && bytes.length <= MAX_BYTES) this.#bytesByText.set(text, bytes);
    return bytes;
  }
}

function textOf(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('utf8');
}
