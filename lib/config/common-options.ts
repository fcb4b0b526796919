import * as v from 'valibot';
import type { ConfigIssue } from '../contract/errors.js';
import type { RetryOptions } from '../contract/retry-policy.js';
import type { OptionBag } from './option-bag.js';
import { retryEntries } from './retry-options.js';
import { about, check, duration, integer, type Schema, text } from './schema.js';

/** What every pipeline has, whatever its driver. */
export interface CommonOptions {
  readonly priority: number;
  readonly concurrency: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly pool: string | undefined;
  readonly retry: RetryOptions;
}

export const COMMON_NAMES: readonly string[] = ['priority', 'concurrency', 'timeout', 'pool', 'attempts', 'backoff', 'onFailure'];

const DEFAULT_PRIORITY = 10;

/** The same options as a table. */
export function commonTable(): v.ObjectEntries {
  return commonEntries();
}

function commonEntries() {
  return {
    priority: v.optional(
      about('Of jobs that come without one: lower runs earlier. 0 means the default.', integer({ default: DEFAULT_PRIORITY })),
      DEFAULT_PRIORITY,
    ),
    concurrency: v.optional(about('Handlers of this pipeline at once.', integer({ min: 1, unit: 'handlers' }))),
    timeout: v.optional(about('The longest run of a handler.', duration('more than 0; leave it out for no limit', 1))),
    pool: v.optional(about('The name of one of `pools`. Default: the first of them.', text('the name of a pool'))),
    ...retryEntries(),
  };
}

export function readCommonOptions(bag: OptionBag, issues: ConfigIssue[]): CommonOptions {
  const entries = commonEntries();
  const read = <T>(schema: Schema<T>, ...spellings: string[]): T | undefined => {
    const found = bag.find(spellings);
    return found === undefined ? undefined : check(schema, found.value, found.path, issues);
  };
  return {
    // As in RoadRunner, 0 says "not given".
    priority: read(entries.priority, 'priority') || DEFAULT_PRIORITY,
    concurrency: read(entries.concurrency, 'concurrency'),
    timeoutMs: read(entries.timeout, 'timeout'),
    pool: read(entries.pool, 'pool'),
    retry: {
      attempts: read(entries.attempts, 'attempts'),
      backoff: read(entries.backoff, 'backoff'),
      onFailure: read(entries.onFailure, 'onFailure', 'on_failure'),
    },
  };
}
