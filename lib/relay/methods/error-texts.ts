import { JobsConfigError, KernelStoppingError } from '../../contract/errors.js';
import {
  DriverNotAvailableError,
  DriverStoppedError,
  PayloadTooLargeError,
  PipelineAlreadyPausedError,
  PipelineAlreadyRunningError,
  PipelineExistsError,
  PipelineFullError,
  PipelineNotFoundError,
  PushUncertainError,
} from '../../contract/pipeline-errors.js';
import { messageOf } from '../../contract/thrown.js';
import { AnswerError } from '../../wire/answer-error.js';

// The words of RoadRunner 2025.1.15 for our errors, and the way back (recorded: test/fixtures/goridge/rpc-php-errors.json and others).
// An error of a call reads `operation:\n\tinner operation: reason`. What RoadRunner has no words for goes in ours.

/** Begins the answer of a RoadRunner to our own methods. */
export const NO_NRR = "rpc: can't find service nrr.";

/** What a server of this library answers while it closes. */
export const SERVER_STOPPING = 'rpc: the server is stopping; the call was not run';

/** Operations whose errors have a frame, by method. */
const FRAMES: Readonly<Record<string, readonly [outer: string, inner: string]>> = {
  'jobs.Push': ['rpc_push', 'jobs_plugin_push'],
  'jobs.PushBatch': ['rpc_push_batch', 'jobs_plugin_push_batch'],
  'jobs.Declare': ['rpc_declare_pipeline', 'jobs_plugin_declare'],
  'jobs.Destroy': ['rpc_destroy_pipeline', 'jobs_plugin_destroy'],
  'jobs.Stat': ['rpc_stats', 'jobs_plugin_drivers_state'],
};

/** The error of a call, in the words that its client knows. */
export function answerErrorOf(method: string, error: unknown): AnswerError {
  if (error instanceof AnswerError) return error;
  const frame = FRAMES[method];
  // A name that is taken is noticed one operation earlier than the rest.
  if (frame !== undefined && error instanceof PipelineExistsError) return new AnswerError(`${frame[0]}: ${reasonOf(error)}`, { cause: error });
  return answerError(method, reasonOf(error), error);
}

/** A reason in the frame of its method. */
export function answerError(method: string, reason: string, cause?: unknown): AnswerError {
  const frame = FRAMES[method];
  return new AnswerError(frame === undefined ? reason : `${frame[0]}:\n\t${frame[1]}: ${reason}`, { cause });
}

/** The reason alone. */
export function reasonOf(error: unknown): string {
  if (error instanceof PipelineNotFoundError) return `no such pipeline, requested: ${error.pipeline}`;
  if (error instanceof PipelineExistsError) return `pipeline already exists, name: ${error.pipeline}, driver: ${error.driver}`;
  if (error instanceof PipelineAlreadyPausedError) return 'no active listeners, nothing to pause';
  if (error instanceof PipelineAlreadyRunningError) return `${error.driver} listener is already in the active state`;
  if (error instanceof DriverNotAvailableError) return `no constructor registered for driver: ${error.driver}, pipeline: ${error.pipeline}`;
  if (error instanceof PipelineFullError) {
    const limit = `current limit: ${error.maxJobs}, context error: context deadline exceeded`;
    return `local pipeline is full, consider to increase prefetch number, ${limit}`;
  }
  if (error instanceof JobsConfigError) return error.issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return messageOf(error);
}

/** What a client knows of the call that failed. */
export interface FailedCall {
  /** The pipelines of the call. */
  readonly pipelines: readonly string[];
  readonly waitedMs: number;
}

/** The typed error of a text; `undefined` when nobody knows it. */
export function typedErrorOf(text: string, call: FailedCall, cause: Error): Error | undefined {
  const reason = text.slice(text.lastIndexOf('\t') + 1);
  for (const [pattern, make] of PATTERNS) {
    const match = pattern.exec(reason);
    if (match !== null) return make(match, call, { cause });
  }
  return undefined;
}

type MakeError = (match: RegExpExecArray, call: FailedCall, options: ErrorOptions) => Error;

const PATTERNS: readonly (readonly [RegExp, MakeError])[] = [
  [/(?:^|: )no such pipeline, requested: (.*)$/s, ([, name], _, options) => new PipelineNotFoundError(name!, undefined, options)],
  [/(?:^|: )pipeline already exists, name: (.*), driver: (.*)$/s, ([, name, driver], _, options) => new PipelineExistsError(name!, driver!, options)],
  [/(?:^|: )no active listeners, nothing to pause$/, (_, call, options) => new PipelineAlreadyPausedError(firstOf(call), '', options)],
  [
    /(?:^|: )(?:(\S+) )?listener (?:is )?already in the active state$/,
    ([, driver = ''], call, options) => new PipelineAlreadyRunningError(firstOf(call), driver, options),
  ],
  [
    /(?:^|: )no constructor registered for driver: (.*), pipeline: (.*)$/s,
    ([, driver, name], _, options) => new DriverNotAvailableError(driver!, name!, [], options),
  ],
  [
    /(?:^|: )local pipeline is full, .*current limit: (\d+)/,
    ([, limit], call, options) => new PipelineFullError(firstOf(call), Number(limit), call.waitedMs, options),
  ],
  [
    /(?:^|: )Pipeline ".*" gave no answer within (\d+) ms\. Job (.*) may or may not be stored/s,
    ([, waitedMs, id], call, options) => new PushUncertainError(firstOf(call), id!, Number(waitedMs), options),
  ],
  [
    /(?:^|: )A payload of (\d+) bytes for pipeline "(.*)" is over the limit of (\d+)\./s,
    ([, bytes, name, limit], _, options) => new PayloadTooLargeError(name!, Number(bytes), Number(limit), options),
  ],
  [
    new RegExp(`(?:^|: )The kernel is stopping or has stopped|^${SERVER_STOPPING}$`),
    (_, call, options) => new KernelStoppingError(firstOf(call), options),
  ],
  [/(?:^|: )Pipeline "(.*)" was destroyed or its kernel stopped/s, ([, name], _, options) => new DriverStoppedError(name!, options)],
];

function firstOf({ pipelines }: FailedCall): string {
  return pipelines[0] ?? '';
}
