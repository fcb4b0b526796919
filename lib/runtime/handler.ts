import { readRetryOptions } from '../config/retry-options.js';
import { check, oneOf } from '../config/schema.js';
import { durationMs, type DurationInput } from '../contract/duration.js';
import { JobsArgumentError, JobsConfigError, type ConfigIssue } from '../contract/errors.js';
import { DONE_OUTCOME, type JobControl, type Outcome } from '../contract/executor.js';
import { failureOf } from '../contract/failure.js';
import { JobValidationError } from '../contract/job-errors.js';
import type { Job } from '../contract/job.js';
import type { JobsLogger } from '../contract/logger.js';
import type { RetryOptions, RetryPolicy } from '../contract/retry-policy.js';
import { shown } from '../contract/shown.js';
import type { StandardIssue, StandardResult, StandardSchema } from '../contract/standard-schema.js';
import { createBackoff } from '../kernel/retry.js';
import { JobContext, type JobContextOptions, type PayloadClass, type PayloadCodec } from './job-context.js';

/** A class of errors. @publicApi */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** Settings of a handler. @publicApi */
export interface HandlerOptions extends RetryOptions {
  /** The queue whose jobs it takes: exact, or with wildcards (`tenant-*`). Default: every queue. */
  readonly queue?: string;
  /** The longest run. Unit: seconds, or duration text. Default: no limit. */
  readonly timeout?: DurationInput;
  /** Default: `'json'`. */
  readonly codec?: PayloadCodec;
  /** Only these errors are tried again; others are final. Default: all are tried again. An error of `dontRetryOn` is final all the same. */
  readonly retryOn?: readonly ErrorClass[];
  /** These errors are final. */
  readonly dontRetryOn?: readonly ErrorClass[];
  /** Checked before the handler runs; a payload that fails it is final. Any Standard Schema. */
  readonly schema?: StandardSchema;
  /** The payload becomes an object of this class. */
  readonly payloadClass?: PayloadClass;
}

/** What runs a job. A promise, or nothing; the value it ends with is not kept. */
export type HandlerFunction = (context: JobContext) => unknown;

const CODECS = ['json', 'raw'] as const satisfies readonly PayloadCodec[];

/** What asks for another run, and what a stop of the kernel makes of a run, whatever `retryOn` and `dontRetryOn` say. */
const NEVER_FINAL: ReadonlySet<string> = new Set(['RETRY_JOB', 'SNOOZE_JOB', 'KERNEL_STOPPING']);

/** A function with its settings resolved, ready to run jobs. */
export class Handler {
  readonly #handle: HandlerFunction;
  readonly #schema: StandardSchema | undefined;
  readonly #timeoutMs: number | undefined;
  /** What the handler says itself; most say nothing. */
  readonly #retry: Partial<RetryPolicy> | undefined;
  readonly #retryOn: readonly ErrorClass[] | undefined;
  readonly #dontRetryOn: readonly ErrorClass[];
  /** Some errors are final, others are not. */
  readonly #choosesErrors: boolean;
  readonly #context: JobContextOptions;
  readonly #onFailed = (error: unknown): Outcome => this.#failed(error);

  constructor(
    /** For messages: `MailHandlers.send`. */
    readonly label: string,
    handle: HandlerFunction,
    options: HandlerOptions,
    logger: JobsLogger,
  ) {
    this.#handle = handle;
    this.#schema = options.schema;
    this.#timeoutMs = options.timeout === undefined ? undefined : checkedTimeout(options.timeout, label);
    const { attempts, backoff, onFailure } = readRetryOptions(
      { attempts: options.attempts, backoff: options.backoff, onFailure: options.onFailure },
      label,
    );
    const own = {
      ...(attempts === undefined ? {} : { attempts }),
      ...(backoff === undefined ? {} : { backoff: createBackoff(backoff) }),
      ...(onFailure === undefined ? {} : { onFailure }),
    };
    this.#retry = Object.keys(own).length === 0 ? undefined : own;
    checkChoices(options, label);
    this.#retryOn = options.retryOn;
    this.#dontRetryOn = options.dontRetryOn ?? [];
    this.#choosesErrors = this.#retryOn !== undefined || this.#dontRetryOn.length > 0;
    this.#context = { codec: options.codec ?? 'json', logger, payloadClass: options.payloadClass };
  }

  // Synchronous handlers stay synchronous; the callbacks of the others are shared.
  run(job: Job, control: JobControl): Outcome | Promise<Outcome> {
    if (this.#timeoutMs !== undefined) control.limit(this.#timeoutMs);
    if (this.#retry !== undefined) control.retryBy(this.#retry);
    const context = new JobContext(job, control, this.#context);
    try {
      const result = this.#schema === undefined ? this.#handle(context) : this.#validated(context, this.#schema);
      return isPromise(result) ? this.#follow(result, control) : DONE_OUTCOME;
    } catch (error) {
      return this.#failed(error);
    }
  }

  // The handler's own promise where its error needs no verdict: a promise and a microtask less per job. One of another kind
  // may settle twice, and is wrapped.
  #follow(result: PromiseLike<unknown>, control: JobControl): Promise<Outcome> {
    if (this.#choosesErrors || control.ignoreValue === undefined || !(result instanceof Promise)) {
      return Promise.resolve(result).then(isDone, this.#onFailed);
    }
    control.ignoreValue();
    return result as Promise<Outcome>; // It is not looked at what it is a promise of.
  }

  #validated(context: JobContext, schema: StandardSchema): unknown {
    const checked = schema['~standard'].validate(context.value());
    const handle = (result: StandardResult<unknown>): unknown => {
      if (result.issues !== undefined) throw new JobValidationError(context.name, result.issues.map(issueOf));
      context.replaceValue(result.value);
      return this.#handle(context);
    };
    return isPromise(checked) ? checked.then((result) => handle(result as StandardResult<unknown>)) : handle(checked);
  }

  #failed(error: unknown): Outcome {
    const failure = failureOf(error);
    const isOf = (Class: ErrorClass): boolean => error instanceof Class;
    const isAsked = failure.code !== undefined && NEVER_FINAL.has(failure.code);
    const isFinal = !isAsked && (this.#dontRetryOn.some(isOf) || (this.#retryOn !== undefined && !this.#retryOn.some(isOf)));
    return { kind: isFinal ? 'rejected' : 'failed', error: failure };
  }
}

function checkedTimeout(timeout: DurationInput, label: string): number {
  const timeoutMs = durationMs(timeout, `timeout of ${label}`);
  if (timeoutMs > 0) return timeoutMs;
  throw new JobsArgumentError(`The timeout of ${label} is ${String(timeout)}. Give more than 0 seconds, or leave it out for no limit.`);
}

/** @throws JobsConfigError with everything that would be wrong at a run only. */
function checkChoices(options: HandlerOptions, label: string): void {
  const issues: ConfigIssue[] = [];
  if (options.codec !== undefined) check(oneOf(CODECS), options.codec, `${label}.codec`, issues);
  for (const name of ['retryOn', 'dontRetryOn'] as const) {
    const classes: unknown = options[name];
    if (classes === undefined || (Array.isArray(classes) && classes.every((Class) => typeof Class === 'function'))) continue;
    issues.push({ path: `${label}.${name}`, message: `It is ${shown(classes)}. Give a list of error classes: [TypeError].` });
  }
  if (issues.length > 0) throw new JobsConfigError(issues);
}

function isDone(): Outcome {
  return DONE_OUTCOME;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function issueOf({ message, path = [] }: StandardIssue): { path: string; message: string } {
  return { path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'), message };
}
