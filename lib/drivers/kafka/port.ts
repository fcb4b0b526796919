/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A place in a partition. Offsets are counted in 64 bits by Kafka; up to 2^53 − 1 here, which no partition reaches. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** What a group has committed of a partition. */
export interface CommittedPlace extends PartitionOffset {
  /** A text that the broker keeps with the offset; empty when there is none. */
  readonly metadata: string;
}

/** Names to values, in the order in which they are written. A name with several values stands several times in the record. */
export type RecordHeaders = Readonly<Record<string, HeaderValue>>;
export type HeaderValue = string | Uint8Array;

/** A record on its way to a topic. */
export interface OutgoingRecord {
  readonly key: string;
  readonly value: string | Buffer;
  readonly headers: RecordHeaders;
  /** Absent: chosen by the strategy of the producer, once; a repetition goes to the same one. */
  partition?: number;
}

/** A record as it was fetched. */
export interface ReceivedRecord {
  readonly offset: number;
  /** Of its producer or its broker, in Unix milliseconds. */
  readonly timestamp: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, HeaderValue | readonly HeaderValue[] | null | undefined>>;
}

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
export type Partitioning = 'Manual' | 'Uniform' | 'RoundRobin' | 'LeastBackup' | 'Sticky';

/** What a producer is opened with. Pipelines with equal ones share it. */
export interface ProducerSettings {
  readonly idempotent: boolean;
  /** -1: all replicas that are in sync; 1: the leader; 0: nobody, the answer is not awaited. */
  readonly acks: -1 | 0 | 1;
  readonly compression: Compression;
  readonly partitioning: Partitioning;
  readonly maxMessageBytes: number;
  readonly transactionTimeoutMs: number;
  readonly autoCreateTopics: boolean;
}

/** What a consumer is opened with. */
export interface ConsumerSettings {
  readonly groupId: string;
  /** Names, or patterns of them. */
  readonly topics: readonly (string | RegExp)[];
  /** These partitions and no others, whoever else reads them. */
  readonly partitions: readonly TopicPartition[] | undefined;
  /** Where to begin without a committed offset and without a `seek`. */
  readonly fromBeginning: boolean;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly autoCreateTopics: boolean;
}

/** How far a partition was read by a fetch. */
export interface ReadUpTo {
  /** The offset after what was fetched. */
  readonly next: number;
  /** The offset after the last record of the partition, at that moment. */
  readonly end: number;
}

/** Told by a consumer. */
export interface ConsumerListener {
  /** The partitions it has from this call on; before any record of them. Records of a partition wait until the promise has resolved. */
  onAssigned(partitions: readonly TopicPartition[], consumer: KafkaConsumer): Promise<void>;
  /** Partitions are about to be given out anew. What is committed in this turn counts. */
  onRebalancing(): void;
  /** Records of one partition in their order, one at least. The next ones of the same partition come when the promise has resolved. */
  onRecords(place: TopicPartition, records: readonly ReceivedRecord[], read: ReadUpTo): Promise<void> | void;
  /** What was fetched of a partition is for nobody: marks of transactions, records of those that were aborted. */
  onPassed(place: TopicPartition, read: ReadUpTo): void;
  /** The consumer is dead; another one has to be opened. */
  onLost(error: Error): void;
}

/** Why a produce request was not answered with success. */
export interface ProduceFailure {
  /**
   * `retry`: the same records may be sent again. `renew`: only by a new producer. `missing`: the broker does not know the topic, or not yet.
   * `refused`: never.
   */
  readonly kind: 'retry' | 'renew' | 'missing' | 'refused';
  readonly error: Error;
}

export interface KafkaProducer {
  /** Resolves when the records are as safe as `acks` says. Sent again unchanged after a failure, they are stored once if it is idempotent. */
  send(topic: string, records: readonly OutgoingRecord[]): Promise<void>;
  /** What a rejection of `send` means. */
  failureOf(error: unknown): ProduceFailure;
  close(): Promise<void>;
}

export interface KafkaConsumer {
  /**
   * Resolves when the broker has taken them. One at a time. Rejects when others may have the partitions by then: it is never repeated after a rebalance by itself, as it would overwrite what the new owners
   * have committed.
   */
  commit(places: readonly CommittedPlace[]): Promise<void>;
  /** The next fetch of the partition begins there. */
  seek(position: PartitionOffset): void;
  /** Until `resume`: also after others have had it in between. Without effect on a consumer that has ended. */
  pause(place: TopicPartition): void;
  /** Without effect on a consumer that has ended. */
  resume(place: TopicPartition): void;
  /** Leaves the group, so that others take over at once. */
  close(): Promise<void>;
}

/** The broker does not know the topic, or not yet. */
export class MissingTopicError extends Error {
  constructor(topic: string, options: ErrorOptions) {
    super(`There is no topic "${topic}".`, options);
  }
}

/** The topic is there, the partition that a record names is not. */
export class MissingPartitionError extends Error {
  /** Read by kafkajs. */
  readonly retriable = false;

  constructor(topic: string, partition: number | undefined, partitions: number) {
    super(`Topic "${topic}" has ${partitions} partitions and no partition ${partition}. Name one from 0 to ${partitions - 1}.`);
  }
}

export interface KafkaAdmin {
  /**
   * The offset after the last record, and that of the first, by partition.
   *
   * @throws MissingTopicError when the topic is not there.
   */
  bounds(topic: string): Promise<readonly { readonly partition: number; readonly first: number; readonly end: number }[]>;
  /** The first offset whose record is not older, by partition; the end where there is none. */
  offsetsAfter(topic: string, unixMs: number): Promise<readonly { readonly partition: number; readonly offset: number }[]>;
  /** Without partitions that have none. */
  committed(groupId: string, topics: readonly string[]): Promise<readonly CommittedPlace[]>;
  /** Those that are not there, with the defaults of the broker. */
  createTopics(topics: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * The few things that this driver asks of a client of Kafka. A second client is a second implementation of this. What is opened rejects with a
 * `JobsConfigError` when the brokers refuse who asks, or are not whom they have to be: waiting does not heal that.
 */
export interface KafkaClient {
  openProducer(settings: ProducerSettings): Promise<KafkaProducer>;
  openConsumer(settings: ConsumerSettings, listener: ConsumerListener): Promise<KafkaConsumer>;
  openAdmin(): Promise<KafkaAdmin>;
}

/** Where the brokers are, and who asks. */
export interface ClientSettings {
  readonly brokers: readonly string[];
  readonly tls: TlsSettings | undefined;
  readonly sasl: SaslSettings | undefined;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export interface TlsSettings {
  readonly key?: string;
  readonly cert?: string;
  readonly ca?: string;
}

export interface SaslSettings {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
  readonly authorizationIdentity?: string;
}
