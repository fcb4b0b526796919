import { JobsArgumentError } from '../contract/errors.js';
import { isReservedHeader, reservedHeaders, RESERVED_PREFIX } from '../contract/job-headers.js';
import { NO_HEADERS, type JobHeaders } from '../contract/job.js';
import { shown } from '../contract/shown.js';
import { checkedName } from './checks.js';

/** One value, or several in order. @publicApi */
export type HeaderValue = string | Iterable<string>;

/** Headers as users write them. @publicApi */
export type HeaderInput = Readonly<Record<string, HeaderValue>>;

/** What tasks and options offer for their headers. Names are case-sensitive. @publicApi */
export interface TaskHeaders<T> {
  /** All of them; the object has no prototype. A name that was given an empty list is here and does not travel. */
  readonly headers: JobHeaders;
  /** True when there is at least one value. */
  hasHeader(name: string): boolean;
  /** The values in order; empty when there is none. */
  header(name: string): readonly string[];
  /** The values joined by `,` without a space; empty when there is none. */
  headerLine(name: string): string;
  /**
   * A copy in which `value` replaces the values of `name`.
   *
   * @throws JobsArgumentError when the name is empty, reserved or too long, or a value is no text.
   */
  withHeader(name: string, value: HeaderValue): T;
  /**
   * A copy with `value` after the values that `name` has. Duplicates are kept.
   *
   * @throws JobsArgumentError as `withHeader`.
   */
  withAddedHeader(name: string, value: HeaderValue): T;
  /** A copy without `name`; the same object when it is absent. */
  withoutHeader(name: string): T;
}

/** Unit: header names of one job. */
const MAX_HEADERS = 100;
/** Of names and values of one job together. */
const MAX_HEADERS_BYTES = 64 * 1_024;
const NO_VALUES: readonly string[] = Object.freeze([]);

/** @throws JobsArgumentError when a name or a value cannot be used, or all of them are too many. */
export function headersFrom(input: unknown): JobHeaders {
  if (input === undefined || input === null || input === NO_HEADERS) return NO_HEADERS;
  if (typeof input !== 'object' || Array.isArray(input)) {
    throw new JobsArgumentError(`headers is ${shown(input)}. Give an object of names and texts, such as { 'x-tenant': 'acme' }.`);
  }
  const names = Object.keys(input);
  if (names.length === 0) return NO_HEADERS;
  const headers = emptyHeaders();
  for (const name of names) headers[checkedHeaderName(name)] = valuesFrom(name, (input as Record<string, unknown>)[name]);
  return checkedSize(headers);
}

export function setHeader(headers: JobHeaders, name: string, value: HeaderValue): JobHeaders {
  const changed = copyOf(headers);
  changed[checkedHeaderName(name)] = valuesFrom(name, value);
  return checkedSize(changed);
}

export function addHeader(headers: JobHeaders, name: string, value: HeaderValue): JobHeaders {
  return setHeader(headers, name, [...headerOf(headers, name), ...valuesFrom(name, value)]);
}

/** The same object when the name is absent. */
export function removeHeader(headers: JobHeaders, name: string): JobHeaders {
  if (headers[name] === undefined) return headers;
  const changed = copyOf(headers);
  delete changed[name];
  return Object.keys(changed).length === 0 ? NO_HEADERS : Object.freeze(changed);
}

export function headerOf(headers: JobHeaders, name: string): readonly string[] {
  return headers[name] ?? NO_VALUES;
}

/** `changes` over `headers`, name by name. */
export function putOver(headers: JobHeaders, changes: JobHeaders): JobHeaders {
  if (changes === NO_HEADERS) return headers;
  return checkedSize(Object.assign(copyOf(headers), changes));
}

/** What is sent: names with an empty list stay at home, as on RoadRunner's wire. */
export function sentHeaders(headers: JobHeaders): JobHeaders {
  let isFilled = true;
  for (const name in headers) if (headerOf(headers, name).length === 0) isFilled = false;
  if (isFilled) return headers;
  const filled = Object.entries(headers).filter(([, values]) => values.length > 0);
  if (filled.length === 0) return NO_HEADERS;
  const sent = emptyHeaders();
  for (const [name, values] of filled) sent[name] = values;
  return sent;
}

/** The user's headers with those of ours that the job carries. */
export function withReservedOf(job: JobHeaders, user: JobHeaders): JobHeaders {
  return Object.assign(copyOf(reservedHeaders(job)), sentHeaders(user));
}

export function copyOf(headers: JobHeaders): Record<string, readonly string[]> {
  return Object.assign(emptyHeaders(), headers);
}

// Without a prototype `__proto__` and `constructor` are names as any other.
function emptyHeaders(): Record<string, readonly string[]> {
  return Object.create(null) as Record<string, readonly string[]>;
}

function checkedHeaderName(name: unknown): string {
  const checked = checkedName(name, 'A header name');
  if (isReservedHeader(checked)) {
    throw new JobsArgumentError(
      `Header "${checked}" is reserved: names that begin with "${RESERVED_PREFIX}" belong to the library. Use another name.`,
    );
  }
  if (/[\r\n\0]/.test(checked)) throw new JobsArgumentError(`Header name ${JSON.stringify(checked)} holds a line break or a NUL. Use another name.`);
  return checked;
}

function valuesFrom(name: string, value: unknown): readonly string[] {
  if (typeof value === 'string') return Object.freeze([value]);
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) throw notText(name, value);
  const values: string[] = [];
  for (const item of value as Iterable<unknown>) {
    if (typeof item !== 'string') throw notText(name, item);
    values.push(item);
  }
  return Object.freeze(values);
}

function notText(name: string, value: unknown): JobsArgumentError {
  return new JobsArgumentError(
    `Header "${name}" has the value ${shown(value)}, which is no text. Give a text or a list of texts, such as String(value).`,
  );
}

function checkedSize(headers: Record<string, readonly string[]>): JobHeaders {
  let count = 0;
  let bytes = 0;
  for (const name in headers) {
    count++;
    bytes += Buffer.byteLength(name);
    for (const value of headerOf(headers, name)) bytes += Buffer.byteLength(value);
  }
  if (count > MAX_HEADERS)
    throw new JobsArgumentError(`A job has ${count} headers. At most ${MAX_HEADERS} are allowed: put the rest into the payload.`);
  if (bytes > MAX_HEADERS_BYTES) {
    throw new JobsArgumentError(`The headers of a job have ${bytes} bytes. At most ${MAX_HEADERS_BYTES} are allowed: put the rest into the payload.`);
  }
  return Object.freeze(headers);
}
