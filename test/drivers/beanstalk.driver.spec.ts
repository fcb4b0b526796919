import { readPipeline } from '../../lib/config/pipeline.js';
import { BeanstalkCreateInfo, toDeclareMap } from '../../lib/client/create-info.js';
import type { Delivery, Driver } from '../../lib/contract/driver.js';
import type { JobQuery } from '../../lib/contract/kernel-admin.js';
import { options as specs } from '../../lib/drivers/beanstalk.driver.js';
import { broker } from '../support/brokers.js';
import { rawBeanstalk, type RawBeanstalk } from '../support/beanstalk.js';
import { freshTube, openBeanstalk, stopDrivers, stopNow, type DriverGiven } from '../support/beanstalk-driver.js';
import { aJob, textOf } from '../support/jobs.js';

const beanstalkd = await broker('beanstalk');

beanstalkd.suite('driver "beanstalk"', () => {
  let raw: RawBeanstalk;
  beforeEach(async () => (raw = await rawBeanstalk(beanstalkd)));
  afterEach(async () => {
    raw.close();
    await stopDrivers();
  });

  const open = async (given: DriverGiven = {}) => {
    const tube = given.options?.tube ?? freshTube();
    return { ...(await openBeanstalk({ ...given, options: { addr: beanstalkd.url, ...given.options, tube } })), tube };
  };
  const openRunning = async (given: DriverGiven = {}) => {
    const parts = await open(given);
    await parts.driver.run();
    return parts;
  };
  const numberIn = async (tube: string, state: 'ready' | 'delayed' | 'buried') => {
    await raw.ask(`use ${tube}`);
    return Number((await raw.ask(`peek-${state}`)).line.split(' ')[1]);
  };
  /** Asks until it is so; the broker answers in well under a millisecond. */
  const until = async (isSo: () => Promise<boolean>) => {
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  describe('while it waits for the next job', () => {
    it('acknowledges the one before at once, however long the wait', async () => {
      const { driver, inbox, tube } = await openRunning({ options: { reserveTimeout: 30_000 } });
      await driver.push(aJob({ name: 'first' }));
      const first = await inbox.next();
      // A second connection waits.
      await until(async () => (await raw.stats(`stats-tube ${tube}`))['current-waiting'] === 1);
      const startedAt = performance.now();
      await first.ack();
      await until(async () => (await raw.stats(`stats-tube ${tube}`))['cmd-delete'] === 1);
      expect(performance.now() - startedAt).toBeLessThan(4_000);
    });

    it('hands out a job at once while others are held', async () => {
      const { driver, inbox } = await openRunning({ options: { reserveTimeout: 30_000 } });
      const startedAt = performance.now();
      for (let round = 0; round < 20; round++) {
        await driver.push(aJob({ name: `held-${round % 2}` }));
        const delivery = await inbox.next();
        if (round % 2 === 0) await delivery.ack();
      }
      expect(performance.now() - startedAt).toBeLessThan(4_000); // one wait of a reserve is 30 s
    });

    it('takes jobs that come one by one, all of them held, and their acknowledgements in any order', async () => {
      const { driver, inbox, tube } = await openRunning();
      const held = [];
      for (let index = 0; index < 70; index++) {
        await driver.push(aJob({ name: `job-${index}` }));
        held.push(await inbox.next());
      }
      expect(await driver.stat()).toMatchObject({ active: 70, reserved: 0 });
      for (const delivery of held.reverse()) await delivery.ack();
      await until(async () => (await raw.stats(`stats-tube ${tube}`))['cmd-delete'] === 70);
    });
  });

  describe('a refused job', () => {
    it('without requeue is buried, and delivered again after a kick', async () => {
      const { driver, inbox, tube } = await openRunning();
      await driver.push(aJob({ name: 'refused' }));
      await (await inbox.next()).nack({ requeue: false });
      expect(await raw.stats(`stats-tube ${tube}`)).toMatchObject({ 'current-jobs-buried': 1, 'current-jobs-reserved': 0 });
      await raw.ask(`use ${tube}`);
      expect((await raw.ask('kick 10')).line).toBe('KICKED 1');
      expect((await inbox.next()).job.name).toBe('refused');
    });

    it('with requeue and delay is the same job of the broker, with the priority of its producer', async () => {
      const { inbox, tube } = await openRunning();
      const number = await raw.put(tube, Buffer.from('from elsewhere'), { priority: 77 });
      await (await inbox.next()).nack({ requeue: true, delayMs: 1_500 });
      expect(await numberIn(tube, 'delayed')).toBe(number);
      expect(await raw.stats(`stats-job ${number}`)).toMatchObject({ pri: 77, delay: 2, releases: 1 });
    });
  });

  it('puts a job back for as long as beanstalkd can hold it when it is told to for longer', async () => {
    const { inbox, tube } = await openRunning();
    const number = await raw.put(tube, Buffer.from('for the grandchildren'));
    await (await inbox.next()).nack({ requeue: true, delayMs: 2 ** 32 * 1_000 });
    expect(await raw.stats(`stats-job ${number}`)).toMatchObject({ delay: 2 ** 32 - 1, releases: 1 });
  });

  it('puts the copy of a requeued job first: the old one stays until the copy is confirmed', async () => {
    const { url, proxy } = await beanstalkd.proxy();
    const { driver, inbox, tube } = await openRunning({ options: { addr: url } });
    await driver.push(aJob());
    const delivery = await inbox.next();
    await driver.pause();
    proxy.stall('down');
    const requeued = Promise.resolve(delivery.requeue({ headers: { 'x-a': ['1'] }, delayMs: 0 })).catch((error: unknown) => error);
    await until(async () => (await raw.stats(`stats-tube ${tube}`))['current-jobs-ready'] === 1);
    expect(await raw.stats(`stats-tube ${tube}`)).toMatchObject({ 'current-jobs-reserved': 1, 'cmd-delete': 0 });
    proxy.drop();
    await until(async () => (await raw.stats(`stats-tube ${tube}`))['current-jobs-ready'] === 2);
    expect(await requeued).toMatchObject({ code: 'PUSH_UNCERTAIN' });
  });

  it('hands out the jobs of a pipeline with a lower "tubePriority" before those of another in the same tube', async () => {
    const { driver: later, tube } = await open({ options: { tubePriority: 2 } });
    const { driver: sooner, inbox } = await open({ options: { tube, tubePriority: 1 } });
    await later.push(aJob({ name: 'later' }));
    await sooner.push(aJob({ name: 'sooner' }));
    await sooner.run();
    expect((await inbox.take(2)).map(({ job }) => job.name)).toEqual(['sooner', 'later']);
  });

  it('keeps a job that runs longer than its time to run, also a short one of another producer', async () => {
    const { inbox, tube } = await openRunning();
    const number = await raw.put(tube, Buffer.from('long'), { ttr: 1 });
    const delivery = await inbox.next();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await raw.stats(`stats-job ${number}`)).toMatchObject({ timeouts: 0, reserves: 1 });
    await delivery.ack();
    await until(async () => (await raw.ask(`stats-job ${number}`)).line === 'NOT_FOUND');
    expect(inbox.length).toBe(0);
  });

  it('says so when a job is acknowledged that is no longer held', async () => {
    const { driver, inbox, log } = await openRunning();
    await driver.push(aJob());
    const delivery = await inbox.next();
    const number = (delivery as unknown as { readonly number: number }).number;
    // Another connection cannot take it: the server has to have it back first.
    await (delivery as unknown as { readonly lane: { readonly client: { ask(command: string): Promise<unknown> } } }).lane.client.ask(
      `delete ${number}`,
    );
    await delivery.ack();
    await until(() => Promise.resolve(log.lines.length > 0));
    expect(log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('was no longer ours') }]);
  });

  it('does not take a late acknowledgement for the one of the next delivery', async () => {
    const { inbox, tube } = await openRunning();
    const number = await raw.put(tube, Buffer.from('stalled'), { ttr: 1 });
    const first = await inbox.next();
    // As a process that stands still: no timer runs until the time to run is over.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_300);
    const second = await inbox.next();
    await first.ack();
    expect(await raw.stats(`stats-job ${number}`)).toMatchObject({ timeouts: 1, reserves: 2 });
    await second.ack();
    await until(async () => (await raw.ask(`stats-job ${number}`)).line === 'NOT_FOUND');
  });

  it('removes what is done, also when it begins to wait and is stopped in the same moment', async () => {
    const sink = { room: 1, onRoom: (callback: () => void) => whenFull(callback) };
    let whenFull = (_callback: () => void) => {};
    const full = new Promise<() => void>((resolve) => (whenFull = resolve));
    const { driver, inbox, tube } = await openRunning({ sink: (box) => Object.assign(sink, { accept: (delivery: Delivery) => box.put(delivery) }) });
    await raw.ask(`use ${tube}`); // a tube is there as long as somebody uses it
    await driver.push(aJob());
    const delivery = await inbox.next();
    await until(async () => (await raw.stats(`stats-tube ${tube}`))['current-waiting'] === 1);
    sink.room = 0;
    const hasRoom = await full; // the wait ended in vain
    await delivery.ack();
    sink.room = 1;
    hasRoom();
    await stopNow(driver);
    await until(async () => (await raw.stats(`stats-tube ${tube}`))['current-jobs-reserved'] === 0);
    expect(await raw.stats(`stats-tube ${tube}`)).toMatchObject({ 'cmd-delete': 1, 'current-jobs-ready': 0 });
  });

  it('gives unfinished jobs back in their order as soon as it is stopped, nothing changed', async () => {
    const { driver, inbox, tube } = await openRunning();
    await driver.push(aJob({ name: 'first' }));
    await driver.push(aJob({ name: 'second' }));
    await inbox.take(2);
    const startedAt = performance.now();
    await stopNow(driver);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    await until(async () => (await raw.stats(`stats-tube ${tube}`))['current-jobs-ready'] === 2);
    expect(await raw.stats(`stats-job ${await numberIn(tube, 'ready')}`)).toMatchObject({ releases: 0, timeouts: 0 });
  });

  it('lets go of a job that it has waited for when it is paused', async () => {
    const { driver, inbox, tube } = await openRunning({ options: { reserveTimeout: 30_000 } });
    await driver.push(aJob());
    await (await inbox.next()).ack();
    await driver.pause();
    await driver.push(aJob({ name: 'meanwhile' }));
    await raw.ask(`watch ${tube}`);
    expect((await raw.ask('reserve-with-timeout 1')).line).toMatch(/^RESERVED/u);
  });

  it('has an automatically acknowledged job removed before it is lent, and puts it back when it was not started', async () => {
    const { driver, inbox, tube } = await openRunning();
    await driver.push(aJob({ name: 'once', autoAck: true, payload: 'x', headers: { a: ['1'] } }));
    const delivery = await inbox.next();
    expect(await raw.stats(`stats-tube ${tube}`)).toMatchObject({ 'cmd-delete': 1, 'current-jobs-reserved': 0 });
    await driver.pause();
    await delivery.release!();
    expect(await driver.stat()).toMatchObject({ active: 0, reserved: 1 });
    await driver.resume();
    const again = await inbox.next();
    expect([again.job.id, again.job.autoAck, textOf(again.job.payload), again.job.headers['a']]).toEqual([delivery.job.id, true, 'x', ['1']]);
  });

  describe('shows and changes what waits', () => {
    /** A buried, a delayed and a waiting job, and one that is lent. */
    const openBusy = async () => {
      const parts = await openRunning({ room: Infinity });
      await parts.driver.push(aJob({ name: 'refused', headers: { 'x-a': ['1'], 'nrr-attempt': ['2'] }, payload: 'body' }));
      await (await parts.inbox.next()).nack({ requeue: false });
      await parts.driver.push(aJob({ name: 'lent' }));
      const lent = await parts.inbox.next();
      await parts.driver.pause();
      await parts.driver.push(aJob({ name: 'later', delayMs: 60_000 }));
      await parts.driver.push(aJob({ name: 'waiting' }));
      return { ...parts, lent };
    };
    const namesIn = async ({ driver }: { driver: Driver }, query: JobQuery = {}) => (await driver.browse!(query)).jobs.map(({ name }) => name);

    it('buried jobs among them, and without what is lent', async () => {
      const { driver } = await openBusy();
      const { jobs } = await driver.browse!({});
      expect(jobs.map(({ name, state }) => [name, state])).toEqual([
        ['waiting', 'waiting'],
        ['later', 'delayed'],
        ['refused', 'buried'],
      ]);
      expect(jobs[1]!.dueAt! - Date.now()).toBeGreaterThan(50_000);
      expect(jobs[2]).toMatchObject({ pipeline: 'contract', priority: 10, headers: { 'x-a': ['1'] }, payload: Buffer.from('body') });
      expect(Object.keys(jobs[2]!.headers)).toEqual(['x-a']);
    });

    it('by state', async () => {
      const parts = await openBusy();
      expect(await namesIn(parts, { state: 'buried' })).toEqual(['refused']);
      expect(await namesIn(parts, { state: 'delayed' })).toEqual(['later']);
      expect(await namesIn(parts, { state: 'waiting' })).toEqual(['waiting']);
    });

    it('and nothing of other tubes', async () => {
      const parts = await openBusy();
      const other = await open();
      await other.driver.push(aJob({ name: 'other' }));
      expect(await namesIn(parts)).not.toContain('other');
      expect(await namesIn(other)).toEqual(['other']);
    });

    it('and brings a buried job back', async () => {
      const parts = await openBusy();
      const { jobs } = await parts.driver.browse!({ state: 'buried' });
      expect(await parts.driver.promote!(jobs[0]!.id)).toBe(true);
      await parts.driver.resume();
      expect((await parts.inbox.take(2)).map(({ job }) => job.name).sort()).toEqual(['refused', 'waiting']);
    });

    it('and removes a buried job, but not one that is lent', async () => {
      const parts = await openBusy();
      const { jobs } = await parts.driver.browse!({ state: 'buried' });
      expect(await parts.driver.remove!(jobs[0]!.id)).toBe(true);
      expect(await parts.driver.remove!(parts.lent.job.id)).toBe(false);
      expect(await namesIn(parts)).toEqual(['waiting', 'later']);
    });

    it.each([
      ['all of them', {}],
      ['all of a name', { name: 'refused' }],
    ])('and purges buried jobs only when they are asked for: %s', async (_, query) => {
      const parts = await openBusy();
      await parts.driver.purge!(query);
      expect(await namesIn(parts, { state: 'buried' })).toEqual(['refused']);
      expect(await parts.driver.purge!({ ...query, state: 'buried' })).toBe(1);
      expect(await namesIn(parts, { state: 'buried' })).toEqual([]);
    });

    it('purges thousands at once, those of a time to run of one second too', async () => {
      const { driver, tube } = await open({ section: { timeout: 1_000 } });
      await Promise.all(Array.from({ length: 1_000 }, () => driver.push(aJob())));
      await Promise.all(Array.from({ length: 200 }, () => driver.push(aJob({ delayMs: 600_000 }))));
      expect(await driver.purge!({})).toBe(1_200);
      expect(await raw.stats(`stats-tube ${tube}`)).toMatchObject({ 'current-jobs-ready': 0, 'current-jobs-reserved': 0, 'current-jobs-delayed': 0 });
    }, 30_000);

    it('a job of another program by its number, which is good to remove it', async () => {
      const { driver, tube } = await open();
      const number = await raw.put(tube, Buffer.from('from elsewhere'));
      const { jobs } = await driver.browse!({});
      expect(jobs).toMatchObject([{ id: String(number), name: 'deduced_by_rr', payload: Buffer.from('from elsewhere') }]);
      expect(await driver.remove!(String(number))).toBe(true);
      expect((await raw.ask(`stats-job ${number}`)).line).toBe('NOT_FOUND');
    });

    it('but no page after what is none', async () => {
      const { driver } = await open();
      await driver.push(aJob());
      for (const after of ['here', '-1', '']) await expect(driver.browse!({ after })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect((await driver.browse!({ after: '0' })).jobs).toHaveLength(1);
    });

    it('and leaves no job and no connection behind', async () => {
      const { url, proxy } = await beanstalkd.proxy();
      const { driver, tube } = await open({ options: { addr: url } });
      await driver.push(aJob());
      await driver.push(aJob({ delayMs: 60_000 }));
      await driver.push(aJob());
      await driver.browse!({});
      await until(() => Promise.resolve(proxy.connections === 1));
      const tubes = async () => (await raw.ask('list-tubes')).body.toString();
      await until(async () => !(await tubes()).includes('nrr.newest-number'));
      expect(await tubes()).toContain(tube);
    });

    it('says why it cannot: no broker, a connection that ended, a stop', async () => {
      const away = await openBeanstalk({ options: { addr: 'tcp://127.0.0.1:1' }, pushTimeoutMs: 100 });
      await expect(away.driver.browse!({})).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', waitedMs: 100 });
      const { url, proxy } = await beanstalkd.proxy();
      const { driver } = await open({ options: { addr: url } });
      await driver.push(aJob());
      proxy.stall('down');
      const cut = driver.browse!({});
      await until(() => Promise.resolve(proxy.connections === 2));
      proxy.drop();
      await expect(cut).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
      proxy.heal();
      await stopNow(driver);
      await expect(driver.purge!({})).rejects.toMatchObject({ code: 'DRIVER_STOPPED' });
    });
  });

  it('refuses what beanstalkd refuses, with its reason', async () => {
    const { driver } = await open();
    await expect(driver.push(aJob({ payload: new Uint8Array(21 * 1024 * 1024) }))).rejects.toMatchObject({
      code: 'BROKER_REFUSED',
      message: expect.stringMatching(/JOB_TOO_BIG.*larger -z/u),
    });
    await driver.push(aJob());
  });

  it('refuses a delay that beanstalkd cannot hold', async () => {
    const { driver } = await open();
    await expect(driver.push(aJob({ delayMs: 2 ** 32 * 1_000 }))).rejects.toMatchObject({ code: 'NOT_SUPPORTED_BY_DRIVER' });
  });

  it.each([
    ['of the configuration', { isDeclared: false }, { pri: 0, ttr: 30 }],
    ['that was declared at run time', { isDeclared: true }, { pri: 1, ttr: 30 }],
  ])('pushes for a pipeline %s with the defaults of RoadRunner', async (_, given, expected) => {
    const tube = freshTube();
    const { driver } = await openBeanstalk({ ...given, options: { tube }, section: { addr: beanstalkd.url } });
    await driver.push(aJob());
    expect(await raw.stats(`stats-job ${await numberIn(tube, 'ready')}`)).toMatchObject(expected);
  });

  it('takes address and time to run from the section', async () => {
    const { driver, tube } = await open({ section: { addr: 'tcp://127.0.0.1:1', timeout: 2_500 } });
    await driver.push(aJob());
    expect(await raw.stats(`stats-job ${await numberIn(tube, 'ready')}`)).toMatchObject({ ttr: 3 });
  });

  it('counts nothing and is not ready while there is no broker; a push says why', async () => {
    const { driver } = await openBeanstalk({ options: { addr: 'tcp://127.0.0.1:1' }, pushTimeoutMs: 100 });
    await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') });
    expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0, delayed: 0, ready: false });
    await stopNow(driver);
  });

  it('is stopped at once while there is no broker, and tells the pushes that wait', async () => {
    const { driver } = await openBeanstalk({ options: { addr: 'tcp://127.0.0.1:1' }, pushTimeoutMs: 60_000 });
    const push = driver.push(aJob());
    const running = driver.run();
    const startedAt = performance.now();
    await Promise.all([stopNow(driver), expect(push).rejects.toMatchObject({ code: 'DRIVER_STOPPED' }), running]);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  it('leaves no connection behind when it is stopped while one is being opened that is not answered', async () => {
    const { url, proxy } = await beanstalkd.proxy();
    const { driver } = await openBeanstalk({ options: { addr: url, tube: freshTube() } });
    await driver.push(aJob());
    proxy.stall('down');
    const { accepted } = proxy;
    const running = driver.run();
    await until(() => Promise.resolve(proxy.accepted > accepted));
    const startedAt = performance.now();
    await Promise.all([stopNow(driver), running]);
    await until(() => Promise.resolve(proxy.connections === 0));
    expect(performance.now() - startedAt).toBeLessThan(4_000); // an answer is waited for 10 s
  });

  it('says that the fate of a push is not known when its connection is lost before the answer', async () => {
    const { url, proxy } = await beanstalkd.proxy();
    const { driver } = await openBeanstalk({ options: { addr: url, tube: freshTube() } });
    await driver.push(aJob());
    proxy.stall('down');
    const job = aJob();
    const { up } = proxy.bytes;
    const push = driver.push(job);
    await until(() => Promise.resolve(proxy.bytes.up > up));
    proxy.drop();
    await expect(push).rejects.toMatchObject({ code: 'PUSH_UNCERTAIN', jobId: job.id });
    proxy.heal();
    await driver.push(aJob());
  });

  it('gives up a connection on which nothing is answered', async () => {
    const { url, proxy } = await beanstalkd.proxy();
    const { driver } = await openBeanstalk({ options: { addr: url, tube: freshTube() }, section: { timeout: 200 } });
    await driver.push(aJob());
    proxy.freeze();
    await expect(driver.push(aJob())).rejects.toMatchObject({
      code: 'PUSH_UNCERTAIN',
      cause: { message: 'beanstalkd gave no answer within 200 ms.' },
    });
    proxy.heal();
    await driver.push(aJob());
  });

  it('tells a push on a silent connection in its own time, not in that of the connection', async () => {
    const { url, proxy } = await beanstalkd.proxy();
    const { driver } = await openBeanstalk({ options: { addr: url, tube: freshTube() }, pushTimeoutMs: 300 });
    await driver.push(aJob());
    proxy.freeze();
    const startedAt = performance.now();
    await expect(driver.push(aJob())).rejects.toMatchObject({ code: 'PUSH_UNCERTAIN' });
    expect(performance.now() - startedAt).toBeLessThan(5_000); // an answer is waited for 10 s
  });

  it('reads what came while its process stood still before it gives up a connection', async () => {
    const { driver } = await openBeanstalk({ options: { addr: beanstalkd.url, tube: freshTube() }, section: { timeout: 300 } });
    await driver.push(aJob());
    const push = driver.push(aJob());
    await new Promise(setImmediate); // it is sent
    const end = performance.now() + 600;
    while (performance.now() < end);
    await expect(push).resolves.toBeUndefined();
  });
});

describe('Options of driver "beanstalk"', () => {
  const read = (given: Readonly<Record<string, unknown>>) =>
    readPipeline({ name: 'q', driver: 'beanstalk', ...given }, specs, { retry: {} }, { lenient: true }).settings.options;

  it('are read in camelCase, as keys of .rr.yaml and as a Declare map', () => {
    const expected = { tube: 'orders', tubePriority: 1_024, reserveTimeout: 2_000, prefetch: 1_000 };
    expect(read({ tube: 'orders', tubePriority: 1_024, reserveTimeout: 2 })).toEqual(expected);
    expect(read({ config: { tube: 'orders', tube_priority: 1_024, reserve_timeout: '2s' } })).toEqual(expected);
    expect(read(toDeclareMap(new BeanstalkCreateInfo({ name: 'q', tube: 'orders', tubePriority: 1_024, reserveTimeout: 2 })))).toEqual(expected);
  });

  it.each([
    ['tubePriority', -1],
    ['tubePriority', 2 ** 32],
    ['reserveTimeout', 'soon'],
  ])('are refused with their path: %s %p', (key, value) => {
    expect(() => read({ [key]: value })).toThrow(`pipelines.q.${key}`);
  });

  it.each<[string, DriverGiven, string]>([
    ['a tube that begins with a dash', { options: { tube: '-x' } }, 'pipelines.contract.tube'],
    ['a tube with a space', { options: { tube: 'a b' } }, 'pipelines.contract.tube'],
    ['a tube of 201 characters', { options: { tube: 'x'.repeat(201) } }, 'pipelines.contract.tube'],
    ['an address without a scheme', { options: { addr: '127.0.0.1:11300' } }, 'pipelines.contract.addr'],
    ['an address of the section without a port', { section: { addr: 'tcp://127.0.0.1' } }, 'beanstalk.addr'],
    ['an address that comes at run time', { isDeclared: true, options: { addr: 'tcp://127.0.0.1:11300' } }, 'pipelines.contract.addr'],
  ])('refuse %s', async (_, given, path) => {
    await expect(openBeanstalk(given)).rejects.toMatchObject({ code: 'INVALID_CONFIG', issues: [{ path }] });
  });
});
