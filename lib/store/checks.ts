import { JobsArgumentError } from '../contract/errors.js';
import type { StateRange } from '../contract/state-store.js';

export interface Put {
  readonly value: Uint8Array;
  /** `FOREVER` without a time limit. */
  readonly ttlMs: number;
}

/** What one write does; `undefined` deletes. */
export type Write = Put | undefined;

/** Said of entries that have no time limit. */
export const FOREVER = Infinity;

const MAX_KEY_BYTES = 512;
const DEFAULT_LIMIT = 100;
const LONE_SURROGATE = /\p{Cs}/u;

/** Copies the value: the caller may change it later. */
export function writeOf(value: Uint8Array, { ttlMs }: { readonly ttlMs?: number } = {}): Put {
  if (ttlMs !== undefined) checkTtl(ttlMs);
  return { value: new Uint8Array(value), ttlMs: ttlMs ?? FOREVER };
}

export function checkKey(key: string): void {
  checkText(key, 'A key');
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > MAX_KEY_BYTES) throw new JobsArgumentError(`A key has ${bytes} bytes. Give one of 1 to ${MAX_KEY_BYTES} bytes.`);
}

export function checkText(text: string, what: string): void {
  if (typeof text !== 'string') throw new JobsArgumentError(`${what} is of type ${typeof text}. Give a text.`);
  if (LONE_SURROGATE.test(text))
    throw new JobsArgumentError(`${what} holds half of a surrogate pair, which has no UTF-8 form. Give well-formed text.`);
}

export function checkTtl(ttlMs: number): void {
  if (!(Number.isFinite(ttlMs) && ttlMs > 0)) throw new JobsArgumentError(`"ttlMs" is ${ttlMs}. Give a finite number of milliseconds, more than 0.`);
}

/** The range with its defaults. */
export function checkRange({ prefix, after, limit = DEFAULT_LIMIT, reverse = false }: StateRange): Required<Omit<StateRange, 'after'>> & StateRange {
  checkText(prefix, 'A prefix');
  if (after !== undefined) checkText(after, '"after"');
  if (!Number.isSafeInteger(limit) || limit < 1) throw new JobsArgumentError(`"limit" is ${limit}. Give a whole number, 1 or more.`);
  return { prefix, limit, reverse, ...(after === undefined ? {} : { after }) };
}
