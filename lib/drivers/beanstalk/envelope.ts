import { JobRecord, NO_HEADERS, type Job, type JobHeaders } from '../../contract/job.js';
import { GobStruct, readGobStruct, type GobType, type GobValue } from './gob-reader.js';

// beanstalkd keeps bytes and nothing else, so RoadRunner puts the whole job into the body, in Go's own coding (gob):
//
//   four definitions of types    always the same bytes, below
//   one value                    Item{ Job, Ident string; Payload bytes; Hdrs map[string][]string; Options }
//                                Options{ Priority int; Pipeline string; Delay int (seconds); AutoAck bool; Queue string }
//
// Version 2025 sends and reads an Item without Hdrs; fields are matched by name, so both read the other's (recorded with Go 1.26).
const DEFINITIONS = Buffer.from(
  'Rn8DAQEESXRlbQH/gAABBQEDSm9iAQwAAQVJZGVudAEMAAEHUGF5bG9hZAEKAAEESGRycwH/hAABB09wdGlvbnMB/4YAAAAk/4MEAQETbWFwW3N0cmluZ11b' +
    'XXN0cmluZwH/hAABDAH/ggAADP+BAgEC/4IAAQwAAE//hQMBAQdPcHRpb25zAf+GAAEFAQhQcmlvcml0eQEEAAEIUGlwZWxpbmUBDAABBURlbGF5AQQAAQdB' +
    'dXRvQWNrAQIAAQVRdWV1ZQEMAAAA',
  'base64',
);
/** What those definitions say. A body that begins with them, as most do, is read without reading them. */
const DEFINED = {
  length: DEFINITIONS.length,
  types: new Map<number, GobType>([
    [64, { kind: 'struct', fields: fieldsOf({ Job: 6, Ident: 6, Payload: 5, Hdrs: 66, Options: 67 }) }],
    [65, { kind: 'list', element: 6 }],
    [66, { kind: 'map', key: 6, element: 65 }],
    [67, { kind: 'struct', fields: fieldsOf({ Priority: 2, Pipeline: 6, Delay: 2, AutoAck: 1, Queue: 6 }) }],
  ]),
};
/** The id 64 of Item in those definitions, as a signed number. */
const ITEM_ID = 128;

/** The name of jobs that no RoadRunner and none of us produced. */
export const FOREIGN_JOB_NAME = 'deduced_by_rr';

/** The body of a job, in the shape that every RoadRunner reads. */
export function encodeEnvelope(job: Job, headers: JobHeaders, delaySeconds: number): Buffer {
  const { id, name, pipeline, payload, priority, autoAck } = job;
  const names = headers === NO_HEADERS ? [] : Object.keys(headers);
  const writer = new GobWriter(sizeLimit(job, headers, names));
  const item = writer.begin().unsigned(ITEM_ID).struct();
  item.text(name).text(id).text(payload);
  if (item.next(names.length > 0)) {
    writer.unsigned(names.length);
    for (const header of names) {
      const values = headers[header]!;
      writer.text(header).unsigned(values.length);
      for (const value of values) writer.text(value);
    }
  }
  // A pointer in Go: there even when all of its fields are zero.
  item.next(true);
  const options = writer.struct();
  options.signed(priority).text(pipeline).signed(delaySeconds);
  if (options.next(autoAck)) writer.unsigned(1);
  writer.unsigned(0).unsigned(0);
  return writer.message();
}

/**
 * A job as its body tells it; a body that is no envelope is the payload of a job from elsewhere.
 *
 * @param otherwiseId - Of a job that comes without an id. Default: a fresh one.
 */
export function decodeEnvelope(body: Buffer, pipeline: string, pipelinePriority: number, otherwiseId?: string): JobRecord {
  const item = itemOf(body);
  if (item === undefined) return new JobRecord(FOREIGN_JOB_NAME, pipeline, body, NO_HEADERS, pipelinePriority, 0, false, otherwiseId);
  const { name, id, payload, headers, priority, autoAck } = item;
  return new JobRecord(name || FOREIGN_JOB_NAME, pipeline, payload, headers, priority || pipelinePriority, 0, autoAck, id || otherwiseId);
}

interface Item {
  readonly name: string;
  readonly id: string;
  readonly payload: Uint8Array;
  readonly headers: JobHeaders;
  readonly priority: number;
  readonly autoAck: boolean;
}

const ITEM_FIELDS = new Set(['Job', 'Ident', 'Payload', 'Hdrs', 'Options']);
const NO_BYTES = new Uint8Array();

function itemOf(body: Buffer): Item | undefined {
  try {
    const isDefined = body.length > DEFINITIONS.length && DEFINITIONS.compare(body, 0, DEFINITIONS.length) === 0;
    const item = readGobStruct(body, isDefined ? DEFINED : undefined);
    // Go refuses a struct that has no field in common with the one it wants.
    if (!item.type.some(({ name }) => ITEM_FIELDS.has(name))) return undefined;
    const options = field(item, 'Options', new GobStruct([]), (value) => value instanceof GobStruct);
    return {
      name: field(item, 'Job', '', isText),
      id: field(item, 'Ident', '', isText),
      payload: field(item, 'Payload', NO_BYTES, (value) => value instanceof Uint8Array),
      headers: headersOf(field(item, 'Hdrs', undefined, (value) => value instanceof Map)),
      priority: field(options, 'Priority', 0, (value) => typeof value === 'number'),
      autoAck: field(options, 'AutoAck', false, (value) => typeof value === 'boolean'),
    };
  } catch {
    return undefined;
  }
}

function fieldsOf(types: Readonly<Record<string, number>>): { name: string; type: number }[] {
  return Object.entries(types).map(([name, type]) => ({ name, type }));
}

function isText(value: GobValue): value is string {
  return typeof value === 'string';
}

function field<T extends GobValue, N>(struct: GobStruct, name: string, absent: N, is: (value: GobValue) => value is T): T | N {
  const value = struct.fields.get(name);
  if (value === undefined) return absent;
  if (!is(value)) throw new TypeError(`The field ${name} has another type.`);
  return value;
}

function headersOf(map: Map<GobValue, GobValue> | undefined): JobHeaders {
  if (map === undefined || map.size === 0) return NO_HEADERS;
  const headers = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, values] of map) {
    if (!isText(name) || !Array.isArray(values) || !values.every(isText)) throw new TypeError('The headers have another type.');
    headers[name] = values;
  }
  return headers;
}

/** Bytes enough: nine for each number and length. */
function sizeLimit({ id, name, pipeline, payload }: Job, headers: JobHeaders, names: readonly string[]): number {
  const NUMBER = 9;
  let bytes = DEFINITIONS.length + 16 * NUMBER + textLimit(name) + textLimit(id) + textLimit(pipeline);
  bytes += typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
  for (const header of names) {
    bytes += 2 * NUMBER + textLimit(header);
    for (const value of headers[header]!) bytes += NUMBER + textLimit(value);
  }
  return bytes;
}

/** A UTF-16 unit takes three bytes at most. */
function textLimit(text: string): number {
  return text.length * 3;
}

class GobWriter {
  readonly #buffer: Buffer;
  #at: number;

  /** The value is written behind the definitions, with room for its length. */
  constructor(maxBytes: number) {
    this.#buffer = Buffer.allocUnsafe(maxBytes + 16);
    this.#at = 0;
  }

  begin(): this {
    this.#at = DEFINITIONS.length + 9;
    return this;
  }

  unsigned(value: number): this {
    if (value < 0x80) {
      this.#buffer[this.#at++] = value;
      return this;
    }
    let count = 1;
    for (let rest = Math.floor(value / 0x100); rest > 0; rest = Math.floor(rest / 0x100)) count++;
    this.#buffer[this.#at++] = 0x100 - count;
    for (let index = count - 1, rest = value; index >= 0; index--) {
      this.#buffer[this.#at + index] = rest % 0x100;
      rest = Math.floor(rest / 0x100);
    }
    this.#at += count;
    return this;
  }

  text(content: string | Uint8Array): this {
    if (typeof content !== 'string') {
      this.unsigned(content.byteLength);
      this.#buffer.set(content, this.#at);
      this.#at += content.byteLength;
      return this;
    }
    this.unsigned(Buffer.byteLength(content));
    this.#at += this.#buffer.write(content, this.#at, 'utf8');
    return this;
  }

  struct(): StructWriter {
    return new StructWriter(this);
  }

  /** The definitions, the length of the value, the value. */
  message(): Buffer {
    const start = DEFINITIONS.length + 9;
    const end = this.#at;
    this.#at = 0;
    this.unsigned(end - start);
    const lengthBytes = this.#at;
    const length = Buffer.from(this.#buffer.subarray(0, lengthBytes));
    const first = start - lengthBytes - DEFINITIONS.length;
    DEFINITIONS.copy(this.#buffer, first);
    length.copy(this.#buffer, start - lengthBytes);
    return this.#buffer.subarray(first, end);
  }
}

/** Fields in the order of the type; zero ones are left out. */
class StructWriter {
  readonly #writer: GobWriter;
  #distance = 0;

  constructor(writer: GobWriter) {
    this.#writer = writer;
  }

  /** Steps to the next field; its value is to be written when it answers true. */
  next(isSent: boolean): boolean {
    this.#distance++;
    if (!isSent) return false;
    this.#writer.unsigned(this.#distance);
    this.#distance = 0;
    return true;
  }

  text(content: string | Uint8Array): this {
    if (this.next(content.length > 0)) this.#writer.text(content);
    return this;
  }

  signed(value: number): this {
    if (this.next(value !== 0)) this.#writer.unsigned(value < 0 ? -value * 2 - 1 : value * 2);
    return this;
  }
}
