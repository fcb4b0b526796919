import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  Dispatcher,
  JobHandler,
  JobsKernel,
  JobsModule,
  JobsServer,
  JobsService,
  KernelEnvironment,
  type KernelDispatcher,
  type KernelService,
} from '../../lib/index.js';
import type { Deadline } from '../../lib/contract/clock.js';
import { JobsTester, JobsTestingModule } from '../../lib/testing/index.js';
import { Test } from '@nestjs/testing';
import { bootError, closeAll, closeLater, eventsOf, nextFailed, openApp } from './support/jobs-app.js';

/** A source that makes nothing, and remembers what it was asked. */
function quietService(name = 'quiet') {
  const calls: string[] = [];

  @Injectable()
  class QuietService implements KernelService {
    readonly name = name;

    init(config: unknown): void {
      calls.push(`init ${JSON.stringify(config)}`);
    }

    serve(): void {
      calls.push('serve');
    }

    async stop(deadline: Deadline): Promise<void> {
      calls.push(`stop ${deadline.remainingMs() > 0 ? 'in time' : 'late'}`);
    }
  }
  return { QuietService, calls };
}

/** An environment variable during a test. */
function setVariable(name: string, value: string): void {
  process.env[name] = value;
  closeLater(async () => delete process.env[name]);
}

describe('other sources of work', () => {
  afterEach(closeAll);

  it('begin with the kernel and end before it, with their sections: classes, objects and those that were added', async () => {
    const [first, second, third] = [quietService('first'), quietService('second'), quietService('third')];

    @Injectable()
    class Adding implements OnModuleInit {
      constructor(private readonly kernel: JobsKernel) {}
      onModuleInit(): void {
        this.kernel.addService(new third.QuietService(), { third: 3 });
      }
    }
    const services = [{ service: first.QuietService, config: { first: 1 } }, new second.QuietService()];
    const { app, kernel, log } = await openApp({ jobs: { services }, providers: [Adding] });
    expect([first.calls, second.calls, third.calls]).toEqual([
      ['init {"first":1}', 'serve'],
      ['init undefined', 'serve'],
      ['init {"third":3}', 'serve'],
    ]);
    expect(log.ours('log')).toContain('Services: third, first, second.');
    expect(() => kernel.addService(new first.QuietService())).toThrow('before the kernel starts');
    await app.close();
    expect(first.calls.at(-1)).toBe('stop in time');
  });

  it('keep the application from starting when one of them cannot begin; the others are ended', async () => {
    const { QuietService, calls } = quietService();
    class Broken extends quietService('broken').QuietService {
      override serve(): void {
        throw new Error('There is no such folder.');
      }
    }
    const error = await bootError({ jobs: { services: [QuietService, Broken] } });
    expect(error).toMatchObject({ code: 'SERVICE_FAILED', message: expect.stringContaining('There is no such folder.') });
    expect(calls).toEqual(['init undefined', 'serve', 'stop in time']);
  });

  it('begin with a kernel that something asks to start before the bootstrap', async () => {
    const { QuietService, calls } = quietService();
    @Injectable()
    class Early implements OnModuleInit {
      constructor(private readonly kernel: JobsKernel) {}
      onModuleInit(): Promise<void> {
        return this.kernel.start();
      }
    }
    const { kernel } = await openApp({ providers: [Early], jobs: { services: [QuietService], autoStart: false } });
    expect([kernel.isRunning, calls]).toEqual([true, ['init undefined', 'serve']]);
  });

  it('are told as wrong at boot when they are none', async () => {
    const wrong = { services: ['ticker'], dispatchers: [{ canServe: true }] } as never;
    const { message } = await bootError({ jobs: wrong });
    expect(message).toContain('services[0]: "ticker" is not allowed. Give a service:');
    expect(message).toContain('dispatchers[0]: An object is not allowed. Give a dispatcher:');
  });

  it('have dispatchers, asked in order when serve() is called: those that were added, of the options, of the providers, for jobs', async () => {
    const asked: string[] = [];
    class Asked implements KernelDispatcher {
      constructor(readonly name: string) {}
      canServe(): boolean {
        asked.push(this.name);
        return false;
      }
      async serve(): Promise<void> {}
    }
    @Dispatcher()
    class Provided extends Asked {
      constructor() {
        super('provided');
      }
    }
    const { kernel, app } = await openApp({ jobs: { dispatchers: [new Asked('given'), Provided] }, providers: [Provided] });
    kernel.addDispatcher(new Asked('added'));
    await expect(kernel.serve()).rejects.toMatchObject({ code: 'DISPATCHER_NOT_FOUND', asked: ['Asked', 'Provided', 'JobsServer', 'Asked'] });
    expect(asked).toEqual(['given', 'provided', 'added']);
    expect(app.get(JobsServer).canServe(new KernelEnvironment({ RR_MODE: 'jobs' }))).toBe(true);
    await expect(kernel.serveJobs()).rejects.toMatchObject({ code: 'NOT_SUPPORTED_BY_KERNEL' });
  });

  it('and jobs have finalizers, which run after every run, failed ones too, and once more at the end', async () => {
    const ran: boolean[] = [];

    @Injectable()
    class Handlers {
      constructor(kernel: JobsKernel) {
        kernel.addFinalizer((terminate) => void ran.push(terminate));
      }

      @JobHandler('good')
      good(): void {}

      @JobHandler('bad', { attempts: 1 })
      bad(): void {
        throw new Error('It is broken.');
      }
    }
    const { app, jobs, kernel } = await openApp({ providers: [Handlers] });
    const completed = eventsOf(jobs, 'completed');
    await jobs.queue('q').push('good', '');
    await completed.next();
    expect((await nextFailed(jobs, () => jobs.queue('q').push('bad', ''))).error.message).toBe('It is broken.');
    expect(ran).toEqual([false, false]);
    expect(() => kernel.addFinalizer(() => {})).toThrow('Add it in a constructor or in onModuleInit()');
    await app.close();
    expect(ran).toEqual([false, false, true]);
  });

  it('and jobs have finalizers, of which the log says why they failed; the job is done', async () => {
    @Injectable()
    class Handlers {
      constructor(kernel: JobsKernel) {
        for (const reason of ['The cache is gone.', 'The session is open.']) {
          kernel.addFinalizer(() => {
            throw new Error(reason);
          });
        }
      }

      @JobHandler('good')
      good(): void {}
    }
    const { app, jobs, log } = await openApp({ providers: [Handlers] });
    const completed = eventsOf(jobs, 'completed');
    const { id } = await jobs.queue('q').push('good', '');
    await completed.next();
    await app.close();
    const reasons = '2 of 2 finalizers failed, the others have run: The cache is gone.; The session is open.';
    expect(log.ours('error')).toEqual([
      `What has to be reset after job "good" (${id}) was not: ${reasons}`,
      `Not all finalizers ran to their end: ${reasons}`,
    ]);
  });

  it('do not run in tests, and jobs with a pool run in the process of the test', async () => {
    const { QuietService, calls } = quietService();
    const ran: number[] = [];

    @Injectable()
    class Handlers {
      @JobHandler('work')
      work(): void {
        ran.push(process.pid);
      }
    }
    const pool = { numWorkers: 4, entry: 'main.js' };
    const imports = [
      JobsTestingModule.forRoot({ mode: 'inline' }),
      JobsModule.forRoot({ pipelines: { q: { driver: 'memory' } }, pool, services: [QuietService] }),
    ];
    const app = await (await Test.createTestingModule({ imports, providers: [Handlers] }).compile()).init();
    closeLater(() => app.close());
    await app.get(JobsService).queue('q').push('work', '');
    expect([ran, calls, app.get(JobsTester)]).toEqual([[process.pid], [], expect.any(JobsTester)]);
  });

  it('a pool of the file of a test is refused, as it would run the tests again', async () => {
    const { message } = await bootError({ jobs: { pool: { numWorkers: 1 } } });
    expect(message).toContain('pool: This process runs the tests of Jest, which its workers could run. Give "entry", "module" or "command".');
  });

  it('a pool that cannot start is an error of the boot with what the worker wrote', async () => {
    const command = [process.execPath, '-e', 'console.error("no database here"); process.exit(3)'];
    const error = await bootError({ jobs: { pool: { numWorkers: 2, command } } });
    expect(error).toMatchObject({ code: 'WORKER_START', message: expect.stringMatching(/exit code 3.*no database here/s) });
  });

  it('a process that was spawned for another one is a worker, whose services stay elsewhere', async () => {
    setVariable('JOBS_ROLE', 'producer'); // it boots without serving
    setVariable('RR_MODE', 'ticker');
    const { kernel } = await openApp({ jobs: { services: [quietService().QuietService] } });
    expect([kernel.role, kernel.services]).toEqual(['producer', []]);
  });
});
