import { NO_HEADERS, type Job, type JobHeaders, type KafkaPlace } from '../contract/job.js';

// The same messages as in push-reader.ts, written by hand from the last byte to the first: a length stands before what it counts and
// is known when that has been written, so that nothing is counted twice. Fields end up in the order of their numbers and what is 0 or
// empty is left out: the bytes are those of every other client.

/** Texts up to here are written by a loop, faster than a call into the runtime. Unit: characters. */
const SHORT_TEXT = 48;
/** Of a job without its payload; a guess that fits most. Unit: bytes. */
const USUAL_JOB = 160;
const EMPTY = new Uint8Array(0);

/** Body of jobs.Push. The delay is rounded up to whole seconds. */
export function encodePush(job: Job): Uint8Array {
  return encodePushBatch([job]); // both hold jobs in field 1
}

/** Body of jobs.PushBatch. */
export function encodePushBatch(jobs: readonly Job[]): Uint8Array {
  if (jobs.length === 0) return EMPTY;
  let bytes = 0;
  for (const { payload } of jobs) bytes += USUAL_JOB + payload.length;
  const writer = new BackwardWriter(bytes);
  for (let index = jobs.length - 1; index >= 0; index--) writeJob(writer, jobs[index]!);
  return writer.written();
}

function writeJob(writer: BackwardWriter, job: Job): void {
  const end = writer.left;
  writeOptions(writer, job);
  if (job.headers !== NO_HEADERS) writeHeaders(writer, job.headers);
  if (typeof job.payload === 'string') writer.text(3, job.payload);
  else writer.raw(3, job.payload);
  writer.text(2, job.id);
  writer.text(1, job.name);
  writer.head(1, end);
}

function writeOptions(writer: BackwardWriter, job: Job): void {
  const end = writer.left;
  if (job.kafka !== undefined) writeKafka(writer, job.kafka);
  if (job.autoAck) writer.number(6, 1);
  // Never early: a fraction of a second waits for the whole one.
  if (job.delayMs > 0) writer.number(3, Math.ceil(job.delayMs / 1_000));
  writer.text(2, job.pipeline);
  writer.number(1, job.priority);
  if (writer.left !== end) writer.head(5, end);
}

function writeKafka(writer: BackwardWriter, { topic, metadata, offset, partition }: KafkaPlace): void {
  writer.number(10, partition);
  if (offset !== 0n) writer.bigNumber(9, offset);
  writer.text(8, metadata);
  writer.text(7, topic);
}

function writeHeaders(writer: BackwardWriter, headers: JobHeaders): void {
  const names = Object.keys(headers);
  for (let index = names.length - 1; index >= 0; index--) {
    const name = names[index]!;
    const values = headers[name]!;
    const end = writer.left;
    for (let value = values.length - 1; value >= 0; value--) writer.field(1, values[value]!);
    writer.head(2, end);
    writer.field(1, name);
    writer.head(4, end);
  }
}

/** Writes fields whose number is below 16, so that a tag is one byte. */
class BackwardWriter {
  #bytes: Buffer;
  /** Bytes that are not written yet; the first written one stands there. */
  #free: number;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
    this.#free = capacity;
  }

  /** Marks this place for {@link head}: what is written from here on stands before it. */
  get left(): number {
    return this.#bytes.length - this.#free;
  }

  written(): Uint8Array {
    return this.#bytes.subarray(this.#free);
  }

  /** Tag and length of all that was written since `end` was marked. */
  head(field: number, end: number): void {
    this.#head(field, this.left - end);
  }

  /** Nothing when it is empty. */
  text(field: number, text: string): void {
    if (text.length > 0) this.field(field, text);
  }

  field(field: number, text: string): void {
    if (text.length > SHORT_TEXT || !this.#short(text)) this.#long(text, field);
    else this.#head(field, text.length);
  }

  /** Nothing when it is empty. */
  raw(field: number, bytes: Uint8Array): void {
    const length = bytes.byteLength;
    if (length === 0) return;
    this.#room(length);
    this.#bytes.set(bytes, (this.#free -= length));
    this.#head(field, length);
  }

  /** Nothing when it is 0. */
  number(field: number, value: number): void {
    if (value === 0) return;
    if (value < 0) return this.bigNumber(field, BigInt(value));
    this.#room(10);
    this.#varint(value);
    this.#bytes[--this.#free] = field << 3;
  }

  bigNumber(field: number, value: bigint): void {
    const digits: number[] = [];
    for (let rest = BigInt.asUintN(64, value); rest > 0n; rest >>= 7n) digits.push(Number(rest & 0x7fn));
    this.#room(digits.length + 1);
    for (let index = digits.length - 1; index >= 0; index--) {
      this.#bytes[--this.#free] = digits[index]! | (index === digits.length - 1 ? 0 : 0x80);
    }
    this.#bytes[--this.#free] = field << 3;
  }

  /** False when it is no ASCII; nothing is written then. */
  #short(text: string): boolean {
    const { length } = text;
    this.#room(length);
    const bytes = this.#bytes;
    const start = this.#free - length;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) return false;
      bytes[start + index] = code;
    }
    this.#free = start;
    return true;
  }

  #long(text: string, field: number): void {
    const length = Buffer.byteLength(text);
    this.#room(length);
    this.#bytes.write(text, (this.#free -= length), length, 'utf8');
    this.#head(field, length);
  }

  #head(field: number, length: number): void {
    this.#room(6);
    if (length < 0x80) this.#bytes[--this.#free] = length;
    else this.#varint(length);
    this.#bytes[--this.#free] = (field << 3) | 2;
  }

  /** At most 2^53 - 1. */
  #varint(value: number): void {
    let bytes = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) bytes++;
    const start = (this.#free -= bytes);
    let rest = value;
    for (let at = start; at < start + bytes - 1; at++) {
      this.#bytes[at] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[start + bytes - 1] = rest;
  }

  #room(length: number): void {
    if (length <= this.#free) return;
    const written = this.left;
    const grown = Buffer.allocUnsafe((this.#bytes.length + length) * 2);
    this.#bytes.copy(grown, grown.length - written, this.#free);
    this.#bytes = grown;
    this.#free = grown.length - written;
  }
}
