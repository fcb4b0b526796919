import type { Deadline } from '../../contract/clock.js';
import type { DriverContext } from '../../contract/driver.js';
import type { Job, JobHeaders } from '../../contract/job.js';
import { sentence } from '../../contract/shown.js';
import { messageOf } from '../../contract/thrown.js';
import { SupervisedConnection } from '../supervised-connection.js';
import { Assignments } from './assignments.js';
import { Brake } from './brake.js';
import { CommitLoop } from './commit-loop.js';
import type { ConsumptionSettings, KafkaOptions, KafkaSettings } from './config.js';
import { Loans } from './loans.js';
import { KafkaDelivery, type Partition, type PartitionCommit } from './partition.js';
import type { CommittedPlace, ConsumerListener, KafkaAdmin, KafkaClient, KafkaConsumer, ReadUpTo, ReceivedRecord, TopicPartition } from './port.js';
import { decodeJob, dueAtOf } from './record.js';
import { isRefusal } from './sender.js';
import { within } from './within.js';

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

const REBALANCE_TIMEOUT_MS = 60_000;

/** Reads the topics of a pipeline, lends their records and commits what is done. */
export class Consumption implements ConsumerListener {
  readonly #options: ConsumptionOptions;
  readonly #connection: SupervisedConnection<KafkaSession>;
  readonly #assignments: Assignments;
  readonly #loans: Loans;
  readonly #brake: Brake;
  readonly #commits: CommitLoop;
  readonly #groupId: string;
  /** Of the session that is being opened, or stands. */
  #admin: KafkaAdmin | undefined;
  /** Why the consumer died before it was handed over. */
  #early: Error | undefined;
  #isStopped = false;

  constructor(options: ConsumptionOptions) {
    const { context, settings, consumption, copy } = options;
    this.#options = options;
    this.#groupId = consumption.groupId ?? `nrr-${crypto.randomUUID()}`;
    this.#brake = new Brake({ clock: context.clock, maxUnsettled: settings.maxUnsettled, consumer: () => this.session?.consumer });
    this.#commits = new CommitLoop({
      clock: context.clock,
      collect: () => this.#uncommitted(),
      commit: (places) => this.#commit(places),
      onCommitted: (commits) => this.#loans.committed(commits),
      onRefused: (error) => this.#tellRefused(error),
    });
    this.#loans = new Loans({
      context,
      commits: consumption.groupId === undefined ? undefined : this.#commits,
      copy,
      onLess: (partition) => this.#brake.relax(partition),
      isStuck: (partition) => this.#brake.isStuck(partition),
    });
    this.#assignments = new Assignments({
      context,
      settings,
      consumption,
      admin: () => this.#admin!,
      onLost: (partition) => this.#loans.lose(partition),
    });
    this.#connection = this.#supervise();
  }

  get isReady(): boolean {
    return this.#loans.isLending && this.#connection.current !== undefined;
  }

  get lent(): number {
    return this.#loans.lent;
  }

  /** How many wait for their time in this process. */
  get held(): number {
    return this.#loans.held;
  }

  get session(): KafkaSession | undefined {
    return this.#connection.current;
  }

  /** What this process knows of a partition that it has. */
  partition(place: TopicPartition): Partition | undefined {
    return this.#assignments.get(place);
  }

  /** Resolves when partitions were assigned, or the time is over: it goes on trying by itself. */
  async start(timeoutMs: number): Promise<void> {
    this.#connection.start();
    await this.#connection.use(timeoutMs).catch(() => {}); // the connection has told why
    this.#loans.lend();
  }

  pause(): void {
    this.#loans.pause();
  }

  resume(): void {
    this.#loans.resume();
  }

  /** Commits what is done and leaves the group; what is not goes to the others, or to the next start. */
  async stop(deadline: Deadline): Promise<void> {
    if (this.#isStopped) return;
    const { clock } = this.#options.context;
    await within(clock, deadline, this.#loans.settle());
    this.#isStopped = true;
    this.#loans.stop();
    this.#brake.stop();
    this.#assignments.stop();
    await within(clock, deadline, this.#commits.stop());
    await within(clock, deadline, this.#connection.stop());
  }

  /** Fetched records of a topic that are not finished. */
  unfinishedOf(topic: string): number {
    let sum = 0;
    for (const partition of this.#assignments) if (partition.topic === topic) sum += partition.unfinished;
    return sum;
  }

  // The consumer's side.

  onAssigned(places: readonly TopicPartition[], consumer: KafkaConsumer): Promise<void> {
    return this.#assignments.assign(places, consumer);
  }

  /** Others do not run again what is done. */
  onRebalancing(): void {
    this.#commits.now();
  }

  async onRecords(place: TopicPartition, records: readonly ReceivedRecord[], read: ReadUpTo): Promise<void> {
    const known = this.#assignments.get(place);
    if (known === undefined || this.#isStopped) return;
    const partition = await this.#assignments.current(known, records[0]!);
    if (partition === undefined || partition.isLost) return;
    for (const record of records) if (record.offset >= (partition.next ?? 0)) this.#take(partition, record);
    partition.remember(records.at(-1)!);
    this.#loans.lend();
    this.#loans.read(partition, read);
    await this.#brake.hold(partition);
  }

  onPassed(place: TopicPartition, read: ReadUpTo): void {
    const partition = this.#assignments.get(place);
    if (partition !== undefined) this.#loans.read(partition, read);
  }

  onLost(error: Error): void {
    const { current } = this.#connection;
    if (current === undefined) this.#early = error;
    else this.#connection.lost(current, error);
  }

  #supervise(): SupervisedConnection<KafkaSession> {
    const { context, settings } = this.#options;
    return new SupervisedConnection<KafkaSession>({
      driver: context.driver,
      name: context.pipeline,
      connect: () => this.#open(),
      onUp: () => (this.#early === undefined ? Promise.resolve() : Promise.reject(this.#early)),
      close: (session) => closeSession(session),
      isFinal: isRefusal,
      clock: context.clock,
      logger: context.logger,
      connectTimeoutMs: REBALANCE_TIMEOUT_MS + settings.client.requestTimeoutMs,
    });
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

  #take(partition: Partition, record: ReceivedRecord): void {
    if (partition.isDone(record.offset)) {
      partition.passed(record.offset);
      this.#commits.soon();
      return;
    }
    const { context } = this.#options;
    const job = decodeJob(record, partition, context.pipeline, context.priority);
    const bytes = (record.value?.length ?? 0) + (record.key?.length ?? 0);
    const delivery = new KafkaDelivery(job, partition, record.offset, bytes, this.#laneOf(partition, job.id));
    partition.fetched(delivery);
    this.#loans.add(delivery, dueAtOf(record));
  }

  #laneOf({ topic, partition }: Partition, id: string): string | undefined {
    const { order } = this.#options.settings;
    if (order === 'none') return undefined;
    return order === 'partition' ? `${topic}/${partition}/` : `${topic}/${partition}/${id}`;
  }

  #uncommitted(): readonly PartitionCommit[] {
    if (this.#options.consumption.groupId === undefined || this.session === undefined) return [];
    return [...this.#assignments].flatMap((partition) => partition.toCommit() ?? []);
  }

  #tellRefused(error: unknown): void {
    const { pipeline, logger } = this.#options.context;
    logger.warn(
      `Group "${this.#groupId}" of pipeline "${pipeline}" cannot commit what is done: ${sentence(messageOf(error))} Until it can, finished jobs run again after a restart. May it write to the group, and does the broker take 2005 bytes by "offset.metadata.max.bytes"?`,
      { pipeline, group: this.#groupId, error },
    );
  }

  async #commit(places: readonly CommittedPlace[]): Promise<void> {
    const { consumer } = await this.#connection.use(0);
    await consumer.commit(places);
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
