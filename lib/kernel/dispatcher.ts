import type { Clock } from '../contract/clock.js';
import type { Delivery } from '../contract/driver.js';
import type { Executor, Outcome, PendingOutcome } from '../contract/executor.js';
import { failureOf } from '../contract/failure.js';
import { JobCrashedError, JobExpiredError } from '../contract/job-errors.js';
import { EXPIRES_AT_HEADER, numberHeader, TIMEOUT_HEADER } from '../contract/job-headers.js';
import { DONE, NO_HEADERS, sizeOf } from '../contract/job.js';
import type { Counters } from './counters.js';
import type { Gate } from './gate.js';
import { FrequentJobEvent } from './job-event.js';
import { PriorityQueue } from './priority-queue.js';
import type { RunLimits } from './run-limits.js';
import { Run, type DispatchTurn, type RunContext, type RunPipeline } from './run.js';

/** Jobs started before the event loop gets its turn. */
const BURST = 4_096;

/** What a dispatcher is given. */
export interface DispatcherOptions {
  readonly executor: Executor;
  /** Jobs at once; the executor may allow fewer. */
  readonly numPollers: number;
  readonly maxCrashes: number;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly limits: RunLimits;
  readonly runs: RunContext;
  pipelineOf(name: string): RunPipeline | undefined;
  /** Called when the last running job ended and no other waits. */
  onIdle(): void;
}

/**
 * The dispatch loop of one executor: takes jobs from its priority queue, one for each free slot, runs them and settles
 * them. It works in one microtask per burst. No job leaves the queue without a free slot.
 */
export class Dispatcher {
  readonly queue = new PriorityQueue();
  readonly #options: DispatcherOptions;
  readonly #turn = (): void => this.#dispatch();
  readonly #afterLoop = (): void => {
    this.#left = BURST;
    this.#dispatch();
  };
  readonly #slots: Slot[] = [];
  readonly #free: Slot[] = [];
  #left = BURST;
  #isScheduled = false;
  #isStopped = false;
  /** One entry of cache: most jobs come from the pipeline of the job before. */
  #lastPipeline: RunPipeline | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    options.executor.onCapacity(() => this.wake());
  }

  get executor(): Executor {
    return this.#options.executor;
  }

  get running(): number {
    return this.#slots.length - this.#free.length;
  }

  /** Jobs wait that may still be started. */
  get hasWork(): boolean {
    return !this.#isStopped && this.queue.length > 0;
  }

  add(delivery: Delivery, priority: number, gate: Gate | undefined): void {
    this.queue.add(delivery, priority, gate);
    if (!this.#isScheduled) this.wake();
  }

  wake(): void {
    if (this.#isScheduled || this.#isStopped || this.queue.length === 0 || this.#freeSlots() === 0) return;
    this.#isScheduled = true;
    // Not queueMicrotask: that makes an async resource at every call.
    if (this.#left > 0) void DONE.then(this.#turn);
    else setImmediate(this.#afterLoop);
  }

  /** Starts nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  *runs(): Iterable<Run> {
    for (const { run } of this.#slots) if (run !== undefined) yield run;
  }

  forgetPipeline(pipeline: RunPipeline): void {
    if (this.#lastPipeline === pipeline) this.#lastPipeline = undefined;
  }

  /** Gives the slot of `run` away; its handler goes on without one. */
  abandon(run: Run, outcome: Outcome): void {
    const slot = this.#slots.find((one) => one.run === run);
    if (slot === undefined) return;
    slot.run = undefined;
    this.#options.counters.zombies++;
    const successor = this.#createSlot(slot.index);
    successor.run = run;
    this.#end(successor, run, outcome);
    this.wake();
  }

  #freeSlots(): number {
    return Math.min(this.#options.numPollers - this.running, this.#options.executor.capacity());
  }

  #dispatch(): void {
    this.#isScheduled = false;
    while (!this.#isStopped && this.#left > 0) {
      const started = this.#startSome(Math.min(this.#freeSlots(), this.#left));
      if (started === 0) return;
      this.#left -= started;
    }
    this.wake();
  }

  /** Answers how many. */
  #startSome(most: number): number {
    let turn: DispatchTurn | undefined;
    let counted: Delivery[] | undefined;
    let taken = 0;
    for (; taken < most; taken++) {
      const delivery = this.queue.take();
      if (delivery === undefined) break;
      turn ??= { startedAt: this.#options.clock.monotonic() };
      const pipeline = this.#pipelineOf(delivery);
      pipeline.left();
      // From the first job on whose start is counted, all wait for the count: the order stays.
      if (counted === undefined && pipeline.starting === undefined) this.#start(delivery, pipeline, turn);
      else (counted ??= []).push(delivery);
    }
    if (counted !== undefined) this.#startCounted(counted, turn!);
    return taken;
  }

  // Once for all of a turn, before any of them runs.
  #startCounted(deliveries: readonly Delivery[], turn: DispatchTurn): void {
    const byPipeline = new Map<RunPipeline, Delivery[]>();
    for (const delivery of deliveries) {
      const pipeline = this.#pipelineOf(delivery);
      if (pipeline.starting === undefined) continue;
      const group = byPipeline.get(pipeline);
      if (group === undefined) byPipeline.set(pipeline, [delivery]);
      else group.push(delivery);
    }
    for (const [pipeline, group] of byPipeline) pipeline.starting!(group);
    for (const delivery of deliveries) this.#start(delivery, this.#pipelineOf(delivery), turn);
  }

  // A pipeline takes its jobs out of the queue before it is forgotten, so a queued job always has one.
  #pipelineOf(delivery: Delivery): RunPipeline {
    const name = delivery.job.pipeline;
    if (this.#lastPipeline?.name === name) return this.#lastPipeline;
    return (this.#lastPipeline = this.#options.pipelineOf(name)!);
  }

  #start(delivery: Delivery, pipeline: RunPipeline, turn: DispatchTurn): void {
    const run = new Run(delivery, pipeline, turn, this.#options.runs);
    const slot = this.#occupy(run);
    const { counters, runs, executor } = this.#options;
    counters.started++;
    runs.events.active?.(new FrequentJobEvent(run.delivery.job, pipeline.name, run.attempt));
    let outcome: Outcome | PendingOutcome;
    try {
      outcome = this.#prepare(run) ?? executor.execute(delivery, run);
    } catch (error) {
      outcome = { kind: 'failed', error: failureOf(error) };
    }
    if (isPending(outcome)) void outcome.then(slot.onFulfilled, slot.onRejected);
    else this.#end(slot, run, outcome);
  }

  /** What job and pipeline ask for before a run; an outcome when it is not to run. */
  #prepare(run: Run): Outcome | undefined {
    const { delivery, pipeline } = run;
    const { job } = delivery;
    const { starts = 0 } = delivery;
    if (starts >= this.#options.maxCrashes) return { kind: 'rejected', error: failureOf(new JobCrashedError(job.id, job.name, starts)) };
    if (pipeline.settings.timeoutMs !== undefined) run.setTimeout(pipeline.settings.timeoutMs);
    if (delivery.leaseMs !== undefined) this.#options.limits.keepLease(run, delivery.leaseMs);
    if (job.headers !== NO_HEADERS) {
      const timeoutMs = numberHeader(job.headers, TIMEOUT_HEADER);
      if (timeoutMs !== undefined) run.setTimeout(timeoutMs);
      const expiresAt = numberHeader(job.headers, EXPIRES_AT_HEADER);
      const lateMs = expiresAt === undefined ? -1 : this.#options.clock.now() - expiresAt;
      if (lateMs >= 0) return { kind: 'rejected', error: failureOf(new JobExpiredError(job.id, job.name, lateMs)) };
    }
    if (job.autoAck) this.#options.runs.autoAck(run);
    return undefined;
  }

  #occupy(run: Run): Slot {
    const slot = this.#free.pop() ?? this.#createSlot(this.#slots.length);
    slot.run = run;
    return slot;
  }

  #createSlot(index: number): Slot {
    const slot = new Slot(index, (ended, outcome) => this.#release(ended, outcome));
    this.#slots[index] = slot;
    return slot;
  }

  /** @param outcome - `undefined` when the slot was given away before the handler ended. */
  #release(slot: Slot, outcome: Outcome | undefined): void {
    if (outcome === undefined) {
      this.#options.counters.zombies--;
      return;
    }
    this.#end(slot, slot.run!, outcome);
    this.wake();
  }

  #end(slot: Slot, run: Run, outcome: Outcome): void {
    // Before the settlement: it may add jobs, and they may need this slot.
    slot.run = undefined;
    this.#free.push(slot);
    const { runs, limits } = this.#options;
    if (run.isWatched) limits.forget(run);
    runs.end(run, outcome);
    run.pipeline.freed(sizeOf(run.delivery.job));
    if (this.running === 0 && !this.hasWork) this.#options.onIdle();
  }
}

function isPending(outcome: Outcome | PendingOutcome): outcome is PendingOutcome {
  return typeof (outcome as PendingOutcome).then === 'function';
}

/** A place for one running job. Its callbacks are made once and used for every job that runs in it. */
class Slot {
  /** `undefined` while it is free, and for good when it was given away. */
  run: Run | undefined = undefined;
  readonly onFulfilled: (value: Outcome) => void;
  readonly onRejected: (error: unknown) => void;

  constructor(
    readonly index: number,
    release: (slot: Slot, outcome: Outcome | undefined) => void,
  ) {
    this.onFulfilled = (value) => release(this, this.run?.outcomeOf(value));
    this.onRejected = (error) => release(this, this.run === undefined ? undefined : { kind: 'failed', error: failureOf(error) });
  }
}
