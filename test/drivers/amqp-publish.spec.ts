import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import type { AmqpConfirmChannel, AmqpModel } from '../../lib/drivers/amqp/client.js';
import { encodeMessage, publishSettings, type OutgoingMessage } from '../../lib/drivers/amqp/message.js';
import { FrameWriter } from '../../lib/drivers/amqp/publish-frames.js';
import { PublishSession } from '../../lib/drivers/amqp/publish-session.js';
import { aJob, type JobInput } from '../support/jobs.js';

/** What amqplib encodes with: it exports none of it. */
interface Definitions {
  readonly BasicPublish: number;
  readonly BasicProperties: number;
  encodeMethod(id: number, channel: number, fields: object): Buffer;
  encodeProperties(id: number, channel: number, size: number, fields: object): Buffer;
}
interface Frames {
  makeBodyFrame(channel: number, payload: Buffer): Buffer;
}

const load = createRequire(import.meta.url);
const folder = join(dirname(load.resolve('amqplib')), 'lib');
const definitions = load(join(folder, 'defs.js')) as Definitions;
const { makeBodyFrame } = load(join(folder, 'frame.js')) as Frames;

const CHANNEL = 258;
const FRAME_BYTES = 4_096;

const facts = {
  exchange: 'amqp.default',
  routingKey: 'emails',
  priority: 10,
  maxPriority: undefined,
  now: 1_700_000_000_999,
  delayS: 0,
  leftMs: undefined,
};
const messageOf = (input: JobInput = {}, more: object = {}): OutgoingMessage => {
  const job = aJob({ id: 'an-id', ...input });
  return encodeMessage(job, { ...facts, headers: job.headers, ...more });
};

const ours = (messages: readonly OutgoingMessage[]): Buffer => {
  const writer = new FrameWriter(CHANNEL, FRAME_BYTES);
  for (const message of messages) writer.add(message);
  return Buffer.concat(writer.take());
};

const ofAmqplib = (message: OutgoingMessage): Buffer => {
  const { exchange, routingKey, content } = message;
  const { mandatory, ...properties } = publishSettings(message);
  const bodies: Buffer[] = [];
  for (let at = 0; at < content.length; at += FRAME_BYTES - 8) bodies.push(makeBodyFrame(CHANNEL, content.subarray(at, at + FRAME_BYTES - 8)));
  return Buffer.concat([
    definitions.encodeMethod(definitions.BasicPublish, CHANNEL, { exchange, routingKey, mandatory }),
    definitions.encodeProperties(definitions.BasicProperties, CHANNEL, content.length, properties),
    ...bodies,
  ]);
};

describe('The frames of a published message', () => {
  it.each<[string, JobInput, object]>([
    ['a plain job', { payload: '{"to":"a@example.com"}', name: 'email.send' }, {}],
    ['no payload', { payload: '' }, {}],
    ['more payload than a frame takes', { payload: new Uint8Array(10_000).fill(7) }, {}],
    ['exactly one frame of payload', { payload: 'x'.repeat(FRAME_BYTES - 8) }, {}],
    ['headers, and names that are not ASCII', { headers: { 'x-token': ['IDDQD', 'ÿ€🚀'] }, name: 'Grüße', pipeline: '管道' }, {}],
    ['an automatic acknowledgement and a priority below zero', { autoAck: true, priority: -3 }, {}],
    ['the largest priority', { priority: Number.MAX_SAFE_INTEGER }, {}],
    ['the smallest priority', { priority: Number.MIN_SAFE_INTEGER }, {}],
    ['a queue with priorities', { priority: 2 }, { maxPriority: 9 }],
    ['a delay of several hops', {}, { delayS: 2 ** 31 - 1, leftMs: 9_007_199_254_740 }],
    ['no exchange', {}, { exchange: '', routingKey: 'ü'.repeat(127) }],
  ])('are those of amqplib: %s', (_, input, more) => {
    const message = messageOf(input, more);
    expect(ours([message]).equals(ofAmqplib(message))).toBe(true);
  });

  it('are those of amqplib for any jobs behind each other', () => {
    const anyJob = fc.record({
      name: fc.string({ minLength: 1 }),
      payload: fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 9_000 })),
      headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 9 }), fc.array(fc.string(), { maxLength: 3 }), { maxKeys: 3 }),
      priority: fc.integer(),
      autoAck: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(anyJob, { maxLength: 5 }), (jobs) => {
        const messages = jobs.map((job) => messageOf(job));
        expect(ours(messages).equals(Buffer.concat(messages.map(ofAmqplib)))).toBe(true);
      }),
    );
  });

  it('fill more than one piece, and stay as they are when more is written', () => {
    const writer = new FrameWriter(CHANNEL, FRAME_BYTES);
    const messages = Array.from({ length: 400 }, (_, index) => messageOf({ payload: `${index}`.repeat(100) }));
    const taken = messages.flatMap((message, index) => {
      writer.add(message);
      return index % 7 === 0 ? writer.take() : [];
    });
    taken.push(...writer.take());
    expect(taken.length).toBeGreaterThan(1);
    expect(Buffer.concat(taken).equals(Buffer.concat(messages.map(ofAmqplib)))).toBe(true);
    expect(writer.take()).toEqual([]);
  });

  it('leave nothing behind of a message that has no place in them', () => {
    const writer = new FrameWriter(CHANNEL, FRAME_BYTES);
    const good = messageOf();
    writer.add(good);
    expect(() => writer.add(messageOf({ headers: { big: ['x'.repeat(5_000)] } }))).toThrow(RangeError);
    expect(() => writer.add(messageOf({}, { routingKey: 'ü'.repeat(128) }))).toThrow(RangeError);
    writer.add(good);
    expect(Buffer.concat(writer.take()).equals(Buffer.concat([good, good].map(ofAmqplib)))).toBe(true);
  });
});

describe('A channel that publishes', () => {
  const open = (isKnown = true) => {
    const written: Buffer[] = [];
    const published: unknown[] = [];
    const channel = Object.assign(new EventEmitter(), {
      publish: (...args: unknown[]) => published.push(args) > 0,
      ...(isKnown
        ? { ch: 1, connection: { frameMax: FRAME_BYTES, channels: [null, { buffer: { write: (part: Buffer) => written.push(part) > 0 } }] } }
        : {}),
    });
    const ends: string[] = [];
    const session = new PublishSession(
      {} as AmqpModel,
      channel as unknown as AmqpConfirmChannel,
      ({ message }: { message: OutgoingMessage }, end) => void ends.push(`${message.id} ${end}`),
    );
    const publish = (...ids: string[]) => ids.forEach((id) => session.publish({ message: messageOf({ id }) }));
    return { session, channel, ends, written, published, publish };
  };

  it('sends what one turn brings in one piece', async () => {
    const { written, publish } = open();
    publish('a', 'b', 'c');
    await Promise.resolve();
    publish('d');
    await Promise.resolve();
    expect(written).toHaveLength(2);
  });

  it('settles a range with one answer, and single ones in any order', () => {
    const { channel, ends, publish } = open();
    publish('a', 'b', 'c', 'd', 'e');
    channel.emit('ack', { deliveryTag: 2, multiple: false });
    channel.emit('ack', { deliveryTag: 3, multiple: true });
    channel.emit('nack', { deliveryTag: 5, multiple: true });
    expect(ends).toEqual(['b confirmed', 'a confirmed', 'c confirmed', 'd refused', 'e refused']);
  });

  it('knows a message that came back from those around it', () => {
    const { channel, ends, publish } = open();
    publish('a', 'b', 'c');
    channel.emit('return', { properties: { headers: { rr_id: 'b' } } });
    channel.emit('ack', { deliveryTag: 3, multiple: true });
    expect(ends).toEqual(['a confirmed', 'b unroutable', 'c confirmed']);
  });

  it('knows all messages with the same id that came back', () => {
    const { channel, ends, publish } = open();
    publish('a', 'a', 'a');
    for (let index = 0; index < 2; index++) channel.emit('return', { properties: { headers: { rr_id: 'a' } } });
    channel.emit('ack', { deliveryTag: 3, multiple: true });
    expect(ends).toEqual(['a unroutable', 'a unroutable', 'a confirmed']);
  });

  it('tells once what has no answer when it ends', () => {
    const { session, channel, ends, publish } = open();
    publish('a', 'b');
    channel.emit('ack', { deliveryTag: 1, multiple: false });
    session.end();
    channel.emit('ack', { deliveryTag: 2, multiple: false });
    expect(ends).toEqual(['a confirmed', 'b lost']);
  });

  it('leaves the writing to amqplib where that keeps its frames elsewhere', () => {
    const { channel, ends, published, publish } = open(false);
    publish('a', 'b');
    channel.emit('ack', { deliveryTag: 2, multiple: true });
    expect(published).toHaveLength(2);
    expect(ends).toEqual(['a confirmed', 'b confirmed']);
  });
});
