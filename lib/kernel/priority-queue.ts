import type { Delivery } from '../contract/driver.js';
import { Ring } from '../contract/ring.js';
import type { Gate, Parked } from './gate.js';

/**
 * Jobs of one executor, lowest priority number first, first in first out inside a lane.
 *
 * priority → ready lanes → ring. Pipelines without a limit share one lane per priority; a limited pipeline has its own
 * lanes and a gate. The heap holds distinct priorities only, so that the cost of a job does not grow with the depth.
 */
export class PriorityQueue {
  readonly #levels = new Map<number, Level>();
  readonly #heap: Level[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(delivery: Delivery, priority: number, gate: Gate | undefined): void {
    let level = this.#levels.get(priority);
    if (level === undefined) this.#levels.set(priority, (level = new Level(priority, this)));
    level.laneOf(gate).add(delivery);
    this.#length++;
  }

  /** Takes the first job whose gate is open; it has entered the gate then. */
  take(): Delivery | undefined {
    while (this.#heap.length > 0) {
      const level = this.#heap[0]!;
      const delivery = level.take();
      if (delivery !== undefined) {
        this.#length--;
        return delivery;
      }
      this.#unlistFirst();
    }
    return undefined;
  }

  /** Takes out what `matches`; the others keep their order. */
  removeWhere(matches: (delivery: Delivery) => boolean): Delivery[] {
    const removed: Delivery[] = [];
    for (const level of [...this.#levels.values()].sort((a, b) => a.priority - b.priority)) removed.push(...level.removeWhere(matches));
    this.#length -= removed.length;
    return removed;
  }

  /** In the order in which they would run, gates aside. */
  *[Symbol.iterator](): Iterator<Delivery> {
    for (const level of [...this.#levels.values()].sort((a, b) => a.priority - b.priority)) yield* level;
  }

  /** Called by a level that has a ready lane. */
  list(level: Level): void {
    if (level.isListed) return;
    level.isListed = true;
    const heap = this.#heap;
    let index = heap.push(level) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.priority <= level.priority) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = level;
  }

  #unlistFirst(): void {
    const heap = this.#heap;
    const first = heap[0]!;
    first.isListed = false;
    if (first.isEmpty) this.#levels.delete(first.priority);
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.priority < heap[child]!.priority) child++;
      if (heap[child]!.priority >= last.priority) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

/** All jobs of one priority. */
class Level {
  isListed = false;
  readonly #queue: PriorityQueue;
  readonly #shared = new Lane(this, undefined);
  readonly #limited = new Map<Gate, Lane>();
  readonly #ready: Lane[] = [];
  #next = 0;

  constructor(
    readonly priority: number,
    queue: PriorityQueue,
  ) {
    this.#queue = queue;
  }

  get isEmpty(): boolean {
    if (this.#shared.length > 0) return false;
    for (const lane of this.#limited.values()) if (lane.length > 0) return false;
    return true;
  }

  laneOf(gate: Gate | undefined): Lane {
    if (gate === undefined) return this.#shared;
    let lane = this.#limited.get(gate);
    if (lane === undefined) this.#limited.set(gate, (lane = new Lane(this, gate)));
    return lane;
  }

  makeReady(lane: Lane): void {
    this.#ready.push(lane);
    this.#queue.list(this);
  }

  // Ready lanes take turns, so that a limited pipeline is served beside the shared lane.
  take(): Delivery | undefined {
    const ready = this.#ready;
    while (ready.length > 0) {
      if (this.#next >= ready.length) this.#next = 0;
      const lane = ready[this.#next]!;
      const delivery = lane.take();
      if (lane.isReady) this.#next++;
      else ready.splice(this.#next, 1);
      if (delivery !== undefined) return delivery;
    }
    return undefined;
  }

  removeWhere(matches: (delivery: Delivery) => boolean): Delivery[] {
    const removed = this.#shared.removeWhere(matches);
    for (const [gate, lane] of this.#limited) {
      removed.push(...lane.removeWhere(matches));
      // A lane that is still listed or parked is met empty and dropped.
      if (lane.length === 0) this.#limited.delete(gate);
    }
    return removed;
  }

  *[Symbol.iterator](): Iterator<Delivery> {
    yield* this.#shared;
    for (const lane of this.#limited.values()) yield* lane;
  }
}

/** First in, first out; behind a gate when its pipeline has a limit. */
class Lane implements Parked {
  /** Listed in its level. A lane that ran empty, or that waits for its gate, is not. */
  isReady = false;
  isParked = false;
  readonly #level: Level;
  readonly #gate: Gate | undefined;
  readonly #jobs = new Ring<Delivery>();

  constructor(level: Level, gate: Gate | undefined) {
    this.#level = level;
    this.#gate = gate;
  }

  get length(): number {
    return this.#jobs.length;
  }

  add(delivery: Delivery): void {
    this.#jobs.push(delivery);
    this.#list();
  }

  /** `undefined` when it is empty or parked itself; it is no longer ready then. */
  take(): Delivery | undefined {
    if (this.#jobs.length > 0 && this.#gate !== undefined && !this.#gate.enter()) {
      this.isReady = false;
      this.isParked = true;
      this.#gate.park(this);
      return undefined;
    }
    const delivery = this.#jobs.shift();
    if (this.#jobs.length === 0) this.isReady = false;
    return delivery;
  }

  unpark(): void {
    this.isParked = false;
    if (this.#jobs.length > 0) this.#list();
  }

  removeWhere(matches: (delivery: Delivery) => boolean): Delivery[] {
    return this.#jobs.removeWhere(matches);
  }

  [Symbol.iterator](): Iterator<Delivery> {
    return this.#jobs[Symbol.iterator]();
  }

  #list(): void {
    if (this.isReady || this.isParked) return;
    this.isReady = true;
    this.#level.makeReady(this);
  }
}
