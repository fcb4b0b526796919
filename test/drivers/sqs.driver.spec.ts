import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { readPipeline } from '../../lib/config/pipeline.js';
import { createDriver, options as specs, type SqsOptions } from '../../lib/drivers/sqs.driver.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { SQSCreateInfo } from '../../lib/client/create-info.js';
import { broker } from '../support/brokers.js';
import { aJob } from '../support/jobs.js';
import { openSqsFront } from '../support/sqs-front.js';
import { openSqs, RawQueue, stopSqs } from '../support/sqs.js';

const sqs = await broker('sqs');

const isSilentFor = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const fifoQueue = () => `fifo-${crypto.randomUUID()}.fifo`;
const soon = () => deadlineAfter(systemClock, 5_000);

describe('The options of an sqs pipeline', () => {
  const read = (options: object) => readPipeline({ name: 'emails', driver: 'sqs', ...options }, specs, { retry: {} }).settings;
  const refusal = (options: SqsOptions, section: object = {}) => {
    const context = { pipeline: 'emails', options, section } as unknown as Parameters<typeof createDriver>[0];
    try {
      createDriver(context);
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };

  it('are read in the three forms, with their two keys for the waiting', () => {
    const expected = { queue: 'mail', visibilityTimeout: 300, waitTimeSeconds: 5, retainFailedJobs: true, messageGroupId: 'a' };
    expect(read({ ...expected }).options).toMatchObject(expected);
    const yaml = { queue: 'mail', visibility_timeout: 300, wait_time_seconds: 5, retain_failed_jobs: true, message_group_id: 'a' };
    expect(read({ config: yaml }).options).toMatchObject(expected);
    const text = { queue: 'mail', visibility_timeout: '300', wait_time: '5', retain_failed_jobs: 'true', message_group_id: 'a' };
    expect(read(text).options).toMatchObject(expected);
  });

  it('take what SQSCreateInfo declares', () => {
    const info = new SQSCreateInfo({
      name: 'emails',
      queue: 'orders.fifo',
      attributes: { DelaySeconds: 42, FifoQueue: 'true' },
      tags: { team: 'shop' },
    });
    const { options } = readPipeline(info.toDeclareMap(), specs, { retry: {} }).settings;
    expect(options).toMatchObject({
      queue: 'orders.fifo',
      attributes: { DelaySeconds: 42, FifoQueue: 'true' },
      tags: { team: 'shop' },
      prefetch: 10,
    });
    expect(refusal(options as SqsOptions)).toBeUndefined();
  });

  it('lend as many jobs as maxMessagesInFlight, or prefetch where that is not given', () => {
    expect(read({ prefetch: 10 }).prefetch).toBe(10);
    expect(read({ prefetch: 10, max_messages_in_flight: 200 }).prefetch).toBe(200);
  });

  it.each([
    ['an attribute that nobody can set', { attributes: { QueueArn: 'x' } }, {}, 'pipelines.emails.attributes.QueueArn'],
    ['a misspelt attribute', { attributes: { VisibilityTimeot: 1 } }, {}, 'pipelines.emails.attributes.VisibilityTimeot'],
    ['a FIFO queue by attribute only', { queue: 'a', attributes: { fifoqueue: true } }, {}, 'pipelines.emails.attributes.FifoQueue'],
    ['a FIFO queue by name only', { queue: 'a.fifo', attributes: { FifoQueue: 'false' } }, {}, 'pipelines.emails.attributes.FifoQueue'],
    ['a key without its secret', {}, { key: 'a' }, 'sqs.key'],
    ['a secret without its key', {}, { secret: 'a' }, 'sqs.secret'],
  ])('refuse %s and name it', (_, options, section, path) => {
    expect(refusal(options as SqsOptions, section)).toContain(`${path}:`);
  });

  it.each([
    ['visibility_timeout', 43_201],
    ['wait_time_seconds', 21],
    ['receivers', 11],
    ['binary', 'hex'],
  ])('refuse a %s of %p', (key, value) => {
    expect(() => read({ [key]: value })).toThrow(`pipelines.emails.${key}: `);
  });
});

sqs.suite('sqs on a real server', () => {
  afterEach(stopSqs);

  describe('declares its queue', () => {
    it('with attributes in any case, and tags', async () => {
      const { driver, queue } = await openSqs(sqs.url, { attributes: { visibilitytimeout: 77, DelaySeconds: '3' }, tags: { team: 'shop' } });
      await driver.run();
      expect(await (await RawQueue.open(sqs.url, queue)).attributes()).toMatchObject({ VisibilityTimeout: '77', DelaySeconds: '3' });
    });

    it('and takes one that is there with other attributes', async () => {
      const queue = `other-${crypto.randomUUID()}`;
      const raw = await RawQueue.open(sqs.url, queue, { VisibilityTimeout: '55' });
      const { driver } = await openSqs(sqs.url, { queue, attributes: { VisibilityTimeout: 66 } });
      await driver.run();
      expect(await raw.attributes()).toMatchObject({ VisibilityTimeout: '55' });
    });

    it('or does not, and says at the start that there is none', async () => {
      const { driver, inbox, queue } = await openSqs(sqs.url, { skipQueueDeclaration: true });
      await expect(driver.run()).rejects.toMatchObject({ code: 'BROKER_REFUSED', message: expect.stringContaining('does not exist') });
      await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
      await RawQueue.open(sqs.url, queue);
      await driver.push(aJob({ name: 'late' }));
      await driver.resume();
      expect((await inbox.next()).job.name).toBe('late');
    });

    it('again when it was deleted, for pushes and for receives', async () => {
      const { driver, inbox, queue } = await openSqs(sqs.url);
      await driver.run();
      await driver.push(aJob({ name: 'before' }));
      await (await inbox.next()).ack();
      await (await RawQueue.open(sqs.url, queue)).destroy();
      await driver.push(aJob({ name: 'after' }));
      const delivery = await inbox.next();
      expect(delivery.job.name).toBe('after');
      await delivery.ack();
    });

    it('only when it is needed: a driver that is opened and stopped asks nothing', async () => {
      const { url, proxy } = await sqs.proxy();
      const { driver } = await openSqs(url);
      await driver.stop(soon());
      expect(proxy.accepted).toBe(0);
    });
  });

  describe('sends', () => {
    it('pushes of one turn in requests of ten', async () => {
      const proxied = await sqs.proxy();
      const { driver, inbox } = await openSqs(proxied.url);
      await driver.push(aJob());
      const before = proxied.proxy.bytes.up;
      await driver.push(aJob());
      const one = proxied.proxy.bytes.up - before;
      await Promise.all(Array.from({ length: 100 }, () => driver.push(aJob())));
      const perJob = (proxied.proxy.bytes.up - before - one) / 100;
      expect(perJob).toBeLessThan(one * 0.75);
      await driver.run();
      await inbox.take(102);
    });

    it('the good jobs of a request although the service refuses one of them', async () => {
      const { driver, inbox } = await openSqs(sqs.url);
      const outcomes = await Promise.allSettled([
        driver.push(aJob({ name: 'good' })),
        driver.push(aJob({ name: 'a\u0001' })),
        driver.push(aJob({ name: 'good' })),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(outcomes[1]).toMatchObject({ reason: { code: 'BROKER_REFUSED', pipeline: 'contract' } });
      await driver.run();
      expect((await inbox.take(2)).map(({ job }) => job.name)).toEqual(['good', 'good']);
    });

    it('no message that is too large, and says how large it is', async () => {
      const { driver } = await openSqs(sqs.url);
      await expect(driver.push(aJob({ payload: 'x'.repeat(1_048_577) }))).rejects.toMatchObject({
        code: 'BROKER_REFUSED',
        message: expect.stringMatching(/a message of 10\d{5} bytes is over the 1048576/),
      });
    });

    it('no binary payload where RoadRunner is to read it', async () => {
      const { driver } = await openSqs(sqs.url, { binary: 'refuse' });
      await expect(driver.push(aJob({ payload: new Uint8Array([255]) }))).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
      await expect(driver.push(aJob({ payload: '' }))).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
      await driver.push(aJob({ payload: 'text' }));
    });
  });

  describe('holds a delay that is longer than the service can', () => {
    it('by sending the message on, and gives no handler a job before its time', async () => {
      const { driver, inbox, queue } = await openSqs(sqs.url);
      const raw = await RawQueue.open(sqs.url, queue);
      await driver.push(aJob({ delayMs: 3_600_000 }));
      expect(await raw.attributes()).toMatchObject({ ApproximateNumberOfMessagesDelayed: '1' });
      // The same message as it is after its first quarter of an hour, with little time left.
      const dueAt = Date.now() + 3_000;
      await raw.send({
        MessageBody: 'later',
        MessageAttributes: {
          rr_id: { DataType: 'String', StringValue: 'chained' },
          rr_job: { DataType: 'String', StringValue: 'later' },
          nrr_due_at: { DataType: 'Number', StringValue: String(dueAt) },
        },
      });
      await driver.run();
      const delivery = await inbox.next();
      expect(delivery.job).toMatchObject({ id: 'chained', name: 'later', payload: 'later' });
      expect(Date.now()).toBeGreaterThanOrEqual(dueAt - 500);
      expect(inbox.length).toBe(0);
      await delivery.ack();
      expect(await raw.count()).toBe(1);
    });

    it('but in a FIFO queue only as long as it can hide a message', async () => {
      const { driver } = await openSqs(sqs.url, { queue: fifoQueue(), messageGroupId: 'a' });
      await expect(driver.push(aJob({ delayMs: 43_201_000 }))).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
    });
  });

  describe('keeps what it lends', () => {
    it('hidden from others as long as a handler takes, and as long as a job waits', async () => {
      const first = await openSqs(sqs.url, { visibilityTimeout: 2 });
      await first.driver.push(aJob());
      await first.driver.run();
      const delivery = await first.inbox.next();
      const second = await openSqs(sqs.url, { queue: first.queue, visibilityTimeout: 2 });
      await second.driver.run();
      await isSilentFor(4_500);
      expect(second.inbox.length).toBe(0);
      await delivery.ack();
      expect(await (await RawQueue.open(sqs.url, first.queue)).count()).toBe(0);
    }, 20_000);

    it('until a stop, which gives it to others at once', async () => {
      const first = await openSqs(sqs.url, { visibilityTimeout: 600 });
      await first.driver.push(aJob());
      await first.driver.run();
      const delivery = await first.inbox.next();
      await first.driver.stop(soon());
      const second = await openSqs(sqs.url, { queue: first.queue });
      await second.driver.run();
      expect((await second.inbox.next()).job.id).toBe(delivery.job.id);
    });

    it('and gives back what comes after a pause', async () => {
      const { driver, inbox, queue } = await openSqs(sqs.url, { waitTimeSeconds: 5, visibilityTimeout: 600 });
      await driver.run();
      await driver.pause();
      await driver.push(aJob());
      const raw = await RawQueue.open(sqs.url, queue);
      expect((await raw.receive()).Attributes).toMatchObject({ ApproximateReceiveCount: expect.stringMatching(/^[12]$/) });
      expect(inbox.length).toBe(0);
    });
  });

  describe('refuses a job without requeue', () => {
    const withDeadLetters = async (options: SqsOptions = {}, maxReceiveCount = 5) => {
      const dead = await RawQueue.open(sqs.url, `dead-${crypto.randomUUID()}`);
      const { QueueArn: deadLetterTargetArn } = await dead.attributes();
      const opened = await openSqs(sqs.url, { attributes: { RedrivePolicy: { deadLetterTargetArn, maxReceiveCount } }, ...options });
      await opened.driver.push(aJob({ name: 'bad', headers: { a: ['1'] }, id: 'the-id' }));
      await opened.driver.run();
      return { ...opened, dead, delivery: await opened.inbox.next() };
    };

    it('by moving it to the dead letters of the redrive policy, whole', async () => {
      const { driver, delivery, dead } = await withDeadLetters();
      await delivery.nack({ requeue: false });
      const { MessageAttributes } = await dead.receive();
      expect(MessageAttributes).toMatchObject({ rr_id: { StringValue: 'the-id' }, rr_job: { StringValue: 'bad' } });
      expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0 });
    });

    it('with retain_failed_jobs by leaving it to the redrive policy', async () => {
      const { inbox, delivery, dead } = await withDeadLetters({ retainFailedJobs: true, errorVisibilityTimeout: 1 }, 2);
      await delivery.nack({ requeue: false });
      await (await inbox.next()).nack({ requeue: false });
      expect((await dead.receive()).MessageAttributes).toMatchObject({ rr_id: { StringValue: 'the-id' } });
    }, 20_000);

    it('and says in its log that there are no dead letters', async () => {
      const { driver, inbox, log } = await openSqs(sqs.url);
      await driver.push(aJob({ name: 'bad' }));
      await driver.run();
      await (await inbox.next()).nack({ requeue: false });
      expect(log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
        expect.stringMatching(/^Job "bad" was refused, and queue ".*" has no redrive policy/),
      ]);
    });
  });

  describe('with a FIFO queue', () => {
    const push = async (parts: Awaited<ReturnType<typeof openSqs>>, names: readonly string[], group?: string) => {
      for (const name of names) await parts.driver.push(aJob({ name, ...(group === undefined ? {} : { headers: { 'nrr-group': [group] } }) }));
    };

    it('needs a group', async () => {
      const { driver } = await openSqs(sqs.url, { queue: fifoQueue() });
      await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'BROKER_REFUSED', message: expect.stringContaining('message_group_id') });
    });

    it('absorbs a push that is repeated with its id, whatever characters it has', async () => {
      const parts = await openSqs(sqs.url, { queue: fifoQueue(), messageGroupId: 'a' });
      await parts.driver.push(aJob({ id: 'žluť 1' }));
      await parts.driver.push(aJob({ id: 'žluť 1' }));
      expect(await (await RawQueue.open(sqs.url, parts.queue, { FifoQueue: 'true' })).count()).toBe(1);
    });

    it('lends one job of a group at a time, in their order, and other groups beside it', async () => {
      const parts = await openSqs(sqs.url, { queue: fifoQueue(), messageGroupId: 'a' });
      await push(parts, ['a1', 'a2', 'a3']);
      await push(parts, ['b1', 'b2'], 'b');
      await parts.driver.run();
      const [a1, b1] = await parts.inbox.take(2);
      expect([a1!.job.name, b1!.job.name]).toEqual(['a1', 'b1']);
      await isSilentFor(50);
      expect(parts.inbox.length).toBe(0);
      expect((await parts.driver.stat()).active).toBe(2);
      await a1!.ack();
      const a2 = await parts.inbox.next();
      expect(a2.job.name).toBe('a2');
      await a2.ack();
      await b1!.ack();
      expect((await parts.inbox.take(2)).map(({ job }) => job.name).sort()).toEqual(['a3', 'b2']);
    });

    it('keeps the order of a group when a job goes back to its place', async () => {
      const parts = await openSqs(sqs.url, { queue: fifoQueue(), messageGroupId: 'a' });
      await push(parts, ['a1', 'a2']);
      await parts.driver.run();
      await (await parts.inbox.next()).nack({ requeue: true, delayMs: 1_000 });
      const again = await parts.inbox.next();
      expect(again.job.name).toBe('a1');
      await again.ack();
      expect((await parts.inbox.next()).job.name).toBe('a2');
    });

    it('does not lose a requeued job to the deduplication, and keeps its group', async () => {
      const parts = await openSqs(sqs.url, { queue: fifoQueue() });
      await push(parts, ['b1'], 'b');
      await parts.driver.run();
      const delivery = await parts.inbox.next();
      await delivery.requeue({ headers: { tries: ['1'] }, delayMs: 0 });
      const { job } = await parts.inbox.next();
      expect(job).toMatchObject({ id: delivery.job.id, name: 'b1' });
      expect({ ...job.headers }).toMatchObject({ tries: ['1'], MessageGroupId: ['b'] });
    });

    it('gives the jobs that wait for their group back at a pause', async () => {
      const parts = await openSqs(sqs.url, { queue: fifoQueue(), messageGroupId: 'a' });
      await push(parts, ['a1', 'a2']);
      await parts.driver.run();
      const a1 = await parts.inbox.next();
      await parts.driver.pause();
      await a1.ack();
      await isSilentFor(50);
      expect(parts.inbox.length).toBe(0);
      await parts.driver.resume();
      expect((await parts.inbox.next()).job.name).toBe('a2');
    });
  });

  it('sends the copy of a requeued job first: the old one stays until the copy is confirmed', async () => {
    let isSilent = false;
    const front = await openSqsFront(sqs.url, {
      answer: ({ operation }) => (isSilent && operation === 'SendMessageBatch' ? { status: 500, body: { __type: 'InternalFailure' } } : undefined),
    });
    try {
      const { driver, inbox, queue } = await openSqs(front.url, {}, { pushTimeoutMs: 10_000 });
      await driver.push(aJob());
      await driver.run();
      const delivery = await inbox.next();
      isSilent = true;
      await expect(Promise.resolve(delivery.requeue({ headers: {}, delayMs: 0 }))).rejects.toMatchObject({ code: 'PUSH_UNCERTAIN' });
      expect(front.requests.map(({ operation }) => operation)).not.toContain('DeleteMessageBatch');
      expect(await (await RawQueue.open(sqs.url, queue)).count()).toBe(1);
    } finally {
      await stopSqs();
      await front.close();
    }
  }, 60_000);

  it('writes the copy of a job that says nothing of its priority with that of the pipeline: 0 is the most urgent one to RoadRunner', async () => {
    const { driver, inbox, queue } = await openSqs(sqs.url, { visibilityTimeout: 600 });
    const raw = await RawQueue.open(sqs.url, queue);
    await raw.send({ MessageBody: 'foreign' });
    await driver.run();
    const delivery = await inbox.next();
    await driver.pause();
    await delivery.requeue({ headers: {}, delayMs: 0 });
    expect((await raw.receive()).MessageAttributes).toMatchObject({ rr_priority: { StringValue: '10' } });
  }, 20_000);

  it('waits at the service for the next job: one request, answered when there is one', async () => {
    const front = await openSqsFront(sqs.url);
    const receives = () => front.requests.filter(({ operation }) => operation === 'ReceiveMessage').length;
    try {
      const { driver, inbox } = await openSqs(front.url, { waitTimeSeconds: 20, requestTimeout: 60 });
      await driver.run();
      await isSilentFor(1_500);
      expect(receives()).toBe(1);
      await driver.push(aJob({ name: 'next' }));
      expect((await inbox.next()).job.name).toBe('next');
      expect(receives()).toBeLessThanOrEqual(2);
    } finally {
      await stopSqs();
      await front.close();
    }
  }, 30_000);

  it('is not ready while the service is away, and ready again afterwards', async () => {
    const { url, proxy } = await sqs.proxy();
    const { driver, inbox } = await openSqs(url);
    await driver.run();
    expect((await driver.stat()).ready).toBe(true);
    proxy.cut();
    while ((await driver.stat()).ready) await isSilentFor(50);
    proxy.heal();
    while (!(await driver.stat()).ready) await isSilentFor(50);
    await driver.push(aJob({ name: 'after' }));
    expect((await inbox.next()).job.name).toBe('after');
  }, 60_000);

  describe('purges its queue', () => {
    it('with what other consumers have and what is delayed', async () => {
      const { driver, queue } = await openSqs(sqs.url);
      const raw = await RawQueue.open(sqs.url, queue);
      for (const delayMs of [0, 0, 60_000]) await driver.push(aJob({ delayMs }));
      await raw.receive(600);
      expect(await driver.purge!({})).toBe(3);
      expect(await raw.count()).toBe(0);
    });

    it('and lends nothing that waited for its group', async () => {
      const parts = await openSqs(sqs.url, { queue: fifoQueue(), messageGroupId: 'a' });
      for (const name of ['a1', 'a2', 'a3']) await parts.driver.push(aJob({ name }));
      await parts.driver.run();
      const a1 = await parts.inbox.next();
      expect(await parts.driver.purge!({})).toBe(2);
      await a1.ack();
      await parts.driver.push(aJob({ name: 'after' }));
      expect((await parts.inbox.next()).job.name).toBe('after');
      expect(parts.log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    });

    it('and still takes back a job that was lent then', async () => {
      const { driver, inbox } = await openSqs(sqs.url);
      await driver.push(aJob({ name: 'lent', headers: { 'x-a': ['1'] } }));
      await driver.run();
      const delivery = await inbox.next();
      await driver.purge!({});
      await delivery.nack({ requeue: true });
      const { job } = await inbox.next();
      expect([job.id, job.headers['x-a']]).toEqual([delivery.job.id, ['1']]);
    });

    it('not for a state, which it cannot tell apart', async () => {
      const { driver } = await openSqs(sqs.url);
      await driver.push(aJob());
      await expect(driver.purge!({ state: 'waiting' })).rejects.toMatchObject({ code: 'NOT_SUPPORTED_BY_DRIVER' });
      expect((await driver.stat()).reserved).toBe(1);
    });

    it('not twice in 60 seconds at AWS, and says when it can be tried again', async () => {
      // As AWS answers; ElasticMQ has no such rule.
      const body = { __type: 'com.amazonaws.sqs#PurgeQueueInProgress', message: 'Only one PurgeQueue operation on q is allowed every 60 seconds.' };
      const front = await openSqsFront(sqs.url, { answer: ({ operation }) => (operation === 'PurgeQueue' ? { status: 400, body } : undefined) });
      try {
        const { driver } = await openSqs(front.url);
        await driver.push(aJob());
        await expect(driver.purge!({})).rejects.toMatchObject({
          code: 'BROKER_REFUSED',
          message: expect.stringMatching(/purged less than 60 seconds ago.*Try again in a minute/u),
        });
        expect((await driver.stat()).reserved).toBe(1);
      } finally {
        await front.close();
      }
    });

    it('not while the service is away, and not after a stop', async () => {
      const { driver } = await openSqs('http://127.0.0.1:1');
      await expect(driver.purge!({})).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
      await driver.stop(soon());
      await expect(driver.purge!({})).rejects.toMatchObject({ code: 'DRIVER_STOPPED' });
    });
  });

  it('takes an automatically acknowledged job out of the queue before it lends it', async () => {
    const { driver, inbox, queue } = await openSqs(sqs.url);
    await driver.push(aJob({ autoAck: true }));
    await driver.run();
    const delivery = await inbox.next();
    const raw = await RawQueue.open(sqs.url, queue);
    expect(await raw.count()).toBe(0);
    await delivery.release!();
    expect((await inbox.next()).job.id).toBe(delivery.job.id);
  });

  it('receives side by side with several receivers, each job once', async () => {
    const { driver, inbox } = await openSqs(sqs.url, { receivers: 4 });
    await Promise.all(Array.from({ length: 200 }, (_, index) => driver.push(aJob({ name: String(index) }))));
    await driver.run();
    const deliveries = await inbox.take(200);
    await Promise.all(deliveries.map(async (delivery) => delivery.ack()));
    expect(new Set(deliveries.map(({ job }) => job.name)).size).toBe(200);
    expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0 });
  });

  it('shares one client with pipelines of the same address', async () => {
    const resources = new Resources();
    const first = await openSqs(sqs.url, {}, { resources });
    const second = await openSqs(sqs.url, {}, { resources });
    await first.driver.push(aJob());
    await first.driver.stop(soon());
    await expect(second.driver.push(aJob())).resolves.toBeUndefined();
    await expect(first.driver.push(aJob())).rejects.toMatchObject({ code: 'DRIVER_STOPPED' });
  });
});
