import { durationMs } from '../contract/duration.js';
import { JobsArgumentError } from '../contract/errors.js';
import { shown } from '../contract/shown.js';
import { checkedFlag, checkedInteger, checkedName } from './checks.js';
import { CreateInfo, Driver, type CreateSettings } from './create-info.js';
import { flagField, jsonField } from './declare-map.js';

/** Who has to have a record before it counts as written. `NoAck` and `LeaderAck` need `disableIdempotent`. @publicApi */
export const Acks = { NoAck: 'NoAck', LeaderAck: 'LeaderAck', AllISRAck: 'AllISRAck' } as const;
/** @publicApi */
export type Acks = (typeof Acks)[keyof typeof Acks];

/** @publicApi */
export const CompressionCodec = { Gzip: 'gzip', Snappy: 'snappy', Lz4: 'lz4', Zstd: 'zstd' } as const;
/** @publicApi */
export type CompressionCodec = (typeof CompressionCodec)[keyof typeof CompressionCodec];

/** What the `value` of a {@link ConsumerOffset} counts. @publicApi */
export const OffsetType = {
  AtStart: 'AtStart',
  AtEnd: 'AtEnd',
  At: 'At',
  AfterMilli: 'AfterMilli',
  Relative: 'Relative',
  WithEpoch: 'WithEpoch',
} as const;
/** @publicApi */
export type OffsetType = (typeof OffsetType)[keyof typeof OffsetType];

/** Where to begin where no offset is committed. @publicApi */
export interface ConsumerOffset {
  readonly type: OffsetType;
  /** Default: none. */
  readonly value?: number;
}

/** @publicApi */
export interface ConsumePartition {
  readonly topic: string;
  /** Range: 0 to 2^31 − 1. */
  readonly partition: number;
  readonly offset: ConsumerOffset;
}

/** @publicApi */
export interface KafkaProducerOptions {
  /** Default: `false`. */
  readonly disableIdempotent?: boolean;
  /** `null` leaves it to the server. Default: `AllISRAck`. */
  readonly requiredAcks?: Acks | null;
  /** Of a batch. Unit: bytes. Range: 512 or more. Default: `1_000_012`. */
  readonly maxMessageBytes?: number;
  /** Unit: seconds, or duration text. Default: the server's. */
  readonly requestTimeout?: number | string;
  /** Unit: seconds, or duration text. Default: the server's. */
  readonly deliveryTimeout?: number | string;
  /** Unit: seconds, or duration text. Default: the server's. */
  readonly transactionTimeout?: number | string;
  /** Default: the server's. */
  readonly compressionCodec?: CompressionCodec;
}

/** @publicApi */
export interface KafkaConsumerOptions {
  /** Default: none. */
  readonly topics?: readonly string[];
  /** `topics` are regular expressions. Default: `false`. */
  readonly consumeRegexp?: boolean;
  /** Of one fetch. Unit: bytes. Range: 1 or more. Default: `50_000`. */
  readonly maxFetchMessageSize?: number;
  /** Unit: bytes. Range: 1 or more. Default: `1`. */
  readonly minFetchMessageSize?: number;
  /** Single partitions instead of `topics`. Default: none. */
  readonly consumePartitions?: readonly ConsumePartition[];
  /** Default: `AtStart` with the value 1. */
  readonly consumerOffset?: ConsumerOffset;
}

/** @publicApi */
export interface KafkaGroupOptions {
  /** Default: none, which the server refuses. */
  readonly groupId?: string;
  /** Default: `false`. */
  readonly blockRebalanceOnPoll?: boolean;
}

/** @publicApi */
export interface KafkaSettings extends CreateSettings {
  /** Default: `false`. */
  readonly autoCreateTopicsEnable?: boolean;
  /** Default: the server's. */
  readonly producerOptions?: KafkaProducerOptions;
  /** Default: none; a pipeline without them only pushes. */
  readonly consumerOptions?: KafkaConsumerOptions;
  /** Default: none; without a group nothing is committed. */
  readonly groupOptions?: KafkaGroupOptions;
}

const MAX_INT32 = 2 ** 31 - 1;
const NS_PER_MS = 1_000_000;
const PRODUCER_OPTIONS: readonly (keyof KafkaProducerOptions)[] = [
  'disableIdempotent',
  'requiredAcks',
  'maxMessageBytes',
  'requestTimeout',
  'deliveryTimeout',
  'transactionTimeout',
  'compressionCodec',
];
const CONSUMER_OPTIONS: readonly (keyof KafkaConsumerOptions)[] = [
  'topics',
  'consumeRegexp',
  'maxFetchMessageSize',
  'minFetchMessageSize',
  'consumePartitions',
  'consumerOffset',
];
const GROUP_OPTIONS: readonly (keyof KafkaGroupOptions)[] = ['groupId', 'blockRebalanceOnPoll'];

/** Jobs in topics of Kafka. @publicApi */
export class KafkaCreateInfo extends CreateInfo<KafkaSettings> {
  constructor(settings: KafkaSettings) {
    super(Driver.Kafka, settings, {
      autoCreateTopicsEnable: flagField('auto_create_topics_enable', false),
      producerOptions: jsonField('producer_options', producerJson),
      consumerOptions: jsonField('consumer_options', consumerJson),
      groupOptions: jsonField('group_options', groupJson),
    });
  }
}

function producerJson(options: KafkaProducerOptions, what: string): object {
  checkKeys(options, PRODUCER_OPTIONS, what);
  const { disableIdempotent = false, requiredAcks = Acks.AllISRAck, maxMessageBytes = 1_000_012, compressionCodec } = options;
  return {
    disable_idempotent: checkedFlag(disableIdempotent, `disableIdempotent in ${what}`),
    max_message_bytes: checkedInteger(maxMessageBytes, `maxMessageBytes in ${what}`, 512, MAX_INT32),
    request_timeout: nanoseconds(options.requestTimeout, `requestTimeout in ${what}`),
    delivery_timeout: nanoseconds(options.deliveryTimeout, `deliveryTimeout in ${what}`),
    transaction_timeout: nanoseconds(options.transactionTimeout, `transactionTimeout in ${what}`),
    required_acks: requiredAcks === null ? undefined : oneOf(requiredAcks, Acks, `requiredAcks in ${what}`),
    compression_codec: compressionCodec === undefined ? undefined : oneOf(compressionCodec, CompressionCodec, `compressionCodec in ${what}`),
  };
}

function consumerJson(options: KafkaConsumerOptions, what: string): object {
  checkKeys(options, CONSUMER_OPTIONS, what);
  const { topics = [], consumeRegexp = false, maxFetchMessageSize = 50_000, minFetchMessageSize = 1, consumePartitions = [] } = options;
  const { consumerOffset = { type: OffsetType.AtStart, value: 1 } } = options;
  return {
    topics: topics.map((topic) => checkedName(topic, `A topic in ${what}`)),
    consume_regexp: checkedFlag(consumeRegexp, `consumeRegexp in ${what}`),
    max_fetch_message_size: checkedInteger(maxFetchMessageSize, `maxFetchMessageSize in ${what}`, 1, MAX_INT32),
    min_fetch_message_size: checkedInteger(minFetchMessageSize, `minFetchMessageSize in ${what}`, 1, MAX_INT32),
    consumer_offset: offsetJson(consumerOffset, `consumerOffset in ${what}`),
    consume_partitions: consumePartitions.length === 0 ? undefined : partitionsJson(consumePartitions, `consumePartitions in ${what}`),
  };
}

function groupJson(options: KafkaGroupOptions, what: string): object {
  checkKeys(options, GROUP_OPTIONS, what);
  const { groupId, blockRebalanceOnPoll = false } = options;
  return {
    group_id: groupId === undefined ? null : checkedName(groupId, `groupId in ${what}`),
    block_rebalance_on_poll: checkedFlag(blockRebalanceOnPoll, `blockRebalanceOnPoll in ${what}`),
  };
}

function partitionsJson(partitions: readonly ConsumePartition[], what: string): object {
  const topics = Object.create(null) as Record<string, Record<number, object>>;
  for (const { topic, partition, offset } of partitions) {
    const ofTopic = (topics[checkedName(topic, `topic in ${what}`)] ??= {});
    ofTopic[checkedInteger(partition, `partition in ${what}`, 0, MAX_INT32)] = offsetJson(offset, `offset in ${what}`);
  }
  return topics;
}

function offsetJson({ type, value }: ConsumerOffset, what: string): object {
  return {
    type: oneOf(type, OffsetType, `type of ${what}`),
    value: value === undefined ? undefined : checkedInteger(value, `value of ${what}`, Number.MIN_SAFE_INTEGER),
  };
}

/** RoadRunner reads these from JSON as Go does: numbers of nanoseconds, and no text. */
function nanoseconds(value: number | string | undefined, what: string): number | undefined {
  return value === undefined ? undefined : Math.ceil(durationMs(value, what)) * NS_PER_MS;
}

function oneOf(value: unknown, choices: Readonly<Record<string, string>>, what: string): string {
  const texts = Object.values(choices);
  if (typeof value === 'string' && texts.includes(value)) return value;
  throw new JobsArgumentError(`${what} is ${shown(value)}. Give one of ${texts.map((text) => `"${text}"`).join(', ')}.`);
}

function checkKeys(options: unknown, known: readonly string[], what: string): void {
  if (typeof options !== 'object' || options === null) throw new JobsArgumentError(`${what} is ${shown(options)}. Give an object.`);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new JobsArgumentError(`${what} has no option "${key}". There are: ${known.join(', ')}.`);
  }
}
