/*
 * A job as a message of AMQP 0-9-1 (roadrunner-server/amqp v5.2.3 and v6; field types read there and checked with its codec).
 *
 *   properties   content_type "application/octet-stream", delivery_mode 2, timestamp (Unix seconds), headers
 *   headers      rr_id        S  long string   id of the job
 *                rr_job       S  long string   its name
 *                rr_pipeline  S  long string   its pipeline
 *                rr_headers   x  byte array    JSON, names to lists of texts: {"x-token":["IDDQD"]}
 *                rr_delay     I  int32         seconds
 *                rr_priority  l  int64         RoadRunner v5 panics at any other width
 *                rr_auto_ack  t  boolean
 *   body         the payload as it is
 *
 * amqplib takes the smallest width for a plain number and a byte array for a Buffer, hence the typed values below.
 */
import { JobRecord, NO_HEADERS, type Job, type JobHeaders, type Payload } from '../../contract/job.js';
import { priorityOf } from '../../contract/priority.js';
import type { AmqpMessage, PublishSettings } from './client.js';
import { addFlattened } from './flatten.js';

/** The name of jobs that were published by somebody else. */
const FOREIGN_NAME = 'deduced_by_rr';
/** The header that takes the place of the routing key of the pipeline. It does not travel. */
const ROUTING_KEY_HEADER = 'x-routing-key';
/** What is left to wait after this hop: a queue cannot hold a message for longer than some weeks. Unit: milliseconds. */
export const LEFT_HEADER = 'nrr_left';
/** What fits into the header `rr_delay`. Unit: seconds. */
export const MAX_DELAY_S = 2 ** 31 - 1;

export const CONTENT_TYPE = 'application/octet-stream';
const NO_HEADER_BYTES = Buffer.from('{}');
const ENVELOPE = new Set(['rr_id', 'rr_job', 'rr_pipeline', 'rr_headers', 'rr_delay', 'rr_priority', 'rr_auto_ack', LEFT_HEADER]);
/** What the broker writes about its own work. */
const BOOKKEEPING = /^x-(?:death$|first-death-|last-death-|delivery-count$|acquired-count$|opt-)/u;

/** A message that is ready to go. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly id: string;
  readonly name: string;
  readonly pipeline: string;
  /** JSON. */
  readonly headers: Buffer;
  readonly delayS: number;
  readonly priority: number;
  readonly autoAck: boolean;
  readonly leftMs: number | undefined;
  /** From 0; higher is handed out earlier. Undefined when the queue has no priorities. */
  readonly brokerPriority: number | undefined;
  /** Unit: Unix seconds. */
  readonly timestamp: number;
}

/** Beside the job: what pipeline and broker say. */
export interface MessageFacts {
  readonly exchange: string;
  readonly routingKey: string;
  /** Of jobs that come without one. */
  readonly priority: number;
  /** Priorities of the queue; `undefined` when it has none. */
  readonly maxPriority: number | undefined;
  readonly now: number;
  readonly headers: JobHeaders;
  /** Whole seconds. */
  readonly delayS: number;
  /** Unit: milliseconds. */
  readonly leftMs: number | undefined;
}

export function encodeMessage(job: Job, facts: MessageFacts): OutgoingMessage {
  const { maxPriority } = facts;
  const priority = priorityOf(job, facts.priority);
  return {
    exchange: facts.exchange,
    routingKey: facts.routingKey,
    content: bytesOf(job.payload),
    id: job.id,
    name: job.name,
    pipeline: job.pipeline,
    headers: headerBytes(facts.headers),
    delayS: facts.delayS,
    priority,
    autoAck: job.autoAck,
    leftMs: facts.leftMs,
    brokerPriority: maxPriority === undefined ? undefined : Math.min(maxPriority, Math.max(0, maxPriority - priority)),
    timestamp: Math.floor(facts.now / 1_000),
  };
}

/** The message as amqplib takes it. */
export function publishSettings(message: OutgoingMessage): PublishSettings {
  const { timestamp, brokerPriority, leftMs } = message;
  const headers: Record<string, unknown> = {
    rr_id: message.id,
    rr_job: message.name,
    rr_pipeline: message.pipeline,
    rr_headers: message.headers,
    rr_delay: { '!': 'int32', value: message.delayS },
    rr_priority: { '!': 'int64', value: message.priority },
    rr_auto_ack: message.autoAck,
  };
  if (leftMs !== undefined) headers[LEFT_HEADER] = { '!': 'int64', value: leftMs };
  const settings: PublishSettings = { mandatory: true, deliveryMode: 2, contentType: CONTENT_TYPE, timestamp, headers };
  return brokerPriority === undefined ? settings : { ...settings, priority: brokerPriority };
}

/** A job as it came. What is missing or has a strange type gets the documented default; nothing in a message makes it fail. */
export function decodeMessage({ content, properties }: AmqpMessage, pipeline: string, pipelinePriority: number): JobRecord {
  const fields = properties.headers ?? {};
  const id = textField(fields['rr_id']);
  const priority = numberField(fields['rr_priority']) ?? 0;
  return new JobRecord(
    textField(fields['rr_job']) ?? FOREIGN_NAME,
    pipeline,
    content,
    headersOf(fields),
    priority === 0 ? pipelinePriority : priority,
    0,
    fields['rr_auto_ack'] === true,
    id ?? crypto.randomUUID(),
  );
}

/** What is left to wait. Unit: milliseconds; 0 when the job is due, and when it is longer than anybody can ask for: nothing could hold it. */
export function leftMsOf({ properties }: AmqpMessage): number {
  const leftMs = numberField(properties.headers?.[LEFT_HEADER]) ?? 0;
  return leftMs > MAX_DELAY_S * 1_000 ? 0 : leftMs;
}

/** How often a quorum queue handed it out before; 0 for others. */
export function deliveryCountOf({ properties }: AmqpMessage): number {
  return numberField(properties.headers?.['x-delivery-count']) ?? 0;
}

/** Exactly one value that is not empty takes the place of the routing key. */
export function ownRoutingKey(headers: JobHeaders): string | undefined {
  const values = headers[ROUTING_KEY_HEADER];
  return values?.length === 1 && values[0] !== '' ? values[0] : undefined;
}

function bytesOf(payload: Payload): Buffer {
  if (typeof payload === 'string') return Buffer.from(payload);
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

function headerBytes(headers: JobHeaders): Buffer {
  if (headers === NO_HEADERS) return NO_HEADER_BYTES;
  if (headers[ROUTING_KEY_HEADER] === undefined) return Buffer.from(JSON.stringify(headers));
  const { [ROUTING_KEY_HEADER]: _routingKey, ...others } = headers;
  return Buffer.from(JSON.stringify(others));
}

// RoadRunner hands on all fields of the message with those of the job over them. Left out are the envelope, which it would pack into the next
// requeue again and again, and what the broker wrote.
function headersOf(fields: Readonly<Record<string, unknown>>): JobHeaders {
  const headers = Object.create(null) as Record<string, string[]>;
  let isEmpty = true;
  for (const name of Object.keys(fields)) {
    if (ENVELOPE.has(name) || BOOKKEEPING.test(name)) continue;
    addFlattened(headers, name, fields[name]);
    isEmpty = false;
  }
  const own = parsedHeaders(fields['rr_headers']);
  for (const name of own === undefined ? [] : Object.keys(own)) {
    if (ENVELOPE.has(name)) continue;
    const values = own![name];
    const texts = (Array.isArray(values) ? (values as unknown[]) : [values]).filter((value) => typeof value === 'string');
    if (Array.isArray(values) || texts.length > 0) {
      headers[name] = texts;
      isEmpty = false;
    }
  }
  return isEmpty ? NO_HEADERS : headers;
}

function parsedHeaders(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!Buffer.isBuffer(value) && typeof value !== 'string') return undefined;
  try {
    const parsed: unknown = JSON.parse(value.toString());
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function textField(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberField(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}
