import { JobRecord, NO_HEADERS, type JobHeaders, type KafkaPlace } from '../contract/job.js';
import { KnownTexts } from './known-texts.js';
import { BYTES, ProtoCursor, VARINT } from './proto-cursor.js';
import { checkBatch, checkDelay, checkHeaders, checkJobSize, checkPriority, headerTextBytes } from './push-limits.js';

// Bodies of jobs.Push and jobs.PushBatch (proto/jobs/v1/jobs.proto), read by hand: the generated decoder makes five objects and a
// text for every field of a job, this one a record with two views.
//
//   PushRequest       1 Job; PushBatchRequest 1 Job, repeated
//   Job               1 name, 2 id, 3 payload, 4 header (map entry: 1 name, 2 HeaderValue), repeated, 5 Options
//   HeaderValue       1 text, repeated
//   Options           1 priority, 2 pipeline, 3 delay in seconds, 6 auto_ack, 7 topic, 8 metadata, 9 offset, 10 partition
//
// As everywhere in protobuf: fields come in any order, the last one wins, a message that comes twice is merged, unknown fields and
// known ones of another wire type are skipped.

const LENGTH_DELIMITED = (field: number): number => (field << 3) | BYTES;
const NUMBER = (field: number): number => (field << 3) | VARINT;

const REQUEST_JOB = LENGTH_DELIMITED(1);
const JOB_NAME = LENGTH_DELIMITED(1);
const JOB_ID = LENGTH_DELIMITED(2);
const JOB_PAYLOAD = LENGTH_DELIMITED(3);
const JOB_HEADER = LENGTH_DELIMITED(4);
const JOB_OPTIONS = LENGTH_DELIMITED(5);
const ENTRY_KEY = LENGTH_DELIMITED(1);
const ENTRY_VALUE = LENGTH_DELIMITED(2);
const HEADER_TEXT = LENGTH_DELIMITED(1);
const PRIORITY = NUMBER(1);
const PIPELINE = LENGTH_DELIMITED(2);
const DELAY = NUMBER(3);
const AUTO_ACK = NUMBER(6);
const TOPIC = LENGTH_DELIMITED(7);
const METADATA = LENGTH_DELIMITED(8);
const OFFSET = NUMBER(9);
const PARTITION = NUMBER(10);

/** What jobs of a batch share: one that stays for long keeps a piece, not the whole batch. Unit: bytes. */
const PIECE_BYTES = 32 * 1024;
const NO_BYTES = new Uint8Array(0);

/** A job of a body. Its id stays bytes until somebody reads it. */
class WireJob extends JobRecord {
  readonly #bytes: Buffer;
  readonly #idStart: number;
  readonly #idEnd: number;
  #text: string | undefined;

  /** @param start - Where `bytes` begin in the body. */
  constructor(draft: Draft, bytes: Buffer, start: number, payload: Uint8Array, kafka: KafkaPlace | undefined) {
    super(draft.name, draft.pipeline, payload, draft.headers, draft.priority as number, draft.delayMs, draft.autoAck, undefined, kafka);
    this.#bytes = bytes;
    this.#idStart = draft.idStart - start;
    this.#idEnd = draft.idEnd - start;
  }

  // The reader has seen that it is UTF-8.
  override get id(): string {
    return (this.#text ??= this.#idStart === this.#idEnd ? super.id : this.#bytes.toString('utf8', this.#idStart, this.#idEnd));
  }
}

/** Fields of the job that is being read. */
class Draft {
  /** Begins the texts of errors. */
  operation = '';
  name = '';
  idStart = 0;
  idEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;
  headers: JobHeaders = NO_HEADERS;
  /** Entries on the wire. */
  headerCount = 0;
  /** Of names and values. */
  headerBytes = 0;
  priority: number | bigint = 0;
  pipeline = '';
  delay: number | bigint = 0;
  autoAck = false;
  topic = '';
  metadata = '';
  offset: number | bigint = 0;
  partition = 0;

  clear(operation: string): void {
    this.operation = operation;
    this.name = '';
    this.idStart = this.idEnd = this.payloadStart = this.payloadEnd = 0;
    this.headers = NO_HEADERS;
    this.headerCount = this.headerBytes = 0;
    this.priority = 0;
    this.pipeline = '';
    this.delay = 0;
    this.autoAck = false;
    this.topic = this.metadata = '';
    this.offset = 0;
    this.partition = 0;
  }

  get delayMs(): number {
    return this.delay <= 0 ? 0 : Number(this.delay) * 1_000;
  }
}

/**
 * Reads the bodies of pushes. One reader serves many bodies: names that come again share one text.
 *
 * A delay below 0 is none, as RoadRunner's timers have it.
 */
export class PushReader {
  readonly #cursor = new ProtoCursor();
  readonly #names = new KnownTexts();
  readonly #draft = new Draft();

  /**
   * The job of a PushRequest; `undefined` when it has none or one without an id.
   *
   * @param body - Belongs to the job from here on: payload and id are views of it.
   * @throws AnswerError when the bytes are no PushRequest, or the job is over a limit.
   */
  readPush(body: Buffer): JobRecord | undefined {
    const cursor = this.#cursor;
    const draft = this.#draft;
    const end = body.length;
    cursor.begin(body);
    draft.clear('rpc_push');
    while (cursor.at < end) {
      const tag = cursor.tag(end);
      if (tag === REQUEST_JOB) this.#readJob(cursor.length(end));
      else cursor.skip(tag, end);
    }
    return draft.idStart === draft.idEnd ? undefined : this.#job(body, 0);
  }

  /**
   * The jobs of a PushBatchRequest. One without an id gets one.
   *
   * @param body - What the jobs need of it is copied.
   * @throws AnswerError when the bytes are no PushBatchRequest, there are more than `maxJobs`, or one is over a limit.
   */
  readBatch(body: Buffer, maxJobs = Infinity): JobRecord[] {
    const cursor = this.#cursor;
    const jobs: JobRecord[] = [];
    const end = body.length;
    let piece = body.subarray(0, 0);
    let pieceStart = 0;
    cursor.begin(body);
    while (cursor.at < end) {
      const tag = cursor.tag(end);
      if (tag !== REQUEST_JOB) {
        cursor.skip(tag, end);
        continue;
      }
      checkBatch(jobs.length + 1, maxJobs); // before it is made: 2 bytes on the wire are a job of 200
      this.#draft.clear('rpc_push_batch');
      const length = cursor.length(end);
      const start = cursor.at;
      this.#readJob(length);
      if (cursor.at > pieceStart + piece.length) {
        pieceStart = start;
        piece = Buffer.from(body.subarray(start, Math.max(cursor.at, Math.min(start + PIECE_BYTES, end))));
      }
      jobs.push(this.#job(piece, pieceStart));
    }
    return jobs;
  }

  #readJob(length: number): void {
    const cursor = this.#cursor;
    const draft = this.#draft;
    const end = cursor.at + length;
    while (cursor.at < end) {
      const tag = cursor.tag(end);
      switch (tag) {
        case JOB_NAME:
          draft.name = this.#readName(cursor.length(end));
          break;
        case JOB_ID:
          this.#readId(cursor.length(end));
          break;
        case JOB_PAYLOAD:
          this.#readPayload(cursor.length(end));
          break;
        case JOB_HEADER:
          this.#readHeader(cursor.length(end));
          break;
        case JOB_OPTIONS:
          this.#readOptions(cursor.length(end));
          break;
        default:
          cursor.skip(tag, end);
      }
    }
  }

  #readId(length: number): void {
    const cursor = this.#cursor;
    const start = cursor.at;
    const end = start + length;
    if (!cursor.isAscii(start, end)) cursor.utf8(start, end);
    this.#draft.idStart = start;
    this.#draft.idEnd = cursor.at = end;
  }

  #readPayload(length: number): void {
    const cursor = this.#cursor;
    this.#draft.payloadStart = cursor.at;
    this.#draft.payloadEnd = cursor.at += length;
  }

  #readHeader(length: number): void {
    const cursor = this.#cursor;
    const draft = this.#draft;
    const end = cursor.at + length;
    let values: readonly string[] | undefined;
    let name = '';
    while (cursor.at < end) {
      const tag = cursor.tag(end);
      if (tag === ENTRY_KEY) {
        const bytes = cursor.length(end);
        draft.headerBytes += bytes;
        name = this.#readName(bytes);
      } else if (tag === ENTRY_VALUE) values = this.#readHeaderTexts(cursor.length(end), values);
      else cursor.skip(tag, end);
    }
    draft.headerCount++;
    checkHeaders(draft.headerCount, draft.headerBytes, draft.operation);
    if (draft.headers === NO_HEADERS) draft.headers = Object.create(null) as JobHeaders;
    (draft.headers as Record<string, readonly string[]>)[name] = values ?? [];
  }

  /** Most headers have one value: an array that grew would have room for 17. */
  #readHeaderTexts(length: number, before: readonly string[] | undefined): readonly string[] | undefined {
    const cursor = this.#cursor;
    const draft = this.#draft;
    const end = cursor.at + length;
    let first = before;
    let more: string[] | undefined;
    while (cursor.at < end) {
      const tag = cursor.tag(end);
      if (tag !== HEADER_TEXT) {
        cursor.skip(tag, end);
        continue;
      }
      const bytes = cursor.length(end);
      draft.headerBytes += headerTextBytes(bytes);
      checkHeaders(draft.headerCount, draft.headerBytes, draft.operation);
      const text = cursor.text(bytes);
      if (first === undefined) first = [text];
      else (more ??= [...first]).push(text);
    }
    return more ?? first;
  }

  #readOptions(length: number): void {
    const cursor = this.#cursor;
    const draft = this.#draft;
    const end = cursor.at + length;
    while (cursor.at < end) {
      const tag = cursor.tag(end);
      switch (tag) {
        case PRIORITY:
          draft.priority = cursor.int64(end);
          break;
        case PIPELINE:
          draft.pipeline = this.#readName(cursor.length(end));
          break;
        case DELAY:
          draft.delay = cursor.int64(end);
          break;
        case AUTO_ACK:
          draft.autoAck = cursor.bool(end);
          break;
        case TOPIC:
          draft.topic = this.#readName(cursor.length(end));
          break;
        case METADATA:
          draft.metadata = cursor.text(cursor.length(end));
          break;
        case OFFSET:
          draft.offset = cursor.int64(end);
          break;
        case PARTITION:
          draft.partition = cursor.int32(end);
          break;
        default:
          cursor.skip(tag, end);
      }
    }
  }

  #readName(length: number): string {
    const cursor = this.#cursor;
    const { bytes, at } = cursor;
    const known = this.#names.find(bytes, at, length);
    if (known === undefined) return this.#names.keep(bytes, at, length, cursor.text(length));
    cursor.at = at + length;
    return known;
  }

  /** @param start - Where `bytes` begin in the body. */
  #job(bytes: Buffer, start: number): JobRecord {
    const draft = this.#draft;
    const { operation } = draft;
    checkPriority(draft.priority, operation);
    checkDelay(draft.delay, operation);
    checkJobSize(draft.name, draft.pipeline, draft.idEnd - draft.idStart, operation);
    const payloadBytes = draft.payloadEnd - draft.payloadStart;
    const payload = payloadBytes === 0 ? NO_BYTES : new Uint8Array(bytes.buffer, bytes.byteOffset + draft.payloadStart - start, payloadBytes);
    const { topic, metadata, offset, partition } = draft;
    const isKafka = topic !== '' || metadata !== '' || offset !== 0 || partition !== 0;
    return new WireJob(draft, bytes, start, payload, isKafka ? { topic, metadata, offset: BigInt(offset), partition } : undefined);
  }
}
