import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import zlib from 'node:zlib';
import kafkajs, { Kafka, logLevel, type IHeaders, type KafkaMessage } from 'kafkajs';
import type { Delivery, Driver } from '../../lib/contract/driver.js';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { cooperativeAssigner } from '../../lib/drivers/kafka/cooperative-assigner.js';
import type { KafkaOptions } from '../../lib/drivers/kafka.driver.js';
import { Inbox } from '../support/inbox.js';
import { aJob, bytesOf, textOf, type JobInput } from '../support/jobs.js';
import { produceBatch } from '../support/kafka-wire.js';
import { kafkaTest, openKafkaDriver, SESSION } from '../support/kafka.js';

const kafka = await kafkaTest();

// The vectors of RoadRunner's kafka plugin (v5.2.5 and v6): what it writes and reads, byte for byte.
const COMMON: JobInput = {
  id: '88ca6810-eab9-473d-a8fd-4b4ae457b7dc',
  name: 'email.send',
  pipeline: 'emails',
  payload: '{"hello":"world"}',
  headers: { 'x-token': ['IDDQD'] },
  priority: 7,
};
const KEY = '38386361363831302d656162392d343733642d613866642d346234616534353762376463';
const HEADERS: readonly (readonly [string, string])[] = [
  ['x-token', '4944445144'],
  ['rr_job', '656d61696c2e73656e64'],
  ['rr_pipeline', '656d61696c73'],
  ['rr_priority', '0700000000000000'],
];

kafka.suite('records of RoadRunner', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const client = () => new Kafka({ brokers: kafka.section['brokers'] as string[], logLevel: logLevel.NOTHING });

  const open = async (more: KafkaOptions = {}): Promise<{ driver: Driver; inbox: Inbox<Delivery>; topic: string }> => {
    const options = kafka.freshOptions({ delayTopic: '', ...more });
    const { driver, inbox } = await openKafkaDriver(kafka, options);
    cleanups.push(() => driver.stop(deadlineAfter(systemClock, 5_000)));
    return { driver, inbox, topic: (options.consumerOptions as { topics: string[] }).topics[0]! };
  };

  /** What a stranger reads of a topic. */
  const read = async (topic: string): Promise<KafkaMessage> => {
    const consumer = client().consumer({ groupId: kafka.freshName(), maxWaitTimeInMs: 100 });
    cleanups.push(() => consumer.disconnect());
    const inbox = new Inbox<KafkaMessage>();
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: ({ message }) => Promise.resolve(inbox.put(message)) });
    return inbox.next();
  };

  /** What a stranger writes. */
  const write = async (topic: string, message: { key?: Buffer | null; value: string | null; headers?: IHeaders }): Promise<void> => {
    const producer = client().producer();
    cleanups.push(() => producer.disconnect());
    await producer.connect();
    await producer.send({ topic, messages: [{ key: null, ...message }] });
  };

  const hexHeaders = ({ headers }: KafkaMessage) =>
    Object.entries(headers ?? {}).map(([name, value]) => [name, Buffer.from(value as Buffer).toString('hex')]);

  it('are written: key, value and headers in their order (K1)', async () => {
    const { driver, topic } = await open();
    await driver.push(aJob(COMMON));
    const message = await read(topic);
    expect(message.key?.toString('hex')).toBe(KEY);
    expect(message.value?.toString()).toBe('{"hello":"world"}');
    expect(hexHeaders(message)).toEqual(HEADERS);
  }, 20_000);

  it('are read: every field (K1)', async () => {
    const { inbox, topic } = await open();
    await write(topic, {
      key: Buffer.from(KEY, 'hex'),
      value: '{"hello":"world"}',
      headers: Object.fromEntries(HEADERS.map(([name, hex]) => [name, Buffer.from(hex, 'hex')])),
    });
    const { job } = await inbox.next();
    expect(job).toMatchObject({ id: COMMON.id, name: 'email.send', pipeline: 'contract', priority: 7, autoAck: false });
    expect(job.kafka).toEqual({ topic, partition: 0, offset: 0n, metadata: '' });
    expect({ ...job.headers }).toEqual({ 'x-token': ['IDDQD'] });
    expect(textOf(job.payload)).toBe('{"hello":"world"}');
  }, 20_000);

  it.each([
    [10, '0a00000000000000'],
    [300, '2c01000000000000'],
    [-1, 'ffffffffffffffff'],
  ])(
    'carry priority %i as %s (K2)',
    async (priority, hex) => {
      const { driver, inbox, topic } = await open();
      await driver.push(aJob({ ...COMMON, priority }));
      expect(Object.fromEntries(hexHeaders(await read(topic)))['rr_priority']).toBe(hex);
      expect((await inbox.next()).job.priority).toBe(priority);
    },
    20_000,
  );

  it('of strangers get the defaults (K3)', async () => {
    const { inbox, topic } = await open();
    await write(topic, { value: 'hello' });
    const { job } = await inbox.next();
    expect(job).toMatchObject({ name: 'deduced_by_rr', pipeline: 'contract', priority: 10 });
    expect(job.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    expect(textOf(job.payload)).toBe('hello');
  }, 20_000);

  it('carry the first value of a header, as RoadRunner writes them (K4)', async () => {
    const { driver, topic } = await open();
    await driver.push(aJob({ ...COMMON, headers: { a: ['1', '2'] } }));
    const headers = Object.fromEntries(hexHeaders(await read(topic)));
    expect(headers['a']).toBe('31');
  }, 20_000);

  it('with a priority of another length, a tombstone and repeated headers are taken as they are', async () => {
    const { inbox, topic } = await open();
    await write(topic, { value: null, headers: { rr_priority: Buffer.from([7]), a: [Buffer.from('1'), Buffer.from('2')] } });
    const { job } = await inbox.next();
    expect(job.priority).toBe(10);
    expect(textOf(job.payload)).toBe('');
    expect([...(job.headers['a'] ?? [])]).toEqual(['1', '2']);
  }, 20_000);

  // To read zstd takes a package, to write it a newer Node.
  const writable = ['gzip', 'snappy', ...('zstdCompressSync' in zlib ? ['zstd'] : [])];

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])(
    'of the Java client are read, compressed with %s',
    async (codec) => {
      const { inbox, topic } = await open();
      await produceBatch(kafka.server, topic, readFileSync(new URL(`../fixtures/kafka/${codec}.batch`, import.meta.url)));
      const jobs = (await inbox.take(3)).map(({ job }) => job);
      expect(jobs.map(({ id, name }) => [id, name])).toEqual([0, 1, 2].map((number) => [`key-${number}`, `job-${number}`]));
      expect(jobs.map(({ payload }) => textOf(payload))).toEqual(['{"number":0}', '0123456789abcdef'.repeat(12_500), '{"number":2}']);
    },
    30_000,
  );

  // The broker opens each batch before it stores it, with the codecs of the Java client.
  it.each(writable)(
    'are written with %s, so that the broker and this driver read them',
    async (compressionCodec) => {
      const { driver, inbox } = await open({ producerOptions: { compressionCodec } });
      const random = randomBytes(200_000);
      await Promise.all([
        driver.push(aJob({ ...COMMON, payload: 'x'.repeat(200_000) })),
        driver.push(aJob({ ...COMMON, payload: random })),
        driver.push(aJob({ ...COMMON, payload: '' })),
      ]);
      const payloads = (await inbox.take(3)).map(({ job }) => Buffer.from(bytesOf(job.payload)));
      expect(payloads.map((payload) => payload.length)).toEqual([200_000, 200_000, 0]);
      expect(payloads[1]!.equals(random)).toBe(true);
    },
    30_000,
  );

  // As RoadRunner's consumer: it knows this protocol and no other.
  it('are shared in one group with consumers that know the protocol of RoadRunner alone', async () => {
    const name = kafka.freshName();
    const admin = client().admin();
    cleanups.push(() => admin.disconnect());
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 2 }] });
    const theirs = new Inbox<KafkaMessage>();
    const consumer = client().consumer({
      groupId: name,
      partitionAssigners: [cooperativeAssigner(kafkajs as never) as never],
      heartbeatInterval: 500,
      sessionTimeout: 6_000,
      maxWaitTimeInMs: 100,
    });
    cleanups.push(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topics: [name], fromBeginning: true });
    await consumer.run({ eachMessage: ({ message }) => Promise.resolve(theirs.put(message)) });
    const { driver, inbox } = await open({ consumerOptions: { topics: [name] }, groupOptions: { groupId: name, ...SESSION } });
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));
    const hasTwo = async (): Promise<boolean> => {
      const [group] = (await admin.describeGroups([name])).groups;
      return group?.protocol === 'cooperative-sticky' && group.state === 'Stable' && group.members.length === 2;
    };
    while (!(await hasTwo())) await pause();
    await Promise.all(Array.from({ length: 20 }, (_, number) => driver.push(aJob({ id: `job-${number}` }))));
    while (inbox.length + theirs.length < 20) await pause();
    const ours = inbox.all().map(({ job }) => job.id);
    const others = theirs.all().map(({ key }) => String(key));
    expect([ours.length > 0, others.length > 0, new Set([...ours, ...others]).size]).toEqual([true, true, 20]);
  }, 60_000);
});
