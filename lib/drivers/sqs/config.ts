import type { DriverCapabilities } from '../../contract/driver.js';
import { JobsConfigError, type ConfigIssue } from '../../contract/errors.js';
import type { OptionSpec } from '../../contract/option-spec.js';
import { optionTable } from '../option-table.js';

/** Settings of an `sqs` pipeline. */
export interface SqsOptions {
  /** Its name at the service; one that ends in `.fifo` is a FIFO queue. Default: `default`. */
  readonly queue?: string;
  /** Messages of one receive; the service gives at most 10. Unit: jobs. Range: 1 or more. Default: `1`. */
  readonly prefetch?: number;
  /** Jobs lent to the kernel at once, running ones included; 0 is `prefetch`. Unit: jobs. Default: `0`. */
  readonly maxMessagesInFlight?: number;
  /** How long a received message is hidden from others; 0 is the queue's own. Unit: seconds. Range: 0 to 43,200. Default: `0`. */
  readonly visibilityTimeout?: number;
  /** With `retainFailedJobs`: when a refused message may be received again; 0 leaves it as it is. Unit: seconds. Default: `0`. */
  readonly errorVisibilityTimeout?: number;
  /** A job refused without requeue stays in the queue, for the redrive policy to count. Default: `false`. */
  readonly retainFailedJobs?: boolean;
  /** How long one receive waits for messages; 0 is the queue's own. Unit: seconds. Range: 0 to 20. Default: `20`. */
  readonly waitTimeSeconds?: number;
  /** The group of jobs in a FIFO queue that bring none of their own. Default: none. */
  readonly messageGroupId?: string;
  /** The queue is there already and is not declared. Default: `false`. */
  readonly skipQueueDeclaration?: boolean;
  /** Of the queue, by the names of the service. Default: none. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Of the queue. Default: none. */
  readonly tags?: Readonly<Record<string, unknown>>;
  /** How long one request may take, the waiting of a receive aside. Unit: seconds. Range: 1 or more. Default: `10`. */
  readonly requestTimeout?: number;
  /** Receives under way at once. Range: 1 to 10. Default: `1`. */
  readonly receivers?: number;
  /** What becomes of payloads that the service does not take as text: `base64`, which only this library reads, or `refuse`. Default: `base64`. */
  readonly binary?: 'base64' | 'refuse';
}

/** Where the service is, and who asks: the section `sqs` of the configuration. */
export interface SqsSection {
  readonly key?: string;
  readonly secret?: string;
  readonly sessionToken?: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/** The options, complete. */
export interface SqsSettings {
  readonly queue: string;
  readonly isFifo: boolean;
  readonly batch: number;
  readonly visibilitySeconds: number;
  readonly errorVisibilitySeconds: number;
  readonly retainFailed: boolean;
  readonly waitSeconds: number;
  readonly messageGroupId: string | undefined;
  readonly skipDeclaration: boolean;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly requestTimeoutMs: number;
  readonly receivers: number;
  readonly binary: 'base64' | 'refuse';
}

/** What one request may carry. */
export const MAX_BATCH = 10;
/** Body, attributes and headers of one message. Unit: bytes. */
export const MAX_MESSAGE_BYTES = 1_048_576;
/** A message may be hidden for 12 hours in all from its receive. Unit: seconds. */
export const MAX_VISIBILITY_SECONDS = 43_200;
/** Unit: seconds. */
export const MAX_DELAY_SECONDS = 900;

const FIFO_SUFFIX = '.fifo';
const DEFAULT_QUEUE = 'default';
const DEFAULT_PREFETCH = 1;
const DEFAULT_WAIT_SECONDS = 20;
const DEFAULT_REQUEST_TIMEOUT_SECONDS = 10;
const DEFAULT_RECEIVERS = 1;
const MAX_RECEIVERS = 10;
/** Base64 makes four bytes of three; the rest of the message is for the headers. Unit: bytes. */
const SAFE_PAYLOAD_BYTES = 720_896;

/** What can be set on a queue. `.rr.yaml` may spell them in any case. */
const ATTRIBUTES: readonly string[] = [
  'Policy',
  'VisibilityTimeout',
  'MaximumMessageSize',
  'MessageRetentionPeriod',
  'DelaySeconds',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'FifoQueue',
  'ContentBasedDeduplication',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
  'DeduplicationScope',
  'FifoThroughputLimit',
  'SqsManagedSseEnabled',
  'ReceiveMessageWaitTimeSeconds',
];
/** Their values are words, which `.rr.yaml` may spell in any case too. */
const WORDS: readonly string[] = ['messageGroup', 'queue', 'perQueue', 'perMessageGroupId'];
const WORD_ATTRIBUTES: ReadonlySet<string> = new Set(['DeduplicationScope', 'FifoThroughputLimit']);

/** What this driver can do. */
export const capabilities: DriverCapabilities = {
  persistent: true,
  connection: true,
  delay: true,
  priority: false,
  deadLetter: true,
  countsStarts: false,
  maxPayloadBytes: SAFE_PAYLOAD_BYTES,
  browse: false,
  remove: false,
  promote: false,
  purge: 'whole',
};

/** Its settings, as data. */
export const options: readonly OptionSpec[] = optionTable<SqsOptions>({
  queue: { type: 'text', default: DEFAULT_QUEUE, meaning: 'Its name at the service; one that ends in `.fifo` is a FIFO queue.' },
  prefetch: { type: 'integer', unit: 'jobs', min: 1, default: DEFAULT_PREFETCH, meaning: 'Messages of one receive; the service gives at most 10.' },
  maxMessagesInFlight: {
    type: 'integer',
    unit: 'jobs',
    min: 0,
    default: 0,
    meaning: 'Jobs lent to the kernel at once, running ones included; 0 is `prefetch`.',
  },
  visibilityTimeout: {
    type: 'seconds',
    min: 0,
    max: MAX_VISIBILITY_SECONDS,
    default: 0,
    meaning: 'How long a received message is hidden from others; 0 is the queue’s own. It is extended while the job is here.',
  },
  errorVisibilityTimeout: {
    type: 'seconds',
    min: 0,
    max: MAX_VISIBILITY_SECONDS,
    default: 0,
    meaning: 'With `retain_failed_jobs`: when a refused message may be received again; 0 leaves it as it is.',
  },
  retainFailedJobs: {
    type: 'boolean',
    default: false,
    meaning: 'A job refused without requeue stays in the queue, for the redrive policy to count.',
  },
  waitTimeSeconds: {
    declareKey: 'wait_time',
    type: 'seconds',
    min: 0,
    max: 20,
    default: DEFAULT_WAIT_SECONDS,
    meaning: 'How long one receive waits for messages; 0 is the queue’s own.',
  },
  messageGroupId: { type: 'text', meaning: 'The group of jobs in a FIFO queue that bring none of their own.' },
  skipQueueDeclaration: { type: 'boolean', default: false, meaning: 'The queue is there already and is not declared.' },
  attributes: { type: 'map', meaning: 'Of the queue, by the names of the service.' },
  tags: { type: 'map', meaning: 'Of the queue.' },
  requestTimeout: {
    type: 'seconds',
    min: 1,
    default: DEFAULT_REQUEST_TIMEOUT_SECONDS,
    meaning: 'How long one request may take, the waiting of a receive aside.',
  },
  receivers: {
    type: 'integer',
    min: 1,
    max: MAX_RECEIVERS,
    default: DEFAULT_RECEIVERS,
    meaning: 'Receives under way at once; more of them bring more than 10 messages per round trip.',
  },
  binary: {
    type: 'text',
    oneOf: ['base64', 'refuse'],
    default: 'base64',
    meaning: 'What becomes of payloads that the service does not take as text: `base64`, which only this library reads, or `refuse`.',
  },
});

/** @throws JobsConfigError when options contradict each other, or an attribute is not one that can be set. */
export function readSettings(pipeline: string, given: SqsOptions, section: SqsSection): SqsSettings {
  const { queue = DEFAULT_QUEUE, prefetch = DEFAULT_PREFETCH, requestTimeout = DEFAULT_REQUEST_TIMEOUT_SECONDS } = given;
  const isFifo = queue.endsWith(FIFO_SUFFIX);
  const path = `pipelines.${pipeline}`;
  const issues: ConfigIssue[] = sectionIssues(section);
  const attributes = readAttributes(given.attributes ?? {}, `${path}.attributes`, issues);
  if (attributes['FifoQueue'] !== undefined && (attributes['FifoQueue'] === 'true') !== isFifo) {
    const message = `"${attributes['FifoQueue']}" and the queue "${queue}" contradict each other: a FIFO queue is one whose name ends in "${FIFO_SUFFIX}".`;
    issues.push({ path: `${path}.attributes.FifoQueue`, message });
  }
  if (issues.length > 0) throw new JobsConfigError(issues);
  return {
    queue,
    isFifo,
    batch: Math.min(prefetch, MAX_BATCH),
    visibilitySeconds: given.visibilityTimeout ?? 0,
    errorVisibilitySeconds: given.errorVisibilityTimeout ?? 0,
    retainFailed: given.retainFailedJobs ?? false,
    waitSeconds: given.waitTimeSeconds ?? DEFAULT_WAIT_SECONDS,
    messageGroupId: given.messageGroupId,
    skipDeclaration: given.skipQueueDeclaration ?? false,
    attributes: isFifo ? { ...attributes, FifoQueue: 'true' } : attributes,
    tags: Object.fromEntries(Object.entries(given.tags ?? {}).map(([name, value]) => [name, textOf(value)])),
    requestTimeoutMs: requestTimeout * 1_000,
    receivers: given.receivers ?? DEFAULT_RECEIVERS,
    binary: given.binary ?? 'base64',
  };
}

function sectionIssues({ key, secret }: SqsSection): ConfigIssue[] {
  if ((key === undefined) === (secret === undefined)) return [];
  const [given, missing] = key === undefined ? ['secret', 'key'] : ['key', 'secret'];
  return [
    { path: `sqs.${given}`, message: `"${given}" stands without "${missing}". Give both, or neither for what the AWS SDK finds in its environment.` },
  ];
}

function readAttributes(given: Readonly<Record<string, unknown>>, path: string, issues: ConfigIssue[]): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [written, value] of Object.entries(given)) {
    const name = ATTRIBUTES.find((known) => known.toLowerCase() === written.toLowerCase());
    if (name === undefined) {
      issues.push({ path: `${path}.${written}`, message: `"${written}" cannot be set on a queue. Use one of: ${ATTRIBUTES.join(', ')}.` });
      continue;
    }
    const text = textOf(value);
    attributes[name] = WORD_ATTRIBUTES.has(name) ? (WORDS.find((word) => word.toLowerCase() === text.toLowerCase()) ?? text) : text;
  }
  return attributes;
}

/** The service takes text only; policies are the JSON text of an object. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
