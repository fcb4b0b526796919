import { setTimeout as delay } from 'node:timers/promises';
import {
  ForbiddenException,
  Injectable,
  Module,
  Scope,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplicationContext,
  type ModuleMetadata,
  type NestInterceptor,
} from '@nestjs/common';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { map, of, type Observable } from 'rxjs';
import {
  getQueueToken,
  InjectQueue,
  JobContext,
  JobCtx,
  JobHandler,
  JobPayload,
  JobsConfigError,
  JobsModule,
  JobsService,
  OnJobEvent,
  defineJob,
  SnoozeJobError,
  UnrecoverableJobError,
  type Queue,
} from '../../lib/index.js';
import * as memory from '../../lib/drivers/memory.driver.js';
import { JobsTester, JobsTestingModule, VirtualClock, type JobsTestingOptions } from '../../lib/testing/index.js';

interface Mail {
  readonly to: string;
}

const Welcome = defineJob<Mail>('email.welcome', { queue: 'emails' });
const Tips = defineJob<Mail>('email.tips', { queue: 'emails', headers: { campaign: 'tips' } });

const PIPELINES = { emails: {} };
const SILENT = { log: () => {}, warn: () => {}, error: () => {} };
const START = Date.UTC(2026, 0, 1);

/** What handlers did, in its order; and what they are to do. */
@Injectable()
class Outbox {
  readonly sent: string[] = [];
  send: (mail: Mail, context: JobContext) => unknown = () => {};
}

@Injectable()
class MailHandlers {
  constructor(
    private readonly outbox: Outbox,
    private readonly jobs: JobsService,
  ) {}

  @JobHandler(Welcome)
  async welcome(@JobPayload() mail: Mail, @JobCtx() context: JobContext): Promise<string> {
    await this.outbox.send(mail, context);
    this.outbox.sent.push(`welcome ${mail.to}`);
    await this.jobs.push(Tips, mail, { delay: '1h' });
    return `welcomed ${mail.to}`;
  }

  @JobHandler(Tips)
  tips(@JobPayload() mail: Mail): void {
    this.outbox.sent.push(`tips ${mail.to}`);
  }
}

@Injectable()
class Signup {
  constructor(
    private readonly jobs: JobsService,
    @InjectQueue('emails') private readonly emails: Queue,
  ) {}

  welcome(to: string): Promise<unknown> {
    return this.jobs.push(Welcome, { to });
  }

  plain(name: string, payload: unknown): Promise<unknown> {
    return this.emails.push(name, payload);
  }
}

@Module({ providers: [Outbox, MailHandlers, Signup], exports: [Outbox, Signup] })
class MailModule {}

interface Opened {
  readonly app: INestApplicationContext;
  readonly tester: JobsTester;
  readonly jobs: JobsService;
  readonly outbox: Outbox;
  readonly signup: Signup;
}

/** Waits for the signal, as a handler that obeys it. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

describe('JobsTestingModule', () => {
  const closers: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function openApp(parts: ModuleMetadata, override = (builder: TestingModuleBuilder) => builder): Promise<INestApplicationContext> {
    const module = await override(Test.createTestingModule(parts)).setLogger(SILENT).compile();
    const app = await module.init();
    closers.push(() => app.close());
    return app;
  }

  async function open(options: JobsTestingOptions = {}, more: ModuleMetadata = {}): Promise<Opened> {
    const imports = [JobsTestingModule.forRoot({ pipelines: PIPELINES, ...options }), MailModule, ...(more.imports ?? [])];
    const app = await openApp({ ...more, imports });
    return { app, tester: app.get(JobsTester), jobs: app.get(JobsService), outbox: app.get(Outbox), signup: app.get(Signup) };
  }

  describe('in place of JobsModule', () => {
    it('gives JobsService and queues to modules that know nothing of it', async () => {
      const { tester, signup } = await open({ mode: 'fake' });
      await signup.welcome('ada');
      await signup.plain('email.tips', { to: 'bob' });
      expect(tester.pushed().map(({ name, queue, payload }) => [name, queue, payload])).toEqual([
        ['email.welcome', 'emails', { to: 'ada' }],
        ['email.tips', 'emails', { to: 'bob' }],
      ]);
    });

    it('is manual unless it is told otherwise', async () => {
      const { tester } = await open();
      expect(tester.mode).toBe('manual');
    });

    it('refuses a mode that is none, and options of JobsModule without its pipelines', () => {
      expect(() => JobsTestingModule.forRoot({ mode: 'inlnie' as 'inline' })).toThrow('"inlnie" is no mode. Use "inline", "manual", "fake".');
      expect(() => JobsTestingModule.forRoot({ mode: 'fake', numPollers: 1 })).toThrow(
        'numPollers: It belongs to JobsModule. Give "pipelines" as well',
      );
    });

    it('checks the configuration as JobsModule does', async () => {
      const opened = openApp({ imports: [JobsTestingModule.forRoot({ pipelines: { emails: { prefech: 3 } } })] });
      await expect(opened).rejects.toThrow('prefetch');
    });

    it('lets a queue be overridden', async () => {
      const pushed: unknown[] = [];
      const fake = { push: async (...args: unknown[]) => void pushed.push(args) };
      const parts = { imports: [JobsTestingModule.forRoot({ pipelines: PIPELINES }), MailModule] };
      const app = await openApp(parts, (builder) => builder.overrideProvider(getQueueToken('emails')).useValue(fake));
      await app.get(Signup).plain('email.tips', { to: 'bob' });
      expect(pushed).toEqual([['email.tips', { to: 'bob' }]]);
      expect(app.get(JobsTester).pushed()).toEqual([]);
    });

    it('serves a kernel with a name', async () => {
      const { tester, app } = await open(
        { name: 'second', mode: 'fake' },
        { imports: [JobsModule.forRoot({ pipelines: { emails: { driver: 'memory' } } })] },
      );
      await app.get<Queue>(getQueueToken('emails', 'second')).push('a', 1);
      await app.get(JobsService).queue('emails').push('b', 2);
      expect(tester.pushed().map(({ name }) => name)).toEqual(['a', 'b']);
    });
  });

  describe('beside an application that imports JobsModule', () => {
    it('takes its kernel over: nothing of the configured driver is created', async () => {
      const broker = {
        ...memory,
        createDriver: () => {
          throw new Error('It connects to a broker.');
        },
      };
      const app = await openApp({
        imports: [
          JobsTestingModule.forRoot({ mode: 'manual' }),
          JobsModule.forRoot({ pipelines: { emails: { driver: 'broker' } }, drivers: { broker: async () => broker } }),
          MailModule,
        ],
      });
      await app.get(Signup).welcome('ada');
      await app.get(JobsTester).drain();
      expect(app.get(Outbox).sent).toEqual(['welcome ada']);
    });

    it('refuses what the configured driver cannot do', async () => {
      const broker = { ...memory, capabilities: { ...memory.capabilities, promote: false, deadLetter: true } };
      const app = await openApp({
        imports: [
          JobsTestingModule.forRoot(),
          JobsModule.forRoot({ pipelines: { emails: { driver: 'broker', onFailure: 'broker' } }, drivers: { broker: async () => broker } }),
        ],
      });
      const { admin } = app.get(JobsService);
      await expect(admin.promote('emails', 'x')).rejects.toThrow('Driver "broker" does not support promoting a delayed job.');
      await expect(admin.remove('emails', 'x')).resolves.toBe(false);
    });

    it('takes over options that come from a factory', async () => {
      const jobs = JobsModule.forRootAsync({ useFactory: () => ({ pipelines: { emails: { driver: 'memory' } } }) });
      const app = await openApp({ imports: [jobs, JobsTestingModule.forRoot({ mode: 'fake' })], providers: [Outbox, MailHandlers] });
      await app.get(JobsService).push(Tips, { to: 'bob' });
      expect(app.get(JobsTester).expectPushed(Tips, { to: 'bob' }).queue).toBe('emails');
    });

    it('stops the boot when there is no kernel to test', async () => {
      await expect(openApp({ imports: [JobsTestingModule.forRoot()] })).rejects.toThrow(JobsConfigError);
      await expect(openApp({ imports: [JobsTestingModule.forRoot()] })).rejects.toThrow('The application has no kernel to test.');
    });

    it('refuses a second kernel of the same name', async () => {
      const imports = [JobsTestingModule.forRoot({ pipelines: PIPELINES }), JobsModule.forRoot({ pipelines: { emails: { driver: 'memory' } } })];
      await expect(openApp({ imports })).rejects.toThrow('JobsModule.forRoot() is imported 2 times');
    });
  });

  describe('fake', () => {
    it('writes pushes down and runs nothing, whatever time does', async () => {
      const { tester, jobs, outbox } = await open({ mode: 'fake' });
      await jobs.push(Welcome, { to: 'ada' });
      await jobs.push(Tips, { to: 'ada' }, { delay: '1h' });
      await tester.advance('1d');
      expect(outbox.sent).toEqual([]);
      expect(await jobs.stat()).toMatchObject([{ active: 0, reserved: 0, delayed: 0 }]);
      expect(tester.expectPushed(Tips).delayMs).toBe(3_600_000);
    });

    it('refuses a drain', async () => {
      const { tester } = await open({ mode: 'fake' });
      await expect(tester.drain()).rejects.toThrow('drain() has nothing to run: in mode "fake" jobs are only written down. Use mode "manual".');
    });

    it('still rejects what production rejects', async () => {
      const { jobs, tester } = await open({ mode: 'fake' });
      await expect(jobs.queue('mails').push('x', 1)).rejects.toThrow('No pipeline is called "mails".');
      expect(tester.pushed()).toEqual([]);
    });
  });

  describe('manual', () => {
    it('runs nothing until a drain, and then what is ready', async () => {
      const { tester, signup, outbox, jobs } = await open();
      await signup.welcome('ada');
      await signup.welcome('bob');
      await delay(20);
      expect(outbox.sent).toEqual([]);
      expect(await tester.drain()).toBe(2);
      expect(outbox.sent).toEqual(['welcome ada', 'welcome bob']);
      expect(await jobs.stat()).toMatchObject([{ active: 0, reserved: 0, delayed: 2 }]);
    });

    it('runs what the jobs push, and shuts again', async () => {
      const { tester, jobs, outbox } = await open();
      outbox.send = (mail) => jobs.push(Tips, mail);
      await jobs.push(Welcome, { to: 'ada' });
      expect(await tester.drain()).toBe(2);
      await jobs.push(Tips, { to: 'late' });
      await delay(20);
      expect(outbox.sent).toEqual(['tips ada', 'welcome ada']);
      expect(tester.pushed().map(({ name }) => name)).toEqual(['email.welcome', 'email.tips', 'email.tips', 'email.tips']);
    });

    it('waits for handlers that wait for the world', async () => {
      const { tester, signup, outbox } = await open();
      outbox.send = () => delay(30);
      await signup.welcome('ada');
      await tester.drain();
      expect(outbox.sent).toEqual(['welcome ada']);
    });

    it('runs only the queue that is named', async () => {
      const { tester, jobs, outbox } = await open({ pipelines: { emails: {}, other: {} } });
      await jobs.push(Tips, { to: 'ada' });
      await jobs.queue('other').push('unknown', 1);
      expect(await tester.drain({ queue: 'emails' })).toBe(1);
      expect(outbox.sent).toEqual(['tips ada']);
      expect((await jobs.stat()).map(({ pipeline, reserved }) => [pipeline, reserved])).toEqual([
        ['emails', 0],
        ['other', 1],
      ]);
    });

    it('says which queues there are when the named one is not', async () => {
      const { tester } = await open();
      await expect(tester.drain({ queue: 'mails' })).rejects.toThrow('drain() asks for queue "mails", which is not there. There are: "emails".');
    });

    it('leaves queues alone that are paused or not consumed', async () => {
      const { tester, jobs, outbox } = await open({ pipelines: { emails: {}, idle: {} }, consume: ['emails'] });
      await jobs.pause('emails');
      await jobs.push(Tips, { to: 'ada' });
      expect(await tester.drain()).toBe(0);
      await expect(tester.drain({ queue: 'idle' })).rejects.toThrow('drain() asks for queue "idle", which is not consumed.');
      await jobs.resume('emails');
      expect(await tester.drain()).toBe(1);
      expect(outbox.sent).toEqual(['tips ada']);
    });

    it('leaves a delayed job until its time has come', async () => {
      const { tester, jobs, outbox } = await open();
      await jobs.push(Tips, { to: 'ada' }, { delay: '10m' });
      expect(await tester.drain()).toBe(0);
      await tester.advance('9m');
      expect(await tester.drain()).toBe(0);
      await tester.advance('1m');
      expect(await tester.drain()).toBe(1);
      expect(outbox.sent).toEqual(['tips ada']);
    });

    it('moves time for scheduled jobs when it is asked to, and no further', async () => {
      const { tester, signup, outbox } = await open();
      await signup.welcome('ada');
      expect(await tester.drain({ with: ['scheduled'] })).toBe(2);
      expect(outbox.sent).toEqual(['welcome ada', 'tips ada']);
      expect(tester.clock.monotonic()).toBe(3_600_000);
    });

    it('moves time for retries when it is asked to, in the full steps of the policy', async () => {
      const { tester, jobs, outbox } = await open();
      const at: number[] = [];
      outbox.send = () => {
        at.push(tester.clock.monotonic());
        throw new Error('The server is down.');
      };
      await jobs.push(Welcome, { to: 'ada' });
      expect(await tester.drain()).toBe(1);
      expect(await tester.drain({ with: ['scheduled'] })).toBe(0);
      expect(await tester.drain({ with: ['retries'] })).toBe(2);
      expect(at).toEqual([0, 1_000, 3_000]);
      expect((await jobs.admin.failed.list()).jobs).toMatchObject([{ name: 'email.welcome', attempts: 3 }]);
    });

    it('takes the backoff of handler and pipeline without jitter too', async () => {
      @Injectable()
      class Stubborn {
        @JobHandler('of-handler', { queue: 'a', backoff: { type: 'fixed', delay: '7s', jitter: 'full' } })
        ofHandler(): void {
          throw new Error('no');
        }

        @JobHandler('of-pipeline', { queue: 'b' })
        ofPipeline(): void {
          throw new Error('no');
        }
      }
      const pipelines = { a: {}, b: { config: { backoff: { type: 'fixed', delay: '11s' } } } };
      const { tester, jobs } = await open({ pipelines: { ...PIPELINES, ...pipelines } }, { providers: [Stubborn] });
      await jobs.queue('a').push('of-handler', 1);
      await jobs.queue('b').push('of-pipeline', 1);
      await tester.drain();
      const dueAt = await Promise.all(['a', 'b'].map(async (queue) => (await jobs.admin.browse(queue)).jobs[0]!.dueAt! - START));
      expect(dueAt).toEqual([7_000, 11_000]);
    });

    it('counts a snooze as a retry, and jobs in the failed store as done', async () => {
      const { tester, jobs, outbox } = await open();
      let runs = 0;
      outbox.send = () => {
        if (++runs === 1) throw new SnoozeJobError('5m');
        throw new UnrecoverableJobError('no such user');
      };
      await jobs.push(Welcome, { to: 'ada' });
      expect(await tester.drain({ with: ['scheduled'] })).toBe(1);
      expect(await tester.drain({ with: ['retries'] })).toBe(1);
      expect(tester.clock.monotonic()).toBe(300_000);
      expect(await jobs.admin.failed.count()).toBe(1);
    });

    it('obeys concurrency and prefetch, and still runs everything', async () => {
      const { tester, jobs, outbox } = await open({ pipelines: { emails: { concurrency: 2, prefetch: 3 } } });
      let running = 0;
      let most = 0;
      outbox.send = async () => {
        most = Math.max(most, ++running);
        await delay(2);
        running--;
      };
      for (let index = 0; index < 10; index++) await jobs.push(Welcome, { to: String(index) });
      expect(await tester.drain()).toBe(10);
      expect(most).toBe(2);
    });

    it('waits for a handler that goes on after it has settled its job', async () => {
      const { tester, jobs, outbox } = await open();
      outbox.send = async (_mail, context) => {
        await context.ack();
        await delay(20);
      };
      await jobs.push(Welcome, { to: 'ada' });
      await tester.drain();
      expect(outbox.sent).toEqual(['welcome ada']);
    });

    it('goes on to the end of a handler that waits for its time-out, when the clock is moved', async () => {
      const { tester, jobs, outbox } = await open();
      outbox.send = (_mail, { signal }) => abortOf(signal);
      await jobs.push(Welcome, { to: 'ada' }, { timeout: '30s', attempts: 1 });
      const drained = tester.drain();
      await tester.advance('30s');
      expect(await drained).toBe(1);
      expect((await jobs.admin.failed.list()).jobs[0]!.error.type).toBe('JobTimeoutError');
    });

    it('does not wait for a handler whose slot was given away', async () => {
      const { tester, jobs, outbox } = await open();
      let release: () => void = () => {};
      outbox.send = () => new Promise<void>((resolve) => void (release = resolve));
      await jobs.push(Welcome, { to: 'ada' }, { timeout: '30s', attempts: 1 });
      const drained = tester.drain();
      await tester.advance('31s');
      expect(await drained).toBe(1);
      expect(await jobs.admin.failed.count()).toBe(1);
      release();
    });

    it('gives up with the job and its queue when nothing ends', async () => {
      const { tester, jobs, outbox } = await open({ patience: '50ms' });
      let release: () => void = () => {};
      outbox.send = () => new Promise<void>((resolve) => void (release = resolve));
      await jobs.push(Welcome, { to: 'ada' });
      await expect(tester.drain()).rejects.toThrow(
        'No job ended within 50 ms of real time, but one has not:\n  - "email.welcome" of queue "emails", run 1, its handler runs\n',
      );
      release();
    });

    it('stops at its limit when a job pushes itself again and again', async () => {
      const { tester, jobs, outbox } = await open();
      outbox.send = (mail) => jobs.push(Welcome, mail);
      await jobs.push(Welcome, { to: 'ada' });
      await expect(tester.drain({ limit: 5 })).rejects.toThrow('drain() stopped after 5 runs, and there are more jobs.');
      expect(outbox.sent).toHaveLength(5);
    });

    it('stops at its limit when a job schedules itself again and again', async () => {
      const { tester, jobs, outbox } = await open();
      outbox.send = (mail) => jobs.push(Welcome, mail, { delay: 60 });
      await jobs.push(Welcome, { to: 'ada' });
      await expect(tester.drain({ with: ['scheduled'], limit: 5 })).rejects.toThrow('drain() stopped after 5 runs');
    });

    it('is content with exactly as many runs as its limit', async () => {
      const { tester, jobs } = await open();
      for (const to of ['a', 'b', 'c']) await jobs.push(Tips, { to });
      expect(await tester.drain({ limit: 3 })).toBe(3);
    });

    it('runs drains that overlap one after another', async () => {
      const { tester, jobs, outbox } = await open();
      await jobs.push(Tips, { to: 'ada' });
      expect(await Promise.all([tester.drain(), tester.drain()])).toEqual([1, 0]);
      expect(outbox.sent).toEqual(['tips ada']);
    });

    it('refuses a drain before the application has started', async () => {
      const module = await Test.createTestingModule({ imports: [JobsTestingModule.forRoot({ pipelines: PIPELINES }), MailModule] })
        .setLogger(SILENT)
        .compile();
      closers.push(() => module.close());
      await module.get(JobsService).push(Tips, { to: 'ada' });
      await expect(module.get(JobsTester).drain()).rejects.toThrow('drain() needs an application that has started. Await app.init() first');
      await expect(module.get(JobsTester).runHandler(Tips, { to: 'ada' })).rejects.toThrow('runHandler() needs an application that has started.');
      await module.init();
      expect(await module.get(JobsTester).drain()).toBe(1);
    });

    it('serves queues that are declared at run time', async () => {
      const { tester, jobs } = await open();
      const later = await jobs.create({ name: 'later', driver: 'memory' });
      await later.push('unknown', 1);
      expect(await tester.drain()).toBe(0);
      await later.resume();
      expect(await tester.drain()).toBe(1);
      expect((await jobs.admin.failed.list()).jobs).toMatchObject([{ reason: 'unknown', pipeline: 'later' }]);
    });
  });

  describe('inline', () => {
    it('runs the handler within the push', async () => {
      const { signup, outbox } = await open({ mode: 'inline' });
      outbox.send = () => delay(10);
      await signup.welcome('ada');
      expect(outbox.sent).toEqual(['welcome ada']);
    });

    it('resolves the push of a job that fails, and retries it when time advances', async () => {
      const { tester, signup, outbox, jobs } = await open({ mode: 'inline' });
      let runs = 0;
      outbox.send = () => {
        if (++runs < 3) throw new Error('The server is down.');
      };
      await signup.welcome('ada');
      expect([runs, outbox.sent]).toEqual([1, []]);
      await tester.advance(999);
      expect(runs).toBe(1);
      await tester.advance(1);
      expect(runs).toBe(2);
      await tester.advance('2s');
      expect(outbox.sent).toEqual(['welcome ada']);
      expect(await jobs.admin.failed.count()).toBe(0);
    });

    it('lets calls of advance overlap', async () => {
      const { tester, jobs, outbox } = await open({ mode: 'inline' });
      outbox.send = () => delay(10);
      await jobs.push(Welcome, { to: 'ada' }, { delay: '5s' });
      await Promise.all([tester.advance('10s'), tester.advance('1s')]);
      expect(outbox.sent).toEqual(['welcome ada']);
      expect(tester.clock.now() - START).toBeGreaterThanOrEqual(10_000);
    });

    it('runs delayed jobs and retries at their moments within one advance, and waits for them', async () => {
      const { tester, jobs, outbox } = await open({ mode: 'inline' });
      const at: number[] = [];
      outbox.send = async () => {
        at.push(tester.clock.monotonic());
        await delay(5);
        throw new Error('The server is down.');
      };
      await jobs.push(Welcome, { to: 'ada' }, { delay: 10 });
      await tester.advance('1h');
      expect(at).toEqual([10_000, 11_000, 13_000]);
      expect(tester.clock.monotonic()).toBe(3_600_000);
      expect(await jobs.admin.failed.count()).toBe(1);
    });

    it('runs jobs inside jobs, however small the limits of the queue', async () => {
      const { jobs, outbox } = await open({
        mode: 'inline',
        numPollers: 1,
        pipelines: { emails: { concurrency: 1, prefetch: 1, config: { concurrency: 1 } } },
      });
      let depth = 0;
      outbox.send = async (mail) => {
        if (++depth < 5) await jobs.push(Welcome, { to: `${mail.to}${depth}` });
      };
      await jobs.push(Welcome, { to: 'x' });
      expect(outbox.sent).toEqual(['welcome x1234', 'welcome x123', 'welcome x12', 'welcome x1', 'welcome x']);
    });

    it('stores the job of a paused queue without waiting for it', async () => {
      const { jobs, outbox, tester } = await open({ mode: 'inline' });
      await jobs.pause('emails');
      await jobs.push(Tips, { to: 'ada' });
      expect(outbox.sent).toEqual([]);
      await jobs.resume('emails');
      await tester.drain();
      expect(outbox.sent).toEqual(['tips ada']);
    });

    it('waits for jobs that were acknowledged in advance, and for those of a batch', async () => {
      const { jobs, outbox } = await open({ mode: 'inline' });
      outbox.send = () => delay(5);
      await jobs.push(Welcome, { to: 'ada' }, { autoAck: true });
      const emails = jobs.queue('emails');
      await emails.dispatchMany(emails.create(Welcome, { to: 'bob' }), emails.create(Welcome, { to: 'cy' }));
      expect(outbox.sent).toEqual(['welcome ada', 'welcome bob', 'welcome cy']);
    });

    it('waits for the end of a handler that settles early', async () => {
      const { jobs, outbox } = await open({ mode: 'inline' });
      outbox.send = async (_mail, context) => {
        await context.ack();
        await delay(10);
      };
      await jobs.push(Welcome, { to: 'ada' });
      expect(outbox.sent).toEqual(['welcome ada']);
    });

    it('moves time although a handler from before waits for it', async () => {
      const { tester, jobs, outbox } = await open({ mode: 'inline' });
      outbox.send = (_mail, { signal }) => abortOf(signal);
      const pushed = jobs.push(Welcome, { to: 'ada' }, { timeout: '30s', attempts: 1 });
      await tester.advance('30s');
      await pushed;
      expect(await jobs.admin.failed.count()).toBe(1);
    });

    it('resolves the push when the kernel waits for its handler no longer', async () => {
      const { tester, jobs, outbox } = await open({ mode: 'inline' });
      let release: () => void = () => {};
      outbox.send = () => new Promise<void>((resolve) => void (release = resolve));
      const pushed = jobs.push(Welcome, { to: 'ada' }, { timeout: '30s', attempts: 1 });
      await tester.clock.advance('31s');
      await pushed;
      expect(await jobs.admin.failed.count()).toBe(1);
      release();
    });
  });

  describe('the clock', () => {
    it('stands still at its start, and is the one that was given', async () => {
      const clock = new VirtualClock({ start: new Date('2030-05-06T07:08:09Z') });
      const { tester } = await open({ clock });
      expect(tester.clock).toBe(clock);
      expect((await open()).tester.clock.now()).toBe(START);
    });

    it('is the time of delays that are given as a moment, and of expiry', async () => {
      const { tester, jobs, outbox } = await open();
      await jobs.push(Tips, { to: 'dated' }, { delay: new Date(START + 60_000) });
      await jobs.push(Tips, { to: 'expired' }, { expiresIn: '5m' });
      expect(tester.pushed().map(({ delayMs }) => delayMs)).toEqual([60_000, 0]);
      await tester.advance('5m');
      await jobs.push(Tips, { to: 'fresh' }, { expiresIn: '5m' });
      await tester.drain();
      expect(outbox.sent).toEqual(['tips dated', 'tips fresh']);
      expect((await jobs.admin.failed.list()).jobs).toMatchObject([{ reason: 'expired', failedAt: START + 300_000 }]);
    });

    it('stamps pushes', async () => {
      const { tester, jobs } = await open();
      await tester.advance('1h');
      await jobs.push(Tips, { to: 'ada' });
      expect(tester.expectPushed(Tips).pushedAt).toBe(START + 3_600_000);
    });
  });

  describe('expectations', () => {
    it('know the payload type of a definition, and its headers', async () => {
      const { tester, jobs } = await open({ mode: 'fake' });
      await jobs.push(Tips, { to: 'ada' });
      const { to }: Mail = tester.expectPushed(Tips, (mail, job) => mail.to.length === 3 && job.queue === 'emails', {
        headers: { campaign: 'tips' },
      }).payload;
      expect(to).toBe('ada');
      expect(tester.pushed(Tips)[0]!.payload.to).toBe('ada');
      tester.expectNotPushed(Tips, { to: 'bob' });
      tester.expectNotPushed('email.welcome');
      expect(() => tester.expectNotPushed(Tips, { to: expect.any(String) })).toThrow(
        'Expected no push of job "email.tips" with payload {"to":"Any<String>"}',
      );
      expect(() => tester.expectPushed('email.welcome')).toThrow(
        'Pushed so far (1):\n  1. "email.tips" to "emails" with headers {"campaign":["tips"]}: {"to":"ada"}',
      );
    });

    it('see what handlers push, and replays, but no retries', async () => {
      const { tester, jobs, outbox } = await open();
      outbox.send = () => {
        throw new Error('The server is down.');
      };
      await jobs.push(Welcome, { to: 'ada' });
      await tester.drain({ with: ['retries'] });
      tester.expectPushed(Welcome, undefined, { times: 1 });
      outbox.send = () => {};
      await jobs.admin.failed.replay({});
      await tester.drain();
      tester.expectPushed(Welcome, undefined, { times: 2 });
      expect(tester.expectPushed(Tips, { to: 'ada' }, { delay: '1h' }).headers).toEqual({ campaign: ['tips'] });
    });

    it('start anew when pushes are cleared', async () => {
      const { tester, jobs, outbox } = await open();
      await jobs.push(Tips, { to: 'ada' });
      tester.clearPushed();
      tester.expectNotPushed(Tips);
      await tester.drain();
      expect(outbox.sent).toEqual(['tips ada']);
    });
  });

  describe('runHandler', () => {
    @Injectable()
    class OnlyFriends implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return context.switchToRpc().getData<Mail>().to !== 'mallory';
      }
    }

    @Injectable()
    class Loud implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle().pipe(map((text) => String(text).toUpperCase()));
      }
    }

    const Greet = defineJob('greet', {
      schema: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value: unknown) =>
            typeof (value as Mail).to === 'string' ? { value: value as Mail } : { issues: [{ message: 'is no text', path: ['to'] }] },
          types: undefined as { input: Mail; output: Mail } | undefined,
        },
      },
    });

    @Injectable({ scope: Scope.REQUEST })
    class PerJob {
      static made = 0;
      readonly number = ++PerJob.made;
    }

    @Injectable()
    class Greeter {
      constructor(private readonly perJob: PerJob) {}

      @UseGuards(OnlyFriends)
      @UseInterceptors(Loud)
      @JobHandler(Greet)
      greet(@JobPayload() mail: Mail, @JobCtx() context: JobContext): Observable<string> {
        return of('hello', `hello ${mail.to} ${this.perJob.number > 0} ${context.attempt} ${context.pipeline} ${context.headerLine('lang')}`);
      }
    }

    @Injectable()
    class Plain {
      @JobHandler('same', { queue: 'emails' })
      one(): number {
        return 1;
      }

      @JobHandler('same', { queue: 'other' })
      two(): number {
        return 2;
      }

      @JobHandler('wild.*', { queue: 'other' })
      wild(@JobPayload() payload: unknown, @JobCtx() context: JobContext): unknown {
        return [payload, context.name, context.pipeline];
      }

      @JobHandler('slow', { timeout: '5s' })
      slow(@JobCtx() { signal }: JobContext): Promise<never> {
        return abortOf(signal);
      }

      @JobHandler('settles')
      async settles(@JobCtx() context: JobContext): Promise<string> {
        await context.requeue('later', { delay: 10 });
        return 'settled';
      }
    }

    const openGreeter = (mode: JobsTestingOptions['mode'] = 'fake') =>
      open({ mode, pipelines: { emails: {}, other: {} } }, { providers: [Greeter, Plain, PerJob] });

    it('returns what the handler returns, after all that is bound to it', async () => {
      const { tester } = await openGreeter();
      await expect(tester.runHandler(Greet, { to: 'ada' }, { attempt: 2, headers: { lang: 'en' } })).resolves.toBe('HELLO ADA TRUE 2 EMAILS EN');
    });

    it('throws what a guard, a schema or the handler throws', async () => {
      const { tester, outbox } = await openGreeter();
      await expect(tester.runHandler(Greet, { to: 'mallory' })).rejects.toBeInstanceOf(ForbiddenException);
      await expect(tester.runHandler(Greet, { to: 7 } as never)).rejects.toThrow(
        'The payload of job "greet" does not match its schema: to: is no text.',
      );
      const error = new Error('The server is down.');
      outbox.send = () => {
        throw error;
      };
      await expect(tester.runHandler(Welcome, { to: 'ada' })).rejects.toBe(error);
    });

    it('leaves queues, pushes and counters as they are', async () => {
      const { tester, jobs } = await openGreeter('manual');
      await tester.runHandler(Tips, { to: 'ada' });
      await expect(tester.runHandler('settles', 1)).resolves.toBe('settled');
      expect(tester.pushed()).toEqual([]);
      expect(await jobs.admin.counters()).toMatchObject({ started: 0, pushed: 0 });
      expect(await jobs.stat()).toMatchObject([{ delayed: 0 }, { delayed: 0 }]);
    });

    it('finds the queue of a handler with wildcards, and gives text as text', async () => {
      const { tester } = await openGreeter();
      await expect(tester.runHandler('wild.card', 'no json')).resolves.toEqual(['no json', 'wild.card', 'other']);
    });

    it('asks for the queue when several handlers take the job', async () => {
      const { tester } = await openGreeter();
      await expect(tester.runHandler('same', 1)).rejects.toThrow('Several handlers take job "same": those of queues "emails", "other".');
      await expect(tester.runHandler('same', 1, { queue: 'other' })).resolves.toBe(2);
    });

    it('lists the handlers when none takes the job', async () => {
      const { tester } = await open({ mode: 'fake' });
      await expect(tester.runHandler('email.hello', 1)).rejects.toThrow(
        'No handler takes job "email.hello". Bound are:\n  - "email.welcome" of queue "emails": MailHandlers.welcome()\n  - "email.tips" of queue "emails": MailHandlers.tips()',
      );
    });

    it('aborts the signal at the time-out of the handler, when time comes to it', async () => {
      const { tester } = await openGreeter();
      const run = tester.runHandler('slow', 1);
      const [thrown] = await Promise.all([run.catch((error: unknown) => error), tester.advance('5s')]);
      expect(thrown).toMatchObject({ code: 'JOB_TIMEOUT', timeoutMs: 5_000 });
      expect(tester.clock.pending).toBe(1); // what keeps the process of a running kernel alive
    });

    it('aborts it at the time-out of the job, which wins', async () => {
      const { tester } = await openGreeter();
      const run = tester.runHandler('slow', 1, { timeout: '2s' });
      const [thrown] = await Promise.all([run.catch((error: unknown) => error), tester.advance('5s')]);
      expect(thrown).toMatchObject({ code: 'JOB_TIMEOUT', timeoutMs: 2_000 });
    });

    it('refuses an attempt that is none', async () => {
      const { tester } = await openGreeter();
      await expect(tester.runHandler('settles', 1, { attempt: 0 })).rejects.toThrow('attempt is 0. Give a whole number, 1 or more.');
    });
  });

  describe('the end of a test', () => {
    it('leaves no timer behind, whatever waits', async () => {
      const { app, tester, jobs } = await open();
      await jobs.push(Welcome, { to: 'ready' });
      await jobs.push(Welcome, { to: 'delayed' }, { delay: '1h' });
      await app.close();
      expect(tester.clock.pending).toBe(0);
    });

    it('waits for handlers that run', async () => {
      const { app, jobs, outbox } = await open({ mode: 'inline' });
      outbox.send = () => delay(30);
      const pushed = jobs.push(Tips, { to: 'ada' }).then(() => jobs.push(Welcome, { to: 'ada' }));
      await delay(5);
      await app.close();
      await pushed;
      expect(outbox.sent).toEqual(['tips ada', 'welcome ada']);
    });

    it('aborts a handler that waits for time, and does not wait for one that does not listen', async () => {
      const { app, jobs, outbox, tester } = await open({ mode: 'inline' });
      const reasons: unknown[] = [];
      outbox.send = (_mail, { signal }) => {
        signal.addEventListener('abort', () => reasons.push((signal.reason as Error).name));
        return new Promise(() => {});
      };
      const pushed = jobs.push(Welcome, { to: 'ada' }, { timeout: '30s' });
      await delay(5);
      await app.close();
      await pushed;
      expect(reasons).toEqual(['KernelStoppingError']);
      expect(tester.clock.pending).toBe(0);
    });

    it('lets the jobs of listeners have their turn in a drain', async () => {
      @Injectable()
      class Follower {
        constructor(private readonly jobs: JobsService) {}

        @OnJobEvent('completed', { name: 'email.welcome' })
        async follow(): Promise<void> {
          await this.jobs.push(Tips, { to: 'follower' });
        }
      }
      const { tester, jobs, outbox } = await open({}, { providers: [Follower] });
      await jobs.push(Welcome, { to: 'ada' });
      expect(await tester.drain()).toBe(2);
      expect(outbox.sent).toEqual(['welcome ada', 'tips follower']);
    });
  });
});
