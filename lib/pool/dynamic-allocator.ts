import type { Clock, Timer } from '../contract/clock.js';
import type { DynamicAllocatorSettings } from '../contract/settings.js';

/** What an allocator needs of its pool. */
export interface AllocatorOwner {
  /** Nothing is free, and something waits for a worker. */
  isShort(): boolean;
  /** Answers by how many: there may be room for fewer. */
  grow(workers: number): number;
  shrink(workers: number): void;
}

/** How long all workers are busy before there are more of them, and between two batches. Unit: milliseconds. */
const PATIENCE_MS = 1_000;

/** More workers while none is free and payloads wait; they leave when there was no need for more for a while. */
export class DynamicAllocator {
  readonly #settings: DynamicAllocatorSettings;
  readonly #clock: Clock;
  readonly #owner: AllocatorOwner;
  #extra = 0;
  #growTimer: Timer | undefined;
  #shrinkTimer: Timer | undefined;
  #isStopped = false;

  constructor(settings: DynamicAllocatorSettings, clock: Clock, owner: AllocatorOwner) {
    this.#settings = settings;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** Something asked for a worker and there was none free. */
  refused(): void {
    if (this.#isStopped) return;
    this.#growTimer ??= this.#clock.setTimer(PATIENCE_MS, () => this.#look());
  }

  stop(): void {
    this.#isStopped = true;
    this.#growTimer?.cancel();
    this.#shrinkTimer?.cancel();
  }

  #look(): void {
    this.#growTimer = undefined;
    if (!this.#owner.isShort()) return;
    this.#postponeShrink();
    const { maxWorkers, spawnRate } = this.#settings;
    const more = Math.min(spawnRate, maxWorkers - this.#extra);
    if (more > 0) this.#extra += this.#owner.grow(more);
    this.refused();
  }

  #postponeShrink(): void {
    this.#shrinkTimer?.cancel();
    this.#shrinkTimer = this.#clock.setTimer(this.#settings.idleTimeoutMs, () => {
      this.#shrinkTimer = undefined;
      const leaving = this.#extra;
      this.#extra = 0;
      if (leaving > 0) this.#owner.shrink(leaving);
    });
  }
}
