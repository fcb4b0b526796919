const SMALLEST = 16;
/** An emptied ring of more slots than this gives them back. */
const KEPT_WHEN_EMPTY = 4_096;

/** A queue in a growing circular buffer: push and shift cost the same at every length. */
export class Ring<T> implements Iterable<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(SMALLEST);
  #mask = SMALLEST - 1;
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length > this.#mask) this.#resize(this.#slots.length * 2);
    this.#slots[(this.#head + this.#length++) & this.#mask] = item;
  }

  /** Puts it before the oldest. */
  unshift(item: T): void {
    if (this.#length > this.#mask) this.#resize(this.#slots.length * 2);
    this.#head = (this.#head - 1) & this.#mask;
    this.#slots[this.#head] = item;
    this.#length++;
  }

  /** The oldest, without taking it. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    if (--this.#length === 0 && this.#mask >= KEPT_WHEN_EMPTY) this.clear();
    return item;
  }

  /** Takes out what `matches`, keeps the order of the rest. */
  removeWhere(matches: (item: T) => boolean): T[] {
    const removed: T[] = [];
    let kept = 0;
    for (let index = 0; index < this.#length; index++) {
      const item = this.#slots[(this.#head + index) & this.#mask] as T;
      if (matches(item)) removed.push(item);
      else this.#slots[(this.#head + kept++) & this.#mask] = item;
    }
    for (let index = kept; index < this.#length; index++) this.#slots[(this.#head + index) & this.#mask] = undefined;
    this.#length = kept;
    return removed;
  }

  clear(): void {
    this.#slots = new Array<T | undefined>(SMALLEST);
    this.#mask = SMALLEST - 1;
    this.#head = 0;
    this.#length = 0;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let index = 0; index < this.#length; index++) yield this.#slots[(this.#head + index) & this.#mask] as T;
  }

  #resize(capacity: number): void {
    const slots = new Array<T | undefined>(capacity);
    for (let index = 0; index < this.#length; index++) slots[index] = this.#slots[(this.#head + index) & this.#mask];
    this.#slots = slots;
    this.#mask = capacity - 1;
    this.#head = 0;
  }
}
