import type { Clock, Timer } from '../../contract/clock.js';
import { MAX_MARKED } from './marks.js';
import type { Partition } from './partition.js';
import type { KafkaConsumer } from './port.js';

export interface BrakeOptions {
  readonly clock: Clock;
  readonly maxUnsettled: number;
  /** The one that stands. */
  consumer(): KafkaConsumer | undefined;
}

/** While more than that of a partition waits here, no more is fetched of it. */
const BACKLOG_JOBS = 1_000;
const BACKLOG_BYTES = 1_048_576;
/**
 * How long a fetch is held back for a partition before it goes on without it. kafkajs fetches all partitions of a broker together: one that is slow
 * must not hold up the others, one that is fast must not be paused, which costs a fetch. Unit: milliseconds.
 */
const HOLD_MS = 200;

/** Keeps the reading of a partition from running away from its jobs. */
export class Brake {
  readonly #options: BrakeOptions;
  /** Fetches that are held back. */
  readonly #holds = new Map<Timer, () => void>();
  #isStopped = false;

  constructor(options: BrakeOptions) {
    this.#options = options;
  }

  /** The oldest job of the partition keeps it from being read on. */
  isStuck({ gap, span }: Partition): boolean {
    return gap >= this.#options.maxUnsettled || span >= MAX_MARKED;
  }

  /** Resolves when the next records of the partition may come, or it was paused. */
  async hold(partition: Partition): Promise<void> {
    if (!this.#isFull(partition)) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(HOLD_MS, resolve);
      this.#holds.set(timer, resolve);
      void partition.whenLess().then(() => {
        timer.cancel();
        this.#holds.delete(timer);
        resolve();
      });
    });
    if (this.#isStopped || partition.isLost || !this.#isFull(partition)) return;
    partition.isPaused = true;
    this.#options.consumer()?.pause(partition);
  }

  /** To be called when less of the partition waits or is open. */
  relax(partition: Partition): void {
    if (partition.isLost || this.#isFull(partition)) return;
    partition.wake();
    if (!partition.isPaused || partition.backlog > BACKLOG_JOBS / 2 || partition.backlogBytes > BACKLOG_BYTES / 2) return;
    partition.isPaused = false;
    this.#options.consumer()?.resume(partition);
  }

  stop(): void {
    this.#isStopped = true;
    for (const [timer, resume] of this.#holds) {
      timer.cancel();
      resume();
    }
  }

  #isFull(partition: Partition): boolean {
    return partition.backlog > BACKLOG_JOBS || partition.backlogBytes > BACKLOG_BYTES || this.isStuck(partition);
  }
}
