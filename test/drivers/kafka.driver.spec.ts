import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { JobsConfigError, type ConfigIssue } from '../../lib/contract/errors.js';
import type { Delivery, DeliverySink, Driver } from '../../lib/contract/driver.js';
import type { JobPage } from '../../lib/contract/kernel-admin.js';
import type { KafkaOptions } from '../../lib/drivers/kafka.driver.js';
import { resolveSettings } from '../../lib/drivers/kafka/config.js';
import { markedOffsets } from '../../lib/drivers/kafka/marks.js';
import type { Inbox } from '../support/inbox.js';
import { aJob } from '../support/jobs.js';
import { kafkaTest, openKafkaDriver } from '../support/kafka.js';

const BROKER = { brokers: ['127.0.0.1:9092'] };

function issuesOf(options: KafkaOptions, broker: Readonly<Record<string, unknown>> = BROKER): readonly ConfigIssue[] {
  try {
    resolveSettings('emails', options, broker);
  } catch (error) {
    if (error instanceof JobsConfigError) return error.issues;
    throw error;
  }
  return [];
}

describe('the options of a kafka pipeline', () => {
  it('have the defaults of RoadRunner', () => {
    expect(resolveSettings('emails', { consumerOptions: { topics: ['a'] }, groupOptions: { group_id: 'g' } }, BROKER)).toMatchObject({
      ...{ idempotent: true, acks: -1, maxMessageBytes: 1_000_012, compression: 'snappy', partitioning: 'Uniform', topic: 'a' },
      client: { requestTimeoutMs: 10_000 },
      consumption: {
        topics: ['a'],
        start: { type: 'AtStart' },
        maxBytes: 52_428_800,
        groupId: 'g',
        sessionTimeoutMs: 45_000,
        heartbeatIntervalMs: 3_000,
      },
    });
  });

  it('count nanoseconds in the keys of RoadRunner, seconds in ours, and take text in both', () => {
    const timeoutOf = (producerOptions: Readonly<Record<string, unknown>>) =>
      resolveSettings('emails', { producerOptions }, BROKER).client.requestTimeoutMs;
    expect(timeoutOf({ request_timeout: 2_000_000_000 })).toBe(2_000);
    expect(timeoutOf({ requestTimeout: 2 })).toBe(2_000);
    expect(timeoutOf({ request_timeout: '1500ms' })).toBe(1_500);
  });

  it('read partitions of a map, and of the list that PHP makes of it', () => {
    const partitionsOf = (consume_partitions: unknown) =>
      resolveSettings('emails', { consumerOptions: { consume_partitions } }, BROKER).consumption?.partitions;
    const start = { type: 'At', value: 7 };
    expect(partitionsOf({ a: { 2: start } })).toEqual([{ topic: 'a', partition: 2, start }]);
    expect(partitionsOf({ a: [start] })).toEqual([{ topic: 'a', partition: 0, start }]);
  });

  it.each<[string, KafkaOptions]>([
    ['pipelines.emails.producerOptions.required_acks', { producerOptions: { required_acks: 'All' } }],
    ['pipelines.emails.producerOptions.requiredAcks', { producerOptions: { requiredAcks: 'LeaderAck' } }],
    ['pipelines.emails.producerOptions.maxMessageBytes', { producerOptions: { maxMessageBytes: 12 } }],
    ['pipelines.emails.producerOptions.acks', { producerOptions: { acks: 1 } }],
    ['pipelines.emails.consumerOptions.topics', { consumerOptions: {} }],
    ['pipelines.emails.consumerOptions.topics.0', { consumerOptions: { topics: ['('], consumeRegexp: true } }],
    ['pipelines.emails.consumerOptions.consumePartitions', { consumerOptions: { topics: ['a'], consumePartitions: { a: { 0: {} } } } }],
    ['pipelines.emails.groupOptions.groupId', { groupOptions: {} }],
    ['pipelines.emails.saslOptions.password', { saslOptions: { mechanism: 'plain', username: 'ada' } }],
  ])('tell what is wrong at %s', (path, options) => {
    expect(issuesOf(options).map((issue) => issue.path)).toEqual([path]);
  });

  it('need a broker', () => {
    expect(issuesOf({}, {}).map(({ path }) => path)).toEqual(['kafka.brokers']);
  });

  it.each<[string, KafkaOptions]>([
    ['static members', { groupOptions: { groupId: 'g', instanceId: 'i' } }],
    ['aws_msk_iam', { saslOptions: { mechanism: 'aws_msk_iam' } }],
  ])('refuse what the client cannot do: %s', (text, options) => {
    expect(() => resolveSettings('emails', options, BROKER)).toThrow(text);
  });
});

const kafka = await kafkaTest();

kafka.suite('the driver kafka', () => {
  const opened: Driver[] = [];
  afterEach(() => Promise.all(opened.splice(0).map((driver) => stop(driver))));

  const stop = (driver: Driver) => driver.stop(deadlineAfter(systemClock, 5_000));
  const open = async (options: KafkaOptions = kafka.freshOptions(), given: Parameters<typeof openKafkaDriver>[2] = {}) => {
    const parts = await openKafkaDriver(kafka, options, given);
    opened.push(parts.driver);
    return { ...parts, options };
  };

  const until = async (isSo: () => Promise<boolean>) => {
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  const withAdmin = async <T>(ask: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = new Kafka({ brokers: kafka.section['brokers'] as string[], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      return await ask(admin);
    } finally {
      await admin.disconnect();
    }
  };

  /** Options of a topic that is there, with so many partitions. */
  const partitioned = async (numPartitions: number): Promise<KafkaOptions> => {
    const options = kafka.freshOptions();
    const { topics } = options.consumerOptions as { topics: string[] };
    await withAdmin((admin) => admin.createTopics({ topics: [{ topic: topics[0]!, numPartitions }], waitForLeaders: true }));
    return options;
  };

  /** A sink that takes so many jobs and no more. */
  const roomFor =
    (jobs: number) =>
    (inbox: Inbox<Delivery>): DeliverySink => {
      const sink = { room: jobs, accept: (delivery: Delivery) => (sink.room--, inbox.put(delivery)), onRoom: () => {} };
      return sink;
    };

  const committedOf = (options: KafkaOptions) =>
    withAdmin(async (admin) => {
      const { topics } = options.consumerOptions as { topics: string[] };
      const [found] = await admin.fetchOffsets({ groupId: topics[0]!, topics });
      return found!.partitions[0]!;
    });

  it('runs again what was not finished and nothing else, also behind it', async () => {
    const first = await open();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await first.driver.push(aJob({ name }));
    const [, b, c, , e] = await first.inbox.take(5);
    await Promise.all([b!.ack(), c!.ack(), e!.ack()]);
    await stop(first.driver);
    const second = await open(first.options);
    await second.driver.push(aJob({ name: 'f' }));
    const again = await second.inbox.take(3);
    expect(again.map(({ job }) => job.name)).toEqual(['a', 'd', 'f']);
    for (const delivery of again) await delivery.ack();
    await stop(second.driver);
    expect(await committedOf(first.options)).toMatchObject({ offset: '6', metadata: null });
  }, 30_000);

  it('counts a job with autoAck as done before it is lent, also behind one that is not finished', async () => {
    const { driver, inbox, options } = await open();
    await driver.push(aJob({ name: 'slow' }));
    const slow = await inbox.next();
    await driver.push(aJob({ name: 'once', autoAck: true }));
    await inbox.next();
    const { offset, metadata } = await committedOf(options);
    expect(offset).toBe('0');
    expect([...markedOffsets(0, metadata!)]).toEqual([1]);
    await slow.ack();
  }, 30_000);

  it('gives a job with autoAck that was not started to the next one', async () => {
    const first = await open();
    await first.driver.push(aJob({ name: 'once', autoAck: true }));
    const once = await first.inbox.next();
    await first.driver.pause();
    await once.release!();
    await stop(first.driver);
    const second = await open(first.options);
    expect((await second.inbox.next()).job.name).toBe('once');
  }, 30_000);

  it('delivers each job of a partition to a second member only once it has the partition, and loses none', async () => {
    const first = await open();
    const seen = new Map<string, number>();
    const handle = async ({ inbox }: typeof first) => {
      for (;;) {
        const delivery = await inbox.next();
        seen.set(delivery.job.name, (seen.get(delivery.job.name) ?? 0) + 1);
        await delivery.ack();
        if (seen.size === 400) return;
      }
    };
    const done = handle(first);
    for (let index = 0; index < 200; index++) await first.driver.push(aJob({ name: `job-${index}` }));
    const second = await open(first.options);
    const alsoDone = handle(second);
    await Promise.all(Array.from({ length: 200 }, (_, index) => second.driver.push(aJob({ name: `job-${200 + index}` }))));
    await Promise.race([done, alsoDone]);
    expect(seen.size).toBe(400);
    expect([...seen.values()].filter((count) => count > 1).length).toBeLessThan(200);
  }, 30_000);

  it('goes on with the others while a job waits for its next run', async () => {
    const { driver, inbox } = await open({ ...kafka.freshOptions(), delayTopic: '', maxUnsettled: 10 });
    await driver.push(aJob({ name: 'poison' }));
    await (await inbox.next()).requeue({ headers: { 'nrr-attempt': ['1'] }, delayMs: 3_000 });
    for (let index = 0; index < 50; index++) await driver.push(aJob({ name: `job-${index}` }));
    for (let count = 0; count < 50; count++) {
      const delivery = await inbox.next();
      expect(delivery.job.name).not.toBe('poison');
      await delivery.ack();
    }
    const again = await inbox.next();
    expect(again.job.name).toBe('poison');
    expect([...again.job.headers['nrr-attempt']!]).toEqual(['1']);
  }, 20_000);

  it('goes on with the others when the oldest job ends and the next one waits for its time', async () => {
    const { driver, inbox } = await open({ ...kafka.freshOptions(), delayTopic: '', maxUnsettled: 10 });
    await driver.push(aJob({ name: 'slow' }));
    const slow = await inbox.next();
    await driver.push(aJob({ name: 'waits' }));
    await (await inbox.next()).requeue({ headers: {}, delayMs: 600_000 });
    await Promise.all(Array.from({ length: 50 }, (_, index) => driver.push(aJob({ name: `job-${index}` }))));
    for (const delivery of await inbox.take(50)) await delivery.ack();
    await slow.ack();
    await driver.push(aJob({ name: 'next' }));
    expect((await inbox.next()).job.name).toBe('next');
  }, 30_000);

  it('writes more waiting jobs than it may hold again a few times only, and runs each of them when it is due', async () => {
    const options = kafka.freshOptions({ maxUnsettled: 100 });
    const { driver, inbox } = await open(options);
    await Promise.all(Array.from({ length: 300 }, () => driver.push(aJob({ name: 'much later', delayMs: 600_000 }))));
    await driver.push(aJob({ name: 'last', delayMs: 10_000 }));
    expect((await inbox.next()).job.name).toBe('last');
    const [place] = await withAdmin((admin) => admin.fetchTopicOffsets(options.delayTopic!));
    process.stdout.write(`kafka, 300 jobs wait where 100 are held: ${Number(place!.high) - 301} written again in 10 s\n`);
    expect(Number(place!.high) - 301).toBeGreaterThan(100);
    expect(Number(place!.high) - 301).toBeLessThan(1_500); // some thousand without rests
  }, 60_000);

  it('keeps the order of a key when it is told to', async () => {
    const { driver, inbox } = await open({ ...kafka.freshOptions(), order: 'key' });
    for (const name of ['a1', 'a2']) await driver.push(aJob({ id: 'a', name }));
    await driver.push(aJob({ id: 'b', name: 'b1' }));
    const [a1, b1] = await inbox.take(2);
    expect([a1!.job.name, b1!.job.name]).toEqual(['a1', 'b1']);
    await a1!.ack();
    expect((await inbox.next()).job.name).toBe('a2');
  }, 20_000);

  it('reads single partitions from an offset, without a group', async () => {
    const options = kafka.freshOptions();
    const [topic] = (options.consumerOptions as { topics: string[] }).topics;
    const writer = await open(options, { run: false });
    for (const name of ['a', 'b', 'c']) await writer.driver.push(aJob({ name }));
    const { autoCreateTopicsEnable, producerOptions } = options;
    const reader = await open({
      ...{ autoCreateTopicsEnable: autoCreateTopicsEnable ?? false, producerOptions: producerOptions ?? {} },
      consumerOptions: { consumePartitions: { [topic!]: { 0: { type: 'At', value: 1 } } } },
    });
    expect((await reader.inbox.take(2)).map(({ job }) => job.name)).toEqual(['b', 'c']);
  }, 20_000);

  it('begins at the end when it is told to', async () => {
    const options = kafka.freshOptions();
    const writer = await open(options, { run: false });
    await writer.driver.push(aJob({ name: 'before' }));
    const reader = await open({ ...options, consumerOptions: { ...options.consumerOptions, consumerOffset: { type: 'AtEnd' } } });
    await reader.driver.push(aJob({ name: 'after' }));
    expect((await reader.inbox.next()).job.name).toBe('after');
  }, 20_000);

  it('shows what waits at the broker and in this process, and not what is lent or done', async () => {
    const { driver, inbox, options } = await open(kafka.freshOptions(), { sink: roomFor(2) });
    for (const name of ['done', 'lent', 'waits', 'waits too']) await driver.push(aJob({ name }));
    const [done] = await inbox.take(2);
    await done!.ack();
    await driver.push(aJob({ name: 'later', delayMs: 60_000 }));
    const page = await driver.browse!({});
    expect(page.jobs.map(({ name, state }) => [name, state])).toEqual([
      ['waits', 'waiting'],
      ['waits too', 'waiting'],
      ['later', 'delayed'],
    ]);
    await stop(driver);
    const other = await open(options, { run: false });
    expect((await other.driver.browse!({ state: 'waiting' })).jobs.map(({ name }) => name)).toEqual(['lent', 'waits', 'waits too']);
  }, 30_000);

  it('shows the jobs of all partitions, each once, page by page, while another process reads them', async () => {
    const options = await partitioned(3);
    const { driver } = await open(options, { sink: roomFor(0) });
    const names = Array.from({ length: 20 }, (_, index) => `job-${index}`);
    await Promise.all(names.map((name) => driver.push(aJob({ name }))));
    const other = await open(options, { run: false });
    const seen: string[] = [];
    for (let after: string | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
      const page: JobPage = await other.driver.browse!({ limit: 7, ...(after === undefined ? {} : { after }) });
      seen.push(...page.jobs.map(({ name }) => name));
      after = page.next;
    }
    expect(seen.sort()).toEqual(names.sort());
  }, 60_000);

  it('shows all that waits before marks of transactions, which nobody is given', async () => {
    const options = kafka.freshOptions();
    const { topics } = options.consumerOptions as { topics: string[] };
    const { driver } = await open(options, { sink: roomFor(0) });
    await driver.push(aJob({ name: 'before' }));
    const producer = new Kafka({ brokers: kafka.section['brokers'] as string[], logLevel: logLevel.NOTHING }).producer({
      ...{ transactionalId: topics[0]!, idempotent: true, maxInFlightRequests: 1 },
    });
    await producer.connect();
    for (const end of ['commit', 'abort'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: topics[0]!, messages: [{ value: end, headers: { rr_job: end } }] });
      await transaction[end]();
    }
    await producer.disconnect();
    expect((await driver.browse!({})).jobs.map(({ name }) => name)).toEqual(['before', 'commit']);
  }, 60_000);

  it('ends a look at what waits when it is stopped', async () => {
    const { driver } = await open(kafka.freshOptions(), { sink: roomFor(0) });
    await driver.push(aJob());
    const looking = driver.browse!({ id: 'nobody' });
    await Promise.all([expect(looking).rejects.toMatchObject({ code: 'DRIVER_STOPPED' }), stop(driver)]);
  }, 30_000);

  it('shows nothing of a pipeline that only pushes: it says where to ask', async () => {
    const { driver } = await open({ topic: kafka.freshName() }, { run: false });
    await expect(driver.browse!({})).rejects.toMatchObject({ code: 'NOT_SUPPORTED_BY_DRIVER' });
  }, 30_000);

  it('refuses a delay without a topic for it', async () => {
    const { driver } = await open({ ...kafka.freshOptions(), delayTopic: '' }, { run: false });
    await expect(driver.push(aJob({ delayMs: 1_000 }))).rejects.toMatchObject({ code: 'NOT_SUPPORTED_BY_DRIVER' });
  }, 20_000);

  it('refuses a job that names no topic when the pipeline has none', async () => {
    const { driver } = await open({}, { run: false });
    await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }, 20_000);

  it('refuses a record over its limit, alone', async () => {
    const { driver, inbox } = await open(kafka.freshOptions({ producerOptions: { maxMessageBytes: 1_000 } }));
    const [large, small] = await Promise.allSettled([driver.push(aJob({ payload: 'x'.repeat(2_000) })), driver.push(aJob({ name: 'small' }))]);
    expect(large).toMatchObject({ status: 'rejected', reason: { code: 'BROKER_REFUSED' } });
    expect(small.status).toBe('fulfilled');
    expect((await inbox.next()).job.name).toBe('small');
  }, 20_000);

  it('refuses a record for a partition that the topic has not, alone', async () => {
    const options = await partitioned(2);
    const [topic] = (options.consumerOptions as { topics: string[] }).topics;
    const { driver, inbox } = await open({ ...options, producerOptions: { partitioningStrategy: 'Manual' } });
    const place = (partition: number) => ({ topic: topic!, partition, offset: 0n, metadata: '' });
    const [there, absent] = await Promise.allSettled([1, 2].map((partition) => driver.push(aJob({ kafka: place(partition) }))));
    expect(there!.status).toBe('fulfilled');
    expect(absent).toMatchObject({ status: 'rejected', reason: { code: 'BROKER_REFUSED', message: expect.stringContaining('no partition 2') } });
    expect((await inbox.next()).job.kafka).toMatchObject({ partition: 1, offset: 0n });
    expect((await driver.stat()).reserved).toBe(0);
  }, 20_000);

  it('runs a job again that it cannot write again, with the headers of that run', async () => {
    const { driver, inbox } = await open(kafka.freshOptions({ order: 'key', producerOptions: { maxMessageBytes: 1_000 } }));
    const job = aJob({ name: 'large', payload: 'x'.repeat(800) });
    await driver.push(job);
    await driver.push(aJob({ name: 'of the same key', id: job.id }));
    const first = await inbox.next();
    const large = { 'nrr-attempt': ['1'], 'x-large': ['y'.repeat(200)] };
    await expect(Promise.resolve(first.requeue({ headers: large, delayMs: 10 }))).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
    const other = await inbox.next();
    expect(other.job.name).toBe('of the same key');
    await other.ack();
    const again = await inbox.next();
    expect(again.job).toMatchObject({ id: job.id, name: 'large', headers: large });
    await again.ack();
    await until(async () => (await driver.stat()).reserved === 0);
    expect(await driver.stat()).toMatchObject({ active: 0, delayed: 0 });
  }, 30_000);

  it('gives no counts of a broker that answers nothing, and does not wait for long', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket.on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const options = kafka.freshOptions({ producerOptions: { requestTimeout: '10s' } });
    const { driver } = await openKafkaDriver({ ...kafka, section: { brokers: [`127.0.0.1:${port}`] } }, options, { run: false });
    opened.push(driver);
    const startedAt = performance.now();
    expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0, delayed: 0, ready: false });
    expect(performance.now() - startedAt).toBeLessThan(8_000); // an answer may take 10 s
    silent.close();
    for (const socket of sockets) socket.destroy();
  }, 60_000);

  it('tells that there is no broker', async () => {
    const { driver } = await openKafkaDriver({ ...kafka, section: { brokers: ['127.0.0.1:1'] } }, { topic: 'a' }, { run: false, pushTimeoutMs: 400 });
    opened.push(driver);
    await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  }, 20_000);
});
