// Subjects on Kafka, each with a topic of one partition and a group of its own. Every producer waits for all replicas.
import kafkajs from 'kafkajs';
import { randomUUID } from 'node:crypto';
import snappy from 'kafkajs-snappy';
import { PAYLOAD } from '../support/drain.mjs';
import { openNest } from './nest.mjs';
import { Arrivals, PEERS, importPeer, inLots, openLibrary } from './subject.mjs';

/** @typedef {import('./subject.mjs').Subject} Subject */

const SEND = 500;
/** Between two looks of a paused consumer, as the driver has it. Unit: milliseconds. */
const FETCH_WAIT_MS = 250;
const CLIENT_ID = 'bench';
/** It makes a request of each job. */
const NEST_SHARE = 0.1;

/**
 * @param {string} url
 * @param {string} name - Of topics and groups.
 * @param {'single pushes' | 'batches'} way - Of the library; raw clients always send 500 at once.
 */
export async function openKafka(url, name, way) {
  const own = {
    library: await openDriver(url, name, way),
    kafkajs: await openKafkaJs(url, `${name}-raw`, true),
    bare: await openKafkaJs(url, `${name}-bare`),
  };
  if (PEERS === undefined) return own;
  return { ...own, platformatic: await openPlatformatic(url, `${name}-platformatic`), nest: await openNestKafka(url, `${name}-nest`) };
}

/**
 * @param {string} url
 * @param {string} name
 */
export async function openIdleKafka(url, name) {
  return { library: await openDriver(url, name, 'single pushes'), kafkajs: await openKafkaJs(url, `${name}-raw`, true) };
}

/**
 * @param {string} url
 * @param {string} topic
 * @param {'single pushes' | 'batches'} way
 */
function openDriver(url, topic, way) {
  const pipeline = { driver: 'kafka', autoCreateTopicsEnable: true, consumerOptions: { topics: [topic] }, groupOptions: { groupId: topic } };
  return openLibrary(pipeline, { kafka: { brokers: [new URL(url).host] } }, SEND, way);
}

/** What RoadRunner's consumers want to see, and the driver writes. */
function rrMessage() {
  const priority = Buffer.alloc(8);
  priority.writeBigInt64LE(10n);
  return { key: randomUUID(), value: PAYLOAD, headers: { rr_job: 'echo', rr_pipeline: 'bench', rr_priority: priority } };
}

/**
 * @param {string} url
 * @param {string} topic
 * @param {boolean} [isSame] - With key and headers, compressed and idempotent, as the driver's.
 * @returns {Promise<Subject>}
 */
async function openKafkaJs(url, topic, isSame = false) {
  const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = snappy;
  const kafka = new Kafka({ clientId: CLIENT_ID, brokers: [new URL(url).host], logLevel: logLevel.NOTHING });
  await createTopic(kafka, topic);
  const producer = kafka.producer(isSame ? { idempotent: true, maxInFlightRequests: 1 } : {});
  await producer.connect();
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: FETCH_WAIT_MS });
  const arrivals = new Arrivals();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const isJoined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({
    eachBatch: async ({ batch: { messages } }) => {
      for (const { value } of messages) arrivals.handled(value?.length ?? 0);
    },
  });
  await isJoined;
  consumer.pause([{ topic }]);
  const compression = isSame ? CompressionTypes.Snappy : CompressionTypes.None;
  const send = (/** @type {number} */ count) =>
    producer.send({
      topic,
      acks: -1,
      compression,
      messages: Array.from({ length: count }, isSame ? rrMessage : () => ({ value: PAYLOAD })),
    });
  return {
    arrivals,
    push: (jobs) => inLots(jobs / Math.min(jobs, SEND), 1, () => send(Math.min(jobs, SEND))),
    resume: () => consumer.resume([{ topic }]),
    pause: () => consumer.pause([{ topic }]),
    close: async () => {
      await consumer.disconnect();
      await producer.disconnect();
    },
  };
}

/**
 * @param {string} url
 * @param {string} topic
 * @returns {Promise<Subject>}
 */
async function openPlatformatic(url, topic) {
  const { Consumer, Producer } = await importPeer('@platformatic/kafka');
  const bootstrapBrokers = [new URL(url).host];
  await createTopic(new kafkajs.Kafka({ clientId: CLIENT_ID, brokers: bootstrapBrokers, logLevel: kafkajs.logLevel.NOTHING }), topic);
  const producer = new Producer({ clientId: CLIENT_ID, bootstrapBrokers });
  const consumer = new Consumer({ clientId: CLIENT_ID, groupId: topic, bootstrapBrokers });
  const arrivals = new Arrivals();
  const stream = await consumer.consume({
    autocommit: true,
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    maxWaitTime: FETCH_WAIT_MS,
  });
  stream.on('data', (/** @type {{ value: Buffer }} */ { value }) => arrivals.handled(value.length));
  stream.pause();
  const send = (/** @type {number} */ count) =>
    producer.send({ acks: -1, messages: Array.from({ length: count }, () => ({ topic, value: Buffer.from(PAYLOAD) })) });
  return {
    arrivals,
    push: (jobs) => inLots(jobs / Math.min(jobs, SEND), 1, () => send(Math.min(jobs, SEND))),
    resume: () => void stream.resume(),
    pause: () => void stream.pause(),
    close: async () => {
      await stream.close();
      await consumer.close(true);
      await producer.close();
    },
  };
}

/**
 * @param {string} url
 * @param {string} topic
 * @returns {Promise<Subject>}
 */
async function openNestKafka(url, topic) {
  const { Transport } = await importPeer('@nestjs/microservices');
  const brokers = [new URL(url).host];
  await createTopic(new kafkajs.Kafka({ clientId: CLIENT_ID, brokers, logLevel: kafkajs.logLevel.NOTHING }), topic);
  const client = { clientId: CLIENT_ID, brokers, logLevel: kafkajs.logLevel.NOTHING };
  const options = { client, consumer: { groupId: topic }, subscribe: { fromBeginning: true } };
  const subject = await openNest({
    server: { transport: Transport.KAFKA, options },
    client: { transport: Transport.KAFKA, options: { client, producerOnlyMode: true } },
    pattern: topic,
    atOnce: SEND,
  });
  return { ...subject, share: NEST_SHARE };
}

/**
 * @param {import('kafkajs').Kafka} kafka
 * @param {string} topic
 */
async function createTopic(kafka, topic) {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  await admin.disconnect();
}
