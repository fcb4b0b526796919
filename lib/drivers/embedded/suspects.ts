import { Ring } from '../../contract/ring.js';
import type { EmbeddedDelivery } from './delivery.js';

/** Of jobs that ran at so many deaths one is lent at a time: the next death then tells which of them is to blame. */
export class Suspects {
  readonly #from: number;
  readonly #waiting = new Ring<EmbeddedDelivery>();
  #lent: EmbeddedDelivery | undefined;

  /** @param maxCrashes - Who has one death left is a suspect. */
  constructor(maxCrashes: number) {
    this.#from = Math.max(1, maxCrashes - 1);
  }

  /** False for a suspect while another is lent: it waits here. */
  mayLend(delivery: EmbeddedDelivery): boolean {
    if (delivery.starts < this.#from) return true;
    if (this.#lent !== undefined) {
      this.#waiting.push(delivery);
      return false;
    }
    this.#lent = delivery;
    return true;
  }

  /** To be told of everything that is no longer lent. Answers the suspect whose turn it is. */
  next(ended: EmbeddedDelivery): EmbeddedDelivery | undefined {
    if (this.#lent !== ended) return undefined;
    this.#lent = undefined;
    return this.#waiting.shift();
  }

  /** Takes out who waits here. */
  removeWhere(matches: (delivery: EmbeddedDelivery) => boolean): EmbeddedDelivery[] {
    return this.#waiting.removeWhere(matches);
  }

  [Symbol.iterator](): Iterator<EmbeddedDelivery> {
    return this.#waiting[Symbol.iterator]();
  }
}
