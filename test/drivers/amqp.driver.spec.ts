import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { AMQPCreateInfo } from '../../lib/client/create-info.js';
import { readDeclaration } from '../../lib/config/declaration.js';
import { readPipeline } from '../../lib/config/pipeline.js';
import { readRrYaml } from '../../lib/config/rr-yaml/read-rr-yaml.js';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { silentLogger } from '../../lib/contract/logger.js';
import { options } from '../../lib/drivers/amqp.driver.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { AmqpBench, freshName } from '../support/amqp.js';
import { broker } from '../support/brokers.js';
import { ackInTurn, aJob, textOf } from '../support/jobs.js';

const rabbit = await broker('amqp');
const SILENCE_MS = 50;
const silence = () => new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
const soon = () => deadlineAfter(systemClock, 3_000);

rabbit.suite('driver "amqp"', () => {
  const bench = new AmqpBench(() => rabbit.url);

  describe('reads its options', () => {
    const read = (declaration: Record<string, unknown>) =>
      readPipeline({ name: 'emails', driver: 'amqp', ...declaration }, options, { retry: {} }).settings.options;

    it('in the form of a client of RoadRunner', () => {
      const info = new AMQPCreateInfo({
        name: 'emails',
        queue: 'q',
        routingKey: 'k',
        durable: true,
        queueHeaders: { 'x-queue-type': 'quorum' },
        prefetch: 7,
      });
      const { settings } = readPipeline(readDeclaration({ ...info.toDeclareMap() }), options, { retry: {} }, { lenient: true });
      expect(settings.options).toMatchObject({
        queue: 'q',
        routingKey: 'k',
        durable: true,
        queueHeaders: { 'x-queue-type': 'quorum' },
        prefetch: 7,
        exchange: 'amqp.default',
        redialTimeout: 60,
      });
      expect(settings.prefetch).toBe(7);
    });

    it('in the form of .rr.yaml and in camelCase alike', () => {
      const yaml = { config: { queue: 'q', routing_key: 'k', exchange_type: 'topic', exchange_durable: true, delete_queue_on_stop: true } };
      const camel = { queue: 'q', routingKey: 'k', exchangeType: 'topic', exchangeDurable: true, deleteQueueOnStop: true };
      expect(read(yaml)).toEqual(read(camel));
    });

    const flat = {
      queue: 'q',
      routingKey: 'k',
      exchange: 'x',
      exchangeType: 'topic',
      exchangeDurable: true,
      exchangeAutoDelete: true,
      exchangeDeclare: false,
      queueDeclare: false,
      durable: true,
      queueAutoDelete: true,
      exclusive: true,
      deleteQueueOnStop: true,
      multipleAck: true,
      requeueOnFail: true,
      consumerId: 'me',
      queueHeaders: { 'x-max-length': 5 },
      prefetch: 7,
      redialTimeout: 5,
      priority: 3,
    };

    it('in the nested form of version 2 of RoadRunner', () => {
      const yaml = `version: "3"
jobs:
  pipelines:
    emails:
      driver: amqp
      config:
        version: 2
        priority: 3
        prefetch: 7
        redial_timeout: 5
        exchange: { name: x, type: topic, durable: true, auto_delete: true, declare: false }
        Queue:
          name: q
          routing_key: k
          durable: true
          auto_delete: true
          exclusive: true
          delete_on_stop: true
          multiple_ack: true
          requeue_on_fail: true
          consumer_id: me
          Headers: { x-max-length: 5 }
          declare: false
`;
      const { kernel, warnings } = readRrYaml(yaml, { environment: {}, drivers: new Map([['amqp', options]]) });
      expect(warnings).toEqual([]);
      expect(read(kernel.pipelines!['emails']!)).toEqual({ ...read(flat), version: 2 });
    });

    it('with a prefetch that the protocol has no number for, as files of RoadRunner have it', async () => {
      expect(read({ config: { prefetch: 1_000_000 } }).prefetch).toBe(1_000_000);
      const { driver, inbox } = await bench.run({ prefetch: 1_000_000 });
      await driver.push(aJob({ name: 'one' }));
      expect((await inbox.next()).job.name).toBe('one');
    });

    it('in the nested form in camelCase, its own options beside it', () => {
      const exchange = { name: 'x', type: 'topic', durable: true, autoDelete: true, declare: false };
      const queue = {
        ...{ name: 'q', routingKey: 'k', durable: true, autoDelete: true, exclusive: true, deleteOnStop: true, declare: false },
        ...{ multipleAck: true, requeueOnFail: true, consumerId: 'me', headers: { 'x-max-length': 5 } },
      };
      const nested = { version: 2, exchange, queue, prefetch: 7, redialTimeout: 5, priority: 3, maxPriority: 4, heartbeat: 2 };
      expect(read(nested)).toEqual({ ...read({ ...flat, maxPriority: 4, heartbeat: 2 }), version: 2 });
      expect(read({ version: 2, exchange: { type: 'fanout' } })).toEqual({ ...read({ exchangeType: 'fanout' }), version: 2 });
    });

    it('in the flat form of a Declare map, whatever version it says', () => {
      expect(read({ version: '2', queue: 'q', durable: 'true' })).toMatchObject({ queue: 'q', durable: true });
    });

    it.each([
      ['a version that nobody knows', { version: 3 }, 'pipelines.emails.version'],
      ['version 2 without objects', { version: 2, prefetch: 7 }, 'pipelines.emails.version'],
      ['an object without its version', { queue: { name: 'q' } }, 'pipelines.emails.queue'],
      ['both forms side by side', { version: 2, exchange: { name: 'x' }, queue: 'q' }, 'pipelines.emails.queue'],
      ['a flat key of the other form', { version: 2, queue: { name: 'q' }, config: { durable: true } }, 'pipelines.emails.config.durable'],
      ['a misspelt key', { version: 2, queue: { nam: 'q' } }, 'pipelines.emails.queue.nam'],
      ['a wrong value', { version: 2, config: { queue: { durable: 'maybe' } } }, 'pipelines.emails.config.queue.durable'],
    ])('not with %s, and names it', (_name, given, path) => {
      expect(() => read(given)).toThrow(expect.objectContaining({ issues: [expect.objectContaining({ path })] }) as Error);
    });

    it('and leaves out what nobody reads in the nested form, with its place in the file', () => {
      const yaml = 'version: "3"\njobs:\n  pipelines:\n    emails: { driver: amqp, version: 2, queue: { name: q, colour: red } }';
      const { kernel, warnings } = readRrYaml(yaml, { environment: {}, drivers: new Map([['amqp', options]]) });
      expect(warnings).toMatchObject([{ path: 'jobs.pipelines.emails.queue.colour', line: 4 }]);
      expect(kernel.pipelines!['emails']).toMatchObject({ queue: { name: 'q' } });
      expect(read(kernel.pipelines!['emails']!)).toMatchObject({ queue: 'q' });
    });

    it("with RoadRunner's defaults", () => {
      expect(read({})).toMatchObject({ prefetch: 10, exchange: 'amqp.default', exchangeType: 'direct', durable: false, exclusive: false });
    });
  });

  describe('refuses', () => {
    const refusal = (given: Parameters<AmqpBench['open']>[0]) =>
      bench.open(given).then(
        () => undefined,
        (error: unknown) => error,
      );

    it.each([
      ['a quorum queue that is not durable', { queueHeaders: { 'x-queue-type': 'quorum' } }, 'pipelines.emails.durable'],
      ['the same in the nested form', { version: 2, queueHeaders: { 'x-queue-type': 'quorum' } }, 'pipelines.emails.queue.durable'],
      ['an exclusive quorum queue', { queueHeaders: { 'x-queue-type': 'quorum' }, durable: true, exclusive: true }, 'pipelines.emails.exclusive'],
      ['priorities of a quorum queue', { queueHeaders: { 'x-queue-type': 'quorum' }, durable: true, maxPriority: 5 }, 'pipelines.emails.maxPriority'],
      ['two limits of priority', { maxPriority: 5, queueHeaders: { 'x-max-priority': 9 } }, 'pipelines.emails.maxPriority'],
      ['counted deliveries of a classic queue', { countDeliveries: true }, 'pipelines.emails.countDeliveries'],
      ['an address from a declaration', { isDeclared: true, addr: 'amqp://127.0.0.1:1' }, 'pipelines.emails.addr'],
      ['an address that is none', { addr: '127.0.0.1:5672' }, 'amqp.addr'],
      ['a certificate without its key', { section: { tls: { cert: 'test/fixtures/tls/server.crt' } } }, 'amqp.tls.key'],
      ['a certificate that is not there', { section: { tls: { rootCa: 'nowhere.pem' } } }, 'amqp.tls.rootCa'],
    ])('%s, with its path', async (_name, given, path) => {
      expect(await refusal(given)).toMatchObject({ code: 'INVALID_CONFIG', issues: [expect.objectContaining({ path })] });
    });

    it('what it has no right to, with a reason, to pushes and to the start alike', async () => {
      const exchange = 'amq.nrr-test';
      const { driver } = await bench.open({ queue: freshName(), exchange });
      const refused = {
        code: 'INVALID_CONFIG',
        issues: [{ path: 'pipelines.emails', message: expect.stringContaining('ACCESS_REFUSED') as string }],
      };
      await expect(driver.push(aJob())).rejects.toMatchObject(refused);
      await expect(driver.run()).rejects.toMatchObject(refused);
    });

    it('to publish where it may do all but that, with a reason, also in a push that was not sent', async () => {
      // Nobody may publish to an internal exchange.
      const { driver } = await bench.open({ queue: freshName(), exchange: 'amq.rabbitmq.trace', exchangeType: 'topic', exchangeDeclare: false });
      const sent = await driver.push(aJob()).catch((error: unknown) => error);
      const unsent = await driver.push(aJob()).catch((error: unknown) => error);
      const reason = { issues: [{ path: 'pipelines.emails', message: expect.stringContaining('ACCESS_REFUSED') as string }] };
      expect(sent).toMatchObject({ code: 'PUSH_UNCERTAIN', cause: reason });
      expect(unsent).toMatchObject({ code: 'INVALID_CONFIG', ...reason });
    });

    it('to consume without a queue', async () => {
      const { driver } = await bench.open({ routingKey: 'only-pushed' });
      await expect(driver.run()).rejects.toMatchObject({ issues: [expect.objectContaining({ path: 'pipelines.emails.queue' })] });
    });

    it('a queue that the broker has with another argument, and names it', async () => {
      const queue = freshName();
      const channel = await bench.channel();
      await channel.assertQueue(queue, { durable: false, maxLength: 5 });
      const { driver } = await bench.open({ queue, queueHeaders: { 'x-max-length': 6 } });
      const [error] = await Promise.all([driver.run().catch((thrown: unknown) => thrown), driver.push(aJob()).catch(() => {})]);
      expect(error).toMatchObject({ code: 'INVALID_CONFIG', issues: [expect.objectContaining({ path: 'pipelines.emails.queueHeaders' })] });
      expect((error as Error).message).toContain('"x-max-length"');
    });

    it.each([
      ['durable', { durable: true }, {}],
      ['exchangeType', {}, { exchangeType: 'topic' }],
      ['exchangeDurable', {}, { exchangeDurable: true }],
    ])('a difference in %s, told to pushes too', async (option, first, second) => {
      const names = { queue: freshName(), exchange: freshName() };
      await (await bench.open({ ...names, ...first })).driver.push(aJob());
      const { driver } = await bench.open({ ...names, ...second });
      await expect(driver.push(aJob())).rejects.toMatchObject({ issues: [expect.objectContaining({ path: `pipelines.emails.${option}` })] });
    });

    it.each([
      ['a queue', { queueDeclare: false }, 'pipelines.emails.queueDeclare'],
      ['an exchange', { exchangeDeclare: false, exchange: 'nowhere' }, 'pipelines.emails.exchangeDeclare'],
    ])('to consume from %s that is not there and not to be declared', async (_name, given, path) => {
      const { driver } = await bench.open({ queue: freshName(), ...given });
      await expect(driver.run()).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
        issues: [{ path, message: expect.stringMatching(/^The broker has no (?:queue|exchange) ".+", and it is not to be declared\./u) }],
      });
    });

    it('to push to an exchange that is not there, and goes on when somebody made it', async () => {
      const exchange = freshName();
      const queue = freshName();
      const { driver } = await bench.open({ exchange, exchangeDeclare: false, queue, pushTimeoutMs: 30_000 });
      await expect(driver.push(aJob())).rejects.toMatchObject({ issues: [expect.objectContaining({ path: 'pipelines.emails.exchangeDeclare' })] });
      await (await bench.channel()).assertExchange(exchange, 'direct', { durable: false });
      let error: unknown = 'none yet';
      while (error !== undefined) {
        await silence();
        error = await driver.push(aJob()).catch((thrown: unknown) => thrown);
      }
      expect((await (await bench.channel()).checkQueue(queue)).messageCount).toBe(1);
    });

    it('nothing that is there already: it uses a queue and an exchange of others', async () => {
      const exchange = freshName();
      const queue = freshName();
      const channel = await bench.channel();
      await channel.assertExchange(exchange, 'direct', { durable: false });
      await channel.assertQueue(queue, { durable: false, maxLength: 5 });
      await channel.bindQueue(queue, exchange, 'key');
      const { driver, inbox } = await bench.run({ exchange, queue, routingKey: 'key', exchangeDeclare: false, queueDeclare: false });
      await driver.push(aJob({ name: 'theirs' }));
      expect((await inbox.next()).job.name).toBe('theirs');
    });

    it('to go on with a wrong password, and says so at once', async () => {
      const url = new URL(rabbit.url);
      url.password = 'wrong';
      const { driver } = await bench.open({ addr: url.href });
      const error = (await driver.push(aJob()).catch((thrown: unknown) => thrown)) as Error;
      expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
      expect(error.message).toContain('ACCESS-REFUSED');
      expect(error.message).not.toContain('wrong');
    });
  });

  describe('pushes', () => {
    it('are refused where no queue takes them', async () => {
      const { driver } = await bench.open({ routingKey: freshName('nobody') });
      await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'BROKER_REFUSED', pipeline: 'emails' });
    });

    it('are refused by a queue that is full', async () => {
      const queue = freshName();
      const { driver } = await bench.open({ queue, queueHeaders: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } });
      const outcomes = await Promise.allSettled([1, 2, 3].map(() => driver.push(aJob())));
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual(
        [
          expect.objectContaining({ reason: expect.objectContaining({ code: 'BROKER_REFUSED' }) }),
          expect.objectContaining({ reason: expect.objectContaining({ code: 'BROKER_REFUSED' }) }),
        ].slice(0, outcomes.filter(({ status }) => status === 'rejected').length),
      );
      expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    });

    it('are refused with more headers than a frame takes, and the next ones are not', async () => {
      const { driver, inbox } = await bench.run({ queue: freshName() });
      await expect(driver.push(aJob({ headers: { big: ['x'.repeat(140_000)] } }))).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
      await driver.push(aJob({ name: 'small' }));
      expect((await inbox.next()).job.name).toBe('small');
    });

    it('go on when somebody deleted the queue', async () => {
      const queue = freshName();
      const { driver } = await bench.open({ queue });
      await driver.push(aJob());
      const channel = await bench.channel();
      await channel.deleteQueue(queue);
      await driver.push(aJob({ payload: 'after' }));
      const message = await channel.get(queue, { noAck: true });
      expect(message !== false && message.content.toString()).toBe('after');
    });

    it('go on when somebody deleted the queue under thousands of them, which is declared again once', async () => {
      const queue = freshName();
      const { driver } = await bench.open({ queue, pushTimeoutMs: 60_000 });
      await driver.push(aJob());
      const channel = await bench.channel();
      await channel.deleteQueue(queue);
      // More than the channels of a connection.
      await Promise.all(Array.from({ length: 3_000 }, () => driver.push(aJob())));
      expect((await channel.checkQueue(queue)).messageCount).toBe(3_000);
    }, 90_000);

    it('go on when somebody deleted the exchange', async () => {
      const exchange = freshName();
      const { driver, inbox } = await bench.run({ queue: freshName(), exchange });
      await driver.push(aJob());
      await (await bench.channel()).deleteExchange(exchange);
      await driver.push(aJob({ name: 'after' }));
      expect((await inbox.take(2)).map(({ job }) => job.name)).toContain('after');
    });

    it('reject in time without a broker, and at once when they may not wait', async () => {
      const addr = 'amqp://guest:guest@127.0.0.1:1';
      const patient = await bench.open({ addr, pushTimeoutMs: 100 });
      await expect(patient.driver.push(aJob())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', waitedMs: 100 });
      await expect(patient.driver.push(aJob({ delayMs: 1_000 }))).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
      const hasty = await bench.open({ addr, pushTimeoutMs: 0 });
      await expect(hasty.driver.push(aJob())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', waitedMs: 0 });
    });

    it('are uncertain when the broker was asked and does not answer in time', async () => {
      const { url, proxy } = await rabbit.proxy();
      const { driver } = await bench.open({ addr: url, queue: freshName(), pushTimeoutMs: 300 });
      // Until the connection stands, however long that takes.
      const isPushed = () =>
        driver.push(aJob()).then(
          () => true,
          () => false,
        );
      while (!(await isPushed())) await silence();
      proxy.freeze();
      const job = aJob();
      await expect(driver.push(job)).rejects.toMatchObject({ code: 'PUSH_UNCERTAIN', jobId: job.id });
      proxy.heal();
    });

    it('wait for the broker to come back', async () => {
      const { url, proxy } = await rabbit.proxy();
      const { driver, inbox } = await bench.run({ addr: url, queue: freshName() });
      proxy.cut();
      const pushed = driver.push(aJob({ name: 'during' }));
      await silence();
      proxy.heal();
      await pushed;
      expect((await inbox.next()).job.name).toBe('during');
    });
  });

  describe('delays', () => {
    it('round up to whole seconds, so that few queues are made', async () => {
      const queue = freshName();
      const exchange = freshName();
      const { driver } = await bench.open({ queue, exchange });
      await driver.push(aJob({ delayMs: 4_001 }));
      await expect((await bench.channel()).checkQueue(`delayed-5000.${exchange}.${queue}`)).resolves.toMatchObject({ messageCount: 1 });
    });

    it.each(['topic', 'fanout', 'headers'])('reach an exchange of the type %s once', async (exchangeType) => {
      const names = { queue: freshName(), exchange: freshName(), exchangeType };
      const { driver, inbox } = await bench.run(names);
      const pushedAt = performance.now();
      await driver.push(aJob({ delayMs: 1_000 }));
      await (await inbox.next()).ack();
      expect(performance.now() - pushedAt).toBeGreaterThanOrEqual(999);
      await silence();
      expect(inbox.length).toBe(0);
    });

    it('work with names for which the name of their queue would be too long', async () => {
      const names = { queue: freshName('q'.repeat(120)), exchange: freshName('e'.repeat(120)) };
      const { driver, inbox } = await bench.run(names);
      await driver.push(aJob({ name: 'one', delayMs: 1_000 }));
      const one = await inbox.next();
      await one.requeue({ headers: {}, delayMs: 1_000 });
      const again = await inbox.next();
      expect(again.job.id).toBe(one.job.id);
      await again.ack();
    });

    it('of a month go in several hops', async () => {
      const queue = freshName();
      const exchange = freshName();
      const { driver, inbox } = await bench.run({ queue, exchange });
      await driver.push(aJob({ delayMs: 30 * 86_400_000 }));
      const channel = await bench.channel();
      const first = await channel.get(`delayed-${24 * 86_400_000}.${exchange}.${queue}`, { noAck: true });
      if (first === false) throw new Error('The first hop is empty.');
      expect(first.properties.headers).toMatchObject({ rr_delay: 30 * 86_400, nrr_left: 6 * 86_400_000 });
      // At the end of the first hop it comes to the queue of the pipeline.
      channel.publish(exchange, queue, first.content, { headers: { ...first.properties.headers, nrr_left: { '!': 'int64', value: 1_000 } } });
      const { job } = await inbox.next();
      expect(job.id).toBe(first.properties.headers?.['rr_id']);
    });

    it('of a length that nobody can ask for are none: the job is due', async () => {
      const queue = freshName();
      const { inbox } = await bench.run({ queue, exchange: freshName() });
      const channel = await bench.channel();
      channel.sendToQueue(queue, Buffer.from('odd'), { headers: { nrr_left: { '!': 'int64', value: 2 ** 52 } } });
      expect(textOf((await inbox.next()).job.payload)).toBe('odd');
    });

    it('that no field can hold are refused', async () => {
      const { driver } = await bench.open({ queue: freshName() });
      await expect(driver.push(aJob({ delayMs: 2 ** 31 * 1_000 }))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('are told by the state as long as they wait', async () => {
      const { driver } = await bench.open({ queue: freshName(), exchange: freshName() });
      await driver.push(aJob({ delayMs: 60_000 }));
      await driver.push(aJob({ delayMs: 120_000 }));
      expect(await driver.stat()).toMatchObject({ delayed: 2, reserved: 0 });
    });
  });

  describe('settles', () => {
    it('nothing that runs, when jobs around it are acknowledged', async () => {
      const queue = freshName();
      const first = await bench.run({ queue });
      for (let index = 0; index < 6; index++) await first.driver.push(aJob({ name: `job-${index}` }));
      const deliveries = await first.inbox.take(6);
      for (const index of [0, 1, 3, 5]) void deliveries[index]!.ack();
      await silence();
      void deliveries[4]!.ack();
      await first.driver.stop(soon());
      const second = await bench.run({ queue });
      expect((await second.inbox.next()).job.name).toBe('job-2');
      await silence();
      expect(second.inbox.length).toBe(0);
    });

    it('a job that asked for it before it runs, and only then', async () => {
      const queue = freshName();
      const first = await bench.run({ queue });
      await first.driver.push(aJob({ name: 'ran', autoAck: true }));
      await first.driver.push(aJob({ name: 'waited', autoAck: true }));
      const [ran] = await first.inbox.take(2);
      first.driver.starting!([ran!]);
      await first.driver.stop(soon());
      const second = await bench.run({ queue });
      expect((await second.inbox.next()).job.name).toBe('waited');
      await silence();
      expect(second.inbox.length).toBe(0);
    });

    it('a requeued job by its copy first: the old one stays until the copy is confirmed', async () => {
      const { url, proxy } = await rabbit.proxy();
      const queue = freshName();
      const { driver, inbox } = await bench.run({ addr: url, queue, pushTimeoutMs: 30_000 });
      await driver.push(aJob());
      const delivery = await inbox.next();
      await driver.pause();
      const channel = await bench.channel();
      const waiting = async () => (await channel.checkQueue(queue)).messageCount;
      proxy.stall('down');
      const requeued = Promise.resolve(delivery.requeue({ headers: { 'x-a': ['1'] }, delayMs: 0 })).catch((error: unknown) => error);
      while ((await waiting()) < 1) await silence();
      // Without an answer both are there: the copy, and the old one as soon as its connection ends.
      proxy.drop();
      while ((await waiting()) < 2) await silence();
      expect(await waiting()).toBe(2);
      await driver.stop(soon());
      await requeued;
    }, 60_000);

    it('a refused job into the dead letters of its queue', async () => {
      const dead = freshName('dead');
      const channel = await bench.channel();
      await channel.assertQueue(dead, { durable: false });
      const { driver, inbox } = await bench.run({
        queue: freshName(),
        queueHeaders: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead },
      });
      await driver.push(aJob({ payload: 'bad' }));
      await (await inbox.next()).nack({ requeue: false });
      await silence();
      const message = await channel.get(dead, { noAck: true });
      expect(message !== false && message.content.toString()).toBe('bad');
    });
  });

  describe('purges', () => {
    it('what waits or what is delayed, as it is asked', async () => {
      const { driver } = await bench.open({ queue: freshName(), exchange: freshName() });
      for (const delayMs of [0, 0, 60_000, 120_000, 120_000]) await driver.push(aJob({ delayMs }));
      expect(await driver.purge!({ state: 'running' })).toBe(0);
      expect(await driver.purge!({ state: 'delayed' })).toBe(3);
      expect(await driver.stat()).toMatchObject({ reserved: 2, delayed: 0 });
      expect(await driver.purge!({ state: 'waiting' })).toBe(2);
      expect(await driver.stat()).toMatchObject({ reserved: 0, delayed: 0 });
    });

    it('nothing that another kernel has', async () => {
      const queue = freshName();
      const first = await bench.run({ queue, prefetch: 2 });
      for (let index = 0; index < 5; index++) await first.driver.push(aJob());
      const lent = await first.inbox.take(2);
      const second = await bench.open({ queue });
      expect(await second.driver.purge!({})).toBe(3);
      for (const delivery of lent) await delivery.ack();
      expect(await first.driver.stat()).toMatchObject({ active: 0, reserved: 0 });
    });

    it('the queue of its own connection alone', async () => {
      const { driver, inbox } = await bench.run({ queue: freshName(), exclusive: true, prefetch: 1 });
      for (let index = 0; index < 3; index++) await driver.push(aJob());
      await inbox.next();
      expect(await driver.purge!({})).toBe(2);
    });

    it('not the queue that belongs to the connection of another, and says so', async () => {
      const queue = freshName();
      await bench.run({ queue, exclusive: true });
      const { driver } = await bench.open({ queue, exclusive: true });
      await expect(driver.purge!({})).rejects.toMatchObject({ code: 'BROKER_REFUSED', message: expect.stringContaining('RESOURCE_LOCKED') });
    });

    it('nothing from a queue that is not there', async () => {
      const queue = freshName();
      const { driver } = await bench.open({ queue });
      await driver.push(aJob());
      await (await bench.channel()).deleteQueue(queue);
      expect(await driver.purge!({})).toBe(0);
    });

    it('nothing without a broker, and says so', async () => {
      const { driver } = await bench.open({ addr: 'amqp://guest:guest@127.0.0.1:1', pushTimeoutMs: 100 });
      await expect(driver.purge!({})).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', waitedMs: 100 });
      await driver.stop(soon());
      await expect(driver.purge!({})).rejects.toMatchObject({ code: 'DRIVER_STOPPED' });
    });
  });

  it('hands out by priority when its queue has priorities, lower numbers first', async () => {
    const { driver, inbox } = await bench.open({ queue: freshName(), maxPriority: 10, prefetch: 1 });
    for (const priority of [9, 1, 5]) await driver.push(aJob({ name: `p${priority}`, priority }));
    await driver.run();
    expect(await ackInTurn(inbox, 3)).toEqual(['p1', 'p5', 'p9']);
  });

  it('tells how often a quorum queue gave a job before, when it is asked to', async () => {
    const queue = freshName();
    const { driver, inbox } = await bench.run({
      queue,
      durable: true,
      exchange: freshName(),
      queueHeaders: { 'x-queue-type': 'quorum' },
      countDeliveries: true,
    });
    await driver.push(aJob());
    const delivery = await inbox.next();
    expect(delivery.starts).toBe(0);
    await delivery.nack({ requeue: true });
    expect((await inbox.next()).starts).toBe(1);
    await (await bench.channel()).deleteQueue(queue);
  });

  it('never has more messages of the broker than "prefetch"', async () => {
    const queue = freshName();
    const { driver, inbox } = await bench.open({ queue, prefetch: 3 });
    for (let index = 0; index < 10; index++) await driver.push(aJob());
    await driver.run();
    await inbox.take(3);
    await silence();
    expect(inbox.length).toBe(0);
    expect((await (await bench.channel()).checkQueue(queue)).messageCount).toBe(7);
  });

  it('consumes again from a queue that somebody deleted', async () => {
    const queue = freshName();
    const { driver, inbox } = await bench.run({ queue });
    await driver.push(aJob());
    await (await inbox.next()).ack();
    await (await bench.channel()).deleteQueue(queue);
    await driver.push(aJob({ name: 'after' }));
    expect((await inbox.next()).job.name).toBe('after');
  });

  it('deletes its queue at the end when it is told to', async () => {
    const queue = freshName();
    const { driver } = await bench.run({ queue, deleteQueueOnStop: true });
    await driver.stop(soon());
    await expect((await bench.channel()).checkQueue(queue)).rejects.toThrow('NOT_FOUND');
  });

  it('gives what is not finished to others at once when it stops', async () => {
    const queue = freshName();
    const first = await bench.run({ queue });
    const second = await bench.run({ queue, prefetch: 1 });
    for (let index = 0; index < 4; index++) await first.driver.push(aJob({ name: `job-${index}` }));
    const taken = await second.inbox.next();
    const stoppedAt = performance.now();
    await first.driver.stop(soon());
    await taken.ack();
    for (let index = 1; index < 4; index++) await (await second.inbox.next()).ack();
    expect(performance.now() - stoppedAt).toBeLessThan(5_000);
  });

  it('shares one connection for pushes and one for deliveries with other pipelines, and closes them with the last', async () => {
    const { url, proxy } = await rabbit.proxy();
    const resources = new Resources();
    const one = await bench.run({ addr: url, resources, pipeline: 'one', queue: freshName() });
    const two = await bench.run({ addr: url, resources, pipeline: 'two', queue: freshName() });
    await Promise.all([one, two].map(({ driver }) => driver.push(aJob())));
    expect(proxy.connections).toBe(2);
    await one.driver.stop(soon());
    await two.driver.push(aJob());
    await two.driver.stop(soon());
    while (proxy.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(proxy.accepted).toBe(2);
  });

  it('is not ready while the broker is away, and ready again afterwards', async () => {
    const { url, proxy } = await rabbit.proxy();
    const { driver, inbox } = await bench.run({ addr: url, queue: freshName() });
    expect((await driver.stat()).ready).toBe(true);
    proxy.cut();
    while ((await driver.stat()).ready) await silence();
    proxy.heal();
    await driver.push(aJob());
    await inbox.next();
    expect((await driver.stat()).ready).toBe(true);
  });

  it('starts without its broker, and consumes when it is there', async () => {
    const { url, proxy } = await rabbit.proxy();
    proxy.cut();
    const { driver, inbox } = await bench.open({ addr: url, queue: freshName() });
    const running = driver.run();
    const pushed = driver.push(aJob({ name: 'early' }));
    await silence();
    proxy.heal();
    await Promise.all([running, pushed]);
    expect((await inbox.next()).job.name).toBe('early');
  });

  it('notices a frozen connection by the heartbeat, and goes on with another', async () => {
    const { url, proxy } = await rabbit.proxy();
    const { driver, inbox } = await bench.run({ addr: url, queue: freshName(), heartbeat: 1, pushTimeoutMs: 20_000 });
    await driver.push(aJob({ name: 'before' }));
    await inbox.next();
    proxy.freeze();
    const pushed = driver.push(aJob({ name: 'during' }));
    const stopped = setTimeout(() => proxy.heal(), 100);
    await pushed;
    clearTimeout(stopped);
    const names = new Set((await inbox.take(2)).map(({ job }) => job.name));
    expect(names).toEqual(new Set(['before', 'during']));
  }, 30_000);

  it('is paused although its broker does not answer', async () => {
    const { url, proxy } = await rabbit.proxy();
    const { driver, inbox } = await bench.run({ addr: url, queue: freshName(), heartbeat: 60 });
    await driver.push(aJob());
    await inbox.next();
    proxy.freeze();
    const pausedAt = performance.now();
    await driver.pause();
    expect(performance.now() - pausedAt).toBeLessThan(10_000);
    proxy.heal();
    proxy.drop();
  }, 60_000);

  it('warns of what a restart of the broker would end', async () => {
    const warnings: string[] = [];
    await bench.open({ queue: freshName(), logger: { ...silentLogger, warn: (message) => void warnings.push(message) } });
    expect(warnings.join()).toContain('"durable"');
    expect(warnings.join()).toContain('"exchangeDurable"');
  });

  it('keeps TLS when it dials again', async () => {
    const sockets = new Set<TLSSocket>();
    let handshakes = 0;
    const server = createServer(
      { key: readFileSync('test/fixtures/tls/server.key'), cert: readFileSync('test/fixtures/tls/server.crt') },
      (socket) => {
        handshakes++;
        sockets.add(socket);
        const upstream = connect(rabbit.port, rabbit.host);
        socket.on('error', () => {}).on('close', () => upstream.destroy());
        upstream.on('error', () => {});
        socket.pipe(upstream).pipe(socket);
      },
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const addr = `amqp://guest:guest@127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const { driver, inbox } = await bench.run({ section: { addr, tls: { rootCa: 'test/fixtures/tls/ca.crt' } }, queue: freshName() });
      await driver.push(aJob({ payload: 'first' }));
      expect(textOf((await inbox.next()).job.payload)).toBe('first');
      const before = handshakes;
      for (const socket of sockets) socket.destroy();
      await driver.push(aJob({ payload: 'second' }));
      const payloads = (await inbox.take(2)).map(({ job }) => textOf(job.payload));
      expect(new Set(payloads)).toEqual(new Set(['first', 'second']));
      expect(handshakes).toBe(before + 2);
      await driver.stop(soon());
    } finally {
      server.close();
    }
  });
});
