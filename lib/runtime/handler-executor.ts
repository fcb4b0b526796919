import type { Delivery } from '../contract/driver.js';
import type { Executor, JobControl, Outcome } from '../contract/executor.js';
import { failureOf } from '../contract/failure.js';
import { UnknownJobError } from '../contract/job-errors.js';
import { silentLogger, type JobsLogger } from '../contract/logger.js';
import { HandlerRegistry, type HandlerRoute } from './handler-registry.js';
import { Handler, type HandlerFunction, type HandlerOptions } from './handler.js';

/**
 * Runs jobs with functions of this process, found by name and queue.
 *
 * @example
 * const handlers = new HandlerExecutor().add('email.send', async (ctx) => send(ctx.json()), { queue: 'emails' });
 * const kernel = await createKernel({ pipelines: { emails: { driver: 'memory' } } }, { executor: handlers });
 *
 * @publicApi
 */
export class HandlerExecutor implements Executor {
  readonly #registry = new HandlerRegistry();
  readonly #logger: JobsLogger;

  constructor(options: { readonly logger?: JobsLogger } = {}) {
    this.#logger = options.logger ?? silentLogger;
  }

  get routes(): HandlerRegistry['routes'] {
    return this.#registry.routes;
  }

  /**
   * @param name - Exact, or with wildcards (`email.*`); `undefined` for the jobs that no other handler of the queue takes.
   * @throws HandlerConflictError when the same name of the same queue is taken.
   */
  add(name: string | undefined, handle: HandlerFunction, options: HandlerOptions = {}, label = handle.name || 'A handler'): this {
    const route: HandlerRoute = { name, queue: options.queue };
    this.#registry.add(route, new Handler(label, handle, options, this.#logger));
    return this;
  }

  /** The handler of the jobs with this name that come from this queue. */
  find(queue: string, name: string): Handler | undefined {
    return this.#registry.find(queue, name);
  }

  // The kernel's pollers are the limit.
  capacity(): number {
    return Infinity;
  }

  onCapacity(): void {}

  execute(delivery: Delivery, control: JobControl): Outcome | Promise<Outcome> {
    const { job } = delivery;
    const handler = this.find(job.pipeline, job.name);
    if (handler === undefined) return { kind: 'rejected', error: failureOf(new UnknownJobError(job.name, job.pipeline)) };
    return handler.run(job, control);
  }
}
