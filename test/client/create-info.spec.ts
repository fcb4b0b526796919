import { JobsArgumentError } from '../../lib/contract/errors.js';
import {
  AMQPCreateInfo,
  BeanstalkCreateInfo,
  BoltdbCreateInfo,
  Driver,
  ExchangeType,
  MemoryCreateInfo,
  NatsCreateInfo,
  PubSubCreateInfo,
  SQSCreateInfo,
  toDeclareMap,
  type CreateInfo,
} from '../../lib/client/create-info.js';
import { Acks, CompressionCodec, KafkaCreateInfo, OffsetType, type KafkaSettings } from '../../lib/client/kafka-create-info.js';
import { recorded } from './support.js';

type DeclareMap = Record<string, string>;

function recordedMap(file: string, at: number): DeclareMap {
  const map = recorded<DeclareMap>(file, 'pipeline')[at];
  if (map === undefined) throw new Error(`${file} has no declaration ${at}`);
  return map;
}

const amqpFull = {
  name: 'amqp-full',
  priority: 5,
  prefetch: 50,
  queue: 'orders',
  exchange: 'shop',
  exchangeType: ExchangeType.Topics,
  routingKey: 'orders.*',
  exclusive: true,
  multipleAck: true,
  requeueOnFail: true,
  durable: true,
  exchangeDurable: true,
  queueHeaders: { 'x-queue-type': 'quorum', 'x-max-length': '1000' },
  deleteQueueOnStop: true,
  redialTimeout: 30,
  exchangeAutoDelete: true,
  queueAutoDelete: true,
  consumerId: 'consumer-1',
};

const kafkaFull: KafkaSettings = {
  name: 'kafka-full',
  priority: 2,
  autoCreateTopicsEnable: true,
  producerOptions: {
    disableIdempotent: true,
    requiredAcks: Acks.LeaderAck,
    maxMessageBytes: 2_000_000,
    requestTimeout: 10,
    deliveryTimeout: '30s',
    transactionTimeout: '40s',
    compressionCodec: CompressionCodec.Snappy,
  },
  consumerOptions: {
    topics: ['orders', 'refunds'],
    consumeRegexp: true,
    maxFetchMessageSize: 100_000,
    minFetchMessageSize: 10,
    consumePartitions: [
      { topic: 'orders', partition: 0, offset: { type: OffsetType.At, value: 5 } },
      { topic: 'orders', partition: 1, offset: { type: OffsetType.AtEnd } },
    ],
    consumerOffset: { type: OffsetType.Relative, value: 3 },
  },
  groupOptions: { groupId: 'group-1', blockRebalanceOnPoll: true },
};

describe('CreateInfo against recorded declarations', () => {
  it.each<[string, string, number, CreateInfo]>([
    ['memory with defaults', 'memory-defaults', 0, new MemoryCreateInfo({ name: 'defaults' })],
    ['memory', 'memory', 0, new MemoryCreateInfo({ name: 'declared', priority: 7, prefetch: 25 })],
    ['boltdb with defaults', 'boltdb', 0, new BoltdbCreateInfo({ name: 'bolt-defaults' })],
    ['boltdb', 'boltdb', 1, new BoltdbCreateInfo({ name: 'bolt-full', file: 'orders.db', priority: 6, prefetch: 500, permissions: 0o600 })],
    ['beanstalk with defaults', 'beanstalk', 0, new BeanstalkCreateInfo({ name: 'beanstalk-defaults' })],
    [
      'beanstalk',
      'beanstalk',
      1,
      new BeanstalkCreateInfo({ name: 'beanstalk-full', priority: 3, tubePriority: 1_024, tube: 'orders', reserveTimeout: 2, consumeAll: true }),
    ],
    ['amqp with the defaults of the newer client', 'amqp-newer', 0, new AMQPCreateInfo({ name: 'amqp-defaults' })],
    ['amqp of the newer client', 'amqp-newer', 1, new AMQPCreateInfo(amqpFull)],
    ['amqp of the older client', 'amqp', 1, new AMQPCreateInfo({ ...amqpFull, consumeAll: true })],
    ['nats with defaults', 'nats', 0, new NatsCreateInfo({ name: 'nats-defaults', subject: 'orders.*', stream: 'shop' })],
    [
      'nats',
      'nats',
      1,
      new NatsCreateInfo({
        name: 'nats-full',
        subject: 'orders.new',
        stream: 'shop',
        priority: 9,
        prefetch: 20,
        deliverNew: false,
        rateLimit: 5,
        deleteStreamOnStop: true,
        deleteAfterAck: true,
      }),
    ],
    ['sqs with defaults', 'sqs', 0, new SQSCreateInfo({ name: 'sqs-defaults' })],
    [
      'sqs',
      'sqs',
      1,
      new SQSCreateInfo({
        name: 'sqs-full',
        priority: 4,
        prefetch: 8,
        visibilityTimeout: '5m',
        waitTimeSeconds: 20,
        queue: 'orders.fifo',
        attributes: { DelaySeconds: 42, FifoQueue: 'true' },
        tags: { team: 'shop' },
        messageGroupId: 'group-1',
        skipQueueDeclaration: true,
      }),
    ],
    ['kafka with defaults', 'kafka', 0, new KafkaCreateInfo({ name: 'kafka-defaults' })],
    ['pub/sub with defaults', 'pubsub', 0, new PubSubCreateInfo({ name: 'pubsub-defaults', projectId: 'project-1', topic: 'orders' })],
    [
      'pub/sub',
      'pubsub',
      1,
      new PubSubCreateInfo({
        name: 'pubsub-full',
        priority: 3,
        projectId: 'project-1',
        topic: 'orders',
        deadLetterTopic: 'orders-dead',
        maxDeliveryAttempts: 7,
      }),
    ],
  ])('writes %s as recorded', (_, file, at, info) => {
    expect(toDeclareMap(info)).toEqual(recordedMap(`rpc-php-declare-${file}`, at));
  });

  it('writes amqp defaults as the older client, but no empty list for the headers of the queue, which the server refuses', () => {
    const { queue_headers, ...older } = recordedMap('rpc-php-declare-amqp', 0);
    expect(queue_headers).toBe('[]');
    expect(toDeclareMap(new AMQPCreateInfo({ name: 'amqp-defaults', consumeAll: false, queueHeaders: {}, consumerId: '' }))).toEqual(older);
  });

  // The server of the recording has no Kafka; one that has it takes no text for a time.
  it('writes kafka as recorded, but times in nanoseconds, and partitions that begin at 0 as an object too', () => {
    const { consumer_options: recordedOptions, producer_options: recordedProducer = '', ...rest } = recordedMap('rpc-php-declare-kafka', 1);
    const { consumer_options: options, producer_options: producer, ...ours } = toDeclareMap(new KafkaCreateInfo(kafkaFull)) as DeclareMap;
    expect(ours).toEqual(rest);
    expect(producer).toBe(recordedProducer.replace(/"(\d+)s"/g, '$1000000000'));
    const expected = JSON.parse(recordedOptions ?? '') as { consume_partitions: { orders: object[] } };
    expect(expected.consume_partitions.orders).toBeInstanceOf(Array);
    expect(JSON.parse(options ?? '')).toEqual({ ...expected, consume_partitions: { orders: { ...expected.consume_partitions.orders } } });
  });
});

describe('CreateInfo', () => {
  it('shows driver, name, priority and the complete settings', () => {
    const info = new MemoryCreateInfo({ name: 'emails' });
    expect([info.driver, info.name, info.priority]).toEqual([Driver.Memory, 'emails', 10]);
    expect(info.settings).toEqual({ name: 'emails', priority: 10, prefetch: 10 });
  });

  it('never changes', () => {
    const info = new MemoryCreateInfo({ name: 'emails' });
    expect(() => Object.assign(info, { name: 'other' })).toThrow(TypeError);
    expect(() => Object.assign(info.settings, { prefetch: 1 })).toThrow(TypeError);
    expect(() => Object.assign(info.toDeclareMap(), { prefetch: '1' })).toThrow(TypeError);
  });

  it('is its map as JSON', () => {
    expect(JSON.parse(JSON.stringify(new MemoryCreateInfo({ name: 'emails' })))).toEqual({
      name: 'emails',
      driver: 'memory',
      priority: '10',
      prefetch: '10',
    });
  });

  it('takes undefined for absent', () => {
    expect(toDeclareMap(new MemoryCreateInfo({ name: 'emails', prefetch: undefined }))).toMatchObject({ prefetch: '10' });
  });

  it.each<[string, () => CreateInfo]>([
    ['name', () => new MemoryCreateInfo({ name: '' })],
    ['name', () => new MemoryCreateInfo({} as { name: string })],
    ['name', () => new MemoryCreateInfo({ name: 'x'.repeat(256) })],
    ['priority', () => new MemoryCreateInfo({ name: 'q', priority: 0 })],
    ['prefetch', () => new MemoryCreateInfo({ name: 'q', prefetch: -1 })],
    ['prefetch', () => new MemoryCreateInfo({ name: 'q', prefetch: 1.5 })],
    ['prefetch', () => new MemoryCreateInfo({ name: 'q', prefetch: '10' as unknown as number })],
    ['file', () => new BoltdbCreateInfo({ name: 'q', file: '' })],
    ['permissions', () => new BoltdbCreateInfo({ name: 'q', permissions: 0o1000 })],
    ['tubePriority', () => new BeanstalkCreateInfo({ name: 'q', tubePriority: 2 ** 32 })],
    ['reserveTimeout', () => new BeanstalkCreateInfo({ name: 'q', reserveTimeout: -1 })],
    ['consumeAll', () => new BeanstalkCreateInfo({ name: 'q', consumeAll: 'yes' as unknown as boolean })],
    ['exchange', () => new AMQPCreateInfo({ name: 'q', exchange: '' })],
    ['exchangeType', () => new AMQPCreateInfo({ name: 'q', exchangeType: 'star' as 'topic' })],
    ['queueHeaders', () => new AMQPCreateInfo({ name: 'q', queueHeaders: [] as unknown as Record<string, unknown> })],
    ['routingKey', () => new AMQPCreateInfo({ name: 'q', routingKey: 5 as unknown as string })],
    ['subject', () => new NatsCreateInfo({ name: 'q', stream: 's' } as { name: string; subject: string; stream: string })],
    ['stream', () => new NatsCreateInfo({ name: 'q', subject: 's', stream: '' })],
    ['visibilityTimeout', () => new SQSCreateInfo({ name: 'q', visibilityTimeout: 43_201 })],
    ['waitTimeSeconds', () => new SQSCreateInfo({ name: 'q', waitTimeSeconds: 21 })],
    ['projectId', () => new PubSubCreateInfo({ name: 'q', projectId: '', topic: 't' })],
    ['maxDeliveryAttempts', () => new PubSubCreateInfo({ name: 'q', projectId: 'p', topic: 't', deadLetterTopic: 'd', maxDeliveryAttempts: 4 })],
    ['requiredAcks', () => new KafkaCreateInfo({ name: 'q', producerOptions: { requiredAcks: 'All' as 'NoAck' } })],
    ['compressionCodec', () => new KafkaCreateInfo({ name: 'q', producerOptions: { compressionCodec: 'rar' as 'gzip' } })],
    [
      'partition',
      () => new KafkaCreateInfo({ name: 'q', consumerOptions: { consumePartitions: [{ topic: 't', partition: -1, offset: { type: 'At' } }] } }),
    ],
    ['type', () => new KafkaCreateInfo({ name: 'q', consumerOptions: { consumerOffset: { type: 'Never' as 'At' } } })],
    ['groupId', () => new KafkaCreateInfo({ name: 'q', groupOptions: { groupId: '' } })],
  ])('refuses a wrong %s and names it', (setting, make) => {
    expect(make).toThrow(JobsArgumentError);
    expect(make).toThrow(new RegExp(`^${setting}\\b`));
  });

  it('refuses a setting that it does not have, and lists those it has', () => {
    const make = () => new MemoryCreateInfo({ name: 'q', prefech: 10 } as { name: string });
    expect(make).toThrow(JobsArgumentError);
    expect(make).toThrow('A memory pipeline has no setting "prefech". It has: name, priority, prefetch.');
    expect(() => new KafkaCreateInfo({ name: 'q', groupOptions: { group: 'g' } as object })).toThrow(/no option "group". There are: groupId/);
  });

  it('rounds seconds up and reads duration text', () => {
    expect(toDeclareMap(new BeanstalkCreateInfo({ name: 'q', reserveTimeout: '1500ms' }))).toMatchObject({ reserve_timeout: '2' });
    expect(toDeclareMap(new AMQPCreateInfo({ name: 'q', redialTimeout: '2m' }))).toMatchObject({ redial_timeout: '120' });
  });

  it('leaves the number of deliveries out when no dead letter topic is given', () => {
    const map = toDeclareMap(new PubSubCreateInfo({ name: 'q', projectId: 'p', topic: 't', maxDeliveryAttempts: 7 }));
    expect(map).toEqual({ name: 'q', driver: 'google_pub_sub', priority: '10', project_id: 'p', topic: 't' });
  });

  it('completes the option objects of Kafka', () => {
    const map = toDeclareMap(new KafkaCreateInfo({ name: 'q', producerOptions: {}, consumerOptions: {}, groupOptions: {} })) as DeclareMap;
    expect(JSON.parse(map['producer_options'] ?? '')).toEqual({
      disable_idempotent: false,
      max_message_bytes: 1_000_012,
      required_acks: 'AllISRAck',
    });
    expect(JSON.parse(map['consumer_options'] ?? '')).toEqual({
      topics: [],
      consume_regexp: false,
      max_fetch_message_size: 50_000,
      min_fetch_message_size: 1,
      consumer_offset: { type: 'AtStart', value: 1 },
    });
    expect(JSON.parse(map['group_options'] ?? '')).toEqual({ group_id: null, block_rebalance_on_poll: false });
  });

  it('leaves required_acks out when it is null, and writes timeouts in nanoseconds, which is what RoadRunner reads', () => {
    const { producer_options: json } = toDeclareMap(
      new KafkaCreateInfo({ name: 'q', producerOptions: { requiredAcks: null, requestTimeout: '1m', deliveryTimeout: 1.5 } }),
    ) as DeclareMap;
    expect(JSON.parse(json ?? '')).toEqual({
      disable_idempotent: false,
      max_message_bytes: 1_000_012,
      request_timeout: 60_000_000_000,
      delivery_timeout: 1_500_000_000,
    });
  });

  it('takes __proto__ for a topic as any other', () => {
    const { consumer_options: json } = toDeclareMap(
      new KafkaCreateInfo({
        name: 'q',
        consumerOptions: { consumePartitions: [{ topic: '__proto__', partition: 2, offset: { type: 'At', value: 7 } }] },
      }),
    ) as DeclareMap;
    expect(json).toContain('"consume_partitions":{"__proto__":{"2":{"type":"At","value":7}}}');
  });
});

describe('toDeclareMap of a plain object', () => {
  it('writes names in snake case and values as text', () => {
    const info = {
      driver: 'memory',
      name: 'q',
      maxJobs: 100,
      priority: 5,
      autoDelete: true,
      file: 'a.db',
      backoff: { delay: 1 },
      list: [1, 'a'],
      big: 2n ** 60n,
    };
    expect(toDeclareMap(info)).toEqual({
      driver: 'memory',
      name: 'q',
      max_jobs: '100',
      priority: '5',
      auto_delete: 'true',
      file: 'a.db',
      backoff: '{"delay":1}',
      list: '[1,"a"]',
      big: '1152921504606846976',
    });
  });

  it('takes options under config too, where the flat one wins', () => {
    const info = { driver: 'memory', name: 'q', prefetch: 3, config: { name: 'other', prefetch: 5, maxJobs: 100 } };
    expect(toDeclareMap(info)).toEqual({ driver: 'memory', name: 'q', prefetch: '3', max_jobs: '100' });
  });

  it('keeps names that are in snake case, and leaves undefined out', () => {
    expect(toDeclareMap({ driver: 'memory', name: 'q', max_jobs: '5', prefetch: undefined })).toEqual({ driver: 'memory', name: 'q', max_jobs: '5' });
  });

  it.each([null, Number.NaN, Symbol('s'), () => 1, { circle: 1n }])('refuses the value %p and names the option', (value) => {
    expect(() => toDeclareMap({ driver: 'memory', name: 'q', thing: value })).toThrow(JobsArgumentError);
    expect(() => toDeclareMap({ driver: 'memory', name: 'q', thing: value })).toThrow(/^thing of pipeline "q"/);
  });

  it.each([null, 'memory', { driver: 'memory' }, { name: 'q' }, { name: 'q', driver: '' }])('refuses %j', (info) => {
    expect(() => toDeclareMap(info as { name: string; driver: string })).toThrow(JobsArgumentError);
  });
});
