import { EventEmitter } from 'node:events';
import type { DriverContext } from '../../lib/contract/driver.js';
import { silentLogger } from '../../lib/contract/logger.js';
import type { AmqpMessage, AmqpModel } from '../../lib/drivers/amqp/client.js';
import { resolveSettings, type AmqpOptions } from '../../lib/drivers/amqp/config.js';
import { Consumer } from '../../lib/drivers/amqp/consumer.js';
import { SupervisedConnection } from '../../lib/drivers/supervised-connection.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { deferred } from '../support/kernel.js';

/** A channel whose broker answers when the test says so. */
class ScriptedChannel extends EventEmitter {
  readonly said: string[] = [];
  readonly begins: { answer(): void; refuse(error: Error): void }[] = [];
  onMessage: (message: AmqpMessage | null) => void = () => {};

  assertExchange = () => Promise.resolve();
  assertQueue = () => Promise.resolve();
  bindQueue = () => Promise.resolve();
  prefetch = () => Promise.resolve();

  consume(_queue: string, onMessage: (message: AmqpMessage | null) => void): Promise<{ consumerTag: string }> {
    this.said.push('consume');
    this.onMessage = onMessage;
    const { promise, resolve, reject } = deferred<{ consumerTag: string }>();
    this.begins.push({ answer: () => resolve({ consumerTag: 'me' }), refuse: reject });
    return promise;
  }

  cancel(tag: string): Promise<void> {
    this.said.push(`cancel ${tag}`);
    return Promise.resolve();
  }

  nack({ fields }: AmqpMessage): void {
    this.said.push(`nack ${fields.deliveryTag}`);
  }

  close(): Promise<void> {
    this.said.push('close');
    return Promise.resolve();
  }
}

const aMessage = (deliveryTag: number) => ({ content: Buffer.alloc(0), fields: { deliveryTag }, properties: {} }) as unknown as AmqpMessage;

/** A consumer whose channels are scripted; those of its declarations are not listed. */
function setup() {
  const clock = new VirtualClock();
  const channels: ScriptedChannel[] = [];
  const createChannel = (): Promise<ScriptedChannel> => {
    const channel = new ScriptedChannel();
    channel.prefetch = () => {
      channels.push(channel);
      return Promise.resolve();
    };
    return Promise.resolve(channel);
  };
  const context = { pipeline: 'emails', driver: 'amqp', priority: 10, options: {}, clock, logger: silentLogger, pushTimeoutMs: 1_000 };
  const connection = new SupervisedConnection<AmqpModel>({
    driver: 'amqp',
    name: 'broker',
    clock,
    logger: silentLogger,
    connect: () => Promise.resolve({ createChannel } as unknown as AmqpModel),
    close: () => Promise.resolve(),
  });
  const driverContext = context as unknown as DriverContext<AmqpOptions>;
  const consumer = new Consumer(driverContext, resolveSettings(driverContext), connection, () => {});
  const started = consumer.start();
  return { clock, channels, consumer, started };
}

/** As soon as its consumer was asked for. */
async function opened(channels: readonly ScriptedChannel[], clock: VirtualClock, count = 1): Promise<ScriptedChannel> {
  while (channels[count - 1]?.begins[0] === undefined) await clock.advance(100);
  return channels[count - 1]!;
}

describe('A consumer of amqp', () => {
  it('that is paused while it begins is ended as soon as it has begun', async () => {
    const { consumer, channels, clock } = setup();
    const channel = await opened(channels, clock);
    const paused = consumer.pause();
    channel.begins[0]!.answer();
    await paused;
    expect(channel.said).toEqual(['consume', 'cancel me']);
    expect(consumer.isConsuming).toBe(false);
    await consumer.stop();
  });

  it('that is paused and resumed while it begins goes on', async () => {
    const { consumer, channels, clock, started } = setup();
    const channel = await opened(channels, clock);
    const told = Promise.all([consumer.pause(), consumer.resume()]);
    channel.begins[0]!.answer();
    await Promise.all([told, started]);
    expect(channel.said).toEqual(['consume']);
    expect(consumer.isConsuming).toBe(true);
    await consumer.stop();
  });

  it('that is resumed and paused at once consumes nothing', async () => {
    const { consumer, channels, clock, started } = setup();
    const channel = await opened(channels, clock);
    channel.begins[0]!.answer();
    await started;
    await consumer.pause();
    const resumed = consumer.resume();
    await clock.advance(0);
    const paused = consumer.pause();
    channel.begins[1]!.answer();
    await Promise.all([resumed, paused]);
    expect(channel.said).toEqual(['consume', 'cancel me', 'consume', 'cancel me']);
    await consumer.stop();
  });

  it('is begun once by two calls to resume', async () => {
    const { consumer, channels, clock, started } = setup();
    const channel = await opened(channels, clock);
    channel.begins[0]!.answer();
    await started;
    await consumer.pause();
    const resumed = Promise.all([consumer.resume(), consumer.resume()]);
    await clock.advance(0);
    channel.begins[1]!.answer();
    await resumed;
    expect(channel.said).toEqual(['consume', 'cancel me', 'consume']);
    await consumer.stop();
  });

  it('keeps what comes with a resume that overtakes a pause', async () => {
    const { consumer, channels, clock, started } = setup();
    const channel = await opened(channels, clock);
    channel.begins[0]!.answer();
    await started;
    const paused = consumer.pause();
    const resumed = consumer.resume();
    channel.onMessage(aMessage(1));
    await paused;
    channel.begins[1]?.answer();
    await resumed;
    expect(channel.said).not.toContain('nack 1');
    expect(consumer.heldCount).toBe(1);
    await consumer.stop();
  });

  it('holds nothing of a channel that ended before it stood: the broker delivers it again', async () => {
    const { consumer, channels, clock, started } = setup();
    const first = await opened(channels, clock);
    first.begins[0]!.answer();
    first.onMessage(aMessage(1));
    first.emit('close');
    (await opened(channels, clock, 2)).begins[0]!.answer();
    await started;
    expect(consumer.heldCount).toBe(0);
    await consumer.stop();
  });

  it.each([
    ['is ended by the broker', (channel: ScriptedChannel) => channel.onMessage(null)],
    ['loses its channel', (channel: ScriptedChannel) => channel.emit('close')],
  ])('that %s in the breath in which it begins begins again on another channel', async (_name, end) => {
    const { consumer, channels, clock, started } = setup();
    const first = await opened(channels, clock);
    first.begins[0]!.answer();
    end(first);
    const second = await opened(channels, clock, 2);
    second.begins[0]!.answer();
    await started;
    expect(consumer.current?.channel).toBe(second);
    expect(consumer.isConsuming).toBe(true);
    await consumer.stop();
  });
});
