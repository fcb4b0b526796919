import { JobsArgumentError } from './errors.js';
import { shown } from './shown.js';

/**
 * A value as the text of a Declare map; maps and lists are JSON. Unit of numbers: as given.
 *
 * @param what - Its name, for the error.
 * @throws JobsArgumentError when it has none.
 */
export function declareText(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || typeof value === 'bigint' || Number.isFinite(value)) return String(value);
  if (typeof value === 'object' && value !== null) {
    const json = jsonOf(value);
    if (json !== undefined) return json;
  }
  throw new JobsArgumentError(`${what} is ${shown(value)}, which cannot be sent. Give text, a number, true or false, or plain data.`);
}

function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
