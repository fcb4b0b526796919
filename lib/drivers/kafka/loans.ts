import type { DriverContext } from '../../contract/driver.js';
import { JobRecord, type Done, type Job, type JobHeaders } from '../../contract/job.js';
import { Ring } from '../../contract/ring.js';
import { messageOf } from '../../contract/thrown.js';
import type { CommitLoop } from './commit-loop.js';
import type { KafkaOptions } from './config.js';
import { DueTimes } from './due-times.js';
import { Lanes } from './lanes.js';
import type { DeliveryHolder, KafkaDelivery, Partition, PartitionCommit } from './partition.js';
import type { ReadUpTo } from './port.js';
import { Turn } from './turn.js';

export interface LoansOptions {
  readonly context: DriverContext<KafkaOptions>;
  /** Absent: nothing is committed. */
  readonly commits: Pick<CommitLoop, 'soon' | 'now'> | undefined;
  /** Writes the job again. Resolves when the copy is stored. */
  copy(job: Job, headers: JobHeaders, dueAt: number | undefined): Promise<void>;
  /** Less of the partition waits, or is open. */
  onLess(partition: Partition): void;
  /** The oldest job of the partition keeps it from being read on. */
  isStuck(partition: Partition): boolean;
}

/** How soon a job runs again at the earliest of which the broker takes no copy. Unit: milliseconds. */
const KEPT_MS = 1_000;

/** Fetched records that wait for their time, for their turn and for room, and those that are lent. */
export class Loans implements DeliveryHolder {
  readonly #options: LoansOptions;
  readonly #ready = new Ring<KafkaDelivery>();
  readonly #due: DueTimes;
  readonly #lanes = new Lanes();
  /** Count as done as soon as that is committed, and run then. */
  readonly #asked = new Set<KafkaDelivery>();
  readonly #copies = new Set<Promise<void>>();
  /** Of partitions that hold more waiting jobs than may be held here. */
  readonly #turns = new Map<Partition, Turn>();
  readonly #drain = (): void => this.#lendReady();
  #lent = 0;
  #isLending = true;
  #isStopped = false;

  constructor(options: LoansOptions) {
    this.#options = options;
    this.#due = new DueTimes(options.context.clock, (deliveries) => this.#becameDue(deliveries));
  }

  get lent(): number {
    return this.#lent;
  }

  /** How many wait for their time. */
  get held(): number {
    return this.#due.length;
  }

  get isLending(): boolean {
    return this.#isLending;
  }

  /** Takes a fetched record, until it is lent; `lend` has to follow. */
  add(delivery: KafkaDelivery, dueAt: number): void {
    if (dueAt === 0) this.#turns.get(delivery.partition)?.found();
    if (dueAt <= this.#options.context.clock.now()) return this.#enter(delivery);
    delivery.partition.queued(delivery, -1);
    this.#due.add(delivery, dueAt);
  }

  /** The partition was read on. */
  read(partition: Partition, { next, end }: ReadUpTo): void {
    this.#turns.get(partition)?.read(next, end);
    this.#makeWay(partition);
  }

  lend(): void {
    this.#lendReady();
  }

  pause(): void {
    this.#isLending = false;
  }

  resume(): void {
    this.#isLending = true;
    this.#lendReady();
  }

  /** Those of a partition that others have. What counts as done before it runs is run here: nobody else does it. */
  lose(partition: Partition): void {
    const isOfOthers = (delivery: KafkaDelivery): boolean => delivery.partition === partition && delivery.early !== 'stored';
    this.#ready.removeWhere(isOfOthers);
    this.#due.removeWhere(isOfOthers);
    for (const delivery of this.#asked) if (delivery.partition === partition) this.#asked.delete(delivery);
    this.#endTurn(partition);
    this.#lanes.removeLanes(`${partition.topic}/${partition.partition}/`);
    this.#lendReady(); // what was asked for was in the way of the others
  }

  /** What counts as done may run. */
  committed(commits: readonly PartitionCommit[]): void {
    const early = commits.flatMap((commit) => commit.early.filter((delivery) => delivery.early === 'stored'));
    for (const delivery of early.reverse()) {
      this.#asked.delete(delivery);
      this.#ready.unshift(delivery);
    }
    this.#lendReady();
  }

  /** Resolves when the copies that are on their way are stored. Nothing is lent from here on. */
  async settle(): Promise<void> {
    this.#isLending = false;
    await Promise.allSettled(this.#copies);
  }

  /** Ends it. What has not begun goes to the others, or to the next start, when the next commit is done. */
  stop(): void {
    this.#isStopped = true;
    this.#due.stop();
    for (const turn of this.#turns.values()) turn.stop();
    const unstarted = [...this.#asked, ...this.#ready].filter(({ early }) => early !== 'no');
    for (const delivery of unstarted) if (!delivery.partition.isLost) delivery.partition.markEarly(delivery, 'no');
    const lost = unstarted.filter(({ partition }) => partition.isLost).length;
    const { logger, pipeline } = this.#options.context;
    if (lost > 0) logger.warn(`${lost} jobs of pipeline "${pipeline}" with autoAck were not run: their partitions have gone to another process.`);
  }

  // The holder's side.

  settled(delivery: KafkaDelivery): Done {
    this.#lent--;
    this.#finish(delivery);
  }

  putBack(delivery: KafkaDelivery, headers: JobHeaders, delayMs: number): Done {
    this.#lent--;
    // Its new owner has it again anyway.
    if (this.#isStopped || delivery.partition.isLost) return;
    const dueAt = delayMs > 0 ? Math.ceil(this.#options.context.clock.now() + delayMs) : undefined;
    const copied = this.#replace(delivery, headers, dueAt);
    copied.catch(() => this.#keep(delivery, headers, dueAt));
    return copied;
  }

  released(delivery: KafkaDelivery): Done {
    this.#lent--;
    if (this.#isStopped || (delivery.partition.isLost && delivery.early !== 'stored')) return;
    delivery.partition.queued(delivery, 1);
    this.#ready.unshift(delivery);
    this.#lendReady();
  }

  #enter(delivery: KafkaDelivery): void {
    if (this.#lanes.enter(delivery)) this.#ready.push(delivery);
  }

  #becameDue(deliveries: readonly KafkaDelivery[]): void {
    for (const delivery of deliveries) {
      delivery.partition.queued(delivery, 1);
      this.#enter(delivery);
    }
    this.#lendReady();
  }

  #lendReady(): void {
    const { context, commits, onLess } = this.#options;
    const { sink } = context;
    while (this.#isLending && this.#ready.length > 0) {
      if (sink.room <= 0) return sink.onRoom(this.#drain);
      const hasToAsk = commits !== undefined && this.#ready.peek()!.job.autoAck && this.#ready.peek()!.early === 'no';
      // What counts as done is to run soon: no more of it than there is room for. It goes on when that is committed.
      if (hasToAsk && this.#asked.size >= sink.room) return;
      const delivery = this.#ready.shift()!;
      if (hasToAsk) {
        this.#asked.add(delivery);
        delivery.partition.markEarly(delivery, 'asked');
        commits.now();
        continue;
      }
      delivery.partition.queued(delivery, -1);
      this.#lent++;
      sink.accept(delivery.lend(this));
      onLess(delivery.partition);
    }
  }

  /** A job that waits for its time at the head of a partition is written again at its end: it must not keep the others waiting. */
  #makeWay(partition: Partition): void {
    const { oldest } = partition;
    if (oldest === undefined || this.#turns.get(partition)?.isResting === true || !this.#options.isStuck(partition)) return;
    const dueAt = this.#due.remove(oldest);
    if (dueAt === undefined) return;
    this.#turnOf(partition).wrote(dueAt);
    this.#replace(oldest, oldest.job.headers, dueAt).catch((error: unknown) => {
      if (this.#isStopped || partition.isLost) return;
      this.#due.add(oldest, dueAt);
      const { logger, pipeline } = this.#options.context;
      const { topic, partition: number } = partition;
      logger.warn(
        `Job ${oldest.job.id} of pipeline "${pipeline}" cannot be written again and keeps partition ${number} of topic "${topic}" waiting until it is due: ${messageOf(error)}`,
        { pipeline, job: oldest.job.id, topic, partition: number },
      );
    });
  }

  #turnOf(partition: Partition): Turn {
    let turn = this.#turns.get(partition);
    if (turn === undefined) {
      turn = new Turn(this.#options.context.clock, () => {
        if (!this.#options.isStuck(partition)) this.#endTurn(partition);
        this.#makeWay(partition);
      });
      this.#turns.set(partition, turn);
    }
    return turn;
  }

  #endTurn(partition: Partition): void {
    this.#turns.get(partition)?.stop();
    this.#turns.delete(partition);
  }

  /** The copy is stored before the original is passed over: a crash between makes a duplicate, never a loss. */
  #replace(delivery: KafkaDelivery, headers: JobHeaders, dueAt: number | undefined): Promise<void> {
    const copied = this.#options.copy(delivery.job, headers, dueAt).then(() => this.#finish(delivery));
    this.#copies.add(copied);
    const forget = (): void => void this.#copies.delete(copied);
    copied.then(forget, forget);
    return copied;
  }

  /** The broker takes no copy of it: it is run from here again, by nobody else. */
  #keep(delivery: KafkaDelivery, headers: JobHeaders, dueAt: number | undefined): void {
    if (this.#isStopped || delivery.partition.isLost) return;
    delivery.job = JobRecord.changed(delivery.job, headers, 0);
    this.#due.add(delivery, Math.max(dueAt ?? 0, this.#options.context.clock.now() + KEPT_MS));
    this.#leave(delivery);
  }

  #finish(delivery: KafkaDelivery): void {
    const { partition } = delivery;
    partition.finish(delivery);
    if (this.#isStopped || partition.isLost) return;
    this.#options.commits?.soon();
    this.#makeWay(partition);
    this.#options.onLess(partition);
    this.#leave(delivery);
  }

  #leave(delivery: KafkaDelivery): void {
    const next = this.#lanes.leave(delivery);
    if (next === undefined) return;
    this.#ready.push(next);
    this.#lendReady();
  }
}
