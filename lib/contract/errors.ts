import type { PushOutcome } from './jobs-api.js';
import { messageOf } from './thrown.js';

/**
 * The base of every error of this library. Branch on {@link JobsError.code}: it never changes.
 *
 * @publicApi
 */
export abstract class JobsError extends Error {
  /** A constant of the class, for programs. */
  abstract readonly code: string;
  /** True when the same call may succeed later without a change. */
  readonly retriable: boolean = false;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An argument has a wrong type or range. Nothing was done. @publicApi */
export class JobsArgumentError extends JobsError {
  readonly code = 'INVALID_ARGUMENT';
}

/** One thing that is wrong in a configuration. @publicApi */
export interface ConfigIssue {
  /** Where: `pipelines.emails.prefetch`. */
  readonly path: string;
  /** What is wrong, with the value, and what to do. */
  readonly message: string;
  /** The file it stands in, where it comes from one. */
  readonly file?: string;
  /** The line of the file, from 1. */
  readonly line?: number;
}

/** The configuration cannot be used. Nothing was started. @publicApi */
export class JobsConfigError extends JobsError {
  readonly code = 'INVALID_CONFIG';

  constructor(
    readonly issues: readonly ConfigIssue[],
    options?: ErrorOptions,
  ) {
    super(`Wrong configuration of jobs.\n${issues.map((issue) => `  - ${describeConfigIssue(issue)}`).join('\n')}`, options);
  }
}

/** The issue on one line: `.rr.yaml:12 jobs.pool.num_workers: …`. */
export function describeConfigIssue({ file, line, path, message }: ConfigIssue): string {
  const place = file === undefined ? '' : line === undefined ? file : `${file}:${line}`;
  return `${[place, path].filter((part) => part !== '').join(' ')}: ${message}`;
}

/** No pipeline has this name. Nothing was stored or changed. @publicApi */
export class PipelineNotFoundError extends JobsError {
  readonly code = 'PIPELINE_NOT_FOUND';

  constructor(
    readonly pipeline: string,
    known: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    const list =
      known.length === 0
        ? 'There are none.'
        : `There are: ${known
            .slice(0, 20)
            .map((name) => `"${name}"`)
            .join(', ')}.`;
    super(`No pipeline is called "${pipeline}". ${list} Configure it under "pipelines" or declare it with jobs.create().`, options);
  }
}

/** A pipeline of this name is there already. It stays as it was. @publicApi */
export class PipelineExistsError extends JobsError {
  readonly code = 'PIPELINE_EXISTS';

  constructor(
    readonly pipeline: string,
    readonly driver: string,
    options?: ErrorOptions,
  ) {
    super(`A pipeline called "${pipeline}" exists already (driver "${driver}"). Destroy it first, or use another name.`, options);
  }
}

/** The pipeline is paused already. @publicApi */
export class PipelineAlreadyPausedError extends JobsError {
  readonly code = 'PIPELINE_ALREADY_PAUSED';

  constructor(
    readonly pipeline: string,
    readonly driver: string,
    options?: ErrorOptions,
  ) {
    super(`Pipeline "${pipeline}" is paused already; there is nothing to pause.`, options);
  }
}

/** The pipeline consumes already. @publicApi */
export class PipelineAlreadyRunningError extends JobsError {
  readonly code = 'PIPELINE_ALREADY_RUNNING';

  constructor(
    readonly pipeline: string,
    readonly driver: string,
    options?: ErrorOptions,
  ) {
    super(`Pipeline "${pipeline}" consumes already; there is nothing to resume.`, options);
  }
}

/** The pipeline holds its limit of jobs; the job was not stored. @publicApi */
export class PipelineFullError extends JobsError {
  readonly code = 'PIPELINE_FULL';
  override readonly retriable = true;

  constructor(
    readonly pipeline: string,
    readonly maxJobs: number,
    readonly waitedMs: number,
    options?: ErrorOptions,
  ) {
    super(
      `Pipeline "${pipeline}" holds its limit of ${maxJobs} jobs and made no room within ${waitedMs} ms; the job was not stored. ` +
        'Raise "maxJobs" or "timeout", handle faster, or slow the producer.',
      options,
    );
  }
}

/** The driver did not answer within `timeout`; whether the job was stored is not known. Repeat it with the same id. @publicApi */
export class PushUncertainError extends JobsError {
  readonly code = 'PUSH_UNCERTAIN';
  override readonly retriable = true;

  constructor(
    readonly pipeline: string,
    readonly jobId: string,
    readonly waitedMs: number,
    options?: ErrorOptions,
  ) {
    super(
      `Pipeline "${pipeline}" gave no answer within ${waitedMs} ms. Job ${jobId} may or may not be stored: push it again with the same id.`,
      options,
    );
  }
}

/** Some jobs of a batch were not stored; `outcomes` says which, in the order given. @publicApi */
export class PushBatchError extends JobsError {
  readonly code = 'PUSH_BATCH';

  constructor(
    readonly outcomes: readonly PushOutcome[],
    options?: ErrorOptions,
  ) {
    const failed = outcomes.filter((outcome) => !outcome.ok);
    const first = failed[0];
    super(
      `${failed.length} of ${outcomes.length} jobs were not stored. The first reason: ${first && !first.ok ? first.error.message : 'unknown'} ` +
        'Read "outcomes" and push only the failed ones again.',
      options,
    );
  }
}

/** The payload is larger than `maxPayload`; the job was not stored. @publicApi */
export class PayloadTooLargeError extends JobsError {
  readonly code = 'PAYLOAD_TOO_LARGE';

  constructor(
    readonly pipeline: string,
    readonly payloadBytes: number,
    readonly maxPayloadBytes: number,
    options?: ErrorOptions,
  ) {
    super(
      `A payload of ${payloadBytes} bytes for pipeline "${pipeline}" is over the limit of ${maxPayloadBytes}. ` +
        'Raise "maxPayload", or store the data elsewhere and push a reference.',
      options,
    );
  }
}

/** The kernel is stopping or has stopped; the job was not stored. @publicApi */
export class KernelStoppingError extends JobsError {
  readonly code = 'KERNEL_STOPPING';

  constructor(
    readonly pipeline?: string,
    options?: ErrorOptions,
  ) {
    super(
      pipeline === undefined
        ? 'The kernel is stopping or has stopped. Start a new one, or push before the application closes.'
        : `The kernel is stopping or has stopped; the job for pipeline "${pipeline}" was not stored. Push before the application closes, or use a durable driver.`,
      options,
    );
  }
}

/** The state store was closed; nothing was read or written. @publicApi */
export class StateStoreClosedError extends JobsError {
  readonly code = 'STATE_STORE_CLOSED';

  constructor(
    readonly store: string,
    options?: ErrorOptions,
  ) {
    super(`The state store "${store}" is closed. Open a new one, or use it before its kernel closes.`, options);
  }
}

/** A package that is needed is not installed. Nothing was opened or declared. @publicApi */
export class PackageMissingError extends JobsError {
  readonly code = 'PACKAGE_MISSING';

  /** @param otherwise - The way out without the package. */
  constructor(
    readonly package_: string,
    readonly neededBy: string,
    otherwise?: string,
    options?: ErrorOptions,
  ) {
    super(
      `${neededBy} needs the package "${package_}", which is not installed. Run: npm install ${package_}${otherwise === undefined ? '' : `. ${otherwise}`}`,
      options,
    );
  }
}

/** A file cannot be used where it is. Nothing was created. @publicApi */
export class JobsPathError extends JobsError {
  readonly code = 'INVALID_PATH';

  constructor(
    readonly file: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`"${file}" cannot be used. ${reason}`, options);
  }
}

/** Another process owns the file. Nothing was read or changed. @publicApi */
export class FileInUseError extends JobsError {
  readonly code = 'FILE_IN_USE';
  override readonly retriable = true;

  constructor(
    readonly file: string,
    options?: ErrorOptions,
  ) {
    super(
      `"${file}" is in use by another kernel. Stop that one, or give this one a file of its own ("file", or "dataDir"); ` +
        'other processes push over RPC, they do not open the file.',
      options,
    );
  }
}

/** The file was written by a newer version. Nothing was changed. @publicApi */
export class FileVersionError extends JobsError {
  readonly code = 'FILE_VERSION';

  constructor(
    readonly file: string,
    readonly found: string,
    readonly known: string,
    options?: ErrorOptions,
  ) {
    super(`"${file}" has the format ${found}; this version reads format ${known}. Use the version that wrote it, or another file.`, options);
  }
}

/** The file holds something else, or it is damaged. Nothing was changed. @publicApi */
export class FileFormatError extends JobsError {
  readonly code = 'FILE_FORMAT';

  /** @param option - What to set to use another one. */
  constructor(
    readonly file: string,
    options?: ErrorOptions,
    option = 'file',
  ) {
    super(`"${file}" is no file of this library, or it is damaged. Give another "${option}", or restore this one from a backup.`, options);
  }
}

/** A write did not reach the disk; nothing of it was stored. @publicApi */
export class StorageError extends JobsError {
  readonly code = 'STORAGE';
  override readonly retriable = true;

  constructor(
    readonly file: string,
    cause: unknown,
    consequence = 'The job was not stored.',
  ) {
    super(`"${file}" could not be written: ${messageOf(cause)}. ${consequence} Check the space and health of the disk.`, { cause });
  }
}

/** Others changed what a transaction had read, each time it was tried. Nothing of it was stored. @publicApi */
export class StateConflictError extends JobsError {
  readonly code = 'STATE_CONFLICT';
  override readonly retriable = true;

  constructor(
    readonly store: string,
    readonly tries: number,
    options?: ErrorOptions,
  ) {
    super(
      `A transaction of the state store (${store}) met the writes of others ${tries} times and was given up. Try again, or touch fewer keys in it.`,
      options,
    );
  }
}

/** The driver of the pipeline was stopped; the job was not stored. @publicApi */
export class DriverStoppedError extends JobsError {
  readonly code = 'DRIVER_STOPPED';

  constructor(
    readonly pipeline: string,
    options?: ErrorOptions,
  ) {
    super(`Pipeline "${pipeline}" was destroyed or its kernel stopped; the job was not stored. Declare the pipeline again.`, options);
  }
}

/** There was no connection to the broker in time; the job was not stored. @publicApi */
export class BrokerUnavailableError extends JobsError {
  readonly code = 'BROKER_UNAVAILABLE';
  override readonly retriable = true;

  /** @param cause - Why the last try to connect failed. */
  constructor(
    readonly pipeline: string,
    readonly driver: string,
    readonly waitedMs: number,
    cause?: unknown,
  ) {
    const { message } = (cause ?? {}) as { readonly message?: unknown };
    const reason = typeof message === 'string' ? ` The last reason: ${message}`.replace(/(?<![.!?])$/u, '.') : '';
    super(
      `Pipeline "${pipeline}" has had no connection to its broker (driver "${driver}") for ${waitedMs} ms; the job was not stored.${reason} ` +
        'Start the broker or check its address, then push again; the connection comes back by itself.',
      cause === undefined ? undefined : { cause },
    );
  }
}

/** The broker answered that it does not do it. What was asked was not stored or changed. @publicApi */
export class BrokerRefusedError extends JobsError {
  readonly code = 'BROKER_REFUSED';

  /** @param reason - The broker's own words, or what is wrong in them, and a remedy where one is known. */
  constructor(
    readonly pipeline: string,
    readonly driver: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`The broker of pipeline "${pipeline}" (driver "${driver}") refused: ${reason.replace(/(?<![.!?])$/u, '.')}`, options);
  }
}

/** This build has no such driver. Nothing was declared. @publicApi */
export class DriverNotAvailableError extends JobsError {
  readonly code = 'DRIVER_NOT_AVAILABLE';

  constructor(
    readonly driver: string,
    readonly pipeline: string,
    readonly known: readonly string[],
    options?: ErrorOptions,
  ) {
    super(
      `Pipeline "${pipeline}" asks for driver "${driver}", which is not available. Available: ${known.map((name) => `"${name}"`).join(', ')}.`,
      options,
    );
  }
}

/** The driver's broker cannot do what was asked. Nothing was changed. @publicApi */
export class NotSupportedByDriverError extends JobsError {
  readonly code = 'NOT_SUPPORTED_BY_DRIVER';

  constructor(
    readonly driver: string,
    readonly capability: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(`Driver "${driver}" does not support ${capability}. ${remedy}`, options);
  }
}

/** The kernel behind this connection cannot do what was asked. Nothing was changed. @publicApi */
export class NotSupportedByKernelError extends JobsError {
  readonly code = 'NOT_SUPPORTED_BY_KERNEL';

  constructor(
    readonly feature: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(`This kernel does not support ${feature}. ${remedy}`, options);
  }
}

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

/** The kernel sent something that a worker cannot read. The worker reads on only where it knows what to answer. @publicApi */
export class KernelProtocolError extends JobsError {
  readonly code = 'KERNEL_PROTOCOL';

  /** @param what - What came, to be read behind "The kernel sent". */
  constructor(what: string, options?: ErrorOptions) {
    super(`The kernel sent ${what}. Compare the versions of kernel and worker, and let nothing but the kernel write to the relay.`, options);
  }
}

/** This process was spawned to serve something, and no dispatcher can. Nothing was served. @publicApi */
export class DispatcherNotFoundError extends JobsError {
  readonly code = 'DISPATCHER_NOT_FOUND';

  constructor(
    /** `RR_MODE`; empty when it is not set. */
    readonly mode: string,
    /** Names of the dispatchers that were asked, in their order. */
    readonly asked: readonly string[],
    options?: ErrorOptions,
  ) {
    super(
      `No dispatcher can serve ${mode === '' ? 'a process without RR_MODE' : `RR_MODE "${mode}"`}; ` +
        `${asked.length === 0 ? 'there is none' : `asked were ${asked.join(', ')}`}. ` +
        'Add one whose canServe() answers true, or correct RR_MODE.',
      options,
    );
  }
}

/** A service of the kernel could not begin, or could not go on. All services are stopped. @publicApi */
export class ServiceFailedError extends JobsError {
  readonly code = 'SERVICE_FAILED';

  constructor(
    readonly service: string,
    cause: unknown,
  ) {
    super(`Service "${service}" failed: ${messageOf(cause)}`, { cause });
  }
}
