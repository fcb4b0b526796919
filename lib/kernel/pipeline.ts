import type { Clock, Deadline } from '../contract/clock.js';
import type { Delivery, Driver, DriverCapabilities, DriverModule, SharedResources } from '../contract/driver.js';
import { KernelStoppingError, type JobsError } from '../contract/errors.js';
import { DONE, JobRecord, sizeOf, type Job } from '../contract/job.js';
import { ACCEPTED, type PipelineStat, type PushOutcome, type PushReceipt } from '../contract/jobs-api.js';
import type { JobsEvents } from '../contract/jobs-events.js';
import type { JobsLogger } from '../contract/logger.js';
import { DriverStoppedError, PayloadTooLargeError, PipelineAlreadyPausedError, PipelineAlreadyRunningError } from '../contract/pipeline-errors.js';
import type { RetryPolicy } from '../contract/retry-policy.js';
import type { KernelSettings, PipelineSettings } from '../contract/settings.js';
import type { StateStore } from '../contract/state-store.js';
import type { Counters } from './counters.js';
import type { Dispatcher } from './dispatcher.js';
import { Gate } from './gate.js';
import { FrequentJobEvent } from './job-event.js';
import { PipelineSink } from './pipeline-sink.js';
import { priorityOf } from '../contract/priority.js';
import type { QueueLimits } from './queue-limits.js';
import { resolveRetry } from './retry.js';
import type { RunPipeline } from './run.js';

const ACCEPTED_OUTCOME: PushOutcome = Object.freeze({ ok: true, receipt: Object.freeze({}) });

/** What a pipeline is given. */
export interface PipelineContext {
  readonly kernel: KernelSettings;
  readonly settings: PipelineSettings;
  readonly module: DriverModule;
  readonly dispatcher: Dispatcher;
  readonly limits: QueueLimits;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  readonly events: JobsEvents;
  readonly counters: Counters;
  readonly store: StateStore;
  readonly resources: SharedResources;
  /** It came at run time. */
  readonly isDeclared: boolean;
  /** True while a memory pipeline still takes jobs although the kernel stops. */
  acceptsWhileStopping(): boolean;
}

/** A queue of the kernel: admits pushes to its driver, and joins what the driver lends with the dispatch loop. */
export class Pipeline implements RunPipeline {
  readonly name: string;
  readonly settings: PipelineSettings;
  readonly retry: RetryPolicy;
  readonly capabilities: DriverCapabilities;
  readonly starting: ((deliveries: readonly Delivery[]) => void) | undefined;
  readonly #context: PipelineContext;
  readonly #driver: Driver;
  readonly #sink: PipelineSink;
  #commit: SharedCommit | undefined;
  #phase: 'declared' | 'running' | 'paused' = 'declared';
  #isStopping = false;
  #isDestroyed = false;

  constructor(context: PipelineContext) {
    const { settings, module, kernel } = context;
    this.#context = context;
    this.name = settings.name;
    this.settings = settings;
    this.capabilities = module.capabilities;
    this.retry = resolveRetry(settings.retry, kernel.retry);
    this.#sink = new PipelineSink(context.dispatcher, context.limits, {
      prefetch: settings.prefetch,
      priority: settings.priority,
      pipelineSize: kernel.pipelineSize,
      gate: settings.concurrency === undefined ? undefined : new Gate(settings.concurrency),
    });
    this.#driver = module.createDriver({
      pipeline: settings.name,
      driver: settings.driver,
      priority: settings.priority,
      options: settings.options as never,
      ...(kernel.brokers?.[settings.driver] === undefined ? {} : { section: kernel.brokers[settings.driver] }),
      sink: this.#sink,
      clock: context.clock,
      logger: context.logger,
      pushTimeoutMs: kernel.timeoutMs,
      maxCrashes: kernel.maxCrashes,
      store: context.store,
      dataDir: kernel.dataDir,
      isDeclared: context.isDeclared,
      resources: context.resources,
    });
    this.starting = this.#driver.starting?.bind(this.#driver);
  }

  /** The broker's name of it. */
  get queue(): string {
    return this.#driver.queue ?? this.name;
  }

  get dispatcher(): Dispatcher {
    return this.#context.dispatcher;
  }

  get driver(): Driver {
    return this.#driver;
  }

  get isRunning(): boolean {
    return this.#phase === 'running';
  }

  // No `async` between producer and driver: in process the whole push is one synchronous call.
  push(job: Job): Promise<PushReceipt> {
    const refused = this.#refusal(job);
    if (refused !== undefined) return this.#reject(refused);
    const record = JobRecord.from(job);
    if (record.priority === 0) record.priority = priorityOf(record, this.settings.priority);
    const done = this.#driver.push(record);
    if (done === DONE) {
      this.#context.counters.pushed++;
      if (this.#context.events.pushed !== undefined) this.#announce(record);
      return ACCEPTED;
    }
    if (this.#context.events.pushed === undefined) return this.#acceptedBy(done);
    return done.then(
      () => {
        this.#announce(record);
        return this.#countPush();
      },
      (error: unknown) => this.#reject(error as Error),
    );
  }

  async pushMany(jobs: readonly Job[]): Promise<PushOutcome[]> {
    const { pushMany } = this.#driver;
    if (pushMany === undefined) return this.#pushEach(jobs);
    const refusals = jobs.map((job) => this.#refusal(job));
    const records = jobs
      .filter((_, index) => refusals[index] === undefined)
      .map((job) => {
        const record = JobRecord.from(job);
        record.priority = priorityOf(record, this.settings.priority);
        return record;
      });
    const outcomes = await pushMany.call(this.#driver, records);
    let next = 0;
    return refusals.map((error): PushOutcome => {
      const record = records[next]!;
      const outcome: PushOutcome = error === undefined ? outcomes[next++]! : { ok: false, error };
      if (outcome.ok) {
        this.#announce(record);
        this.#countPush();
      } else {
        this.#context.counters.pushErrors++;
      }
      return outcome;
    });
  }

  // Only a push that has to wait costs a promise.
  async #pushEach(jobs: readonly Job[]): Promise<PushOutcome[]> {
    const outcomes = new Array<PushOutcome>(jobs.length);
    const waiting: Promise<void>[] = [];
    for (let index = 0; index < jobs.length; index++) {
      const pushed = this.push(jobs[index]!);
      if (pushed === ACCEPTED) outcomes[index] = ACCEPTED_OUTCOME;
      else waiting.push(outcomeOf(pushed).then((outcome) => void (outcomes[index] = outcome)));
    }
    if (waiting.length > 0) await Promise.all(waiting);
    return outcomes;
  }

  /** To be called once, before anything else. */
  async open(): Promise<void> {
    await this.#driver.open?.();
  }

  async run(): Promise<void> {
    if (this.#phase === 'running') throw new PipelineAlreadyRunningError(this.name, this.settings.driver);
    const isFirst = this.#phase === 'declared';
    this.#phase = 'running';
    try {
      await (isFirst ? this.#driver.run() : this.#driver.resume());
    } catch (error) {
      this.#phase = 'paused'; // a resume tries again
      throw error;
    }
    if (!isFirst) this.#context.events.resumed?.({ queue: this.name });
  }

  // Nothing of a paused pipeline starts any more: what waits in the priority queue goes back to its driver.
  async pause(): Promise<void> {
    if (this.#phase !== 'running') throw new PipelineAlreadyPausedError(this.name, this.settings.driver);
    this.#phase = 'paused';
    await this.#driver.pause();
    await this.#returnQueued();
    this.#context.events.paused?.({ queue: this.name });
  }

  /** Durable pipelines give their unstarted jobs back; memory pipelines go on, nobody else could run their jobs. */
  async beginStop(): Promise<void> {
    this.#isStopping = true;
    if (!this.capabilities.persistent || this.#phase !== 'running') return;
    await this.#driver.pause();
    await this.#returnQueued();
  }

  /** Ends it for good; pushes are refused from the call on. */
  async destroy(deadline: Deadline): Promise<void> {
    this.#isDestroyed = true;
    await this.stop(deadline);
    this.dispatcher.forgetPipeline(this);
  }

  /** Returns what was not started and closes the driver. Answers how many jobs end with it. */
  async stop(deadline: Deadline): Promise<number> {
    this.#isStopping = true;
    try {
      await this.#driver.pause();
      await this.#returnQueued();
      if (this.capabilities.persistent) return 0; // a broker keeps them, and one that is away would take its time to say how many
      const { reserved, delayed } = await this.#driver.stat();
      return reserved + delayed;
    } finally {
      await this.#driver.stop(deadline);
    }
  }

  stat(): Promise<PipelineStat> {
    return this.#driver.stat();
  }

  left(): void {
    this.#sink.left();
  }

  freed(bytes: number): void {
    this.#sink.freed(bytes);
  }

  /** Takes jobs of this pipeline out of the priority queue; they stay lent. */
  takeQueued(matches: (job: Job) => boolean): Delivery[] {
    const taken = this.dispatcher.queue.removeWhere(({ job }) => job.pipeline === this.name && matches(job));
    for (const delivery of taken) this.#sink.removed(sizeOf(delivery.job));
    return taken;
  }

  // From the last to the first, so that they are in their old order at the head of the driver's queue.
  async #returnQueued(): Promise<void> {
    const deliveries = this.takeQueued(() => true).reverse();
    await Promise.all(deliveries.map(async (delivery) => (delivery.release === undefined ? delivery.nack({ requeue: true }) : delivery.release())));
  }

  #refusal(job: Job): JobsError | undefined {
    if (this.#isDestroyed) return new DriverStoppedError(this.name);
    if (this.#isStopping && !this.capabilities.persistent && !this.#context.acceptsWhileStopping()) return new KernelStoppingError(this.name);
    const { maxPayloadBytes } = this.#context.kernel;
    const payloadBytes = payloadSize(job.payload, maxPayloadBytes);
    return payloadBytes > maxPayloadBytes ? new PayloadTooLargeError(this.name, payloadBytes, maxPayloadBytes) : undefined;
  }

  // A driver answers all pushes of one commit with one promise. Then one of ours is enough for them too.
  #acceptedBy(done: Promise<void>): Promise<PushReceipt> {
    if (this.#commit?.done !== done || this.#commit.isSettled) this.#commit = new SharedCommit(done, this.#context.counters);
    return this.#commit.add();
  }

  #announce(record: JobRecord): void {
    this.#context.events.pushed?.(new FrequentJobEvent(record, this.name, 0));
  }

  #reject(error: Error): Promise<never> {
    this.#context.counters.pushErrors++;
    return Promise.reject(error);
  }

  #countPush(): PushReceipt {
    this.#context.counters.pushed++;
    return {};
  }
}

/** Pushes that a driver accepts or refuses together. */
class SharedCommit {
  /** What is added from then on would not be counted. */
  isSettled = false;
  readonly #receipt: Promise<PushReceipt>;
  #pushes = 0;

  constructor(
    readonly done: Promise<void>,
    counters: Counters,
  ) {
    this.#receipt = done.then(
      () => {
        this.isSettled = true;
        counters.pushed += this.#pushes;
        return ACCEPTED;
      },
      (error: unknown) => {
        this.isSettled = true;
        counters.pushErrors += this.#pushes;
        throw error;
      },
    );
  }

  add(): Promise<PushReceipt> {
    this.#pushes++;
    return this.#receipt;
  }
}

// Text is measured exactly only when it is near the limit: a character takes at most three bytes.
function payloadSize(payload: Job['payload'], limit: number): number {
  if (typeof payload !== 'string') return payload.byteLength;
  return payload.length * 3 <= limit ? payload.length : Buffer.byteLength(payload);
}

function outcomeOf(push: Promise<PushReceipt>): Promise<PushOutcome> {
  return push.then(
    (receipt) => ({ ok: true, receipt }),
    (error: unknown) => ({ ok: false, error: error as Error }),
  );
}
