import { AnswerError } from './answer-error.js';

// Go's own coding, as far as the `rr` command line uses it (recorded: test/fixtures/goridge/rpc-cli-*). A body is a row of messages:
//
//   message     length, id of its type, then the value; a negative id is followed by the definition of a type
//   unsigned    one byte up to 127; else the negated count of bytes, then the bytes, the highest first
//   signed      unsigned, shifted by one; the lowest bit says that the rest is complemented
//   float       the 8 bytes of the number in reverse, as an unsigned one
//   text        length, UTF-8
//   struct      for each field that is not zero: distance to the field before, value; 0 at the end
//   slice       count, values
//   outermost   a value that is no struct has a 0 in front
//
// Ids below 64 are given; those of other types are free. These are the ones of the recordings.

const BOOL = 1;
const INT = 2;
const UINT = 3;
const FLOAT = 4;
const BYTES = 5;
const STRING = 6;
const TEXTS = 64;
const WORKER_LIST = 65;
const WORKER = 66;
const WORKERS = 67;
const PIPELINE = 68;
const PIPELINES = 69;

/** Definition of a slice or a struct: field of the description, then name and id, then the content. */
const SLICE = 2;
const STRUCT = 3;

/** A worker process in the words of Go: zero stands for absent. */
export interface GobWorker {
  readonly pid: number;
  readonly status: number;
  readonly numExecs: number;
  /** Unit: Unix nanoseconds. */
  readonly created: bigint;
  readonly memoryUsage: number;
  readonly CPUPercent: number;
  readonly command: string;
  readonly statusStr: string;
}

/** The state of a pipeline in the words of Go. */
export interface GobPipeline {
  readonly Pipeline: string;
  readonly Driver: string;
  readonly Queue: string;
  readonly Active: number;
  readonly Delayed: number;
  readonly Reserved: number;
  readonly Ready: boolean;
  readonly Priority: bigint;
  readonly ErrorMessage: string;
}

/** @throws AnswerError when it is another type or no gob. An empty body is false, as everything absent is zero. */
export function readGobFlag(body: Uint8Array): boolean {
  return body.length > 0 && new GobReader(body).value(BOOL, 'bool').unsigned() !== 0;
}

/** @throws AnswerError when it is another type or no gob. */
export function readGobText(body: Uint8Array): string {
  return body.length === 0 ? '' : new GobReader(body).value(STRING, 'string').text();
}

export function writeGobFlag(flag: boolean): Uint8Array {
  return message(
    new GobWriter()
      .signed(BOOL)
      .unsigned(0)
      .unsigned(flag ? 1 : 0),
  );
}

export function writeGobText(text: string): Uint8Array {
  return message(new GobWriter().signed(STRING).unsigned(0).text(text));
}

export function writeGobBytes(bytes: Uint8Array): Uint8Array {
  return message(new GobWriter().signed(BYTES).unsigned(0).unsigned(bytes.length).raw(bytes));
}

export function writeGobTexts(texts: readonly string[]): Uint8Array {
  const value = new GobWriter().signed(TEXTS).unsigned(0).unsigned(texts.length);
  for (const text of texts) value.text(text);
  return Buffer.concat([sliceType(TEXTS, '', STRING), message(value)]);
}

export function writeGobWorkers(workers: readonly GobWorker[]): Uint8Array {
  const value = new GobWriter().signed(WORKER_LIST);
  if (workers.length > 0) value.unsigned(1).unsigned(workers.length);
  for (const worker of workers) {
    const { pid, status, numExecs, created, memoryUsage, CPUPercent, command, statusStr } = worker;
    new StructWriter(value)
      .signed(pid)
      .signed(status)
      .unsigned(numExecs)
      .signed(created)
      .unsigned(memoryUsage)
      .float(CPUPercent)
      .text(command)
      .text(statusStr)
      .end();
  }
  const types = [
    structType(WORKER_LIST, 'WorkerList', { Workers: WORKERS }),
    sliceType(WORKERS, '[]*process.State', WORKER),
    structType(WORKER, '', {
      ...{ Pid: INT, Status: INT, NumExecs: UINT, Created: INT },
      ...{ MemoryUsage: UINT, CPUPercent: FLOAT, Command: STRING, StatusStr: STRING },
    }),
  ];
  return Buffer.concat([...types, message(value.unsigned(0))]);
}

export function writeGobPipelines(pipelines: readonly GobPipeline[]): Uint8Array {
  const value = new GobWriter().signed(PIPELINES).unsigned(0).unsigned(pipelines.length);
  for (const { Pipeline, Driver, Queue, Active, Delayed, Reserved, Ready, Priority, ErrorMessage } of pipelines) {
    const struct = new StructWriter(value).text(Pipeline).text(Driver).text(Queue).signed(Active).signed(Delayed).signed(Reserved);
    struct
      .unsigned(Ready ? 1 : 0)
      .unsigned(Priority)
      .text(ErrorMessage)
      .end();
  }
  const types = [
    sliceType(PIPELINES, '', PIPELINE),
    structType(PIPELINE, '', {
      ...{ Pipeline: STRING, Driver: STRING, Queue: STRING, Active: INT, Delayed: INT, Reserved: INT },
      ...{ Ready: BOOL, Priority: UINT, ErrorMessage: STRING },
    }),
  ];
  return Buffer.concat([...types, message(value)]);
}

function sliceType(id: number, name: string, element: number): Uint8Array {
  const writer = description(SLICE, id, name);
  return message(writer.unsigned(1).signed(element).unsigned(0).unsigned(0));
}

function structType(id: number, name: string, fields: Readonly<Record<string, number>>): Uint8Array {
  const writer = description(STRUCT, id, name).unsigned(1).unsigned(Object.keys(fields).length);
  for (const field of Object.keys(fields)) new StructWriter(writer).text(field).signed(fields[field]!).end();
  return message(writer.unsigned(0).unsigned(0));
}

function description(kind: number, id: number, name: string): GobWriter {
  const writer = new GobWriter().signed(-id).unsigned(kind).unsigned(1);
  new StructWriter(writer).text(name).signed(id).end();
  return writer;
}

function message(content: GobWriter): Uint8Array {
  const bytes = content.written();
  return Buffer.concat([new GobWriter().unsigned(bytes.length).written(), bytes]);
}

class GobWriter {
  readonly #parts: Uint8Array[] = [];

  unsigned(value: number | bigint): this {
    if (value < 0x80) return this.raw(Uint8Array.of(Number(value)));
    const hex = value.toString(16);
    const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
    return this.raw(Uint8Array.of(0x100 - bytes.length)).raw(bytes);
  }

  signed(value: number | bigint): this {
    const number = BigInt(value);
    return this.unsigned(number < 0n ? (~number << 1n) | 1n : number << 1n);
  }

  float(value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value); // little-endian is the reverse of what the highest byte first would be
    return this.unsigned(bytes.readBigUInt64BE());
  }

  text(text: string): this {
    const bytes = Buffer.from(text);
    return this.unsigned(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  written(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** Fields in the order of the type; zero ones are left out. */
class StructWriter {
  readonly #writer: GobWriter;
  #distance = 0;

  constructor(writer: GobWriter) {
    this.#writer = writer;
  }

  unsigned(value: number | bigint): this {
    if (this.#begin(Number(value) !== 0)) this.#writer.unsigned(value);
    return this;
  }

  signed(value: number | bigint): this {
    if (this.#begin(Number(value) !== 0)) this.#writer.signed(value);
    return this;
  }

  float(value: number): this {
    if (this.#begin(value !== 0)) this.#writer.float(value);
    return this;
  }

  text(text: string): this {
    if (this.#begin(text !== '')) this.#writer.text(text);
    return this;
  }

  end(): void {
    this.#writer.unsigned(0);
  }

  #begin(isSent: boolean): boolean {
    this.#distance++;
    if (!isSent) return false;
    this.#writer.unsigned(this.#distance);
    this.#distance = 0;
    return true;
  }
}

class GobReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes to the value of a message of this type. */
  value(type: number, name: string): this {
    if (this.unsigned() !== this.#bytes.length - this.#at) throw invalid('a length that is not that of the body');
    const id = this.unsigned();
    if (id !== type << 1) throw invalid(`type ${id & 1 ? 'definition' : id >> 1} where ${name} was expected`);
    if (this.unsigned() !== 0) throw invalid('no value behind its type');
    return this;
  }

  unsigned(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = 0x100 - first;
    if (count > 4) throw invalid(`a number of ${count} bytes`);
    let value = 0;
    for (let index = 0; index < count; index++) value = value * 0x100 + this.#byte();
    return value;
  }

  text(): string {
    const length = this.unsigned();
    if (length !== this.#bytes.length - this.#at) throw invalid('a text that does not end with the body');
    return Buffer.from(this.#bytes.subarray(this.#at)).toString('utf8');
  }

  #byte(): number {
    if (this.#at === this.#bytes.length) throw invalid('an end inside a value');
    return this.#bytes[this.#at++]!;
  }
}

function invalid(what: string): AnswerError {
  return new AnswerError(`gob: the body has ${what}`);
}
