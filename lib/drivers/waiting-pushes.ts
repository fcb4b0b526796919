import type { Clock, Timer } from '../contract/clock.js';
import { Ring } from '../contract/ring.js';

/** A push that waits for room. */
export interface WaitingPush {
  /** Who may refuse it. */
  readonly owner: object;
  /** 0 or less: it does not wait. */
  readonly timeoutMs: number;
  /** There is room. */
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

/** Pushes that wait for room: first come, first served, each as long as its time-out. */
export class WaitingPushes {
  readonly #clock: Clock;
  readonly #waiting = new Ring<Waiter>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(push: WaitingPush): Promise<void> {
    if (push.timeoutMs <= 0) return Promise.reject(push.refusal());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ push, giveUpAt: this.#clock.monotonic() + push.timeoutMs, resolve, reject });
      if (this.#waiting.length === 1) this.#arm();
    });
  }

  /** Starts them as long as there is room. */
  admit(hasRoom: () => boolean): void {
    if (this.#waiting.length === 0) return;
    while (this.#waiting.length > 0 && hasRoom()) {
      const { push, resolve } = this.#waiting.shift()!;
      resolve(push.start());
    }
    this.#arm();
  }

  /** Those of one owner. */
  refuse(owner: object, error: Error): void {
    for (const { reject } of this.#waiting.removeWhere(({ push }) => push.owner === owner)) reject(error);
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
