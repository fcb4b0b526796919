import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { broker } from '../support/brokers.js';
import { ackInTurn, aJob } from '../support/jobs.js';
import { deferred } from '../support/kernel.js';
import { openSqsFront, type FrontAnswer, type FrontRequest, type SqsFront } from '../support/sqs-front.js';
import { openSqs, RawQueue, stopSqs, type OpenedSqs } from '../support/sqs.js';

const sqs = await broker('sqs');

const silence = (ms = 50) => new Promise((resolve) => setTimeout(resolve, ms));
const fifoQueue = () => `fifo-${crypto.randomUUID()}.fifo`;
const within = (ms: number) => deadlineAfter(systemClock, ms);
const entriesOf = ({ input }: FrontRequest) => (input['Entries'] ?? []) as readonly Readonly<Record<string, unknown>>[];
const REFUSED: FrontAnswer = { status: 400, body: { __type: 'com.amazonaws.sqs#InvalidParameterValue', message: 'No.' } };
const GONE: FrontAnswer = { status: 400, body: { __type: 'com.amazonaws.sqs#QueueDoesNotExist', message: 'The queue is gone.' } };
const TEST_MS = 60_000;

sqs.suite('sqs where things happen at the same time', () => {
  const fronts: SqsFront[] = [];
  afterEach(async () => {
    await stopSqs();
    await Promise.all(fronts.splice(0).map((front) => front.close()));
  }, TEST_MS);

  /** A front whose answers a test may change on the way. */
  const openFront = async () => {
    const rules: { answer: (request: FrontRequest) => FrontAnswer | undefined | Promise<FrontAnswer | undefined> } = { answer: () => undefined };
    const front = await openSqsFront(sqs.url, { answer: (request) => rules.answer(request) });
    fronts.push(front);
    return { front, rules };
  };
  const seen = async ({ requests }: SqsFront, operation: string, count = 1) => {
    while (requests.filter((request) => request.operation === operation).length < count) await silence(5);
  };

  it(
    'keeps the order of a FIFO queue when the service refuses a request because of one message',
    async () => {
      const { front, rules } = await openFront();
      let isSlow = true;
      rules.answer = async (request) => {
        if (request.operation !== 'SendMessageBatch') return undefined;
        const isBad = JSON.stringify(request.input).includes('bad');
        if (isBad) return REFUSED;
        // The first that goes alone takes longest.
        if (isSlow) await silence(300);
        isSlow = false;
        return undefined;
      };
      const { driver, inbox } = await openSqs(front.url, { queue: fifoQueue(), messageGroupId: 'a', requestTimeout: 20 });
      const push = (name: string) => driver.push(aJob({ name })).catch(() => {});
      const first = ['a1', 'bad', 'a2', 'a3'].map(push);
      await silence(100);
      await Promise.all([...first, push('a4')]);
      await driver.run();
      expect(await ackInTurn(inbox, 4)).toEqual(['a1', 'a2', 'a3', 'a4']);
    },
    TEST_MS,
  );

  it(
    'lets no job of a FIFO group overtake one that is delayed',
    async () => {
      const { driver, inbox } = await openSqs(sqs.url, { queue: fifoQueue(), messageGroupId: 'a' });
      await driver.push(aJob({ name: 'a1', delayMs: 2_000 }));
      await driver.push(aJob({ name: 'a2' }));
      await driver.push(aJob({ name: 'b1', headers: { 'nrr-group': ['b'] } }));
      await driver.run();
      expect(await ackInTurn(inbox, 3)).toEqual(['b1', 'a1', 'a2']);
    },
    TEST_MS,
  );

  it(
    'lends the next job of a FIFO group only when the last one has left the queue for sure',
    async () => {
      const { front, rules } = await openFront();
      const { driver, inbox } = await openSqs(front.url, { queue: fifoQueue(), messageGroupId: 'a', visibilityTimeout: 2 });
      for (const name of ['a1', 'a2']) await driver.push(aJob({ name }));
      await driver.run();
      rules.answer = ({ operation }) => (operation === 'DeleteMessageBatch' ? REFUSED : undefined);
      await (await inbox.next()).ack();
      rules.answer = () => undefined;
      expect((await inbox.next()).job.name).toBe('a1');
    },
    TEST_MS,
  );

  it(
    'lends a FIFO group further when one of its jobs could not be given back',
    async () => {
      const { front, rules } = await openFront();
      const { driver, inbox } = await openSqs(front.url, { queue: fifoQueue(), messageGroupId: 'a' });
      await driver.push(aJob({ name: 'a1' }));
      await driver.run();
      const a1 = await inbox.next();
      await driver.purge!({});
      rules.answer = ({ operation }) => (operation === 'SendMessageBatch' ? REFUSED : undefined);
      await expect(Promise.resolve(a1.nack({ requeue: true }))).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
      rules.answer = () => undefined;
      await driver.push(aJob({ name: 'a2' }));
      expect((await inbox.next()).job.name).toBe('a2');
    },
    TEST_MS,
  );

  it(
    'is paused also when it is told so while it looks for its queue',
    async () => {
      const { front, rules } = await openFront();
      const { promise: found, resolve: find } = deferred();
      rules.answer = async ({ operation }) => {
        if (operation === 'CreateQueue') await found;
        return undefined;
      };
      const { driver, inbox } = await openSqs(front.url, { requestTimeout: 30 });
      const running = driver.run();
      await seen(front, 'CreateQueue');
      await driver.pause();
      find();
      await running;
      await driver.push(aJob());
      await silence(200);
      expect(inbox.length).toBe(0);
      expect((await driver.stat()).ready).toBe(false);
      await driver.resume();
      await inbox.next();
    },
    TEST_MS,
  );

  it(
    'stops in time while it looks for a queue that is gone',
    async () => {
      const { front, rules } = await openFront();
      const { driver } = await openSqs(front.url, { requestTimeout: 40 });
      await driver.run();
      const { promise: end, resolve } = deferred<undefined>();
      rules.answer = ({ operation }) => (operation === 'CreateQueue' ? end : operation === 'ReceiveMessage' ? GONE : undefined);
      await seen(front, 'CreateQueue', 2);
      const stoppedAt = performance.now();
      await driver.stop(within(500));
      expect(performance.now() - stoppedAt).toBeLessThan(10_000);
      resolve(undefined);
    },
    TEST_MS,
  );

  it(
    'ends a stop without a rejection that nobody takes, when what is lent cannot be sent anew',
    async () => {
      const { front, rules } = await openFront();
      const { driver, inbox, log } = await openSqs(front.url, {}, { pushTimeoutMs: 1_000 });
      await driver.push(aJob({ name: 'lent' }));
      await driver.run();
      await inbox.next();
      await driver.purge!({});
      rules.answer = ({ operation }) => (operation === 'SendMessageBatch' ? REFUSED : undefined);
      const nobody: unknown[] = [];
      const note = (error: unknown) => void nobody.push(error);
      process.on('unhandledRejection', note);
      try {
        await driver.stop(within(5_000));
        await silence();
      } finally {
        process.off('unhandledRejection', note);
      }
      expect(nobody).toEqual([]);
      expect(log.lines).toContainEqual(
        expect.objectContaining({ level: 'error', message: expect.stringMatching(/^Job "lent" .*is lost/u) as string }),
      );
    },
    TEST_MS,
  );

  it(
    'keeps to the deadline of a stop with what is to be sent anew after an answer that does not come',
    async () => {
      const { front, rules } = await openFront();
      const { driver, inbox, log } = await openSqs(front.url, { visibilityTimeout: 2, requestTimeout: 50 }, { pushTimeoutMs: 50_000 });
      await driver.push(aJob({ name: 'lent' }));
      await driver.run();
      await inbox.next();
      const { promise: end, resolve } = deferred<undefined>();
      rules.answer = ({ operation }) => (operation === 'ChangeMessageVisibilityBatch' ? end : undefined);
      await seen(front, 'ChangeMessageVisibilityBatch');
      await driver.purge!({});
      rules.answer = ({ operation }) => (operation.endsWith('Batch') ? end : undefined);
      const stoppedAt = performance.now();
      await driver.stop(within(500));
      await silence();
      expect(performance.now() - stoppedAt).toBeLessThan(10_000);
      expect(log.lines).toContainEqual(
        expect.objectContaining({ level: 'error', message: expect.stringMatching(/^Job "lent" .*is lost/u) as string }),
      );
      resolve(undefined);
    },
    TEST_MS,
  );

  it(
    'sends an automatically acknowledged job anew when a stop overtakes its removal',
    async () => {
      const { front, rules } = await openFront();
      const { driver, inbox, queue } = await openSqs(front.url, { requestTimeout: 20 });
      const { promise: end, resolve } = deferred<undefined>();
      rules.answer = ({ operation }) => (operation === 'DeleteMessageBatch' ? end : undefined);
      await driver.push(aJob({ autoAck: true }));
      await driver.run();
      await seen(front, 'DeleteMessageBatch');
      const stopped = driver.stop(within(20_000));
      await silence();
      resolve(undefined);
      await stopped;
      expect(inbox.length).toBe(0);
      // Not shown while it is removed: the receive under way may take the copy and show that again.
      const asked = front.requests.map(({ operation }) => operation).filter((operation) => operation.endsWith('Batch'));
      expect(asked.slice(0, 3)).toEqual(['SendMessageBatch', 'DeleteMessageBatch', 'SendMessageBatch']);
      expect(await (await RawQueue.open(sqs.url, queue)).count()).toBe(1);
    },
    TEST_MS,
  );

  it(
    'asks for one extension of a job at a time, however long the service takes',
    async () => {
      const { front, rules } = await openFront();
      const { driver, inbox } = await openSqs(front.url, { visibilityTimeout: 1, requestTimeout: 20 });
      const { promise: end, resolve } = deferred<undefined>();
      rules.answer = ({ operation }) => (operation === 'ChangeMessageVisibilityBatch' ? end : undefined);
      await driver.push(aJob());
      await driver.run();
      const delivery = await inbox.next();
      await seen(front, 'ChangeMessageVisibilityBatch');
      await driver.pause();
      await silence(1_500);
      expect(front.requests.flatMap(entriesOf).filter((entry) => entry['VisibilityTimeout'] === 1)).toHaveLength(1);
      resolve(undefined);
      await delivery.ack();
    },
    TEST_MS,
  );

  it.each([
    ['its own', { visibilityTimeout: 7 }, undefined, 7],
    ['that of the queue', {}, '55', 55],
    ['30 seconds where the queue says 0, which would give a job to everybody', {}, '0', 30],
  ])(
    'receives with the visibility that it reckons with: %s',
    async (_name, options, VisibilityTimeout, expected) => {
      const { front } = await openFront();
      const queue = `visible-${crypto.randomUUID()}`;
      if (VisibilityTimeout !== undefined) await RawQueue.open(sqs.url, queue, { VisibilityTimeout });
      const { driver, inbox }: OpenedSqs = await openSqs(front.url, { queue, ...options });
      await driver.push(aJob());
      await driver.run();
      const delivery = await inbox.next();
      await silence(500);
      const receives = front.requests.filter(({ operation }) => operation === 'ReceiveMessage');
      expect(new Set(receives.map(({ input }) => input['VisibilityTimeout']))).toEqual(new Set([expected]));
      expect(inbox.length).toBe(0);
      await delivery.ack();
    },
    TEST_MS,
  );

  it(
    'pushes at once beside more receives than fifty, with pipelines that share a client',
    async () => {
      const { front } = await openFront();
      const resources = new Resources();
      const options = { receivers: 10, waitTimeSeconds: 20, requestTimeout: 5 };
      const opened: OpenedSqs[] = [];
      for (let index = 0; index < 6; index++) opened.push(await openSqs(front.url, options, { resources }));
      for (const { driver } of opened) await driver.run();
      await seen(front, 'ReceiveMessage', 50);
      await opened[0]!.driver.push(aJob({ name: 'beside' }));
      expect((await opened[0]!.inbox.next()).job.name).toBe('beside');
    },
    TEST_MS,
  );
});
