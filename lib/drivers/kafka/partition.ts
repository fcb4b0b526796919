import type { Delivery } from '../../contract/driver.js';
import type { Done, Job, JobHeaders } from '../../contract/job.js';
import { Ring } from '../../contract/ring.js';
import { markedOffsets, Marks } from './marks.js';
import type { CommittedPlace, ReceivedRecord, TopicPartition } from './port.js';

/** What is to be told to the broker of a partition. */
export interface PartitionCommit {
  readonly partition: Partition;
  readonly place: CommittedPlace;
  /** Deliveries that count as done with it, and may run then. */
  readonly early: readonly KafkaDelivery[];
}

/** Commits without an answer that are remembered: those of ten seconds, when a dead connection is given up. */
const MAX_UNANSWERED = 100;

/**
 * What this process knows of a partition it has: which of the fetched records are done. Its position – what is committed – is the offset of the
 * oldest one that is not, together with marks for those behind it that are: a crash repeats jobs that ran and never skips one.
 */
export class Partition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** Fetched and not finished, or behind one that is not; in their order. */
  readonly #open = new Ring<KafkaDelivery>();
  /** Behind the position, done by whom it was read before. */
  #done: Set<number> = new Set();
  /** Offset after the last fetched record. Undefined before the first. */
  #next: number | undefined;
  /** The last fetched record: a topic that was deleted and made anew has another one there, or none. */
  #last: { readonly offset: number; readonly mark: string } | undefined;
  /** Waiting to be lent. */
  #backlog = 0;
  #backlogBytes = 0;
  #unfinished = 0;
  #onLess: (() => void) | undefined;
  /** What the broker has of this process, and each that it may have since, as no answer came. */
  #stored: CommittedPlace | undefined;
  #sent: CommittedPlace[] = [];
  #hasChanged = false;
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

  /** Where a new consumer begins: with the last record, if the broker still has it, so that it can be compared. */
  beginAfter(first: number): number | undefined {
    return this.#last !== undefined && this.#last.offset >= first ? this.#last.offset : this.#next;
  }

  /** True for the last fetched record. Undefined: it is another one, before it or behind it. */
  isLast(record: ReceivedRecord): boolean | undefined {
    return this.#last?.offset === record.offset ? this.#last.mark === markOf(record) : undefined;
  }

  /** @param record - The last one of those that were fetched. */
  remember(record: ReceivedRecord): void {
    if (record.offset + 1 === this.#next) this.#last = { offset: record.offset, mark: markOf(record) };
  }

  /** Everything before it is done, it is not. Undefined before the first fetch. */
  get position(): number | undefined {
    for (const delivery of this.#open) if (!isDone(delivery)) return delivery.offset;
    let next = this.#next;
    if (next !== undefined) while (this.#done.has(next)) next++;
    return next;
  }

  /** How many there are since the oldest unfinished one, finished or not. */
  get gap(): number {
    return this.#open.length;
  }

  /** As offsets: what was compacted away counts, too. */
  get span(): number {
    const oldest = this.#open.peek();
    return oldest === undefined ? 0 : this.#next! - oldest.offset;
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

  /** Begins at an offset, or where the group left off. */
  startAt(offset: number, stored: CommittedPlace | undefined): void {
    this.#next = offset;
    this.#stored = stored;
    if (stored !== undefined) this.#done = markedOffsets(stored.offset, stored.metadata);
  }

  /** False when somebody else has committed since. */
  isAsCommitted(place: CommittedPlace | undefined): boolean {
    return isSame(place, this.#stored) || this.#sent.some((sent) => isSame(place, sent));
  }

  /** Records from `offset` on that are done although they were not fetched. */
  doneFrom(offset: number): number {
    let count = 0;
    for (const done of this.#done) if (done >= offset) count++;
    return count;
  }

  isDone(offset: number): boolean {
    return this.#done.has(offset);
  }

  /** Of records that wait in this process, in their order. */
  waitingOffsets(): Set<number> {
    const offsets = new Set<number>();
    for (const { offset, isFinished, isLent } of this.#open) if (!isFinished && !isLent) offsets.add(offset);
    return offsets;
  }

  fetched(delivery: KafkaDelivery): void {
    this.#next = delivery.offset + 1;
    this.#unfinished++;
    this.#open.push(delivery);
    this.queued(delivery, 1);
  }

  /** Fetched, and done before. */
  passed(offset: number): void {
    this.#next = offset + 1;
    this.#hasChanged = true;
  }

  /** Counts what waits to be lent. */
  queued({ bytes }: KafkaDelivery, count: 1 | -1): void {
    this.#backlog += count;
    this.#backlogBytes += count * bytes;
  }

  /** Says whether it counts as done before it runs; the broker is told with the next commit. */
  markEarly(delivery: KafkaDelivery, early: 'no' | 'asked'): void {
    delivery.early = early;
    this.#hasChanged = true;
  }

  finish(delivery: KafkaDelivery): void {
    if (delivery.isFinished) return;
    delivery.isFinished = true;
    this.#hasChanged = true;
    this.#unfinished--;
    while (this.#open.peek()?.isFinished === true) this.#open.shift();
  }

  /** What the broker does not know. Undefined: nothing. */
  toCommit(): PartitionCommit | undefined {
    const { position } = this;
    if (!this.#hasChanged || position === undefined) return undefined;
    this.#hasChanged = false;
    const { marks, early } = this.#behind(position);
    const { topic, partition } = this;
    const place = { topic, partition, offset: position, metadata: marks.toString() };
    if (isSame(place, this.#stored) && early.length === 0) return undefined;
    this.#sent.push(place);
    if (this.#sent.length > MAX_UNANSWERED) this.#sent.shift();
    return { partition: this, place, early };
  }

  committed({ place, early }: PartitionCommit): void {
    this.#stored = place;
    this.#sent = [];
    for (const delivery of early) if (delivery.early === 'asked') delivery.early = 'stored';
  }

  /** What the broker has is not known. */
  commitFailed(): void {
    this.#hasChanged = true;
  }

  /** Resolves at the next `wake`. */
  whenLess(): Promise<void> {
    this.wake();
    return new Promise((resolve) => (this.#onLess = resolve));
  }

  wake(): void {
    const onLess = this.#onLess;
    this.#onLess = undefined;
    onLess?.();
  }

  #behind(position: number): { marks: Marks; early: KafkaDelivery[] } {
    const marks = new Marks(position);
    const early: KafkaDelivery[] = [];
    for (const delivery of this.#open) {
      if (!isDone(delivery) || (delivery.offset > position && !marks.add(delivery.offset))) continue;
      if (delivery.early === 'asked') early.push(delivery);
    }
    for (const offset of this.#done) {
      if (offset > position) marks.add(offset);
      // The position may be ahead of what was fetched: those between come yet, and are passed over.
      else if (offset < this.#next!) this.#done.delete(offset);
    }
    return { marks, early };
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
  /**
   * Of a job with `autoAck`, which counts as done before it runs: `asked` while that is to be committed, `stored` when it was. From then on nobody
   * else runs it.
   */
  early: 'no' | 'asked' | 'stored' = 'no';
  #holder: DeliveryHolder | undefined;

  constructor(
    /** Changed when it runs again from here. */
    public job: Job,
    readonly partition: Partition,
    readonly offset: number,
    /** Payload and key. Unit: bytes. */
    readonly bytes: number,
    /** Deliveries with the same one wait for each other. Undefined: it waits for none. */
    readonly lane: string | undefined,
  ) {}

  get isLent(): boolean {
    return this.#holder !== undefined;
  }

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

function isDone({ isFinished, early }: KafkaDelivery): boolean {
  return isFinished || early !== 'no';
}

function isSame(one: CommittedPlace | undefined, other: CommittedPlace | undefined): boolean {
  return one?.offset === other?.offset && one?.metadata === other?.metadata;
}

function markOf({ timestamp, key }: ReceivedRecord): string {
  return `${timestamp} ${key === null ? '' : Buffer.from(key).toString('base64')}`;
}
