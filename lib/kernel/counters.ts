import type { KernelCounters } from '../contract/kernel-admin.js';

/** Plain numbers in one object: counting costs an addition. */
export type Counters = { -readonly [K in keyof KernelCounters]: number };

export function createCounters(): Counters {
  return {
    pushed: 0,
    pushErrors: 0,
    started: 0,
    completed: 0,
    failedRuns: 0,
    retried: 0,
    failed: 0,
    autoAcked: 0,
    timedOut: 0,
    expired: 0,
    zombies: 0,
    lateErrors: 0,
  };
}
