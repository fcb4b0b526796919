import type { Clock, Deadline } from '../contract/clock.js';
import { durationMs } from '../contract/duration.js';
import { KernelStoppingError } from '../contract/errors.js';
import type { Outcome } from '../contract/executor.js';
import { failureOf, type JobFailure } from '../contract/failure.js';
import { type RetryJobError, type SnoozeJobError } from '../contract/job-errors.js';
import {
  ATTEMPT_HEADER,
  CRASHES_HEADER,
  DUE_AT_HEADER,
  FIRST_AT_HEADER,
  MAX_ATTEMPTS_HEADER,
  numberHeader,
  userHeaders,
  withHeaders,
} from '../contract/job-headers.js';
import { JobRecord, NO_HEADERS, type Done, type Job, type JobHeaders } from '../contract/job.js';
import type { JobsEvents } from '../contract/jobs-events.js';
import type { FailedReason } from '../contract/kernel-admin.js';
import type { JobsLogger } from '../contract/logger.js';
import type { OnFailure } from '../contract/retry-policy.js';
import { errorOf } from '../contract/thrown.js';
import { attemptOf, MAX_ATTEMPTS, type AttemptLog } from './attempt-log.js';
import type { Counters } from './counters.js';
import type { FailedStore } from './failed-store.js';
import { CompletedJobEvent } from './job-event.js';
import type { Run, RunContext } from './run.js';

/** What a settlement is given. */
export interface SettlementOptions {
  readonly clock: Clock;
  readonly logger: JobsLogger;
  readonly events: JobsEvents;
  readonly counters: Counters;
  readonly failed: FailedStore;
  readonly attempts: AttemptLog;
  readonly maxCrashes: number;
  watch(run: Run): void;
  /** Puts a job that failed for good into the queue its policy names. */
  push(job: Job): Promise<unknown>;
}

/** Errors by whose code a run is final, whatever attempts are left. */
const FINAL_CODES: Readonly<Record<string, FailedReason>> = Object.assign(Object.create(null) as Record<string, FailedReason>, {
  UNRECOVERABLE_JOB: 'rejected',
  JOB_VALIDATION: 'rejected',
  JOB_CANCELLED: 'rejected',
  UNKNOWN_JOB: 'unknown',
  JOB_EXPIRED: 'expired',
  JOB_CRASHED: 'crashed',
});

/** Before a job is tried again whose failure could not be recorded. */
const RECORD_RETRY_MS = 5_000;

/** Turns the outcome of a run into what its driver, the failed store and the listeners are told. */
export class Settlement implements RunContext {
  readonly #options: SettlementOptions;
  readonly #outstanding = new Set<Promise<void>>();

  constructor(options: SettlementOptions) {
    this.#options = options;
  }

  get events(): JobsEvents {
    return this.#options.events;
  }

  watch(run: Run): void {
    this.#options.watch(run);
  }

  autoAck(run: Run): void {
    run.isAutoAcked = true;
    this.#options.counters.autoAcked++;
    void this.#track(run, run.delivery.ack());
  }

  end(run: Run, outcome: Outcome): void {
    if (run.isAutoAcked) this.#endAutoAcked(run, outcome);
    else if (!run.isSettled) void this.settle(run, outcome);
    else if (outcome.kind !== 'done') this.#reportLate(run, outcome);
  }

  settle(run: Run, outcome: Outcome): Done {
    if (run.isSettled) return;
    run.isSettled = true;
    if (run.isAutoAcked) return;
    if (outcome.kind === 'done') return this.#done(run);
    return this.#track(run, this.#settleOrFail(run, outcome));
  }

  /** Resolves when the drivers have taken all settlements so far, or at the deadline. Answers how many they have not. */
  async flush(deadline: Deadline): Promise<number> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(deadline.remainingMs(), resolve);
      void this.#taken().then(() => {
        timer.cancel();
        resolve();
      });
    });
    return this.#outstanding.size;
  }

  async #taken(): Promise<void> {
    while (this.#outstanding.size > 0) await Promise.all(this.#outstanding);
    await this.#options.attempts.flush();
  }

  #done(run: Run): Done {
    this.#options.counters.completed++;
    this.#tellCompleted(run);
    this.#forgetAttempts(run);
    return this.#track(run, run.delivery.ack());
  }

  #tellCompleted(run: Run): void {
    const { completed } = this.events;
    if (completed === undefined) return;
    const tookMs = this.#options.clock.monotonic() - run.startedAt;
    completed(new CompletedJobEvent(run.delivery.job, run.pipeline.name, run.attempt, tookMs));
  }

  // A handler may ask for a delay or headers that are none: that is a failed run like any other. Without a backoff that works there is no next run.
  #settleOrFail(run: Run, outcome: Exclude<Outcome, { kind: 'done' }>): Done {
    try {
      return this.#settleOther(run, outcome);
    } catch (error) {
      const failure = failureOf(error);
      try {
        return this.#failed(run, failure);
      } catch {
        return this.#final(run, failure, 'rejected');
      }
    }
  }

  #settleOther(run: Run, outcome: Exclude<Outcome, { kind: 'done' }>): Done {
    const { delivery } = run;
    switch (outcome.kind) {
      case 'failed':
        return this.#failed(run, outcome.error);
      case 'rejected':
        return this.#final(run, outcome.error, FINAL_CODES[outcome.error.code ?? ''] ?? 'rejected');
      case 'nacked':
        if (!outcome.requeue) this.#refused(run, outcome.reason);
        return delivery.nack({ requeue: outcome.requeue, delayMs: outcome.delayMs });
      case 'requeue':
        if (outcome.spendsAttempt) return this.#failed(run, failureOf(new Error(outcome.reason)));
        return delivery.requeue({ headers: this.#due(outcome.headers, outcome.delayMs), delayMs: outcome.delayMs });
      case 'crashed':
        return this.#crashed(run, outcome);
      case 'unstarted':
        return delivery.release === undefined ? delivery.nack({ requeue: true }) : delivery.release();
    }
  }

  #failed(run: Run, error: JobFailure): Done {
    const { retry } = run;
    // The kernel told it to end: nothing is wrong with the job.
    if (run.abortReason instanceof KernelStoppingError) return run.delivery.nack({ requeue: true });
    const final = FINAL_CODES[error.code ?? ''];
    if (error.code === 'SNOOZE_JOB') return this.#snooze(run, error);
    if (final !== undefined) return this.#final(run, error, final);
    const { job } = run.delivery;
    const failures = (numberHeader(job.headers, ATTEMPT_HEADER) ?? 0) + 1;
    const attempts = numberHeader(job.headers, MAX_ATTEMPTS_HEADER) ?? retry.attempts;
    if (run.attempt >= attempts) return this.#final(run, error, 'attempts');
    const { delayMs, headers } = this.#nextRun(run, error);
    this.#options.attempts.add(job.id, attemptOf(run.attempt, this.#options.clock.now(), error));
    return this.#again(run, error, delayMs, withHeaders(headers, { [ATTEMPT_HEADER]: [String(failures)] }));
  }

  /** The wait and the headers of the next run: the policy's, or what a RetryJobError asks for. */
  #nextRun(run: Run, error: JobFailure): { delayMs: number; headers: JobHeaders } {
    const { job } = run.delivery;
    const asked = error.code === 'RETRY_JOB' ? (error.cause as RetryJobError | undefined) : undefined;
    const delayMs = asked?.delay === undefined ? run.retry.backoff(run.attempt) : durationMs(asked.delay, 'RetryJobError.delay');
    if (asked?.headers === undefined) return { delayMs, headers: job.headers };
    const changes: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
    for (const [name, value] of Object.entries(userHeaders(asked.headers as JobHeaders))) {
      changes[name] = typeof value === 'string' ? [value] : [...value];
    }
    return { delayMs, headers: withHeaders(job.headers, changes) };
  }

  #again(run: Run, error: JobFailure, delayMs: number, headers: JobHeaders): Done {
    const { clock, counters, logger } = this.#options;
    counters.failedRuns++;
    counters.retried++;
    const { job } = run.delivery;
    const wholeMs = Math.ceil(delayMs);
    logger.warn(`Job "${job.name}" failed and runs again in ${wholeMs} ms: ${error.message}`, this.#facts(run));
    this.events.retrying?.({ ...run.event(), error, delayMs: wholeMs });
    const first = headers[FIRST_AT_HEADER] ?? [String(clock.now())];
    return run.delivery.requeue({ headers: this.#due(withHeaders(headers, { [FIRST_AT_HEADER]: first }), wholeMs), delayMs: wholeMs });
  }

  // What becomes of it is the broker's business; in memory it is gone.
  #refused(run: Run, reason: string): void {
    this.#options.counters.failed++;
    this.#options.logger.warn(`Job "${run.delivery.job.name}" was refused by its handler and is not delivered again: ${reason}`, this.#facts(run));
    this.events.failed?.({ ...run.event(), error: { type: 'Error', message: reason }, target: 'broker' });
  }

  #snooze(run: Run, error: JobFailure): Done {
    const { job } = run.delivery;
    const { delay } = (error.cause ?? {}) as SnoozeJobError;
    const delayMs = durationMs(delay, 'SnoozeJobError.delay');
    this.#options.logger.debug(`Job "${job.name}" was put off by its handler for ${delayMs} ms.`, this.#facts(run));
    return run.delivery.requeue({ headers: this.#due(job.headers, delayMs), delayMs });
  }

  #crashed(run: Run, outcome: Extract<Outcome, { kind: 'crashed' }>): Done {
    const { job } = run.delivery;
    const crashes = (numberHeader(job.headers, CRASHES_HEADER) ?? 0) + 1;
    const error: JobFailure = { type: 'WorkerCrash', message: outcome.detail, code: `WORKER_${outcome.reason.toUpperCase()}` };
    if (crashes >= this.#options.maxCrashes) return this.#final(run, error, 'crashed');
    this.#options.attempts.add(job.id, attemptOf(run.attempt, this.#options.clock.now(), error));
    return this.#again(run, error, run.retry.backoff(crashes), withHeaders(job.headers, { [CRASHES_HEADER]: [String(crashes)] }));
  }

  #final(run: Run, error: JobFailure, reason: FailedReason): Done {
    const { counters, logger } = this.#options;
    const target = this.#targetOf(run);
    const { job } = run.delivery;
    counters.failedRuns++;
    counters.failed++;
    if (reason === 'expired') counters.expired++;
    const hasRun = reason !== 'unknown' && reason !== 'expired';
    const line = `Job "${job.name}" ${hasRun ? `failed for good after ${run.attempt} run${run.attempt === 1 ? '' : 's'}` : 'was not run'}: ${error.message}`;
    // The stack of our own verdicts leads into this library and helps nobody.
    const stack = hasRun ? error.stack : undefined;
    logger.error(line, { ...this.#facts(run), target, ...(stack === undefined ? {} : { stack }) });
    this.events.failed?.({ ...run.event(), error, target });
    if (target === 'drop' || target === 'broker') {
      this.#forgetAttempts(run);
      return target === 'drop' ? run.delivery.ack() : run.delivery.nack({ requeue: false });
    }
    const recorded = target === 'store' ? this.#record(run, error, reason) : this.#moveTo(target.slice('queue:'.length), job);
    // The record is safe before the job goes; when it cannot be made, the job comes back.
    return recorded.then(
      (isSettled) => {
        this.#forgetAttempts(run);
        return isSettled ? undefined : run.delivery.ack();
      },
      (cause: unknown) => {
        logger.error(`The failure of job "${job.name}" could not be kept in ${target}; the job comes back in ${RECORD_RETRY_MS} ms.`, {
          ...this.#facts(run),
          error: cause,
        });
        return run.delivery.nack({ requeue: true, delayMs: RECORD_RETRY_MS });
      },
    );
  }

  // A broker without dead letters would let the job go; the pipelines are checked at boot, handlers meet theirs here. What holds for all queues holds
  // for the one that it names, too, whose jobs would run for ever.
  #targetOf(run: Run): OnFailure {
    const { onFailure } = run.retry;
    if (onFailure === `queue:${run.pipeline.name}`) return 'store';
    if (onFailure !== 'broker' || run.pipeline.capabilities.deadLetter) return onFailure;
    this.#options.logger.warn(`Driver "${run.driver}" has no dead letters of its own; the job goes to the failed store.`, this.#facts(run));
    return 'store';
  }

  /** True when the driver took the job out in the same transaction. */
  async #record(run: Run, error: JobFailure, reason: FailedReason): Promise<boolean> {
    const { job } = run.delivery;
    const failedAt = this.#options.clock.now();
    const history = hasFailed(run) ? await this.#options.attempts.read(job.id) : [];
    const { cause: _cause, ...kept } = error;
    const record = {
      id: job.id,
      name: job.name,
      pipeline: job.pipeline,
      payload: job.payload,
      headers: job.headers,
      priority: job.priority,
      reason,
      error: kept,
      attempts: run.attempt,
      failedAt,
      history: [...history.slice(1 - MAX_ATTEMPTS), attemptOf(run.attempt, failedAt, error)],
    };
    if (run.delivery.fail !== undefined) {
      await run.delivery.fail(record);
      return true;
    }
    await this.#options.failed.add(record);
    return false;
  }

  async #moveTo(queue: string, job: Job): Promise<boolean> {
    const headers = userHeaders(job.headers);
    // Not its place in Kafka: the other queue has a topic of its own.
    await this.#options.push(new JobRecord(job.name, queue, job.payload, headers, job.priority, 0, job.autoAck, job.id));
    return false;
  }

  #forgetAttempts(run: Run): void {
    if (hasFailed(run)) this.#options.attempts.forget(run.delivery.job.id);
  }

  #endAutoAcked(run: Run, outcome: Outcome): void {
    run.isSettled = true;
    const { counters, logger } = this.#options;
    if (outcome.kind === 'done') {
      counters.completed++;
      this.#tellCompleted(run);
      return;
    }
    counters.failedRuns++;
    counters.failed++;
    const error = reasonOf(outcome);
    logger.error(`Job "${run.delivery.job.name}" was acknowledged before it ran and is lost: ${error.message}`, this.#facts(run));
    this.events.failed?.({ ...run.event(), error, target: 'lost: autoAck' });
  }

  #reportLate(run: Run, outcome: Outcome): void {
    this.#options.counters.lateErrors++;
    const error = reasonOf(outcome);
    this.#options.logger.error(
      `The handler of job "${run.delivery.job.name}" failed after it had settled the job: ${error.message}`,
      this.#facts(run),
    );
  }

  #due(headers: JobHeaders, delayMs: number): JobHeaders {
    return withHeaders(headers, { [DUE_AT_HEADER]: delayMs > 0 ? [String(Math.round(this.#options.clock.now() + delayMs))] : undefined });
  }

  // Nobody may await a settlement: a rejection is reported here, and `flush` waits for all of them.
  #track(run: Run, done: Done): Done {
    if (done === undefined) return;
    const tracked = done.then(
      () => {
        this.#outstanding.delete(tracked);
      },
      (cause: unknown) => {
        this.#outstanding.delete(tracked);
        this.#options.counters.lateErrors++;
        const error = errorOf(cause);
        const { id, name } = run.delivery.job;
        this.#options.logger.error(
          `The driver of pipeline "${run.pipeline.name}" did not take the settlement of job "${name}": ${error.message}`,
          this.#facts(run),
        );
        this.events.error?.({ error, queue: run.pipeline.name, jobId: id });
      },
    );
    this.#outstanding.add(tracked);
    return done;
  }

  #facts(run: Run): Readonly<Record<string, unknown>> {
    return { id: run.delivery.job.id, job: run.delivery.job.name, queue: run.pipeline.name, attempt: run.attempt };
  }
}

/** There were runs before this one that the log of attempts knows of: they left headers. */
function hasFailed(run: Run): boolean {
  return run.delivery.job.headers !== NO_HEADERS && run.attempt > 1;
}

function reasonOf(outcome: Outcome): JobFailure {
  if (outcome.kind === 'failed' || outcome.kind === 'rejected') return outcome.error;
  return { type: 'Error', message: `It asked for "${outcome.kind}".` };
}
