import type { Clock, Timer } from '../contract/clock.js';
import type { SupervisorSettings } from '../contract/settings.js';
import type { JobsLogger } from '../contract/logger.js';
import { measureMemory } from './memory-usage.js';
import type { Worker } from './worker.js';

const MIB = 1_048_576;
/** A worker in the middle of a payload may finish it when it is over its limit of memory, but not at so many times the limit. */
const HARD_MEMORY_FACTOR = 2;

/** Looks at all workers from time to time and replaces those that are too old, idle for too long, or too large. */
export class Supervisor {
  readonly #settings: SupervisorSettings;
  readonly #clock: Clock;
  readonly #logger: JobsLogger;
  readonly #workers: () => Iterable<Worker>;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(settings: SupervisorSettings, clock: Clock, logger: JobsLogger, workers: () => Iterable<Worker>) {
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#workers = workers;
  }

  start(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimer(this.#settings.watchTickMs, () => {
      this.#timer = undefined;
      void this.#look().then(() => this.start());
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    if (this.#settings.maxWorkerMemoryMb > 0) {
      const bytes = await measureMemory([...this.#workers()].map(({ pid }) => pid));
      for (const worker of this.#workers()) worker.memoryBytes = bytes.get(worker.pid) ?? worker.memoryBytes;
    }
    if (this.#isStopped) return;
    const now = this.#clock.monotonic();
    for (const worker of [...this.#workers()]) this.#judge(worker, now);
  }

  // In RoadRunner's order.
  #judge(worker: Worker, now: number): void {
    const { ttlMs, idleTtlMs, maxWorkerMemoryMb } = this.#settings;
    const limit = maxWorkerMemoryMb * MIB;
    if (limit > 0 && worker.memoryBytes >= limit * HARD_MEMORY_FACTOR && worker.inFlight > 0) {
      const used = `${Math.round(worker.memoryBytes / MIB)} MiB, ${HARD_MEMORY_FACTOR} times the limit of "max_worker_memory" and more`;
      worker.kill({ kind: 'memory', detail: `Worker ${worker.pid} used ${used}, and was killed.` });
      return;
    }
    if (worker.isLeaving) return;
    if (ttlMs > 0 && now - worker.readyAt >= ttlMs) this.#retire(worker, 'ttlReached');
    else if (limit > 0 && worker.memoryBytes >= limit) this.#retire(worker, 'maxMemoryReached');
    else if (idleTtlMs > 0 && worker.inFlight === 0 && worker.executions > 0 && now - worker.lastUsedAt >= idleTtlMs)
      this.#retire(worker, 'idleTTLReached');
  }

  #retire(worker: Worker, status: 'ttlReached' | 'maxMemoryReached' | 'idleTTLReached'): void {
    this.#logger.info(`Worker ${worker.pid} is replaced: ${status}.`, { pid: worker.pid, status });
    worker.retire(status);
  }
}
