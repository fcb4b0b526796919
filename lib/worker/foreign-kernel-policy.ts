import type { Clock } from '../contract/clock.js';
import { durationMs } from '../contract/duration.js';
import type { Outcome } from '../contract/executor.js';
import { failureOf, type JobFailure } from '../contract/failure.js';
import { JobExpiredError, type RetryJobError, type SnoozeJobError } from '../contract/job-errors.js';
import {
  ATTEMPT_HEADER,
  EXPIRES_AT_HEADER,
  FIRST_AT_HEADER,
  MAX_ATTEMPTS_HEADER,
  numberHeader,
  TIMEOUT_HEADER,
  userHeaders,
  withHeaders,
} from '../contract/job-headers.js';
import type { Job, JobHeaders } from '../contract/job.js';
import type { JobsLogger } from '../contract/logger.js';
import type { RetryPolicy } from '../contract/retry-policy.js';
import { ACK_BODY, AnswerType, encodeAnswer, plainAnswer } from '../wire/job-answer.js';
import type { AnswerPolicy } from './answer-policy.js';
import { doublesAtNack, FailureCounts, returnsRefused } from './foreign-drivers.js';
import type { JobRun } from './job-run.js';
import type { ReceivedJob } from './received-job.js';

/** What the policy under a kernel that has none is given. */
export interface ForeignKernelOptions {
  /** Of jobs whose handler says nothing. */
  retryOf(pipeline: string): RetryPolicy;
  /** Puts a job that failed for good into the queue of its `onFailure`. Absent: nothing can be pushed from here. */
  readonly push?: (job: Job) => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: JobsLogger;
}

/** Errors by whose code a run is final, whatever attempts are left: those of the kernel's own rule that a handler can throw or meet. */
const FINAL_CODES: ReadonlySet<string> = new Set(['UNRECOVERABLE_JOB', 'JOB_VALIDATION', 'JOB_CANCELLED', 'UNKNOWN_JOB', 'JOB_EXPIRED']);
/** Of those, the ones that no handler has seen. */
const UNRUN_CODES: ReadonlySet<string> = new Set(['UNKNOWN_JOB', 'JOB_EXPIRED']);

/** Before a job comes back that could not be put into its queue. */
const PUSH_RETRY_MS = 5_000;

/**
 * The policy of attempts, applied by the worker, under a kernel that has none: RoadRunner.
 *
 * - Thrown, and runs are left: REQUEUE with the backoff as its delay, and the count in the header `nrr-attempt`; with drivers that lose headers this
 *   process counts.
 * - Final, `onFailure: 'queue:<name>'`: pushed there first, then acknowledged. When the push fails the job comes back after 5 s: NACK with requeue.
 * - Final, `onFailure: 'drop'`: acknowledged.
 * - Final otherwise: NACK without requeue, so that the broker's own dead-lettering gets it where there is one, and an error in the log. There is
 *   no failed store here. Acknowledged with drivers that would deliver it again.
 * - Settled by the handler: as it asked.
 *
 * A job that expired is not run; a time-out that travels with a job holds here too.
 */
export class ForeignKernelPolicy implements AnswerPolicy {
  readonly #options: ForeignKernelOptions;
  readonly #failures = new FailureCounts();

  constructor(options: ForeignKernelOptions) {
    this.#options = options;
  }

  counted(received: ReceivedJob): ReceivedJob {
    return this.#failures.counted(received);
  }

  refuse(run: JobRun): Outcome | undefined {
    const { id, name, headers } = run.job;
    const timeoutMs = numberHeader(headers, TIMEOUT_HEADER);
    if (timeoutMs !== undefined) run.setTimeout(timeoutMs);
    const lateMs = this.#options.clock.now() - (numberHeader(headers, EXPIRES_AT_HEADER) ?? Infinity);
    return lateMs > 0 ? { kind: 'rejected', error: failureOf(new JobExpiredError(id, name, lateMs)) } : undefined;
  }

  answer(run: JobRun, outcome: Outcome): Uint8Array | Promise<Uint8Array> {
    switch (outcome.kind) {
      case 'failed':
        return this.#failed(run, outcome.error);
      case 'rejected':
        return this.#final(run, outcome.error);
      case 'crashed':
        return this.#failed(run, { type: 'WorkerCrash', message: outcome.detail });
      case 'requeue':
        if (outcome.spendsAttempt) return this.#failed(run, { type: 'Error', message: outcome.reason });
        return encodeAnswer(plainAnswer(outcome));
      case 'nacked':
        return outcome.requeue ? nackWithRequeue(run, outcome.reason, outcome.delayMs) : encodeAnswer(plainAnswer(outcome));
      default:
        return encodeAnswer(plainAnswer(outcome));
    }
  }

  #failed(run: JobRun, error: JobFailure): Uint8Array | Promise<Uint8Array> {
    const { headers } = run.job;
    if (error.code === 'SNOOZE_JOB') {
      const { delay } = (error.cause ?? {}) as SnoozeJobError;
      return requeue(error.message, durationMs(delay, 'SnoozeJobError.delay'), headers);
    }
    const attempts = numberHeader(headers, MAX_ATTEMPTS_HEADER) ?? this.#retryOf(run).attempts;
    if (FINAL_CODES.has(error.code ?? '') || run.attempt >= attempts) return this.#final(run, error);
    return this.#again(run, error);
  }

  #again(run: JobRun, error: JobFailure): Uint8Array {
    const { clock, logger } = this.#options;
    const { headers, name, id } = run.job;
    const asked = error.code === 'RETRY_JOB' ? (error.cause as RetryJobError | undefined) : undefined;
    const delayMs = asked?.delay === undefined ? this.#retryOf(run).backoff(run.attempt) : durationMs(asked.delay, 'RetryJobError.delay');
    const changed = withHeaders(headers, askedHeaders(asked));
    const failures = (numberHeader(headers, ATTEMPT_HEADER) ?? 0) + 1;
    this.#failures.add(run.driver, id, run.attempt);
    logger.warn(`Job "${name}" failed and runs again in ${Math.ceil(delayMs)} ms: ${error.message}`, factsOf(run));
    return requeue(
      error.message,
      delayMs,
      withHeaders(changed, {
        [ATTEMPT_HEADER]: [String(failures)],
        [FIRST_AT_HEADER]: headers[FIRST_AT_HEADER] ?? [String(clock.now())],
      }),
    );
  }

  #final(run: JobRun, error: JobFailure): Uint8Array | Promise<Uint8Array> {
    const { onFailure } = this.#retryOf(run);
    const { stack, message } = error;
    const hasRun = !UNRUN_CODES.has(error.code ?? '');
    const line = `Job "${run.job.name}" ${hasRun ? `failed for good after ${run.attempt} run${run.attempt === 1 ? '' : 's'}` : 'was not run'}: ${message}`;
    this.#options.logger.error(line, { ...factsOf(run), target: onFailure, ...(stack === undefined || !hasRun ? {} : { stack }) });
    this.#failures.forget(run.job.id);
    if (onFailure === 'drop') return ACK_BODY;
    const queue = onFailure.startsWith('queue:') ? onFailure.slice('queue:'.length) : undefined;
    // In its own queue it would run for ever.
    if (queue !== undefined && queue !== run.job.pipeline && this.#options.push !== undefined) return this.#moveTo(queue, run, this.#options.push);
    if (returnsRefused(run.driver, onFailure)) return ACK_BODY;
    return encodeAnswer({ type: AnswerType.nack, message, requeue: false, delayMs: 0 });
  }

  async #moveTo(queue: string, run: JobRun, push: (job: Job) => Promise<unknown>): Promise<Uint8Array> {
    // Not its place in Kafka: the other queue has a topic of its own.
    const { kafka: _place, ...job } = run.job;
    try {
      await push({ ...job, pipeline: queue, headers: userHeaders(job.headers) });
      return ACK_BODY;
    } catch (error) {
      const message = `Job "${run.job.name}" could not be put into queue "${queue}" and comes back in ${PUSH_RETRY_MS} ms.`;
      this.#options.logger.error(message, { ...factsOf(run), error });
      this.#failures.add(run.driver, run.job.id, run.attempt - 1);
      return nackWithRequeue(run, message, PUSH_RETRY_MS);
    }
  }

  #retryOf(run: JobRun): RetryPolicy {
    return { ...this.#options.retryOf(run.job.pipeline), ...run.retry };
  }
}

function requeue(message: string, delayMs: number, headers: JobHeaders): Uint8Array {
  return encodeAnswer({ type: AnswerType.requeue, message, delayMs, headers });
}

function nackWithRequeue({ driver }: JobRun, message: string, delayMs: number): Uint8Array {
  if (doublesAtNack(driver)) return requeue(message, delayMs, {});
  return encodeAnswer({ type: AnswerType.nack, message, requeue: true, delayMs });
}

function askedHeaders(asked: RetryJobError | undefined): Record<string, readonly string[]> {
  const headers = userHeaders((asked?.headers ?? {}) as JobHeaders);
  return Object.fromEntries(
    Object.entries<string | readonly string[]>(headers).map(([name, value]) => [name, typeof value === 'string' ? [value] : [...value]]),
  );
}

function factsOf({ job, attempt }: JobRun): Readonly<Record<string, unknown>> {
  return { id: job.id, job: job.name, queue: job.pipeline, attempt };
}
