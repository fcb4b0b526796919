import { createDriver as createMemoryDriver } from '../drivers/memory.driver.js';
import type { Deadline } from '../contract/clock.js';
import type { Delivery, DeliverySink, Driver, DriverContext, DriverModule } from '../contract/driver.js';
import { DONE, JobRecord, type Job } from '../contract/job.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import { LentJob, type LentJobListener } from './lent-job.js';

/** What becomes of a pushed job. @publicApi */
export type JobsTestingMode = 'inline' | 'manual' | 'fake';

/** Jobs that wait for their time: pushed with a delay, or put back by a run. @publicApi */
export type WaitingKind = 'scheduled' | 'retries';

/** What test drivers tell the bench they belong to. */
export interface TestDriverOwner {
  readonly mode: JobsTestingMode;
  created(driver: TestDriver): void;
  stopped(driver: TestDriver): void;
  pushed(job: Job): void;
  lent(lent: LentJob): void;
  /** It was settled, or its handler has ended. */
  reviewed(lent: LentJob): void;
  /** Resolves when the run is over. */
  over(lent: LentJob): Promise<void>;
}

/** What the real driver cannot do is refused as by it, but jobs are kept in memory, and nothing is connected to. */
export function testModuleOf(real: DriverModule, owner: TestDriverOwner): DriverModule {
  return {
    capabilities: { ...real.capabilities, connection: false },
    options: real.options,
    createDriver: (context: DriverContext<object>) => {
      const driver = new TestDriver(context, owner, real);
      owner.created(driver);
      return driver;
    },
  };
}

const LIST_ALL = Number.MAX_SAFE_INTEGER;

/** A memory pipeline that writes down pushes, and lends its jobs only while a test lets it. */
export class TestDriver implements Driver, LentJobListener {
  readonly pipeline: string;
  readonly browse: Driver['browse'];
  readonly remove: Driver['remove'];
  readonly promote: Driver['promote'];
  readonly purge: Driver['purge'];
  readonly #owner: TestDriverOwner;
  readonly #memory: Driver;
  readonly #isFake: boolean;
  readonly #isInline: boolean;
  /** Ids of jobs that a run put back. */
  readonly #putBack = new Set<string>();
  /** Of pushes that wait for the run of their job. */
  readonly #expected = new Map<Job, (lent: LentJob) => void>();
  #isConsuming = false;
  #isOpen: boolean;
  #isStopped = false;

  constructor(context: DriverContext<object>, owner: TestDriverOwner, real: DriverModule) {
    this.pipeline = context.pipeline;
    this.#owner = owner;
    this.#isFake = owner.mode === 'fake';
    this.#isInline = owner.mode === 'inline';
    this.#isOpen = this.#isInline;
    const sink = new LendingSink(context.sink, this.#isInline, (delivery) => this.#lend(delivery));
    const options = real.createDriver === createMemoryDriver ? context.options : {};
    const memory = createMemoryDriver({ ...context, options, sink });
    const { capabilities } = real;
    this.#memory = memory;
    this.browse = capabilities.browse ? (query) => memory.browse!(query) : undefined;
    this.remove = capabilities.remove ? (id) => memory.remove!(id) : undefined;
    this.promote = capabilities.promote ? (id) => memory.promote!(id) : undefined;
    this.purge = capabilities.purge ? (query) => memory.purge!(query) : undefined;
  }

  /** True while the kernel consumes the pipeline: it was started and is not paused. */
  get isConsuming(): boolean {
    return this.#isConsuming;
  }

  push(job: Job): Promise<void> {
    if (this.#isFake) {
      this.#owner.pushed(job);
      return DONE;
    }
    return this.#isInline && job.delayMs === 0 ? this.#pushAndRun(JobRecord.from(job)) : this.#store(job);
  }

  run(): Promise<void> {
    return this.resume();
  }

  pause(): Promise<void> {
    this.#isConsuming = false;
    return this.#memory.pause();
  }

  async resume(): Promise<void> {
    this.#isConsuming = true;
    await this.#lendWhileOpen();
  }

  async stop(deadline: Deadline): Promise<void> {
    this.#isStopped = true;
    await this.#memory.stop(deadline);
    this.#owner.stopped(this);
  }

  async stat(): Promise<PipelineStat> {
    return { ...(await this.#memory.stat()), ready: this.#isConsuming };
  }

  /** Lends the jobs that are ready, and those that become ready, until it is closed. */
  async admit(): Promise<void> {
    this.#isOpen = true;
    await this.#lendWhileOpen();
  }

  /** Lends nothing more; what is lent stays so. */
  hold(): void {
    this.#isOpen = false;
    void this.#memory.pause();
  }

  /** True when jobs could be lent at once. */
  async hasReady(): Promise<boolean> {
    return (await this.#memory.stat()).reserved > 0;
  }

  /** True when jobs of one of these kinds wait for their time. */
  async hasWaiting(kinds: readonly WaitingKind[]): Promise<boolean> {
    const { jobs } = await this.#memory.browse!({ state: 'delayed', limit: LIST_ALL });
    return jobs.some(({ id }) => kinds.includes(this.#putBack.has(id) ? 'retries' : 'scheduled'));
  }

  putBack(lent: LentJob): void {
    this.#putBack.add(lent.job.id);
  }

  settled(lent: LentJob): void {
    this.#owner.reviewed(lent);
  }

  ended(lent: LentJob): void {
    this.#owner.reviewed(lent);
  }

  // Written down at once where it can be: the handler may push before a promise has its turn.
  #store(job: Job): Promise<void> {
    const stored = this.#memory.push(job);
    if (stored !== DONE) return stored.then(() => this.#owner.pushed(job));
    this.#owner.pushed(job);
    return DONE;
  }

  // What is not lent at once is not waited for: the pipeline does not consume.
  async #pushAndRun(job: JobRecord): Promise<void> {
    let lent: LentJob | undefined;
    this.#expected.set(job, (one) => {
      lent = one;
    });
    try {
      await this.#store(job);
      if (lent !== undefined) await this.#owner.over(lent);
    } finally {
      this.#expected.delete(job);
    }
  }

  async #lendWhileOpen(): Promise<void> {
    if (this.#isConsuming && this.#isOpen && !this.#isStopped) await this.#memory.resume();
  }

  #lend(delivery: Delivery): LentJob {
    this.#putBack.delete(delivery.job.id);
    const lent = new LentJob(delivery, this);
    this.#owner.lent(lent);
    this.#expected.get(delivery.job)?.(lent);
    return lent;
  }
}

/** Hands on deliveries that tell when they are over. */
class LendingSink implements DeliverySink {
  readonly #sink: DeliverySink;
  readonly #isEndless: boolean;
  readonly #lend: (delivery: Delivery) => LentJob;

  /** @param isEndless - Always has room: a job that runs within a push cannot wait for the job that pushes it. */
  constructor(sink: DeliverySink, isEndless: boolean, lend: (delivery: Delivery) => LentJob) {
    this.#sink = sink;
    this.#isEndless = isEndless;
    this.#lend = lend;
  }

  get room(): number {
    return this.#isEndless ? Infinity : this.#sink.room;
  }

  accept(delivery: Delivery): void {
    this.#sink.accept(this.#lend(delivery));
  }

  onRoom(callback: () => void): void {
    this.#sink.onRoom(callback);
  }
}
