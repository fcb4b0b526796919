import { EventEmitter } from 'node:events';
import type { DriverContext } from '../../lib/contract/driver.js';
import { silentLogger } from '../../lib/contract/logger.js';
import type { AmqpModel } from '../../lib/drivers/amqp/client.js';
import { resolveSettings, type AmqpOptions } from '../../lib/drivers/amqp/config.js';
import { encodeMessage } from '../../lib/drivers/amqp/message.js';
import { Publisher } from '../../lib/drivers/amqp/publisher.js';
import { SupervisedConnection } from '../../lib/drivers/supervised-connection.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { aJob } from '../support/jobs.js';

const TIMEOUT_MS = 1_000;
/** As many as the broker may leave without an answer. */
const MOST = 100_000;

/** A publisher whose broker takes everything and answers nothing, as one that is short of memory. */
function setup() {
  const clock = new VirtualClock();
  const done = () => Promise.resolve();
  const channel = () =>
    Promise.resolve(
      Object.assign(new EventEmitter(), { assertExchange: done, assertQueue: done, bindQueue: done, close: done, publish: () => true }),
    );
  const confirms: EventEmitter[] = [];
  const createConfirmChannel = async () => {
    const made = await channel();
    confirms.push(made);
    return made;
  };
  const context = { pipeline: 'emails', driver: 'amqp', options: {}, clock, logger: silentLogger, pushTimeoutMs: TIMEOUT_MS };
  const driverContext = context as unknown as DriverContext<AmqpOptions>;
  const connection = new SupervisedConnection<AmqpModel>({
    driver: 'amqp',
    name: 'broker',
    clock,
    logger: silentLogger,
    connect: () => Promise.resolve({ createChannel: channel, createConfirmChannel } as unknown as AmqpModel),
    close: done,
  });
  const publisher = new Publisher(driverContext, resolveSettings(driverContext), connection);
  const facts = { exchange: 'x', routingKey: 'k', priority: 10, maxPriority: undefined, now: 0, delayS: 0, leftMs: undefined };
  const job = aJob({ id: 'an-id' });
  const publish = () => publisher.publish(encodeMessage(job, { ...facts, headers: job.headers }));
  return { clock, publisher, publish, confirms };
}

describe('A publisher of amqp', () => {
  const { stackTraceLimit } = Error;
  beforeEach(() => (Error.stackTraceLimit = 0)); // the stacks of so many errors would take most of the time
  afterEach(() => (Error.stackTraceLimit = stackTraceLimit));

  it('keeps no more than a bounded number of messages that the broker never answered, and goes on when it answers', async () => {
    const { clock, publisher, publish, confirms } = setup();
    publisher.start();
    await clock.advance(0);
    const given = Promise.allSettled(Array.from({ length: MOST }, publish));
    await expect(Promise.race([publish(), Promise.resolve('kept')])).resolves.toBe('kept');
    await clock.advance(TIMEOUT_MS);
    expect((await given).every((outcome) => (outcome as { reason?: { code?: string } }).reason?.code === 'PUSH_UNCERTAIN')).toBe(true);
    await expect(publish()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    confirms[0]!.emit('ack', { deliveryTag: MOST + 1, multiple: true });
    const next = publish();
    confirms[0]!.emit('ack', { deliveryTag: MOST + 2, multiple: false });
    await next;
    await publisher.stop();
  }, 60_000);
});
