import type { Delivery } from '../../contract/driver.js';
import type { Done, Job, JobHeaders } from '../../contract/job.js';
import { Ring } from '../../contract/ring.js';
import type { TopicPartition } from './port.js';

/** A partition that is waiting for less to hold. */
interface Waiting {
  readonly resolve: () => void;
}

/**
 * What this process knows of a partition it has: which of the fetched records are finished. Its position – what is committed – is the offset of the
 * oldest unfinished one, so that a crash repeats jobs and never skips one.
 */
export class Partition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** Fetched and not finished, or behind one that is not; in their order. */
  readonly #open = new Ring<KafkaDelivery>();
  /** Offset after the last fetched record. Undefined before the first. */
  #next: number | undefined;
  /** Waiting to be lent. */
  #backlog = 0;
  #backlogBytes = 0;
  #unfinished = 0;
  #waiting: Waiting | undefined;
  #committed: number | undefined;
  isPaused = false;
  /** Another member has it; what it does with the open ones is its own affair. */
  isLost = false;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }

  /** Where the next fetch begins. Undefined: where the group left off. */
  get next(): number | undefined {
    return this.#next;
  }

  /** Everything before it is finished. */
  get position(): number | undefined {
    return this.#open.peek()?.offset ?? this.#next;
  }

  /** Offset of the oldest and how many there are since, finished or not. */
  get gap(): number {
    return this.#open.length;
  }

  get oldest(): KafkaDelivery | undefined {
    return this.#open.peek();
  }

  get unfinished(): number {
    return this.#unfinished;
  }

  get backlog(): number {
    return this.#backlog;
  }

  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** The last position that the broker has taken from this process. */
  get committed(): number | undefined {
    return this.#committed;
  }

  /** Begins at an offset, where none was fetched. */
  startAt(offset: number): void {
    this.#next = offset;
  }

  wasCommitted(offset: number): void {
    this.#committed = offset;
  }

  fetched(delivery: KafkaDelivery): void {
    this.#next = delivery.offset + 1;
    this.#unfinished++;
    this.#open.push(delivery);
    this.queued(delivery, 1);
  }

  /** Counts what waits to be lent. */
  queued({ bytes }: KafkaDelivery, count: 1 | -1): void {
    this.#backlog += count;
    this.#backlogBytes += count * bytes;
  }

  finish(delivery: KafkaDelivery): void {
    if (delivery.isFinished) return;
    delivery.isFinished = true;
    this.#unfinished--;
    while (this.#open.peek()?.isFinished === true) this.#open.shift();
  }

  /** Resolves at the next `wake`. */
  whenLess(): Promise<void> {
    this.wake();
    return new Promise((resolve) => (this.#waiting = { resolve }));
  }

  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }
}

/** The driver's side of what it lends. */
export interface DeliveryHolder {
  settled(delivery: KafkaDelivery): Done;
  putBack(delivery: KafkaDelivery, headers: JobHeaders, delayMs: number): Done;
  released(delivery: KafkaDelivery): Done;
}

/** A fetched record: waiting in this process, or lent. The first settlement takes it from its holder. */
export class KafkaDelivery implements Delivery {
  /** Its offset may be passed over. */
  isFinished = false;
  #holder: DeliveryHolder | undefined;

  constructor(
    readonly job: Job,
    readonly partition: Partition,
    readonly offset: number,
    /** Payload and key. Unit: bytes. */
    readonly bytes: number,
    /** Deliveries with the same one wait for each other. Undefined: it waits for none. */
    readonly lane: string | undefined,
  ) {}

  /** @param holder - Takes the settlement. */
  lend(holder: DeliveryHolder): this {
    this.#holder = holder;
    return this;
  }

  ack(): Done {
    return this.#take()?.settled(this);
  }

  nack({ requeue, delayMs = 0 }: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    return requeue ? this.#take()?.putBack(this, this.job.headers, delayMs) : this.#take()?.settled(this);
  }

  requeue({ headers, delayMs }: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    return this.#take()?.putBack(this, headers, delayMs);
  }

  release(): Done {
    return this.#take()?.released(this);
  }

  #take(): DeliveryHolder | undefined {
    const holder = this.#holder;
    this.#holder = undefined;
    return holder;
  }
}
