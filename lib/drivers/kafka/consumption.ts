import type { Clock, Deadline, Timer } from '../../contract/clock.js';
import type { DriverContext } from '../../contract/driver.js';
import type { Done, Job, JobHeaders } from '../../contract/job.js';
import { Ring } from '../../contract/ring.js';
import { SupervisedConnection } from '../supervised-connection.js';
import { CommitLoop } from './commit-loop.js';
import { AT_START, type ConsumptionSettings, type KafkaOptions, type KafkaSettings, type StartOffset } from './config.js';
import { DueTimes } from './due-times.js';
import { Lanes } from './lanes.js';
import { KafkaDelivery, Partition, type DeliveryHolder } from './partition.js';
import type { ConsumerListener, KafkaAdmin, KafkaClient, KafkaConsumer, PartitionOffset, ReceivedRecord, TopicPartition } from './port.js';
import { decodeJob, dueAtOf } from './record.js';
import { isRefusal } from './sender.js';
import { startOffsets } from './start-offsets.js';

/** A consumer and who answers its questions. */
export interface KafkaSession {
  readonly consumer: KafkaConsumer;
  readonly admin: KafkaAdmin;
}

export interface ConsumptionOptions {
  readonly context: DriverContext<KafkaOptions>;
  readonly settings: KafkaSettings;
  readonly consumption: ConsumptionSettings;
  readonly client: KafkaClient;
  /** Writes the job again. Resolves when the copy is stored. */
  copy(job: Job, headers: JobHeaders, dueAt: number | undefined): Promise<void>;
}

/** While more than that of a partition waits here, no more is fetched of it. */
const BACKLOG_JOBS = 1_000;
const BACKLOG_BYTES = 1_048_576;
/**
 * How long a fetch is held back for a partition before it goes on without it. kafkajs fetches all partitions of a broker together: one that is slow
 * must not hold up the others, one that is fast must not be paused, which costs a fetch. Unit: milliseconds.
 */
const HOLD_MS = 200;
const REBALANCE_TIMEOUT_MS = 60_000;

/** Reads the topics of a pipeline and lends their records; commits what is finished. */
export class Consumption implements DeliveryHolder, ConsumerListener {
  readonly #options: ConsumptionOptions;
  readonly #connection: SupervisedConnection<KafkaSession>;
  readonly #partitions = new Map<string, Partition>();
  readonly #ready = new Ring<KafkaDelivery>();
  readonly #due: DueTimes;
  readonly #lanes = new Lanes();
  readonly #commits: CommitLoop;
  readonly #copies = new Set<Promise<void>>();
  /** Fetches that are held back. */
  readonly #holds = new Map<Timer, () => void>();
  readonly #drain = (): void => this.#lendReady();
  readonly #groupId: string;
  /** Of the session that is being opened, or stands. */
  #admin: KafkaAdmin | undefined;
  /** Why the consumer died before it was handed over. */
  #early: Error | undefined;
  #assignments = 0;
  #lent = 0;
  #isLending = true;
  #isStopped = false;

  constructor(options: ConsumptionOptions) {
    const { context, consumption } = options;
    this.#options = options;
    this.#groupId = consumption.groupId ?? `nrr-${crypto.randomUUID()}`;
    this.#due = new DueTimes(context.clock, (deliveries) => this.#becameDue(deliveries));
    this.#commits = new CommitLoop({ clock: context.clock, positions: () => this.#uncommitted(), commit: (positions) => this.#commit(positions) });
    this.#connection = new SupervisedConnection<KafkaSession>({
      driver: context.driver,
      name: context.pipeline,
      connect: () => this.#open(),
      onUp: () => (this.#early === undefined ? Promise.resolve() : Promise.reject(this.#early)),
      close: (session) => closeSession(session),
      isFinal: isRefusal,
      clock: context.clock,
      logger: context.logger,
      connectTimeoutMs: REBALANCE_TIMEOUT_MS + options.settings.client.requestTimeoutMs,
    });
  }

  get isReady(): boolean {
    return this.#isLending && this.#connection.current !== undefined;
  }

  get lent(): number {
    return this.#lent;
  }

  get held(): number {
    return this.#due.length;
  }

  get session(): KafkaSession | undefined {
    return this.#connection.current;
  }

  /** Resolves when partitions were assigned, or the time is over: it goes on trying by itself. */
  async start(timeoutMs: number): Promise<void> {
    this.#connection.start();
    await this.#connection.use(timeoutMs).catch(() => {}); // the connection has told why
    this.#lendReady();
  }

  pause(): void {
    this.#isLending = false;
  }

  resume(): void {
    this.#isLending = true;
    this.#lendReady();
  }

  /** Commits what is finished and leaves the group; what is not finished goes to the others, or to the next start. */
  async stop(deadline: Deadline): Promise<void> {
    if (this.#isStopped) return;
    this.#isLending = false;
    await within(this.#options.context.clock, deadline, Promise.allSettled(this.#copies));
    this.#isStopped = true;
    this.#due.stop();
    for (const [timer, resume] of this.#holds) {
      timer.cancel();
      resume();
    }
    await within(this.#options.context.clock, deadline, this.#commits.stop());
    await this.#connection.stop();
  }

  /** Records of a partition that are not finished and not lent, as far as they were fetched; where the next fetch of it begins. */
  progress(topic: string, partition: number): { readonly next: number | undefined; readonly unfinished: number } {
    const known = this.#partitions.get(keyOf({ topic, partition }));
    return { next: known?.next, unfinished: known?.unfinished ?? 0 };
  }

  /** Fetched records of a topic that are not finished. */
  unfinishedOf(topic: string): number {
    let sum = 0;
    for (const partition of this.#partitions.values()) if (partition.topic === topic) sum += partition.unfinished;
    return sum;
  }

  // The consumer's side.

  async onAssigned(places: readonly TopicPartition[], consumer: KafkaConsumer): Promise<void> {
    const number = ++this.#assignments;
    const assigned = new Set(places.map(keyOf));
    for (const partition of this.#partitions.values()) if (!assigned.has(keyOf(partition))) this.#lose(partition);
    const committed = await this.#committedOf(places);
    const outdated = await this.#outdated(committed);
    const fresh = places.filter((place) => {
      const known = this.#partitions.get(keyOf(place));
      return known === undefined || outdated.has(known);
    });
    const starts = await this.#startsOf(fresh.filter((place) => !committed.has(keyOf(place))));
    // Another rebalance came meanwhile.
    if (number !== this.#assignments || this.#isStopped) return;
    for (const partition of outdated) this.#lose(partition);
    for (const place of fresh) {
      const partition = new Partition(place);
      const offset = committed.get(keyOf(place)) ?? starts.get(keyOf(place));
      if (offset !== undefined) partition.startAt(offset);
      this.#partitions.set(keyOf(place), partition);
    }
    // Also those that stayed: the consumer would begin with what is committed, and run what is open here once more.
    for (const partition of this.#partitions.values()) {
      const { topic, next } = partition;
      if (next !== undefined) consumer.seek({ topic, partition: partition.partition, offset: next });
      if (partition.isPaused) consumer.pause(partition);
    }
  }

  async onRecords(place: TopicPartition, records: readonly ReceivedRecord[]): Promise<void> {
    let partition = this.#partitions.get(keyOf(place));
    if (partition === undefined || this.#isStopped) return;
    const { next = 0 } = partition;
    // They were fetched before, or the topic was made anew and counts from 0 again.
    if (records[0]!.offset < next && (await this.#wasMadeAnew(partition))) {
      this.#lose(partition);
      partition = new Partition(place);
      this.#partitions.set(keyOf(place), partition);
    }
    for (const record of records) if (record.offset >= (partition.next ?? 0)) this.#take(partition, record);
    this.#lendReady();
    await this.#holdBack(partition);
  }

  onLost(error: Error): void {
    const { current } = this.#connection;
    if (current === undefined) this.#early = error;
    else this.#connection.lost(current, error);
  }

  // The deliveries' side.

  settled(delivery: KafkaDelivery): Done {
    this.#lent--;
    this.#finish(delivery);
  }

  putBack(delivery: KafkaDelivery, headers: JobHeaders, delayMs: number): Done {
    this.#lent--;
    // Its new owner has it again anyway.
    if (this.#isStopped || delivery.partition.isLost) return;
    const dueAt = delayMs > 0 ? Math.ceil(this.#options.context.clock.now() + delayMs) : undefined;
    return this.#replace(delivery, headers, dueAt);
  }

  released(delivery: KafkaDelivery): Done {
    this.#lent--;
    if (this.#isStopped || delivery.partition.isLost) return;
    this.#putInFront(delivery);
    this.#lendReady();
  }

  async #open(): Promise<KafkaSession> {
    const { client, consumption, settings } = this.#options;
    this.#early = undefined;
    const admin = await client.openAdmin();
    this.#admin = admin;
    try {
      const ofDelays = settings.delayTopic === undefined ? [] : [settings.delayTopic];
      const topics = [...(consumption.partitions?.map(({ topic }) => topic) ?? consumption.topics), ...ofDelays];
      if (settings.autoCreateTopics) await admin.createTopics([...new Set(topics.filter((topic) => typeof topic === 'string'))]);
      const consumer = await client.openConsumer(
        {
          groupId: this.#groupId,
          topics: [...new Set(topics)],
          partitions: consumption.partitions === undefined ? undefined : [...consumption.partitions, ...(await partitionsOf(admin, ofDelays))],
          fromBeginning: consumption.start.type === 'AtStart',
          minBytes: consumption.minBytes,
          maxBytes: consumption.maxBytes,
          sessionTimeoutMs: consumption.sessionTimeoutMs,
          heartbeatIntervalMs: consumption.heartbeatIntervalMs,
          rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
          autoCreateTopics: settings.autoCreateTopics,
        },
        this,
      );
      return { admin, consumer };
    } catch (error) {
      void admin.close().catch(() => {}); // the failure before it is the one to tell
      throw error;
    }
  }

  async #committedOf(places: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    const { groupId } = this.#options.consumption;
    if (groupId === undefined || places.length === 0) return new Map();
    const topics = [...new Set(places.map(({ topic }) => topic))];
    return new Map((await this.#admin!.committed(groupId, topics)).map((position) => [keyOf(position), position.offset]));
  }

  /** Known partitions with which others went on while this process was away, or that were deleted and made anew. */
  async #outdated(committed: ReadonlyMap<string, number>): Promise<ReadonlySet<Partition>> {
    const outdated = new Set<Partition>();
    for (const partition of this.#partitions.values()) {
      const offset = committed.get(keyOf(partition));
      const isPassed = offset !== undefined && offset > (partition.position ?? 0);
      const isForgotten = offset === undefined && partition.committed !== undefined;
      if (isPassed || isForgotten || (await this.#wasMadeAnew(partition))) outdated.add(partition);
    }
    return outdated;
  }

  async #wasMadeAnew({ topic, partition, next }: Partition): Promise<boolean> {
    const bound = (await this.#admin!.bounds(topic)).find((one) => one.partition === partition);
    return bound !== undefined && bound.end < (next ?? 0);
  }

  async #startsOf(places: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    const { consumption, settings } = this.#options;
    const byStart = new Map<StartOffset, TopicPartition[]>();
    for (const place of places) {
      const own = consumption.partitions?.find(({ topic, partition }) => topic === place.topic && partition === place.partition)?.start;
      const start = place.topic === settings.delayTopic ? AT_START : (own ?? consumption.start);
      byStart.set(start, [...(byStart.get(start) ?? []), place]);
    }
    const found = await Promise.all([...byStart].map(([start, ofStart]) => startOffsets(this.#admin!, ofStart, start)));
    return new Map(found.flat().map((position) => [keyOf(position), position.offset]));
  }

  #lose(partition: Partition): void {
    partition.isLost = true;
    partition.wake();
    this.#partitions.delete(keyOf(partition));
    const isOfIt = (delivery: KafkaDelivery): boolean => delivery.partition === partition;
    this.#ready.removeWhere(isOfIt);
    this.#due.removeWhere(isOfIt);
    this.#lanes.removeLanes(`${partition.topic}/${partition.partition}/`);
  }

  #take(partition: Partition, record: ReceivedRecord): void {
    const { context } = this.#options;
    const job = decodeJob(record, partition, context.pipeline, context.priority);
    const bytes = (record.value?.length ?? 0) + (record.key?.length ?? 0);
    const delivery = new KafkaDelivery(job, partition, record.offset, bytes, this.#laneOf(partition, job.id));
    partition.fetched(delivery);
    const dueAt = dueAtOf(record);
    if (dueAt > context.clock.now()) {
      partition.queued(delivery, -1);
      this.#due.add(delivery, dueAt);
    } else if (this.#lanes.enter(delivery)) this.#ready.push(delivery);
  }

  #laneOf({ topic, partition }: Partition, id: string): string | undefined {
    const { order } = this.#options.settings;
    if (order === 'none') return undefined;
    return order === 'partition' ? `${topic}/${partition}/` : `${topic}/${partition}/${id}`;
  }

  #becameDue(deliveries: readonly KafkaDelivery[]): void {
    for (const delivery of deliveries) {
      delivery.partition.queued(delivery, 1);
      if (this.#lanes.enter(delivery)) this.#ready.push(delivery);
    }
    this.#lendReady();
  }

  #lendReady(): void {
    const { sink } = this.#options.context;
    while (this.#isLending && this.#ready.length > 0) {
      if (sink.room <= 0) return sink.onRoom(this.#drain);
      const delivery = this.#ready.shift()!;
      delivery.partition.queued(delivery, -1);
      this.#lent++;
      sink.accept(delivery.lend(this));
      this.#relax(delivery.partition);
    }
  }

  #putInFront(delivery: KafkaDelivery): void {
    delivery.partition.queued(delivery, 1);
    this.#ready.unshift(delivery);
  }

  /** The copy is stored before the original is passed over: a crash between makes a duplicate, never a loss. */
  #replace(delivery: KafkaDelivery, headers: JobHeaders, dueAt: number | undefined): Promise<void> {
    const copied = this.#options.copy(delivery.job, headers, dueAt).then(() => this.#finish(delivery));
    this.#copies.add(copied);
    const forget = (): void => void this.#copies.delete(copied);
    copied.then(forget, forget);
    return copied;
  }

  #finish(delivery: KafkaDelivery): void {
    const { partition } = delivery;
    partition.finish(delivery);
    if (this.#isStopped) return;
    const next = partition.isLost ? undefined : this.#lanes.leave(delivery);
    if (next !== undefined) this.#ready.push(next);
    if (!partition.isLost) {
      this.#commits.soon();
      this.#relax(partition);
    }
    if (next !== undefined) this.#lendReady();
  }

  async #holdBack(partition: Partition): Promise<void> {
    this.#makeWay(partition);
    if (!this.#isFull(partition)) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.context.clock.setTimer(HOLD_MS, resolve);
      this.#holds.set(timer, resolve);
      void partition.whenLess().then(() => {
        timer.cancel();
        this.#holds.delete(timer);
        resolve();
      });
    });
    if (this.#isStopped || partition.isLost || !this.#isFull(partition)) return;
    partition.isPaused = true;
    this.session?.consumer.pause(partition);
  }

  #relax(partition: Partition): void {
    if (this.#isFull(partition)) return;
    partition.wake();
    if (!partition.isPaused || partition.backlog > BACKLOG_JOBS / 2 || partition.backlogBytes > BACKLOG_BYTES / 2) return;
    partition.isPaused = false;
    this.session?.consumer.resume(partition);
  }

  #isFull({ backlog, backlogBytes, gap }: Partition): boolean {
    return backlog > BACKLOG_JOBS || backlogBytes > BACKLOG_BYTES || gap >= this.#options.settings.maxUnsettled;
  }

  /** A job that waits for its time at the head of a full partition is written again at its end: it must not keep the others waiting. */
  #makeWay(partition: Partition): void {
    const { oldest } = partition;
    if (oldest === undefined || partition.gap < this.#options.settings.maxUnsettled) return;
    const dueAt = this.#due.remove(oldest);
    if (dueAt === undefined) return;
    this.#replace(oldest, oldest.job.headers, dueAt).then(
      () => this.#makeWay(partition),
      () => {}, // the driver stopped; the original is there
    );
  }

  #uncommitted(): readonly PartitionOffset[] {
    if (this.#options.consumption.groupId === undefined || this.session === undefined) return [];
    return [...this.#partitions.values()].flatMap(({ topic, partition, position, committed }) =>
      position === undefined || position <= (committed ?? 0) ? [] : [{ topic, partition, offset: position }],
    );
  }

  async #commit(positions: readonly PartitionOffset[]): Promise<void> {
    await this.session?.consumer.commit(positions);
    for (const position of positions) this.#partitions.get(keyOf(position))?.wasCommitted(position.offset);
  }
}

/** The admin goes first: it is never needed for the farewell. */
async function closeSession({ consumer, admin }: KafkaSession): Promise<void> {
  await Promise.allSettled([admin.close(), consumer.close()]);
}

async function partitionsOf(admin: KafkaAdmin, topics: readonly string[]): Promise<readonly TopicPartition[]> {
  const found = await Promise.all(topics.map(async (topic) => (await admin.bounds(topic)).map(({ partition }) => ({ topic, partition }))));
  return found.flat();
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition}/${topic}`;
}

/** Ends with the deadline, whatever becomes of the work. */
function within(clock: Clock, deadline: Deadline, work: Promise<unknown>): Promise<void> {
  return new Promise<void>((resolve) => {
    const timer = deadline.remainingMs() === Infinity ? undefined : clock.setTimer(deadline.remainingMs(), resolve);
    const end = (): void => {
      timer?.cancel();
      resolve();
    };
    work.then(end, end);
  });
}
