import { isDistrust } from '../../contract/distrust.js';
import { JobsConfigError } from '../../contract/errors.js';
import type { JobsLogger } from '../../contract/logger.js';
import { loadPackage } from '../../contract/load-package.js';
import { NotSupportedByDriverError } from '../../contract/pipeline-errors.js';
import { errorOf } from '../../contract/thrown.js';
import { registerCodecs, type NodeZlib } from './codecs.js';
import { cooperativeAssigner } from './cooperative-assigner.js';
import { KafkaJsSockets } from './kafkajs-sockets.js';
import type {
  KafkaJs,
  KafkaJsAdmin,
  KafkaJsBatchEvent,
  KafkaJsBatchPayload,
  KafkaJsConsumer,
  KafkaJsError,
  KafkaJsModule,
  KafkaJsOffset,
  KafkaJsPartitions,
  KafkaJsProducer,
} from './kafkajs-types.js';
import { createPartitioner, directAssigner } from './partitioners.js';
import {
  MissingTopicError,
  type ClientSettings,
  type CommittedPlace,
  type Compression,
  type ConsumerListener,
  type ConsumerSettings,
  type KafkaAdmin,
  type KafkaClient,
  type KafkaConsumer,
  type KafkaProducer,
  type OutgoingRecord,
  type PartitionOffset,
  type ProduceFailure,
  type ProducerSettings,
  type TopicPartition,
} from './port.js';

const PACKAGE = 'kafkajs';
const NEEDED_BY = 'The driver "kafka"';
const CLIENT_ID = 'nestjs-roadrunner';
/** kafkajs waits for these to end when it stops, so they are short; the broker answers at once when there is something. Unit: milliseconds. */
const FETCH_WAIT_MS = 100;
/** Batches of different partitions that are handed over at once. */
const CONCURRENT_PARTITIONS = 64;
/** Of one partition in one fetch. Unit: bytes. */
const PARTITION_BYTES = 1_048_576;
/** Few and short: who uses the client repeats, and for as long as it wants to. */
const RETRY = { retries: 4, initialRetryTime: 100, maxRetryTime: 1_000 };
/** A topic that was just made has its leader within a few milliseconds. */
const ADMIN_RETRY = { retries: 7, initialRetryTime: 25, maxRetryTime: 1_000 };
const LOG_LEVEL_WARN = 2;
const TYPES: Readonly<Record<Compression, keyof KafkaJsModule['CompressionTypes']>> = {
  none: 'None',
  gzip: 'GZIP',
  snappy: 'Snappy',
  lz4: 'LZ4',
  zstd: 'ZSTD',
};
/** The broker has lost what it knew of the producer, or the producer its count: only a new one can go on. */
const NEEDS_NEW_PRODUCER: ReadonlySet<string> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_ID_MAPPING',
]);
const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION';
const WRONG_PASSWORD = 'KafkaJSSASLAuthenticationError';

/**
 * Loads kafkajs and its codecs.
 *
 * @throws PackageMissingError when it is not installed.
 */
export async function openKafkaJs(settings: ClientSettings, logger: JobsLogger): Promise<KafkaClient> {
  const loaded = await loadPackage(PACKAGE, NEEDED_BY);
  // Node finds only some of its names: it is CommonJS.
  const module = (loaded['default'] ?? loaded) as KafkaJsModule;
  registerCodecs(module, (await import('node:zlib')) as unknown as NodeZlib);
  return new KafkaJsClient(module, settings, logger);
}

class KafkaJsClient implements KafkaClient {
  readonly #module: KafkaJsModule;
  readonly #settings: ClientSettings;
  readonly #logger: JobsLogger;

  constructor(module: KafkaJsModule, settings: ClientSettings, logger: JobsLogger) {
    this.#module = module;
    this.#settings = settings;
    this.#logger = logger;
  }

  async openProducer(settings: ProducerSettings): Promise<KafkaProducer> {
    const sockets = new KafkaJsSockets();
    const { partitioner, nextBatch } = createPartitioner(settings.partitioning);
    const producer = this.#kafka(sockets).producer({
      createPartitioner: () => partitioner,
      idempotent: settings.idempotent,
      transactionTimeout: settings.transactionTimeoutMs,
      allowAutoTopicCreation: settings.autoCreateTopics,
      maxInFlightRequests: 1,
      retry: RETRY,
    });
    await this.#connect(producer, sockets);
    const compression = this.#module.CompressionTypes[TYPES[settings.compression]];
    return new KafkaJsProducerPort(producer, sockets, { acks: settings.acks, compression, nextBatch });
  }

  async openConsumer(settings: ConsumerSettings, listener: ConsumerListener): Promise<KafkaConsumer> {
    const sockets = new KafkaJsSockets();
    const consumer = this.#kafka(sockets).consumer({
      groupId: settings.groupId,
      sessionTimeout: settings.sessionTimeoutMs,
      heartbeatInterval: settings.heartbeatIntervalMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      minBytes: settings.minBytes,
      maxBytes: settings.maxBytes,
      maxBytesPerPartition: Math.min(settings.maxBytes, PARTITION_BYTES),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: settings.autoCreateTopics,
      retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
      partitionAssigners: this.#assigners(settings),
    });
    const port = new KafkaJsConsumerPort(consumer, sockets, listener);
    try {
      await this.#connect(consumer, sockets);
      await port.start(settings);
    } catch (error) {
      await port.close().catch(() => {}); // what failed is told by the first error
      throw error;
    }
    return port;
  }

  // Among members of this library alone the first one counts; beside a RoadRunner the second one, which is all that it knows.
  #assigners({ partitions }: ConsumerSettings): readonly unknown[] {
    if (partitions !== undefined) return [directAssigner(this.#module, partitions)];
    return [this.#module.PartitionAssigners.roundRobin, cooperativeAssigner(this.#module)];
  }

  async openAdmin(): Promise<KafkaAdmin> {
    const sockets = new KafkaJsSockets();
    const admin = this.#kafka(sockets).admin({ retry: ADMIN_RETRY });
    await this.#connect(admin, sockets);
    return new KafkaJsAdminPort(admin, sockets);
  }

  async #connect(client: Connected, sockets: KafkaJsSockets): Promise<void> {
    // kafkajs goes on with a connection that swallows everything; it comes back on a new one.
    client.on(client.events['REQUEST_TIMEOUT']!, () => sockets.destroy());
    try {
      await client.connect();
    } catch (error) {
      sockets.destroy();
      throw this.#refusalOf(causeOf(error));
    }
  }

  /** What waiting does not heal, as an error of the configuration; any other as it is. */
  #refusalOf(cause: KafkaJsError): Error {
    const { brokers, sasl } = this.#settings;
    const places = brokers.join(', ');
    if (cause.name === WRONG_PASSWORD) {
      const message = `${places} refuses "${sasl?.username}" by "${sasl?.mechanism}": ${cause.message}. Correct user, password or mechanism.`;
      return new JobsConfigError([{ path: 'kafka.sasl', message }], { cause });
    }
    if (!isDistrust(cause.code)) return cause;
    const message = `The certificate of ${places} is not to be trusted: ${cause.message}. Correct "rootCa" or the addresses.`;
    return new JobsConfigError([{ path: 'kafka.tls', message }], { cause });
  }

  /** One for each use: a dead connection of one is ended without the others. */
  #kafka(sockets: KafkaJsSockets): KafkaJs {
    const { brokers, tls, sasl, connectTimeoutMs, requestTimeoutMs } = this.#settings;
    return new this.#module.Kafka({
      clientId: CLIENT_ID,
      brokers,
      connectionTimeout: connectTimeoutMs,
      authenticationTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      retry: RETRY,
      socketFactory: sockets.open,
      logLevel: LOG_LEVEL_WARN,
      // It tells each failure that it then repeats as an error; what matters is told by this driver.
      logCreator: () => (entry: { readonly log: { readonly message: string } }) => this.#logger.debug(`kafkajs: ${entry.log.message}`),
      ...(tls === undefined ? {} : { ssl: { ...tls } }),
      ...(sasl === undefined ? {} : { sasl }),
    });
  }
}

/** Exported for its test: a change of leaders in the middle of a request takes several brokers. */
export class KafkaJsProducerPort implements KafkaProducer {
  readonly #producer: KafkaJsProducer;
  readonly #sockets: KafkaJsSockets;
  readonly #options: { readonly acks: number; readonly compression: number; nextBatch(): void };

  constructor(producer: KafkaJsProducer, sockets: KafkaJsSockets, options: { acks: number; compression: number; nextBatch(): void }) {
    this.#producer = producer;
    this.#sockets = sockets;
    this.#options = options;
  }

  async send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    const { acks, compression, nextBatch } = this.#options;
    nextBatch();
    for (let left = records; left.length > 0;) {
      const answers = await this.#producer.send({ topic, messages: left, acks, compression });
      if (acks === 0) return;
      // A repetition leaves out what has gone over to a broker that had answered for its own partitions.
      const stored = new Set(answers.map(({ partition }) => partition));
      const missing = left.filter(({ partition }) => !stored.has(partition!));
      if (missing.length === left.length) throw new Error(`No broker has answered for ${missing.length} records of topic "${topic}".`);
      left = missing;
    }
  }

  failureOf(error: unknown): ProduceFailure {
    const cause = causeOf(error);
    if (cause.type !== undefined && NEEDS_NEW_PRODUCER.has(cause.type)) return { kind: 'renew', error: cause };
    if (cause.type === MISSING) return { kind: 'missing', error: cause };
    if (cause instanceof NotSupportedByDriverError) return { kind: 'refused', error: cause };
    return { kind: cause.retriable === false ? 'refused' : 'retry', error: cause };
  }

  close(): Promise<void> {
    return closed(this.#producer, this.#sockets);
  }
}

/** Exported for its test. */
export class KafkaJsConsumerPort implements KafkaConsumer {
  readonly #consumer: KafkaJsConsumer;
  readonly #sockets: KafkaJsSockets;
  readonly #listener: ConsumerListener;
  #assigned: Promise<void> = Promise.resolve();
  #send: KafkaJsBatchPayload['commitOffsetsIfNecessary'] | undefined;
  #isClosed = false;
  #crash: Error | undefined;
  /** Commits that the broker has taken. */
  #commits = 0;

  constructor(consumer: KafkaJsConsumer, sockets: KafkaJsSockets, listener: ConsumerListener) {
    this.#consumer = consumer;
    this.#sockets = sockets;
    this.#listener = listener;
  }

  async start({ topics, fromBeginning }: ConsumerSettings): Promise<void> {
    const { events } = this.#consumer;
    this.#consumer.on(events['GROUP_JOIN']!, ({ payload }) =>
      this.#joined((payload as { memberAssignment: Readonly<Record<string, number[]>> }).memberAssignment),
    );
    this.#consumer.on(events['COMMIT_OFFSETS']!, () => void this.#commits++);
    this.#consumer.on(events['END_BATCH_PROCESS']!, ({ payload }) => this.#processed(payload as KafkaJsBatchEvent));
    this.#consumer.on(events['REBALANCING']!, () => this.#listener.onRebalancing());
    this.#consumer.on(events['CRASH']!, ({ payload }) => this.#crashed((payload as { error: Error }).error));
    await this.#consumer.subscribe({ topics, fromBeginning });
    await this.#consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: CONCURRENT_PARTITIONS,
      eachBatch: (payload) => this.#batch(payload),
    });
    // A failure of the first join is told by an event only.
    if (this.#crash !== undefined) throw this.#crash;
    await this.#assigned;
  }

  async commit(places: readonly CommittedPlace[]): Promise<void> {
    const before = this.#commits;
    await this.#commit(places.map((place) => ({ ...place, offset: String(place.offset) })));
    // A consumer that dies meanwhile resolves as well; only the event says that the broker has answered.
    if (this.#commits === before) throw new Error('The consumer ended before its commit was answered.');
  }

  seek({ topic, partition, offset }: PartitionOffset): void {
    this.#consumer.seek({ topic, partition, offset: String(offset) });
  }

  pause(place: TopicPartition): void {
    this.#whileItRuns(place, (places) => this.#consumer.pause(places));
  }

  resume(place: TopicPartition): void {
    this.#whileItRuns(place, (places) => this.#consumer.resume(places));
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return closed(this.#consumer, this.#sockets);
  }

  #whileItRuns({ topic, partition }: TopicPartition, act: (places: readonly KafkaJsPartitions[]) => void): void {
    if (this.#isClosed) return;
    try {
      act([{ topic, partitions: [partition] }]);
    } catch {
      // It has died; its event of that comes when it has closed its connections.
    }
  }

  // Only what comes with a batch commits once; before the first one there is but the other way.
  async #commit(offsets: readonly KafkaJsOffset[]): Promise<void> {
    if (this.#send === undefined) return this.#consumer.commitOffsets(offsets);
    const topics = new Set(offsets.map(({ topic }) => topic));
    await this.#send({ topics: [...topics].map((topic) => ({ topic, partitions: offsets.filter((one) => one.topic === topic) })) });
  }

  #joined(assignment: Readonly<Record<string, number[]>>): void {
    const places = Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    this.#assigned = this.#listener.onAssigned(places, this);
    this.#assigned.catch((error: unknown) => this.#crashed(causeOf(error)));
  }

  async #batch({ batch, isStale, commitOffsetsIfNecessary }: KafkaJsBatchPayload): Promise<void> {
    this.#send = commitOffsetsIfNecessary;
    await this.#assigned;
    // A seek was asked for meanwhile: these records are not the next ones.
    if (isStale() || this.#isClosed) return;
    const { topic, partition, messages } = batch;
    const records = messages.map(({ offset, timestamp, key, value, headers = {} }) => ({ offset: Number(offset), timestamp, key, value, headers }));
    await this.#listener.onRecords({ topic, partition }, records, { next: Number(batch.lastOffset()) + 1, end: Number(batch.highWatermark) });
  }

  #processed({ topic, partition, highWatermark, lastOffset, batchSize }: KafkaJsBatchEvent): void {
    if (batchSize > 0 || this.#isClosed) return; // those with messages are handed over
    this.#listener.onPassed({ topic, partition }, { next: Number(lastOffset) + 1, end: Number(highWatermark) });
  }

  #crashed(error: Error): void {
    if (this.#crash !== undefined || this.#isClosed) return;
    this.#crash = causeOf(error);
    this.#listener.onLost(this.#crash);
  }
}

class KafkaJsAdminPort implements KafkaAdmin {
  readonly #admin: KafkaJsAdmin;
  readonly #sockets: KafkaJsSockets;

  constructor(admin: KafkaJsAdmin, sockets: KafkaJsSockets) {
    this.#admin = admin;
    this.#sockets = sockets;
  }

  async bounds(topic: string): Promise<readonly { readonly partition: number; readonly first: number; readonly end: number }[]> {
    const offsets = await this.#admin.fetchTopicOffsets(topic).catch((error: unknown) => {
      const cause = causeOf(error);
      throw cause.type === MISSING ? new MissingTopicError(topic, { cause }) : cause;
    });
    return offsets.map(({ partition, low, high }) => ({ partition, first: Number(low), end: Number(high) }));
  }

  async offsetsAfter(topic: string, unixMs: number): Promise<readonly { readonly partition: number; readonly offset: number }[]> {
    const offsets = await this.#admin.fetchTopicOffsetsByTimestamp(topic, unixMs);
    return offsets.map(({ partition, offset }) => ({ partition, offset: Number(offset) }));
  }

  async committed(groupId: string, topics: readonly string[]): Promise<readonly CommittedPlace[]> {
    const found = await this.#admin.fetchOffsets({ groupId, topics });
    return found.flatMap(({ topic, partitions }) =>
      partitions
        .map(({ partition, offset, metadata }) => ({ topic, partition, offset: Number(offset), metadata: metadata ?? '' }))
        .filter(({ offset }) => offset >= 0),
    );
  }

  async createTopics(topics: readonly string[]): Promise<void> {
    if (topics.length === 0) return;
    await this.#admin.createTopics({ topics: topics.map((topic) => ({ topic })), waitForLeaders: false });
    // It would look for the leaders each 100 ms; this looks as often as the admin tries again.
    await this.#admin.fetchTopicMetadata({ topics });
  }

  close(): Promise<void> {
    return closed(this.#admin, this.#sockets);
  }
}

type Connected = KafkaJsProducer | KafkaJsConsumer | KafkaJsAdmin;

async function closed(client: Connected, sockets: KafkaJsSockets): Promise<void> {
  try {
    await client.disconnect();
  } finally {
    sockets.destroy();
  }
}

/** kafkajs wraps what happened in the fact that it was repeated in vain. */
function causeOf(error: unknown): KafkaJsError {
  const { cause } = error as { readonly cause?: unknown };
  return cause instanceof Error ? causeOf(cause) : errorOf(error);
}
