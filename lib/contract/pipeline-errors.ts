import { JobsError } from './errors.js';
import type { PushOutcome } from './jobs-api.js';
import { sentence } from './shown.js';

/** No pipeline has this name. Nothing was stored or changed. @publicApi */
export class PipelineNotFoundError extends JobsError {
  readonly code = 'PIPELINE_NOT_FOUND';

  /** @param known - The pipelines that there are; absent where they are not known, as over RPC. */
  constructor(
    readonly pipeline: string,
    known?: readonly string[],
    options?: ErrorOptions,
  ) {
    const list = known === undefined ? '' : known.length === 0 ? ' There are none.' : ` There are: ${quoted(known.slice(0, 20))}.`;
    super(`No pipeline is called "${pipeline}".${list} Configure it under "pipelines" or declare it with jobs.create().`, options);
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

/** This build has no such driver. Nothing was declared. @publicApi */
export class DriverNotAvailableError extends JobsError {
  readonly code = 'DRIVER_NOT_AVAILABLE';

  constructor(
    readonly driver: string,
    readonly pipeline: string,
    readonly known: readonly string[],
    options?: ErrorOptions,
  ) {
    const list = known.length === 0 ? '' : ` Available: ${quoted(known)}.`;
    super(`Pipeline "${pipeline}" asks for driver "${driver}", which is not available.${list}`, options);
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

/** There was no connection to the broker in time: the job was not stored, or what was asked was not done to its end. @publicApi */
export class BrokerUnavailableError extends JobsError {
  readonly code = 'BROKER_UNAVAILABLE';
  override readonly retriable = true;

  /**
   * @param cause - Why the last try to connect failed.
   * @param consequence - What was not done, as the end of a sentence.
   */
  constructor(
    readonly pipeline: string,
    readonly driver: string,
    readonly waitedMs: number,
    cause?: unknown,
    consequence = 'the job was not stored',
  ) {
    const { message } = (cause ?? {}) as { readonly message?: unknown };
    const reason = typeof message === 'string' ? ` The last reason: ${sentence(message)}` : '';
    super(
      `Pipeline "${pipeline}" has had no connection to its broker (driver "${driver}") for ${waitedMs} ms; ${consequence}.${reason} ` +
        'Start the broker or check its address, then try again; the connection comes back by itself.',
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
    super(`The broker of pipeline "${pipeline}" (driver "${driver}") refused: ${sentence(reason)}`, options);
  }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
