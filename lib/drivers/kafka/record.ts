import { createHash } from 'node:crypto';
import { AUTO_ACK_HEADER, DUE_AT_HEADER, HEADER_VALUES_HEADER } from '../../contract/job-headers.js';
import { JobRecord, NO_HEADERS, type Job, type JobHeaders } from '../../contract/job.js';
import type { HeaderValue, OutgoingRecord, ReceivedRecord, TopicPartition } from './port.js';

// A job as a record, as RoadRunner's kafka plugin writes and reads it (v5.2.5 and v6):
//   key        the id, UTF-8
//   value      the payload as it is
//   headers    of each header of the job the first value, then
//              rr_job, rr_pipeline: UTF-8
//              rr_priority: 8 bytes, little-endian, two's complement int64
// Further values of a header, and the mark of an automatic acknowledgement, have no place there. They stand in headers of ours, which
// RoadRunner hands to its workers as two more headers of the job.

const JOB = 'rr_job';
const PIPELINE = 'rr_pipeline';
const PRIORITY = 'rr_priority';
const PRIORITY_BYTES = 8;
const OF_THE_WIRE: ReadonlySet<string> = new Set([JOB, PIPELINE, PRIORITY, AUTO_ACK_HEADER, HEADER_VALUES_HEADER]);
/** RoadRunner's name for jobs that it did not write. */
const FOREIGN_JOB = 'deduced_by_rr';
const TRUE = '1';
/** Lengths and deltas in front of a record and of each header, at most. Unit: bytes. */
const RECORD_OVERHEAD = 32;
const HEADER_OVERHEAD = 10;

/** What a job becomes; `headers` and `dueAt` take the place of its own. */
export interface RecordChange {
  readonly headers: JobHeaders;
  /** Unit: Unix milliseconds. */
  readonly dueAt?: number;
}

/** The job as a record, without a partition. */
export function encodeJob(job: Job, { headers, dueAt }: RecordChange, priority: number): OutgoingRecord {
  // An object without a prototype costs kafkajs more, and only names that a user chose need it.
  if (headers === NO_HEADERS && dueAt === undefined && !job.autoAck) {
    const plain = { [JOB]: job.name, [PIPELINE]: job.pipeline, [PRIORITY]: priorityBytes(priority) };
    return { key: job.id, value: bytesOf(job.payload), headers: plain };
  }
  const written = Object.create(null) as Record<string, HeaderValue>;
  let further: Record<string, readonly string[]> | undefined;
  for (const name of Object.keys(headers)) {
    const values = headers[name]!;
    if (OF_THE_WIRE.has(name) || name === DUE_AT_HEADER || values.length === 0) continue;
    written[name] = values[0]!;
    if (values.length > 1) (further ??= Object.create(null) as Record<string, readonly string[]>)[name] = values.slice(1);
  }
  if (further !== undefined) written[HEADER_VALUES_HEADER] = JSON.stringify(further);
  if (dueAt !== undefined) written[DUE_AT_HEADER] = String(dueAt);
  if (job.autoAck) written[AUTO_ACK_HEADER] = TRUE;
  written[JOB] = job.name;
  written[PIPELINE] = job.pipeline;
  written[PRIORITY] = priorityBytes(priority);
  return { key: job.id, value: bytesOf(job.payload), headers: written };
}

/** At least what the record takes of a batch. Unit: bytes. */
export function sizeOfRecord({ key, value, headers }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD + Buffer.byteLength(key) + (typeof value === 'string' ? Buffer.byteLength(value) : value.length);
  for (const name in headers) {
    const text = headers[name]!;
    bytes += HEADER_OVERHEAD + Buffer.byteLength(name) + (typeof text === 'string' ? Buffer.byteLength(text) : text.length);
  }
  return bytes;
}

/** The record as a job of `pipeline`. Any record is one: what RoadRunner did not write gets its defaults. */
export function decodeJob(record: ReceivedRecord, place: TopicPartition, pipeline: string, pipelinePriority: number): Job {
  const { headers: wire } = record;
  const headers = headersOf(wire);
  return new JobRecord(
    textOf(wire[JOB]) ?? FOREIGN_JOB,
    pipeline,
    record.value ?? '',
    headers,
    priorityOf(wire[PRIORITY]) || pipelinePriority,
    0,
    textOf(wire[AUTO_ACK_HEADER]) === TRUE,
    record.key === null || record.key.length === 0 ? idOfPlace(place, record.offset) : Buffer.from(record.key).toString(),
    { topic: place.topic, partition: place.partition, offset: BigInt(record.offset), metadata: '' },
  );
}

/** When the record may run. Unit: Unix milliseconds; 0: at once. */
export function dueAtOf({ headers }: ReceivedRecord): number {
  const dueAt = Number(textOf(headers[DUE_AT_HEADER]) ?? 0);
  return Number.isFinite(dueAt) ? dueAt : 0;
}

function headersOf(wire: ReceivedRecord['headers']): JobHeaders {
  const names = Object.keys(wire).filter((name) => !OF_THE_WIRE.has(name));
  if (names.length === 0) return NO_HEADERS;
  const further = furtherValues(textOf(wire[HEADER_VALUES_HEADER]));
  const headers = Object.create(null) as Record<string, readonly string[]>;
  for (const name of names) {
    const values = valuesOf(wire[name]).map((value) => textOf(value) ?? '');
    const more: unknown = further[name];
    headers[name] = Array.isArray(more) ? [...values, ...more.map(String)] : values;
  }
  return headers;
}

/** Nothing, when it is no object: a stranger may have written it. */
function furtherValues(json: string | undefined): Readonly<Record<string, unknown>> {
  if (json === undefined) return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? Object.assign(Object.create(null) as Record<string, unknown>, value) : {};
  } catch {
    return {};
  }
}

function priorityBytes(priority: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(PRIORITY_BYTES);
  const whole = Math.trunc(priority);
  bytes.writeUInt32LE(whole >>> 0, 0);
  bytes.writeInt32LE(Math.floor(whole / 2 ** 32), 4);
  return bytes;
}

/** 0 when it is absent, has another length, or is too large to be told apart from its neighbours. */
function priorityOf(value: ReceivedRecord['headers'][string]): number {
  if (!isBytes(value) || value.length !== PRIORITY_BYTES) return 0;
  const priority = Number(Buffer.from(value.buffer, value.byteOffset, value.length).readBigInt64LE());
  return Number.isSafeInteger(priority) ? priority : 0;
}

/** The last of several values, as RoadRunner reads them. */
function textOf(value: ReceivedRecord['headers'][string]): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (!isBytes(value)) return textOf(valuesOf(value).at(-1));
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString();
}

/** kafkajs takes what each object inherits, such as `constructor`, for an earlier value of a header of that name. */
function valuesOf(value: ReceivedRecord['headers'][string]): readonly HeaderValue[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value ?? ''];
  return values.filter((one): one is HeaderValue => typeof one === 'string' || isBytes(one));
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || Buffer.isBuffer(value);
}

/** A UUID of the form of version 5 for a record without a key: the same at each delivery, so that a repetition can be told. */
function idOfPlace({ topic, partition }: TopicPartition, offset: number): string {
  const hash = createHash('sha1').update(`${topic}/${partition}/${offset}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

function bytesOf(payload: Job['payload']): string | Buffer {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}
