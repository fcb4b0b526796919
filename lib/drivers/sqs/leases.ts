import type { Clock, Timer } from '../../contract/clock.js';
import { MAX_VISIBILITY_SECONDS } from './config.js';
import type { SqsDelivery } from './delivery.js';

export interface LeasesOptions {
  readonly clock: Clock;
  /**
   * Tells the service that the job is still here.
   *
   * @param seconds - How long it is hidden from then on.
   * @param isLast - The service hides it no longer than that.
   */
  extend(delivery: SqsDelivery, seconds: number, isLast: boolean): void;
}

/** Extended when this part of the time has passed, so that two tries may fail. */
const PART = 3;
/** For the way of a request: the service counts from the receive, and refuses one second more than it allows. */
const MARGIN_SECONDS = 60;

/**
 * What is lent, and the one timer that keeps it hidden from other consumers: running jobs and those that wait in the
 * kernel's queue alike. All that is due within the same part of the time goes together.
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #lent = new Set<SqsDelivery>();
  #visibilitySeconds = 0;
  #stepMs = Infinity;
  #timer: Timer | undefined;

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#lent.size;
  }

  /** Without those that left the queue before they were lent. */
  get hidden(): number {
    let count = 0;
    for (const { isRemoved } of this.#lent) if (!isRemoved) count++;
    return count;
  }

  list(): SqsDelivery[] {
    return [...this.#lent];
  }

  has(delivery: SqsDelivery): boolean {
    return this.#lent.has(delivery);
  }

  /** @param visibilitySeconds - How long what is received is hidden. */
  set visibilitySeconds(visibilitySeconds: number) {
    this.#visibilitySeconds = visibilitySeconds;
    this.#stepMs = (visibilitySeconds * 1_000) / PART;
  }

  add(delivery: SqsDelivery): void {
    this.#lent.add(delivery);
    if (delivery.isRemoved) return;
    delivery.receivedAt = this.#options.clock.monotonic();
    delivery.extendAt = delivery.receivedAt + this.#stepMs;
    if (this.#timer === undefined) this.#arm();
  }

  remove(delivery: SqsDelivery): void {
    this.#lent.delete(delivery);
    if (this.#lent.size === 0) this.#disarm();
  }

  /** Ends it; answers what was lent. */
  clear(): SqsDelivery[] {
    const lent = [...this.#lent];
    this.#lent.clear();
    this.#disarm();
    return lent;
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimer(this.#stepMs / 2, () => {
      const now = clock.monotonic();
      for (const delivery of this.#lent) {
        // Those that would be late at the next look go as well.
        if (delivery.isRemoved || delivery.extendAt > now + this.#stepMs / 2) continue;
        this.#extend(delivery, now);
      }
      this.#arm();
    });
  }

  #extend(delivery: SqsDelivery, now: number): void {
    const leftSeconds = Math.floor(MAX_VISIBILITY_SECONDS - MARGIN_SECONDS - (now - delivery.receivedAt) / 1_000);
    const isLast = leftSeconds <= this.#visibilitySeconds;
    delivery.extendAt = isLast ? Infinity : now + this.#stepMs;
    this.#options.extend(delivery, Math.min(this.#visibilitySeconds, leftSeconds), isLast);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
