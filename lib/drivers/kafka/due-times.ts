import type { Clock, Timer } from '../../contract/clock.js';
import type { KafkaDelivery } from './partition.js';

interface Held {
  readonly delivery: KafkaDelivery;
  /** Unit: Unix milliseconds. */
  readonly dueAt: number;
}

/** Records that may not run before their time. Sorted, soonest last; one timer for the soonest. */
export class DueTimes {
  readonly #clock: Clock;
  readonly #onDue: (deliveries: readonly KafkaDelivery[]) => void;
  #held: Held[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, onDue: (deliveries: readonly KafkaDelivery[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get length(): number {
    return this.#held.length;
  }

  add(delivery: KafkaDelivery, dueAt: number): void {
    let low = 0;
    let high = this.#held.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#held[middle]!.dueAt > dueAt) low = middle + 1;
      else high = middle;
    }
    this.#held.splice(low, 0, { delivery, dueAt });
    if (low === this.#held.length - 1) this.#arm();
  }

  /** Takes it out. @returns when it would have been due; undefined when it is not here */
  remove(delivery: KafkaDelivery): number | undefined {
    const index = this.#held.findIndex((held) => held.delivery === delivery);
    return index === -1 ? undefined : this.#held.splice(index, 1)[0]!.dueAt;
  }

  removeWhere(matches: (delivery: KafkaDelivery) => boolean): void {
    this.#held = this.#held.filter(({ delivery }) => !matches(delivery));
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#held = [];
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const soonest = this.#held.at(-1);
    if (soonest !== undefined) this.#timer = this.#clock.setTimer(Math.max(0, soonest.dueAt - this.#clock.now()), () => this.#fire());
  }

  #fire(): void {
    const now = this.#clock.now();
    const due: KafkaDelivery[] = [];
    while (this.#held.length > 0 && this.#held.at(-1)!.dueAt <= now) due.push(this.#held.pop()!.delivery);
    this.#arm();
    if (due.length > 0) this.#onDue(due);
  }
}
