import type { JobContext } from '../../lib/runtime/job-context.js';
import { CancelJobError, RetryJobError, SnoozeJobError, UnrecoverableJobError } from '../../lib/contract/job-errors.js';
import type { DriverModule } from '../../lib/contract/driver.js';
import { JobRecord, type Job } from '../../lib/contract/job.js';
import { capabilities, createDriver, type MemoryOptions } from '../../lib/drivers/memory.driver.js';
import { closeKernels, deferred, openKernel, settled, type OpenedKernel } from '../support/kernel.js';

afterEach(closeKernels);

const NO_JITTER = { type: 'exponential', delay: 1, factor: 2, jitter: 'none' } as const;

/** A kernel whose handler fails as often as it is told; `runs` remembers the contexts. */
async function openFailing(fails: (context: JobContext) => unknown, options: object = {}): Promise<OpenedKernel & { runs: JobContext[] }> {
  const runs: JobContext[] = [];
  const opened = await openKernel({ retry: { backoff: NO_JITTER }, ...options });
  opened.on('job', async (context) => {
    runs.push(context);
    await fails(context);
  });
  return { ...opened, runs };
}

const fail = (): never => {
  throw new Error('it broke');
};

async function failedOf({ kernel }: OpenedKernel) {
  return (await kernel.admin.failed.list()).jobs;
}

describe('A job whose handler returns', () => {
  it('is done', async () => {
    const { kernel, jobs, on } = await openKernel();
    on('job', () => undefined);
    await jobs.connect('q').push('job', '');
    await settled();
    expect(await kernel.admin.counters()).toMatchObject({ pushed: 1, started: 1, completed: 1, failedRuns: 0 });
    expect((await kernel.stat())[0]).toMatchObject({ active: 0, reserved: 0 });
  });

  it('is done when its promise resolves, not before', async () => {
    const { kernel, jobs, on } = await openKernel();
    const { promise, resolve } = deferred();
    on('job', () => promise);
    await jobs.connect('q').push('job', '');
    await settled();
    expect((await kernel.stat())[0]).toMatchObject({ active: 1 });
    resolve();
    await settled();
    expect((await kernel.stat())[0]).toMatchObject({ active: 0 });
  });
});

describe('A job whose handler throws', () => {
  it('runs three times in all, by default', async () => {
    const opened = await openFailing(fail);
    await opened.jobs.connect('q').push('job', 'payload');
    await opened.clock.advance('1h');
    expect(opened.runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(await failedOf(opened)).toHaveLength(1);
  });

  it('waits for the backoff between its runs', async () => {
    const { jobs, clock, runs } = await openFailing(fail);
    await jobs.connect('q').push('job', '');
    await settled();
    expect(runs).toHaveLength(1);
    await clock.advance(999);
    expect(runs).toHaveLength(1);
    await clock.advance(1);
    expect(runs).toHaveLength(2);
    await clock.advance(1_999);
    expect(runs).toHaveLength(2);
    await clock.advance(1);
    expect(runs).toHaveLength(3);
  });

  it('keeps its id, payload and headers from run to run', async () => {
    const { jobs, clock, runs } = await openFailing(fail);
    const task = await jobs.connect('q').push('job', 'payload', { headers: { 'x-a': ['1', '2'] } });
    await clock.advance('1h');
    expect(runs.map((run) => [run.id, run.text(), { ...run.headers }])).toEqual([1, 2, 3].map(() => [task.id, 'payload', { 'x-a': ['1', '2'] }]));
  });

  it('has the attempts of the handler, before those of the pipeline, before those of the kernel', async () => {
    const runs = { handler: 0, pipeline: 0, kernel: 0 };
    const { jobs, clock, on } = await openKernel({
      retry: { attempts: 4, backoff: NO_JITTER },
      pipelines: { own: { driver: 'memory', attempts: 2 }, other: { driver: 'memory' } },
    });
    on(
      'by-handler',
      () => {
        runs.handler++;
        fail();
      },
      { attempts: 1 },
    );
    on(
      'by-pipeline',
      () => {
        runs.pipeline++;
        fail();
      },
      { queue: 'own' },
    );
    on(
      'by-kernel',
      () => {
        runs.kernel++;
        fail();
      },
      { queue: 'other' },
    );
    await jobs.connect('own').push('by-handler', '');
    await jobs.connect('own').push('by-pipeline', '');
    await jobs.connect('other').push('by-kernel', '');
    await clock.advance('1h');
    expect(runs).toEqual({ handler: 1, pipeline: 2, kernel: 4 });
  });

  it('has its own attempts before those of its handler', async () => {
    const { jobs, clock, runs } = await openFailing(fail);
    await jobs.connect('q').push('job', '', { attempts: 5 });
    await clock.advance('1h');
    expect(runs).toHaveLength(5);
  });

  it('takes the backoff of the pipeline where its handler gives only attempts', async () => {
    const { jobs, clock, on } = await openKernel({ pipelines: { q: { driver: 'memory', backoff: { type: 'fixed', delay: 7, jitter: 'none' } } } });
    const at: number[] = [];
    on(
      'job',
      () => {
        at.push(clock.monotonic());
        fail();
      },
      { attempts: 2 },
    );
    await jobs.connect('q').push('job', '');
    await clock.advance(60_000);
    expect(at[1]! - at[0]!).toBe(7_000);
  });

  it('is logged once at warn for each run that is followed by another, and once at error at the end', async () => {
    const { jobs, clock, log } = await openFailing(fail);
    const task = await jobs.connect('q').push('job', '');
    await clock.advance('1h');
    expect(log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['attempt'])).toEqual([1, 2]);
    const errors = log.lines.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]!.fields).toMatchObject({ id: task.id, job: 'job', queue: 'q', attempt: 3 });
  });

  it('is tried again when the error is no Error', async () => {
    const { jobs, clock, runs, ...opened } = await openFailing(() => Promise.reject('a text'));
    await jobs.connect('q').push('job', '');
    await clock.advance('1h');
    expect(runs).toHaveLength(3);
    expect((await failedOf({ ...opened, jobs, clock }))[0]!.error).toEqual({ type: 'string', message: 'a text' });
  });

  it('is tried again only for the errors that the handler names', async () => {
    const { jobs, clock, on } = await openKernel();
    const runs: string[] = [];
    on(
      'type',
      () => {
        runs.push('type');
        throw new TypeError('no');
      },
      { retryOn: [RangeError] },
    );
    on(
      'range',
      () => {
        runs.push('range');
        throw new RangeError('no');
      },
      { retryOn: [RangeError] },
    );
    on(
      'not',
      () => {
        runs.push('not');
        throw new RangeError('no');
      },
      { dontRetryOn: [RangeError] },
    );
    for (const name of ['type', 'range', 'not']) await jobs.connect('q').push(name, '');
    await clock.advance('1h');
    expect(runs.toSorted()).toEqual(['not', 'range', 'range', 'range', 'type']);
  });

  it('runs again when the handler asks for it, whatever errors it names', async () => {
    const { jobs, clock, on } = await openKernel();
    const runs: string[] = [];
    on(
      'retry',
      () => {
        runs.push('retry');
        throw new RetryJobError();
      },
      { retryOn: [RangeError] },
    );
    on(
      'snooze',
      () => {
        runs.push('snooze');
        if (runs.filter((run) => run === 'snooze').length < 3) throw new SnoozeJobError(1);
      },
      { dontRetryOn: [Error] },
    );
    for (const name of ['retry', 'snooze']) await jobs.connect('q').push(name, '');
    await clock.advance('1h');
    expect(runs.toSorted()).toEqual(['retry', 'retry', 'retry', 'snooze', 'snooze', 'snooze']);
  });
});

describe('An error that says what is to become of the job', () => {
  it.each([
    ['UnrecoverableJobError', () => new UnrecoverableJobError('the account is closed')],
    ['CancelJobError', () => new CancelJobError('nobody wants it')],
  ])('%s: it does not run again', async (_, error) => {
    const opened = await openFailing(() => Promise.reject(error()));
    await opened.jobs.connect('q').push('job', '');
    await opened.clock.advance('1h');
    expect(opened.runs).toHaveLength(1);
    expect(await failedOf(opened)).toMatchObject([{ reason: 'rejected', attempts: 1, error: { message: error().message } }]);
  });

  it('RetryJobError: it runs again after its delay, with its headers, and spends an attempt', async () => {
    const { jobs, clock, runs } = await openFailing(() =>
      Promise.reject(new RetryJobError('not yet', { delay: '10s', headers: { 'x-try': 'again', 'nrr-attempt': '0' } })),
    );
    await jobs.connect('q').push('job', '', { headers: { 'x-a': '1' } });
    await clock.advance(9_999);
    expect(runs).toHaveLength(1);
    await clock.advance(1);
    expect(runs).toHaveLength(2);
    expect({ ...runs[1]!.headers }).toEqual({ 'x-a': ['1'], 'x-try': ['again'] });
    await clock.advance('1h');
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  it('SnoozeJobError: it comes back after its delay and spends no attempt', async () => {
    let snoozes = 0;
    const { jobs, clock, runs, kernel } = await openFailing(() => (snoozes++ < 5 ? Promise.reject(new SnoozeJobError(30)) : undefined));
    await jobs.connect('q').push('job', '');
    await clock.advance(29_999);
    expect(runs).toHaveLength(1);
    await clock.advance('10m');
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1, failedRuns: 0 });
  });
});

describe('A job that asks for another run in a way that cannot be', () => {
  it.each([
    ['a RetryJobError whose delay is none', new RetryJobError('not yet', { delay: 'soon' }), 'RetryJobError.delay is "soon".'],
    ['a RetryJobError whose headers are none', new RetryJobError('not yet', { headers: { 'x-try': 1 as never } }), 'not iterable'],
    ['a SnoozeJobError whose delay is none', new SnoozeJobError(-1), 'SnoozeJobError.delay is -1.'],
    ['an error of others with the code of one', Object.assign(new Error('not yet'), { code: 'SNOOZE_JOB' }), 'SnoozeJobError.delay is undefined.'],
  ])('has failed: %s', async (_what, error, message) => {
    const opened = await openFailing(() => Promise.reject(error));
    await opened.jobs.connect('q').push('job', '');
    await opened.clock.advance('1h');
    expect(opened.runs).toHaveLength(3);
    const failure = { error: { message: expect.stringContaining(message) as string } };
    expect(await failedOf(opened)).toMatchObject([{ reason: 'attempts', history: [failure, failure, {}] }]);
    expect(await opened.kernel.admin.counters()).toMatchObject({ failedRuns: 3, failed: 1, retried: 2 });
    expect((await opened.kernel.stat())[0]).toMatchObject({ active: 0, reserved: 0, delayed: 0 });
  });

  const broken = (): never => {
    throw new Error('the backoff broke');
  };

  it.each([
    ['throws', broken, 'the backoff broke'],
    ['answers no number', () => Number.NaN, 'backoff() is NaN.'],
  ])('is final where its backoff %s', async (_what, backoff, message) => {
    const opened = await openFailing(fail, { retry: { backoff } });
    await opened.jobs.connect('q').push('job', '');
    await opened.clock.advance('1h');
    expect(opened.runs).toHaveLength(1);
    expect(await failedOf(opened)).toMatchObject([{ reason: 'rejected', error: { message: expect.stringContaining(message) as string } }]);
    expect(await opened.kernel.admin.counters()).toMatchObject({ failedRuns: 1, failed: 1, retried: 0 });
    expect((await opened.kernel.stat())[0]).toMatchObject({ active: 0, reserved: 0, delayed: 0 });
  });
});

describe('A job that is settled by its handler', () => {
  it('by requeue comes back with changed headers after the delay and spends no attempt', async () => {
    const { jobs, clock, on } = await openKernel();
    const runs: JobContext[] = [];
    on('job', async (context) => {
      runs.push(context);
      if (runs.length === 1) await context.withHeader('attempts', '2').withDelay(5).requeue('later');
    });
    await jobs.connect('q').push('job', '', { headers: { attempts: '3' } });
    await clock.advance(4_999);
    expect(runs).toHaveLength(1);
    await clock.advance(1);
    expect(runs).toHaveLength(2);
    expect([runs[1]!.headerLine('attempts'), runs[1]!.attempt]).toEqual(['2', 1]);
  });

  it('by fail(error, true) comes back and spends no attempt', async () => {
    let runs = 0;
    const { jobs, clock, on } = await openKernel();
    on('job', async (context) => {
      if (++runs < 10) await context.fail(new Error('again'), true);
    });
    await jobs.connect('q').push('job', '');
    await clock.advance(1_000);
    expect(runs).toBe(10);
  });

  it('by fail is final at once', async () => {
    const opened = await openFailing((context) => context.fail(new Error('hopeless')));
    await opened.jobs.connect('q').push('job', '');
    await opened.clock.advance('1h');
    expect(opened.runs).toHaveLength(1);
    expect(await failedOf(opened)).toMatchObject([{ reason: 'rejected', error: { message: 'hopeless' } }]);
  });

  it('by fail goes where its handler says', async () => {
    const opened = await openKernel();
    opened.on('job', (context) => context.fail(new Error('hopeless')), { onFailure: 'drop' });
    await opened.jobs.connect('q').push('job', '');
    await settled();
    expect(await failedOf(opened)).toEqual([]);
    expect(await opened.kernel.admin.counters()).toMatchObject({ failed: 1 });
  });

  it('by nack without redelivery is gone, counted, and not in the failed store', async () => {
    const opened = await openFailing((context) => context.nack('no'));
    const events: unknown[] = [];
    opened.kernel.events.on('failed', (event) => events.push(event));
    await opened.jobs.connect('q').push('job', '');
    await opened.clock.advance('1h');
    expect(opened.runs).toHaveLength(1);
    expect(await failedOf(opened)).toEqual([]);
    expect((await opened.kernel.stat())[0]).toMatchObject({ active: 0, reserved: 0, delayed: 0 });
    expect(await opened.kernel.admin.counters()).toMatchObject({ failed: 1, completed: 0 });
    expect(events).toMatchObject([{ name: 'job', error: { message: 'no' }, target: 'broker' }]);
  });

  it('by nack with redelivery and delay comes back', async () => {
    let runs = 0;
    const { jobs, clock, on } = await openKernel();
    on('job', async (context) => {
      if (++runs === 1) await context.nack('busy', { redelivery: true, delay: 3 });
    });
    await jobs.connect('q').push('job', '');
    await clock.advance(2_999);
    expect(runs).toBe(1);
    await clock.advance(1);
    expect(runs).toBe(2);
  });

  it('twice gets an error, and the first settlement stands', async () => {
    const errors: unknown[] = [];
    const { kernel, jobs, on } = await openKernel();
    on('job', async (context) => {
      await context.ack();
      await context.requeue('again').catch((error: unknown) => errors.push(error));
    });
    await jobs.connect('q').push('job', '');
    await settled();
    expect(errors).toMatchObject([{ code: 'JOB_ALREADY_SETTLED' }]);
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1, started: 1 });
  });

  it('keeps its slot until the handler ends', async () => {
    const { promise, resolve } = deferred();
    const started: string[] = [];
    const { jobs, on } = await openKernel({ numPollers: 1 });
    on('job', async (context) => {
      started.push(context.text());
      await context.ack();
      await promise;
    });
    await jobs.connect('q').push('job', 'first');
    await jobs.connect('q').push('job', 'second');
    await settled();
    expect(started).toEqual(['first']);
    resolve();
    await settled();
    expect(started).toEqual(['first', 'second']);
  });

  it('and then throws is not settled again: the error is logged and counted', async () => {
    const { kernel, jobs, clock, runs, log } = await openFailing(async (context) => {
      await context.ack();
      fail();
    });
    await jobs.connect('q').push('job', '');
    await clock.advance('1h');
    expect(runs).toHaveLength(1);
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1, failedRuns: 0, lateErrors: 1 });
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });
});

describe('A job without a handler', () => {
  it('is kept in the failed store, runs not again and blocks nobody', async () => {
    const opened = await openKernel();
    const done: string[] = [];
    opened.on('known', (context) => void done.push(context.text()));
    await opened.jobs.connect('q').push('unknown', 'payload');
    await opened.jobs.connect('q').push('known', 'next');
    await opened.clock.advance('1h');
    expect(done).toEqual(['next']);
    expect(await failedOf(opened)).toMatchObject([{ name: 'unknown', reason: 'unknown', payload: 'payload', error: { code: 'UNKNOWN_JOB' } }]);
  });

  it('is told as one that was not run', async () => {
    const { jobs, log } = await openKernel();
    await jobs.connect('q').push('unknown', '');
    await settled();
    const errors = log.lines.filter(({ level }) => level === 'error');
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^Job "unknown" was not run: No handler takes job "unknown" of queue "q"/),
    ]);
  });

  it('runs when a handler was added and it is replayed', async () => {
    const opened = await openKernel();
    await opened.jobs.connect('q').push('unknown', 'payload');
    await settled();
    const done: JobContext[] = [];
    opened.on('unknown', (context) => void done.push(context));
    await opened.kernel.admin.failed.replay({});
    await settled();
    expect(done.map((context) => context.text())).toEqual(['payload']);
  });
});

describe('onFailure', () => {
  const openWith = (onFailure: 'drop' | `queue:${string}`) =>
    openFailing(fail, { pipelines: { q: { driver: 'memory', attempts: 1, onFailure }, dead: { driver: 'memory' } }, consume: ['q'] });

  it('"drop" lets the job go', async () => {
    const opened = await openWith('drop');
    await opened.jobs.connect('q').push('job', '');
    await settled();
    expect(await failedOf(opened)).toEqual([]);
    expect((await opened.kernel.stat()).map(({ active, reserved }) => active + reserved)).toEqual([0, 0]);
  });

  it('"queue:<name>" moves it, without our headers and with its id', async () => {
    const opened = await openWith('queue:dead');
    const task = await opened.jobs.connect('q').push('job', 'payload', { headers: { 'x-a': '1' }, attempts: 1 });
    await settled();
    const { jobs } = await opened.kernel.admin.browse('dead');
    expect(jobs).toMatchObject([{ id: task.id, name: 'job', payload: 'payload', state: 'waiting' }]);
    expect(Object.keys(jobs[0]!.headers)).toEqual(['x-a']);
  });

  it('"queue:<name>" that holds for all queues keeps a job of the one that it names', async () => {
    const opened = await openFailing(fail, { pipelines: { dead: { driver: 'memory' } }, retry: { attempts: 1, onFailure: 'queue:dead' } });
    const task = await opened.jobs.connect('dead').push('job', '');
    await settled();
    expect(opened.runs).toHaveLength(1);
    expect(await failedOf(opened)).toMatchObject([{ id: task.id, reason: 'attempts' }]);
  });

  it('"queue:<name>" moves it as a new push: due at once, with its priority, and without its place in the topic of the first queue', async () => {
    const moved: Job[] = [];
    const recorder: DriverModule<MemoryOptions> = {
      capabilities,
      options: [],
      createDriver: (context) => {
        const driver = createDriver(context);
        const push = driver.push.bind(driver);
        driver.push = (job) => {
          moved.push(job);
          return push(job);
        };
        return driver;
      },
    };
    const { kernel, clock, on } = await openKernel(
      { pipelines: { q: { driver: 'memory', attempts: 1, onFailure: 'queue:dead' }, dead: { driver: 'recorder' } }, consume: ['q'] },
      { drivers: { memory: () => import('../../lib/drivers/memory.driver.js'), recorder: () => Promise.resolve(recorder) } },
    );
    on('job', fail);
    const place = { topic: 'mail', partition: 1, offset: 7n, metadata: '' };
    await kernel.push(new JobRecord('job', 'q', 'payload', { 'x-a': ['1'] }, 3, 1_000, false, 'the-id', place));
    await clock.advance(1_000);
    expect(moved.map(({ id, pipeline, priority, delayMs, kafka }) => ({ id, pipeline, priority, delayMs, kafka }))).toEqual([
      { id: 'the-id', pipeline: 'dead', priority: 3, delayMs: 0, kafka: undefined },
    ]);
  });

  it('"broker" is refused at boot by a driver without dead letters', async () => {
    await expect(openKernel({ pipelines: { q: { driver: 'memory', onFailure: 'broker' } } })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED_BY_DRIVER',
    });
  });

  it('"broker" of a handler goes to the failed store where the driver has no dead letters', async () => {
    const opened = await openKernel();
    opened.on('job', fail, { attempts: 1, onFailure: 'broker' });
    await opened.jobs.connect('q').push('job', '');
    await settled();
    expect(await failedOf(opened)).toHaveLength(1);
  });

  it('"queue:<name>" of a pipeline that is not configured is refused at boot', async () => {
    await expect(openKernel({ pipelines: { q: { driver: 'memory', onFailure: 'queue:nowhere' } } })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      issues: [{ path: 'pipelines.q.onFailure' }],
    });
  });

  it('brings the job back when its failure could not be kept', async () => {
    const opened = await openWith('queue:dead');
    await opened.kernel.destroy('dead');
    await opened.jobs.connect('q').push('job', '');
    await settled();
    expect(opened.runs).toHaveLength(1);
    await opened.clock.advance(5_000);
    expect(opened.runs).toHaveLength(2);
  });
});

describe('autoAck', () => {
  it('acknowledges before the handler runs', async () => {
    const { promise, resolve } = deferred();
    const { kernel, jobs, on } = await openKernel();
    on('job', () => promise);
    await jobs.connect('q').push('job', '', { autoAck: true });
    await settled();
    expect((await kernel.stat())[0]).toMatchObject({ active: 0 });
    expect(await kernel.admin.running()).toHaveLength(1);
    resolve();
    await settled();
    expect(await kernel.admin.counters()).toMatchObject({ autoAcked: 1, completed: 1 });
  });

  it('runs the job at most once, and says that a failed one is lost', async () => {
    const { kernel, jobs, clock, runs, log } = await openFailing(fail);
    await jobs.connect('q').push('job', '', { autoAck: true });
    await clock.advance('1h');
    expect(runs).toHaveLength(1);
    expect(await kernel.admin.counters()).toMatchObject({ autoAcked: 1, completed: 0, failed: 1 });
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('lets the handler settle, without effect', async () => {
    const { kernel, jobs, clock, runs } = await openFailing((context) => context.requeue('again'));
    await jobs.connect('q').push('job', '', { autoAck: true });
    await clock.advance('1h');
    expect(runs).toHaveLength(1);
    expect((await kernel.stat())[0]).toMatchObject({ active: 0, reserved: 0, delayed: 0 });
  });
});
