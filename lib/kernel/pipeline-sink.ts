import type { Delivery, DeliverySink } from '../contract/driver.js';
import { sizeOf } from '../contract/job.js';
import type { Dispatcher } from './dispatcher.js';
import type { Gate } from './gate.js';
import { priorityOf } from '../contract/priority.js';
import type { QueueLimits } from './queue-limits.js';

/** Refills begin when this many jobs fit, so that a full queue does not pay for a call per job. */
const LARGEST_LOW_WATER = 64;

/** Where the driver of one pipeline puts its deliveries: the priority queue, within `prefetch` and the limits of the kernel. */
export class PipelineSink implements DeliverySink {
  readonly #dispatcher: Dispatcher;
  readonly #limits: QueueLimits;
  readonly #gate: Gate | undefined;
  readonly #prefetch: number;
  readonly #priority: number;
  readonly #lowWater: number;
  readonly #check = (): void => this.#tellRoom();
  #queued = 0;
  #held = 0;
  #callback: (() => void) | undefined;

  constructor(
    dispatcher: Dispatcher,
    limits: QueueLimits,
    options: { prefetch: number; priority: number; pipelineSize: number; gate: Gate | undefined },
  ) {
    this.#dispatcher = dispatcher;
    this.#limits = limits;
    this.#gate = options.gate;
    this.#prefetch = options.prefetch;
    this.#priority = options.priority;
    this.#lowWater = Math.max(1, Math.min(LARGEST_LOW_WATER, Math.floor(Math.min(options.prefetch, options.pipelineSize) / 4)));
  }

  get room(): number {
    return Math.min(this.#prefetch - this.#held, this.#limits.room);
  }

  accept(delivery: Delivery): void {
    const { job } = delivery;
    this.#queued++;
    this.#held++;
    this.#limits.add(sizeOf(job));
    this.#dispatcher.add(delivery, priorityOf(job, this.#priority), this.#gate);
  }

  onRoom(callback: () => void): void {
    this.#callback = callback;
    this.#limits.wait(this.#check);
  }

  /** A job of this pipeline left the queue. */
  left(): void {
    this.#queued--;
    this.#limits.jobLeft();
    if (this.#callback !== undefined) this.#tellRoom();
  }

  /** A job of this pipeline was settled and its handler has ended, or it was taken out of the queue. */
  freed(bytes: number): void {
    this.#held--;
    this.#gate?.leave();
    this.#limits.bytesFreed(bytes);
    if (this.#callback !== undefined) this.#tellRoom();
  }

  /** A job was taken out of the queue before it entered the gate. */
  removed(bytes: number): void {
    this.#queued--;
    this.#held--;
    this.#limits.jobLeft();
    this.#limits.bytesFreed(bytes);
    if (this.#callback !== undefined) this.#tellRoom();
  }

  // Below the low-water mark the queue has work; without any queued job of ours every free place counts.
  #tellRoom(): void {
    const callback = this.#callback;
    const { room } = this;
    if (callback === undefined || room <= 0 || (room < this.#lowWater && this.#queued > 0)) return;
    this.#callback = undefined;
    this.#limits.stopWaiting(this.#check);
    callback();
  }
}
