import { createHash } from 'node:crypto';

const MAX_BYTES = 255;
const LONE_SURROGATE = /\p{Cs}/u;

/**
 * The id of a job as a part of a key of the state store. Ids that come from a broker may be longer than ours, or hold half of a surrogate pair,
 * which no key may: of those it is a hash.
 */
export function idKey(id: string): string {
  if (Buffer.byteLength(id) <= MAX_BYTES && !LONE_SURROGATE.test(id)) return id;
  return `sha256:${createHash('sha256').update(id, 'utf16le').digest('hex')}`;
}
