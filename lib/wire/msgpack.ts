import { decode, encode } from '@msgpack/msgpack';
import { AnswerError } from './answer-error.js';

/** Nobody nests deeper. */
const MAX_DEPTH = 100;
/** Elements, keys and values. The largest batch has a tenth of it; decoded, an empty map of one byte takes fifty times as much. */
const MAX_VALUES = 2 * 1024 * 1024;

const FIXED_BYTES: Readonly<Record<number, number>> = {
  ...{ 0xc0: 0, 0xc2: 0, 0xc3: 0, 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8 },
  ...{ 0xd4: 2, 0xd5: 3, 0xd6: 5, 0xd7: 9, 0xd8: 17 },
};
/** Bytes of the length, and of what stands between it and the content. */
const LENGTH_BYTES: Readonly<Record<number, readonly [number, number]>> = {
  ...{ 0xc4: [1, 0], 0xc5: [2, 0], 0xc6: [4, 0], 0xc7: [1, 1], 0xc8: [2, 1], 0xc9: [4, 1], 0xd9: [1, 0], 0xda: [2, 0], 0xdb: [4, 0] },
};
const COUNT_BYTES: Readonly<Record<number, readonly [number, number]>> = { 0xdc: [2, 1], 0xdd: [4, 1], 0xde: [2, 2], 0xdf: [4, 2] };

/** `undefined` fields are left out. */
export function encodeMsgpack(value: unknown): Uint8Array {
  return encode(value, { ignoreUndefined: true, useBigInt64: true });
}

/**
 * Decodes a body. It is walked first: a claimed count would be allocated at once.
 *
 * @throws AnswerError when it is no MessagePack, nested too deep, or has too many values.
 */
export function decodeMsgpack(body: Uint8Array): unknown {
  if (skip(body, 0, 0, { left: MAX_VALUES }) !== body.length) throw invalid();
  try {
    return decode(body, { useBigInt64: false });
  } catch {
    throw invalid();
  }
}

/** How many more values there may be. */
interface Budget {
  left: number;
}

/** Where the value that begins at `at` ends. */
function skip(body: Uint8Array, at: number, depth: number, budget: Budget): number {
  if (at >= body.length || depth > MAX_DEPTH) throw invalid();
  const type = body[at]!;
  if (type < 0x80 || type >= 0xe0) return at + 1;
  if (type < 0x90) return skipValues(body, at + 1, (type & 0x0f) * 2, depth, budget);
  if (type < 0xa0) return skipValues(body, at + 1, type & 0x0f, depth, budget);
  if (type < 0xc0) return inside(body, at + 1 + (type & 0x1f));
  const fixed = FIXED_BYTES[type];
  if (fixed !== undefined) return inside(body, at + 1 + fixed);
  const length = LENGTH_BYTES[type];
  if (length !== undefined) return inside(body, at + 1 + length[0] + length[1] + numberAt(body, at + 1, length[0]));
  const count = COUNT_BYTES[type];
  if (count === undefined) throw invalid();
  return skipValues(body, at + 1 + count[0], numberAt(body, at + 1, count[0]) * count[1], depth, budget);
}

function skipValues(body: Uint8Array, at: number, count: number, depth: number, budget: Budget): number {
  if (count > body.length - at) throw invalid();
  budget.left -= count;
  if (budget.left < 0) throw new AnswerError(`msgpack: the body has more than ${MAX_VALUES} values`);
  let next = at;
  for (let index = 0; index < count; index++) next = skip(body, next, depth + 1, budget);
  return next;
}

function numberAt(body: Uint8Array, at: number, bytes: number): number {
  inside(body, at + bytes);
  let value = 0;
  for (let index = 0; index < bytes; index++) value = value * 0x100 + body[at + index]!;
  return value;
}

function inside(body: Uint8Array, end: number): number {
  if (end > body.length) throw invalid();
  return end;
}

function invalid(): AnswerError {
  return new AnswerError('msgpack: the body cannot be decoded');
}
