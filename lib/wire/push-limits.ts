import { AnswerError } from './answer-error.js';

// What a job from outside may be. RoadRunner takes anything; brokers and stores do not.

/** The longest delay: its milliseconds are a safe integer. Unit: seconds. */
const MAX_DELAY_SECONDS = Math.floor(Number.MAX_SAFE_INTEGER / 1_000);
/** Of names and ids. */
const MAX_NAME_BYTES = 255;
const MAX_HEADERS = 100;
/** Names and values of all headers. */
const MAX_HEADER_BYTES = 64 * 1024;
/** A character of UTF-16 has at most so many bytes of UTF-8. */
const MAX_CHARACTER_BYTES = 3;

/**
 * @param operation - Begins the text of the answer: `rpc_push`.
 * @throws AnswerError when a number cannot hold it.
 */
export function checkPriority(priority: number | bigint, operation: string): asserts priority is number {
  if (typeof priority === 'number') return;
  const most = Number.MAX_SAFE_INTEGER;
  throw new AnswerError(`${operation}: priority ${priority} is out of range, give a whole number from -${most} to ${most}`);
}

/** @throws AnswerError when its milliseconds are beyond a number. Below 0 is allowed and none. */
export function checkDelay(delay: number | bigint, operation: string): void {
  if (delay <= MAX_DELAY_SECONDS) return;
  throw new AnswerError(`${operation}: delay ${delay} is out of range, give at most ${MAX_DELAY_SECONDS} seconds`);
}

/** @throws AnswerError when a name or the id is over its limit. */
export function checkJobSize(name: string, pipeline: string, idBytes: number, operation: string): void {
  checkText('job name', name, operation);
  checkText('pipeline name', pipeline, operation);
  checkBytes('id', idBytes, operation);
}

/** @throws AnswerError when a batch has more jobs than it may. */
export function checkBatch(jobs: number, maxJobs: number): void {
  if (jobs > maxJobs) throw new AnswerError(`rpc_push_batch: the batch has more jobs than the limit of ${maxJobs}`);
}

/** What a value of a header counts: an empty one takes room, too. */
export function headerTextBytes(bytes: number): number {
  return bytes || 1;
}

/**
 * @param bytes - Of names and values.
 * @throws AnswerError when they are too many or too long.
 */
export function checkHeaders(count: number, bytes: number, operation: string): void {
  if (count > MAX_HEADERS) throw new AnswerError(`${operation}: the job has ${count} headers, over the limit of ${MAX_HEADERS}`);
  if (bytes > MAX_HEADER_BYTES) throw new AnswerError(`${operation}: the headers have ${bytes} bytes, over the limit of ${MAX_HEADER_BYTES}`);
}

function checkText(what: string, text: string, operation: string): void {
  if (text.length * MAX_CHARACTER_BYTES > MAX_NAME_BYTES) checkBytes(what, Buffer.byteLength(text), operation);
}

function checkBytes(what: string, bytes: number, operation: string): void {
  if (bytes > MAX_NAME_BYTES) throw new AnswerError(`${operation}: the ${what} has ${bytes} bytes, over the limit of ${MAX_NAME_BYTES}`);
}
