import { FOREVER } from './checks.js';
import { compareKeys } from './key-order.js';
import { SortedList } from './sorted-list.js';

interface Held<V> {
  readonly key: string;
  readonly value: V;
  readonly expiresAt: number;
}

/** A map whose entries may have a time limit. It takes no notice of time itself: call `dropExpired` before every use. */
export class TtlMap<V> {
  readonly #held = new Map<string, Held<V>>();
  /** Those with a time limit, the next to expire first. */
  readonly #limited = new SortedList<Held<unknown>>((left, right) => left.expiresAt - right.expiresAt || compareKeys(left.key, right.key));

  get(key: string): V | undefined {
    return this.#held.get(key)?.value;
  }

  /** True when the key is new. */
  set(key: string, value: V, expiresAt: number): boolean {
    const isNew = !this.delete(key);
    const held = { key, value, expiresAt };
    this.#held.set(key, held);
    if (expiresAt !== FOREVER) this.#limited.add(held);
    return isNew;
  }

  /** False when there was nothing. */
  delete(key: string): boolean {
    const held = this.#held.get(key);
    if (held === undefined) return false;
    if (held.expiresAt !== FOREVER) this.#limited.delete(held);
    return this.#held.delete(key);
  }

  /** Deletes what expires at `now` or before, and names it. */
  dropExpired(now: number): string[] {
    const dropped: string[] = [];
    for (let next = this.#limited.first; next !== undefined && next.expiresAt <= now; next = this.#limited.first) {
      this.delete(next.key);
      dropped.push(next.key);
    }
    return dropped;
  }

  clear(): void {
    this.#held.clear();
    this.#limited.clear();
  }
}
