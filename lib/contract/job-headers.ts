import { NO_HEADERS, type JobHeaders } from './job.js';

/** What of ours travels with a job: each is a header with one value. Users neither see nor set them (docs/header-contract.md). */
export const RESERVED_PREFIX = 'nrr-';

/** Failed runs so far. */
export const ATTEMPT_HEADER = 'nrr-attempt';
/** How many runs the job may have in all; wins over handler and queue. */
export const MAX_ATTEMPTS_HEADER = 'nrr-max-attempts';
/** Runs that ended with the death of their worker process. */
export const CRASHES_HEADER = 'nrr-crashes';
/** When the job failed first. Unit: Unix ms. */
export const FIRST_AT_HEADER = 'nrr-first-at';
/** When the next run is due. Unit: Unix ms. */
export const DUE_AT_HEADER = 'nrr-due-at';
/** The key that makes the job unique. */
export const UNIQUE_HEADER = 'nrr-unique';
/** The group whose limits apply. */
export const GROUP_HEADER = 'nrr-group';
/** Not to be started after it. Unit: Unix ms. */
export const EXPIRES_AT_HEADER = 'nrr-expires-at';
/** The longest run. Unit: ms. */
export const TIMEOUT_HEADER = 'nrr-timeout';
/** How the payload is coded. */
export const CODEC_HEADER = 'nrr-codec';
/** The id of the failed job of which this one is a replay. */
export const REPLAY_OF_HEADER = 'nrr-replay-of';
/** Further values of headers, where a broker keeps one of each. JSON: name to list. */
export const HEADER_VALUES_HEADER = 'nrr-header-values';
/** The job is acknowledged when it is handed out, where a broker has no other place to say it. */
export const AUTO_ACK_HEADER = 'nrr-auto-ack';

export function isReservedHeader(name: string): boolean {
  return name.startsWith(RESERVED_PREFIX);
}

/** The first value of a header as a number; `undefined` when it is absent or no number. */
export function numberHeader(headers: JobHeaders, name: string): number | undefined {
  const text = headers[name]?.[0];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** A copy with `changes` put over; `undefined` removes. */
export function withHeaders(headers: JobHeaders, changes: Readonly<Record<string, readonly string[] | undefined>>): JobHeaders {
  const merged = Object.assign(Object.create(null) as Record<string, readonly string[]>, headers);
  for (const name of Object.keys(changes)) {
    const values = changes[name];
    if (values === undefined) delete merged[name];
    else merged[name] = values;
  }
  return merged;
}

/** What the user sees: the same object when nothing of ours is in it. */
export function userHeaders(headers: JobHeaders): JobHeaders {
  if (headers === NO_HEADERS) return headers;
  const names = Object.keys(headers);
  if (!names.some(isReservedHeader)) return headers;
  const visible = Object.create(null) as Record<string, readonly string[]>;
  for (const name of names) if (!isReservedHeader(name)) visible[name] = headers[name]!;
  return visible;
}

/** Only what is ours. */
export function reservedHeaders(headers: JobHeaders): JobHeaders {
  if (headers === NO_HEADERS) return headers;
  const ours = Object.create(null) as Record<string, readonly string[]>;
  for (const name of Object.keys(headers)) if (isReservedHeader(name)) ours[name] = headers[name]!;
  return ours;
}
