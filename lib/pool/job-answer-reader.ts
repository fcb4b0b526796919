import { DONE_OUTCOME, type Outcome } from '../contract/executor.js';
import { userHeaders, withHeaders } from '../contract/job-headers.js';
import type { Job, JobHeaders } from '../contract/job.js';
import type { RetryPolicy } from '../contract/retry-policy.js';
import { ACK_BODY, AnswerType } from '../wire/job-answer.js';
import { readOutcome } from '../wire/outcome-json.js';

/** What an answer means. */
export interface ReadAnswer {
  readonly outcome: Outcome;
  /** What the handler's own policy says of this failure. */
  readonly retry?: Partial<RetryPolicy> | undefined;
}

/** The fields of `data`, all set. */
interface AnswerData {
  readonly message: string;
  readonly requeue: boolean;
  readonly delayMs: number;
  readonly headers: JobHeaders;
}

type Json = Readonly<Record<string, unknown>>;

const SECOND_MS = 1_000;
const SHOWN = 200;
const DONE: ReadAnswer = { outcome: DONE_OUTCOME };
/** What nearly all answers are: ours and the PHP library's. */
const PLAIN_DONE: readonly Uint8Array[] = [ACK_BODY, ...['{"type":0,"data":[]}', '{"type":2}', '{"type":0}'].map((text) => Buffer.from(text))];

/**
 * Reads the body of an answer to a job, as strict as RoadRunner 2025.1.15 (recorded: test/fixtures/goridge, worker-node-answer-shapes). What
 * RoadRunner acknowledges with a line in its log is wrong here: unknown types, wrong shapes, an empty body. A text says what is wrong.
 */
export function readAnswer(body: Uint8Array, job: Job, isOurs: boolean): ReadAnswer | string {
  if (isPlainDone(body)) return DONE;
  if (body.length === 0) return 'Its answer is empty.';
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return `Its answer is no JSON: ${text.slice(0, SHOWN)}`;
  }
  if (!isRecord(json)) return `Its answer is no JSON object: ${text.slice(0, SHOWN)}`;
  if (isOurs && json['nrr'] !== undefined)
    return readOutcome(json['nrr']) ?? `Its answer has an outcome that cannot be read: ${text.slice(0, SHOWN)}`;
  return outcomeOf(json, job) ?? `Its answer has a wrong shape: ${text.slice(0, SHOWN)}`;
}

function isPlainDone(body: Uint8Array): boolean {
  for (const plain of PLAIN_DONE) if (plain.length === body.length && isSame(plain, body)) return true;
  return false;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

function outcomeOf({ type = 0, data: given }: Json, job: Job): ReadAnswer | undefined {
  if (type === AnswerType.success || type === AnswerType.ack || type === null) return DONE;
  const data = readData(given);
  if (data === undefined) return undefined;
  const { message, requeue, delayMs, headers } = data;
  switch (type) {
    case AnswerType.error:
      if (requeue) return { outcome: requeued(job, message, delayMs, headers) };
      return { outcome: { kind: 'rejected', error: { type: 'Error', message: message === '' ? 'The worker answered with an error.' : message } } };
    case AnswerType.nack:
      return { outcome: { kind: 'nacked', requeue, delayMs, reason: message } };
    case AnswerType.requeue:
      return { outcome: requeued(job, message, delayMs, headers) };
    default:
      return undefined;
  }
}

// As the memory driver of RoadRunner: merged over those of the job, name by name. Ours are not for workers to set.
function requeued(job: Job, reason: string, delayMs: number, headers: JobHeaders): Outcome {
  return { kind: 'requeue', headers: withHeaders(job.headers, userHeaders(headers)), delayMs, reason, spendsAttempt: false };
}

// A value that is null counts as absent, as in Go.
function readData(given: unknown): AnswerData | undefined {
  if (given === null) return { message: '', requeue: false, delayMs: 0, headers: {} };
  if (!isRecord(given)) return undefined;
  const message = given['message'] ?? '';
  const requeue = given['requeue'] ?? false;
  const delay = given['delay_seconds'] ?? 0;
  const headers = given['headers'] ?? {};
  if (typeof message !== 'string' || typeof requeue !== 'boolean' || !Number.isSafeInteger(delay) || !isHeaders(headers)) return undefined;
  return { message, requeue, delayMs: Math.max(0, delay as number) * SECOND_MS, headers };
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isHeaders(value: unknown): value is JobHeaders {
  return isRecord(value) && Object.values(value).every((values) => Array.isArray(values) && values.every((text) => typeof text === 'string'));
}
