// Subjects on RabbitMQ. All publish persistent messages with confirms to a durable queue, and acknowledge each message that they handle.
import { randomUUID } from 'node:crypto';
import amqplib from 'amqplib';
import { openNest } from './nest.mjs';
import { ALWAYS, Arrivals, BODY, PEERS, PREFETCH, importPeer, inLots, openLibrary } from './subject.mjs';

/** @typedef {import('./subject.mjs').Subject} Subject */

const AT_ONCE = 1_000;
/** As the driver's exchange: direct and durable. */
const EXCHANGE = 'bench.direct';

/**
 * @param {string} url
 * @param {string} name - Of the queues, which are deleted in the end.
 */
export async function openAmqp(url, name) {
  const own = {
    ...(await openDriver(url, name)),
    amqplib: await openAmqplib(url, `${name}-raw`, rrMessage),
    bare: await openAmqplib(url, `${name}-bare`),
  };
  if (PEERS === undefined) return own;
  return {
    ...own,
    rabbitmqClient: await openRabbitmqClient(url, `${name}-client`),
    nest: await openNestRmq(url, `${name}-nest`),
    golevelup: await openGolevelup(url, `${name}-golevelup`),
  };
}

/**
 * @param {string} url
 * @param {string} name
 */
export async function openIdleAmqp(url, name) {
  return { ...(await openDriver(url, name)), amqplib: await openAmqplib(url, `${name}-raw`, rrMessage) };
}

/**
 * @param {string} url
 * @param {string} queue
 */
async function openDriver(url, queue) {
  const pipeline = { driver: 'amqp', queue, durable: true, exchangeDurable: true, exchange: EXCHANGE, routingKey: queue, prefetch: PREFETCH };
  const library = await openLibrary({ ...pipeline, deleteQueueOnStop: true }, { amqp: { addr: url } }, AT_ONCE);
  return { library };
}

/** What RoadRunner's consumers want to see, and the driver writes. */
function rrMessage() {
  return {
    mandatory: true,
    contentType: 'application/octet-stream',
    timestamp: Math.floor(Date.now() / 1_000),
    headers: {
      rr_id: randomUUID(),
      rr_job: 'echo',
      rr_pipeline: 'bench',
      rr_headers: Buffer.from('{}'),
      rr_delay: { '!': 'int32', value: 0 },
      rr_priority: { '!': 'int64', value: 10 },
      rr_auto_ack: false,
    },
  };
}

/**
 * @param {string} url
 * @param {string} queue
 * @param {() => object} [fields] - Of every message, beside its persistence.
 * @returns {Promise<Subject>}
 */
async function openAmqplib(url, queue, fields) {
  const connection = await amqplib.connect(url, { noDelay: true });
  const publisher = await connection.createConfirmChannel();
  const consumer = await connection.createChannel();
  await publisher.assertExchange(EXCHANGE, 'direct', { durable: true });
  await publisher.assertQueue(queue, { durable: true });
  await publisher.bindQueue(queue, EXCHANGE, queue);
  await consumer.prefetch(PREFETCH);
  const exchange = fields === undefined ? '' : EXCHANGE;
  const arrivals = new Arrivals();
  const publish = () =>
    new Promise((resolve, reject) => {
      const options = fields === undefined ? { persistent: true } : { persistent: true, ...fields() };
      publisher.publish(exchange, queue, BODY, options, (error) => (error ? reject(error) : resolve(undefined)));
    });
  const handle = (/** @type {import('amqplib').ConsumeMessage | null} */ message) => {
    if (message === null) return;
    arrivals.handled(message.content.length);
    consumer.ack(message);
  };
  let tag = '';
  return {
    arrivals,
    push: (jobs) => inLots(jobs, Math.min(jobs, AT_ONCE), publish),
    resume: async () => void ({ consumerTag: tag } = await consumer.consume(queue, handle)),
    pause: () => consumer.cancel(tag),
    close: async () => {
      await publisher.deleteQueue(queue);
      await connection.close();
    },
  };
}

/**
 * @param {string} url
 * @param {string} queue
 * @returns {Promise<Subject>}
 */
async function openRabbitmqClient(url, queue) {
  const { Connection } = await importPeer('rabbitmq-client');
  const connection = new Connection({ url, noDelay: true });
  const publisher = connection.createPublisher({ confirm: true });
  const arrivals = new Arrivals();
  const consumer = connection.createConsumer(
    { queue, queueOptions: { durable: true }, qos: { prefetchCount: PREFETCH }, lazy: true },
    async (/** @type {{ body: Buffer }} */ { body }) => arrivals.handled(body.length),
  );
  await connection.queueDeclare({ queue, durable: true });
  await connection.exchangeDeclare({ exchange: EXCHANGE, type: 'direct', durable: true });
  await connection.queueBind({ queue, exchange: EXCHANGE, routingKey: queue });
  const publish = () => publisher.send({ exchange: EXCHANGE, routingKey: queue, durable: true, ...plainFields() }, BODY);
  return {
    arrivals,
    push: (jobs) => inLots(jobs, Math.min(jobs, AT_ONCE), publish),
    resume: () => consumer.start(),
    pause: () => consumer.close(),
    close: async () => {
      await publisher.close();
      await connection.queueDelete({ queue });
      await connection.close();
    },
  };
}

// This client knows no types of fields; it writes the widths that fit.
function plainFields() {
  const { headers, ...properties } = rrMessage();
  return { ...properties, headers: { ...headers, rr_delay: 0, rr_priority: 10 } };
}

/**
 * Its events: an emit is confirmed, a handler acknowledges.
 *
 * @param {string} url
 * @param {string} queue
 * @returns {Promise<Subject>}
 */
async function openNestRmq(url, queue) {
  const { Transport } = await importPeer('@nestjs/microservices');
  const options = { urls: [url], queue, noAck: false, prefetchCount: PREFETCH, persistent: true, queueOptions: { durable: true } };
  return openNest({
    server: { transport: Transport.RMQ, options },
    client: { transport: Transport.RMQ, options: { ...options, noAck: true } },
    pattern: 'echo',
    atOnce: AT_ONCE,
    handled: (context) => context.getChannelRef().ack(context.getMessage()),
    close: () => deleteQueue(url, queue),
  });
}

/**
 * @param {string} url
 * @param {string} queue
 * @returns {Promise<Subject>}
 */
async function openGolevelup(url, queue) {
  const { AmqpConnection } = await importPeer('@golevelup/nestjs-rabbitmq');
  const connection = new AmqpConnection({
    uri: url,
    exchanges: [{ name: EXCHANGE, type: 'direct', options: { durable: true } }],
    prefetchCount: PREFETCH,
    connectionInitOptions: { wait: true },
    logger: { log() {}, error() {}, warn() {}, debug() {}, verbose() {} },
  });
  await connection.init();
  const arrivals = new Arrivals();
  const settings = { exchange: EXCHANGE, routingKey: queue, queue, queueOptions: { durable: true } };
  await connection.createSubscriber(async (/** @type {{ to: string }} */ mail) => arrivals.handled(mail.to.length), settings, 'handle');
  const mail = JSON.parse(String(BODY));
  const publish = () => connection.publish(EXCHANGE, queue, mail, { persistent: true });
  return {
    ...ALWAYS,
    arrivals,
    push: (jobs) => inLots(jobs, AT_ONCE, publish),
    close: async () => {
      await connection.close();
      await deleteQueue(url, queue);
    },
  };
}

/**
 * @param {string} url
 * @param {string} queue
 */
async function deleteQueue(url, queue) {
  const connection = await amqplib.connect(url);
  const channel = await connection.createChannel();
  await channel.deleteQueue(queue);
  await connection.close();
}
