import type { SqsMessage } from './api.js';
import type { SqsDelivery } from './delivery.js';

/**
 * One job of each group of a FIFO queue is lent at a time: a receive brings several, and the kernel runs what is lent side
 * by side. The others wait here, in their order.
 */
export class FifoGroups {
  readonly #waiting = new Map<string, SqsDelivery[]>();
  #held = 0;

  /** How many wait. */
  get held(): number {
    return this.#held;
  }

  /** True: none of its group is lent, it may be. */
  enter(delivery: SqsDelivery): boolean {
    const waiting = this.#waiting.get(groupOf(delivery.message));
    if (waiting === undefined) {
      this.#waiting.set(groupOf(delivery.message), []);
      return true;
    }
    waiting.push(delivery);
    this.#held++;
    return false;
  }

  /** The one after this one, which is over. */
  next(delivery: SqsDelivery): SqsDelivery | undefined {
    const next = this.#waiting.get(groupOf(delivery.message))?.shift();
    if (next === undefined) this.#waiting.delete(groupOf(delivery.message));
    else this.#held--;
    return next;
  }

  /** This one goes back to the queue; those behind it must not overtake it. */
  disband(delivery: SqsDelivery): SqsDelivery[] {
    const waiting = this.#waiting.get(groupOf(delivery.message)) ?? [];
    this.#waiting.delete(groupOf(delivery.message));
    this.#held -= waiting.length;
    return waiting;
  }

  /** All that wait, the last one first; what is lent stays lent. */
  takeWaiting(): SqsDelivery[] {
    const taken = [...this.#waiting.values()].flatMap((waiting) => waiting.splice(0).reverse());
    this.#held = 0;
    return taken;
  }
}

export function groupOf({ Attributes }: SqsMessage): string {
  return Attributes?.['MessageGroupId'] ?? '';
}
