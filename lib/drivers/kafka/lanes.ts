import { Ring } from '../../contract/ring.js';
import type { KafkaDelivery } from './partition.js';

/** Lets one delivery of each lane through; the next one follows when it is finished. */
export class Lanes {
  /** Who waits, by lane; a lane that is here is taken. */
  readonly #taken = new Map<string, Ring<KafkaDelivery>>();

  /** True when it may be lent; false when it waits for another one. */
  enter(delivery: KafkaDelivery): boolean {
    const { lane } = delivery;
    if (lane === undefined) return true;
    const waiting = this.#taken.get(lane);
    if (waiting !== undefined) {
      waiting.push(delivery);
      return false;
    }
    this.#taken.set(lane, new Ring());
    return true;
  }

  /** To be called once for each that entered. @returns the one that may be lent instead */
  leave({ lane }: KafkaDelivery): KafkaDelivery | undefined {
    if (lane === undefined) return undefined;
    const next = this.#taken.get(lane)?.shift();
    if (next === undefined) this.#taken.delete(lane);
    return next;
  }

  /** Frees the lanes of a partition that is lost: who comes back with it begins anew. */
  removeLanes(prefix: string): void {
    for (const lane of this.#taken.keys()) if (lane.startsWith(prefix)) this.#taken.delete(lane);
  }
}
