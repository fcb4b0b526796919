import { JobsArgumentError } from '../contract/errors.js';
import { shown } from '../contract/shown.js';

/** Of names and ids, which brokers keep in short fields. */
const MAX_NAME_BYTES = 255;
/** No UTF-16 unit takes more than three bytes: shorter texts need no counting. */
const SURELY_SHORT = Math.floor(MAX_NAME_BYTES / 3);

/** @throws JobsArgumentError when it is no text, empty, or longer than 255 bytes. */
export function checkedName(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new JobsArgumentError(`${what} is ${shown(value)}. Give a text of at least one character.`);
  if (value.length > SURELY_SHORT) {
    const bytes = Buffer.byteLength(value);
    if (bytes > MAX_NAME_BYTES) {
      throw new JobsArgumentError(`${what} "${value.slice(0, 40)}…" has ${bytes} bytes. At most ${MAX_NAME_BYTES} are allowed: shorten it.`);
    }
  }
  return value;
}

/** @throws JobsArgumentError when it is no whole number or out of range. */
export function checkedInteger(value: unknown, what: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new JobsArgumentError(`${what} is ${shown(value)}. Give a whole number from ${min} to ${max}.`);
}

/** @throws JobsArgumentError when it is neither true nor false. */
export function checkedFlag(value: unknown, what: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new JobsArgumentError(`${what} is ${shown(value)}. Give true or false.`);
}
