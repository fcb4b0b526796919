import type { Outcome } from '../contract/executor.js';
import type { JobFailure } from '../contract/failure.js';
import { RetryJobError, SnoozeJobError } from '../contract/job-errors.js';
import type { JobHeaders } from '../contract/job.js';
import type { OnFailure, RetryPolicy } from '../contract/retry-policy.js';

// How an outcome travels between a kernel and a worker that are both of this library: the key "nrr" of an answer. Where it is, it is the whole truth
// and the rest of the answer is for readers that do not know it. Other than RoadRunner's fields it keeps
//
//   the difference between "threw" and "refused": the policy of attempts is the kernel's, never the worker's
//   class, code and stack of an error
//   milliseconds, and headers that replace instead of being merged
//   what the handler's own policy says of this failure ("retry"), as a function cannot travel

/** What a handler's own policy says of the failure it comes with. */
export interface RetryJson {
  readonly attempts?: number;
  /** Until the next run. Unit: milliseconds. */
  readonly delayMs?: number;
  /** There is no such delay: what the backoff of the handler threw. */
  readonly backoffError?: ErrorJson;
  readonly onFailure?: OnFailure;
}

/** An error as plain data. */
export interface ErrorJson {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

/** An outcome as plain data. */
export type OutcomeJson = FailureJson | Extract<Outcome, { readonly kind: 'nacked' | 'requeue' | 'unstarted' }>;

interface FailureJson {
  readonly kind: 'failed' | 'rejected';
  readonly error: ErrorJson;
  readonly retry?: RetryJson;
  /** What a RetryJobError or SnoozeJobError asked for. A delay that is none is `null`: the kernel refuses it. */
  readonly asked?: { readonly delay?: number | string | null; readonly headers?: Readonly<Record<string, string | readonly string[]>> };
}

/** What was read of an answer. */
export interface ReadOutcome {
  readonly outcome: Outcome;
  /** To be given to `control.retryBy` before the outcome counts. */
  readonly retry: Partial<RetryPolicy> | undefined;
}

type Data = Readonly<Record<string, unknown>>;

/** `undefined` for what needs no words: done. */
export function writeOutcome(outcome: Outcome, retry?: RetryJson): OutcomeJson | undefined {
  switch (outcome.kind) {
    case 'done':
      return undefined;
    case 'failed':
    case 'rejected':
      return writeFailure(outcome.kind, outcome.error, retry);
    case 'crashed':
      return writeFailure('failed', { type: 'WorkerCrash', message: outcome.detail }, retry);
    default:
      return outcome;
  }
}

/** Reads what {@link writeOutcome} wrote; `undefined` when it is anything else. */
export function readOutcome(json: unknown): ReadOutcome | undefined {
  if (!isRecord(json)) return undefined;
  const { kind, requeue, delayMs, reason, headers, spendsAttempt } = json;
  if (kind === 'unstarted') return { outcome: { kind }, retry: undefined };
  if (kind === 'failed' || kind === 'rejected') return readFailure(kind, json);
  if (!isDelay(delayMs) || typeof reason !== 'string') return undefined;
  if (kind === 'nacked' && typeof requeue === 'boolean') return { outcome: { kind, requeue, delayMs, reason }, retry: undefined };
  if (kind !== 'requeue' || typeof spendsAttempt !== 'boolean' || !isHeaders(headers)) return undefined;
  return { outcome: { kind, headers: copyOf(headers), delayMs, reason, spendsAttempt }, retry: undefined };
}

function writeFailure(kind: 'failed' | 'rejected', failure: JobFailure, retry: RetryJson | undefined): OutcomeJson {
  const asked = askedBy(failure);
  return {
    kind,
    error: writeError(failure),
    ...(retry === undefined ? {} : { retry }),
    ...(asked === undefined ? {} : { asked }),
  };
}

/** What of a failure travels: not its cause. */
export function writeError({ type, message, code, stack }: JobFailure): ErrorJson {
  return { type, message, ...(code === undefined ? {} : { code }), ...(stack === undefined ? {} : { stack }) };
}

// By the code: a worker may have two copies of this library.
function askedBy({ code, cause }: JobFailure): FailureJson['asked'] {
  if (code !== 'SNOOZE_JOB' && code !== 'RETRY_JOB') return undefined;
  const { delay, headers } = (cause ?? {}) as Partial<RetryJobError>;
  if (code === 'SNOOZE_JOB') return { delay: delayOf(delay) };
  return { ...(delay === undefined ? {} : { delay: delayOf(delay) }), ...(headers === undefined ? {} : { headers }) };
}

function delayOf(delay: unknown): number | string | null {
  return typeof delay === 'number' || typeof delay === 'string' ? delay : null;
}

function readFailure(kind: 'failed' | 'rejected', { error, retry, asked = {} }: Data): ReadOutcome | undefined {
  const failure = readError(error);
  if (failure === undefined || !isRecord(asked)) return undefined;
  const cause = causeOf(failure, asked);
  return { outcome: { kind, error: cause === undefined ? failure : { ...failure, cause } }, retry: readRetry(retry) };
}

function readError(json: unknown): ErrorJson | undefined {
  if (!isRecord(json)) return undefined;
  const { type, message, code, stack } = json;
  if (typeof type !== 'string' || typeof message !== 'string') return undefined;
  return { type, message, ...(typeof code === 'string' ? { code } : {}), ...(typeof stack === 'string' ? { stack } : {}) };
}

/** The error again that the handler threw, for those that carry a wish. What is no delay stays none: as 0 it would run without a pause. */
function causeOf({ code, message }: JobFailure, { delay, headers }: Data): Error | undefined {
  const wish = delayOf(delay) ?? Number.NaN;
  if (code === 'SNOOZE_JOB') return new SnoozeJobError(wish, message);
  if (code !== 'RETRY_JOB') return undefined;
  return new RetryJobError(message, { ...(delay === undefined ? {} : { delay: wish }), ...(isHeaderInput(headers) ? { headers } : {}) });
}

function readRetry(json: unknown): Partial<RetryPolicy> | undefined {
  if (!isRecord(json)) return undefined;
  const { attempts, delayMs, backoffError, onFailure } = json;
  const failure = readError(backoffError);
  return {
    ...(typeof attempts === 'number' && attempts >= 1 ? { attempts } : {}),
    ...(isDelay(delayMs) ? { backoff: () => delayMs } : {}),
    ...(failure === undefined ? {} : { backoff: () => throwAgain(failure) }),
    ...(isOnFailure(onFailure) ? { onFailure } : {}),
  };
}

function throwAgain({ type, message, ...rest }: ErrorJson): never {
  throw Object.assign(new Error(message), { name: type, ...rest });
}

function isRecord(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDelay(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value);
}

function isOnFailure(value: unknown): value is OnFailure {
  return value === 'store' || value === 'drop' || value === 'broker' || (typeof value === 'string' && value.startsWith('queue:'));
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function isHeaders(value: unknown): value is JobHeaders {
  return isRecord(value) && Object.values(value).every(isTexts);
}

function isHeaderInput(value: unknown): value is Readonly<Record<string, string | readonly string[]>> {
  return isRecord(value) && Object.values(value).every((one) => typeof one === 'string' || isTexts(one));
}

// JSON.parse makes objects with a prototype.
function copyOf(headers: JobHeaders): JobHeaders {
  return Object.assign(Object.create(null) as Record<string, readonly string[]>, headers);
}
