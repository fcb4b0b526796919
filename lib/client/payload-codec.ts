import { JobsArgumentError } from '../contract/errors.js';
import { JobValidationError } from '../contract/job-errors.js';
import type { Payload } from '../contract/job.js';
import { messageOf } from '../contract/thrown.js';

const encoder = new TextEncoder();

/**
 * What is stored: text and bytes as they are, any other value as JSON.
 *
 * @throws JobsArgumentError when there is no JSON of the value.
 */
export function encodePayload(job: string, value: unknown): Payload {
  return typeof value === 'string' || value instanceof Uint8Array ? value : encodeJson(job, value);
}

/**
 * Always JSON, for text too.
 *
 * @throws JobsArgumentError when there is no JSON of the value: it is bytes, `undefined` or a function, refers to itself, or holds a bigint.
 */
export function encodeJson(job: string, value: unknown): string {
  // JSON.stringify would write them as objects of indexes, or as {}.
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    throw new JobsArgumentError(
      `The payload of job "${job}" is ${value.constructor.name}. Give a Uint8Array to queue.push() with the job's name as text.`,
    );
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new JobsArgumentError(
      `The payload of job "${job}" cannot be written as JSON (${firstLine(messageOf(cause))}). Give plain data, text or bytes.`,
      {
        cause,
      },
    );
  }
  if (text === undefined)
    throw new JobsArgumentError(`The payload of job "${job}" is ${typeof value}. Give a value that JSON can hold, such as null or {}.`);
  return text;
}

export function bytesOf(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? encoder.encode(payload) : payload;
}

/** Bytes that are no UTF-8 become U+FFFD. */
export function textOf(payload: Payload): string {
  if (typeof payload === 'string') return payload;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
}

/** @throws JobValidationError when the payload is no JSON. */
export function jsonOf(job: string, payload: Payload): unknown {
  try {
    return JSON.parse(textOf(payload));
  } catch (cause) {
    throw new JobValidationError(job, [{ path: '', message: `is no JSON (${firstLine(messageOf(cause))})` }], { cause });
  }
}

// The rest of V8's text draws the circle.
function firstLine(text: string): string {
  const end = text.indexOf('\n');
  return end === -1 ? text : text.slice(0, end);
}
