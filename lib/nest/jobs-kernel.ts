import type { Logger } from '@nestjs/common';
import { suggest } from '../config/suggest.js';
import { JobsConfigError, UnknownQueueError } from '../contract/errors.js';
import type { JobsApi } from '../contract/jobs-api.js';
import { JobsEventHub } from '../contract/jobs-events.js';
import type { KernelAdmin } from '../contract/kernel-admin.js';
import type { Kernel, StopOptions } from '../kernel/kernel.js';
import type { JobsConnection } from '../runtime/connect-jobs.js';
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

/** Where pushes go: to a kernel of this process, or to one behind a connection. */
export type JobsTarget =
  { readonly kernel: Kernel; readonly connection?: undefined } | { readonly connection: JobsConnection; readonly kernel?: undefined };

/**
 * The kernel of the application, to be injected: starts and stops the consuming.
 *
 * @publicApi
 */
export class JobsKernel {
  /** The kernel without Nest; `undefined` where pushes go to a kernel elsewhere, by `rpc.connect`. */
  readonly kernel: Kernel | undefined;
  /** Everything that happens. A kernel elsewhere tells nothing. */
  readonly events: JobsEventHub;
  readonly #target: JobsTarget;
  readonly #parts: JobsKernelParts;
  readonly #waiting: BoundHandler[] = [];
  #isBound = false;
  #isAsked = false;

  constructor(
    target: JobsTarget,
    /** What this process does. */
    readonly role: 'producer' | 'kernel',
    parts: JobsKernelParts,
  ) {
    this.#target = target;
    this.#parts = parts;
    this.kernel = target.kernel;
    this.events = target.kernel?.events ?? new JobsEventHub();
  }

  /** Pushes, and the pipelines: of this process or of the kernel elsewhere. */
  get api(): JobsApi {
    return this.#target.kernel ?? this.#target.connection.api;
  }

  /** Running and failed jobs, counters, workers: of this process or of the kernel elsewhere. */
  get admin(): KernelAdmin {
    return this.#target.kernel?.admin ?? this.#target.connection!.admin;
  }

  /** True from the start until a stop begins. */
  get isRunning(): boolean {
    return this.kernel?.isRunning ?? false;
  }

  /** Where other processes call this kernel, by `rpc.listen`; `undefined` while it is closed to them. */
  get rpcAddress(): string | undefined {
    return this.kernel?.rpcAddress;
  }

  /** The kernel elsewhere that pushes go to, by `rpc.connect`. */
  get connectedTo(): string | undefined {
    return this.#target.connection?.address;
  }

  /**
   * Begins to consume; without effect when it does already. Called before the application has bootstrapped it only asks for it: handlers
   * are bound then. A producer never consumes.
   */
  async start(): Promise<void> {
    this.#isAsked = true;
    if (this.role === 'kernel' && this.#isBound) await this.kernel?.start();
  }

  /**
   * Stops to consume: waits for running jobs, aborts them at the deadline, returns the rest. Pushes go on where they can. Called again it
   * waits for the same stop; a kernel that has stopped does not start again.
   */
  async stop(options?: StopOptions): Promise<void> {
    await this.kernel?.drain(options);
  }

  /**
   * Closes the drivers, after a stop, or the connection to a kernel elsewhere, after the answers of the calls under way. Nothing is accepted
   * after it. May be called again.
   */
  close(options?: StopOptions): Promise<void> {
    return this.#target.kernel?.close(options) ?? this.#target.connection!.close();
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
    const pipelines = await this.api.list();
    const all = [...this.#waiting.splice(0), ...handlers];
    for (const handler of all) {
      this.#checkQueues(handler, pipelines);
      this.#bindOne(handler);
    }
    this.#warnOfIdle(all, pipelines);
    this.#isBound = true;
    if (this.#isAsked) await this.kernel?.start();
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
