// Jobs through a real broker, beside its raw client doing the same work: 1000 pushes at once, each confirmed, while as many are waiting; then all are
// consumed, and each is acknowledged. Both take turns in one process. A row runs where the broker's address is known:
//
//   npm run brokers -- amqp beanstalk -- npm run bench -- --only brokers
import { connect } from 'node:net';
import { randomUUID } from 'node:crypto';
import amqplib from 'amqplib';
import { Countdown, PAYLOAD } from '../support/drain.mjs';
import { openKernel, QUEUE } from '../support/kernel.mjs';
import { costOf, median } from '../support/measure.mjs';

const AT_ONCE = 1_000;
const JOBS = 10_000;
const WARM_UP = 20_000;
const TURNS = 5;
const PREFETCH = 200;
const BODY = Buffer.from(PAYLOAD);

/** @typedef {{ push(jobs: number): Promise<void>, consume(jobs: number): Promise<void>, close(): Promise<void> }} Subject */

/** @type {Record<string, (url: string, name: string) => Promise<{ ours: Subject, raw: Subject }>>} */
const BROKERS = {
  amqp: async (url, name) => ({
    ours: await openLibrary({ driver: 'amqp', queue: name, durable: true, exchangeDurable: true, prefetch: PREFETCH }, { amqp: { addr: url } }),
    raw: await openAmqplib(url, `${name}-raw`),
  }),
  beanstalk: async (url, name) => ({
    ours: await openLibrary({ driver: 'beanstalk', tube: name, prefetch: PREFETCH }, { beanstalk: { addr: url } }),
    raw: await openBeanstalk(new URL(url), `${name}-raw`),
  }),
};

export const rows = Object.fromEntries(
  Object.entries(BROKERS).flatMap(([name, open]) => {
    const url = process.env[`NRR_TEST_${name.toUpperCase()}_URL`];
    return url === undefined ? [] : [[name, () => measureInTurns(url, open)]];
  }),
);

/**
 * Nanoseconds per job of both, and how many times as fast as the raw client the library is: medians of the turns.
 *
 * @param {string} url
 * @param {(typeof BROKERS)[string]} open
 */
async function measureInTurns(url, open) {
  const { ours, raw } = await open(url, `bench-${randomUUID()}`);
  for (const subject of [ours, raw]) {
    await subject.push(WARM_UP);
    await subject.consume(WARM_UP);
  }
  const turns = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const library = await measure(ours);
    const client = await measure(raw);
    turns.push({
      ...library,
      rawPushWallNs: client.pushWallNs,
      rawConsumeWallNs: client.consumeWallNs,
      wallRatio: client.wallNs / library.wallNs,
      cpuRatio: client.cpuNs / library.cpuNs,
      pushRatio: client.pushWallNs / library.pushWallNs,
      consumeRatio: client.consumeWallNs / library.consumeWallNs,
    });
  }
  await Promise.all([ours.close(), raw.close()]);
  return Object.fromEntries(Object.keys(turns[0] ?? {}).map((metric) => [metric, median(turns.map((turn) => Reflect.get(turn, metric)))]));
}

/** @param {Subject} subject */
async function measure(subject) {
  const push = await costOf(() => subject.push(JOBS));
  const consume = await costOf(() => subject.consume(JOBS));
  return {
    wallNs: (push.wallNs + consume.wallNs) / JOBS,
    cpuNs: (push.cpuNs + consume.cpuNs) / JOBS,
    pushWallNs: push.wallNs / JOBS,
    consumeWallNs: consume.wallNs / JOBS,
  };
}

/**
 * @param {number} jobs
 * @param {() => Promise<unknown>} pushOne
 */
async function inLots(jobs, pushOne) {
  for (let pushed = 0; pushed < jobs; pushed += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, pushOne));
}

/**
 * @param {import('nestjs-roadrunner/kernel').PipelineOptions} pipeline
 * @param {import('nestjs-roadrunner/kernel').KernelOptions} options
 * @returns {Promise<Subject>}
 */
async function openLibrary(pipeline, options) {
  const { kernel, queue, countdown } = await openKernel(
    (counted) =>
      async ({ payload }) =>
        counted.handled(payload.length),
    {
      ...options,
      pipelines: { [QUEUE]: pipeline },
      failed: { store: 'memory' },
    },
  );
  return {
    push: (jobs) => inLots(jobs, () => queue.push('echo', PAYLOAD)),
    consume: async (jobs) => {
      countdown.start(jobs);
      await kernel.resume(QUEUE);
      await countdown.done;
      await kernel.pause(QUEUE);
    },
    close: () => kernel.close(),
  };
}

/**
 * @param {string} url
 * @param {string} queue
 * @returns {Promise<Subject>}
 */
async function openAmqplib(url, queue) {
  const connection = await amqplib.connect(url);
  const publisher = await connection.createConfirmChannel();
  const consumer = await connection.createChannel();
  await publisher.assertQueue(queue, { durable: true });
  await consumer.prefetch(PREFETCH);
  const countdown = new Countdown();
  const publish = () =>
    new Promise((resolve, reject) => {
      publisher.sendToQueue(queue, BODY, { persistent: true }, (error) => (error ? reject(error) : resolve(undefined)));
    });
  return {
    push: (jobs) => inLots(jobs, publish),
    consume: async (jobs) => {
      countdown.start(jobs);
      const { consumerTag } = await consumer.consume(queue, (message) => {
        if (message === null) return;
        countdown.handled(message.content.length);
        consumer.ack(message);
      });
      await countdown.done;
      await consumer.cancel(consumerTag);
    },
    close: async () => {
      await publisher.deleteQueue(queue);
      await connection.close();
    },
  };
}

/**
 * Commands are written without waiting for the answer to the one before.
 *
 * @param {URL} url
 * @param {string} tube
 * @returns {Promise<Subject>}
 */
async function openBeanstalk({ hostname, port }, tube) {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  /** @type {((line: string) => void)[]} */
  const waiting = [];
  let rest = '';
  let bodyLeft = 0;
  socket.setEncoding('latin1').on('data', (/** @type {string} */ text) => {
    rest += text;
    for (;;) {
      if (bodyLeft > 0) {
        if (rest.length < bodyLeft) return;
        rest = rest.slice(bodyLeft);
        bodyLeft = 0;
      }
      const end = rest.indexOf('\r\n');
      if (end === -1) return;
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (line.startsWith('RESERVED')) bodyLeft = Number(line.split(' ')[2]) + 2;
      waiting.shift()?.(line);
    }
  });
  const ask = (/** @type {string} */ command) => {
    socket.write(`${command}\r\n`);
    return new Promise((/** @type {(line: string) => void} */ resolve) => waiting.push(resolve));
  };
  await ask(`use ${tube}`);
  await ask(`watch ${tube}`);
  await ask('ignore default');
  return {
    push: (jobs) => inLots(jobs, () => ask(`put 0 0 60 ${BODY.length}\r\n${PAYLOAD}`)),
    consume: async (jobs) => {
      let left = jobs;
      const work = async () => {
        while (left-- > 0) {
          const [, id] = (await ask('reserve')).split(' ');
          await ask(`delete ${id}`);
        }
      };
      await Promise.all(Array.from({ length: PREFETCH }, work));
    },
    close: async () => void socket.destroy(),
  };
}
