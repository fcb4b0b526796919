import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelOptions } from '../../lib/config/kernel-options.js';
import { deadlineAfter, systemClock, type Clock } from '../../lib/contract/clock.js';
import type { Delivery, DeliverySink, Driver, SharedResources } from '../../lib/contract/driver.js';
import type { Job } from '../../lib/contract/job.js';
import { createDriver, type EmbeddedOptions } from '../../lib/drivers/embedded.driver.js';
import type { EmbeddedDelivery } from '../../lib/drivers/embedded/delivery.js';
import { metaKey } from '../../lib/drivers/embedded/key.js';
import type { Kernel } from '../../lib/kernel/kernel.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../lib/runtime/handler-executor.js';
import type { HandlerFunction } from '../../lib/runtime/handler.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { openDatabase } from '../faults/support/raw-file.js';
import { Inbox } from '../support/inbox.js';
import { aJob } from '../support/jobs.js';
import { createLog, deferred, settled } from '../support/kernel.js';
import { heldBytes } from '../support/memory.js';
import { createTempFolder } from '../support/temp-folder.js';

const BACKLOG = Number(process.env['NRR_BACKLOG'] ?? (process.env['CI'] === 'true' ? 100_000 : 1_000_000));
const MAX_START_MS = 10_000;
const MAX_START_BYTES = 150 * 1024 * 1024;

interface Given {
  readonly dataDir: string;
  readonly pipeline?: string;
  readonly room?: number;
  readonly clock?: Clock;
  readonly options?: EmbeddedOptions;
  readonly resources?: SharedResources;
  readonly maxCrashes?: number;
  readonly pushTimeoutMs?: number;
}

class RoomSink implements DeliverySink {
  readonly inbox = new Inbox<Delivery>();
  #callback: (() => void) | undefined;

  constructor(public room: number) {}

  accept(delivery: Delivery): void {
    this.room--;
    this.inbox.put(delivery);
  }

  onRoom(callback: () => void): void {
    this.#callback = callback;
  }

  give(room: number): void {
    this.room += room;
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }
}

const drivers: Driver[] = [];
const kernels: Kernel[] = [];

afterEach(async () => {
  await Promise.all(kernels.splice(0).map((kernel) => kernel.close({ timeoutMs: 0, graceMs: 0 })));
  await Promise.all(drivers.splice(0).map(stop));
});

function stop(driver: Driver): Promise<void> {
  return driver.stop(deadlineAfter(systemClock, 5_000));
}

/** Open and not running. */
async function open({
  dataDir,
  pipeline = 'contract',
  room = Infinity,
  clock = systemClock,
  options = {},
  resources = new Resources(),
  maxCrashes = 3,
  pushTimeoutMs = 60_000,
}: Given) {
  const sink = new RoomSink(room);
  const logger = createLog();
  const driver = createDriver({
    pipeline,
    driver: 'embedded',
    priority: 10,
    options,
    sink,
    clock,
    logger,
    pushTimeoutMs,
    maxCrashes,
    dataDir,
    isDeclared: false,
    resources,
  });
  await driver.open!();
  drivers.push(driver);
  return { driver, sink, inbox: sink.inbox, log: logger.lines };
}

async function openRunning(given: Given) {
  const opened = await open(given);
  await opened.driver.run();
  return opened;
}

/** What a process leaves behind that dies here: its files as they are, without anybody who holds the lock. */
function crash(dataDir: string): string {
  const copy = createTempFolder();
  for (const file of readdirSync(dataDir)) if (file.endsWith('.db') || file.endsWith('.starts')) cpSync(join(dataDir, file), join(copy, file));
  return copy;
}

async function filled(dataDir: string, jobs: readonly Job[], clock?: Clock): Promise<void> {
  const { driver } = await open({ dataDir, ...(clock === undefined ? {} : { clock }) });
  for (const job of jobs) await driver.push(job);
  await stop(driver);
}

async function namesOf(inbox: Inbox<Delivery>, count: number): Promise<string[]> {
  return (await inbox.take(count)).map(({ job }) => job.name);
}

describe('Order after a restart', () => {
  it('is by priority, then by the order of the pushes', async () => {
    const dataDir = createTempFolder();
    await filled(dataDir, [
      aJob({ name: 'late', priority: 30 }),
      aJob({ name: 'first of 20', priority: 20 }),
      aJob({ name: 'first', priority: 1 }),
      aJob({ name: 'second of 20', priority: 20 }),
    ]);
    await filled(dataDir, [aJob({ name: 'third of 20', priority: 20 }), aJob({ name: 'second', priority: 1 })]);
    const { inbox } = await openRunning({ dataDir });
    expect(await namesOf(inbox, 6)).toEqual(['first', 'second', 'first of 20', 'second of 20', 'third of 20', 'late']);
  });

  it('has negative priorities first, and 0 as that of the pipeline', async () => {
    const dataDir = createTempFolder();
    await filled(dataDir, [
      aJob({ name: 'eleven', priority: 11 }),
      aJob({ name: 'of the pipeline' }),
      aJob({ name: 'one', priority: 1 }),
      aJob({ name: 'minus one', priority: -1 }),
      aJob({ name: 'lowest', priority: Number.MIN_SAFE_INTEGER / 2 ** 7 }),
    ]);
    const { inbox } = await openRunning({ dataDir });
    expect(await namesOf(inbox, 5)).toEqual(['lowest', 'minus one', 'one', 'of the pipeline', 'eleven']);
  });

  it('holds when there is room for one at a time', async () => {
    const dataDir = createTempFolder();
    await filled(
      dataDir,
      [3, 1, 2, 1, 3].map((priority, index) => aJob({ name: `${priority}.${index}`, priority })),
    );
    const { inbox, sink } = await openRunning({ dataDir, room: 1 });
    const names: string[] = [];
    for (let index = 0; index < 5; index++) {
      names.push(...(await namesOf(inbox, 1)));
      sink.give(1);
    }
    expect(names).toEqual(['1.1', '1.3', '2.2', '3.0', '3.4']);
  });

  it('never gives a number twice: what was pushed before a crash stays beside what is pushed after it', async () => {
    const dataDir = createTempFolder();
    const first = await open({ dataDir });
    await first.driver.push(aJob({ name: 'before' }));
    const second = await openRunning({ dataDir: crash(dataDir) });
    await second.driver.push(aJob({ name: 'after' }));
    expect(await namesOf(second.inbox, 2)).toEqual(['before', 'after']);
  });
});

describe('Delayed jobs', () => {
  it('come by their due time to the millisecond after a restart, those of the same one in the order of their pushes', async () => {
    const dataDir = createTempFolder();
    await filled(dataDir, [...[30, 20, 20, 10, 20].map((delayMs, index) => aJob({ name: `${delayMs}.${index}`, delayMs }))], new VirtualClock());
    const clock = new VirtualClock();
    const { inbox, driver } = await openRunning({ dataDir, clock });
    expect(await driver.stat()).toMatchObject({ delayed: 5, reserved: 0, active: 0 });
    await clock.advance(9);
    expect(inbox.length).toBe(0);
    await clock.advance(1);
    expect(await namesOf(inbox, inbox.length)).toEqual(['10.3']);
    await clock.advance(9);
    expect(inbox.length).toBe(0);
    await clock.advance(1);
    expect(await namesOf(inbox, inbox.length)).toEqual(['20.1', '20.2', '20.4']);
    await clock.advance(10);
    expect(await namesOf(inbox, inbox.length)).toEqual(['30.0']);
  });

  it('that became due while nobody ran come at once', async () => {
    const dataDir = createTempFolder();
    await filled(dataDir, [aJob({ name: 'overdue', delayMs: 60_000 })], new VirtualClock());
    const clock = new VirtualClock({ start: new VirtualClock().now() + 3_600_000 });
    const { inbox } = await openRunning({ dataDir, clock });
    await clock.advance(0);
    expect(await namesOf(inbox, inbox.length)).toEqual(['overdue']);
  });

  it('so short that they are due before they are on the disk come once each', async () => {
    const { driver, inbox } = await openRunning({ dataDir: createTempFolder() });
    const count = 3_000;
    const pushes: Promise<void>[] = [];
    for (let index = 0; index < count; index++) {
      pushes.push(driver.push(aJob({ name: `job-${index}`, delayMs: 0.2 + (index % 4) })));
      if (index % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(pushes);
    const deliveries = await inbox.take(count);
    // One more, which is the last of all: what came twice has come before it.
    await driver.push(aJob({ name: 'last', delayMs: 20 }));
    deliveries.push(await inbox.next());
    expect(deliveries.at(-1)!.job.name).toBe('last');
    expect(new Set(deliveries.map(({ job }) => job.name)).size).toBe(count + 1);
    for (const delivery of deliveries) await delivery.ack();
    expect(await driver.stat()).toMatchObject({ active: 0, delayed: 0, reserved: 0 });
  });

  it('leave no timer behind when the driver is stopped while they are written', async () => {
    const clock = new VirtualClock();
    const { driver } = await openRunning({ dataDir: createTempFolder(), clock });
    const pushed = driver.push(aJob({ delayMs: 3_600_000 }));
    await stop(driver);
    await pushed;
    await settled();
    expect(clock.pending).toBe(0);
  });
});

describe('Starts', () => {
  const startedIn = async (dataDir: string) => {
    const opened = await openRunning({ dataDir });
    await opened.driver.push(aJob({ name: 'runs' }));
    await opened.driver.push(aJob({ name: 'waits' }));
    const [runs, waits] = (await opened.inbox.take(2)) as [Delivery, Delivery];
    opened.driver.starting!([runs]);
    return { ...opened, runs, waits };
  };
  const startsAfter = async (dataDir: string, count: number): Promise<Record<string, number | undefined>> => {
    const { inbox } = await openRunning({ dataDir: crash(dataDir) });
    return Object.fromEntries((await inbox.take(count)).map(({ job, starts }) => [job.name, starts]));
  };

  it('are counted for what ran when the process died, and for nothing else', async () => {
    const dataDir = createTempFolder();
    await startedIn(dataDir);
    expect(await startsAfter(dataDir, 2)).toEqual({ runs: 1, waits: 0 });
  });

  it('are listed with the jobs that wait', async () => {
    const dataDir = createTempFolder();
    await startedIn(dataDir);
    const { driver } = await open({ dataDir: crash(dataDir) });
    const crashes = (await driver.browse!({})).jobs.map((job) => [job.name, job.crashes]);
    expect(Object.fromEntries(crashes)).toEqual({ runs: 1, waits: undefined });
  });

  it('add up over several deaths', async () => {
    let dataDir = createTempFolder();
    await startedIn(dataDir);
    for (let death = 1; death <= 2; death++) {
      dataDir = crash(dataDir);
      const { driver, inbox } = await openRunning({ dataDir });
      const runs = (await inbox.take(2)).find(({ job }) => job.name === 'runs')!;
      expect(runs.starts).toBe(death);
      driver.starting!([runs]);
    }
    expect(await startsAfter(dataDir, 2)).toEqual({ runs: 3, waits: 0 });
  });

  it('are not counted for a job that was released', async () => {
    const dataDir = createTempFolder();
    const { driver, runs } = await startedIn(dataDir);
    await driver.pause();
    await runs.release!();
    expect(await startsAfter(dataDir, 2)).toEqual({ runs: 0, waits: 0 });
  });

  it('are not counted for a job that was put back', async () => {
    const dataDir = createTempFolder();
    const { driver, runs } = await startedIn(dataDir);
    await driver.pause();
    await runs.requeue({ headers: {}, delayMs: 0 });
    expect(await startsAfter(dataDir, 2)).toEqual({ runs: 0, waits: 0 });
  });

  it('are not counted for a job that still ran when its pipeline was stopped', async () => {
    const dataDir = createTempFolder();
    const resources = new Resources();
    const other = await open({ dataDir, pipeline: 'other', resources });
    const { driver, inbox } = await openRunning({ dataDir, resources });
    await driver.push(aJob({ name: 'runs' }));
    const runs = await inbox.next();
    driver.starting!([runs]);
    await stop(driver);
    expect(await startsAfter(dataDir, 1)).toEqual({ runs: 0 });
    await runs.ack();
    await stop(other.driver);
    expect(await startsAfter(dataDir, 1)).toEqual({ runs: 0 });
  });

  it('of a job that ended after its pipeline was stopped leave their place to others', async () => {
    const dataDir = createTempFolder();
    const resources = new Resources();
    const other = await openRunning({ dataDir, pipeline: 'other', resources });
    const { driver, inbox } = await openRunning({ dataDir, resources });
    await driver.push(aJob());
    await other.driver.push(aJob({ pipeline: 'other' }));
    const runs = await inbox.next();
    driver.starting!([runs]);
    await stop(driver);
    await runs.ack();
    const next = await other.inbox.next();
    other.driver.starting!([next]);
    expect((next as EmbeddedDelivery).slot).toBe((runs as EmbeddedDelivery).slot);
  });

  it('are kept when the job is put back', async () => {
    const dataDir = createTempFolder();
    await startedIn(dataDir);
    const { inbox, driver } = await openRunning({ dataDir: crash(dataDir) });
    const runs = (await inbox.take(2)).find(({ job }) => job.name === 'runs')!;
    driver.starting!([runs]);
    await runs.nack({ requeue: true });
    expect((await inbox.next()).starts).toBe(1);
  });

  it('lend jobs that ran at so many deaths one at a time, so that the next death tells which is to blame', async () => {
    let dataDir = createTempFolder();
    await filled(
      dataDir,
      ['a', 'b', 'c'].map((name) => aJob({ name })),
    );
    for (let death = 0; death < 2; death++) {
      const { driver, inbox } = await openRunning({ dataDir });
      driver.starting!(await inbox.take(3));
      dataDir = crash(dataDir);
    }
    const { driver, inbox } = await openRunning({ dataDir });
    await driver.push(aJob({ name: 'fresh' }));
    expect((await inbox.take(2)).map(({ job, starts }) => [job.name, starts])).toEqual([
      ['a', 2],
      ['fresh', 0],
    ]);
    expect(await driver.stat()).toMatchObject({ active: 2, reserved: 2 });
    expect((await driver.browse!({})).jobs.map(({ name }) => name)).toEqual(['b', 'c']);
    const { driver: again, inbox: next } = await openRunning({ dataDir: crash(dataDir) });
    for (const name of ['a', 'b', 'c']) {
      const delivery = name === 'a' ? (await next.take(2))[0]! : await next.next();
      expect(delivery.job.name).toBe(name);
      await settled();
      expect(next.length).toBe(0);
      await delivery.ack();
    }
    expect(await again.stat()).toMatchObject({ reserved: 0 });
  });
});

describe('Jobs with autoAck', () => {
  async function openWith(names: readonly string[], given: Partial<Given> = {}) {
    const dataDir = createTempFolder();
    const opened = await open({ dataDir, ...given });
    await Promise.all(names.map((name) => opened.driver.push(aJob({ name, autoAck: name.startsWith('auto') }))));
    return { dataDir, ...opened };
  }

  /** Names of what a start on these files finds. */
  async function found(dataDir: string): Promise<string[]> {
    const { driver } = await open({ dataDir: crash(dataDir) });
    return (await driver.browse!({})).jobs.map(({ name }) => name);
  }

  it('have left the disk when they are lent', async () => {
    const { dataDir, driver, inbox } = await openWith(['auto', 'plain']);
    await driver.run();
    const lent = [await inbox.next(), await inbox.next()].map(({ job }) => job.name);
    expect(lent).toEqual(['plain', 'auto']);
    expect(await found(dataDir)).toEqual(['plain']);
  });

  it('let the others go first instead of holding them up', async () => {
    const { driver, sink } = await openWith(['auto-1', 'auto-2', 'plain'], { room: 3 });
    const running = driver.run();
    expect(sink.inbox.length).toBe(1);
    await running;
    expect(sink.room).toBe(2);
  });

  it('take no more room than there is', async () => {
    const { driver, sink, inbox } = await openWith(['auto-1', 'auto-2', 'auto-3', 'auto-4', 'auto-5'], { room: 2 });
    await driver.run();
    await inbox.next();
    await inbox.next();
    expect(sink.room).toBe(0);
    expect(await driver.stat()).toMatchObject({ active: 2, reserved: 3 });
    sink.give(3);
    expect([await inbox.next(), await inbox.next(), await inbox.next()].map(({ job }) => job.name)).toEqual(['auto-3', 'auto-4', 'auto-5']);
  });

  it('are settled by their acknowledgement, and counted no more', async () => {
    const { dataDir, driver, inbox } = await openWith(['auto']);
    await driver.run();
    await (await inbox.next()).ack();
    expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0, delayed: 0 });
    await stop(driver);
    expect(await found(dataDir)).toEqual([]);
  });

  it('that were lent and not started are on the disk again after a stop, in their order', async () => {
    const { dataDir, driver, inbox } = await openWith(['auto-1', 'auto-2', 'plain']);
    await driver.run();
    const lent = [await inbox.next(), await inbox.next(), await inbox.next()];
    for (const delivery of lent.reverse()) await delivery.release!();
    await stop(driver);
    expect(await found(dataDir)).toEqual(['auto-1', 'auto-2', 'plain']);
  });

  it('that were on their way when the pipeline pauses stay, and come when it goes on', async () => {
    const { dataDir, driver, inbox } = await openWith(['auto-1', 'auto-2']);
    void driver.run();
    await driver.pause();
    expect(await driver.stat()).toMatchObject({ active: 0, reserved: 2 });
    await driver.push(aJob({ name: 'behind' }));
    expect(inbox.length).toBe(0);
    expect(await found(dataDir)).toEqual(['auto-1', 'auto-2', 'behind']);
    await driver.resume();
    expect([await inbox.next(), await inbox.next(), await inbox.next()].map(({ job }) => job.name).sort()).toEqual(['auto-1', 'auto-2', 'behind']);
  });

  it('that were on their way at a stop are there at the next start', async () => {
    const { dataDir, driver, inbox } = await openWith(['auto-1', 'auto-2']);
    void driver.run();
    await stop(driver);
    expect(inbox.length).toBe(0);
    expect(await found(dataDir)).toEqual(['auto-1', 'auto-2']);
  });
});

describe('Jobs that wait for the disk', () => {
  const large = Buffer.alloc(16 * 1024 * 1024);

  it('keep a push from being made before there is room, and then it is stored', async () => {
    const { driver } = await open({ dataDir: createTempFolder() });
    const pushes = Array.from({ length: 6 }, () => driver.push(aJob({ payload: large })));
    // All pushes of one commit share its promise.
    expect(new Set(pushes.slice(0, 4)).size).toBe(1);
    expect(new Set(pushes).size).toBe(3);
    await Promise.all(pushes);
    expect(await driver.stat()).toMatchObject({ reserved: 6 });
  });

  it('make a push fail that may not wait: nothing of it is stored', async () => {
    const { driver } = await open({ dataDir: createTempFolder(), pushTimeoutMs: 0 });
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => driver.push(aJob({ payload: large }))));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[4]).toMatchObject({ reason: { code: 'STORAGE', retriable: true } });
    expect(await driver.stat()).toMatchObject({ reserved: 4 });
  });

  it('end with the pipeline when they were not made yet', async () => {
    const { driver } = await open({ dataDir: createTempFolder() });
    const pushes = Promise.allSettled(Array.from({ length: 5 }, () => driver.push(aJob({ payload: large }))));
    await stop(driver);
    expect((await pushes).at(-1)).toMatchObject({ reason: { code: 'DRIVER_STOPPED' } });
  });
});

describe('Several pipelines of one file', () => {
  it('keep their jobs apart over a restart', async () => {
    const dataDir = createTempFolder();
    for (const name of ['one', 'two']) {
      const resources = new Resources();
      const first = await open({ dataDir, pipeline: 'first', resources });
      const second = await open({ dataDir, pipeline: 'second', resources });
      await first.driver.push(aJob({ name: `first ${name}` }));
      await second.driver.push(aJob({ name: `second ${name}` }));
      await stop(first.driver);
      await second.driver.push(aJob({ name: `second ${name} more` }));
      await stop(second.driver);
    }
    const resources = new Resources();
    const second = await openRunning({ dataDir, pipeline: 'second', resources });
    const first = await openRunning({ dataDir, pipeline: 'first', resources });
    expect(await namesOf(first.inbox, 2)).toEqual(['first one', 'first two']);
    expect(await namesOf(second.inbox, 4)).toEqual(['second one', 'second one more', 'second two', 'second two more']);
  });

  it('get places of their own when they are declared at once', async () => {
    const dataDir = createTempFolder();
    const kernel = await createKernel({ dataDir, consume: [] });
    kernels.push(kernel);
    const names = Array.from({ length: 5 }, (_, index) => `p${index}`);
    await Promise.all(names.map((name) => kernel.declare({ name, driver: 'embedded' })));
    await kernel.push(aJob({ pipeline: 'p3' }));
    expect((await kernel.stat()).map(({ pipeline, reserved }) => `${pipeline}: ${reserved}`).sort()).toEqual(
      names.map((name) => `${name}: ${name === 'p3' ? 1 : 0}`),
    );
    expect((await kernel.admin.browse('p3')).jobs).toHaveLength(1);
    expect((await kernel.admin.browse('p4')).jobs).toHaveLength(0);
  });
});

describe('A pipeline that its file has no place for', () => {
  it('is refused, and leaves the file to the next kernel', async () => {
    const dataDir = createTempFolder();
    await filled(dataDir, []);
    const database = await openDatabase(join(dataDir, 'rr.db'));
    for (let number = 2; number <= 255; number++) void database.put(metaKey(`pipeline:p${number}`), Buffer.from([number]));
    await database.flushed;
    await database.close();
    await expect(open({ dataDir, pipeline: 'more' })).rejects.toMatchObject({ code: 'INVALID_PATH' });
    const { driver } = await open({ dataDir });
    expect(await driver.stat()).toMatchObject({ reserved: 0 });
  });
});

describe('A job that is put back', () => {
  it('is counted at any moment, also while it is on its way to the disk', async () => {
    const { driver, inbox } = await openRunning({ dataDir: createTempFolder() });
    await driver.push(aJob());
    const moved = (await inbox.next()).requeue({ headers: {}, delayMs: 60_000 });
    const { active, reserved, delayed } = await driver.stat();
    expect(active + reserved + delayed).toBe(1);
    await moved;
    expect(await driver.stat()).toMatchObject({ active: 0, reserved: 0, delayed: 1 });
  });
});

describe('After a restart', () => {
  const waiting = async (clock = new VirtualClock()) => {
    const dataDir = createTempFolder();
    const jobs = [
      aJob({ name: 'a', id: 'id-a' }),
      aJob({ name: 'b', id: 'id-b' }),
      aJob({ name: 'a', id: 'id-c' }),
      aJob({ name: 'd', id: 'id-d', delayMs: 5_000 }),
    ];
    await filled(dataDir, jobs, clock);
    return { ...(await open({ dataDir, clock })), clock, dataDir };
  };
  const idsOf = async (driver: Driver): Promise<string[]> => (await driver.browse!({})).jobs.map(({ id }) => id);

  it('the counts are right before anything runs', async () => {
    const { driver, log } = await waiting();
    expect(await driver.stat()).toMatchObject({ reserved: 3, delayed: 1, active: 0, ready: false });
    expect(log.map(({ message }) => message)).toContain('Pipeline "contract" found 3 waiting and 1 delayed jobs.');
  });

  it('all that waits is listed, with its state and due time', async () => {
    const { driver, clock } = await waiting();
    expect((await driver.browse!({})).jobs.map(({ id, state, dueAt }) => ({ id, state, dueAt }))).toEqual([
      { id: 'id-a', state: 'waiting' },
      { id: 'id-b', state: 'waiting' },
      { id: 'id-c', state: 'waiting' },
      { id: 'id-d', state: 'delayed', dueAt: clock.now() + 5_000 },
    ]);
    expect((await driver.browse!({ name: 'a' })).jobs.map(({ id }) => id)).toEqual(['id-a', 'id-c']);
  });

  it('a job that is removed does not come, and is not there after the next restart', async () => {
    const { driver, dataDir } = await waiting();
    expect(await driver.remove!('id-b')).toBe(true);
    expect(await driver.remove!('id-b')).toBe(false);
    await stop(driver);
    const { driver: again, inbox } = await openRunning({ dataDir, clock: new VirtualClock() });
    expect(await namesOf(inbox, 2)).toEqual(['a', 'a']);
    expect(await again.stat()).toMatchObject({ active: 2, reserved: 0, delayed: 1 });
  });

  it('a delayed job that is promoted comes at once, and once', async () => {
    const { driver, inbox, clock } = await waiting();
    expect(await driver.promote!('id-d')).toBe(true);
    expect(await driver.stat()).toMatchObject({ reserved: 4, delayed: 0 });
    await driver.run();
    expect(await namesOf(inbox, 4)).toEqual(['a', 'b', 'a', 'd']);
    await clock.advance(10_000);
    expect(inbox.length).toBe(0);
  });

  it('a delayed job that is promoted twice at once comes once', async () => {
    const { driver, inbox } = await openRunning({ dataDir: createTempFolder(), clock: new VirtualClock() });
    await driver.push(aJob({ id: 'id-a', delayMs: 60_000 }));
    expect(await Promise.all([driver.promote!('id-a'), driver.promote!('id-a')])).toEqual([true, false]);
    await (await inbox.next()).ack();
    expect(await driver.stat()).toMatchObject({ active: 0, delayed: 0, reserved: 0 });
  });

  it('a job that is removed twice at once, and promoted meanwhile, is gone once', async () => {
    const { driver } = await openRunning({ dataDir: createTempFolder(), clock: new VirtualClock() });
    await driver.push(aJob({ id: 'id-a', delayMs: 60_000 }));
    expect(await Promise.all([driver.remove!('id-a'), driver.remove!('id-a'), driver.promote!('id-a')])).toEqual([true, false, false]);
    expect(await driver.stat()).toMatchObject({ active: 0, delayed: 0, reserved: 0 });
  });

  it('what a purge names is gone, the rest stays', async () => {
    const { driver } = await waiting();
    expect(await driver.purge!({ name: 'a' })).toBe(2);
    expect(await idsOf(driver)).toEqual(['id-b', 'id-d']);
    expect(await driver.purge!({})).toBe(2);
    expect(await driver.stat()).toMatchObject({ reserved: 0, delayed: 0 });
  });

  it('a purge of more than it looks at in one go takes all that was there, and nothing that runs or comes meanwhile', async () => {
    const dataDir = createTempFolder();
    const { driver, inbox } = await openRunning({ dataDir, room: 1 });
    await driver.push(aJob({ name: 'runs' }));
    const running = await inbox.next();
    await Promise.all(Array.from({ length: 25_000 }, (_, index) => driver.push(aJob({ name: index % 5 === 0 ? 'kept' : 'purged' }))));
    const purging = driver.purge!({ name: 'purged' });
    await driver.push(aJob({ name: 'purged' }));
    expect(await purging).toBe(20_000);
    expect(await driver.stat()).toMatchObject({ active: 1, reserved: 5_001 });
    await running.ack();
    await stop(driver);
    expect((await (await open({ dataDir })).driver.stat()).reserved).toBe(5_001);
  });

  it('a job is not lent that a purge is taking out', async () => {
    const { driver, sink, inbox } = await openRunning({ dataDir: createTempFolder(), room: 0 });
    for (const name of ['purged', 'kept']) await driver.push(aJob({ name }));
    const purging = driver.purge!({ name: 'purged' });
    sink.give(2);
    expect((await inbox.next()).job.name).toBe('kept');
    expect(await purging).toBe(1);
    expect(await driver.stat()).toMatchObject({ active: 1, reserved: 0 });
  });

  it('what was lent and not settled at the stop comes again, its start not counted', async () => {
    const { driver, inbox, dataDir } = await waiting();
    await driver.run();
    await inbox.take(3);
    await stop(driver);
    const { inbox: again } = await openRunning({ dataDir, clock: new VirtualClock() });
    expect((await again.take(3)).map(({ job, starts }) => [job.id, starts])).toEqual([
      ['id-a', 0],
      ['id-b', 0],
      ['id-c', 0],
    ]);
  });

  it('a record that is damaged is told of and left, and the others come', async () => {
    const { driver, dataDir } = await waiting();
    await stop(driver);
    const database = await openDatabase(join(dataDir, 'rr.db'));
    const [, second] = [...database.getKeys({ start: Buffer.from([1]), end: Buffer.from([2]) })];
    await database.put(second!, Buffer.from('no record'));
    await database.close();
    const { inbox, log } = await openRunning({ dataDir, clock: new VirtualClock() });
    expect((await inbox.take(2)).map(({ job }) => job.id)).toEqual(['id-a', 'id-c']);
    expect(log.find(({ level }) => level === 'error')!.message).toMatch(
      /^The record [0-9a-f]{28} in ".*rr\.db" cannot be read and is left where it is\./,
    );
  });
});

describe(`A backlog of ${BACKLOG} jobs`, () => {
  it('starts in under 10 s, in bounded memory', async () => {
    const dataDir = createTempFolder();
    const { driver } = await open({ dataDir });
    const payload = 'x'.repeat(100);
    for (let pushed = 0; pushed < BACKLOG; pushed += 5_000) {
      await Promise.all(
        Array.from({ length: 5_000 }, (_, index) => driver.push(aJob({ name: `job-${pushed + index}`, payload, priority: 1 + (index % 3) }))),
      );
    }
    await stop(driver);
    const before = heldBytes();
    const startedAt = performance.now();
    const { driver: again, inbox } = await openRunning({ dataDir, room: 1_000 });
    expect((await inbox.next()).job.name).toBe('job-0');
    const startMs = performance.now() - startedAt;
    const grownBytes = heldBytes() - before;
    process.stdout.write(`${BACKLOG} jobs: started in ${startMs.toFixed(0)} ms, ${(grownBytes / 2 ** 20).toFixed(1)} MiB more.\n`);
    const { active, reserved } = await again.stat();
    expect({ active, reserved }).toEqual({ active: 1_000, reserved: BACKLOG - 1_000 });
    expect(startMs).toBeLessThan(MAX_START_MS);
    expect(grownBytes).toBeLessThan(MAX_START_BYTES);
  }, 180_000);
});

describe('A kernel with an embedded pipeline', () => {
  const openKernel = async (dataDir: string, handle: HandlerFunction, options: KernelOptions = {}) => {
    const clock = new VirtualClock();
    const executor = new HandlerExecutor();
    executor.add(undefined, handle);
    const kernel = await createKernel({ dataDir, pipelines: { q: { driver: 'embedded' } }, ...options }, { executor, clock });
    kernels.push(kernel);
    await kernel.start();
    return { kernel, clock };
  };

  it('delivers without polling: time stands still, and no timer is set', async () => {
    const received = new Inbox<string>();
    const { kernel, clock } = await openKernel(createTempFolder(), (context) => received.put(context.text()));
    const timers = clock.pending;
    for (let index = 0; index < 10; index++) {
      await kernel.push(aJob({ pipeline: 'q', payload: `${index}` }));
      expect(await received.next()).toBe(`${index}`);
    }
    expect(clock.monotonic()).toBe(0);
    expect(clock.pending).toBe(timers);
  });

  it('gives its unstarted jobs back when it stops, and awaits the running one', async () => {
    const dataDir = createTempFolder();
    const running = deferred();
    const letGo = deferred();
    const ran: string[] = [];
    const { kernel } = await openKernel(
      dataDir,
      async ({ id }) => {
        ran.push(id);
        running.resolve();
        await letGo.promise;
      },
      { numPollers: 1 },
    );
    for (const id of ['a', 'b', 'c']) await kernel.push(aJob({ pipeline: 'q', id }));
    await running.promise;
    const closing = kernel.close();
    await settled();
    letGo.resolve();
    await closing;
    expect(ran).toEqual(['a']);
    const left = new Inbox<string>();
    await openKernel(dataDir, ({ id, attempt }) => left.put(`${id} ${attempt}`));
    expect(await left.take(2)).toEqual(['b 1', 'c 1']);
  });

  it('keeps a job that is put back with its headers, its attempt and its delay over a restart', async () => {
    const dataDir = createTempFolder();
    const failed = deferred();
    const { kernel } = await openKernel(
      dataDir,
      () => {
        failed.resolve();
        throw new Error('The first run fails.');
      },
      { retry: { backoff: { type: 'fixed', delay: 60, jitter: 'none' } } },
    );
    await kernel.push(aJob({ pipeline: 'q', id: 'a', payload: 'text', headers: { 'x-a': ['1'] } }));
    await failed.promise;
    await kernel.close();
    const again = new Inbox<string>();
    const { clock } = await openKernel(dataDir, (context) =>
      again.put(`${context.id} ${context.attempt} ${context.text()} ${JSON.stringify(context.headers)}`),
    );
    await clock.advance(59_000);
    expect(again.length).toBe(0);
    await clock.advance(1_001);
    expect(await again.next()).toBe('a 2 text {"x-a":["1"]}');
  });
});
