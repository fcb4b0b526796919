import type { Clock, Timer } from '../../contract/clock.js';
import type { JobRecord } from '../../contract/job.js';

/** A job and its time. */
export interface DelayedJob {
  readonly record: JobRecord;
  /** Unit: monotonic milliseconds. */
  readonly dueAt: number;
  /** Order among jobs that are due at the same time. */
  readonly sequence: number;
}

/** Holds jobs until they are due: one heap ordered by time, and one timer for the first of them. */
export class DelayedJobs {
  readonly #clock: Clock;
  readonly #onDue: (records: readonly JobRecord[]) => void;
  #heap: DelayedJob[] = [];
  #sequence = 0;
  #timer: Timer | undefined;
  #timerAt = Infinity;

  constructor(clock: Clock, onDue: (records: readonly JobRecord[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get length(): number {
    return this.#heap.length;
  }

  add(record: JobRecord, delayMs: number): void {
    const job = { record, dueAt: this.#clock.monotonic() + delayMs, sequence: this.#sequence++ };
    this.#heap.push(job);
    this.#siftUp(this.#heap.length - 1);
    if (job.dueAt < this.#timerAt) this.#arm();
  }

  /** In no order. */
  [Symbol.iterator](): Iterator<DelayedJob> {
    return this.#heap.values();
  }

  /** Takes out what `matches`. */
  removeWhere(matches: (job: DelayedJob) => boolean): JobRecord[] {
    const removed: JobRecord[] = [];
    const kept: DelayedJob[] = [];
    for (const job of this.#heap) {
      if (matches(job)) removed.push(job.record);
      else kept.push(job);
    }
    if (removed.length === 0) return removed;
    this.#heap = kept;
    for (let index = (kept.length >> 1) - 1; index >= 0; index--) this.#siftDown(index);
    this.#arm();
    return removed;
  }

  clear(): void {
    this.#heap = [];
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const first = this.#heap[0];
    this.#timerAt = first === undefined ? Infinity : first.dueAt;
    if (first !== undefined) this.#timer = this.#clock.setTimer(first.dueAt - this.#clock.monotonic(), () => this.#fire());
  }

  #fire(): void {
    const now = this.#clock.monotonic();
    const due: JobRecord[] = [];
    while (this.#heap.length > 0 && this.#heap[0]!.dueAt <= now) due.push(this.#takeFirst().record);
    this.#arm();
    if (due.length > 0) this.#onDue(due);
  }

  #takeFirst(): DelayedJob {
    const first = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#siftDown(0);
    }
    return first;
  }

  #siftUp(start: number): void {
    const heap = this.#heap;
    const job = heap[start]!;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(job, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = job;
  }

  #siftDown(start: number): void {
    const heap = this.#heap;
    const job = heap[start]!;
    let index = start;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, job)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = job;
  }
}

function isBefore(a: DelayedJob, b: DelayedJob): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.sequence < b.sequence);
}
