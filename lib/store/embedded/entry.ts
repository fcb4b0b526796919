/** What lies under a key. */
export interface Entry {
  /** Unit: Unix milliseconds; Infinity without a time limit. */
  readonly expiresAt: number;
  readonly content: Buffer;
}

// expiresAt f64, then the content.
const HEADER_BYTES = 8;

export function encodeEntry(content: Uint8Array, expiresAt: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + content.length);
  bytes.writeDoubleBE(expiresAt);
  bytes.set(content, HEADER_BYTES);
  return bytes;
}

export function decodeEntry(bytes: Buffer): Entry {
  return { expiresAt: bytes.readDoubleBE(), content: bytes.subarray(HEADER_BYTES) };
}
