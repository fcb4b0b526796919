import type { Logger } from '@nestjs/common';
import { suggest } from '../config/suggest.js';
import { UnknownQueueError } from '../contract/errors.js';
import type { KernelAdmin } from '../contract/kernel-admin.js';
import type { Kernel, StopOptions } from '../kernel/kernel.js';
import type { HandlerExecutor } from '../runtime/handler-executor.js';
import { isPattern } from '../runtime/handler-registry.js';
import type { HandlerFunction, HandlerOptions } from '../runtime/handler.js';

/** A handler as the kernel binds it. */
export interface BoundHandler {
  readonly name: string | undefined;
  readonly options: HandlerOptions;
  readonly declaredLater: boolean;
  readonly label: string;
  readonly handle: HandlerFunction;
}

/**
 * The kernel of the application, to be injected: starts and stops the consuming.
 *
 * @publicApi
 */
export class JobsKernel {
  readonly #handlers: HandlerExecutor;
  readonly #logger: Logger;
  readonly #consumed: ReadonlySet<string>;

  constructor(
    /** The kernel without Nest. */
    readonly kernel: Kernel,
    readonly role: 'producer' | 'kernel',
    parts: { readonly handlers: HandlerExecutor; readonly logger: Logger; readonly consumed: ReadonlySet<string> },
  ) {
    this.#handlers = parts.handlers;
    this.#logger = parts.logger;
    this.#consumed = parts.consumed;
  }

  get admin(): KernelAdmin {
    return this.kernel.admin;
  }

  get isRunning(): boolean {
    return this.kernel.isRunning;
  }

  /** Begins to consume; without effect when it does already. A producer never consumes. */
  async start(): Promise<void> {
    if (this.role === 'kernel') await this.kernel.start();
  }

  /** Stops to consume: waits for running jobs, aborts them at the deadline, returns the rest. Pushes go on where they can. */
  stop(options?: StopOptions): Promise<void> {
    return this.kernel.drain(options);
  }

  /** Closes the drivers; nothing is accepted after it. */
  close(options?: StopOptions): Promise<void> {
    return this.kernel.close(options);
  }

  /**
   * Binds handlers; a producer binds none.
   *
   * @throws HandlerConflictError when two of them claim the same jobs.
   * @throws UnknownQueueError when one names a queue that no pipeline has.
   */
  async bind(handlers: readonly BoundHandler[]): Promise<void> {
    if (this.role === 'producer') return;
    const pipelines = await this.kernel.list();
    const idle = new Set<string>();
    for (const { name, options, declaredLater, label, handle } of handlers) {
      const { queue } = options;
      if (queue !== undefined && !isPattern(queue) && !pipelines.includes(queue) && !declaredLater) {
        throw new UnknownQueueError(queue, label, pipelines, suggest(queue, pipelines));
      }
      if (queue !== undefined && pipelines.includes(queue) && !this.#consumed.has(queue)) idle.add(queue);
      this.#handlers.add(name, handle, options, label);
    }
    for (const queue of idle) this.#logger.warn(`Queue "${queue}" has handlers but is not consumed here. Add it to "consume", or resume it.`);
  }

  /** Binds a handler whose queue is not asked for. */
  bindNow({ name, options, label, handle }: BoundHandler): void {
    if (this.role === 'kernel') this.#handlers.add(name, handle, options, label);
  }
}
