import { tmpdir } from 'node:os';
import { deadlineAfter, systemClock, type Clock } from '../../lib/contract/clock.js';
import type { Delivery, DeliverySink, Driver, DriverCapabilities, DriverContext } from '../../lib/contract/driver.js';
import type { Job } from '../../lib/contract/job.js';
import { silentLogger } from '../../lib/contract/logger.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { Inbox } from '../support/inbox.js';
import { aJob, bytesOf, textOf } from '../support/jobs.js';
import { itUnless } from '../support/skipped.js';

/** A driver under test. A new driver adds a file of five lines that gives one to {@link describeDriverContract}. */
export interface ContractSubject<O> {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  createDriver(context: DriverContext<O>): Driver;
  /** Options of a queue, stream or file of its own. */
  freshOptions(): O;
  /** The folder of its files, if it has any. */
  readonly dataDir?: string;
  /** Time of its own, where the driver holds the delays itself. Default: that of the machine. */
  createTime?(): ContractTime;
  /** Cuts the connection of all drivers that are open; they are expected to come back by themselves. */
  loseConnection?(): Promise<void>;
  /** What is lent stays lent when the connection is lost, and its settlement counts. Default: it is delivered again. */
  readonly keepsLoans?: boolean;
}

/** The clock of a test, and how to let time pass on it. */
export interface ContractTime {
  readonly clock: Clock;
  pass(ms: number): Promise<void>;
}

const MIB = 1024 * 1024;
const PUSH_TIMEOUT_MS = 60_000;
const PUSHED_AT_ONCE = 1_000;
const STOP_TIMEOUT_MS = 5_000;
/** How long a test looks for something that must not happen. Unit: milliseconds. */
const SILENCE_MS = 50;

const realTime = (): ContractTime => ({ clock: systemClock, pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) });

/** What every driver promises to the kernel. What a broker cannot do is skipped by its capabilities, never by its name. */
export function describeDriverContract<O>(subject: ContractSubject<O>): void {
  const { capabilities } = subject;
  const when = (isAble: boolean, missing: string) => itUnless(isAble ? undefined : `"${subject.name}" has no ${missing}`);

  describe(`driver contract: ${subject.name}`, () => {
    const opened: { driver: Driver; clock: Clock }[] = [];

    const open = async (given: { room?: number; options?: O; time?: ContractTime } = {}) => {
      const inbox = new Inbox<Delivery>();
      const time = given.time ?? (subject.createTime ?? realTime)();
      const options = given.options ?? subject.freshOptions();
      const sink = new TestSink(inbox, given.room ?? Infinity);
      const driver = subject.createDriver({
        pipeline: 'contract',
        driver: subject.name,
        priority: 10,
        options,
        sink,
        clock: time.clock,
        logger: silentLogger,
        pushTimeoutMs: PUSH_TIMEOUT_MS,
        dataDir: subject.dataDir ?? tmpdir(),
        isDeclared: false,
        resources: new Resources(),
      });
      opened.push({ driver, clock: time.clock });
      await driver.open?.();
      return { driver, inbox, time, options, sink };
    };

    const openRunning = async (given: Parameters<typeof open>[0] = {}) => {
      const parts = await open(given);
      await parts.driver.run();
      return parts;
    };

    const silence = (time: ContractTime) => time.pass(SILENCE_MS);

    afterEach(async () => {
      await Promise.all(opened.splice(0).map(({ driver, clock }) => driver.stop(deadlineAfter(clock, STOP_TIMEOUT_MS))));
    }, 3 * STOP_TIMEOUT_MS);

    it('calls its queue as its statistics do', async () => {
      const { driver } = await openRunning();
      expect((await driver.stat()).queue).toBe(driver.queue ?? 'contract');
    });

    describe('delivers', () => {
      const deliver = async (job: Job) => {
        const { driver, inbox } = await openRunning();
        await driver.push(job);
        const delivery = await inbox.next();
        await delivery.ack();
        return delivery.job;
      };

      it('every field of a job', async () => {
        const job = aJob({
          id: '4f2c8a52-6b0e-4f7f-9d0c-0c9f0f3f1a11',
          name: 'email.send',
          payload: '{"to":"ada"}',
          headers: { 'x-a': ['1', '2'], b: ['3'] },
        });
        const delivered = await deliver(job);
        expect(delivered).toMatchObject({ id: job.id, name: 'email.send', pipeline: 'contract' });
        expect(textOf(delivered.payload)).toBe('{"to":"ada"}');
        expect({ ...delivered.headers }).toMatchObject({ 'x-a': ['1', '2'], b: ['3'] });
      });

      it('bytes as they are', async () => {
        const bytes = Array.from({ length: 256 }, (_, value) => value);
        expect(bytesOf((await deliver(aJob({ payload: new Uint8Array(bytes) }))).payload)).toEqual(bytes);
      });

      it('an empty payload', async () => {
        expect(bytesOf((await deliver(aJob({ payload: '' }))).payload)).toEqual([]);
      });

      it(`a payload of ${capabilities.maxPayloadBytes === undefined || capabilities.maxPayloadBytes >= MIB ? '1 MiB' : 'the size that it says it takes'}`, async () => {
        const payload = new Uint8Array(Math.min(MIB, capabilities.maxPayloadBytes ?? MIB)).map((_, index) => (index * 31) & 255);
        const delivered = (await deliver(aJob({ payload }))).payload;
        expect(Buffer.compare(Buffer.from(typeof delivered === 'string' ? Buffer.from(delivered) : delivered), Buffer.from(payload))).toBe(0);
      });

      it('text of any script in name, payload and headers', async () => {
        const delivered = await deliver(aJob({ name: 'почта.отправить', payload: '日本語 🦉\u0000', headers: { 'x-имя': ['Žofie', ''] } }));
        expect(delivered.name).toBe('почта.отправить');
        expect(textOf(delivered.payload)).toBe('日本語 🦉\u0000');
        expect([...(delivered.headers['x-имя'] ?? [])]).toEqual(['Žofie', '']);
      });

      it('header names that are special to JavaScript, as data', async () => {
        const delivered = await deliver(aJob({ headers: { ['__proto__']: ['a'], constructor: ['b'] } }));
        expect([...(delivered.headers['__proto__'] as unknown as string[])]).toEqual(['a']);
        expect([...(delivered.headers['constructor'] ?? [])]).toEqual(['b']);
        expect(({} as Record<string, unknown>)['a']).toBeUndefined();
      });

      it('the mark of an automatic acknowledgement', async () => {
        expect((await deliver(aJob({ autoAck: true }))).autoAck).toBe(true);
      });

      it('the priority of a job', async () => {
        expect((await deliver(aJob({ priority: 3 }))).priority).toBe(3);
      });

      it('jobs in the order of their pushes, while nothing is settled out of turn', async () => {
        const { driver, inbox } = await openRunning();
        for (let index = 0; index < 20; index++) await driver.push(aJob({ name: `job-${index}` }));
        const names: string[] = [];
        for (const delivery of await inbox.take(20)) {
          names.push(delivery.job.name);
          await delivery.ack();
        }
        expect(names).toEqual(Array.from({ length: 20 }, (_, index) => `job-${index}`));
      });

      it('what was pushed before it ran', async () => {
        const { driver, inbox } = await open();
        await driver.push(aJob({ name: 'early' }));
        await driver.run();
        expect((await inbox.next()).job.name).toBe('early');
      });

      it('every job of a batch', async () => {
        const { driver, inbox } = await openRunning();
        const jobs = Array.from({ length: 25 }, (_, index) => aJob({ name: `job-${index}` }));
        if (driver.pushMany === undefined) await Promise.all(jobs.map((job) => driver.push(job)));
        else expect((await driver.pushMany(jobs)).every(({ ok }) => ok)).toBe(true);
        const deliveries = await inbox.take(25);
        expect(new Set(deliveries.map(({ job }) => job.name)).size).toBe(25);
        for (const delivery of deliveries) await delivery.ack();
      });

      it('10 000 jobs to 64 handlers at once, none lost and none twice', async () => {
        const { driver, inbox, sink } = await openRunning({ room: 64 });
        const seen = new Map<string, number>();
        let left = 10_000;
        const handle = async (): Promise<void> => {
          while (left-- > 0) {
            const delivery = await inbox.next();
            seen.set(delivery.job.name, (seen.get(delivery.job.name) ?? 0) + 1);
            await Promise.resolve();
            await delivery.ack();
            sink.give(1);
          }
        };
        const handled = Promise.all(Array.from({ length: 64 }, handle));
        for (let lot = 0; lot < 10_000; lot += PUSHED_AT_ONCE)
          await Promise.all(Array.from({ length: PUSHED_AT_ONCE }, (_, index) => driver.push(aJob({ name: `job-${lot + index}` }))));
        await handled;
        expect(seen.size).toBe(10_000);
        expect([...seen.values()].every((count) => count === 1)).toBe(true);
        expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0 });
      }, 240_000);
    });

    describe('settles', () => {
      const received = async (job = aJob({ headers: { 'x-a': ['1'] } })) => {
        const parts = await openRunning();
        await parts.driver.push(job);
        return { ...parts, delivery: await parts.inbox.next() };
      };

      it('an acknowledged job for good', async () => {
        const { driver, inbox, time, delivery } = await received();
        await delivery.ack();
        await silence(time);
        expect(inbox.length).toBe(0);
        expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0, delayed: 0 });
      });

      it('a refused job without requeue for good', async () => {
        const { driver, inbox, time, delivery } = await received();
        await delivery.nack({ requeue: false });
        await silence(time);
        expect(inbox.length).toBe(0);
        expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0, delayed: 0 });
      });

      it('a refused job with requeue by delivering it again with the same id and headers', async () => {
        const { inbox, delivery } = await received();
        await delivery.nack({ requeue: true });
        const again = await inbox.next();
        expect(again.job.id).toBe(delivery.job.id);
        expect([...(again.job.headers['x-a'] ?? [])]).toEqual(['1']);
      });

      it('a requeued job by delivering it with its new headers', async () => {
        const { inbox, delivery } = await received();
        await delivery.requeue({ headers: { 'x-a': ['2'], 'x-b': ['3'] }, delayMs: 0 });
        const again = await inbox.next();
        expect(again.job.id).toBe(delivery.job.id);
        expect({ ...again.job.headers }).toMatchObject({ 'x-a': ['2'], 'x-b': ['3'] });
        expect(textOf(again.job.payload)).toBe(textOf(delivery.job.payload));
      });

      it('a requeued job without the headers that were left out', async () => {
        const { inbox, delivery } = await received();
        await delivery.requeue({ headers: {}, delayMs: 0 });
        expect((await inbox.next()).job.headers['x-a']).toBeUndefined();
      });

      it('by the first settlement only', async () => {
        const { driver, inbox, time, delivery } = await received();
        await delivery.ack();
        await delivery.nack({ requeue: true });
        await delivery.requeue({ headers: {}, delayMs: 0 });
        await silence(time);
        expect(inbox.length).toBe(0);
        expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0 });
      });

      it('not the second delivery by a late call of the first', async () => {
        const { driver, inbox, delivery } = await received();
        await delivery.nack({ requeue: true });
        const again = await inbox.next();
        await delivery.ack();
        expect((await driver.stat()).active).toBe(1);
        await again.ack();
        expect((await driver.stat()).active).toBe(0);
      });

      it('a released job by delivering it again, nothing counted', async () => {
        const { inbox, delivery } = await received();
        await (delivery.release === undefined ? delivery.nack({ requeue: true }) : delivery.release());
        const again = await inbox.next();
        expect(again.job.id).toBe(delivery.job.id);
        expect({ ...again.job.headers }).toMatchObject({ 'x-a': ['1'] });
      });
    });

    describe('delays', () => {
      const itDelays = when(capabilities.delay, 'delays');

      itDelays('a pushed job until its time', async () => {
        const { driver, inbox, time } = await openRunning();
        const pushedAt = time.clock.monotonic();
        await driver.push(aJob({ name: 'later', delayMs: 1_000 }));
        await driver.push(aJob({ name: 'now' }));
        expect((await inbox.next()).job.name).toBe('now');
        const { delayed } = await driver.stat();
        // On a busy machine a second may be over.
        if (time.clock.monotonic() - pushedAt < 1_000) expect(delayed).toBe(1);
        const passing = time.pass(1_500);
        expect((await inbox.next()).job.name).toBe('later');
        expect(time.clock.monotonic() - pushedAt).toBeGreaterThanOrEqual(999);
        await passing;
        expect((await driver.stat()).delayed).toBe(0);
      });

      itDelays('a refused job that is to come back later', async () => {
        const { driver, inbox, time } = await openRunning();
        await driver.push(aJob());
        const delivery = await inbox.next();
        const refusedAt = time.clock.monotonic();
        await delivery.nack({ requeue: true, delayMs: 1_000 });
        const passing = time.pass(1_500);
        await (await inbox.next()).ack();
        expect(time.clock.monotonic() - refusedAt).toBeGreaterThanOrEqual(999);
        await passing;
      });

      itDelays('a requeued job, with its new headers', async () => {
        const { driver, inbox, time } = await openRunning();
        await driver.push(aJob({ delayMs: 1_000 }));
        const first = time.pass(1_500);
        const delivery = await inbox.next();
        await first;
        const requeuedAt = time.clock.monotonic();
        await delivery.requeue({ headers: { 'x-a': ['2'] }, delayMs: 1_000 });
        const passing = time.pass(1_500);
        expect([...((await inbox.next()).job.headers['x-a'] ?? [])]).toEqual(['2']);
        expect(time.clock.monotonic() - requeuedAt).toBeGreaterThanOrEqual(999);
        await passing;
      });

      itDelays('jobs apart from each other: the sooner one comes first', async () => {
        const { driver, inbox, time } = await openRunning();
        await driver.push(aJob({ name: 'second', delayMs: 2_000 }));
        await driver.push(aJob({ name: 'first', delayMs: 1_000 }));
        const passing = time.pass(3_000);
        expect((await inbox.take(2)).map(({ job }) => job.name)).toEqual(['first', 'second']);
        await passing;
      });
    });

    describe('keeps to the room of its sink', () => {
      it('and lends no more', async () => {
        const { driver, inbox, time } = await openRunning({ room: 2 });
        for (let index = 0; index < 5; index++) await driver.push(aJob({ name: `job-${index}` }));
        await inbox.take(2);
        await silence(time);
        expect(inbox.length).toBe(0);
      });

      it('and goes on when there is room again', async () => {
        const { driver, inbox, sink } = await openRunning({ room: 1 });
        for (let index = 0; index < 3; index++) await driver.push(aJob({ name: `job-${index}` }));
        const names: string[] = [];
        for (let index = 0; index < 3; index++) {
          const delivery = await inbox.next();
          names.push(delivery.job.name);
          await delivery.ack();
          sink.give(1);
        }
        expect(names).toEqual(['job-0', 'job-1', 'job-2']);
      });

      it('while pushes go on', async () => {
        const { driver } = await openRunning({ room: 0 });
        for (let index = 0; index < 10; index++) await driver.push(aJob());
        const stat = await driver.stat();
        expect(stat.active + stat.reserved).toBe(10);
      });
    });

    describe('pauses', () => {
      it('so that nothing is lent, and pushes are taken', async () => {
        const { driver, inbox, time } = await openRunning();
        await driver.pause();
        await driver.push(aJob());
        await silence(time);
        expect(inbox.length).toBe(0);
        expect((await driver.stat()).ready).toBe(false);
      });

      it('and resumes with what was pushed meanwhile', async () => {
        const { driver, inbox } = await openRunning();
        await driver.pause();
        await driver.push(aJob({ name: 'meanwhile' }));
        await driver.resume();
        expect((await inbox.next()).job.name).toBe('meanwhile');
        expect((await driver.stat()).ready).toBe(true);
      });

      it('and takes the settlement of what was lent before', async () => {
        const { driver, inbox } = await openRunning();
        await driver.push(aJob());
        const delivery = await inbox.next();
        await driver.pause();
        await delivery.ack();
        expect((await driver.stat()).active).toBe(0);
      });
    });

    describe('tells its state', () => {
      it('by counts that follow a job', async () => {
        const { driver, inbox } = await open();
        expect(await driver.stat()).toMatchObject({ pipeline: 'contract', driver: subject.name, priority: 10, active: 0, ready: false });
        await driver.run();
        await driver.push(aJob());
        const delivery = await inbox.next();
        expect(await driver.stat()).toMatchObject({ active: 1, reserved: 0, ready: true });
        await delivery.ack();
        expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0 });
      });
    });

    describe('stops', () => {
      const stop = ({ driver, time }: { driver: Driver; time: ContractTime }) => driver.stop(deadlineAfter(time.clock, STOP_TIMEOUT_MS));

      it('twice without harm', async () => {
        const parts = await openRunning();
        await stop(parts);
        await stop(parts);
      });

      it('without having run', async () => {
        await stop(await open());
      });

      it('and refuses what is pushed then', async () => {
        const parts = await openRunning();
        await stop(parts);
        await expect(parts.driver.push(aJob())).rejects.toMatchObject({ code: 'DRIVER_STOPPED' });
      });

      it('and takes late settlements without a throw', async () => {
        const parts = await openRunning();
        await parts.driver.push(aJob());
        const delivery = await parts.inbox.next();
        await stop(parts);
        await delivery.ack();
        await delivery.nack({ requeue: true });
      });

      when(capabilities.persistent, 'persistence')('and gives what was not finished to the next one, acknowledged jobs aside', async () => {
        const first = await openRunning();
        await first.driver.push(aJob({ name: 'finished' }));
        await first.driver.push(aJob({ name: 'unfinished' }));
        const [finished] = await first.inbox.take(2);
        await finished!.ack();
        await stop(first);
        const second = await openRunning({ options: first.options });
        expect((await second.inbox.next()).job.name).toBe('unfinished');
      });

      when(capabilities.persistent && capabilities.delay, 'persistent delays')('and keeps delayed jobs for the next one', async () => {
        const first = await openRunning();
        await first.driver.push(aJob({ name: 'later', delayMs: 1_000 }));
        await stop(first);
        const second = await openRunning({ options: first.options, time: first.time });
        const passing = second.time.pass(1_500);
        expect((await second.inbox.next()).job.name).toBe('later');
        await passing;
      });
    });

    describe('browses', () => {
      when(capabilities.browse, 'browsing')('what waits, and what is delayed, page by page', async () => {
        const { driver } = await open();
        for (let index = 0; index < 3; index++) await driver.push(aJob({ name: `job-${index}` }));
        await driver.push(aJob({ name: 'later', delayMs: 60_000 }));
        const first = await driver.browse!({ limit: 3 });
        const second = await driver.browse!({ limit: 3, after: first.next! });
        expect(first.jobs.map(({ name, state }) => [name, state])).toEqual([0, 1, 2].map((index) => [`job-${index}`, 'waiting']));
        expect(second.jobs.map(({ name, state }) => [name, state])).toEqual([['later', 'delayed']]);
        expect(second.next).toBeUndefined();
      });

      when(capabilities.browse, 'browsing')('with a filter', async () => {
        const { driver } = await open();
        await driver.push(aJob({ name: 'one' }));
        await driver.push(aJob({ name: 'two' }));
        expect((await driver.browse!({ name: 'two' })).jobs.map(({ name }) => name)).toEqual(['two']);
      });

      when(capabilities.remove, 'removing')('and removes a job by its id', async () => {
        const { driver, inbox, time } = await open();
        const job = aJob();
        await driver.push(job);
        expect(await driver.remove!(job.id)).toBe(true);
        expect(await driver.remove!(job.id)).toBe(false);
        await driver.run();
        await silence(time);
        expect(inbox.length).toBe(0);
      });

      when(capabilities.promote, 'promoting')('and makes a delayed job due', async () => {
        const { driver, inbox } = await openRunning();
        const job = aJob({ delayMs: 3_600_000 });
        await driver.push(job);
        expect(await driver.promote!(job.id)).toBe(true);
        expect((await inbox.next()).job.id).toBe(job.id);
        expect(await driver.promote!('nobody')).toBe(false);
      });

      const pushSome = async () => {
        const parts = await open();
        for (let index = 0; index < 4; index++) await parts.driver.push(aJob({ name: index % 2 === 0 ? 'even' : 'odd' }));
        await parts.driver.push(aJob({ name: 'odd', delayMs: 60_000 }));
        return parts;
      };

      when(capabilities.purge !== false, 'purging')('and purges all', async () => {
        const { driver, inbox, time } = await pushSome();
        expect(await driver.purge!({})).toBe(5);
        expect(await driver.stat()).toMatchObject({ reserved: 0, delayed: 0 });
        expect(await driver.purge!({})).toBe(0);
        await driver.run();
        await silence(time);
        expect(inbox.length).toBe(0);
        await driver.push(aJob({ name: 'next' }));
        expect((await inbox.next()).job.name).toBe('next');
      });

      when(capabilities.purge !== false, 'purging')('and purges not what is lent', async () => {
        const { driver, inbox } = await openRunning({ room: 1 });
        await driver.push(aJob({ name: 'lent' }));
        const lent = await inbox.next();
        await driver.push(aJob({ name: 'waiting' }));
        expect(await driver.purge!({})).toBe(1);
        expect(await driver.stat()).toMatchObject({ active: 1, reserved: 0 });
        await lent.ack();
        expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0 });
      });

      when(capabilities.purge === true, 'purging of some jobs')('and purges what matches', async () => {
        const { driver } = await pushSome();
        expect(await driver.purge!({ name: 'odd', state: 'waiting' })).toBe(2);
        expect(await driver.purge!({ name: 'odd' })).toBe(1);
        expect(await driver.stat()).toMatchObject({ reserved: 2, delayed: 0 });
      });

      when(capabilities.purge === 'whole', 'pipelines that are purged whole')('and purges nothing when only some are asked for', async () => {
        const { driver } = await pushSome();
        await expect(driver.purge!({ name: 'odd' })).rejects.toMatchObject({ code: 'NOT_SUPPORTED_BY_DRIVER', driver: subject.name });
        expect(await driver.stat()).toMatchObject({ reserved: 4, delayed: 1 });
      });
    });

    describe('survives a lost connection', () => {
      const itConnects = when(capabilities.connection && subject.loseConnection !== undefined, 'connection to lose');

      itConnects(
        'and delivers what was not settled, and what is pushed then',
        async () => {
          const { driver, inbox } = await openRunning();
          await driver.push(aJob({ name: 'before' }));
          const before = await inbox.next();
          await subject.loseConnection!();
          await driver.push(aJob({ name: 'after' }));
          if (subject.keepsLoans === true) {
            const after = await inbox.next();
            expect(after.job.name).toBe('after');
            await Promise.all([before.ack(), after.ack()]);
            expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0 });
            return;
          }
          const names = new Set((await inbox.take(2)).map(({ job }) => job.name));
          expect(names).toEqual(new Set(['before', 'after']));
        },
        60_000,
      );
    });
  });
}

/** A sink with the room a test gives it. */
class TestSink implements DeliverySink {
  readonly #inbox: Inbox<Delivery>;
  #room: number;
  #callback: (() => void) | undefined;

  constructor(inbox: Inbox<Delivery>, room: number) {
    this.#inbox = inbox;
    this.#room = room;
  }

  get room(): number {
    return this.#room;
  }

  accept(delivery: Delivery): void {
    this.#room--;
    this.#inbox.put(delivery);
  }

  onRoom(callback: () => void): void {
    this.#callback = callback;
  }

  give(room: number): void {
    this.#room += room;
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }
}
