import { JobsArgumentError } from '../contract/errors.js';
import type { KafkaPlace } from '../contract/job.js';
import { shown } from '../contract/shown.js';
import { checkedInteger, checkedName } from './checks.js';
import { givenOf, JobOptions, type JobOptionsInput } from './job-options.js';

/** Options of a push to a Kafka pipeline. Any object with a `topic` is taken as such. @publicApi */
export interface KafkaOptionsInput extends JobOptionsInput {
  /** Range: 1 to 255 bytes. */
  readonly topic: string;
  /** Default: empty. */
  readonly metadata?: string | undefined;
  /** Range: 0 to 2^63 − 1; a bigint beyond 2^53. Default: `0`. */
  readonly offset?: number | bigint | undefined;
  /** Honoured when the pipeline partitions by hand. Range: 0 to 2^31 − 1. Default: `0`. */
  readonly partition?: number | undefined;
}

/** The topic of `KafkaOptions.from()` and of a Kafka pipeline that was made without one. */
const DEFAULT_TOPIC = 'default';
const MAX_PARTITION = 2 ** 31 - 1;
const MAX_OFFSET = 2n ** 63n - 1n;

/**
 * {@link JobOptions} with a place in Kafka. What was not given is `undefined`.
 *
 * @publicApi
 */
export class KafkaOptions extends JobOptions implements KafkaOptionsInput {
  readonly topic: string;
  readonly metadata: string | undefined;
  readonly offset: number | bigint | undefined;
  readonly partition: number | undefined;

  /** @throws JobsArgumentError when a value cannot be used; it names the option. */
  constructor(input: KafkaOptionsInput) {
    super(input);
    this.topic = checkedName(input.topic, 'topic');
    this.metadata = checkedMetadata(input.metadata);
    this.offset = checkedOffset(input.offset);
    this.partition = input.partition === undefined ? undefined : checkedInteger(input.partition, 'partition', 0, MAX_PARTITION);
    if (new.target === KafkaOptions) Object.freeze(this);
  }

  /** A copy of what any object gives; without a topic that of `default`. */
  static override from(options: JobOptionsInput): KafkaOptions {
    return new KafkaOptions({ topic: DEFAULT_TOPIC, ...options });
  }

  /** Complete, as a job carries it. */
  get place(): KafkaPlace {
    return { topic: this.topic, partition: this.partition ?? 0, offset: BigInt(this.offset ?? 0), metadata: this.metadata ?? '' };
  }

  withTopic(topic: string): this {
    return this.withKafka({ topic });
  }

  withMetadata(metadata: string): this {
    return this.withKafka({ metadata });
  }

  withOffset(offset: number | bigint): this {
    return this.withKafka({ offset });
  }

  withPartition(partition: number): this {
    return this.withKafka({ partition });
  }

  /** As {@link JobOptions.merge}. The topic of other Kafka options is always taken, the rest of the place when it was given. */
  override merge(other: JobOptionsInput): KafkaOptions {
    return super.merge(optionsFrom(other)) as KafkaOptions;
  }

  override toJSON(): Record<string, unknown> {
    const { topic, metadata, offset, partition } = this.place;
    return { ...super.toJSON(), topic, metadata, offset: offset <= Number.MAX_SAFE_INTEGER ? Number(offset) : String(offset), partition };
  }

  protected override over(base: JobOptions): JobOptions {
    if (base === JobOptions.defaults) return this;
    return new KafkaOptions(Object.assign({}, base, givenOf(this), { topic: this.topic }));
  }

  protected withKafka(changes: Partial<KafkaOptionsInput>): this {
    return this.with(changes);
  }
}

/** Options of whatever was given: Kafka's when there is a topic. */
export function optionsFrom(input: JobOptionsInput | undefined): JobOptions {
  if (input === undefined) return JobOptions.defaults;
  if (input instanceof JobOptions) return input;
  return isKafka(input) ? new KafkaOptions(input) : new JobOptions(input);
}

function isKafka(input: JobOptionsInput): input is KafkaOptionsInput {
  return (input as Partial<KafkaOptionsInput> | null)?.topic !== undefined;
}

function checkedMetadata(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new JobsArgumentError(`metadata is ${shown(value)}. Give a text.`);
}

function checkedOffset(value: unknown): number | bigint | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'bigint' && value >= 0n && value <= MAX_OFFSET) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new JobsArgumentError(`offset is ${shown(value)}. Give a whole number, 0 or more; beyond 2^53 a bigint of at most 2^63 − 1.`);
}
