import type { Clock, Timer } from '../../contract/clock.js';
import { Ring } from '../../contract/ring.js';

/** A push that waits for room. */
export interface WaitingPush {
  /** The pipeline. */
  readonly owner: object;
  readonly timeoutMs: number;
  start(): Promise<void>;
  /** The error when no room came. */
  refusal(): Error;
}

interface Waiter {
  readonly push: WaitingPush;
  readonly giveUpAt: number;
  readonly resolve: (done: Promise<void>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Jobs of one file that wait for their commit. From 300,000 outstanding writes on, acknowledgements included, lmdb holds up
 * the thread (`BACKPRESSURE_THRESHOLD` of its write.js). A million pushes at once go as fast with this number as without.
 */
export const MAX_UNCONFIRMED = 50_000;
/** Their records are kept in memory until then. Unit: bytes. */
export const MAX_UNCONFIRMED_BYTES = 64 * 1024 * 1024;

/** Bounds what is on its way to the disk: pushes beyond wait, first come, first served. */
export class PushRoom {
  readonly #clock: Clock;
  readonly #waiting = new Ring<Waiter>();
  #timer: Timer | undefined;
  #jobs = 0;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#jobs >= MAX_UNCONFIRMED || this.#bytes >= MAX_UNCONFIRMED_BYTES || this.#waiting.length > 0;
  }

  /** A job was given to the file. */
  add(bytes: number): void {
    this.#jobs++;
    this.#bytes += bytes;
  }

  /** Their commit has ended, well or not. */
  ended(jobs: number, bytes: number): void {
    this.#jobs -= jobs;
    this.#bytes -= bytes;
    if (this.#waiting.length > 0) this.#admit();
  }

  wait(push: WaitingPush): Promise<void> {
    if (push.timeoutMs <= 0) return Promise.reject(push.refusal());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ push, giveUpAt: this.#clock.monotonic() + push.timeoutMs, resolve, reject });
      if (this.#waiting.length === 1) this.#arm();
    });
  }

  /** Its pipeline ends. */
  refuse(owner: object, error: Error): void {
    for (const { reject } of this.#waiting.removeWhere(({ push }) => push.owner === owner)) reject(error);
    this.#arm();
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#jobs < MAX_UNCONFIRMED && this.#bytes < MAX_UNCONFIRMED_BYTES) {
      const { push, resolve } = this.#waiting.shift()!;
      resolve(push.start());
    }
    this.#arm();
  }

  // Everyone waits equally long, so the oldest gives up first: one timer is enough.
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const oldest = this.#waiting.peek();
    if (oldest === undefined) return;
    this.#timer = this.#clock.setTimer(oldest.giveUpAt - this.#clock.monotonic(), () => {
      while (this.#waiting.length > 0 && this.#waiting.peek()!.giveUpAt <= this.#clock.monotonic()) {
        const { push, reject } = this.#waiting.shift()!;
        reject(push.refusal());
      }
      this.#arm();
    });
  }
}
