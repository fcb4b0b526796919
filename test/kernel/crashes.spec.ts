import type { Delivery } from '../../lib/contract/driver.js';
import { DONE_OUTCOME, type Executor, type JobControl, type Outcome } from '../../lib/contract/executor.js';
import { openDurable } from '../support/durable-driver.js';
import { closeKernels, openKernel, settled } from '../support/kernel.js';

afterEach(closeKernels);

/** Answers with the outcomes of a script, then with "done". */
class ScriptedExecutor implements Executor {
  readonly runs: { attempt: number; headers: Record<string, readonly string[]> }[] = [];
  slots = Infinity;
  #listener: () => void = () => {};

  constructor(readonly script: (Outcome | Error)[]) {}

  capacity(): number {
    return this.slots;
  }

  onCapacity(listener: () => void): void {
    this.#listener = listener;
  }

  open(slots: number): void {
    this.slots = slots;
    this.#listener();
  }

  execute({ job }: Delivery, control: JobControl): Promise<Outcome> {
    this.runs.push({ attempt: control.attempt, headers: { ...job.headers } });
    const next = this.script.shift() ?? DONE_OUTCOME;
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  }
}

const crash: Outcome = { kind: 'crashed', reason: 'exit', detail: 'exit code 139' };

describe('A job whose worker process dies', () => {
  it('runs again, counted, with its death in the history', async () => {
    const executor = new ScriptedExecutor([crash]);
    const { kernel, jobs, clock } = await openKernel({}, { executor });
    await jobs.connect('q').push('job', '');
    await clock.advance('1h');
    expect(executor.runs.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1, retried: 1, failedRuns: 1 });
  });

  it('is quarantined after maxCrashes, whatever attempts are left', async () => {
    const executor = new ScriptedExecutor([crash, crash, crash]);
    const { kernel, jobs, clock } = await openKernel({ maxCrashes: 2, retry: { attempts: 10 } }, { executor });
    await jobs.connect('q').push('job', '');
    await clock.advance('10h');
    expect(executor.runs).toHaveLength(2);
    const [record] = (await kernel.admin.failed.list()).jobs;
    expect(record).toMatchObject({ reason: 'crashed', attempts: 2, error: { code: 'WORKER_EXIT', message: 'exit code 139' } });
    expect(record!.history).toHaveLength(2);
  });
});

describe('An executor', () => {
  it('that rejects has failed the job with that error', async () => {
    const executor = new ScriptedExecutor([new RangeError('broken executor')]);
    const { kernel, jobs } = await openKernel({ retry: { attempts: 1 } }, { executor });
    await jobs.connect('q').push('job', '');
    await settled();
    expect((await kernel.admin.failed.list()).jobs).toMatchObject([{ error: { type: 'RangeError', message: 'broken executor' } }]);
  });

  it('that did not start a job gives it back, nothing counted', async () => {
    const executor = new ScriptedExecutor([{ kind: 'unstarted' }]);
    const { kernel, jobs } = await openKernel({}, { executor });
    await jobs.connect('q').push('job', '');
    await settled();
    expect(executor.runs.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(await kernel.admin.counters()).toMatchObject({ completed: 1, failedRuns: 0, retried: 0 });
  });

  it('without capacity gets no job, and gets them when it has some', async () => {
    const executor = new ScriptedExecutor([]);
    executor.slots = 0;
    const { kernel, jobs } = await openKernel({}, { executor });
    await jobs.connect('q').push('job', '');
    await settled();
    expect(executor.runs).toHaveLength(0);
    expect((await kernel.stat())[0]).toMatchObject({ active: 1 });
    executor.open(1);
    await settled();
    expect(executor.runs).toHaveLength(1);
  });

  it('of each pipeline is asked for once; each has its own queue', async () => {
    const busy = new ScriptedExecutor([]);
    busy.slots = 0;
    const free = new ScriptedExecutor([]);
    const { jobs } = await openKernel(
      { pipelines: { slow: { driver: 'memory', priority: 1 }, fast: { driver: 'memory' } } },
      { executor: ({ name }) => (name === 'slow' ? busy : free) },
    );
    await jobs.connect('slow').push('job', '');
    await jobs.connect('fast').push('job', '');
    await settled();
    expect([busy.runs.length, free.runs.length]).toEqual([0, 1]);
  });
});

describe('A driver that counts starts', () => {
  it('is told of all jobs of a dispatch turn before the first of them runs', async () => {
    const order: string[] = [];
    const { jobs, kernel, driver, on } = await openDurable(
      { numPollers: 3, consume: [] },
      { starting: (deliveries) => order.push(`starting ${deliveries.length}`) },
    );
    on('job', () => void order.push('run'));
    for (let index = 0; index < 4; index++) await jobs.connect('q').push('job', '');
    await kernel.resume('q');
    await settled();
    expect(order).toEqual(['starting 3', 'run', 'run', 'run', 'starting 1', 'run']);
    expect(driver.log.filter((line) => line.startsWith('ack'))).toHaveLength(4);
  });
});
