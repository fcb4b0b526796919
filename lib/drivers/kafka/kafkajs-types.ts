import type { Socket } from 'node:net';

// The members of kafkajs 2 that are used, and no more: its own types never leave its adapter.

export interface KafkaJsModule {
  readonly Kafka: new (config: Readonly<Record<string, unknown>>) => KafkaJs;
  readonly CompressionTypes: Readonly<Record<'None' | 'GZIP' | 'Snappy' | 'LZ4' | 'ZSTD', number>>;
  readonly CompressionCodecs: Record<number, () => KafkaJsCodec>;
  readonly PartitionAssigners: { readonly roundRobin: unknown };
  readonly AssignerProtocol: {
    readonly MemberMetadata: { encode(metadata: { version: number; topics: readonly string[]; userData: Buffer }): Buffer };
    readonly MemberAssignment: { encode(given: { version: number; assignment: Record<string, number[]>; userData: Buffer }): Buffer };
  };
}

/** What an assigner is given. */
export interface KafkaJsCluster {
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  /** Empty for a topic that is not among its targets. */
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
}

export interface KafkaJsCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

export interface KafkaJsMessage {
  readonly key: string;
  readonly value: string | Buffer;
  readonly headers: Readonly<Record<string, unknown>>;
  partition?: number;
}

export type KafkaJsPartitioner = (args: {
  readonly topic: string;
  readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
  readonly message: KafkaJsMessage;
}) => number;

export interface KafkaJs {
  producer(config: Readonly<Record<string, unknown>>): KafkaJsProducer;
  consumer(config: Readonly<Record<string, unknown>>): KafkaJsConsumer;
  admin(config: Readonly<Record<string, unknown>>): KafkaJsAdmin;
}

interface Connected {
  readonly events: Readonly<Record<string, string>>;
  on(event: string, listener: (event: { readonly payload: unknown }) => void): () => void;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

export interface KafkaJsProducer extends Connected {
  /** Resolves with what the brokers answered, of each partition; nothing when no answer is asked for. */
  send(request: {
    readonly topic: string;
    readonly messages: readonly KafkaJsMessage[];
    readonly acks: number;
    readonly compression: number;
  }): Promise<readonly { readonly partition: number }[]>;
}

export interface KafkaJsConsumer extends Connected {
  subscribe(subscription: { readonly topics: readonly (string | RegExp)[]; readonly fromBeginning: boolean }): Promise<void>;
  run(config: Readonly<Record<string, unknown>> & { eachBatch(payload: KafkaJsBatchPayload): Promise<void> }): Promise<void>;
  /** Repeats what failed, in a later generation too. */
  commitOffsets(places: readonly KafkaJsOffset[]): Promise<void>;
  seek(position: { readonly topic: string; readonly partition: number; readonly offset: string }): void;
  pause(places: readonly KafkaJsPartitions[]): void;
  resume(places: readonly KafkaJsPartitions[]): void;
}

export interface KafkaJsPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface KafkaJsBatchPayload {
  readonly batch: {
    readonly topic: string;
    readonly partition: number;
    readonly highWatermark: string;
    /** Of a mark of a transaction, too. */
    lastOffset(): string;
    readonly messages: readonly {
      readonly offset: string;
      readonly timestamp: string;
      readonly key: Buffer | null;
      readonly value: Buffer | null;
      readonly headers?: Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>;
    }[];
  };
  isStale(): boolean;
  /** With offsets it always commits them, as the member of the present generation and without repetition. */
  commitOffsetsIfNecessary(offsets: { readonly topics: readonly KafkaJsTopicOffsets[] }): Promise<void>;
}

/** Told of each batch that is not empty, also of one without a message for anybody. */
export interface KafkaJsBatchEvent {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: string;
  readonly lastOffset: string;
  /** Messages. */
  readonly batchSize: number;
}

export interface KafkaJsOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly metadata: string;
}

export interface KafkaJsTopicOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string; readonly metadata: string | null }[];
}

export interface KafkaJsAdmin extends Connected {
  fetchTopicOffsets(topic: string): Promise<readonly { readonly partition: number; readonly high: string; readonly low: string }[]>;
  fetchTopicOffsetsByTimestamp(topic: string, timestamp: number): Promise<readonly { readonly partition: number; readonly offset: string }[]>;
  fetchOffsets(request: { readonly groupId: string; readonly topics: readonly string[] }): Promise<readonly KafkaJsTopicOffsets[]>;
  /** Resolves when all of them have a leader. */
  fetchTopicMetadata(request: { readonly topics: readonly string[] }): Promise<unknown>;
  createTopics(request: { readonly topics: readonly { readonly topic: string }[]; readonly waitForLeaders: boolean }): Promise<boolean>;
}

/** What its errors say about themselves. */
export interface KafkaJsError extends Error {
  readonly retriable?: boolean;
  /** Of the protocol: `UNKNOWN_TOPIC_OR_PARTITION`. */
  readonly type?: string;
  /** Of a connection that failed, Node's own: `ECONNREFUSED`. */
  readonly code?: string;
}

export interface SocketRequest {
  readonly host: string;
  readonly port: number;
  /** Null or absent: plain bytes. */
  readonly ssl?: Readonly<Record<string, unknown>> | null;
  readonly onConnect: () => void;
}

export type SocketFactory = (request: SocketRequest) => Socket;
