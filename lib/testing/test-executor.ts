import type { Delivery } from '../contract/driver.js';
import type { JobControl, Outcome } from '../contract/executor.js';
import type { JobRecord } from '../contract/job.js';
import type { RetryOptions } from '../contract/retry-policy.js';
import { HandlerExecutor } from '../runtime/handler-executor.js';
import type { HandlerFunction, HandlerOptions } from '../runtime/handler.js';
import { LentJob } from './lent-job.js';

/** Runs handlers as the kernel does, tells when they end, and runs one alone for its result. */
export class TestExecutor extends HandlerExecutor {
  /** Ids of jobs whose result is wanted. */
  readonly #wanted = new Map<string, (result: unknown) => void>();

  override add(name: string | undefined, handle: HandlerFunction, options: HandlerOptions = {}, label?: string): this {
    const kept: HandlerFunction = (context) => {
      const result = handle(context);
      this.#wanted.get(context.id)?.(result);
      return result;
    };
    return super.add(name, kept, withoutJitter(options), label ?? (handle.name || undefined));
  }

  override execute(delivery: Delivery, control: JobControl): Outcome | Promise<Outcome> {
    if (!(delivery instanceof LentJob)) return super.execute(delivery, control);
    delivery.begin();
    const outcome = super.execute(delivery, control);
    if (!(outcome instanceof Promise)) {
      delivery.end();
      return outcome;
    }
    return outcome.finally(() => delivery.end());
  }

  /** Runs the handler of a job that no driver holds. Answers and throws what the handler does. */
  async runAlone(job: JobRecord, control: JobControl): Promise<unknown> {
    let result: unknown;
    this.#wanted.set(job.id, (given) => {
      result = given;
    });
    try {
      const outcome = await super.execute(job, control);
      if (outcome.kind === 'failed' || outcome.kind === 'rejected') throw outcome.error.cause;
      return await result;
    } finally {
      this.#wanted.delete(job.id);
    }
  }
}

/** Chance has no place in a test: a wait is as long as the policy allows. */
export function withoutJitter<T extends RetryOptions>(options: T): T {
  const { backoff } = options;
  return typeof backoff === 'object' && backoff !== null ? { ...options, backoff: { ...backoff, jitter: 'none' } } : options;
}
