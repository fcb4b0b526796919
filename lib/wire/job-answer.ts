import type { Outcome } from '../contract/executor.js';
import type { JobHeaders } from '../contract/job.js';
import { writeOutcome, type OutcomeJson, type RetryJson } from './outcome-json.js';

// The body of a worker's answer, as the PHP worker SDK 3.4 writes it and RoadRunner 2025.1.15 reads it (recorded: test/fixtures/goridge, worker-php-*):
//
//   {"type":T,"data":D}
//   T 0, 2   D is [], the empty map of PHP
//   T 1      D is {"message","requeue","delay_seconds","headers"}; without requeue the job is acknowledged
//   T 3      D is {"message","requeue","delay_seconds"}
//   T 4      D is {"message","delay_seconds","headers"}
//
// The keys stand in this order; "headers" is absent when there are none. A key that RoadRunner does not know is ignored, so the worker of this
// library adds "nrr" when the kernel is of this library too: see outcome-json.ts.

/** The numbers of answers. @publicApi */
export const AnswerType = { success: 0, error: 1, ack: 2, nack: 3, requeue: 4 } as const;

/** What a worker says of a job, in the words of the wire. */
export type JobAnswer =
  | { readonly type: 0 | 2 }
  | { readonly type: 1; readonly message: string; readonly requeue: boolean; readonly delayMs: number; readonly headers: JobHeaders }
  | { readonly type: 3; readonly message: string; readonly requeue: boolean; readonly delayMs: number }
  | { readonly type: 4; readonly message: string; readonly delayMs: number; readonly headers: JobHeaders };

const encoder = new TextEncoder();

/** The body of a plain success. */
export const ACK_BODY: Uint8Array = encoder.encode('{"type":2,"data":[]}');

/** The bytes of an answer. Delays are rounded up to whole seconds: the wire knows no others. */
export function encodeAnswer(answer: JobAnswer, nrr?: OutcomeJson): Uint8Array {
  if (answer.type === AnswerType.ack && nrr === undefined) return ACK_BODY;
  return encoder.encode(JSON.stringify({ type: answer.type, data: dataOf(answer), nrr }));
}

/**
 * The bytes of an answer to a kernel of this library: what RoadRunner would understand, and the outcome itself.
 *
 * @param retry - What the handler's own policy says of this failure.
 */
export function encodeOutcome(outcome: Outcome, retry?: RetryJson): Uint8Array {
  if (outcome.kind === 'done') return ACK_BODY;
  return encodeAnswer(plainAnswer(outcome), writeOutcome(outcome, retry));
}

/** What an outcome is without the policy of attempts. */
export function plainAnswer(outcome: Outcome): JobAnswer {
  switch (outcome.kind) {
    case 'failed':
    case 'rejected':
      return { type: AnswerType.error, message: outcome.error.message, requeue: false, delayMs: 0, headers: {} };
    case 'nacked':
      return { type: AnswerType.nack, message: outcome.reason, requeue: outcome.requeue, delayMs: outcome.delayMs };
    case 'requeue':
      return { type: AnswerType.requeue, message: outcome.reason, delayMs: outcome.delayMs, headers: outcome.headers };
    case 'crashed':
      return { type: AnswerType.error, message: outcome.detail, requeue: false, delayMs: 0, headers: {} };
    case 'done':
      return { type: AnswerType.ack };
    default:
      return { type: AnswerType.nack, message: 'The worker stopped before the job began.', requeue: true, delayMs: 0 };
  }
}

function dataOf(answer: JobAnswer): unknown {
  switch (answer.type) {
    case AnswerType.error:
      return { message: answer.message, requeue: answer.requeue, delay_seconds: secondsOf(answer.delayMs), ...headersOf(answer.headers) };
    case AnswerType.nack:
      return { message: answer.message, requeue: answer.requeue, delay_seconds: secondsOf(answer.delayMs) };
    case AnswerType.requeue:
      return { message: answer.message, delay_seconds: secondsOf(answer.delayMs), ...headersOf(answer.headers) };
    default:
      return [];
  }
}

function secondsOf(delayMs: number): number {
  return Math.ceil(delayMs / 1_000);
}

function headersOf(headers: JobHeaders): { headers?: JobHeaders } {
  return Object.keys(headers).length === 0 ? {} : { headers };
}
