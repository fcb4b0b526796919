import { KernelProtocolError } from '../contract/errors.js';
import { ATTEMPT_HEADER, CRASHES_HEADER, numberHeader } from '../contract/job-headers.js';
import { NO_HEADERS, type Job, type JobHeaders, type KafkaPlace } from '../contract/job.js';
import type { Payload } from './payload.js';

// The header of a job's payload, as the drivers of RoadRunner 2025.1.15 write it (recorded: test/fixtures/goridge, worker-php-*; Kafka's keys from
// the source of its driver):
//
//   {"id","job","driver","headers":{name:[text,...]} or null,"pipeline","queue"?,"topic"?,"partition"?,"offset"?}
//
// A kernel of this library may add "nrr":{"attempt":N}.

/** A job with what its kernel said about it. */
export interface ReceivedJob {
  readonly job: Job;
  /** `unknown` when the kernel does not say. */
  readonly driver: string;
  /** The broker's name; `unknown` when the kernel does not say. */
  readonly queue: string;
  /** Runs, this one included. */
  readonly attempt: number;
}

type Data = Readonly<Record<string, unknown>>;

const UNKNOWN = 'unknown';
/** Not inside a text: there, a quote has a backslash before it. */
const OFFSET = /[,{]\s*"offset"\s*:\s*(?<digits>-?\d+)/;

/** @throws KernelProtocolError when the payload has no header, or one that is no object of JSON. */
export function receivedJob(payload: Payload): ReceivedJob {
  const text = payload.headerText();
  if (text === '') throw new KernelProtocolError('a job without a context');
  const context = objectOf(text);
  const headers = headersOf(context['headers']);
  return {
    job: {
      id: textOf(context['id'], ''),
      name: textOf(context['job'], ''),
      pipeline: textOf(context['pipeline'], UNKNOWN),
      payload: payload.body,
      headers,
      priority: 0,
      delayMs: 0,
      autoAck: false,
      ...kafkaOf(context, text),
    },
    driver: textOf(context['driver'], UNKNOWN),
    queue: textOf(context['queue'], UNKNOWN),
    attempt: attemptOf(context['nrr'], headers),
  };
}

function objectOf(text: string): Data {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new KernelProtocolError(`a job whose context is no JSON: ${text.slice(0, 100)}`, { cause });
  }
  if (isData(value)) return value;
  throw new KernelProtocolError(`a job whose context is no object: ${text.slice(0, 100)}`);
}

function headersOf(value: unknown): JobHeaders {
  if (!isData(value)) return NO_HEADERS;
  const names = Object.keys(value);
  if (names.length === 0) return NO_HEADERS;
  const headers = Object.create(null) as Record<string, readonly string[]>;
  for (const name of names) headers[name] = textsOf(value[name]);
  return headers;
}

function textsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).map((one: unknown) => (typeof one === 'string' ? one : JSON.stringify(one)));
}

function kafkaOf({ topic, partition, offset }: Data, text: string): { kafka?: KafkaPlace } {
  if (typeof topic !== 'string' || typeof partition !== 'number') return {};
  return { kafka: { topic, partition, offset: offsetOf(offset, text), metadata: '' } };
}

// An offset has 64 bits, a number of JSON.parse 53.
function offsetOf(offset: unknown, text: string): bigint {
  if (Number.isSafeInteger(offset)) return BigInt(offset as number);
  return BigInt(OFFSET.exec(text)?.groups?.['digits'] ?? 0);
}

// What counts beside headers, starts of a broker for instance, only a kernel of this library can say.
function attemptOf(nrr: unknown, headers: JobHeaders): number {
  if (isData(nrr) && Number.isSafeInteger(nrr['attempt'])) return Math.max(1, nrr['attempt'] as number);
  return 1 + (numberHeader(headers, ATTEMPT_HEADER) ?? 0) + (numberHeader(headers, CRASHES_HEADER) ?? 0);
}

function textOf(value: unknown, absent: string): string {
  return typeof value === 'string' && value !== '' ? value : absent;
}

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
