import { JobsError } from './errors.js';

/** Two handlers claim the same name of the same queue. @publicApi */
export class HandlerConflictError extends JobsError {
  readonly code = 'HANDLER_CONFLICT';

  constructor(
    readonly job: string,
    readonly queue: string | undefined,
    readonly first: string,
    readonly second: string,
    options?: ErrorOptions,
  ) {
    super(
      `${first} and ${second} both handle ${job}${queue === undefined ? ' of every queue' : ` of queue "${queue}"`}. ` +
        'Remove one, or give one of them another name or queue.',
      options,
    );
  }
}

/** A handler names a queue that no pipeline has. @publicApi */
export class UnknownQueueError extends JobsError {
  readonly code = 'UNKNOWN_QUEUE';

  constructor(
    readonly queue: string,
    readonly handler: string,
    known: readonly string[],
    suggestion?: string,
    options?: ErrorOptions,
  ) {
    super(
      `${handler} handles queue "${queue}", but no pipeline has this name.${suggestion === undefined ? '' : ` Did you mean "${suggestion}"?`} ` +
        `Pipelines: ${known.length === 0 ? 'none' : known.map((name) => `"${name}"`).join(', ')}. ` +
        'Configure it under "pipelines", or set { declaredLater: true } on the handler.',
      options,
    );
  }
}

/** No handler takes the job; it is kept in the failed store. @publicApi */
export class UnknownJobError extends JobsError {
  readonly code = 'UNKNOWN_JOB';

  constructor(
    readonly job: string,
    readonly queue: string,
    options?: ErrorOptions,
  ) {
    super(
      `No handler takes job "${job}" of queue "${queue}". Add @JobHandler('${job}', { queue: '${queue}' }) or a default handler, then replay it.`,
      options,
    );
  }
}

/** A payload does not match its schema. At a push nothing was stored; at a handler the job is final. @publicApi */
export class JobValidationError extends JobsError {
  readonly code = 'JOB_VALIDATION';

  constructor(
    readonly job: string,
    readonly issues: readonly { readonly path: string; readonly message: string }[],
    options?: ErrorOptions,
  ) {
    super(
      `The payload of job "${job}" does not match its schema: ${issues.map((issue) => `${issue.path === '' ? 'payload' : issue.path}: ${issue.message}`).join('; ')}.`,
      options,
    );
  }
}

/** The job was settled before. The first settlement stands. @publicApi */
export class JobAlreadySettledError extends JobsError {
  readonly code = 'JOB_ALREADY_SETTLED';

  constructor(
    readonly jobId: string,
    readonly job: string,
    options?: ErrorOptions,
  ) {
    super(`Job "${job}" (${jobId}) is settled already; the first settlement stands. Settle once, or return and let the return settle it.`, options);
  }
}

/** Throw it in a handler: the job is final at once, whatever attempts are left. @publicApi */
export class UnrecoverableJobError extends JobsError {
  readonly code = 'UNRECOVERABLE_JOB';
}

/** Throw it in a handler: the job runs again after `delay`; one attempt is spent. @publicApi */
export class RetryJobError extends JobsError {
  readonly code = 'RETRY_JOB';
  override readonly retriable = true;
  /** Until the next run. Unit: seconds, or duration text. Default: the backoff of the policy. */
  readonly delay?: number | string;
  /** Headers put over those of the job. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;

  constructor(
    message = 'The handler asked for another run.',
    options: { delay?: number | string; headers?: Readonly<Record<string, string | readonly string[]>>; cause?: unknown } = {},
  ) {
    super(message, options);
    if (options.delay !== undefined) this.delay = options.delay;
    if (options.headers !== undefined) this.headers = options.headers;
  }
}

/** Throw it in a handler: the job comes back after `delay` and spends no attempt. @publicApi */
export class SnoozeJobError extends JobsError {
  readonly code = 'SNOOZE_JOB';
  override readonly retriable = true;

  /** @param delay - Unit: seconds, or duration text such as `'42m'`. */
  constructor(
    readonly delay: number | string,
    message = 'The handler put the job off.',
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The job ran longer than its `timeout`. It is the reason of `ctx.signal` and counts as a failed run. @publicApi */
export class JobTimeoutError extends JobsError {
  readonly code = 'JOB_TIMEOUT';
  override readonly retriable = true;

  constructor(
    readonly jobId: string,
    readonly job: string,
    readonly timeoutMs: number,
    options?: ErrorOptions,
  ) {
    super(`Job "${job}" (${jobId}) ran longer than its timeout of ${timeoutMs} ms. Raise "timeout", or end earlier when ctx.signal aborts.`, options);
  }
}

/** The job was not started before `expiresIn` had passed; it is kept in the failed store. @publicApi */
export class JobExpiredError extends JobsError {
  readonly code = 'JOB_EXPIRED';

  constructor(
    readonly jobId: string,
    readonly job: string,
    readonly lateMs: number,
    options?: ErrorOptions,
  ) {
    super(`Job "${job}" (${jobId}) expired ${lateMs} ms before it could start. Raise "expiresIn" or handle faster.`, options);
  }
}

/** The job ran when its process died, `maxCrashes` times; it is kept in the failed store. @publicApi */
export class JobCrashedError extends JobsError {
  readonly code = 'JOB_CRASHED';

  constructor(
    readonly jobId: string,
    readonly job: string,
    readonly crashes: number,
    options?: ErrorOptions,
  ) {
    super(`Job "${job}" (${jobId}) ran when its process died, ${crashes} times. Find out what it does to the process, then replay it.`, options);
  }
}

/** Someone cancelled the job, or the handler threw this: the job is final. @publicApi */
export class CancelJobError extends JobsError {
  readonly code = 'JOB_CANCELLED';
}
