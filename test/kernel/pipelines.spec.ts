import { JobRecord, NO_HEADERS, type Job } from '../../lib/contract/job.js';
import type { PushOutcome } from '../../lib/contract/jobs-api.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { memoryDriver } from '../support/changed-driver.js';
import { openDurable } from '../support/durable-driver.js';
import { aJob } from '../support/jobs.js';
import { closeKernels, deferred, openKernel, settled, type OpenedKernel } from '../support/kernel.js';

afterEach(closeKernels);

/** A kernel that notes the payloads in the order in which their handlers start. */
async function openNoting(options: object = {}): Promise<OpenedKernel & { started: string[] }> {
  const started: string[] = [];
  const opened = await openKernel(options);
  opened.on('job', (context) => void started.push(context.text()));
  return { ...opened, started };
}

/** A kernel whose handlers stay until they are let go. */
async function openHolding(options: object = {}): Promise<OpenedKernel & { started: string[]; release(): void }> {
  const started: string[] = [];
  const held: (() => void)[] = [];
  const opened = await openKernel(options);
  opened.on('job', (context) => {
    started.push(context.text());
    const { promise, resolve } = deferred();
    held.push(resolve);
    return promise;
  });
  return { ...opened, started, release: () => held.shift()?.() };
}

const statOf = async ({ kernel }: OpenedKernel, name = 'q') => (await kernel.stat()).find(({ pipeline }) => pipeline === name)!;

describe('A push', () => {
  it('to a pipeline that is not there is rejected with the names that are', async () => {
    const { jobs } = await openKernel();
    await expect(jobs.connect('emials').push('job', '')).rejects.toMatchObject({
      code: 'PIPELINE_NOT_FOUND',
      pipeline: 'emials',
      message: expect.stringContaining('"q"') as string,
    });
  });

  it('of a payload over the limit is refused, in bytes', async () => {
    const { jobs, kernel } = await openKernel({ maxPayload: 10 });
    await jobs.connect('q').push('job', 'x'.repeat(10));
    await expect(jobs.connect('q').push('job', 'ä'.repeat(6))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      payloadBytes: 12,
      maxPayloadBytes: 10,
    });
    await expect(jobs.connect('q').push('job', new Uint8Array(11))).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(await kernel.admin.counters()).toMatchObject({ pushed: 1, pushErrors: 2 });
  });

  it('of the same record twice makes two jobs with one id', async () => {
    const { kernel, started } = await openNoting();
    const record = new JobRecord('job', 'q', 'payload', NO_HEADERS, 0, 0, false, 'same');
    await kernel.push(record);
    await kernel.push(record);
    await settled();
    expect(started).toEqual(['payload', 'payload']);
  });

  it('of a job that is no record of ours is taken', async () => {
    const { kernel, started } = await openNoting();
    await kernel.push({ id: 'foreign', name: 'job', pipeline: 'q', payload: 'foreign', headers: {}, priority: 0, delayMs: 0, autoAck: false });
    await settled();
    expect(started).toEqual(['foreign']);
  });

  it('into a full pipeline waits for room', async () => {
    const opened = await openHolding({ pipelines: { q: { driver: 'memory', maxJobs: 1 } } });
    const queue = opened.jobs.connect('q');
    await queue.push('job', 'first');
    let isAccepted = false;
    const second = queue.push('job', 'second').then(() => (isAccepted = true));
    await settled();
    expect(isAccepted).toBe(false);
    opened.release();
    await second;
    await settled();
    expect(opened.started).toEqual(['first', 'second']);
  });

  it('into a full pipeline gives up after the time-out', async () => {
    const { jobs, clock } = await openHolding({ timeout: 5, pipelines: { q: { driver: 'memory', maxJobs: 1 } } });
    await jobs.connect('q').push('job', 'first');
    const refused = jobs
      .connect('q')
      .push('job', 'second')
      .catch((error: unknown) => error);
    await clock.advance(5_000);
    expect(await refused).toMatchObject({ code: 'PIPELINE_FULL', maxJobs: 1, waitedMs: 5_000, retriable: true });
  });

  it('into a full pipeline is refused at once with a time-out of 0', async () => {
    const { jobs } = await openHolding({ timeout: 0, pipelines: { q: { driver: 'memory', maxJobs: 1 } } });
    await jobs.connect('q').push('job', 'first');
    await expect(jobs.connect('q').push('job', 'second')).rejects.toMatchObject({ code: 'PIPELINE_FULL', waitedMs: 0 });
  });

  it('that waits does not hold up another pipeline', async () => {
    const { jobs, started } = await openHolding({ pipelines: { full: { driver: 'memory', maxJobs: 1 }, q: { driver: 'memory' } } });
    await jobs.connect('full').push('job', 'first');
    const waiting = jobs
      .connect('full')
      .push('job', 'second')
      .catch(() => undefined);
    await jobs.connect('q').push('job', 'other');
    await settled();
    expect(started).toEqual(['first', 'other']);
    void waiting;
  });
});

describe('pushMany', () => {
  it('tells of each job what became of it, in order', async () => {
    const { kernel } = await openKernel({ maxPayload: 5 });
    const outcomes = await kernel.pushMany([
      aJob({ pipeline: 'q' }),
      aJob({ pipeline: 'nowhere' }),
      aJob({ pipeline: 'q', payload: 'too long' }),
      aJob({ pipeline: 'q' }),
    ]);
    const codes = outcomes.map((outcome: PushOutcome) => (outcome.ok ? 'ok' : (outcome.error as { code?: string }).code));
    expect(codes).toEqual(['ok', 'PIPELINE_NOT_FOUND', 'PAYLOAD_TOO_LARGE', 'ok']);
  });

  it('counts each job that is refused, whatever refuses it', async () => {
    const { kernel } = await openKernel({ maxPayload: 5 });
    await kernel.pushMany([
      aJob({ pipeline: 'q' }),
      aJob({ pipeline: 'nowhere' }),
      aJob({ pipeline: 'nowhere' }),
      aJob({ pipeline: 'q', payload: 'too long' }),
    ]);
    expect(await kernel.admin.counters()).toMatchObject({ pushed: 1, pushErrors: 3 });
  });

  it('tells of each job that was pushed, also through a driver that takes many at once', async () => {
    const many = memoryDriver({ pushMany: (jobs) => Promise.resolve(jobs.map(() => ({ ok: true, receipt: {} }))) });
    const { kernel } = await openKernel({ maxPayload: 5, pipelines: { q: { driver: 'many' } } }, { drivers: { many: () => Promise.resolve(many) } });
    const pushed: string[] = [];
    kernel.events.on('pushed', ({ name }) => pushed.push(name));
    const jobs = ['a', 'b', 'c'].map((name) => aJob({ pipeline: 'q', name, payload: name === 'b' ? 'too long' : '' }));
    expect((await kernel.pushMany(jobs)).map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(pushed).toEqual(['a', 'c']);
  });

  it('of nothing answers nothing', async () => {
    const { kernel } = await openKernel();
    expect(await kernel.pushMany([])).toEqual([]);
  });
});

describe('Order', () => {
  it('is by priority, then by push', async () => {
    const { jobs, kernel, started } = await openNoting({ numPollers: 1, consume: [] });
    const queue = jobs.connect('q');
    for (const [payload, priority] of [
      ['normal-1', 0],
      ['low', 99],
      ['urgent-1', 1],
      ['normal-2', 10],
      ['urgent-2', 1],
    ] as const) {
      await queue.push('job', payload, { priority });
    }
    await kernel.resume('q');
    await settled();
    expect(started).toEqual(['urgent-1', 'urgent-2', 'normal-1', 'normal-2', 'low']);
  });

  it('takes the priority of the pipeline for jobs without one', async () => {
    const { jobs, started, release } = await openHolding({
      numPollers: 1,
      pipelines: { late: { driver: 'memory', priority: 20 }, soon: { driver: 'memory', priority: 5 } },
    });
    await jobs.connect('late').push('job', 'first');
    await settled();
    await jobs.connect('late').push('job', 'late');
    await jobs.connect('soon').push('job', 'soon');
    await jobs.connect('late').push('job', 'between', { priority: 7 });
    for (let index = 0; index < 4; index++) {
      release();
      await settled();
    }
    expect(started).toEqual(['first', 'soon', 'between', 'late']);
  });

  it('lets an urgent job overtake all that wait, as none leaves the queue without a free slot', async () => {
    const { jobs, started, release } = await openHolding({ numPollers: 2 });
    for (let index = 0; index < 10; index++) await jobs.connect('q').push('job', `normal-${index}`);
    await settled();
    await jobs.connect('q').push('job', 'urgent', { priority: 1 });
    release();
    await settled();
    expect(started).toEqual(['normal-0', 'normal-1', 'urgent']);
  });
});

describe('Limits', () => {
  it('numPollers: no more handlers at once, over all pipelines', async () => {
    const { jobs, started, kernel, release } = await openHolding({
      numPollers: 3,
      pipelines: { q: { driver: 'memory' }, other: { driver: 'memory' } },
    });
    for (let index = 0; index < 5; index++) {
      await jobs.connect('q').push('job', 'q');
      await jobs.connect('other').push('job', 'other');
    }
    await settled();
    expect(started).toHaveLength(3);
    expect(await kernel.admin.running()).toHaveLength(3);
    release();
    await settled();
    expect(started).toHaveLength(4);
  });

  it('concurrency: no more handlers of one pipeline, while others go on', async () => {
    const { jobs, started, release } = await openHolding({ pipelines: { q: { driver: 'memory', concurrency: 2 }, other: { driver: 'memory' } } });
    for (let index = 0; index < 5; index++) {
      await jobs.connect('q').push('job', 'q');
      await jobs.connect('other').push('job', 'other');
    }
    await settled();
    expect(started.filter((payload) => payload === 'q')).toHaveLength(2);
    expect(started.filter((payload) => payload === 'other')).toHaveLength(5);
    for (let index = 0; index < 7; index++) release();
    await settled();
    expect(started.filter((payload) => payload === 'q')).toHaveLength(4);
  });

  it('concurrency 1: one after another, in order, through retries of others', async () => {
    const { jobs, started, release } = await openHolding({ pipelines: { q: { driver: 'memory', concurrency: 1 } } });
    for (const payload of ['a', 'b', 'c']) await jobs.connect('q').push('job', payload);
    for (let index = 0; index < 3; index++) {
      await settled();
      expect(started).toHaveLength(index + 1);
      release();
    }
    expect(started).toEqual(['a', 'b', 'c']);
  });

  it('prefetch: no more jobs lent to the kernel, running ones included', async () => {
    const opened = await openHolding({ numPollers: 2, pipelines: { q: { driver: 'memory', prefetch: 3 } } });
    for (let index = 0; index < 10; index++) await opened.jobs.connect('q').push('job', `job-${index}`);
    await settled();
    expect(await statOf(opened)).toMatchObject({ active: 3, reserved: 7 });
    opened.release();
    await settled();
    expect(await statOf(opened)).toMatchObject({ active: 3, reserved: 6 });
  });

  it('pipelineSize: drivers stop lending when the queue is full, while pushes go on, and go on one by one', async () => {
    const opened = await openHolding({ numPollers: 1, pipelineSize: 2 });
    for (let index = 0; index < 20; index++) await opened.jobs.connect('q').push('job', `job-${index}`);
    await settled();
    // One runs, two wait in the queue.
    expect(await statOf(opened)).toMatchObject({ active: 3, reserved: 17 });
    for (let left = 16; left >= 0; left--) {
      opened.release();
      await settled();
      expect(await statOf(opened)).toMatchObject({ active: 3, reserved: left });
    }
  });

  it('maxBytes: payloads in the queue and in running jobs are counted', async () => {
    const opened = await openHolding({ numPollers: 1, maxBytes: 3_000 });
    for (let index = 0; index < 10; index++) await opened.jobs.connect('q').push('job', new Uint8Array(1_000));
    await settled();
    expect((await statOf(opened)).active).toBe(3);
    for (let index = 0; index < 10; index++) {
      opened.release();
      await settled();
    }
    expect(opened.started).toHaveLength(10);
    expect(await statOf(opened)).toMatchObject({ active: 0, reserved: 0 });
  });

  it('a full queue of one pipeline lets every job of all pipelines run in the end', async () => {
    const names = ['a', 'b', 'c'];
    const { jobs, started } = await openNoting({
      numPollers: 2,
      pipelineSize: 3,
      pipelines: Object.fromEntries(names.map((name) => [name, { driver: 'memory', prefetch: 2, concurrency: 1 }])),
    });
    for (let index = 0; index < 100; index++) await jobs.connect(names[index % 3]!).push('job', String(index));
    while (started.length < 100) await settled();
    expect(new Set(started).size).toBe(100);
  });

  it('many jobs leave the event loop its turn', async () => {
    const { jobs, started } = await openNoting();
    let turns = 0;
    const count = (): void => {
      turns++;
      if (started.length < 20_000) setImmediate(count);
    };
    for (let index = 0; index < 20_000; index++) void jobs.connect('q').push('job', '');
    setImmediate(count);
    while (started.length < 20_000) await settled();
    expect(turns).toBeGreaterThanOrEqual(4);
  });
});

describe('Pipelines at run time', () => {
  it('declared are paused, listed, and take pushes', async () => {
    const opened = await openNoting();
    await opened.kernel.declare({ name: 'later', driver: 'memory', priority: '7', prefetch: '25' });
    await opened.jobs.connect('later').push('job', 'waits');
    await settled();
    expect(await opened.kernel.list()).toEqual(['q', 'later']);
    expect(await statOf(opened, 'later')).toMatchObject({ ready: false, priority: 7, reserved: 1, active: 0 });
    expect(opened.started).toEqual([]);
    await opened.kernel.resume('later');
    await settled();
    expect(opened.started).toEqual(['waits']);
  });

  it('run when they are resumed after a broker has refused them', async () => {
    let tries = 0;
    const refuse = () => (++tries === 1 ? Promise.reject(new Error('no such queue')) : Promise.resolve());
    const { kernel } = await openDurable({ consume: [] }, { run: refuse });
    await expect(kernel.resume('q')).rejects.toThrow('no such queue');
    await kernel.resume('q');
    expect(await kernel.stat()).toMatchObject([{ ready: true }]);
    await expect(kernel.resume('q')).rejects.toMatchObject({ code: 'PIPELINE_ALREADY_RUNNING' });
  });

  it('resumed before the start do not keep the kernel from it', async () => {
    const kernel = await createKernel({ pipelines: { q: { driver: 'memory' }, r: { driver: 'memory' } } });
    await kernel.resume('q');
    await kernel.start();
    expect((await kernel.stat()).map(({ pipeline, ready }) => [pipeline, ready])).toEqual([
      ['q', true],
      ['r', true],
    ]);
    await kernel.close();
  });

  it('declared run at once when "consume" names them', async () => {
    const { kernel, jobs, started } = await openNoting({ consume: ['q', { name: 'later', declaredLater: true }] });
    await kernel.declare({ name: 'later', driver: 'memory' });
    await jobs.connect('later').push('job', 'runs');
    await settled();
    expect(started).toEqual(['runs']);
  });

  it('of a name that is there are refused, also at the same time', async () => {
    const { kernel } = await openKernel();
    await expect(kernel.declare({ name: 'q', driver: 'memory' })).rejects.toMatchObject({ code: 'PIPELINE_EXISTS', pipeline: 'q' });
    const both = await Promise.allSettled([kernel.declare({ name: 'new', driver: 'memory' }), kernel.declare({ name: 'new', driver: 'memory' })]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('of a driver that is not there are refused', async () => {
    const { kernel } = await openKernel();
    await expect(kernel.declare({ name: 'new', driver: 'nats' })).rejects.toMatchObject({
      code: 'DRIVER_NOT_AVAILABLE',
      driver: 'nats',
      known: expect.arrayContaining(['memory', 'embedded', 'boltdb', 'amqp', 'beanstalk', 'sqs', 'kafka']),
    });
    expect(await kernel.list()).toEqual(['q']);
  });

  it('pause: nothing more starts, what waits goes back to the driver in its order', async () => {
    const opened = await openHolding({ numPollers: 1 });
    for (const payload of ['a', 'b', 'c', 'd']) await opened.jobs.connect('q').push('job', payload);
    await settled();
    await opened.kernel.pause('q');
    expect(await statOf(opened)).toMatchObject({ active: 1, reserved: 3, ready: false });
    opened.release();
    await settled();
    expect(opened.started).toEqual(['a']);
    await opened.kernel.resume('q');
    for (let index = 0; index < 4; index++) {
      await settled();
      opened.release();
    }
    expect(opened.started).toEqual(['a', 'b', 'c', 'd']);
  });

  it('pause and resume in the order given, up to the first error', async () => {
    const { kernel } = await openKernel({ pipelines: { a: { driver: 'memory' }, b: { driver: 'memory' } } });
    await expect(kernel.pause('a', 'nowhere', 'b')).rejects.toMatchObject({ code: 'PIPELINE_NOT_FOUND' });
    expect((await kernel.stat()).map(({ ready }) => ready)).toEqual([false, true]);
    await expect(kernel.pause('a')).rejects.toMatchObject({ code: 'PIPELINE_ALREADY_PAUSED' });
    await expect(kernel.resume('b')).rejects.toMatchObject({ code: 'PIPELINE_ALREADY_RUNNING' });
    await kernel.resume('a');
    await kernel.pause('a', 'b');
    expect((await kernel.stat()).map(({ ready }) => ready)).toEqual([false, false]);
  });

  it('destroyed are gone, with what waited in them, and leave the others alone', async () => {
    const opened = await openHolding({ numPollers: 1, pipelines: { q: { driver: 'memory' }, gone: { driver: 'memory' } } });
    await opened.jobs.connect('q').push('job', 'q-1');
    await opened.jobs.connect('gone').push('job', 'gone');
    await opened.jobs.connect('q').push('job', 'q-2');
    await settled();
    expect(await opened.kernel.destroy('gone')).toEqual(['gone']);
    expect(await opened.kernel.list()).toEqual(['q']);
    await expect(opened.jobs.connect('gone').push('job', '')).rejects.toMatchObject({ code: 'PIPELINE_NOT_FOUND' });
    opened.release();
    await settled();
    opened.release();
    expect(opened.started).toEqual(['q-1', 'q-2']);
  });

  it('destroyed let their running jobs end, and can be declared anew', async () => {
    const opened = await openHolding();
    await opened.jobs.connect('q').push('job', 'old');
    await settled();
    await opened.kernel.destroy('q');
    await opened.kernel.declare({ name: 'q', driver: 'memory' });
    await opened.jobs.connect('q').push('job', 'new');
    await settled();
    opened.release();
    opened.release();
    await settled();
    expect(opened.started).toEqual(['old', 'new']);
    expect(await statOf(opened)).toMatchObject({ active: 0 });
    expect(await opened.kernel.admin.counters()).toMatchObject({ completed: 2 });
  });

  it('whose destruction is refused stay all', async () => {
    const { kernel } = await openKernel();
    await expect(kernel.destroy('q', 'nowhere')).rejects.toMatchObject({ code: 'PIPELINE_NOT_FOUND' });
    expect(await kernel.list()).toEqual(['q']);
  });

  it('may be called as properties of every object are', async () => {
    const { kernel, jobs, started } = await openNoting();
    for (const name of ['__proto__', 'constructor', 'toString']) {
      await kernel.declare({ name, driver: 'memory' });
      await kernel.resume(name);
      await jobs.connect(name).push('job', name);
    }
    await settled();
    expect(started).toEqual(['__proto__', 'constructor', 'toString']);
  });
});

describe('The queue of a job', () => {
  const queueOf = async (opened: OpenedKernel, job: Partial<Job> = {}): Promise<[string, string]> => {
    const ran = deferred<[string, string]>();
    opened.on('job', ({ pipeline, queue }) => ran.resolve([pipeline, queue]));
    await opened.kernel.push({ ...aJob(), name: 'job', pipeline: 'q', headers: NO_HEADERS, payload: '', ...job });
    return ran.promise;
  };

  it('is that of the broker, where the driver names one', async () => {
    expect(await queueOf(await openDurable())).toEqual(['q', 'broker-queue']);
  });

  it('is the topic that it came from, where it has one', async () => {
    const kafka = { topic: 'orders', partition: 0, offset: 0n, metadata: '' };
    expect(await queueOf(await openDurable(), { kafka })).toEqual(['q', 'orders']);
  });

  it('is the pipeline without a broker', async () => {
    expect(await queueOf(await openKernel())).toEqual(['q', 'q']);
  });
});

describe('A kernel that consumes nothing', () => {
  it('takes pushes and runs none of them', async () => {
    const opened = await openNoting({ consume: [] });
    await opened.jobs.connect('q').push('job', '');
    await settled();
    expect(opened.started).toEqual([]);
    expect(await statOf(opened)).toMatchObject({ reserved: 1, ready: false });
  });
});
