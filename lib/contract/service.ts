import type { Clock, Deadline } from './clock.js';
import type { KernelEnvironment } from './kernel-environment.js';
import type { JobsLogger } from './logger.js';
import type { WorkerPoolFactory, WorkerState } from './worker.js';

/**
 * The application's side of a data source: serves in a process that a kernel spawned for it.
 *
 * @publicApi
 */
export interface KernelDispatcher {
  /** Whether this process was spawned for it. Asked at most once, in the order of registration, and not when an earlier one can serve. */
  canServe(environment: KernelEnvironment): boolean | Promise<boolean>;
  /** Serves until the source ends. What it resolves with is the result of `serve()` of the host. */
  serve(): Promise<unknown>;
}

/** Resets what lives longer than a job. @publicApi */
export type FinalizerFunction = (terminate: boolean) => void | Promise<void>;

/** What resets the state of a process between jobs or payloads. @publicApi */
export interface Finalizer {
  /** Runs with the others, in the order they were added. */
  add(finalize: FinalizerFunction): this;
  /**
   * Runs all of them, one after another, whether or not one fails. May be called many times.
   *
   * @param terminate - True when the process is about to end. Default: `false`.
   * @throws AggregateError (as a rejection) of what failed, after all have run.
   */
  finalize(terminate?: boolean): Promise<void>;
}

/** Header and body of a payload. @publicApi */
export interface PayloadParts {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  /** False: more answers to the same request follow. */
  readonly eos: boolean;
}

/** Gives payloads one by one and takes their answers: a worker, as a dispatcher sees it. @publicApi */
export interface PayloadSource {
  /** `undefined` when there is nothing more to come. */
  waitPayload(): Promise<PayloadParts | undefined>;
  respond(payload: PayloadParts): Promise<void>;
  /** Answers that it could not be done. */
  error(message: string): Promise<void>;
}

/** What a service finds around it. @publicApi */
export interface KernelServiceContext {
  /** Variables of the kernel's process. */
  readonly environment: KernelEnvironment;
  /** Makes its worker pool. */
  readonly pools: WorkerPoolFactory;
  readonly clock: Clock;
  readonly logger: JobsLogger;
}

/**
 * The kernel's side of a data source: makes payloads and gives them to workers of its own. Called in this order: `init`, `serve`, `stop`; the
 * others in between, at any time.
 *
 * @publicApi
 */
export interface KernelService {
  /** Names its section in the configuration, its workers (`RR_MODE`) and itself in lists. */
  readonly name: string;
  /**
   * Checks its section. Answers `false` to be left out: neither `serve` nor `stop` is called then.
   *
   * @param config - The section as it was written; `undefined` when there is none.
   * @throws JobsConfigError when it cannot be used: the kernel does not start.
   */
  init(config: unknown, environment: KernelServiceContext): void | boolean | Promise<void | boolean>;
  /**
   * Begins, and returns: it does not wait for the end.
   *
   * @param onError - Says later that it cannot go on: the host stops all services.
   * @throws whatever keeps it from beginning: the kernel does not start.
   */
  serve(onError: (error: Error) => void): void | Promise<void>;
  /** Ends what `serve` began, by the deadline. May be called twice, and when `serve` failed half-way. */
  stop(deadline: Deadline): Promise<void>;
  workers?(): readonly WorkerState[];
  addWorker?(): Promise<void>;
  removeWorker?(): Promise<void>;
  /** Replaces its workers. */
  reset?(): Promise<void>;
  /** Whether it can do its work. */
  ready?(): boolean | Promise<boolean>;
}
