import { NO_HEADERS, type Job, type JobHeaders, type Payload } from '../../contract/job.js';
import { MAX_DELAY_SECONDS } from './config.js';
import type { SqsAttribute, SqsMessage, SqsSend } from './api.js';

// A message as RoadRunner writes it (driver sqs of 2025.1, read from its source; seen on the wire of ElasticMQ):
//   body         payload as text
//   rr_id        String  id
//   rr_job       String  name
//   rr_delay     String  seconds, decimal
//   rr_headers   Binary  JSON, text to list of texts
//   rr_priority  Number  decimal
//   rr_auto_ack  String  "true" or "false"
// and, of this library only, where RoadRunner refuses to push:
//   nrr_body     String  "base64": the body is the base64 of the payload; "empty": the payload is empty, the body is a space
//   nrr_due_at   Number  Unix milliseconds: a delay over 900 seconds, the message is sent again until then
const ID = 'rr_id';
const NAME = 'rr_job';
const DELAY = 'rr_delay';
const HEADERS = 'rr_headers';
const PRIORITY = 'rr_priority';
const AUTO_ACK = 'rr_auto_ack';
const BODY = 'nrr_body';
const DUE_AT = 'nrr_due_at';
const BASE64 = 'base64';
const EMPTY = 'empty';
const OWN_ATTRIBUTES: ReadonlySet<string> = new Set([ID, NAME, DELAY, HEADERS, PRIORITY, AUTO_ACK, BODY, DUE_AT]);

/** The name of jobs that were pushed by something else, as in RoadRunner. */
const FOREIGN_NAME = 'deduced_by_rr';
/** What the service adds to a message and the consumer finds among the headers. Copies leave them to the service. */
const SYSTEM_ATTRIBUTES: ReadonlySet<string> = new Set([
  'SenderId',
  'SentTimestamp',
  'ApproximateReceiveCount',
  'ApproximateFirstReceiveTimestamp',
  'SequenceNumber',
  'MessageDeduplicationId',
  'MessageGroupId',
  'AWSTraceHeader',
  'DeadLetterQueueSourceArn',
]);
/** What XML 1.0 has characters for, which is what the service takes. */
const SERVICE_TEXT = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]+$/u;

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A job as a message, without what only a FIFO queue needs. */
export interface Envelope {
  readonly message: Pick<SqsSend, 'MessageBody' | 'DelaySeconds' | 'MessageAttributes'>;
  /** As the service counts it. */
  readonly bytes: number;
  /** False: the body is base64, which RoadRunner's consumers do not read. */
  readonly isPlain: boolean;
}

export interface EncodeOptions {
  readonly headers: JobHeaders;
  readonly delayMs: number;
  /** Never 0, which is the most urgent one to RoadRunner. */
  readonly priority: number;
  readonly isFifo: boolean;
  /** Wall time; asked when the delay is more than the service can hold. */
  nowMs(): number;
}

export function encode(job: Job, { headers, delayMs, priority, isFifo, nowMs }: EncodeOptions): Envelope {
  const { body, coding } = bodyOf(job.payload);
  const seconds = Math.ceil(delayMs / 1_000);
  const attributes: Record<string, SqsAttribute> = {
    [ID]: { DataType: 'String', StringValue: job.id },
    [NAME]: { DataType: 'String', StringValue: job.name },
    [DELAY]: { DataType: 'String', StringValue: String(seconds) },
    [HEADERS]: { DataType: 'Binary', BinaryValue: utf8.encode(JSON.stringify(withoutSystem(headers))) },
    [PRIORITY]: { DataType: 'Number', StringValue: String(priority) },
    [AUTO_ACK]: { DataType: 'String', StringValue: String(job.autoAck) },
  };
  if (coding !== undefined) attributes[BODY] = { DataType: 'String', StringValue: coding };
  if (seconds > MAX_DELAY_SECONDS && !isFifo) attributes[DUE_AT] = { DataType: 'Number', StringValue: String(Math.ceil(nowMs() + delayMs)) };
  return {
    message: {
      MessageBody: body,
      // A FIFO queue takes none per message. 0 would switch off the queue's own, which RoadRunner leaves on.
      ...(isFifo || seconds === 0 ? {} : { DelaySeconds: Math.min(seconds, MAX_DELAY_SECONDS) }),
      MessageAttributes: attributes,
    },
    bytes: Buffer.byteLength(body) + sizeOfAttributes(attributes),
    isPlain: coding === undefined,
  };
}

/** A message as a job. Whatever is in it, there is one: what cannot be read counts as absent. */
export function decode(message: SqsMessage, pipeline: string): Job {
  const attributes = message.MessageAttributes ?? {};
  const id = attributes[ID]?.StringValue;
  return {
    // The id of the message is a UUID as well, and stays the same at a second delivery.
    id: id || message.MessageId || crypto.randomUUID(),
    name: attributes[NAME]?.StringValue || FOREIGN_NAME,
    pipeline,
    payload: payloadOf(message.Body ?? '', attributes[BODY]?.StringValue),
    headers: headersOf(message, id === undefined),
    // 0 is the pipeline's own, also for what says nothing of it.
    priority: integerOf(attributes[PRIORITY]?.StringValue) ?? 0,
    delayMs: 0,
    autoAck: attributes[AUTO_ACK]?.StringValue === 'true',
  };
}

/** When the job may start, where its message came before that. Unit: Unix milliseconds by the clock of the service. */
export function dueAtOf(message: SqsMessage, isFifo: boolean): number | undefined {
  const attributes = message.MessageAttributes ?? {};
  const dueAt = integerOf(attributes[DUE_AT]?.StringValue);
  if (dueAt !== undefined || !isFifo) return dueAt;
  const seconds = integerOf(attributes[DELAY]?.StringValue) ?? 0;
  const sentAt = integerOf(message.Attributes?.['SentTimestamp']);
  return seconds > 0 && sentAt !== undefined ? sentAt + seconds * 1_000 : undefined;
}

/** The same message once more, to be held until `dueAt`. */
export function copyUntil(message: SqsMessage, remainingMs: number): Envelope {
  const body = message.Body ?? '';
  const attributes = message.MessageAttributes ?? {};
  const seconds = Math.min(Math.max(1, Math.ceil(remainingMs / 1_000)), MAX_DELAY_SECONDS);
  return {
    message: { MessageBody: body, DelaySeconds: seconds, MessageAttributes: attributes },
    bytes: Buffer.byteLength(body) + sizeOfAttributes(attributes),
    isPlain: true,
  };
}

// The service refuses an empty body, and bytes that are no text.
function bodyOf(payload: Payload): { readonly body: string; readonly coding?: string } {
  if (payload.length === 0) return { body: ' ', coding: EMPTY };
  const text = serviceText(payload);
  return text === undefined ? { body: bufferOf(payload).toString('base64'), coding: BASE64 } : { body: text };
}

function serviceText(payload: Payload): string | undefined {
  if (typeof payload === 'string') return SERVICE_TEXT.test(payload) ? payload : undefined;
  try {
    const text = strictUtf8.decode(payload);
    return SERVICE_TEXT.test(text) ? text : undefined;
  } catch {
    return undefined; // no UTF-8
  }
}

function bufferOf(payload: Payload): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

function payloadOf(body: string, coding: string | undefined): Payload {
  if (coding === EMPTY) return '';
  return coding === BASE64 ? new Uint8Array(Buffer.from(body, 'base64')) : body;
}

function headersOf({ Attributes: system = {}, MessageAttributes: attributes = {} }: SqsMessage, isForeign: boolean): JobHeaders {
  const headers = Object.create(null) as Record<string, readonly string[]>;
  readHeaders(attributes[HEADERS], headers);
  if (isForeign) {
    for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes)) {
      if (OWN_ATTRIBUTES.has(name)) continue;
      if (StringValue !== undefined && /^(?:String|Number)\b/.test(DataType)) headers[name] = [StringValue];
      else if (BinaryValue !== undefined) headers[name] = [Buffer.from(BinaryValue).toString()];
    }
  }
  for (const name of Object.keys(system)) headers[name] = [system[name]!];
  return headers;
}

function readHeaders(attribute: SqsAttribute | undefined, headers: Record<string, readonly string[]>): void {
  const text = attribute?.BinaryValue === undefined ? attribute?.StringValue : Buffer.from(attribute.BinaryValue).toString();
  if (text === undefined) return;
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return; // of someone else: a job without headers
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) return;
  for (const [name, value] of Object.entries(read)) {
    if (typeof value === 'string') headers[name] = [value];
    else if (Array.isArray(value)) headers[name] = value.filter((item): item is string => typeof item === 'string');
  }
}

function withoutSystem(headers: JobHeaders): JobHeaders {
  if (headers === NO_HEADERS) return headers;
  const kept = Object.create(null) as Record<string, readonly string[]>;
  for (const name of Object.keys(headers)) if (!SYSTEM_ATTRIBUTES.has(name)) kept[name] = headers[name]!;
  return kept;
}

function integerOf(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function sizeOfAttributes(attributes: Readonly<Record<string, SqsAttribute>>): number {
  let bytes = 0;
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes)) {
    bytes += name.length + DataType.length + (BinaryValue?.byteLength ?? 0) + (StringValue === undefined ? 0 : Buffer.byteLength(StringValue));
  }
  return bytes;
}
