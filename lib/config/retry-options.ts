import * as v from 'valibot';
import { type ConfigIssue, JobsConfigError } from '../contract/errors.js';
import type { BackoffOptions, OnFailure, RetryOptions } from '../contract/retry-policy.js';
import { shown } from './issues.js';
import { isPipelineName } from './pipeline-name.js';
import { check, closed, durationAsWritten, finite, fromJson, integer, oneOf, scalar, type Schema } from './schema.js';

type Backoff = NonNullable<RetryOptions['backoff']>;

const QUEUE_PREFIX = 'queue:';

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
  return closed({ attempts: v.optional(attempts()), backoff: v.optional(backoff()), onFailure: v.optional(onFailure()) });
}

export function attempts(): Schema<number> {
  return integer({ min: 1, unit: 'runs', default: 3 });
}

/** A function, an object, or the JSON text of one. */
export function backoff(): Schema<Backoff> {
  const given = scalar<Backoff>('a function', (input) => (typeof input === 'function' ? (input as Backoff) : undefined));
  return v.lazy((input): Schema<Backoff> => (typeof input === 'function' ? given : backoffOptions()));
}

export function onFailure(): Schema<OnFailure> {
  return scalar('"store", "drop", "broker" or "queue:" with the name of a pipeline', (input) => {
    if (input === 'store' || input === 'drop' || input === 'broker') return input;
    return typeof input === 'string' && input.startsWith(QUEUE_PREFIX) && isPipelineName(input.slice(QUEUE_PREFIX.length))
      ? (input as OnFailure)
      : undefined;
  });
}

function backoffOptions(): Schema<BackoffOptions> {
  return v.pipe(
    v.unknown(),
    v.transform(fromJson),
    closed({
      type: v.optional(oneOf(['fixed', 'exponential', 'list'])),
      delay: v.optional(durationAsWritten()),
      factor: v.optional(finite(1)),
      max: v.optional(durationAsWritten()),
      delays: v.optional(delayList()),
      jitter: v.optional(oneOf(['full', 'equal', 'none'])),
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
  return v.pipe(list, v.array(durationAsWritten()));
}
