import * as v from 'valibot';
import { type ConfigIssue, JobsConfigError } from '../contract/errors.js';
import type { BackoffOptions, OnFailure, RetryOptions } from '../contract/retry-policy.js';
import { shown } from './issues.js';
import { isPipelineName } from './pipeline-name.js';
import { about, check, closed, durationAsWritten, finite, fromJson, integer, noted, noteOf, oneOf, scalar, type Schema } from './schema.js';

type Backoff = NonNullable<RetryOptions['backoff']>;

const QUEUE_PREFIX = 'queue:';

/** The options of retry, one by one. */
export type RetryEntries = {
  readonly attempts: v.OptionalSchema<Schema<number>, undefined>;
  readonly backoff: v.OptionalSchema<Schema<Backoff>, undefined>;
  readonly onFailure: v.OptionalSchema<Schema<OnFailure>, undefined>;
};

/**
 * Checks the settings of retry of a handler, a pipeline or the kernel.
 *
 * @param path - Where they stand, for the error: `retry`.
 * @throws {@link JobsConfigError} with everything that is wrong.
 */
export function readRetryOptions(input: unknown, path: string): RetryOptions {
  const issues: ConfigIssue[] = [];
  const options = check(retryOptions(), input, path, issues);
  if (options === undefined) throw new JobsConfigError(issues);
  return options;
}

export function retryOptions(): Schema<RetryOptions> {
  return closed(retryEntries());
}

export function retryEntries(): RetryEntries {
  return {
    attempts: v.optional(about('All runs of a job, the first included.', attempts())),
    backoff: v.optional(about('How long a job waits between two runs.', backoff())),
    onFailure: v.optional(about('What becomes of a job that failed its last run: `store`, `drop`, `broker` or `queue:` and a name.', onFailure())),
  };
}

export function attempts(): Schema<number> {
  return integer({ min: 1, unit: 'runs', default: 3 });
}

/** A function, an object, or the JSON text of one. */
export function backoff(): Schema<Backoff> {
  const given = scalar<Backoff>('a function', (input) => (typeof input === 'function' ? (input as Backoff) : undefined));
  const options = backoffOptions();
  return noted(
    noteOf(options),
    v.lazy((input): Schema<Backoff> => (typeof input === 'function' ? given : options)),
  );
}

export function onFailure(): Schema<OnFailure> {
  return scalar('"store", "drop", "broker" or "queue:" with the name of a pipeline', onFailureOf, {
    type: 'string',
    pattern: '^(?:store|drop|broker|queue:.+)$|\\$',
  });
}

function onFailureOf(input: unknown): OnFailure | undefined {
  if (input === 'store' || input === 'drop' || input === 'broker') return input;
  return typeof input === 'string' && input.startsWith(QUEUE_PREFIX) && isPipelineName(input.slice(QUEUE_PREFIX.length))
    ? (input as OnFailure)
    : undefined;
}

function backoffOptions(): Schema<BackoffOptions> {
  return v.pipe(
    v.unknown(),
    v.transform(fromJson),
    closed({
      type: v.optional(about('How the delays grow.', oneOf(['fixed', 'exponential', 'list']))),
      delay: v.optional(about('The first delay.', durationAsWritten())),
      factor: v.optional(about('By which each delay is longer than the one before.', finite(1))),
      max: v.optional(about('The longest delay.', durationAsWritten())),
      delays: v.optional(about('The delays of type `list`; the last one holds for all further runs.', delayList())),
      jitter: v.optional(about('How much of a delay is drawn by lot.', oneOf(['full', 'equal', 'none']))),
    }),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const { type, delays } = dataset.value;
      if (type === 'list' && delays === undefined) addIssue({ message: 'Type "list" needs "delays". Give at least one delay.' });
      if (type !== undefined && type !== 'list' && delays !== undefined) {
        addIssue({ message: `"delays" has no effect with type ${shown(type)}. Remove it, or use type "list".` });
      }
    }),
  );
}

function delayList(): Schema<(number | string)[]> {
  const list = scalar('a list of at least one delay', (input) => (Array.isArray(input) && input.length > 0 ? (input as unknown[]) : undefined));
  return noted(
    { json: { type: 'array', items: { type: ['number', 'string'], minimum: 0 }, minItems: 1 } },
    v.pipe(list, v.array(durationAsWritten())),
  );
}
