import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { DriverRegistry } from '../contract/driver.js';
import { JobsConfigError } from '../contract/errors.js';
import type { Job } from '../contract/job.js';
import type { JobsKernel } from '../nest/jobs-kernel.js';
import type { KernelHook, KernelPlan } from '../nest/kernel-hook.js';
import { Activity } from './activity.js';
import { JobsTestingError } from './errors.js';
import type { LentJob } from './lent-job.js';
import { PushLog } from './push-log.js';
import { TestExecutor } from './test-executor.js';
import { testOptions } from './test-options.js';
import { testModuleOf, type JobsTestingMode, type TestDriver, type TestDriverOwner, type WaitingKind } from './test.driver.js';
import { advanceMs, type VirtualClock } from './virtual-clock.js';

/** What a bench is given. */
export interface TestBenchOptions {
  readonly mode: JobsTestingMode;
  readonly clock: VirtualClock;
  /** How long nothing may end while it is waited for. Unit: milliseconds of real time. */
  readonly patienceMs: number;
}

/** A kernel under test and what runs its handlers. */
export interface TestKernel {
  readonly kernel: JobsKernel;
  readonly handlers: TestExecutor;
}

/** Which jobs a drain runs. */
export interface DrainRequest {
  readonly queue: string | undefined;
  readonly kinds: readonly WaitingKind[];
  /** How many runs there may be. */
  readonly limit: number;
}

/** Running handlers get this long at the end of a test. Unit: milliseconds of real time. */
const CLOSE_PATIENCE_MS = 1_000;

/** Puts the kernels of an application on virtual time and test drivers, and lets their jobs run when a test says so. */
export class TestBench implements KernelHook, TestDriverOwner, OnApplicationBootstrap, OnModuleDestroy {
  readonly mode: JobsTestingMode;
  readonly clock: VirtualClock;
  readonly pushes = new PushLog();
  readonly #activity: Activity;
  readonly #kernels: TestKernel[] = [];
  readonly #drivers = new Set<TestDriver>();
  /** Runs that the drain under way may still start. */
  #runsLeft = Infinity;
  #runs = 0;
  #hasStarted = false;
  #draining: Promise<unknown> = Promise.resolve();

  constructor({ mode, clock, patienceMs }: TestBenchOptions) {
    this.mode = mode;
    this.clock = clock;
    this.#activity = new Activity({ patienceMs, holdsSlot: (lent) => this.#holdsSlot(lent) });
  }

  get kernels(): readonly TestKernel[] {
    return this.#kernels;
  }

  /** @throws JobsTestingError when handlers are not bound yet. */
  checkStarted(what: string): void {
    if (this.#hasStarted) return;
    throw new JobsTestingError(`${what} needs an application that has started. Await app.init() first; compile() alone starts nothing.`);
  }

  /**
   * Runs what is ready until nothing is left, one drain after another. Answers the number of runs.
   *
   * @throws JobsTestingError when there would be more runs than `limit`.
   */
  drain(request: DrainRequest): Promise<number> {
    const drained = this.#draining.then(() => this.#drain(request));
    this.#draining = drained.catch(() => {}); // its caller has the error; the next drain must still run
    return drained;
  }

  /** Moves the clock. Inline it stops at every timer until the jobs that it started have ended. */
  async advance(duration: number | string): Promise<void> {
    if (this.mode !== 'inline') return this.clock.advance(duration);
    const until = this.clock.monotonic() + advanceMs(duration);
    const before = this.#activity.jobs;
    while (await this.clock.advanceToNextTimer(until)) await this.#activity.quiet({ except: before });
    await this.clock.advance(Math.max(0, until - this.clock.monotonic())); // calls may overlap
  }

  // What the kernels of the application ask and tell.

  change(plan: KernelPlan): KernelPlan {
    return {
      options: testOptions(plan.options, this.mode),
      drivers: this.#testDrivers(plan.drivers),
      clock: this.clock,
      logger: plan.logger,
      handlers: new TestExecutor({ logger: plan.logger }),
      hasServices: false,
    };
  }

  opened(kernel: JobsKernel, { handlers }: KernelPlan): void {
    if (handlers instanceof TestExecutor) this.#kernels.push({ kernel, handlers });
  }

  created(driver: TestDriver): void {
    this.#drivers.add(driver);
  }

  stopped(driver: TestDriver): void {
    this.#drivers.delete(driver);
    this.#activity.forgetAll((lent) => lent.listener === driver);
  }

  pushed(job: Job): void {
    this.pushes.add(job, this.clock.now());
  }

  lent(lent: LentJob): void {
    this.#activity.add(lent);
    this.#runs++;
    if (--this.#runsLeft === 0 && this.mode !== 'inline') this.#closeDrivers();
  }

  reviewed(lent: LentJob): void {
    this.#activity.review(lent);
  }

  over(lent: LentJob): Promise<void> {
    return this.#activity.over(lent);
  }

  // What Nest tells. This module boots last and is destroyed first, before the one whose kernels it holds.

  onApplicationBootstrap(): void {
    if (this.#kernels.length === 0) {
      const message =
        'The application has no kernel to test. Give "pipelines" to JobsTestingModule.forRoot(), or import the module that has JobsModule.';
      throw new JobsConfigError([{ path: 'JobsTestingModule', message }]);
    }
    this.#hasStarted = true;
  }

  // A stop waits for running handlers by the clock, which stands still: here it gets its time.
  async onModuleDestroy(): Promise<void> {
    await this.#whenIdle(CLOSE_PATIENCE_MS);
    const stopped = Promise.all(this.#kernels.map(({ kernel }) => kernel.stop({ timeoutMs: 0, graceMs: 0 }))).then(() => true);
    for (let isStopped = false; !isStopped;) isStopped = await Promise.race([stopped, this.clock.advance(0).then(() => false)]);
  }

  async #drain({ queue, kinds, limit }: DrainRequest): Promise<number> {
    const drivers = this.#driversOf(queue);
    const runsBefore = this.#runs;
    this.#runsLeft = limit;
    try {
      for (const driver of drivers) await driver.admit();
      await this.#activity.quiet();
      while (this.#runsLeft > 0 && (await anyWaiting(drivers, kinds)) && (await this.clock.advanceToNextTimer())) await this.#activity.quiet();
      if (this.#runsLeft <= 0 && ((await anyReady(drivers)) || (await anyWaiting(drivers, kinds)))) throw endlessError(limit, queue);
    } finally {
      this.#runsLeft = Infinity;
      if (this.mode !== 'inline') this.#closeDrivers();
    }
    return this.#runs - runsBefore;
  }

  #closeDrivers(): void {
    for (const driver of this.#drivers) driver.hold();
  }

  #driversOf(queue: string | undefined): TestDriver[] {
    const drivers = [...this.#drivers].filter(({ pipeline }) => queue === undefined || pipeline === queue);
    if (queue === undefined) return drivers.filter(({ isConsuming }) => isConsuming);
    if (drivers.length === 0) {
      const known = [...this.#drivers].map(({ pipeline }) => `"${pipeline}"`).join(', ');
      throw new JobsTestingError(`drain() asks for queue "${queue}", which is not there. There are: ${known || 'none'}.`);
    }
    if (!drivers.some(({ isConsuming }) => isConsuming)) {
      throw new JobsTestingError(`drain() asks for queue "${queue}", which is not consumed. Name it in "consume", start the kernel, or resume it.`);
    }
    return drivers;
  }

  #testDrivers(drivers: DriverRegistry): DriverRegistry {
    const entries = Object.entries(drivers).map(([name, load]) => [name, async () => testModuleOf(await load(), this)] as const);
    return Object.fromEntries(entries);
  }

  async #holdsSlot({ job, attempt }: LentJob): Promise<boolean> {
    const running = await Promise.all(this.#kernels.map(({ kernel }) => kernel.admin.running()));
    return running.flat().some((run) => run.id === job.id && run.attempt === attempt);
  }

  async #whenIdle(patienceMs: number): Promise<void> {
    try {
      await this.#activity.quiet({ patienceMs });
    } catch {
      // The stop aborts what still runs.
    }
  }
}

async function anyReady(drivers: readonly TestDriver[]): Promise<boolean> {
  for (const driver of drivers) if (driver.isConsuming && (await driver.hasReady())) return true;
  return false;
}

async function anyWaiting(drivers: readonly TestDriver[], kinds: readonly WaitingKind[]): Promise<boolean> {
  for (const driver of drivers) if (driver.isConsuming && (await driver.hasWaiting(kinds))) return true;
  return false;
}

function endlessError(limit: number, queue: string | undefined): JobsTestingError {
  const where = queue === undefined ? 'Every queue' : `Queue "${queue}"`;
  return new JobsTestingError(
    `drain() stopped after ${limit} runs, and there are more jobs. ${where} may have a job that pushes itself again; raise "limit" if so many are meant.`,
  );
}
