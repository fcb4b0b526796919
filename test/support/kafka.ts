import kafkajs from 'kafkajs';
import { tmpdir } from 'node:os';
import { systemClock } from '../../lib/contract/clock.js';
import type { Delivery, DeliverySink, Driver } from '../../lib/contract/driver.js';
import { silentLogger } from '../../lib/contract/logger.js';
import { createDriver, type KafkaOptions } from '../../lib/drivers/kafka.driver.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { broker, type TestBroker } from './brokers.js';
import { Inbox } from './inbox.js';
import type { ProxiedBroker } from './brokers.js';
import type { TcpProxy } from './tcp-proxy.js';

/** A Kafka for a spec file, and options of topics that nobody else uses. */
export interface KafkaTest {
  readonly server: TestBroker;
  readonly proxy: TcpProxy | undefined;
  /** What the configuration would have under `kafka`. */
  readonly section: Readonly<Record<string, unknown>>;
  suite(name: string, body: () => void): void;
  freshName(): string;
  /** A topic and a group of its own; `more` is put over. */
  freshOptions(more?: KafkaOptions): KafkaOptions;
}

const DELETE_TIMEOUT_MS = 30_000;

export interface KafkaTestOptions {
  /** A broker for this spec file alone. */
  readonly own?: boolean;
  /** Behind a proxy. */
  readonly proxied?: boolean;
  /** With listeners that want TLS and passwords. */
  readonly secure?: boolean;
}

/** Short enough for tests; the broker allows no shorter session. */
export const SESSION = { sessionTimeout: '6s', heartbeatInterval: '500ms' };

export async function kafkaTest({ own = false, proxied = false, secure = false }: KafkaTestOptions = {}): Promise<KafkaTest> {
  const server = await broker('kafka', { own: own || secure, secure });
  const place = server.missing !== undefined ? undefined : proxied ? await server.proxy() : server;
  let names = 0;
  const freshName = (): string => `nrr-${process.pid}-${Date.now().toString(36)}-${++names}`;
  return {
    server,
    proxy: proxied ? (place as ProxiedBroker | undefined)?.proxy : undefined,
    section: { brokers: place === undefined ? [] : [`${place.host}:${place.port}`] },
    suite: (name, body) => server.suite(name, body),
    freshName,
    freshOptions: (more = {}) => {
      const topic = freshName();
      return {
        autoCreateTopicsEnable: true,
        consumerOptions: { topics: [topic] },
        groupOptions: { groupId: topic, ...SESSION },
        delayTopic: `${topic}.later`,
        ...more,
        // A record of 1 MiB is over RoadRunner's limit; compressed it fits into the broker's.
        producerOptions: { maxMessageBytes: 2_097_152, requestTimeout: '2s', ...more.producerOptions },
      };
    },
  };
}

/** A driver that is open and, unless told otherwise, runs; the caller stops it. */
export async function openKafkaDriver(
  { section }: KafkaTest,
  options: KafkaOptions,
  given: { readonly run?: boolean; readonly pushTimeoutMs?: number; readonly sink?: (inbox: Inbox<Delivery>) => DeliverySink } = {},
): Promise<{ readonly driver: Driver; readonly inbox: Inbox<Delivery> }> {
  const inbox = new Inbox<Delivery>();
  const sink = given.sink?.(inbox) ?? { room: Infinity, accept: (delivery: Delivery) => inbox.put(delivery), onRoom: () => {} };
  const driver = createDriver({
    pipeline: 'contract',
    driver: 'kafka',
    priority: 10,
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== '')),
    section,
    sink,
    clock: systemClock,
    logger: silentLogger,
    pushTimeoutMs: given.pushTimeoutMs ?? 10_000,
    dataDir: tmpdir(),
    isDeclared: false,
    resources: new Resources(),
  });
  await driver.open!();
  if (given.run !== false) await driver.run();
  return { driver, inbox };
}

/**
 * Deletes a topic that somebody pushes to. Resolves when the broker has done it: it answers before, and takes records for the old one until then.
 *
 * @throws Error when it is still there after some time.
 */
export async function deleteTopic({ server }: KafkaTest, topic: string): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [`${server.host}:${server.port}`], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const since = Date.now();
    const before = await recordsBefore(admin, topic, since);
    await admin.deleteTopics({ topics: [topic] });
    const deadline = performance.now() + DELETE_TIMEOUT_MS;
    // Another one of that name has none of that time.
    while ((await recordsBefore(admin, topic, since)) >= before) {
      if (performance.now() > deadline) throw new Error(`Topic "${topic}" is still there ${DELETE_TIMEOUT_MS} ms after its deletion.`);
    }
  } finally {
    await admin.disconnect();
  }
}

/** Of partition 0; 0 when there is no such topic. */
async function recordsBefore(admin: kafkajs.Admin, topic: string, unixMs: number): Promise<number> {
  try {
    const [partition] = await admin.fetchTopicOffsetsByTimestamp(topic, unixMs);
    return Number(partition?.offset);
  } catch (error) {
    const { type, cause } = error as { readonly type?: unknown; readonly cause?: { readonly type?: unknown } };
    if ((type ?? cause?.type) === 'UNKNOWN_TOPIC_OR_PARTITION') return 0;
    throw error;
  }
}
