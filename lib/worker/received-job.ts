import { KernelProtocolError } from '../contract/errors.js';
import { ATTEMPT_HEADER, CRASHES_HEADER, numberHeader } from '../contract/job-headers.js';
import { NO_HEADERS, type Job, type JobHeaders, type KafkaPlace } from '../contract/job.js';

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
const NO_BODY = new Uint8Array(0);
/** Not inside a text: there, a quote has a backslash before it. */
const OFFSET = /[,{]\s*"offset"\s*:\s*(?<digits>-?\d+)/;

/** What stands before the id, where the header begins as all kernels write it. */
const BEFORE_ID = Buffer.from('{"id":"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;
const FIRST_OTHER = 0x7f;

/** All of a header from behind the id on, and what it says. */
interface KnownHeader {
  readonly rest: Buffer;
  readonly received: ReceivedJob;
}

/**
 * Reads the headers of one kernel. Most of them are that of the job before but for the id: such a one is compared instead of parsed, which
 * takes a fifth of the time.
 */
export class JobReader {
  #known: KnownHeader | undefined;

  /** @throws KernelProtocolError when the header is empty, or no object of JSON. */
  read(header: Uint8Array, body: Uint8Array): ReceivedJob {
    const bytes = Buffer.from(header.buffer, header.byteOffset, header.length);
    const idEnd = idEndOf(bytes);
    if (idEnd > 0 && this.#known?.rest.compare(bytes, idEnd) === 0) {
      return withJob(this.#known.received, bytes.toString('latin1', BEFORE_ID.length, idEnd), body);
    }
    const received = receivedJob(bytes.toString(), body);
    // With headers or a place in Kafka no two jobs are alike.
    const { id, headers, kafka } = received.job;
    if (idEnd > 0 && headers === NO_HEADERS && kafka === undefined && id === bytes.toString('latin1', BEFORE_ID.length, idEnd)) {
      this.#known = { rest: Buffer.from(bytes.subarray(idEnd)), received: withJob(received, '', NO_BODY) };
    }
    return received;
  }
}

/** @throws KernelProtocolError when the header is empty, or no object of JSON. */
export function receivedJob(text: string, body: Uint8Array): ReceivedJob {
  if (text === '') throw new KernelProtocolError('a job without a context');
  const context = objectOf(text);
  const headers = headersOf(context['headers']);
  return {
    job: {
      id: textOf(context['id'], ''),
      name: textOf(context['job'], ''),
      pipeline: textOf(context['pipeline'], UNKNOWN),
      payload: body,
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

function withJob({ job, driver, queue, attempt }: ReceivedJob, id: string, payload: Uint8Array): ReceivedJob {
  const { name, pipeline } = job;
  return { job: { id, name, pipeline, payload, headers: NO_HEADERS, priority: 0, delayMs: 0, autoAck: false }, driver, queue, attempt };
}

/** Where the id ends, when the header begins with it and it is plain ASCII; 0 otherwise. */
function idEndOf(header: Buffer): number {
  const start = BEFORE_ID.length;
  for (let at = 0; at < start; at++) if (header[at] !== BEFORE_ID[at]) return 0;
  for (let at = start; at < header.length; at++) {
    const byte = header[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH || byte < FIRST_PRINTABLE || byte >= FIRST_OTHER) return 0;
  }
  return 0;
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
