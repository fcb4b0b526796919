import { availableParallelism } from 'node:os';
import type { Clock, Deadline } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import { Ring } from '../contract/ring.js';
import type { PoolSettings } from '../contract/settings.js';
import { WorkerPoolError } from '../contract/worker-errors.js';
import type { WorkerState } from '../contract/worker.js';
import { DynamicAllocator } from './dynamic-allocator.js';
import { ExecLimit } from './exec-limit.js';
import type { Flight, WorkerEnd } from './flight.js';
import { measureMemory } from './memory-usage.js';
import { StartBackoff } from './start-backoff.js';
import { Supervisor } from './supervisor.js';
import { within } from './within.js';
import type { StartingWorker, WorkerHost } from './worker-host.js';
import type { Worker, WorkerOwner } from './worker.js';

/** What a set of workers is made with. */
export interface WorkerSetOptions {
  /** The name of its pool: for the log and for errors. */
  readonly name: string;
  readonly host: WorkerHost;
  /** `RR_MODE` of the workers. */
  readonly mode: string;
  /** Over all other variables of the workers. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly settings: PoolSettings;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  /** At least 0, below 1. For the jitter of `max_jobs`. */
  readonly random: () => number;
  /** A worker is there that was not, or a slot became free without an answer. */
  onFreed(): void;
}

/** As many workers as RoadRunner allows in one pool. */
const MAX_WORKERS = 500;
/** Of `max_jobs`: workers that began together do not leave together. */
const MAX_JITTER_PERCENT = 15;
/** Workers that ask to be replaced instead of doing one payload. */
const MAX_RESTARTS = 3;
/** New workers that a reset starts at once, beside the old ones. */
const RESET_BATCH = 4;
/** How long a worker without payloads may take to obey the stop frame, and any of them SIGTERM. Unit: milliseconds. */
const IDLE_STOP_MS = 10_000;
const TERM_MS = 1_000;
/** What SIGKILL may take. Unit: milliseconds. */
const KILL_MS = 250;

/** The workers of one pool: starts, replaces, adds, removes, resets and stops them, and hands flights to those that are free. */
export class WorkerSet implements WorkerOwner {
  readonly #options: WorkerSetOptions;
  /** Those whose process lives. */
  readonly #workers = new Set<Worker>();
  /** Those that have not left: they have a place. */
  readonly #present = new Set<Worker>();
  readonly #starting = new Set<StartingWorker>();
  /** Those that may be free, each once; the one that waits longest is first. */
  readonly #line = new Ring<Worker>();
  readonly #waiting = new Ring<Flight>();
  readonly #backoff: StartBackoff;
  readonly #execLimit: ExecLimit;
  readonly #supervisor: Supervisor | undefined;
  readonly #allocator: DynamicAllocator | undefined;
  #size: number;
  #isStopped = false;
  #isAsked = false;
  #resetting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: WorkerSetOptions) {
    const { settings, clock, logger } = options;
    this.#options = options;
    this.#size = settings.numWorkers || availableParallelism();
    this.#backoff = new StartBackoff(clock, () => this.#fill());
    const workers = (): Iterable<Worker> => this.#workers;
    this.#execLimit = new ExecLimit(settings.supervisor?.execTtlMs ?? 0, clock, workers);
    if (settings.supervisor !== undefined) this.#supervisor = new Supervisor(settings.supervisor, clock, logger, workers);
    if (settings.dynamicAllocator !== undefined && !settings.debug) {
      this.#allocator = new DynamicAllocator(settings.dynamicAllocator, clock, {
        isShort: () => this.#isShort(),
        grow: (count) => this.#grow(Math.max(0, Math.min(count, MAX_WORKERS - this.#size))),
        shrink: (count) => this.#resize(this.#size - count),
      });
    }
  }

  /** Payloads in the hands of workers or waiting for one. */
  get load(): number {
    let load = this.#waiting.length;
    for (const worker of this.#workers) load += worker.inFlight;
    return load;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Resolves when all workers are ready. When one cannot be started, the others are stopped.
   *
   * @throws WorkerStartError
   */
  async start(): Promise<void> {
    if (!this.#options.settings.debug) {
      const starts = Array.from({ length: this.#size }, () => this.#startOne());
      const results = await Promise.allSettled(starts);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) {
        await this.stop({ remainingMs: () => TERM_MS });
        throw failed.reason;
      }
    }
    this.#supervisor?.start();
  }

  /** Payloads that would be given to a worker at once. */
  capacity(): number {
    this.#isAsked = true;
    const free = this.#free();
    if (free <= 0) this.#allocator?.refused();
    return Math.max(0, free);
  }

  /** Gives it to a worker, or lets it wait for one. */
  submit(flight: Flight): void {
    if (this.#isStopped) {
      flight.returned();
      return;
    }
    const now = this.#options.clock.monotonic();
    const worker = this.#waiting.length === 0 ? this.#pick(flight, now) : undefined;
    if (worker === undefined) this.#wait(flight);
    else this.#give(worker, flight, now);
  }

  /** False when a worker has it. */
  withdraw(flight: Flight): boolean {
    return this.#waiting.removeWhere((one) => one === flight).length > 0;
  }

  async states(): Promise<WorkerState[]> {
    const workers = [...this.#workers];
    const bytes = await measureMemory(workers.map(({ pid }) => pid));
    for (const worker of workers) worker.memoryBytes = bytes.get(worker.pid) ?? worker.memoryBytes;
    return this.lastStates();
  }

  /** With the memory that was measured last. */
  lastStates(): WorkerState[] {
    return [...this.#workers].map(({ state }) => state);
  }

  async addWorker(): Promise<void> {
    if (this.#refusesResize('added')) return;
    if (this.#size >= MAX_WORKERS) throw new WorkerPoolError(this.#options.name, 'limit');
    this.#size++;
    try {
      await this.#startOne();
    } catch (error) {
      this.#size--;
      throw error;
    }
  }

  async removeWorker(): Promise<void> {
    if (this.#refusesResize('removed')) return;
    if (this.#size <= 1) {
      this.#options.logger.warn(`The last worker of pool "${this.#options.name}" stays.`);
      return;
    }
    this.#size--;
    await this.#allGone(this.#dismiss(), this.#options.settings.destroyTimeoutMs);
  }

  /** Resolves when all workers of before are gone. Those that are busy longer than `reset_timeout` are killed. */
  reset(): Promise<void> {
    if (this.#isStopped) return Promise.reject(new WorkerPoolError(this.#options.name, 'stopped'));
    if (this.#options.settings.debug) return Promise.resolve(); // every job has a new process
    return (this.#resetting ??= this.#reset().finally(() => (this.#resetting = undefined)));
  }

  stop(deadline: Deadline): Promise<void> {
    return (this.#stopping ??= this.#stop(deadline));
  }

  freed(worker: Worker): void {
    if (worker.executions > 0) this.#backoff.succeeded();
    if (this.#waiting.length > 0) this.#giveWaiting(worker);
    this.#queueUp(worker);
  }

  leaving(worker: Worker, reason: WorkerEnd['kind']): void {
    this.#present.delete(worker);
    if (reason !== 'stopped' && this.#backoff.isShort(worker.readyAt, worker.executions)) this.#failedToStart();
    this.#fill();
  }

  restarted(flight: Flight, pid: number): void {
    flight.restart();
    if (flight.abortReason !== undefined) {
      flight.lost({ kind: 'aborted', detail: `Worker ${pid} asked to be replaced instead of answering.` }, pid);
    } else if (flight.restarts >= MAX_RESTARTS) {
      flight.isRefused = true;
      flight.lost({ kind: 'protocol', detail: `${MAX_RESTARTS} workers asked to be replaced instead of answering.` }, pid);
    } else if (this.#isStopped) {
      flight.returned();
    } else {
      const now = this.#options.clock.monotonic();
      const worker = this.#pick(flight, now);
      if (worker !== undefined) this.#give(worker, flight, now);
      else {
        this.#waiting.unshift(flight);
        this.#fill();
      }
    }
  }

  ended(worker: Worker, end: WorkerEnd): void {
    this.#workers.delete(worker);
    const { logger } = this.#options;
    if (end.kind !== 'stopped') logger.error(`${end.detail} It is replaced.`, { pid: worker.pid, reason: end.kind });
    this.#fill();
  }

  #free(): number {
    const { settings, clock } = this.#options;
    let free = -this.#waiting.length;
    if (settings.debug) {
      // One that has room was started for a payload that was taken back.
      for (const { room } of this.#present) if (room === 0) free--;
      return free + this.#size;
    }
    // The clock is read only where somebody has room: this is asked for after every answer.
    let now: number | undefined;
    for (const worker of this.#present) {
      const { room } = worker;
      if (room > 0 && !worker.isStalled((now ??= clock.monotonic()))) free += room;
    }
    return settings.maxQueueSize > 0 ? Math.min(free, settings.maxQueueSize - this.load) : free;
  }

  #pick(flight: Flight, now: number): Worker | undefined {
    if (flight.isAlone) {
      for (const worker of this.#present) if (worker.inFlight === 0 && worker.room > 0) return worker;
    }
    for (let worker = this.#line.shift(); worker !== undefined; worker = this.#line.shift()) {
      worker.isInLine = false;
      if (worker.room > 0 && !worker.isStalled(now)) return worker;
    }
    return undefined;
  }

  #giveWaiting(worker: Worker): void {
    const now = this.#options.clock.monotonic();
    while (this.#waiting.length > 0 && worker.room > 0 && !worker.isStalled(now)) this.#give(worker, this.#waiting.shift()!, now);
  }

  #give(worker: Worker, flight: Flight, now: number): void {
    worker.take(flight, now);
    this.#execLimit.watch();
    this.#queueUp(worker);
  }

  // One that stalls leaves the line when it is met; its next answer brings it back.
  #queueUp(worker: Worker): void {
    if (worker.isInLine || worker.isLeaving) return;
    worker.isInLine = true;
    this.#line.push(worker);
  }

  #wait(flight: Flight): void {
    this.#waiting.push(flight);
    this.#allocator?.refused();
    if (this.#options.settings.debug) this.#fill();
  }

  /** True when more is asked for than is free. */
  #isShort(): boolean {
    if (this.#isStopped || this.#free() > 0) return false;
    if (this.#waiting.length > 0) return true;
    // The dispatcher asks for the capacity only while jobs wait.
    this.#isAsked = false;
    this.#options.onFreed();
    return this.#isAsked;
  }

  #grow(count: number): number {
    this.#resize(this.#size + count);
    return count;
  }

  #resize(size: number): void {
    this.#size = Math.max(1, size);
    this.#dismiss();
    this.#fill();
  }

  /** Lets those go that are too many, idle ones first. */
  #dismiss(): readonly Worker[] {
    const staying = [...this.#present].filter((worker) => !worker.isLeaving).sort((a, b) => a.inFlight - b.inFlight);
    const leaving = staying.slice(0, Math.max(0, staying.length - this.#size));
    for (const worker of leaving) worker.retire('destroyed');
    return leaving;
  }

  async #allGone(workers: readonly Worker[], limitMs: number): Promise<void> {
    const timer = this.#options.clock.setTimer(limitMs, () => stopNow(workers));
    await Promise.all(workers.map(({ ended }) => ended));
    timer.cancel();
  }

  #missing(): number {
    if (this.#options.settings.debug) return this.#waiting.length - this.#starting.size;
    return this.#size - this.#present.size - this.#starting.size;
  }

  #fill(): void {
    if (this.#isStopped || this.#backoff.isWaiting) return;
    let missing = this.#missing();
    if (this.#backoff.isCareful) missing = this.#starting.size > 0 ? 0 : Math.min(1, missing);
    for (; missing > 0; missing--) {
      this.#startOne().catch((error: unknown) => {
        if (this.#isStopped) return;
        this.#options.logger.error((error as Error).message);
        this.#failedToStart();
      });
    }
  }

  #failedToStart(): void {
    if (this.#isStopped) return;
    const waitMs = this.#backoff.failed();
    this.#options.logger.warn(`The next worker of pool "${this.#options.name}" is started in ${waitMs / 1_000} s.`);
  }

  async #startOne(): Promise<Worker> {
    const { host, mode, environment = {}, settings, name, onFreed } = this.#options;
    if (this.#isStopped) throw new WorkerPoolError(name, 'stopped');
    const start = host.start({
      ...(settings.command === undefined ? {} : { command: settings.command }),
      mode,
      environment,
      timeoutMs: settings.allocateTimeoutMs,
      maxExecutions: this.#maxExecutions(),
      owner: this,
    });
    this.#starting.add(start);
    let worker: Worker;
    try {
      worker = await start.ready;
    } finally {
      this.#starting.delete(start);
    }
    this.#workers.add(worker);
    this.#present.add(worker);
    if (this.#isStopped) {
      await worker.stop(0, 0);
      throw new WorkerPoolError(name, 'stopped');
    }
    this.freed(worker);
    onFreed();
    // It may have become one too many while it started.
    if (!settings.debug) this.#dismiss();
    this.#fill();
    return worker;
  }

  #maxExecutions(): number {
    const { settings, random } = this.#options;
    if (settings.debug) return 1;
    const { maxJobs } = settings;
    if (maxJobs === 0) return Infinity;
    return maxJobs + Math.floor((maxJobs * Math.floor(random() * MAX_JITTER_PERCENT)) / 100);
  }

  #refusesResize(what: string): boolean {
    if (this.#isStopped) throw new WorkerPoolError(this.#options.name, 'stopped');
    if (!this.#options.settings.debug) return false;
    this.#options.logger.warn(`Pool "${this.#options.name}" is in debug mode, where every job has a process of its own: no worker is ${what}.`);
    return true;
  }

  // A new worker is ready before an old one leaves, so that the pool works all the time.
  async #reset(): Promise<void> {
    const { settings, clock } = this.#options;
    const old = [...this.#present];
    const left: Promise<void>[] = [];
    const timer = clock.setTimer(settings.resetTimeoutMs, () => stopNow(old));
    try {
      for (let at = 0; at < old.length; at += RESET_BATCH) {
        const batch = old.slice(at, at + RESET_BATCH);
        this.#size += batch.length;
        try {
          await Promise.all(batch.map(() => this.#startOne()));
        } finally {
          this.#size -= batch.length;
        }
        for (const worker of batch) worker.retire('invalid');
        left.push(...batch.map((worker) => worker.ended));
      }
      await Promise.all(left);
    } finally {
      timer.cancel();
      // An old one that ended meanwhile was replaced twice; of a batch that failed some have come.
      this.#dismiss();
    }
  }

  async #stop(deadline: Deadline): Promise<void> {
    const { clock } = this.#options;
    this.#isStopped = true;
    this.#backoff.stop();
    this.#supervisor?.stop();
    this.#allocator?.stop();
    for (const flight of this.#waiting.removeWhere(() => true)) flight.returned();
    const leftMs = deadline.remainingMs();
    const termMs = Math.min(TERM_MS, leftMs / 2);
    const patienceMs = Math.max(0, Math.min(leftMs, Number.MAX_SAFE_INTEGER) - termMs - KILL_MS);
    const ends = [...this.#starting].map((start) => start.cancel());
    for (const worker of this.#workers) ends.push(worker.stop(worker.inFlight > 0 ? patienceMs : Math.min(patienceMs, IDLE_STOP_MS), termMs));
    await within(Promise.all(ends), patienceMs + termMs + KILL_MS + TERM_MS, clock);
    this.#execLimit.stop();
  }
}

function stopNow(workers: readonly Worker[]): void {
  for (const worker of workers) void worker.stop(0, TERM_MS);
}
