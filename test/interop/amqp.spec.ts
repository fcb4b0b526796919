import { readFileSync } from 'node:fs';
import type { Job } from '../../lib/contract/job.js';
import { AmqpBench, freshName } from '../support/amqp.js';
import { forAmqplib, readTable, tapWire, type TypedTable } from '../support/amqp-wire.js';
import { broker } from '../support/brokers.js';
import { aJob, textOf } from '../support/jobs.js';

interface Vectors {
  readonly job: { readonly id: string; readonly name: string; readonly pipeline: string; readonly payload: string };
  readonly delayedHeaders: string;
  readonly delayQueueArguments: string;
  readonly secondHeaders: string;
}

const vectors = JSON.parse(readFileSync('test/fixtures/interop/amqp.json', 'utf8')) as Vectors;
const tableOf = (hex: string): TypedTable => readTable(Buffer.from(hex, 'hex'));
const { job: common } = vectors;
const BODY = Buffer.from(common.payload);

const rabbit = await broker('amqp');
rabbit.suite('amqp beside RoadRunner', () => {
  const bench = new AmqpBench(() => rabbit.url);
  // The vectors name them; `exclusive` names would differ from RoadRunner's.
  const place = () => ({ queue: freshName('emails-queue'), routingKey: freshName('emails'), exchange: freshName('amqp.default') });

  const withTap = async <T>(
    read: (url: string) => Promise<T>,
  ): Promise<{ result: T; headers: TypedTable; contentType?: string; deliveryMode?: number }> => {
    const tap = await tapWire(rabbit.url);
    try {
      const result = await read(tap.url);
      const { headers, contentType, deliveryMode } = tap.messages()[0]!;
      return { result, headers, ...(contentType === undefined ? {} : { contentType }), ...(deliveryMode === undefined ? {} : { deliveryMode }) };
    } finally {
      await tap.close();
    }
  };

  const getOne = async (queue: string) =>
    withTap(async (url) => {
      const message = await (await bench.channel(url)).get(queue, { noAck: true });
      if (message === false) throw new Error(`Queue "${queue}" is empty.`);
      return message;
    });

  describe('writes', () => {
    it('a delayed job with every field of the type that its consumers need', async () => {
      const { exchange, queue, routingKey } = place();
      const { driver } = await bench.open({ exchange, queue, routingKey });
      await driver.push(aJob({ ...common, headers: { 'x-token': ['IDDQD'] }, priority: 7, delayMs: 5_000 }));
      const got = await getOne(`delayed-5000.${exchange}.${queue}`);
      expect(got.headers).toEqual(tableOf(vectors.delayedHeaders));
      expect(got).toMatchObject({ contentType: 'application/octet-stream', deliveryMode: 2 });
      expect(got.result.fields).toMatchObject({ exchange, routingKey: `delayed-5000.${exchange}.${queue}` });
      expect(got.result.content).toEqual(BODY);
    });

    it('a job without headers, delay and acknowledgement', async () => {
      const { exchange, queue, routingKey } = place();
      const { driver } = await bench.open({ exchange, queue, routingKey });
      await driver.push(aJob({ ...common, autoAck: true }));
      const got = await getOne(queue);
      expect(got.headers).toEqual(tableOf(vectors.secondHeaders));
      expect(got.result.fields).toMatchObject({ exchange, routingKey });
    });

    it('a job that was requeued without what RoadRunner would nest into its headers', async () => {
      const { exchange, queue, routingKey } = place();
      const { driver, inbox } = await bench.run({ exchange, queue, routingKey, prefetch: 1 });
      await driver.push(aJob({ ...common, headers: { 'x-token': ['IDDQD'] }, priority: 7 }));
      const delivery = await inbox.next();
      await delivery.requeue({ headers: delivery.job.headers, delayMs: 5_000 });
      expect((await getOne(`delayed-5000.${exchange}.${queue}`)).headers).toEqual(tableOf(vectors.delayedHeaders));
    });

    it('a queue of a delay that RoadRunner declares with the same arguments', async () => {
      const { exchange, queue } = place();
      const { driver } = await bench.open({ exchange, queue, routingKey: 'emails' });
      await driver.push(aJob({ delayMs: 5_000 }));
      const theirs = forAmqplib(tableOf(vectors.delayQueueArguments));
      const channel = await bench.channel();
      const name = `delayed-5000.${exchange}.${queue}`;
      const settings = { durable: true, exclusive: false, autoDelete: false };
      const args = { ...theirs, 'x-dead-letter-exchange': exchange };
      await expect(channel.assertQueue(name, { ...settings, arguments: args })).resolves.toMatchObject({ messageCount: 1 });
      await expect(channel.assertQueue(name, { ...settings, arguments: { ...args, 'x-expires': { '!': 'int64', value: 1n } } })).rejects.toThrow(
        'PRECONDITION_FAILED',
      );
    });

    it('into the queue of a delay that RoadRunner has declared', async () => {
      const { exchange, queue } = place();
      const channel = await bench.channel();
      await channel.assertExchange(exchange, 'direct', { durable: false });
      const name = `delayed-1000.${exchange}.${queue}`;
      const theirs = { ...forAmqplib(tableOf(vectors.delayQueueArguments)), 'x-dead-letter-exchange': exchange };
      const times = { 'x-message-ttl': { '!': 'int64', value: 1_000n }, 'x-expires': { '!': 'int64', value: 2_000n } };
      await channel.assertQueue(name, { durable: true, arguments: { ...theirs, ...times } });
      const { driver, inbox } = await bench.run({ exchange, queue, routingKey: 'emails' });
      await driver.push(aJob({ name: 'later', delayMs: 1_000 }));
      expect((await inbox.next()).job.name).toBe('later');
    });

    it('with the routing key that a header of the job names, and without this header', async () => {
      const { exchange, queue } = place();
      const channel = await bench.channel();
      await channel.assertExchange(exchange, 'direct', { durable: false });
      await channel.assertQueue(`${queue}-other`, { durable: false });
      await channel.bindQueue(`${queue}-other`, exchange, 'other');
      const { driver } = await bench.open({ exchange, queue, routingKey: 'emails' });
      await driver.push(aJob({ headers: { 'x-routing-key': ['other'], kept: ['1'] } }));
      const message = await channel.get(`${queue}-other`, { noAck: true });
      expect(message).not.toBe(false);
      expect(JSON.parse(String(message !== false && message.properties.headers?.['rr_headers']))).toEqual({ kept: ['1'] });
    });
  });

  describe('reads', () => {
    const receive = async (headers: Record<string, unknown> | undefined, body = BODY): Promise<Job> => {
      const { exchange, queue, routingKey } = place();
      const { inbox } = await bench.run({ exchange, queue, routingKey });
      const channel = await bench.channel();
      channel.publish(exchange, routingKey, body, headers === undefined ? {} : { headers, contentType: 'application/octet-stream', deliveryMode: 2 });
      const delivery = await inbox.next();
      await delivery.ack();
      return delivery.job;
    };
    const envelope = () => forAmqplib(tableOf(vectors.delayedHeaders));

    it("RoadRunner's job with headers and a priority", async () => {
      const job = await receive(envelope());
      expect(job).toMatchObject({ id: common.id, name: 'email.send', pipeline: 'emails', priority: 7, autoAck: false });
      expect({ ...job.headers }).toEqual({ 'x-token': ['IDDQD'] });
      expect(textOf(job.payload)).toBe(common.payload);
    });

    it("RoadRunner's job that is acknowledged by itself", async () => {
      const job = await receive(forAmqplib(tableOf(vectors.secondHeaders)));
      expect(job).toMatchObject({ id: common.id, priority: 10, autoAck: true });
      expect({ ...job.headers }).toEqual({});
    });

    it('a message of another program as a job with defaults', async () => {
      const job = await receive(undefined, Buffer.from('hello'));
      expect(job).toMatchObject({ name: 'deduced_by_rr', pipeline: 'emails', priority: 10, autoAck: false });
      expect(job.id).toMatch(/^[0-9a-f-]{36}$/u);
      expect(textOf(job.payload)).toBe('hello');
    });

    it('the fields of a message of another program as headers', async () => {
      const fields = {
        text: 'a',
        count: 3,
        share: 2.3,
        yes: true,
        bytes: Buffer.from('raw'),
        list: ['x', 1],
        table: { inner: 'y' },
        price: { '!': 'decimal', value: { digits: 1_234, places: 2 } },
        at: { '!': 'timestamp', value: 1_700_000_000 },
      };
      expect({ ...(await receive(fields)).headers }).toEqual({
        text: ['a'],
        count: ['3'],
        share: ['2.30000'],
        yes: ['true'],
        bytes: ['raw'],
        list: ['x', '1'],
        inner: ['y'],
        price: ['12.34'],
        at: ['2023-11-14T22:13:20Z'],
      });
    });

    it.each([
      ['int8', 7],
      ['int16', 7],
      ['int32', 7],
    ])('a priority that was written as %s', async (type, value) => {
      expect((await receive({ ...envelope(), rr_priority: { '!': type, value } })).priority).toBe(7);
    });

    it.each([
      ['a text', 'seven'],
      ['a fraction', 7.5],
      ['zero', { '!': 'int64', value: 0n }],
    ])('the priority of the pipeline where that of the job is %s', async (_name, rr_priority) => {
      expect((await receive({ ...envelope(), rr_priority })).priority).toBe(10);
    });

    it('headers that came as text instead of bytes', async () => {
      expect({ ...(await receive({ ...envelope(), rr_headers: '{"a":["1"]}' })).headers }).toEqual({ a: ['1'] });
    });

    it.each(['null', '[]', '{', '{"a":1}', '"x"', ''])('headers %p as none', async (text) => {
      expect({ ...(await receive({ ...envelope(), rr_headers: Buffer.from(text) })).headers }).toEqual({});
    });

    it('headers that RoadRunner nested when it requeued the job, without its own', async () => {
      const nested = Buffer.from(JSON.stringify({ 'x-token': ['IDDQD'], rr_id: ['old'], rr_headers: ['{"x":["y"]}'], rr_priority: ['1'] }));
      const job = await receive({ ...envelope(), rr_headers: nested });
      expect({ ...job.headers }).toEqual({ 'x-token': ['IDDQD'] });
      expect(job).toMatchObject({ id: common.id, priority: 7 });
    });
  });
});
