/** Longer names, and more of them, are not kept: they come from outside. */
const MAX_BYTES = 64;
const MAX_NAMES = 256;

interface KnownName {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/**
 * Remembers the method names of one connection. A call of a known method costs a comparison of its bytes instead of a
 * new text; the text is one and the same value, so that maps find it without hashing it again.
 */
export class MethodNames {
  readonly #byHash = new Map<number, KnownName>();
  readonly #byText = new Map<string, Uint8Array>();

  /** The name in the first `length` bytes. Bytes that are no UTF-8 become U+FFFD. */
  read(bytes: Uint8Array, length: number): string {
    if (length > MAX_BYTES) return textOf(bytes, length);
    const hash = hashOf(bytes, length);
    const known = this.#byHash.get(hash);
    if (known !== undefined && isSame(known.bytes, bytes, length)) return known.text;
    const text = textOf(bytes, length);
    if (known === undefined && this.#byHash.size < MAX_NAMES) this.#byHash.set(hash, { bytes: bytes.slice(0, length), text });
    return text;
  }

  /** The bytes of a name. */
  bytesOf(text: string): Uint8Array {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(text);
    if (this.#byText.size < MAX_NAMES && bytes.length <= MAX_BYTES) this.#byText.set(text, bytes);
    return bytes;
  }
}

function textOf(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('utf8');
}

function hashOf(bytes: Uint8Array, length: number): number {
  let hash = 0x811c9dc5 ^ length;
  for (let at = 0; at < length; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  return hash;
}

function isSame(known: Uint8Array, bytes: Uint8Array, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at++) if (known[at] !== bytes[at]) return false;
  return true;
}
