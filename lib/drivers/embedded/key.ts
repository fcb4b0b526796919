/**
 * Keys of the file, 14 bytes, big-endian, so that their byte order is the order of delivery:
 *
 *     0      region    u8
 *     1      pipeline  u8
 *     2..7   major     u48   READY: priority + 2^47; DELAYED: due time in Unix ms
 *     8..13  sequence  u48
 *
 * META keys have the region META and text behind it.
 */
export const KEY_BYTES = 14;

export const Region = { meta: 0, ready: 1, delayed: 2 } as const;
export type Region = (typeof Region)[keyof typeof Region];

/** Makes priorities, which may be negative, order as unsigned numbers. */
const PRIORITY_OFFSET = 2 ** 47;
const MAX_U48 = 2 ** 48 - 1;

export function jobKey(region: Region, pipeline: number, major: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key[0] = region;
  key[1] = pipeline;
  key.writeUIntBE(Math.min(MAX_U48, Math.max(0, major)), 2, 6);
  key.writeUIntBE(sequence, 8, 6);
  return key;
}

/** The least key behind `key`. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.from([0])]);
}

export function readyMajor(priority: number): number {
  return priority + PRIORITY_OFFSET;
}

export function priorityOfKey(key: Buffer): number {
  return majorOf(key) - PRIORITY_OFFSET;
}

export function majorOf(key: Buffer): number {
  return key.readUIntBE(2, 6);
}

export function sequenceOf(key: Buffer): number {
  return key.readUIntBE(8, 6);
}

export function pipelineOf(key: Buffer): number {
  return key[1]!;
}

export function regionOf(key: Buffer): number {
  return key[0]!;
}

export function metaKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([Region.meta]), Buffer.from(name)]);
}
