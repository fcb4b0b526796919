/** The first byte of every key of the file. */
export const enum Region {
  meta = 1,
  /** `key`: the value of a key. */
  value = 2,
  /** `key`: the owner of a claim. */
  claim = 3,
  /** `expiresAt f64, region u8, key`: an entry that has a time limit, by its end. */
  expiry = 4,
}

const TIME_BYTES = 8;
/** Behind every key that begins with the bytes before it: no UTF-8 holds it, and no region. */
const BEHIND = Buffer.from([0xff]);

/** The order of keys is that of their UTF-8 bytes. */
export function stateKey(region: Region, key: string): Buffer {
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(key));
  bytes[0] = region;
  bytes.write(key, 1);
  return bytes;
}

export function textOf(key: Buffer): string {
  return key.toString('utf8', 1);
}

/** Behind the last key that begins with `prefix`. */
export function endOf(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, BEHIND]);
}

/** Positive numbers of eight bytes sort as their values do. */
export function expiryKey(expiresAt: number, key: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(1 + TIME_BYTES + key.length);
  bytes[0] = Region.expiry;
  bytes.writeDoubleBE(expiresAt, 1);
  bytes.set(key, 1 + TIME_BYTES);
  return bytes;
}

/** What expires at `now` or before. */
export function expiredRange(now: number): { readonly start: Buffer; readonly end: Buffer } {
  return { start: Buffer.from([Region.expiry]), end: expiryKey(now, BEHIND) };
}

/** The key of the entry that an expiry is about. */
export function expiringKey(expiry: Buffer): Buffer {
  return expiry.subarray(1 + TIME_BYTES);
}
