import type { Clock } from '../../contract/clock.js';
import { isDistrust } from '../../contract/distrust.js';
import { loadPackage } from '../../contract/load-package.js';
import type { SqsSection } from './config.js';

/** An attribute of a message. */
export interface SqsAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  readonly BinaryValue?: Uint8Array;
}

/** What a received message is made of. */
export interface SqsMessage {
  readonly MessageId?: string;
  readonly ReceiptHandle?: string;
  readonly Body?: string;
  /** What the service itself says of it. */
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly MessageAttributes?: Readonly<Record<string, SqsAttribute>>;
}

/** What a message to be sent is made of. */
export interface SqsSend {
  readonly MessageBody: string;
  readonly DelaySeconds?: number;
  readonly MessageAttributes?: Readonly<Record<string, SqsAttribute>>;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
}

export interface SqsBatchResult {
  readonly Successful?: readonly { readonly Id?: string }[];
  readonly Failed?: readonly { readonly Id?: string; readonly SenderFault?: boolean; readonly Code?: string; readonly Message?: string }[];
}

export type BatchOperation = 'SendMessageBatch' | 'DeleteMessageBatch' | 'ChangeMessageVisibilityBatch';

/** What is used of each operation: what it is given, what it answers. */
export interface SqsOperations extends Record<BatchOperation, { input: object; output: SqsBatchResult }> {
  CreateQueue: { input: object; output: { readonly QueueUrl?: string } };
  GetQueueUrl: { input: object; output: { readonly QueueUrl?: string } };
  GetQueueAttributes: { input: object; output: { readonly Attributes?: Readonly<Record<string, string>> } };
  PurgeQueue: { input: object; output: object };
  ReceiveMessage: { input: object; output: { readonly Messages?: readonly SqsMessage[] } };
}

/** How an operation can fail: what it says about the state of things, and whether trying again makes sense. */
export type FailureKind =
  /** Nothing was sent. */
  | 'unreachable'
  /** It was sent; whether it was done is not known. */
  | 'uncertain'
  /** The service asks for a pause. Nothing was done. */
  | 'busy'
  /** There is no such queue. */
  | 'missing'
  /** The service does not do it. */
  | 'refused';

/** One try of an operation has failed. */
export class SqsFailure extends Error {
  constructor(
    readonly kind: FailureKind,
    /** The service's own name of it. */
    readonly reason: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The members of the SDK that are used. */
interface SdkClient {
  readonly config: { region(): Promise<string> };
  send(command: object, options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
  destroy(): void;
}
type SdkClass<T> = new (input: object) => T;

const PACKAGE = '@aws-sdk/client-sqs';
/** A server of one's own has no regions, and the SDK signs for one all the same. */
const REGION_OF_OWN_SERVERS = 'us-east-1';
const NOT_SENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL']);
const BUSY = /Throttl|SlowDown|TooManyRequests|OverLimit|LimitExceeded|QueueDeletedRecently|KmsThrottled/;
/** The SDK's words. */
const NO_REGION = 'Region is missing';
const NO_REGION_REMEDY = ': set "sqs.region", or AWS_REGION in the environment';
const UNTRUSTED_REMEDY = ': its certificate is not trusted. Name the file of its authority in NODE_EXTRA_CA_CERTS, or correct "sqs.endpoint"';
const HTTP_TOO_MANY = 429;
const HTTP_SERVER_ERROR = 500;

/** The client of the service: one try for each call, its deadline included. All pipelines of one address and identity share one. */
export class SqsApi {
  readonly #client: SdkClient;
  readonly #package: Readonly<Record<string, unknown>>;
  readonly #clock: Clock;

  private constructor(client: SdkClient, package_: Readonly<Record<string, unknown>>, clock: Clock) {
    this.#client = client;
    this.#package = package_;
    this.#clock = clock;
  }

  /** Nothing is asked of the service yet. */
  static async open(section: SqsSection, clock: Clock): Promise<SqsApi> {
    const package_ = await loadPackage(PACKAGE, 'The driver "sqs"');
    const { key, secret, sessionToken, region, endpoint } = section;
    const Client = package_['SQSClient'] as SdkClass<SdkClient>;
    const settings = {
      // Tries are counted and timed here: the SDK would hide which of them reached the service.
      maxAttempts: 1,
      // As many connections as there are requests: all pipelines share them, and receives that wait would keep pushes from theirs.
      requestHandler: { httpAgent: { maxSockets: Infinity }, httpsAgent: { maxSockets: Infinity } },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      ...(key === undefined || secret === undefined
        ? {}
        : { credentials: { accessKeyId: key, secretAccessKey: secret, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
    };
    const client = new Client(settings);
    const isRegionless = endpoint !== undefined && !(await hasRegion(client));
    return new SqsApi(isRegionless ? new Client({ ...settings, region: REGION_OF_OWN_SERVERS }) : client, package_, clock);
  }

  /**
   * @param stop - Ends the call early.
   * @throws SqsFailure
   */
  async call<K extends keyof SqsOperations>(
    operation: K,
    input: SqsOperations[K]['input'],
    { timeoutMs, stop }: { readonly timeoutMs: number; readonly stop?: AbortSignal },
  ): Promise<SqsOperations[K]['output']> {
    const Command = this.#package[`${operation}Command`] as SdkClass<object>;
    const ending = new AbortController();
    const end = (): void => ending.abort();
    let isLate = false;
    const timer = this.#clock.setTimer(timeoutMs, () => {
      isLate = true;
      end();
    });
    stop?.addEventListener('abort', end);
    if (stop?.aborted === true) end();
    try {
      return (await this.#client.send(new Command(input), { abortSignal: ending.signal })) as SqsOperations[K]['output'];
    } catch (error) {
      if (isLate) throw new SqsFailure('uncertain', 'Timeout', `${operation} had no answer within ${timeoutMs} ms`, { cause: error });
      throw failureOf(error);
    } finally {
      timer.cancel();
      stop?.removeEventListener('abort', end);
    }
  }

  close(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }
}

/** Given, or found by the SDK in its environment. */
function hasRegion({ config }: SdkClient): Promise<boolean> {
  return config.region().then(
    () => true,
    () => false,
  );
}

interface SdkError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

function failureOf(error: unknown): SqsFailure {
  const { name, code, message, $metadata } = (error ?? {}) as SdkError;
  const reason = typeof code === 'string' ? code : typeof name === 'string' ? name : 'Error';
  const said = typeof message === 'string' && message !== '' ? message : reason;
  const text = said + (isDistrust(code) ? UNTRUSTED_REMEDY : said === NO_REGION ? NO_REGION_REMEDY : '');
  return new SqsFailure(kindOf(reason, String(name), $metadata?.httpStatusCode, text), reason, text, { cause: error });
}

function kindOf(reason: string, name: string, status: number | undefined, message: string): FailureKind {
  if (name === 'QueueDoesNotExist' || name.endsWith('NonExistentQueue')) return 'missing';
  if (BUSY.test(name) || status === HTTP_TOO_MANY) return 'busy';
  if (NOT_SENT.has(reason)) return 'unreachable';
  if (isDistrust(reason)) return 'refused';
  if (status !== undefined) return status >= HTTP_SERVER_ERROR ? 'uncertain' : 'refused';
  // Without an answer: of the SDK itself where it found nothing to sign with, else of the connection.
  return name === 'CredentialsProviderError' || message.startsWith(NO_REGION) ? 'refused' : 'uncertain';
}
