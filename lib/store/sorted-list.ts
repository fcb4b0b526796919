/** A chunk that grows beyond it is cut in two: an insertion moves at most this many items. */
const CHUNK = 512;

/** Distinct items in order. Adding, deleting and finding a place cost a few comparisons and one short move, also among a million. */
export class SortedList<T> {
  readonly #compare: (left: T, right: T) => number;
  /** None of them is empty. */
  readonly #chunks: T[][] = [];

  /** @param compare - Negative when `left` comes first, 0 only for the same item. */
  constructor(compare: (left: T, right: T) => number) {
    this.#compare = compare;
  }

  get first(): T | undefined {
    return this.#chunks[0]?.[0];
  }

  add(item: T): void {
    const place = this.#chunkOf(item);
    const chunk = this.#chunks[place];
    if (chunk === undefined) {
      this.#chunks.push([item]);
      return;
    }
    chunk.splice(this.#indexIn(chunk, item), 0, item);
    if (chunk.length > CHUNK) this.#chunks.splice(place + 1, 0, chunk.splice(CHUNK / 2));
  }

  /** False when it was not there. */
  delete(item: T): boolean {
    const place = this.#chunkOf(item);
    const chunk = this.#chunks[place];
    if (chunk === undefined) return false;
    const index = this.#indexIn(chunk, item);
    const found = chunk[index];
    if (found === undefined || this.#compare(found, item) !== 0) return false;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(place, 1);
    return true;
  }

  /** How many items come before the first one for which `holds` is false; it has to be false for all after that one, too. */
  countWhile(holds: (item: T) => boolean): number {
    const place = Math.max(0, partition(this.#chunks, (chunk) => holds(chunk[0])) - 1);
    let count = 0;
    for (let index = 0; index < place; index++) count += this.#chunks[index].length;
    const chunk = this.#chunks[place];
    return chunk === undefined ? 0 : count + partition(chunk, holds);
  }

  /** The items from position `start` to the one before `end`. */
  slice(start: number, end: number): T[] {
    const items: T[] = [];
    let offset = 0;
    for (const chunk of this.#chunks) {
      if (offset >= end) break;
      if (offset + chunk.length > start) items.push(...chunk.slice(Math.max(0, start - offset), end - offset));
      offset += chunk.length;
    }
    return items;
  }

  clear(): void {
    this.#chunks.length = 0;
  }

  /** Where the chunk is that holds `item`, or would. */
  #chunkOf(item: T): number {
    return Math.max(0, partition(this.#chunks, (chunk) => this.#compare(chunk[0], item) <= 0) - 1);
  }

  #indexIn(chunk: readonly T[], item: T): number {
    return partition(chunk, (other) => this.#compare(other, item) < 0);
  }
}

/** How many items `holds` is true for, when all of them stand before the others. */
function partition<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
