import { readFileSync } from 'node:fs';
import type { DriverCapabilities } from '../../contract/driver.js';
import { JobsConfigError, type ConfigIssue } from '../../contract/errors.js';
import type { OptionSpec } from '../../contract/option-spec.js';
import { NotSupportedByDriverError } from '../../contract/pipeline-errors.js';
import { lentAtOnce, optionTable } from '../option-table.js';
import { Section } from './section.js';
import type { ClientSettings, Compression, Partitioning, SaslSettings, TlsSettings } from './port.js';

/** Settings of a `kafka` pipeline. */
export interface KafkaOptions {
  /** Missing topics are made, with the defaults of the broker. Default: `false`. */
  readonly autoCreateTopicsEnable?: boolean;
  /** How jobs are written. */
  readonly producerOptions?: Readonly<Record<string, unknown>>;
  /** What is read. Without it the pipeline only pushes. */
  readonly consumerOptions?: Readonly<Record<string, unknown>>;
  /** With whom the partitions are shared. Without it nothing is committed. */
  readonly groupOptions?: Readonly<Record<string, unknown>>;
  /** Put over `sasl` of the section `kafka`. */
  readonly saslOptions?: Readonly<Record<string, unknown>>;
  /** Where jobs go that name no topic of their own. Default: the first of `consumerOptions.topics`. */
  readonly topic?: string;
  /** The topic of delayed jobs, which this pipeline reads besides its own. Without it a push with a delay is refused. Default: none. */
  readonly delayTopic?: string;
  /** Which jobs of a partition wait for each other: `none`, those with the same `key`, or all of the `partition`. Default: `none`. */
  readonly order?: 'none' | 'key' | 'partition';
  /** How far the reading of a partition may run ahead of its oldest unfinished job. Unit: jobs. Range: 1 or more. Default: `10_000`. */
  readonly maxUnsettled?: number;
  /** Jobs lent to the kernel at once, running ones included. Unit: jobs. Range: 1 or more. Default: `1_000`. */
  readonly prefetch?: number;
}

export type OffsetType = 'At' | 'AfterMilli' | 'AtEnd' | 'AtStart' | 'Relative' | 'WithEpoch';

/** Where to begin where no offset is committed. */
export interface StartOffset {
  readonly type: OffsetType;
  readonly value: number;
}

export interface ConsumePartition {
  readonly topic: string;
  readonly partition: number;
  readonly start: StartOffset;
}

/** What a pipeline reads. */
export interface ConsumptionSettings {
  readonly topics: readonly (string | RegExp)[];
  readonly partitions: readonly ConsumePartition[] | undefined;
  readonly start: StartOffset;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Absent: nothing is committed. */
  readonly groupId: string | undefined;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
}

/** The options, complete. */
export interface KafkaSettings {
  readonly client: ClientSettings;
  readonly pingTimeoutMs: number;
  readonly autoCreateTopics: boolean;
  readonly idempotent: boolean;
  readonly acks: -1 | 0 | 1;
  readonly maxMessageBytes: number;
  readonly deliveryTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly compression: Compression;
  readonly partitioning: Partitioning;
  readonly consumption: ConsumptionSettings | undefined;
  readonly topic: string | undefined;
  readonly delayTopic: string | undefined;
  readonly order: 'none' | 'key' | 'partition';
  readonly maxUnsettled: number;
}

const DEFAULT_MAX_UNSETTLED = 10_000;
const DEFAULT_PREFETCH = 1_000;
const DEFAULT_PING_MS = 10_000;
const DEFAULT_REQUEST_MS = 10_000;
const DEFAULT_TRANSACTION_MS = 60_000;
const DEFAULT_SESSION_MS = 45_000;
const DEFAULT_HEARTBEAT_MS = 3_000;
const DEFAULT_MESSAGE_BYTES = 1_000_012;
const DEFAULT_FETCH_BYTES = 52_428_800;
const MAX_INT32 = 2 ** 31 - 1;
const ORDERS = ['none', 'key', 'partition'] as const;
const ACKS = { NoAck: 0, LeaderAck: 1, AllISRAck: -1 } as const;
const CODECS: readonly Compression[] = ['gzip', 'snappy', 'lz4', 'zstd'];
const STRATEGIES: readonly Partitioning[] = ['Manual', 'Uniform', 'RoundRobin', 'LeastBackup', 'Sticky'];
const OFFSET_TYPES: readonly OffsetType[] = ['At', 'AfterMilli', 'AtEnd', 'AtStart', 'Relative', 'WithEpoch'];
const MECHANISMS = ['plain', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'aws_msk_iam'] as const;
export const AT_START: StartOffset = { type: 'AtStart', value: 0 };

/** What this driver can do. */
export const capabilities: DriverCapabilities = {
  persistent: true,
  connection: true,
  delay: true,
  priority: false,
  deadLetter: false,
  countsStarts: false,
  browse: true,
  remove: false,
  promote: false,
  purge: false,
};

/** Its settings, as data. */
export const options: readonly OptionSpec[] = optionTable<KafkaOptions>({
  autoCreateTopicsEnable: { type: 'boolean', default: false, meaning: 'Missing topics are made, with the defaults of the broker.' },
  producerOptions: { type: 'map', meaning: 'How jobs are written.' },
  consumerOptions: { type: 'map', meaning: 'What is read. Without it the pipeline only pushes.' },
  groupOptions: { type: 'map', meaning: 'With whom the partitions are shared. Without it nothing is committed.' },
  saslOptions: { type: 'map', meaning: 'Put over "sasl" of the section "kafka".' },
  topic: { type: 'text', meaning: 'Where jobs go that name no topic of their own.' },
  delayTopic: {
    type: 'text',
    meaning: 'The topic of delayed jobs, which this pipeline reads besides its own. Without it a push with a delay is refused.',
  },
  order: {
    type: 'text',
    oneOf: ORDERS,
    default: 'none',
    meaning: 'Which jobs of a partition wait for each other: none, those with the same key, or all of the partition.',
  },
  maxUnsettled: {
    type: 'integer',
    unit: 'jobs',
    min: 1,
    default: DEFAULT_MAX_UNSETTLED,
    meaning: 'How far the reading of a partition may run ahead of its oldest unfinished job.',
  },
  prefetch: lentAtOnce(DEFAULT_PREFETCH),
});

/**
 * Checks and completes the options of a pipeline and of the brokers.
 *
 * @throws JobsConfigError with everything that is wrong.
 * @throws NotSupportedByDriverError for what the client cannot do.
 */
export function resolveSettings(pipeline: string, given: KafkaOptions, broker: Readonly<Record<string, unknown>> = {}): KafkaSettings {
  const issues: ConfigIssue[] = [];
  const at = (option: string): string => `pipelines.${pipeline}.${option}`;
  const producer = new Section(given.producerOptions ?? {}, at('producerOptions'), issues);
  const settings = {
    client: clientOf(given, broker, producer, issues, at),
    pingTimeoutMs: timeoutOf(broker['ping'], DEFAULT_PING_MS),
    autoCreateTopics: given.autoCreateTopicsEnable ?? false,
    ...producerOf(producer),
    topic: given.topic,
    delayTopic: given.delayTopic,
    order: given.order ?? 'none',
    maxUnsettled: given.maxUnsettled ?? DEFAULT_MAX_UNSETTLED,
  };
  const consumption = consumptionOf(given, issues, at);
  if (settings.idempotent && settings.acks !== -1) {
    issues.push({
      path: producer.pathOf('requiredAcks'),
      message: 'Only "AllISRAck" goes with an idempotent producer. Set "disableIdempotent" to true, or leave the acks as they are.',
    });
  }
  producer.end();
  if (issues.length > 0) throw new JobsConfigError(issues);
  const first = consumption?.topics.find((topic) => typeof topic === 'string') ?? consumption?.partitions?.[0]?.topic;
  return { ...settings, consumption, topic: settings.topic ?? first };
}

function producerOf(section: Section) {
  const acks = section.choice('requiredAcks', Object.keys(ACKS) as (keyof typeof ACKS)[], 'AllISRAck');
  return {
    idempotent: !section.flag('disableIdempotent', false),
    acks: ACKS[acks],
    maxMessageBytes: section.integer('maxMessageBytes', 512, MAX_INT32, DEFAULT_MESSAGE_BYTES),
    deliveryTimeoutMs: section.duration('deliveryTimeout', 0),
    transactionTimeoutMs: section.duration('transactionTimeout', DEFAULT_TRANSACTION_MS),
    compression: section.choice('compressionCodec', CODECS, 'snappy'),
    partitioning: section.choice('partitioningStrategy', STRATEGIES, 'Uniform'),
  };
}

function consumptionOf(given: KafkaOptions, issues: ConfigIssue[], at: (option: string) => string): ConsumptionSettings | undefined {
  const group = new Section(given.groupOptions ?? {}, at('groupOptions'), issues);
  const groupId = group.text('groupId');
  const sessionTimeoutMs = group.duration('sessionTimeout', DEFAULT_SESSION_MS);
  const heartbeatIntervalMs = group.duration('heartbeatInterval', Math.min(DEFAULT_HEARTBEAT_MS, sessionTimeoutMs / 3));
  // Offsets are committed before partitions are given up, with it and without it.
  group.flag('blockRebalanceOnPoll', false);
  if (group.text('instanceId') !== undefined) {
    throw new NotSupportedByDriverError('kafka', `static members ("${group.pathOf('instanceId')}")`, 'Leave it out: the client has none.');
  }
  if (given.groupOptions !== undefined && groupId === undefined) {
    issues.push({ path: group.pathOf('groupId'), message: 'It is missing. Name the group, or leave the group options out.' });
  }
  if (heartbeatIntervalMs >= sessionTimeoutMs) {
    issues.push({ path: group.pathOf('heartbeatInterval'), message: 'It has to be shorter than "sessionTimeout". A third of it is usual.' });
  }
  group.end();
  if (given.consumerOptions === undefined) return undefined;
  const consumer = new Section(given.consumerOptions, at('consumerOptions'), issues);
  const isRegexp = consumer.flag('consumeRegexp', false);
  const names = consumer.texts('topics');
  const partitions = partitionsOf(consumer, issues);
  const settings = {
    topics: isRegexp ? names.flatMap((name, index) => patternOf(name, `${consumer.pathOf('topics')}.${index}`, issues)) : names,
    partitions,
    start: startOf(consumer.object('consumerOffset'), consumer.pathOf('consumerOffset'), issues),
    minBytes: consumer.integer('minFetchMessageSize', 1, MAX_INT32, 1),
    maxBytes: consumer.integer('maxFetchMessageSize', 1, MAX_INT32, DEFAULT_FETCH_BYTES),
    groupId,
    sessionTimeoutMs,
    heartbeatIntervalMs,
  };
  consumer.end();
  if (names.length === 0 && partitions === undefined) {
    issues.push({ path: consumer.pathOf('topics'), message: 'Neither topics nor "consumePartitions" are given. Name what is to be read.' });
  }
  if (partitions !== undefined && names.length > 0) {
    issues.push({ path: consumer.pathOf('consumePartitions'), message: 'It does not go with "topics". Keep one of them.' });
  }
  if (partitions !== undefined && groupId !== undefined) {
    issues.push({
      path: consumer.pathOf('consumePartitions'),
      message: 'A group assigns the partitions by itself. Leave "groupOptions" out, or read "topics".',
    });
  }
  return settings;
}

/** Topic to partition to offset. PHP writes a list of partitions 0 to n − 1 as a JSON array. */
function partitionsOf(consumer: Section, issues: ConfigIssue[]): readonly ConsumePartition[] | undefined {
  const topics = Object.entries(consumer.object('consumePartitions') ?? {});
  const partitions = topics.flatMap(([topic, ofTopic]) =>
    Object.entries(objectOf(ofTopic)).map(([number, offset]): ConsumePartition => {
      const path = `${consumer.pathOf('consumePartitions')}.${topic}.${number}`;
      if (!/^\d{1,9}$/.test(number)) issues.push({ path, message: `"${number}" is no partition. Give a whole number, 0 or more.` });
      return { topic, partition: Number(number), start: startOf(objectOf(offset), path, issues) };
    }),
  );
  return partitions.length === 0 ? undefined : partitions;
}

function startOf(offset: Readonly<Record<string, unknown>> | undefined, path: string, issues: ConfigIssue[]): StartOffset {
  if (offset === undefined) return AT_START;
  const section = new Section(offset, path, issues);
  const start = {
    type: section.choice('type', OFFSET_TYPES, 'AtStart'),
    value: section.integer('value', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0),
  };
  section.end();
  return start;
}

function patternOf(text: string, path: string, issues: ConfigIssue[]): RegExp[] {
  try {
    return [new RegExp(text, 'u')];
  } catch (error) {
    issues.push({ path, message: `"${text}" is no regular expression: ${(error as Error).message}. Correct it, or switch "consumeRegexp" off.` });
    return [];
  }
}

function clientOf(
  given: KafkaOptions,
  broker: Readonly<Record<string, unknown>>,
  producer: Section,
  issues: ConfigIssue[],
  at: (option: string) => string,
): ClientSettings {
  const brokers = broker['brokers'];
  const list = Array.isArray(brokers) ? brokers.map(String) : [];
  if (list.length === 0) issues.push({ path: 'kafka.brokers', message: 'It is missing. Give "host:port" of one broker or more.' });
  const tls = new Section(objectOf(broker['tls']), 'kafka.tls', issues);
  const sasl = new Section(
    { ...objectOf(broker['sasl']), ...given.saslOptions },
    given.saslOptions === undefined ? 'kafka.sasl' : at('saslOptions'),
    issues,
  );
  return {
    brokers: list,
    tls: tlsOf(tls, issues),
    sasl: saslOf(sasl, issues),
    connectTimeoutMs: timeoutOf(broker['tls'], DEFAULT_REQUEST_MS),
    requestTimeoutMs: producer.duration('requestTimeout', DEFAULT_REQUEST_MS),
  };
}

/** On when key and certificate, or the authority, are given. */
function tlsOf(section: Section, issues: ConfigIssue[]): TlsSettings | undefined {
  const read = (name: 'key' | 'cert' | 'rootCa'): string | undefined => {
    const file = section.text(name);
    if (file === undefined) return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      issues.push({ path: section.pathOf(name), message: `"${file}" cannot be read: ${(error as Error).message}. Correct the path.` });
      return undefined;
    }
  };
  const [key, cert, ca] = [read('key'), read('cert'), read('rootCa')];
  if ((key === undefined) !== (cert === undefined)) {
    const missing = key === undefined ? 'key' : 'cert';
    issues.push({ path: section.pathOf(missing), message: 'It is missing. Give "key" and "cert" together, or "rootCa" alone.' });
  }
  if (key === undefined && ca === undefined) return undefined;
  return { ...(key === undefined ? {} : { key }), ...(cert === undefined ? {} : { cert }), ...(ca === undefined ? {} : { ca }) };
}

function saslOf(section: Section, issues: ConfigIssue[]): SaslSettings | undefined {
  if (section.isEmpty) return undefined;
  const mechanism = section.choice('mechanism', MECHANISMS, undefined);
  if (mechanism === undefined) return undefined;
  if (mechanism === 'aws_msk_iam') {
    throw new NotSupportedByDriverError('kafka', 'the mechanism "aws_msk_iam"', 'Use "SCRAM-SHA-512", which the service offers too.');
  }
  for (const name of ['nonce', 'isToken']) {
    if (section.raw(name) !== undefined && section.raw(name) !== false) {
      throw new NotSupportedByDriverError(
        'kafka',
        `"${section.pathOf(name)}"`,
        'Leave it out: the client has no delegation tokens and chooses its own nonce.',
      );
    }
  }
  const [username, password, zid] = [section.text('username'), section.text('password'), section.text('zid')];
  for (const [name, value] of Object.entries({ username, password })) {
    if (value === undefined) issues.push({ path: section.pathOf(name), message: `It is missing. The mechanism "${mechanism}" needs it.` });
  }
  return {
    mechanism: mechanism.toLowerCase() as SaslSettings['mechanism'],
    username: username ?? '',
    password: password ?? '',
    ...(zid === undefined ? {} : { authorizationIdentity: zid }),
  };
}

/** The section of the brokers is checked already, and its durations are milliseconds. */
function timeoutOf(section: unknown, standardMs: number): number {
  const { timeout } = objectOf(section);
  return typeof timeout === 'number' ? timeout : standardMs;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
