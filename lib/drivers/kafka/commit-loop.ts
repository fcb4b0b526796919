import type { Clock, Timer } from '../../contract/clock.js';
import type { PartitionOffset } from './port.js';

export interface CommitLoopOptions {
  readonly clock: Clock;
  /** Positions that were not committed. */
  positions(): readonly PartitionOffset[];
  commit(positions: readonly PartitionOffset[]): Promise<void>;
}

/** A crash repeats at most the jobs that were finished in this time. Unit: milliseconds. */
const COMMIT_INTERVAL_MS = 100;

/** Commits what is finished, all partitions in one request. What fails is part of the next one. */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: CommitLoopOptions) {
    this.#options = options;
  }

  soon(): void {
    if (this.#isStopped) return;
    this.#timer ??= this.#options.clock.setTimer(COMMIT_INTERVAL_MS, () => {
      this.#timer = undefined;
      void this.#commit();
    });
  }

  /** Commits once more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
    await this.#commit();
  }

  async #commit(): Promise<void> {
    if (this.#running !== undefined) return this.soon();
    const positions = this.#options.positions();
    if (positions.length === 0) return;
    this.#running = this.#options.commit(positions).catch(() => this.soon());
    await this.#running;
    this.#running = undefined;
  }
}
