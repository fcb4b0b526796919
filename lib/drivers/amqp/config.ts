import type { DriverCapabilities, DriverContext } from '../../contract/driver.js';
import { JobsConfigError, type ConfigIssue } from '../../contract/errors.js';
import type { OptionSpec } from '../../contract/option-spec.js';
import { optionTable } from '../option-table.js';

/** Settings of an `amqp` pipeline. */
export interface AmqpOptions {
  /** The broker of this pipeline alone. Default: that of the section `amqp`. Not for pipelines that are declared at run time. */
  readonly addr?: string;
  /** Messages that the broker sends ahead: lent, running or held here; more than 65 535 count as that. Unit: messages. Range: 1 or more. Default: `10`. */
  readonly prefetch?: number;
  /** The queue. Default: the name of the pipeline when `routingKey` is absent too; with a `routingKey` alone the pipeline only pushes. */
  readonly queue?: string;
  /** With it messages go to the queue. Default: the name of the queue. */
  readonly routingKey?: string;
  /** Default: `amqp.default`. */
  readonly exchange?: string;
  /** `direct`, `fanout`, `topic` or `headers`; `topics` means `topic`. Default: `direct`. */
  readonly exchangeType?: string;
  /** The exchange outlives the broker. Default: `false`. */
  readonly exchangeDurable?: boolean;
  /** The exchange goes with its last queue. Default: `false`. */
  readonly exchangeAutoDelete?: boolean;
  /** False: the exchange is there. Default: `true`. */
  readonly exchangeDeclare?: boolean;
  /** False: the queue and its binding are there. Default: `true`. */
  readonly queueDeclare?: boolean;
  /** The queue, and so the jobs in it, outlive the broker. Default: `false`. */
  readonly durable?: boolean;
  /** The queue goes with its last consumer. Default: `false`. */
  readonly queueAutoDelete?: boolean;
  /** Only this connection may use the queue, and it goes with it. Default: `false`. */
  readonly exclusive?: boolean;
  /** Removes the queue with its jobs when the pipeline ends. Default: `false`. */
  readonly deleteQueueOnStop?: boolean;
  /** Arguments of the queue: `{ 'x-queue-type': 'quorum' }`. Default: none. */
  readonly queueHeaders?: Readonly<Record<string, unknown>>;
  /** Priorities of the queue at the broker (`x-max-priority`). Range: 1 to 255. Default: none. */
  readonly maxPriority?: number;
  /** How the broker names this consumer. Default: `roadrunner-` and a UUID. */
  readonly consumerId?: string;
  /** Deliveries that a quorum queue counted are taken for runs that died, against `maxCrashes`. Default: `false`. */
  readonly countDeliveries?: boolean;
  /** Between two signs of life. Unit: seconds. Range: 1 or more. Default: `10`, or `heartbeat=` of the address. */
  readonly heartbeat?: number;
  /** Taken for RoadRunner's sake: the connection is dialled for ever. Unit: seconds. Default: `60`. */
  readonly redialTimeout?: number;
  /** Taken for RoadRunner's sake: acks of jobs that ended one after another always share a frame, and never cover one that runs. Default: `false`. */
  readonly multipleAck?: boolean;
  /** Taken for RoadRunner's sake: what becomes of a failed job is said by `attempts` and `onFailure`. Default: `false`. */
  readonly requeueOnFail?: boolean;
  /** Of the keys: 0 and 1 are the flat ones, 2 has them in the objects `queue` and `exchange`. Default: `0`. */
  readonly version?: number;
}

const DEFAULT_PREFETCH = 10;
const DEFAULT_EXCHANGE = 'amqp.default';
const DEFAULT_ADDR = 'amqp://guest:guest@127.0.0.1:5672/';
/** The protocol has 16 bits for a prefetch and for a heartbeat. */
const MAX_UINT16 = 65_535;
/** Of the form of the options. */
const NESTED_VERSION = 2;

/** What this driver can do. */
export const capabilities: DriverCapabilities = {
  persistent: true,
  connection: true,
  delay: true,
  priority: true,
  deadLetter: true,
  countsStarts: false,
  browse: false,
  remove: false,
  promote: false,
  purge: 'whole',
};

/** Its settings, as data. */
export const options: readonly OptionSpec[] = optionTable<AmqpOptions>({
  addr: { type: 'text', meaning: 'The broker of this pipeline alone. Default: that of the section "amqp".' },
  prefetch: {
    type: 'integer',
    unit: 'messages',
    min: 1,
    default: DEFAULT_PREFETCH,
    meaning: 'Messages that the broker sends ahead: lent, running or held here; more than 65,535 count as that.',
  },
  queue: { nested: ['queue', 'name'], type: 'text', meaning: 'The queue. Default: the name of the pipeline when "routing_key" is absent too.' },
  routingKey: { nested: ['queue', 'routingKey'], type: 'text', meaning: 'With it messages go to the queue. Default: the name of the queue.' },
  exchange: { nested: ['exchange', 'name'], type: 'text', default: DEFAULT_EXCHANGE, meaning: 'The exchange.' },
  exchangeType: {
    nested: ['exchange', 'type'],
    type: 'text',
    oneOf: ['direct', 'fanout', 'topic', 'headers', 'topics'],
    default: 'direct',
    meaning: 'Its kind; "topics" means "topic".',
  },
  exchangeDurable: { nested: ['exchange', 'durable'], type: 'boolean', default: false, meaning: 'The exchange outlives the broker.' },
  exchangeAutoDelete: { nested: ['exchange', 'autoDelete'], type: 'boolean', default: false, meaning: 'The exchange goes with its last queue.' },
  exchangeDeclare: { nested: ['exchange', 'declare'], type: 'boolean', default: true, meaning: 'False: the exchange is there.' },
  queueDeclare: { nested: ['queue', 'declare'], type: 'boolean', default: true, meaning: 'False: the queue and its binding are there.' },
  durable: { nested: ['queue', 'durable'], type: 'boolean', default: false, meaning: 'The queue, and so the jobs in it, outlive the broker.' },
  queueAutoDelete: { nested: ['queue', 'autoDelete'], type: 'boolean', default: false, meaning: 'The queue goes with its last consumer.' },
  exclusive: {
    nested: ['queue', 'exclusive'],
    type: 'boolean',
    default: false,
    meaning: 'Only this connection may use the queue, and it goes with it.',
  },
  deleteQueueOnStop: {
    nested: ['queue', 'deleteOnStop'],
    type: 'boolean',
    default: false,
    meaning: 'Removes the queue with its jobs when the pipeline ends.',
  },
  queueHeaders: { nested: ['queue', 'headers'], type: 'map', meaning: 'Arguments of the queue.' },
  maxPriority: { type: 'integer', min: 1, max: 255, meaning: 'Priorities of the queue at the broker (x-max-priority).' },
  consumerId: { nested: ['queue', 'consumerId'], type: 'text', meaning: 'How the broker names this consumer. Default: "roadrunner-" and a UUID.' },
  countDeliveries: { type: 'boolean', default: false, meaning: 'Deliveries that a quorum queue counted are taken for runs that died.' },
  heartbeat: { type: 'seconds', min: 1, max: MAX_UINT16, meaning: 'Between two signs of life. Default: 10.' },
  redialTimeout: { type: 'seconds', min: 0, default: 60, meaning: 'Taken and not used: the connection is dialled for ever.' },
  multipleAck: {
    nested: ['queue', 'multipleAck'],
    type: 'boolean',
    default: false,
    meaning: 'Taken and not used: acks share a frame where they can.',
  },
  requeueOnFail: {
    nested: ['queue', 'requeueOnFail'],
    type: 'boolean',
    default: false,
    meaning: 'Taken and not used: "attempts" and "onFailure" say it.',
  },
  version: {
    type: 'integer',
    min: 0,
    max: NESTED_VERSION,
    default: 0,
    meaning: 'Of the keys: 0 and 1 are the flat ones, 2 has objects "queue" and "exchange".',
  },
});

/** What the driver works with: complete and free of contradictions. */
export interface AmqpSettings {
  readonly pipeline: string;
  /** Its options stand in the objects `queue` and `exchange`. */
  readonly isNested: boolean;
  readonly url: string;
  readonly tls: TlsPaths | undefined;
  /** `undefined`: that of the address, or the usual one. */
  readonly heartbeatS: number | undefined;
  readonly prefetch: number;
  /** Empty: the pipeline only pushes. */
  readonly queue: string;
  readonly routingKey: string;
  readonly exchange: ExchangeSettings;
  readonly declaresQueue: boolean;
  readonly durable: boolean;
  readonly queueAutoDelete: boolean;
  readonly exclusive: boolean;
  readonly deleteQueueOnStop: boolean;
  readonly queueArguments: Readonly<Record<string, unknown>>;
  /** `undefined`: messages carry no priority. */
  readonly maxPriority: number | undefined;
  readonly consumerTag: string;
  readonly countsDeliveries: boolean;
}

export interface ExchangeSettings {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly isDeclared: boolean;
}

/** Paths of PEM files. */
export interface TlsPaths {
  readonly key?: string;
  readonly cert?: string;
  readonly rootCa?: string;
}

/** @throws {@link JobsConfigError} when options contradict each other. */
export function resolveSettings(context: DriverContext<AmqpOptions>): AmqpSettings {
  const { options: given, pipeline, section = {} } = context;
  const isFanout = given.exchangeType === 'fanout';
  const isNameless = given.queue === undefined && given.routingKey === undefined && !isFanout;
  const queue = given.queue ?? (isNameless ? pipeline : '');
  const queueArguments = argumentsOf(given);
  refuseContradictions(context, queue, queueArguments);
  const asked = queueArguments['x-max-priority'];
  return {
    pipeline,
    isNested: given.version === NESTED_VERSION,
    url: given.addr ?? (section['addr'] as string | undefined) ?? DEFAULT_ADDR,
    tls: section['tls'] as TlsPaths | undefined,
    heartbeatS: given.heartbeat,
    prefetch: Math.min(given.prefetch ?? DEFAULT_PREFETCH, MAX_UINT16),
    queue,
    routingKey: given.routingKey ?? queue,
    exchange: {
      name: given.exchange ?? DEFAULT_EXCHANGE,
      type: given.exchangeType === 'topics' ? 'topic' : (given.exchangeType ?? 'direct'),
      durable: given.exchangeDurable ?? false,
      autoDelete: given.exchangeAutoDelete ?? false,
      isDeclared: given.exchangeDeclare ?? true,
    },
    declaresQueue: queue !== '' && (given.queueDeclare ?? true),
    durable: given.durable ?? false,
    queueAutoDelete: given.queueAutoDelete ?? false,
    exclusive: given.exclusive ?? false,
    deleteQueueOnStop: given.deleteQueueOnStop ?? false,
    queueArguments,
    maxPriority: typeof asked === 'number' ? asked : undefined,
    consumerTag: given.consumerId ?? `roadrunner-${crypto.randomUUID()}`,
    countsDeliveries: given.countDeliveries ?? false,
  };
}

/** The key of an option of the pipeline, for errors: in the form that its options are in. */
export function optionPath({ pipeline, isNested }: Pick<AmqpSettings, 'pipeline' | 'isNested'>, option: keyof AmqpOptions): string {
  const place = isNested ? options.find(({ name }) => name === option)?.nested : undefined;
  return `pipelines.${pipeline}.${place === undefined ? option : place.join('.')}`;
}

function argumentsOf({ queueHeaders = {}, maxPriority }: AmqpOptions): Readonly<Record<string, unknown>> {
  return maxPriority === undefined ? queueHeaders : { ...queueHeaders, 'x-max-priority': maxPriority };
}

function refuseContradictions(
  { options: given, pipeline, isDeclared }: DriverContext<AmqpOptions>,
  queue: string,
  queueArguments: Readonly<Record<string, unknown>>,
): void {
  const issues: ConfigIssue[] = [];
  const refuse = (option: keyof AmqpOptions, message: string) =>
    issues.push({ path: optionPath({ pipeline, isNested: given.version === NESTED_VERSION }, option), message });
  const asked = given.queueHeaders?.['x-max-priority'];
  if (given.maxPriority !== undefined && asked !== undefined && asked !== given.maxPriority) {
    refuse('maxPriority', `It is ${given.maxPriority}, and "x-max-priority" of "queueHeaders" is another. Keep one of them.`);
  }
  if (queueArguments['x-queue-type'] === 'quorum') {
    if (given.durable !== true) refuse('durable', 'A quorum queue is always durable. Set it to true, or leave "x-queue-type" out.');
    if (given.exclusive === true) refuse('exclusive', 'A quorum queue cannot be exclusive. Set it to false, or leave "x-queue-type" out.');
    if (given.queueAutoDelete === true)
      refuse('queueAutoDelete', 'A quorum queue cannot go by itself. Set it to false, or leave "x-queue-type" out.');
    if (queueArguments['x-max-priority'] !== undefined)
      refuse('maxPriority', 'A quorum queue has no such priorities. Leave it out, or use a classic queue.');
  } else if (given.countDeliveries === true) {
    refuse('countDeliveries', 'Only a quorum queue counts deliveries. Add "x-queue-type": "quorum" to "queueHeaders", or leave it out.');
  }
  if (given.deleteQueueOnStop === true && queue === '') refuse('deleteQueueOnStop', 'There is no queue to delete. Give "queue", or leave it out.');
  if (isDeclared && given.addr !== undefined) {
    refuse('addr', 'A pipeline that is declared at run time uses the broker of the configuration. Leave it out, or configure the pipeline.');
  }
  if (issues.length > 0) throw new JobsConfigError(issues);
}
