import { deadlineAfter, type Clock, type Deadline, type Timer } from '../contract/clock.js';
import type { DriverModule } from '../contract/driver.js';
import { KernelStoppingError, NotSupportedByKernelError } from '../contract/errors.js';
import type { Executor, Outcome } from '../contract/executor.js';
import { failureOf } from '../contract/failure.js';
import type { Job } from '../contract/job.js';
import type { JobsApi, PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from '../contract/jobs-api.js';
import { JobsEventHub } from '../contract/jobs-events.js';
import type { KernelAdmin } from '../contract/kernel-admin.js';
import type { JobsLogger } from '../contract/logger.js';
import type { KernelService } from '../contract/service.js';
import type { KernelSettings, PipelineSettings } from '../contract/settings.js';
import type { StateStore } from '../contract/state-store.js';
import { messageOf } from '../contract/thrown.js';
import { Admin } from './admin.js';
import { createAttemptLog } from './attempt-log.js';
import { createCounters } from './counters.js';
import { Dispatchers } from './dispatchers.js';
import { FailedStore } from './failed-store.js';
import { Pipeline } from './pipeline.js';
import { Pipelines } from './pipelines.js';
import { QueueLimits } from './queue-limits.js';
import { RunLimits } from './run-limits.js';
import type { Run } from './run.js';
import { Resources } from './shared-resources.js';
import { Settlement } from './settlement.js';
import type { Workforce } from './workforce.js';

/** What a kernel is made of. */
export interface KernelParts {
  readonly settings: KernelSettings;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  readonly store: StateStore;
  readonly events?: JobsEventHub;
  /** The executor of a pipeline's jobs. Pipelines of one executor share its priority queue. */
  executorFor(pipeline: PipelineSettings): Executor;
  /** Checks a declaration and loads its driver. */
  open(declaration: PipelineDeclaration): Promise<OpenedPipeline>;
  /** True when a pipeline consumes without being asked. */
  consumes(pipeline: string): boolean;
  /** Makes what opens the kernel to other processes. Absent: it is alone in its process. */
  serverOf?(kernel: Kernel): KernelServer;
  /** Makes its worker processes and services. Absent: it can have none. */
  workforceOf?(kernel: Kernel): Workforce;
}

/** Opens a kernel to other processes. */
export interface KernelServer {
  /** Where it is called; `undefined` before it listens. */
  readonly address: string | undefined;
  listen(): Promise<void>;
  /** Takes no more calls and answers those that run, until the deadline. Also before `listen`, and twice. */
  close(deadline: Deadline): Promise<void>;
}

/** A declaration that was checked, with its driver. */
export interface OpenedPipeline {
  readonly settings: PipelineSettings;
  readonly module: DriverModule;
  /** It came at run time, not from the configuration. */
  readonly isDeclared: boolean;
}

/** How long a stop may take. Unit: milliseconds. */
export interface StopOptions {
  /** For running jobs to end. */
  readonly timeoutMs?: number;
  /** Between the abort signal and the return of the job. */
  readonly graceMs?: number;
}

/** Drivers get this long to confirm what they still owe. */
const CLOSE_TIMEOUT_MS = 5_000;
/** A worker process that was killed gets this long to be dead. */
const KILL_TIMEOUT_MS = 2_000;
/** Keeps the process alive while the kernel consumes, as a listening server would. */
const KEEP_ALIVE_MS = 86_400_000;

/** Pipelines, priority queues and executors of one process, behind {@link JobsApi}. */
export class Kernel implements JobsApi {
  readonly admin: KernelAdmin;
  readonly events: JobsEventHub;
  readonly #parts: KernelParts;
  readonly #counters = createCounters();
  readonly #pipelines = new Pipelines(this.#counters);
  readonly #dispatchers: Dispatchers;
  readonly #resources = new Resources();
  readonly #limits: QueueLimits;
  readonly #runLimits: RunLimits;
  readonly #failed: FailedStore;
  readonly #settlement: Settlement;
  readonly #server: KernelServer | undefined;
  readonly #workforce: Workforce | undefined;
  #phase: 'idle' | 'running' | 'draining' | 'drained' | 'closed' = 'idle';
  #keepAlive: Timer | undefined;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: KernelParts) {
    const { settings, clock, logger, store } = parts;
    this.#parts = parts;
    this.events = parts.events ?? new JobsEventHub();
    this.#limits = new QueueLimits(settings.pipelineSize, settings.maxBytes);
    this.#failed = new FailedStore({ store, clock, settings: settings.failed, push: (job) => this.push(job) });
    this.#runLimits = new RunLimits(clock, settings.graceMs, {
      onTimeout: (run) => this.#timedOut(run),
      onAbandon: (run) => this.#abandon(run),
      extend: (run) => void this.#extend(run),
    });
    this.#settlement = new Settlement({
      clock,
      logger,
      events: this.events.events,
      counters: this.#counters,
      failed: this.#failed,
      attempts: createAttemptLog({ store, ttlMs: settings.failed.ageMs, logger }),
      maxCrashes: settings.maxCrashes,
      watch: (run) => this.#runLimits.watch(run),
      push: (job) => this.push(job),
    });
    this.#dispatchers = new Dispatchers({
      numPollers: settings.numPollers,
      maxCrashes: settings.maxCrashes,
      clock,
      counters: this.#counters,
      limits: this.#runLimits,
      runs: this.#settlement,
      pipelineOf: (name) => this.#pipelines.get(name),
      onIdle: () => this.#becameIdle(),
    });
    this.#workforce = parts.workforceOf?.(this);
    const workers = this.#workforce?.admin;
    this.admin = new Admin({
      clock,
      failed: this.#failed,
      counters: this.#counters,
      pipelines: this.#pipelines,
      runs: () => this.#dispatchers.runs(),
      cancelRun: (run, reason) => this.#cancel(run, reason),
      ...(workers === undefined ? {} : { workers }),
    });
    this.#server = parts.serverOf?.(this);
  }

  /** True from `start` until a stop begins. */
  get isRunning(): boolean {
    return this.#phase === 'running';
  }

  /** Where other processes call it; `undefined` while it is closed to them. */
  get rpcAddress(): string | undefined {
    return this.#server?.address;
  }

  /**
   * Opens the kernel to other processes, if it is to be, starts its workers and services, and runs the pipelines that consume. What was declared
   * before stays as it is.
   *
   * @throws RelayError when its address cannot be listened on.
   * @throws WorkerStartError when a worker cannot be started. Close the kernel then.
   */
  async start(): Promise<void> {
    if (this.#phase !== 'idle') return;
    this.#phase = 'running';
    await this.#whileRunning(() => this.#server?.listen());
    await this.#whileRunning(() => this.#workforce?.start());
    if (!this.isRunning) return;
    // Some may run already: they were declared or resumed while the workers started.
    const idle = [...this.#pipelines].filter(({ name, isRunning }) => !isRunning && this.#parts.consumes(name));
    await Promise.all(idle.map((pipeline) => pipeline.run()));
    if ([...this.#pipelines].some(({ isRunning }) => isRunning)) this.#keepProcessAlive();
  }

  push(job: Job): Promise<PushReceipt> {
    return this.#pipelines.push(job);
  }

  pushMany(jobs: readonly Job[]): Promise<PushOutcome[]> {
    return this.#pipelines.pushMany(jobs);
  }

  async declare(declaration: PipelineDeclaration): Promise<void> {
    if (this.#isStopping) throw new KernelStoppingError(declaration.name);
    const opened = await this.#parts.open(declaration);
    const pipeline = await this.#pipelines.open(opened.settings, () => this.#createPipeline(opened));
    if (this.#isStopping) {
      // A close may have passed it by.
      await this.#pipelines.end(pipeline, deadlineAfter(this.#parts.clock, CLOSE_TIMEOUT_MS));
      throw new KernelStoppingError(declaration.name);
    }
    if (!this.isRunning || !this.#parts.consumes(pipeline.name)) return;
    await pipeline.run();
    this.#keepProcessAlive();
  }

  async destroy(...names: string[]): Promise<string[]> {
    const { clock, settings } = this.#parts;
    await this.#pipelines.destroy(names, deadlineAfter(clock, settings.timeoutMs || CLOSE_TIMEOUT_MS));
    return names;
  }

  async pause(...names: string[]): Promise<void> {
    for (const name of names) await this.#pipelines.of(name).pause();
  }

  async resume(...names: string[]): Promise<void> {
    if (this.#isStopping) throw new KernelStoppingError();
    for (const name of names) await this.#pipelines.of(name).run();
    this.#keepProcessAlive();
  }

  list(): Promise<string[]> {
    return Promise.resolve(this.#pipelines.names());
  }

  stat(): Promise<PipelineStat[]> {
    return Promise.all([...this.#pipelines].map((pipeline) => pipeline.stat()));
  }

  now(): number {
    return this.#parts.clock.now();
  }

  /**
   * Adds another source of work. Only before `start`.
   *
   * @param config - Its section of the configuration.
   * @throws NotSupportedByKernelError when this kernel was made without workers and services.
   */
  addService(service: KernelService, config?: unknown): void {
    if (this.#workforce === undefined) throw new NotSupportedByKernelError(`the service "${service.name}"`, 'Make the kernel with createKernel().');
    this.#workforce.addService(service, config);
  }

  /** What a handler in another process reports of its job. Without effect when the job does not run. */
  reportProgress(id: string, value: unknown): void {
    for (const run of this.#dispatchers.runs()) if (run.delivery.job.id === id) return run.progress(value);
  }

  /** Stops intake, waits for running jobs, aborts them at the deadline and returns the rest. Pushes go on where they can. */
  drain(options: StopOptions = {}): Promise<void> {
    return (this.#draining ??= this.#drain(options));
  }

  /** Closes the drivers and the store; nothing is accepted after it. Drains first when nobody has. */
  close(options: StopOptions = {}): Promise<void> {
    return (this.#closing ??= this.#close(options));
  }

  /**
   * Kills the worker processes at once, for a program that is about to end without a stop. Nothing is settled: durable pipelines deliver anew
   * what ran.
   */
  kill(): void {
    this.#workforce?.kill();
  }

  get #isStopping(): boolean {
    return this.#phase !== 'idle' && this.#phase !== 'running';
  }

  // A stop that comes meanwhile is no failure of the start.
  async #whileRunning(begin: () => Promise<void> | undefined): Promise<void> {
    if (!this.isRunning) return;
    try {
      await begin();
    } catch (error) {
      if (!this.isRunning) return;
      this.#phase = 'idle';
      throw error;
    }
  }

  async #drain(options: StopOptions): Promise<void> {
    const { shutdown } = this.#parts.settings;
    const timeoutMs = options.timeoutMs ?? shutdown.timeoutMs;
    const graceMs = options.graceMs ?? shutdown.graceMs;
    const deadline = deadlineAfter(this.#parts.clock, timeoutMs + graceMs);
    this.#phase = 'draining';
    this.#failed.stop();
    const services = this.#inOrder('The services', () => this.#workforce?.stopServices(deadline));
    await Promise.all([...this.#pipelines].map((pipeline) => this.#inOrder(`Pipeline "${pipeline.name}"`, () => pipeline.beginStop())));
    if (!(await this.#dispatchers.idleWithin(timeoutMs))) await this.#abortRuns(graceMs);
    this.#dispatchers.stop();
    await services;
    await this.#inOrder('The workers', () => this.#workforce?.stopWorkers(deadline));
    await this.#settlement.flush(deadlineAfter(this.#parts.clock, CLOSE_TIMEOUT_MS));
    this.#runLimits.stop();
    this.#phase = 'drained';
    this.#keepAlive?.cancel();
  }

  async #close(options: StopOptions): Promise<void> {
    await this.drain(options);
    const deadline = deadlineAfter(this.#parts.clock, CLOSE_TIMEOUT_MS);
    // Other processes have no other place to push to: they are answered as long as there are drivers.
    await this.#inOrder('The RPC server', () => this.#server?.close(deadline));
    await this.#inOrder('What the workers call', () => this.#workforce?.close(deadline));
    await Promise.all(
      [...this.#pipelines].map((pipeline) => this.#inOrder(`Pipeline "${pipeline.name}"`, () => this.#stopPipeline(pipeline, deadline))),
    );
    const untaken = await this.#settlement.flush(deadline);
    if (untaken > 0)
      this.#parts.logger.error(`Settlements of jobs that no driver took in time: ${untaken}. These jobs may run again.`, { jobs: untaken });
    this.#pipelines.close();
    this.#phase = 'closed';
    await this.#parts.store.close();
  }

  async #stopPipeline(pipeline: Pipeline, deadline: Deadline): Promise<void> {
    const { name } = pipeline;
    const lost = await pipeline.stop(deadline);
    if (lost === 0) return;
    const jobs = lost === 1 ? '1 job that was' : `${lost} jobs that were`;
    this.#parts.logger.warn(`Pipeline "${name}" lost ${jobs} in memory only.`, { pipeline: name, lost });
  }

  /** One part that does not stop keeps no other from it. */
  async #inOrder(part: string, stop: () => Promise<void> | undefined): Promise<void> {
    try {
      await stop();
    } catch (error) {
      this.#parts.logger.error(`${part} did not stop in order: ${messageOf(error)}`, { error });
    }
  }

  async #abortRuns(graceMs: number): Promise<void> {
    const deadline = deadlineAfter(this.#parts.clock, graceMs);
    const workers = this.#inOrder('The workers', () => this.#workforce?.stopWorkers(deadline));
    this.#dispatchers.stop();
    for (const run of this.#dispatchers.runs()) {
      // The end of a worker tells what becomes of its job; this is for one that does not end. Before the abort, which may end the run.
      this.#runLimits.abandonAfter(run, graceMs + (this.#workforce?.admin === undefined ? 0 : KILL_TIMEOUT_MS));
      run.abort(new KernelStoppingError());
    }
    await workers;
    await this.#dispatchers.idleWithin(Infinity);
  }

  #createPipeline({ settings, module, isDeclared }: OpenedPipeline): Pipeline {
    const { clock, logger, store, settings: kernel } = this.#parts;
    return new Pipeline({
      kernel,
      settings,
      module,
      dispatcher: this.#dispatchers.of(this.#parts.executorFor(settings)),
      limits: this.#limits,
      clock,
      logger,
      events: this.events.events,
      counters: this.#counters,
      store,
      resources: this.#resources,
      isDeclared,
      acceptsWhileStopping: () => this.#phase === 'draining' && !this.#dispatchers.isIdle,
    });
  }

  #becameIdle(): void {
    const { drained } = this.events.events;
    if (drained !== undefined && this.#dispatchers.isIdle) drained({});
  }

  #timedOut(run: Run): void {
    this.#counters.timedOut++;
    this.events.events.timedOut?.({ ...run.event(), timeoutMs: run.timeoutMs });
  }

  #abandon(run: Run): void {
    const reason = run.abortReason;
    const outcome: Outcome =
      reason === undefined || reason instanceof KernelStoppingError ? { kind: 'unstarted' } : { kind: 'failed', error: failureOf(reason) };
    const { id, name } = run.delivery.job;
    this.#parts.logger.warn(`The handler of job "${name}" did not end after its signal had aborted; its slot is given away.`, { id, job: name });
    this.#dispatchers.abandon(run, outcome);
  }

  async #extend(run: Run): Promise<void> {
    try {
      await run.delivery.extend?.();
    } catch (error) {
      const { id, name } = run.delivery.job;
      this.#parts.logger.warn(`The lease of job "${name}" could not be extended; it may be delivered again.`, { id, job: name, error });
    }
  }

  #cancel(run: Run, reason: Error): void {
    this.#runLimits.abandonAfter(run, this.#parts.settings.graceMs);
    run.abort(reason);
    this.events.events.cancelled?.({ ...run.event(), reason: reason.message });
  }

  #keepProcessAlive(): void {
    if (!this.isRunning || this.#keepAlive !== undefined) return;
    const again = (): void => {
      this.#keepAlive = this.#parts.clock.setTimer(KEEP_ALIVE_MS, again);
    };
    again();
  }
}
