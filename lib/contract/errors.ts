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
