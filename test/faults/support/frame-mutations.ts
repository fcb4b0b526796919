import { headerCrc } from '../../../lib/wire/crc32.js';
import { writeWord } from '../../../lib/wire/frame.js';

type Random = () => number;
type Mutation = (bytes: Buffer, random: Random) => Buffer;

/** Numbers at which lengths and ids go wrong. */
const EDGES = [0, 1, 2, 11, 12, 127, 128, 255, 65_535, 65_536, 2 ** 24, 2 ** 26, 2 ** 26 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const MAX_MUTATIONS = 4;
const HEADER_BYTES = 12;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => at(bytes, random, (place) => (bytes[place] ^= 1 << below(random, 8))),
  (bytes, random) => at(bytes, random, (place) => (bytes[place] = below(random, 256))),
  (bytes, random) => bytes.subarray(0, below(random, bytes.length + 1)),
  (bytes, random) => splice(bytes, below(random, bytes.length + 1), 0, noise(random)),
  (bytes, random) => splice(bytes, below(random, bytes.length + 1), below(random, 20), Buffer.alloc(0)),
  (bytes, random) => Buffer.concat([bytes, noise(random)]),
  (bytes, random) => Buffer.concat([bytes, bytes.subarray(0, below(random, bytes.length + 1))]),
  (bytes, random) => word(bytes, 2, edge(random)),
  (bytes, random) => word(bytes, 2, Math.max(0, bytes.length - HEADER_BYTES - 8 + below(random, 5) - 2)),
  (bytes, random) => word(bytes, 12, edge(random)),
  (bytes, random) => word(bytes, 16, edge(random)),
  (bytes, random) => byte(bytes, 0, (below(random, 16) << 4) | below(random, 16)),
  (bytes, random) => byte(bytes, 0, 0x10 | below(random, 16)),
  (bytes, random) => byte(bytes, 1, below(random, 256)),
  (bytes, random) => byte(bytes, 1, 1 << below(random, 8)),
  (bytes, random) => byte(bytes, 10, below(random, 256)),
];

/**
 * A changed copy. A wrong checksum or length hides all that is behind the header: half of the copies get right ones, a
 * quarter a right checksum only.
 */
export function mutate(original: Uint8Array, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let left = 1 + below(random, MAX_MUTATIONS); left > 0; left--) bytes = MUTATIONS[below(random, MUTATIONS.length)](bytes, random);
  if (bytes.length < HEADER_BYTES) return bytes;
  const headerBytes = Math.max(HEADER_BYTES, (bytes[0] & 0x0f) * 4);
  const healing = random();
  if (healing < 1 / 2 && bytes.length >= headerBytes) writeWord(bytes, 2, bytes.length - headerBytes);
  if (healing < 3 / 4) writeWord(bytes, 6, headerCrc(bytes, 0));
  return bytes;
}

/** A whole number from 0 to one less than `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function edge(random: Random): number {
  return EDGES[below(random, EDGES.length)];
}

function noise(random: Random): Buffer {
  return Buffer.from(Array.from({ length: 1 + below(random, 40) }, () => below(random, 256)));
}

function at(bytes: Buffer, random: Random, change: (place: number) => void): Buffer {
  if (bytes.length > 0) change(below(random, bytes.length));
  return bytes;
}

function splice(bytes: Buffer, place: number, removed: number, added: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, place), added, bytes.subarray(place + removed)]);
}

function word(bytes: Buffer, place: number, value: number): Buffer {
  if (bytes.length >= place + 4) writeWord(bytes, place, value);
  return bytes;
}

function byte(bytes: Buffer, place: number, value: number): Buffer {
  if (bytes.length > place) bytes[place] = value;
  return bytes;
}
