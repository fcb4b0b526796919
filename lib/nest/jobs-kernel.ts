import type { Logger } from '@nestjs/common';
import { ownQueueMessage } from '../config/issues.js';
import { suggest } from '../config/suggest.js';
import { JobsArgumentError, JobsConfigError, NotSupportedByKernelError } from '../contract/errors.js';
import { UnknownQueueError } from '../contract/job-errors.js';
import type { JobsApi } from '../contract/jobs-api.js';
import { JobsEventHub } from '../contract/jobs-events.js';
import type { KernelAdmin } from '../contract/kernel-admin.js';
import { KernelEnvironment } from '../contract/kernel-environment.js';
import { PipelineNotFoundError } from '../contract/pipeline-errors.js';
import type { RetryPolicy } from '../contract/retry-policy.js';
import type { FinalizerFunction, KernelDispatcher, KernelService } from '../contract/service.js';
import { DispatcherHost, type DispatcherHostEvents } from '../host/dispatcher-host.js';
import type { FinalizerList } from '../host/finalizer-list.js';
import type { Kernel, StopOptions } from '../kernel/kernel.js';
import type { JobsConnection } from '../runtime/connect-jobs.js';
import type { HandlerExecutor } from '../runtime/handler-executor.js';
import { isPattern } from '../runtime/handler-registry.js';
import type { ServedWorker } from '../runtime/serve-worker.js';
import { withFinalizer, type BoundHandler } from './bound-handler.js';
import { ForwardingJobsApi } from './forwarding-jobs-api.js';
import type { ProcessRole } from './role.js';

/** What a {@link JobsKernel} is made of. */
export interface JobsKernelParts {
  readonly handlers: HandlerExecutor;
  readonly logger: Logger;
  /** Names of the pipelines whose jobs run here, those among them that are declared later. */
  readonly consumed: ReadonlySet<string>;
  /** What happens to failed jobs of a queue, where a worker decides it. */
  retryOf(queue: string): RetryPolicy;
  /** False in tests: services would start processes. */
  readonly hasServices: boolean;
}

/** Where pushes go: to a kernel of this process, or to one behind a connection; a worker also serves that one. */
export type JobsTarget =
  | { readonly kernel: Kernel; readonly connection?: undefined; readonly worker?: undefined }
  | { readonly connection: JobsConnection; readonly worker?: ServedWorker; readonly kernel?: undefined };

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
  readonly #dispatchers = new DispatcherHost(new KernelEnvironment(process.env));
  readonly #services: string[] = [];
  readonly #api: JobsApi;
  readonly #waiting: BoundHandler[] = [];
  /** Queues that were resumed before the start. */
  readonly #resumed = new Set<string>();
  #isBound = false;
  #isAsked = false;

  constructor(
    target: JobsTarget,
    /** What this process does. */
    readonly role: ProcessRole,
    parts: JobsKernelParts,
  ) {
    this.#target = target;
    this.#parts = parts;
    this.kernel = target.kernel;
    this.#api = target.kernel === undefined ? target.connection.api : new OwnPipelines(target.kernel, (names) => this.#resume(names));
    this.events = target.kernel?.events ?? new JobsEventHub();
  }

  /** Pushes, and the pipelines: of this process or of the kernel elsewhere. */
  get api(): JobsApi {
    return this.#api;
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

  /** Names of the other sources of work that were added. */
  get services(): readonly string[] {
    return this.#services;
  }

  /** What resets the state of this process after every job or payload, and when it ends. */
  get finalizer(): FinalizerList {
    return this.#dispatchers.finalizer;
  }

  /**
   * Adds a function that runs after every job in the process that ran it, with `false`, and at its end, with `true`. In one process with the
   * kernel, add it before the application has bootstrapped.
   *
   * @throws JobsArgumentError when handlers run here and are bound already.
   */
  addFinalizer(finalize: FinalizerFunction): this {
    if (this.#isBound && this.kernel !== undefined) {
      throw new JobsArgumentError('A finalizer was added after the handlers were bound. Add it in a constructor or in onModuleInit().');
    }
    this.finalizer.add(finalize);
    return this;
  }

  /**
   * Adds a dispatcher behind the others: it is asked whether it can serve in a process that a kernel spawned.
   *
   * @throws JobsArgumentError when `serve()` was called.
   */
  addDispatcher(dispatcher: KernelDispatcher): this {
    this.#dispatchers.addDispatcher(dispatcher);
    return this;
  }

  /**
   * Adds another source of work, before the kernel starts.
   *
   * @param config - Its section of the configuration.
   * @throws NotSupportedByKernelError when the kernel runs in another process.
   */
  addService(service: KernelService, config?: unknown): this {
    if (this.kernel === undefined) {
      throw new NotSupportedByKernelError(`the service "${service.name}"`, 'It runs in the process of the kernel: add it there.');
    }
    if (!this.#parts.hasServices) return this;
    this.kernel.addService(service, config);
    this.#services.push(service.name);
    return this;
  }

  /** Listens to what becomes of dispatchers and finalizers. A listener must not throw. */
  on<E extends keyof DispatcherHostEvents>(event: E, listener: (...facts: DispatcherHostEvents[E]) => void): this {
    this.#dispatchers.on(event, listener);
    return this;
  }

  /**
   * Lets the first dispatcher serve that can. Called by the module itself in a process that a kernel spawned.
   *
   * @returns What it resolves with.
   * @throws DispatcherNotFoundError (as a rejection) when none can.
   */
  serve(): Promise<unknown> {
    return this.#dispatchers.serve();
  }

  /**
   * Runs the handlers of this process for the kernel that spawned it, until the kernel asks to stop or is gone. What `JobsServer` does as a
   * dispatcher.
   *
   * @throws NotSupportedByKernelError (as a rejection) when no kernel spawned this process.
   */
  async serveJobs(): Promise<unknown> {
    const { worker } = this.#target;
    if (worker === undefined) throw new NotSupportedByKernelError('serving jobs', 'This process is no worker: no kernel spawned it.');
    const { finalizer } = this;
    const finalize = finalizer.isEmpty ? undefined : () => finalizer.finalize();
    return worker.serve(this.#parts.handlers, (queue) => this.#parts.retryOf(queue), finalize);
  }

  /** True for a worker whose kernel knows no attempts, as RoadRunner: it counts them itself. */
  get countsAttempts(): boolean {
    return this.#target.worker?.countsAttempts ?? false;
  }

  /**
   * Begins to consume; without effect when it does already. Called before the application has bootstrapped it only asks for it: handlers
   * are bound then. A producer and a worker never consume.
   */
  async start(): Promise<void> {
    this.#isAsked = true;
    if (this.role !== 'kernel' || !this.#isBound || this.kernel === undefined) return;
    await this.kernel.start();
    const resumed = (await this.kernel.list()).filter((name) => this.#resumed.has(name) && !this.#parts.consumed.has(name));
    this.#resumed.clear();
    if (resumed.length > 0) await this.kernel.resume(...resumed);
  }

  /**
   * Stops to consume: waits for running jobs, aborts them at the deadline, returns the rest. Pushes go on where they can. Called again it
   * waits for the same stop; a kernel that has stopped does not start again.
   */
  async stop(options?: StopOptions): Promise<void> {
    this.#target.worker?.stop();
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
   * @throws JobsConfigError when one sends failed jobs to a queue that no pipeline has, or to its own.
   */
  async bind(handlers: readonly BoundHandler[]): Promise<void> {
    if (this.role === 'producer') return;
    const all = [...this.#waiting.splice(0), ...handlers];
    if (this.kernel !== undefined) await this.#checkAll(all, this.kernel);
    for (const handler of all) this.#bindOne(handler);
    this.#isBound = true;
    if (this.#isAsked) await this.start();
  }

  // Without its handlers every job of a queue would fail: what is resumed early begins with the kernel, and a producer has none of them.
  async #resume(names: readonly string[]): Promise<void> {
    const kernel = this.kernel!;
    if (this.role === 'producer') {
      throw new NotSupportedByKernelError(`resuming queue ${names.join(', ')} in a producer`, 'It runs no jobs: resume it in the process that does.');
    }
    if (this.#isBound) return kernel.resume(...names);
    const known = await kernel.list();
    for (const name of names) {
      if (!known.includes(name)) throw new PipelineNotFoundError(name, known);
      this.#resumed.add(name);
    }
  }

  #bindOne({ name, options, label, handle }: BoundHandler): void {
    const { handlers, logger } = this.#parts;
    const finalizes = this.role === 'kernel' && !this.finalizer.isEmpty; // a worker does it itself
    handlers.add(name, finalizes ? withFinalizer(handle, this.finalizer, logger) : handle, options, label);
  }

  async #checkAll(handlers: readonly BoundHandler[], kernel: Kernel): Promise<void> {
    const pipelines = await kernel.list();
    for (const handler of handlers) this.#checkQueues(handler, pipelines);
    this.#warnOfIdle(handlers, pipelines);
  }

  #checkQueues({ options, declaredLater, label }: BoundHandler, pipelines: readonly string[]): void {
    const known = new Set([...pipelines, ...this.#parts.consumed]);
    const { queue, onFailure } = options;
    if (queue !== undefined && !isPattern(queue) && !declaredLater && !known.has(queue)) {
      throw new UnknownQueueError(queue, label, pipelines, suggest(queue, pipelines));
    }
    if (queue !== undefined && onFailure === `queue:${queue}`) {
      throw new JobsConfigError([{ path: `${label}.onFailure`, message: ownQueueMessage(onFailure) }]);
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

/** The pipelines of this process. */
class OwnPipelines extends ForwardingJobsApi {
  readonly #resume: (names: readonly string[]) => Promise<void>;

  constructor(kernel: Kernel, resume: (names: readonly string[]) => Promise<void>) {
    super(kernel);
    this.#resume = resume;
  }

  override resume(...names: string[]): Promise<void> {
    return this.#resume(names);
  }
}
