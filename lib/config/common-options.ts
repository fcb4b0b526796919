import type { ConfigIssue } from '../contract/errors.js';
import type { RetryOptions } from '../contract/retry-policy.js';
import type { OptionBag } from './option-bag.js';
import { attempts, backoff, onFailure } from './retry-options.js';
import { check, duration, integer, type Schema } from './schema.js';

/** What every pipeline has, whatever its driver. */
export interface CommonOptions {
  readonly priority: number;
  readonly concurrency: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly retry: RetryOptions;
}

export const COMMON_NAMES: readonly string[] = ['priority', 'concurrency', 'timeout', 'attempts', 'backoff', 'onFailure'];

const DEFAULT_PRIORITY = 10;

export function readCommonOptions(bag: OptionBag, issues: ConfigIssue[]): CommonOptions {
  const read = <T>(schema: Schema<T>, ...spellings: string[]): T | undefined => {
    const found = bag.find(spellings);
    return found === undefined ? undefined : check(schema, found.value, found.path, issues);
  };
  return {
    // As in RoadRunner, 0 says "not given".
    priority: read(integer({ default: DEFAULT_PRIORITY }), 'priority') || DEFAULT_PRIORITY,
    concurrency: read(integer({ min: 1, unit: 'handlers' }), 'concurrency'),
    timeoutMs: read(duration('more than 0; leave it out for no limit', 1), 'timeout'),
    retry: {
      attempts: read(attempts(), 'attempts'),
      backoff: read(backoff(), 'backoff'),
      onFailure: read(onFailure(), 'onFailure', 'on_failure'),
    },
  };
}
