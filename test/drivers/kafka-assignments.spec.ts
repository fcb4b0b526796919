import kafkajs from 'kafkajs';
import { systemClock } from '../../lib/contract/clock.js';
import { silentLogger } from '../../lib/contract/logger.js';
import { Assignments } from '../../lib/drivers/kafka/assignments.js';
import { AT_START, resolveSettings } from '../../lib/drivers/kafka/config.js';
import { KafkaJsConsumerPort } from '../../lib/drivers/kafka/kafkajs-client.js';
import { KafkaJsSockets } from '../../lib/drivers/kafka/kafkajs-sockets.js';
import type { KafkaJsConsumer } from '../../lib/drivers/kafka/kafkajs-types.js';
import type { KafkaAdmin, KafkaConsumer, TopicPartition } from '../../lib/drivers/kafka/port.js';
import { Resources } from '../../lib/kernel/shared-resources.js';

const TOPIC = 'emails';
const PARTITIONS = 3;
const PLACES: readonly TopicPartition[] = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: TOPIC, partition }));

describe('The partitions of a member', () => {
  /** A consumer that keeps what is paused over a rebalance, as that of kafkajs does. */
  const open = () => {
    const paused = new Set<number>();
    const looks: string[] = [];
    const consumer: KafkaConsumer = {
      commit: () => Promise.resolve(),
      seek: () => {},
      pause: ({ partition }) => void paused.add(partition),
      resume: ({ partition }) => void paused.delete(partition),
      close: () => Promise.resolve(),
    };
    const admin: KafkaAdmin = {
      bounds: (topic) => {
        looks.push(topic);
        return Promise.resolve(PLACES.map(({ partition }) => ({ partition, first: 0, end: 0 })));
      },
      offsetsAfter: () => Promise.resolve([]),
      committed: () => Promise.resolve([]),
      createTopics: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const options = { consumerOptions: { topics: [TOPIC] }, groupOptions: { groupId: TOPIC } };
    const settings = resolveSettings('contract', options, { brokers: ['127.0.0.1:9092'] });
    const assignments = new Assignments({
      context: {
        ...{ pipeline: 'contract', driver: 'kafka', priority: 10, options, clock: systemClock, logger: silentLogger, pushTimeoutMs: 0 },
        ...{ dataDir: '', isDeclared: false, resources: new Resources(), sink: { room: 0, accept: () => {}, onRoom: () => {} } },
      },
      settings,
      consumption: { ...settings.consumption!, start: AT_START },
      admin: () => admin,
      onLost: () => {},
    });
    return { assignments, consumer, paused, looks };
  };

  it('are read on when they were paused, went to another member and came back', async () => {
    const { assignments, consumer, paused } = open();
    await assignments.assign(PLACES, consumer);
    assignments.get(PLACES[1]!)!.isPaused = true;
    consumer.pause(PLACES[1]!);
    await assignments.assign([PLACES[0]!], consumer);
    await assignments.assign(PLACES, consumer);
    expect([...paused]).toEqual([]);
  });

  it('stay paused when they stay', async () => {
    const { assignments, consumer, paused } = open();
    await assignments.assign(PLACES, consumer);
    assignments.get(PLACES[1]!)!.isPaused = true;
    await assignments.assign(PLACES, consumer);
    expect([...paused]).toEqual([1]);
  });

  it('are looked at in one request for all of a topic when they stay', async () => {
    const { assignments, consumer, looks } = open();
    await assignments.assign(PLACES, consumer);
    looks.length = 0;
    await assignments.assign(PLACES, consumer);
    expect(looks).toEqual([TOPIC]);
  });

  it('can be paused and read on while their consumer dies: its end is told by itself', () => {
    // As kafkajs is between the end of its run and the event that tells it.
    const ended = new kafkajs.Kafka({ brokers: ['127.0.0.1:1'] }).consumer({ groupId: TOPIC });
    const listener = { onAssigned: () => Promise.resolve(), onRebalancing: () => {}, onRecords: () => {}, onPassed: () => {}, onLost: () => {} };
    const port = new KafkaJsConsumerPort(ended as unknown as KafkaJsConsumer, new KafkaJsSockets(), listener);
    port.pause(PLACES[0]!);
    port.resume(PLACES[0]!);
    expect(() => ended.resume([{ topic: TOPIC, partitions: [0] }])).toThrow('not initialized');
  });
});
