import type { JobsLogger } from '../../contract/logger.js';
import { sentence } from '../../contract/shown.js';
import { SqsFailure, type SqsApi, type SqsOperations } from './api.js';
import type { SqsSettings } from './config.js';

/** What the queue says of itself. */
export interface QueueFacts {
  readonly url: string;
  /** Unit: seconds. */
  readonly visibilitySeconds: number;
  /** Unit: seconds. */
  readonly waitSeconds: number;
  /** Where the redrive policy leads. */
  readonly deadLetterArn: string | undefined;
}

/** How many messages there are, as far as the service knows. */
export interface QueueCounts {
  readonly waiting: number;
  readonly delayed: number;
  /** Received by somebody and not settled, or put off. */
  readonly hidden: number;
}

/** As the service has it for a queue that nobody set. Unit: seconds. */
const DEFAULT_VISIBILITY_SECONDS = 30;
const FACTS = ['VisibilityTimeout', 'ReceiveMessageWaitTimeSeconds', 'RedrivePolicy'];
/** Not every server knows every name, and some refuse the ones they do not know. */
const ALL = ['All'];
const WAITING = 'ApproximateNumberOfMessages';
const DELAYED = 'ApproximateNumberOfMessagesDelayed';
/** Part of the service's name for it. */
const PURGED_A_MOMENT_AGO = 'PurgeQueueInProgress';
const HIDDEN = 'ApproximateNumberOfMessagesNotVisible';

/** The queue at the service: made or looked for when it is first needed, and again when the service says that it is gone. */
export class SqsQueue {
  readonly #api: SqsApi;
  readonly #settings: SqsSettings;
  readonly #logger: JobsLogger;
  readonly #ending = new AbortController();
  #facts: Promise<QueueFacts> | undefined;

  constructor(api: SqsApi, settings: SqsSettings, logger: JobsLogger) {
    this.#api = api;
    this.#settings = settings;
    this.#logger = logger;
  }

  /** @throws SqsFailure */
  facts(): Promise<QueueFacts> {
    if (this.#facts === undefined) {
      const asked = this.#find();
      this.#facts = asked;
      asked.catch(() => this.forget(asked));
    }
    return this.#facts;
  }

  async url(): Promise<string> {
    return (await this.facts()).url;
  }

  /** The next one who asks looks for it again. */
  forget(facts = this.#facts): void {
    if (this.#facts === facts) this.#facts = undefined;
  }

  /** Ends what is still asked. */
  close(): void {
    this.#ending.abort();
  }

  /** @throws SqsFailure */
  async counts(): Promise<QueueCounts> {
    const attributes = await this.#attributes(await this.url(), [WAITING, DELAYED, HIDDEN]);
    return { waiting: numberOf(attributes[WAITING]), delayed: numberOf(attributes[DELAYED]), hidden: numberOf(attributes[HIDDEN]) };
  }

  /**
   * Removes all messages, those that are delayed or hidden too.
   *
   * @throws SqsFailure
   */
  async purge(): Promise<void> {
    try {
      await this.#call('PurgeQueue', { QueueUrl: await this.url() });
    } catch (error) {
      if (!(error instanceof SqsFailure) || !error.reason.includes(PURGED_A_MOMENT_AGO)) throw error;
      const text = 'the queue was purged less than 60 seconds ago, and SQS takes no second purge in that time. Try again in a minute';
      throw new SqsFailure('refused', error.reason, text, { cause: error });
    }
  }

  /** @throws SqsFailure */
  async urlOf(arn: string): Promise<string> {
    const [, , , , account, name] = arn.split(':');
    return urlIn(await this.#call('GetQueueUrl', { QueueName: name, QueueOwnerAWSAccountId: account }));
  }

  async #find(): Promise<QueueFacts> {
    const { queue, attributes, tags, skipDeclaration } = this.#settings;
    const url = skipDeclaration ? await this.#lookUp() : await this.#declare(queue, attributes, tags);
    try {
      const found = await this.#attributes(url, FACTS);
      return {
        url,
        // 0 would give one message to everybody.
        visibilitySeconds: numberOf(found['VisibilityTimeout']) || DEFAULT_VISIBILITY_SECONDS,
        waitSeconds: numberOf(found['ReceiveMessageWaitTimeSeconds']),
        deadLetterArn: deadLetterOf(found['RedrivePolicy']),
      };
    } catch (error) {
      // Whoever only pushes or receives may lack the right to read them.
      if (!(error instanceof SqsFailure) || error.kind !== 'refused') throw error;
      this.#logger.warn(
        `The attributes of queue "${queue}" cannot be read: ${sentence(error.message)} A visibility of ${DEFAULT_VISIBILITY_SECONDS} s is used.`,
      );
      return { url, visibilitySeconds: DEFAULT_VISIBILITY_SECONDS, waitSeconds: 0, deadLetterArn: undefined };
    }
  }

  async #declare(queue: string, attributes: Readonly<Record<string, string>>, tags: Readonly<Record<string, string>>): Promise<string> {
    try {
      return urlIn(
        await this.#call('CreateQueue', {
          QueueName: queue,
          ...(Object.keys(attributes).length === 0 ? {} : { Attributes: attributes }),
          ...(Object.keys(tags).length === 0 ? {} : { tags }),
        }),
      );
    } catch (error) {
      if (!(error instanceof SqsFailure) || error.kind !== 'refused') throw error;
      // It is there with other attributes, which are left as they are, as RoadRunner does.
      if (/QueueNameExists|QueueAlreadyExists/.test(error.reason)) return this.#lookUp();
      throw new SqsFailure(
        'refused',
        error.reason,
        `Queue "${queue}" cannot be declared: ${sentence(error.message)} With "skip_queue_declaration" it is only looked for.`,
        {
          cause: error,
        },
      );
    }
  }

  async #lookUp(): Promise<string> {
    return urlIn(await this.#call('GetQueueUrl', { QueueName: this.#settings.queue }));
  }

  async #attributes(url: string, names: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const ask = (AttributeNames: readonly string[]) => this.#call('GetQueueAttributes', { QueueUrl: url, AttributeNames });
    try {
      return (await ask(names)).Attributes ?? {};
    } catch (error) {
      if (!(error instanceof SqsFailure) || !error.reason.includes('InvalidAttributeName')) throw error;
      return (await ask(ALL)).Attributes ?? {};
    }
  }

  #call<K extends keyof SqsOperations>(operation: K, input: SqsOperations[K]['input']): Promise<SqsOperations[K]['output']> {
    return this.#api.call(operation, input, { timeoutMs: this.#settings.requestTimeoutMs, stop: this.#ending.signal });
  }
}

function urlIn({ QueueUrl }: { readonly QueueUrl?: string }): string {
  if (QueueUrl !== undefined) return QueueUrl;
  throw new SqsFailure('refused', 'NoQueueUrl', 'the answer has no address of the queue');
}

function numberOf(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? value : 0;
}

function deadLetterOf(policy: string | undefined): string | undefined {
  if (policy === undefined || policy === '') return undefined;
  const { deadLetterTargetArn: arn } = JSON.parse(policy) as { readonly deadLetterTargetArn?: unknown };
  return typeof arn === 'string' ? arn : undefined;
}
