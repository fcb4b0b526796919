const SMALLEST_BLOCK = 16;
const LARGEST_BLOCK = 1_024;

/**
 * A queue in a chain of blocks: push and shift cost the same at every length.
 *
 * One growing array would be copied whole at each doubling, 5 ms at a million jobs, and the garbage collector would visit
 * the old array for every young job in it; a young block lies beside the young jobs that it holds.
 */
export class Ring<T> implements Iterable<T> {
  #head = new Block<T>(SMALLEST_BLOCK);
  #tail = this.#head;
  /** The place of the oldest in the first block. */
  #first = 0;
  /** The place behind the newest in the last block. */
  #end = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#end === this.#tail.slots.length) this.#append();
    this.#tail.slots[this.#end++] = item;
    this.#length++;
  }

  /** Puts it before the oldest. */
  unshift(item: T): void {
    if (this.#first === 0) this.#prepend();
    this.#head.slots[--this.#first] = item;
    this.#length++;
  }

  /** The oldest, without taking it. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#head.slots[this.#first];
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const { slots } = this.#head;
    const item = slots[this.#first];
    slots[this.#first++] = undefined;
    if (--this.#length === 0) this.#first = this.#end = 0;
    else if (this.#first === slots.length) this.#leaveFirst();
    return item;
  }

  /** Takes out what `matches`, keeps the order of the rest. */
  removeWhere(matches: (item: T) => boolean): T[] {
    const removed: T[] = [];
    const kept = new Ring<T>();
    for (const item of this) {
      if (matches(item)) removed.push(item);
      else kept.push(item);
    }
    if (removed.length > 0) this.#become(kept);
    return removed;
  }

  clear(): void {
    this.#become(new Ring<T>());
  }

  *[Symbol.iterator](): Iterator<T> {
    let place = this.#first;
    let block = this.#head;
    for (let left = this.#length; left > 0; left--) {
      if (place === block.slots.length) {
        block = block.next!;
        place = 0;
      }
      yield block.slots[place++] as T;
    }
  }

  #append(): void {
    const block = new Block<T>(Math.min(this.#tail.slots.length * 2, LARGEST_BLOCK));
    this.#tail.next = block;
    this.#tail = block;
    this.#end = 0;
  }

  #prepend(): void {
    if (this.#length === 0) {
      this.#first = this.#end = this.#head.slots.length;
      return;
    }
    const block = new Block<T>(Math.min(this.#head.slots.length * 2, LARGEST_BLOCK));
    block.next = this.#head;
    this.#head = block;
    this.#first = block.slots.length;
  }

  // Cut off: a dead block in the old generation would keep the young one behind it alive.
  #leaveFirst(): void {
    const next = this.#head.next!;
    this.#head.next = undefined;
    this.#head = next;
    this.#first = 0;
  }

  #become(other: Ring<T>): void {
    this.#head = other.#head;
    this.#tail = other.#tail;
    this.#first = other.#first;
    this.#end = other.#end;
    this.#length = other.#length;
  }
}

class Block<T> {
  readonly slots: (T | undefined)[];
  next: Block<T> | undefined = undefined;

  constructor(size: number) {
    this.slots = new Array<T | undefined>(size);
  }
}
