import type { Logger } from '@nestjs/common';
import { suggest } from '../config/suggest.js';
import { JobsConfigError, UnknownQueueError } from '../contract/errors.js';
import type { KernelAdmin } from '../contract/kernel-admin.js';
import type { Kernel, StopOptions } from '../kernel/kernel.js';
import type { HandlerExecutor } from '../runtime/handler-executor.js';
import { isPattern } from '../runtime/handler-registry.js';
import type { BoundHandler } from './bound-handler.js';

/** What a {@link JobsKernel} is made of. */
export interface JobsKernelParts {
  readonly handlers: HandlerExecutor;
  readonly logger: Logger;
  /** Names of the pipelines whose jobs run here, those among them that are declared later. */
  readonly consumed: ReadonlySet<string>;
}

/**
 * The kernel of the application, to be injected: starts and stops the consuming.
 *
 * @publicApi
 */
export class JobsKernel {
  readonly #parts: JobsKernelParts;
  readonly #waiting: BoundHandler[] = [];
  #isBound = false;
  #isAsked = false;

  constructor(
    /** The kernel without Nest. */
    readonly kernel: Kernel,
    /** What this process does. */
    readonly role: 'producer' | 'kernel',
    parts: JobsKernelParts,
  ) {
    this.#parts = parts;
  }

  /** Running and failed jobs, counters, workers. */
  get admin(): KernelAdmin {
    return this.kernel.admin;
  }

  /** True from the start until a stop begins. */
  get isRunning(): boolean {
    return this.kernel.isRunning;
  }

  /**
   * Begins to consume; without effect when it does already. Called before the application has bootstrapped it only asks for it: handlers
   * are bound then. A producer never consumes.
   */
  async start(): Promise<void> {
    this.#isAsked = true;
    if (this.role === 'kernel' && this.#isBound) await this.kernel.start();
  }

  /**
   * Stops to consume: waits for running jobs, aborts them at the deadline, returns the rest. Pushes go on where they can. Called again it
   * waits for the same stop; a kernel that has stopped does not start again.
   */
  stop(options?: StopOptions): Promise<void> {
    return this.kernel.drain(options);
  }

  /** Closes the drivers, after a stop; nothing is accepted after it. May be called again. */
  close(options?: StopOptions): Promise<void> {
    return this.kernel.close(options);
  }

  /** Binds a handler: with all others, or at once when those are bound. A producer binds none. */
  add(handler: BoundHandler): void {
    if (this.role === 'producer') return;
    if (this.#isBound) this.#bindOne(handler);
    else this.#waiting.push(handler);
  }

  /**
   * Binds `handlers` and those that were added before, and starts when it was asked for.
   *
   * @throws HandlerConflictError when two of them claim the same jobs.
   * @throws UnknownQueueError when one names a queue that no pipeline has.
   * @throws JobsConfigError when one sends failed jobs to a queue that no pipeline has.
   */
  async bind(handlers: readonly BoundHandler[]): Promise<void> {
    if (this.role === 'producer') return;
    const pipelines = await this.kernel.list();
    const all = [...this.#waiting.splice(0), ...handlers];
    for (const handler of all) {
      this.#checkQueues(handler, pipelines);
      this.#bindOne(handler);
    }
    this.#warnOfIdle(all, pipelines);
    this.#isBound = true;
    if (this.#isAsked) await this.kernel.start();
  }

  #bindOne({ name, options, label, handle }: BoundHandler): void {
    this.#parts.handlers.add(name, handle, options, label);
  }

  #checkQueues({ options, declaredLater, label }: BoundHandler, pipelines: readonly string[]): void {
    const known = new Set([...pipelines, ...this.#parts.consumed]);
    const { queue, onFailure } = options;
    if (queue !== undefined && !isPattern(queue) && !declaredLater && !known.has(queue)) {
      throw new UnknownQueueError(queue, label, pipelines, suggest(queue, pipelines));
    }
    if (onFailure === undefined || !onFailure.startsWith('queue:') || known.has(onFailure.slice('queue:'.length))) return;
    throw new JobsConfigError([
      { path: `${label}.onFailure`, message: `"${onFailure}" names a pipeline that is not configured. Add it under "pipelines".` },
    ]);
  }

  #warnOfIdle(handlers: readonly BoundHandler[], pipelines: readonly string[]): void {
    const handled = new Set(handlers.map(({ options }) => options.queue));
    for (const name of pipelines) {
      if (!handled.has(name) || this.#parts.consumed.has(name)) continue;
      this.#parts.logger.warn(`Queue "${name}" has handlers but is not consumed here. Add it to "consume", or resume it.`);
    }
  }
}
