import { Inject, Injectable, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  defineJob,
  getJobsToken,
  getKernelToken,
  getQueueToken,
  InjectJobs,
  InjectQueue,
  JobCtx,
  JobHandler,
  JOBS_MODULE_OPTIONS,
  JobsConfigError,
  JobsKernel,
  JobsModule,
  JobsService,
  KernelStoppingError,
  Queue,
  QueuedTask,
  type Job,
  type JobContext,
  type JobProcessMiddleware,
  type JobPushMiddleware,
  type JobsModuleOptions,
  type JobsOptionsFactory,
  type PushReceipt,
} from '../../lib/index.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { Inbox } from '../support/inbox.js';
import { settled } from '../support/kernel.js';
import { bootError, closeAll, closeLater, eventsOf, LogKeeper, nextFailed, openApp } from './support/jobs-app.js';

const MEMORY = { driver: 'memory' } as const;

/** An application of these modules alone. */
async function openModules(...imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>) {
  const log = new LogKeeper();
  const app = await Test.createTestingModule({ imports }).setLogger(log).compile();
  closeLater(() => app.close());
  await app.init();
  return { app, log };
}

/** What an environment variable is during a test. */
function setVariable(name: string, value: string | undefined): void {
  const before = process.env[name];
  const set = (text: string | undefined): void => {
    if (text === undefined) delete process.env[name];
    else process.env[name] = text;
  };
  set(value);
  closeLater(async () => set(before));
}

describe('the jobs module', () => {
  afterEach(closeAll);

  describe('its options', () => {
    it('gives queues, service, kernel and its options to every module', async () => {
      @Injectable()
      class Shop {
        constructor(
          @InjectQueue('mails') readonly mails: Queue,
          @InjectQueue('declared.later') readonly later: Queue,
          @InjectJobs() readonly jobs: JobsService,
          readonly service: JobsService,
          readonly kernel: JobsKernel,
          @Inject(JOBS_MODULE_OPTIONS) readonly options: JobsModuleOptions,
        ) {}
      }
      @Module({ providers: [Shop] })
      class ShopModule {}
      const options = { pipelines: { mails: MEMORY }, consume: ['mails', { name: 'declared.later', declaredLater: true }] };
      const { app } = await openModules(JobsModule.forRoot(options), ShopModule);
      const shop = app.get(Shop, { strict: false });
      expect([shop.mails.name, shop.later.name]).toEqual(['mails', 'declared.later']);
      expect(shop.jobs).toBe(shop.service);
      expect(await shop.jobs.names()).toEqual(['mails']);
      expect(shop.kernel.isRunning).toBe(true);
      expect(shop.options).toEqual(options);
    });

    it('can be kept from other modules', async () => {
      @Injectable()
      class Shop {
        constructor(readonly jobs: JobsService) {}
      }
      @Module({ providers: [Shop] })
      class ShopModule {}
      const compiling = Test.createTestingModule({ imports: [JobsModule.forRoot({ isGlobal: false }), ShopModule] })
        .setLogger(new LogKeeper())
        .compile();
      await expect(compiling).rejects.toThrow("Nest can't resolve dependencies of the Shop");
    });

    it.each<
      [string, (classes: { ConfigModule: Type; Config: Type; Factory: Type<JobsOptionsFactory> }) => Parameters<typeof JobsModule.forRootAsync>[0]]
    >([
      [
        'useFactory with inject and imports',
        ({ ConfigModule, Config }) => ({
          imports: [ConfigModule],
          inject: [Config],
          useFactory: async (config: { queue: string }) => ({ pipelines: { [config.queue]: MEMORY } }),
        }),
      ],
      ['useClass with imports', ({ ConfigModule, Factory }) => ({ imports: [ConfigModule], useClass: Factory })],
      ['useExisting', ({ ConfigModule, Factory }) => ({ imports: [ConfigModule], useExisting: Factory })],
      [
        'useFactory with extraProviders',
        () => ({
          extraProviders: [{ provide: 'queue', useValue: 'configured' }],
          inject: ['queue'],
          useFactory: (queue: string) => ({ pipelines: { [queue]: MEMORY } }),
        }),
      ],
    ])('come from other providers by %s', async (_way, optionsOf) => {
      @Injectable()
      class Config {
        readonly queue = 'configured';
      }
      @Injectable()
      class Factory implements JobsOptionsFactory {
        constructor(private readonly config: Config) {}

        createJobsOptions(): JobsModuleOptions {
          return { pipelines: { [this.config.queue]: MEMORY } };
        }
      }
      @Module({ providers: [Config, Factory], exports: [Config, Factory] })
      class ConfigModule {}
      const { app } = await openModules(JobsModule.forRootAsync(optionsOf({ ConfigModule, Config, Factory })), JobsModule.forFeature(['configured']));
      expect(await app.get(JobsService).names()).toEqual(['configured']);
      expect(app.get<Queue>(getQueueToken('configured')).name).toBe('configured');
    });

    it('are refused when a factory returns none', async () => {
      const compiling = Test.createTestingModule({ imports: [JobsModule.forRootAsync({ useFactory: () => undefined as never })] })
        .setLogger(new LogKeeper())
        .compile();
      await expect(compiling).rejects.toThrow(
        'Wrong configuration of jobs.\n  - options: undefined is not allowed. Give an object; a factory has to return it.',
      );
    });

    it('are refused with everything that is wrong, in one error', async () => {
      const options = {
        autostart: false,
        timeot: 3,
        role: 'producr',
        middleware: { pusch: [] },
        handlers: { 'mail.send': 5 },
        numPollers: -1,
      } as unknown as JobsModuleOptions;
      const error = (await bootError({ jobs: options })) as JobsConfigError;
      expect(error).toBeInstanceOf(JobsConfigError);
      expect(error.message.split('\n')).toEqual([
        'Wrong configuration of jobs.',
        '  - autostart: There is no option "autostart". Did you mean "autoStart"?',
        '  - timeot: There is no option "timeot". Did you mean "timeout"?',
        '  - role: "producr" is not allowed. Give one of "auto", "producer", "kernel", "worker".',
        '  - handlers["mail.send"]: 5 is not allowed. Give an object with settings of a handler.',
        '  - middleware.pusch: There is no option "pusch". Did you mean "push"?',
        '  - numPollers: -1 is not allowed. Give a whole number of jobs, 1 or more (default 64).',
      ]);
    });
  });

  describe('queues of a feature', () => {
    it('have options of their own', async () => {
      @Injectable()
      class Shop {
        constructor(@InjectQueue('mails') readonly mails: Queue) {}
      }
      @Module({ imports: [JobsModule.forFeature([{ name: 'mails', options: { priority: 3, headers: { 'x-shop': 'books' } } }])], providers: [Shop] })
      class ShopModule {}
      const { app } = await openModules(JobsModule.forRoot({ pipelines: { mails: MEMORY }, autoStart: false }), ShopModule);
      const task = await app.get(Shop, { strict: false }).mails.push('mail.send', null);
      expect({ ...task.headers }).toEqual({ 'x-shop': ['books'] });
      expect(app.get<Queue>(getQueueToken('mails')).defaultOptions.priority).toBe(3);
    });

    it('may have options that come from other providers', async () => {
      @Module({ providers: [{ provide: 'TENANT', useValue: 'acme' }], exports: ['TENANT'] })
      class TenantModule {}
      const feature = JobsModule.forFeatureAsync([
        {
          name: 'mails',
          imports: [TenantModule],
          inject: ['TENANT'],
          useFactory: (tenant: string) => Promise.resolve({ headers: { 'x-tenant': tenant } }),
        },
      ]);
      const { app } = await openModules(JobsModule.forRoot({ pipelines: { mails: MEMORY }, autoStart: false }), feature);
      const task = await app.get<Queue>(getQueueToken('mails'), { strict: false }).push('mail.send', null);
      expect({ ...task.headers }).toEqual({ 'x-tenant': ['acme'] });
    });

    it('can be replaced in a test', async () => {
      @Injectable()
      class Shop {
        constructor(@InjectQueue('q') readonly mails: Queue) {}
      }
      const pushed: unknown[] = [];
      const { app } = await openApp({
        providers: [Shop],
        override: (builder) => builder.overrideProvider(getQueueToken('q')).useValue({ push: async (name: string) => pushed.push(name) }),
      });
      await app.get(Shop).mails.push('mail.send', null);
      expect(pushed).toEqual(['mail.send']);
    });

    it('can be replaced with the whole service', async () => {
      @Injectable()
      class Shop {
        constructor(readonly jobs: JobsService) {}
      }
      const fake = { push: async () => 'faked' };
      const { app } = await openApp({ providers: [Shop], override: (builder) => builder.overrideProvider(JobsService).useValue(fake) });
      expect(app.get(Shop).jobs).toBe(fake);
    });
  });

  describe('the role', () => {
    class Mails {
      @JobHandler('mail.send', { queue: 'nowhere' })
      send(): void {}
    }

    it('producer binds no handler, consumes nothing and keeps what is pushed', async () => {
      const { jobs, kernel } = await openApp({ providers: [Mails], jobs: { pipelines: { q: MEMORY }, role: 'producer' } });
      expect(await jobs.queue('q').push('mail.send', null)).toBeInstanceOf(QueuedTask);
      await kernel.start();
      expect([kernel.role, kernel.isRunning]).toEqual(['producer', false]);
      expect(await jobs.queue('q').stat()).toMatchObject({ active: 0, reserved: 1, ready: false });
    });

    it('producer does not begin to consume when a queue is resumed there: without handlers its jobs would all fail', async () => {
      const { jobs } = await openApp({ jobs: { pipelines: { q: MEMORY }, role: 'producer' } });
      await jobs.queue('q').push('mail.send', null);
      await expect(jobs.resume('q')).rejects.toThrow('It runs no jobs: resume it in the process that does.');
      await settled();
      expect(await jobs.queue('q').stat()).toMatchObject({ reserved: 1, ready: false });
    });

    it('kernel checks its handlers and consumes', async () => {
      const error = await bootError({ providers: [Mails], jobs: { pipelines: { q: MEMORY }, role: 'kernel' } });
      expect(error).toMatchObject({ code: 'UNKNOWN_QUEUE' });
    });

    it('auto is the kernel', async () => {
      const { kernel } = await openApp();
      expect([kernel.role, kernel.isRunning]).toEqual(['kernel', true]);
    });

    it('auto can be overridden by JOBS_ROLE', async () => {
      setVariable('JOBS_ROLE', 'producer');
      const { kernel } = await openApp({ jobs: { pipelines: { q: MEMORY }, role: 'auto' } });
      expect(kernel.role).toBe('producer');
    });

    it('auto takes an empty JOBS_ROLE for none', async () => {
      setVariable('JOBS_ROLE', '');
      expect((await openApp()).kernel.role).toBe('kernel');
    });

    it('that the code names is not overridden by JOBS_ROLE', async () => {
      setVariable('JOBS_ROLE', 'producer');
      const { kernel } = await openApp({ jobs: { pipelines: { q: MEMORY }, role: 'kernel' } });
      expect(kernel.role).toBe('kernel');
    });

    it('in JOBS_ROLE is refused when it is none', async () => {
      setVariable('JOBS_ROLE', 'consumer');
      const error = await bootError({});
      expect(error.message).toBe(
        'Wrong configuration of jobs.\n  - JOBS_ROLE: "consumer" is not allowed. Give one of "auto", "producer", "kernel", "worker".',
      );
    });

    it('worker is refused in a process that no kernel spawned', async () => {
      const message = '"worker" belongs to a process that a kernel spawned; none did, as RR_MODE is not set. Use "auto", which is a worker in those.';
      expect((await bootError({ jobs: { role: 'worker' } })).message).toBe(`Wrong configuration of jobs.\n  - role: ${message}`);
      setVariable('JOBS_ROLE', 'worker');
      expect((await bootError({})).message).toBe(`Wrong configuration of jobs.\n  - JOBS_ROLE: ${message}`);
    });

    it('kernel starts no workers in a process that is one itself', async () => {
      setVariable('RR_MODE', 'jobs');
      const error = await bootError({ jobs: { role: 'kernel', pool: { entry: 'main.js' } } });
      expect(error.message).toContain('pool: This process is a worker itself, as RR_MODE says');
    });
  });

  describe('consuming', () => {
    it('runs the pipelines that consume names, warns of handlers whose queue it does not, and says what it consumes', async () => {
      const inbox = new Inbox<string>();
      class Mails {
        @JobHandler('mail.send', { queue: 'in' })
        incoming(@JobCtx() context: JobContext): void {
          inbox.put(context.queue);
        }

        @JobHandler('mail.send', { queue: 'out' })
        outgoing(@JobCtx() context: JobContext): void {
          inbox.put(context.queue);
        }
      }
      const { jobs, log } = await openApp({ providers: [Mails], jobs: { pipelines: { in: MEMORY, out: MEMORY }, consume: ['in'] } });
      expect(log.ours('log')).toEqual(['Consuming "in".']);
      expect(log.ours('warn')).toEqual(['Queue "out" has handlers but is not consumed here. Add it to "consume", or resume it.']);
      await jobs.queue('out').push('mail.send', null);
      await jobs.queue('in').push('mail.send', null);
      expect(await inbox.next()).toBe('in');
      await jobs.resume('out');
      expect(await inbox.next()).toBe('out');
    });

    it('accepts a handler of a queue that consume names and that is declared later, and runs it at once', async () => {
      const inbox = new Inbox<string>();
      class Mails {
        @JobHandler('mail.send', { queue: 'later' })
        send(@JobCtx() context: JobContext): void {
          inbox.put(context.queue);
        }
      }
      const { jobs } = await openApp({ providers: [Mails], jobs: { consume: [{ name: 'later', declaredLater: true }] } });
      const later = await jobs.create({ driver: 'memory', name: 'later' });
      await later.push('mail.send', null);
      expect(await inbox.next()).toBe('later');
    });

    it('waits for JobsKernel.start() when autoStart is false', async () => {
      const inbox = new Inbox<string>();
      class Mails {
        @JobHandler('mail.send')
        send(): void {
          inbox.put('sent');
        }
      }
      const { jobs, kernel, log } = await openApp({ providers: [Mails], jobs: { pipelines: { q: MEMORY }, autoStart: false } });
      await jobs.queue('q').push('mail.send', null);
      await settled();
      expect([kernel.isRunning, inbox.length, log.ours('log')]).toEqual([false, 0, []]);
      await kernel.start();
      await kernel.start();
      expect(await inbox.next()).toBe('sent');
    });

    it('begins with the bootstrap when something asks for it earlier', async () => {
      const inbox = new Inbox<string>();
      @Injectable()
      class Mails {
        constructor(
          private readonly kernel: JobsKernel,
          @InjectQueue('q') private readonly queue: Queue,
        ) {}

        async onModuleInit(): Promise<void> {
          await this.queue.push('mail.send', null);
          await this.kernel.start();
          inbox.put(`running: ${this.kernel.isRunning}`);
        }

        @JobHandler('mail.send')
        send(): void {
          inbox.put('sent');
        }
      }
      await openApp({ providers: [Mails], jobs: { pipelines: { q: MEMORY }, autoStart: false } });
      expect(await inbox.take(2)).toEqual(['running: false', 'sent']);
    });

    it('begins with the handlers where a queue is resumed before they are bound', async () => {
      const inbox = new Inbox<string>();
      @Injectable()
      class Mails {
        constructor(private readonly jobs: JobsService) {}

        async onModuleInit(): Promise<void> {
          await this.jobs.create({ driver: 'memory', name: 'tenant' });
          for (const queue of ['q', 'tenant']) {
            await this.jobs.queue(queue).push('mail.send', null);
            await this.jobs.resume(queue);
          }
          await expect(this.jobs.resume('nowhere')).rejects.toMatchObject({ code: 'PIPELINE_NOT_FOUND' });
          await settled();
        }

        @JobHandler('mail.send')
        send(@JobCtx() context: JobContext): void {
          inbox.put(context.pipeline);
        }
      }
      const { jobs } = await openApp({ providers: [Mails], jobs: { pipelines: { q: MEMORY } } });
      expect((await inbox.take(2)).sort()).toEqual(['q', 'tenant']);
      expect(await jobs.admin.counters()).toMatchObject({ failed: 0 });
    });

    it('ends for good by JobsKernel.stop(); a memory pipeline takes no jobs then', async () => {
      const { jobs, kernel } = await openApp();
      await kernel.stop();
      await expect(jobs.queue('q').push('mail.send', null)).rejects.toThrow(KernelStoppingError);
      await kernel.start();
      expect(kernel.isRunning).toBe(false);
    });

    it('takes its time from the clock it is given', async () => {
      const clock = new VirtualClock();
      const inbox = new Inbox<string>();
      class Mails {
        @JobHandler('mail.tips')
        send(): void {
          inbox.put('sent');
        }
      }
      const { jobs } = await openApp({ providers: [Mails], jobs: { pipelines: { q: MEMORY }, clock } });
      await jobs.queue('q').push('mail.tips', null, { delay: '30d' });
      await clock.advance('29d');
      expect(inbox.length).toBe(0);
      await clock.advance('1d');
      expect(await inbox.next()).toBe('sent');
    });
  });

  describe('middleware', () => {
    it('goes around every push, the first one outermost', async () => {
      const order: string[] = [];
      @Injectable()
      class Outer implements JobPushMiddleware {
        async push(job: Job, next: (job: Job) => Promise<PushReceipt>): Promise<PushReceipt> {
          order.push(`outer ${job.name}`);
          return next(job);
        }
      }
      @Injectable()
      class Inner implements JobPushMiddleware {
        constructor(readonly kernel: JobsKernel) {}

        async push(job: Job, next: (job: Job) => Promise<PushReceipt>): Promise<PushReceipt> {
          order.push(`inner ${job.name} ${typeof this.kernel.start}`);
          if (job.name === 'forbidden') throw new RangeError('Not this one.');
          return next(job);
        }
      }
      const { jobs } = await openApp({
        providers: [Inner, Outer],
        jobs: { pipelines: { q: MEMORY }, autoStart: false, middleware: { push: [Outer, Inner] } },
      });
      const queue = jobs.queue('q');
      await queue.push('one', null);
      await expect(queue.push('forbidden', null)).rejects.toThrow('Not this one.');
      await expect(queue.dispatchMany([queue.create('two', null), queue.create('forbidden', null)])).rejects.toMatchObject({
        outcomes: [{ ok: true }, { ok: false, error: { message: 'Not this one.' } }],
      });
      expect(order.slice(0, 2)).toEqual(['outer one', 'inner one function']);
      expect(await queue.stat()).toMatchObject({ reserved: 2 });
    });

    it('that is undefined is none', async () => {
      const middleware = { push: undefined, process: undefined } as unknown as NonNullable<JobsModuleOptions['middleware']>;
      const { jobs } = await openApp({ jobs: { pipelines: { q: MEMORY }, middleware } });
      expect(await jobs.queue('q').push('mail.send', null)).toBeInstanceOf(QueuedTask);
    });

    it('may hand on a copied job: its id is that of the task', async () => {
      const ran = new Inbox<[id: string, tenant: string]>();
      @Injectable()
      class Tenant implements JobPushMiddleware {
        push(job: Job, next: (job: Job) => Promise<PushReceipt>): Promise<PushReceipt> {
          return next({ ...job, headers: { ...job.headers, tenant: ['acme'] } });
        }
      }
      class Mails {
        @JobHandler('mail.send')
        send(@JobCtx() context: JobContext): void {
          ran.put([context.id, context.headerLine('tenant')]);
        }
      }
      const { jobs } = await openApp({ providers: [Tenant, Mails], jobs: { pipelines: { q: MEMORY }, middleware: { push: [Tenant] } } });
      const task = await jobs.queue('q').push('mail.send', null);
      expect(await ran.next()).toEqual([task.id, 'acme']);
      await jobs.queue('q').push('mail.send', null, { id: 'chosen' });
      expect(await ran.next()).toEqual(['chosen', 'acme']);
    });

    it('goes around every run, outside of everything of Nest; its error is that of the job', async () => {
      const order: string[] = [];
      @Injectable()
      class Timing implements JobProcessMiddleware {
        async process(context: JobContext, next: () => Promise<unknown>): Promise<unknown> {
          order.push(`before ${context.name}`);
          if (context.name === 'forbidden') throw new RangeError('Not this one.');
          const result = await next();
          order.push(`after ${context.name}: ${String(result)}`);
          return result;
        }
      }
      class Handlers {
        @JobHandler('*', { attempts: 1 })
        handle(): string {
          order.push('handler');
          return 'answer';
        }
      }
      const { jobs } = await openApp({ providers: [Timing, Handlers], jobs: { pipelines: { q: MEMORY }, middleware: { process: [Timing] } } });
      const completed = eventsOf(jobs, 'completed');
      await jobs.queue('q').push('one', null);
      await completed.next();
      const failed = await nextFailed(jobs, () => jobs.queue('q').push('forbidden', null));
      expect(order).toEqual(['before one', 'handler', 'after one: answer', 'before forbidden']);
      expect(failed.error.message).toBe('Not this one.');
    });

    it.each(['push', 'process'] as const)('of kind %s that is no provider is an error of the boot', async (kind) => {
      class Missing {
        push(): never {
          throw new Error('Never called.');
        }

        process(): never {
          throw new Error('Never called.');
        }
      }
      const error = await bootError({ jobs: { middleware: { [kind]: [Missing] } } });
      expect(error.message).toBe(
        `Wrong configuration of jobs.\n  - middleware.${kind}[0]: There is no instance of Missing for all jobs. ` +
          'List it under "providers" of a module, in the default scope.',
      );
    });
  });

  describe('with two kernels', () => {
    it('keeps their queues, handlers and settings apart', async () => {
      const inbox = new Inbox<string>();
      class Handlers {
        @JobHandler('report', { queue: 'q' })
        main(): void {
          inbox.put('main');
        }

        @JobHandler('report', { queue: 'q', kernel: 'audit' })
        audit(): void {
          inbox.put('audit');
        }
      }
      @Injectable()
      class Producer {
        constructor(
          @InjectQueue('q') readonly main: Queue,
          @InjectQueue('q', 'audit') readonly audit: Queue,
          @InjectJobs('audit') readonly jobs: JobsService,
        ) {}
      }
      const audit = JobsModule.forRoot({ name: 'audit', pipelines: { q: MEMORY, extra: MEMORY } });
      const { app } = await openApp({ imports: [audit], providers: [Handlers, Producer] });
      const producer = app.get(Producer);
      await producer.audit.push('report', null);
      expect(await inbox.next()).toBe('audit');
      await producer.main.push('report', null);
      expect(await inbox.next()).toBe('main');
      expect(producer.jobs).toBe(app.get(getJobsToken('audit')));
      expect(await producer.jobs.names()).toEqual(['q', 'extra']);
      expect(app.get<JobsKernel>(getKernelToken('audit'))).not.toBe(app.get(JobsKernel));
    });

    it('stops both with the application', async () => {
      const audit = JobsModule.forRoot({ name: 'audit', pipelines: { q: MEMORY } });
      const { app, jobs } = await openApp({ imports: [audit] });
      const audited = app.get<JobsService>(getJobsToken('audit'));
      await app.close();
      await expect(jobs.queue('q').push('x', null)).rejects.toThrow(KernelStoppingError);
      await expect(audited.queue('q').push('x', null)).rejects.toThrow(KernelStoppingError);
    });

    it('refuses two of the same name', async () => {
      expect((await bootError({ imports: [JobsModule.forRoot({})] })).message).toBe(
        'Wrong configuration of jobs.\n  - name: JobsModule.forRoot() is imported 2 times without a "name". Import it once, or give each kernel a name of its own.',
      );
    });

    it('refuses a handler of a kernel that is not there', async () => {
      class Handlers {
        @JobHandler('report', { kernel: 'audti' })
        report(): void {}
      }
      const audit = JobsModule.forRoot({ name: 'audit', pipelines: { q: MEMORY } });
      expect((await bootError({ imports: [audit], providers: [Handlers] })).message).toBe(
        'Wrong configuration of jobs.\n  - Handlers.report(): It belongs to kernel "audti", which no JobsModule.forRoot() makes. Set "kernel" to one of "default", "audit".',
      );
    });
  });

  it('pushes typed jobs by definition', async () => {
    const SendMail = defineJob<{ to: string }>('mail.send', { queue: 'q' });
    const { jobs } = await openApp({ jobs: { pipelines: { q: MEMORY }, autoStart: false } });
    const task = await jobs.push(SendMail, { to: 'ada@example.com' }, { delay: 5 });
    expect([task.name, task.pipeline, task.payload]).toEqual(['mail.send', 'q', '{"to":"ada@example.com"}']);
    // @ts-expect-error -- the field is misspelt
    await jobs.push(SendMail, { too: 'ada@example.com' });
    expect(await jobs.queue('q').stat()).toMatchObject({ delayed: 1, reserved: 1 });
  });

  it('checks what a handler takes against the definition, when it is compiled', () => {
    const SendMail = defineJob<{ to: string; copies: number }>('mail.send', { queue: 'q' });
    class Allowed {
      @JobHandler(SendMail)
      payload(_mail: { to: string; copies: number }): void {}

      @JobHandler(SendMail)
      partOfPayload(_mail: { to: string }, _context: JobContext): void {}

      @JobHandler(SendMail)
      field(_to: string): void {}

      @JobHandler(SendMail)
      contextFirst(_context: JobContext, _to: string): void {}

      @JobHandler(SendMail)
      nothing(): void {}

      @JobHandler('any.text')
      untyped(_anything: { whatever: boolean }): void {}
    }
    class Refused {
      // @ts-expect-error -- the field has another type
      @JobHandler(SendMail)
      otherType(_mail: { to: number }): void {}

      // @ts-expect-error -- there is no such field
      @JobHandler(SendMail)
      otherField(_mail: { from: string }): void {}
    }
    const defineWithoutHandle = (): unknown => {
      // @ts-expect-error -- a class needs a method "handle"
      @JobHandler(SendMail)
      class WithoutHandle {}
      return WithoutHandle;
    };
    expect([Allowed.name, Refused.name]).toEqual(['Allowed', 'Refused']);
    expect(defineWithoutHandle).toThrow('@JobHandler() stands at class WithoutHandle, which has no method "handle". Add it.');
  });
});
