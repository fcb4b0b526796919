import { declareText } from '../contract/declare-text.js';
import { JobsArgumentError } from '../contract/errors.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import { optionKey } from '../contract/option-spec.js';
import { shown } from '../contract/shown.js';
import { checkedName } from './checks.js';
import {
  choiceField,
  fieldWith,
  flagField,
  integerField,
  mapField,
  nameField,
  optionalTextField,
  secondsField,
  textField,
  type DeclareField,
  type DeclareMap,
} from './declare-map.js';

/** Names of drivers. `Unknown` is what a kernel that does not say gives; `Redis` and `NSQ` are reserved. @publicApi */
export const Driver = {
  Memory: 'memory',
  Embedded: 'embedded',
  Boltdb: 'boltdb',
  AMQP: 'amqp',
  Beanstalk: 'beanstalk',
  SQS: 'sqs',
  Kafka: 'kafka',
  Nats: 'nats',
  Postgres: 'postgres',
  GooglePubSub: 'google_pub_sub',
  Redis: 'redis',
  NSQ: 'nsq',
  Unknown: 'unknown',
} as const;
/** @publicApi */
export type Driver = (typeof Driver)[keyof typeof Driver];

/** Kinds of AMQP exchanges. `Topics` is how RoadRunner's PHP client spells `topic`; RabbitMQ knows only `topic`. @publicApi */
export const ExchangeType = { Direct: 'direct', Topic: 'topic', Topics: 'topics', Headers: 'headers', Fanout: 'fanout' } as const;
/** @publicApi */
export type ExchangeType = (typeof ExchangeType)[keyof typeof ExchangeType];

/** The header of a task that takes the place of the routing key of its AMQP pipeline. @publicApi */
export const ROUTING_KEY_HEADER = 'x-routing-key';

/** @publicApi */
export interface CreateSettings {
  /** Of the pipeline. Range: 1 to 255 bytes. */
  readonly name: string;
  /** Of jobs that come without one; lower runs earlier. Range: 1 or more. Default: `10`, for NATS `2`. */
  readonly priority?: number;
}

/** @publicApi */
export interface MemorySettings extends CreateSettings {
  /** Jobs lent to the kernel at once. Range: 1 or more. Default: `10`. */
  readonly prefetch?: number;
}

/** @publicApi */
export interface BoltdbSettings extends CreateSettings {
  /** Where the jobs are kept. Default: `rr.db`. */
  readonly file?: string;
  /** Jobs lent to the kernel at once. Range: 1 or more. Default: `10_000`. */
  readonly prefetch?: number;
  /** Mode of the file. Range: `0` to `0o777`. Default: `0o755`. */
  readonly permissions?: number;
}

/** @publicApi */
export interface BeanstalkSettings extends CreateSettings {
  /** Of the broker, for jobs of the same tube. Range: 0 to 2^32 − 1. Default: `10`. */
  readonly tubePriority?: number;
  /** Default: `default`. */
  readonly tube?: string;
  /** How long one reserve waits. Unit: seconds, or duration text. Default: `5`. */
  readonly reserveTimeout?: number | string;
  /** Takes jobs that RoadRunner did not push. Servers of today always do. Default: `false`. */
  readonly consumeAll?: boolean;
}

/** @publicApi */
export interface AMQPSettings extends CreateSettings {
  /** Messages the broker sends ahead. Range: 1 or more. Default: `100`. */
  readonly prefetch?: number;
  /** Default: `default`. */
  readonly queue?: string;
  /** At least one character. Default: `amqp.default`. */
  readonly exchange?: string;
  /** Default: `direct`. */
  readonly exchangeType?: ExchangeType;
  /** Default: empty. */
  readonly routingKey?: string;
  /** Only this connection may use the queue. Default: `false`. */
  readonly exclusive?: boolean;
  /** One ack covers all messages before it. Default: `false`. */
  readonly multipleAck?: boolean;
  /** A nack without a word on it puts the job back. Default: `false`. */
  readonly requeueOnFail?: boolean;
  /** The queue outlives the broker. Default: `false`. */
  readonly durable?: boolean;
  /** The exchange outlives the broker. Default: `false`. */
  readonly exchangeDurable?: boolean;
  /** Takes jobs that RoadRunner did not push. Servers of today always do. Default: not sent. */
  readonly consumeAll?: boolean;
  /** Arguments of the queue: `{ 'x-queue-type': 'quorum' }`. Default: none. */
  readonly queueHeaders?: Readonly<Record<string, unknown>>;
  /** Default: `false`. */
  readonly deleteQueueOnStop?: boolean;
  /** How long a lost connection is dialled again. Unit: seconds, or duration text. Default: `60`. */
  readonly redialTimeout?: number | string;
  /** The exchange goes with its last queue. Default: `false`. */
  readonly exchangeAutoDelete?: boolean;
  /** The queue goes with its last consumer. Default: `false`. */
  readonly queueAutoDelete?: boolean;
  /** Default: made by the server. */
  readonly consumerId?: string;
}

/** @publicApi */
export interface NatsSettings extends CreateSettings {
  readonly subject: string;
  readonly stream: string;
  /** Range: 1 or more. Default: `100`. */
  readonly prefetch?: number;
  /** Only what is published from here on. Default: `true`. */
  readonly deliverNew?: boolean;
  /** Unit: bytes per second. Range: 1 or more. Default: `100`. */
  readonly rateLimit?: number;
  /** Default: `false`. */
  readonly deleteStreamOnStop?: boolean;
  /** Default: `false`. */
  readonly deleteAfterAck?: boolean;
}

/** @publicApi */
export interface SQSSettings extends CreateSettings {
  /** Messages of one receive. Range: 1 or more; the service gives at most 10. Default: `10`. */
  readonly prefetch?: number;
  /** How long a received message is hidden; 0 is the queue's own. Unit: seconds, or duration text. Range: 0 to 12 h. Default: `0`. */
  readonly visibilityTimeout?: number | string;
  /** How long one receive waits; 0 is the queue's own. Unit: seconds, or duration text. Range: 0 to 20 s. Default: `0`. */
  readonly waitTimeSeconds?: number | string;
  /** A name that ends in `.fifo` is a FIFO queue. Default: `default`. */
  readonly queue?: string;
  /** Of the queue, by the names of the service: `{ DelaySeconds: 42 }`. Default: none. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Of the queue. Default: none. */
  readonly tags?: Readonly<Record<string, string>>;
  /** For FIFO queues, which need it. Default: none. */
  readonly messageGroupId?: string;
  /** The queue is there already. Default: `false`. */
  readonly skipQueueDeclaration?: boolean;
}

/** @publicApi */
export interface PubSubSettings extends CreateSettings {
  readonly projectId: string;
  readonly topic: string;
  /** Where messages go that were delivered too often. Default: none. */
  readonly deadLetterTopic?: string;
  /** Looked at with a `deadLetterTopic` only. Range: 5 or more. Default: `10`. */
  readonly maxDeliveryAttempts?: number;
}

/** One {@link DeclareField} for every setting of `S`. */
export type DeclareFields<S extends CreateSettings> = { readonly [K in Exclude<keyof S, keyof CreateSettings>]-?: DeclareField };

const DEFAULT_PRIORITY = 10;

/**
 * What `jobs.create()` declares. Checked and completed when it is made; it never changes.
 *
 * @publicApi
 */
export abstract class CreateInfo<Settings extends CreateSettings = CreateSettings> {
  readonly driver: Driver;
  readonly name: string;
  readonly priority: number;
  /** Complete: what was given, and the defaults of the rest. */
  readonly settings: Readonly<Settings>;
  readonly #map: DeclareMap;

  /** @throws JobsArgumentError when a setting is unknown, missing or out of range. */
  protected constructor(driver: Driver, settings: Settings, fields: DeclareFields<Settings>, priority = DEFAULT_PRIORITY) {
    const all: Record<string, DeclareField> = {
      name: nameField('name'),
      priority: integerField('priority', priority, 1),
      ...(fields as Readonly<Record<string, DeclareField>>),
    };
    const complete = completed(driver, settings, all);
    const map: Record<string, string> & { name: string; driver: string } = { name: '', driver };
    for (const [setting, field] of Object.entries(all)) {
      const value = complete[setting];
      if (value === undefined && field.required !== true) continue;
      const text = field.text(value, `${setting} of a ${driver} pipeline`, complete);
      if (text !== undefined) map[field.key] = text;
    }
    this.driver = driver;
    this.name = map.name;
    this.priority = complete['priority'] as number;
    this.settings = Object.freeze(complete) as unknown as Readonly<Settings>;
    this.#map = Object.freeze(map);
    Object.freeze(this);
  }

  toDeclareMap(): DeclareMap {
    return this.#map;
  }

  toJSON(): DeclareMap {
    return this.#map;
  }
}

/** Jobs in the memory of the kernel. @publicApi */
export class MemoryCreateInfo extends CreateInfo<MemorySettings> {
  constructor(settings: MemorySettings) {
    super(Driver.Memory, settings, { prefetch: integerField('prefetch', 10, 1) });
  }
}

/** Jobs in a file of the kernel. @publicApi */
export class BoltdbCreateInfo extends CreateInfo<BoltdbSettings> {
  constructor(settings: BoltdbSettings) {
    super(Driver.Boltdb, settings, {
      file: nameField('file', 'rr.db'),
      prefetch: integerField('prefetch', 10_000, 1),
      // On the wire the mode is decimal: 0o755 is 493.
      permissions: integerField('permissions', 0o755, 0, 0o777),
    });
  }
}

/** Jobs in a tube of beanstalkd. @publicApi */
export class BeanstalkCreateInfo extends CreateInfo<BeanstalkSettings> {
  constructor(settings: BeanstalkSettings) {
    super(Driver.Beanstalk, settings, {
      tubePriority: integerField('tube_priority', 10, 0, 2 ** 32 - 1),
      tube: nameField('tube', 'default'),
      reserveTimeout: secondsField('reserve_timeout', 5),
      consumeAll: flagField('consume_all', false),
    });
  }
}

/** Jobs in a queue of an AMQP 0.9.1 broker such as RabbitMQ. @publicApi */
export class AMQPCreateInfo extends CreateInfo<AMQPSettings> {
  constructor(settings: AMQPSettings) {
    super(Driver.AMQP, settings, {
      prefetch: integerField('prefetch', 100, 1),
      queue: nameField('queue', 'default'),
      exchange: nameField('exchange', 'amqp.default'),
      exchangeType: choiceField('exchange_type', ExchangeType.Direct, Object.values(ExchangeType)),
      routingKey: textField('routing_key', ''),
      exclusive: flagField('exclusive', false),
      multipleAck: flagField('multiple_ack', false),
      requeueOnFail: flagField('requeue_on_fail', false),
      durable: flagField('durable', false),
      exchangeDurable: flagField('exchange_durable', false),
      consumeAll: flagField('consume_all'),
      queueHeaders: mapField('queue_headers'),
      deleteQueueOnStop: flagField('delete_queue_on_stop', false),
      redialTimeout: secondsField('redial_timeout', 60),
      exchangeAutoDelete: flagField('exchange_auto_delete', false),
      queueAutoDelete: flagField('queue_auto_delete', false),
      consumerId: optionalTextField('consumer_id'),
    });
  }
}

/** Jobs in a stream of NATS JetStream. @publicApi */
export class NatsCreateInfo extends CreateInfo<NatsSettings> {
  constructor(settings: NatsSettings) {
    super(
      Driver.Nats,
      settings,
      {
        subject: nameField('subject'),
        stream: nameField('stream'),
        prefetch: integerField('prefetch', 100, 1),
        deliverNew: flagField('deliver_new', true),
        rateLimit: integerField('rate_limit', 100, 1),
        deleteStreamOnStop: flagField('delete_stream_on_stop', false),
        deleteAfterAck: flagField('delete_after_ack', false),
      },
      2,
    );
  }
}

/** Jobs in a queue of Amazon SQS. @publicApi */
export class SQSCreateInfo extends CreateInfo<SQSSettings> {
  constructor(settings: SQSSettings) {
    super(Driver.SQS, settings, {
      prefetch: integerField('prefetch', 10, 1),
      visibilityTimeout: secondsField('visibility_timeout', 0, 43_200),
      // The configuration file calls it wait_time_seconds; a declaration does not.
      waitTimeSeconds: secondsField('wait_time', 0, 20),
      queue: nameField('queue', 'default'),
      attributes: mapField('attributes'),
      tags: mapField('tags'),
      messageGroupId: optionalTextField('message_group_id'),
      skipQueueDeclaration: flagField('skip_queue_declaration', false),
    });
  }
}

/** Jobs in a topic of Google Cloud Pub/Sub. @publicApi */
export class PubSubCreateInfo extends CreateInfo<PubSubSettings> {
  constructor(settings: PubSubSettings) {
    super(Driver.GooglePubSub, settings, {
      projectId: nameField('project_id'),
      topic: nameField('topic'),
      deadLetterTopic: optionalTextField('dead_letter_topic'),
      maxDeliveryAttempts: fieldWith('deadLetterTopic', integerField('max_delivery_attempts', 10, 5)),
    });
  }
}

/**
 * The text map of a declaration: that of a {@link CreateInfo}, or of any object with `driver`, `name` and options in camelCase, flat or under
 * `config`.
 *
 * @throws JobsArgumentError when name or driver is missing, or a value cannot be written as text.
 * @publicApi
 */
export function toDeclareMap(info: CreateInfo | PipelineDeclaration): DeclareMap {
  if (typeof info !== 'object' || info === null)
    throw new JobsArgumentError(`A pipeline is ${shown(info)}. Give new MemoryCreateInfo({ name }) or the like.`);
  if (info instanceof CreateInfo) return info.toDeclareMap();
  const map: Record<string, string> & { name: string; driver: string } = {
    name: checkedName(info.name, 'The name of a pipeline'),
    driver: checkedName(info.driver, `The driver of pipeline "${info.name}"`),
  };
  const { config, ...flat } = info;
  // A Declare map has no objects: options under `config`, as in `.rr.yaml`, stand beside the others, which win.
  const nested = typeof config === 'object' && config !== null && !Array.isArray(config) ? config : { config };
  for (const [option, value] of [...Object.entries(nested), ...Object.entries(flat)]) {
    if (value !== undefined) map[optionKey(option)] = declareText(value, `${option} of pipeline "${info.name}"`);
  }
  return map;
}

function completed(driver: Driver, settings: object, fields: Readonly<Record<string, DeclareField>>): Record<string, unknown> {
  if (typeof settings !== 'object' || settings === null)
    throw new JobsArgumentError(`A ${driver} pipeline is ${shown(settings)}. Give an object with a name.`);
  for (const setting of Object.keys(settings)) {
    if (Object.hasOwn(fields, setting)) continue;
    throw new JobsArgumentError(`A ${driver} pipeline has no setting "${setting}". It has: ${Object.keys(fields).join(', ')}.`);
  }
  const complete: Record<string, unknown> = {};
  for (const [setting, field] of Object.entries(fields)) {
    complete[setting] = (settings as Readonly<Record<string, unknown>>)[setting] ?? field.default;
  }
  return complete;
}
