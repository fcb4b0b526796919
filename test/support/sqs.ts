import { tmpdir } from 'node:os';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  type Message,
  type SendMessageCommandInput,
} from '@aws-sdk/client-sqs';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { Delivery, Driver } from '../../lib/contract/driver.js';
import { createDriver, type SqsOptions } from '../../lib/drivers/sqs.driver.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { Inbox } from './inbox.js';
import { createLog } from './kernel.js';

/** The queue as the raw client sees it. */
export class RawQueue {
  readonly #client: SQSClient;
  readonly #url: string;

  private constructor(client: SQSClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  /** Makes it, or takes the one that is there. */
  static async open(endpoint: string, queue: string, attributes: Record<string, string> = {}): Promise<RawQueue> {
    const client = new SQSClient({ endpoint, region: 'elasticmq', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: queue, Attributes: attributes }));
    return new RawQueue(client, QueueUrl!);
  }

  async send(message: Omit<SendMessageCommandInput, 'QueueUrl'>): Promise<void> {
    await this.#client.send(new SendMessageCommand({ QueueUrl: this.#url, ...message }));
  }

  /** The next message; waits for it up to 15 s. */
  async receive(visibilitySeconds = 30): Promise<Message> {
    for (let second = 0; second < 15; second++) {
      const { Messages } = await this.#client.send(
        new ReceiveMessageCommand({
          QueueUrl: this.#url,
          // No longer: ElasticMQ does not end a wait for what the redrive policy of another queue brings.
          WaitTimeSeconds: 1,
          VisibilityTimeout: visibilitySeconds,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      if (Messages?.[0] !== undefined) return Messages[0];
    }
    throw new Error('No message came within 15 s.');
  }

  async attributes(): Promise<Readonly<Record<string, string>>> {
    const { Attributes } = await this.#client.send(new GetQueueAttributesCommand({ QueueUrl: this.#url, AttributeNames: ['All'] }));
    return Attributes ?? {};
  }

  /** Waiting, hidden and delayed ones. */
  async count(): Promise<number> {
    const attributes = await this.attributes();
    const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesDelayed'];
    return names.reduce((sum, name) => sum + Number(attributes[name]), 0);
  }

  async destroy(): Promise<void> {
    await this.#client.send(new DeleteQueueCommand({ QueueUrl: this.#url }));
  }
}

export interface OpenedSqs {
  readonly driver: Driver;
  readonly inbox: Inbox<Delivery>;
  readonly log: ReturnType<typeof createLog>;
  readonly queue: string;
}

export interface SqsParts {
  readonly room?: number;
  readonly pushTimeoutMs?: number;
  readonly resources?: Resources;
  readonly section?: Readonly<Record<string, unknown>>;
}

const opened: Driver[] = [];

/** A driver on a queue of its own, unless the options name one. */
export async function openSqs(endpoint: string, options: SqsOptions = {}, parts: SqsParts = {}): Promise<OpenedSqs> {
  const inbox = new Inbox<Delivery>();
  const log = createLog();
  const queue = options.queue ?? `queue-${crypto.randomUUID()}`;
  let room = parts.room ?? Infinity;
  const driver = createDriver({
    pipeline: 'contract',
    driver: 'sqs',
    priority: 10,
    options: { prefetch: 10, waitTimeSeconds: 1, requestTimeout: 2, ...options, queue },
    section: parts.section ?? { endpoint, region: 'elasticmq', key: 'x', secret: 'x' },
    sink: {
      get room() {
        return room;
      },
      accept: (delivery) => {
        room--;
        inbox.put(delivery);
      },
      onRoom: () => {},
    },
    clock: systemClock,
    logger: log,
    pushTimeoutMs: parts.pushTimeoutMs ?? 10_000,
    dataDir: tmpdir(),
    isDeclared: false,
    resources: parts.resources ?? new Resources(),
  });
  opened.push(driver);
  await driver.open?.();
  return { driver, inbox, log, queue };
}

/** To be called after each test. */
export async function stopSqs(): Promise<void> {
  await Promise.all(opened.splice(0).map((driver) => driver.stop(deadlineAfter(systemClock, 5_000))));
}
