import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { z } from 'zod';
import {
  defineJob,
  InjectQueue,
  JOBS_MODULE_OPTIONS,
  JobHandler,
  JobPayload,
  JobsKernel,
  JobsModule,
  JobsServer,
  JobsService,
  OnJobEvent,
  type Job,
  type JobPushMiddleware,
  type JobsModuleOptions,
  type PushReceipt,
  type Queue,
} from '../../lib/index.js';
import { JobsTester, JobsTestingModule } from '../../lib/testing/index.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { Inbox } from '../support/inbox.js';
import { deferred, settled } from '../support/kernel.js';
import { bootError, closeAll, closeLater, LogKeeper, nextFailed, openApp } from './support/jobs-app.js';

const MEMORY = { driver: 'memory' } as const;
const LISTEN = { listen: 'tcp://127.0.0.1:0' } as const;
const SendMail = defineJob('mail.send', { queue: 'mails', schema: z.object({ to: z.email() }) });

/** What one application does, wherever its kernel is: it pushes and it handles. */
function mailParts() {
  const sent = new Inbox<string>();

  @Injectable()
  class Mails {
    constructor(
      @InjectQueue('mails') readonly queue: Queue,
      readonly jobs: JobsService,
    ) {}

    @JobHandler(SendMail)
    send(@JobPayload() { to }: { to: string }): void {
      if (to.startsWith('nobody')) throw new Error('There is no such person.');
      sent.put(to);
    }
  }
  return { Mails, sent };
}

async function openMails(options: JobsModuleOptions, feature = false) {
  const { Mails, sent } = mailParts();
  const imports = feature ? [JobsModule.forFeature(['mails'])] : [];
  const opened = await openApp({ jobs: { pipelines: undefined, ...options }, imports, providers: [Mails] });
  return { ...opened, sent, mails: opened.app.get(Mails) };
}

const openKernel = (options: JobsModuleOptions = {}) => openMails({ pipelines: { mails: MEMORY }, rpc: LISTEN, ...options });
const openProducer = (address: string, options: JobsModuleOptions = {}) => openMails({ rpc: address, ...options }, true);

/** An environment variable during a test. */
function setVariable(name: string, value: string): void {
  process.env[name] = value;
  closeLater(async () => delete process.env[name]);
}

describe('the jobs module over RPC', () => {
  afterEach(closeAll);

  describe('as a producer', () => {
    it('pushes to the kernel of another application, whose handlers run the job', async () => {
      const kernel = await openKernel();
      const producer = await openProducer(kernel.kernel.rpcAddress!);
      const task = await producer.jobs.push(SendMail, { to: 'ada@example.com' });
      await producer.mails.queue.push(SendMail, { to: 'bob@example.com' });
      expect(await kernel.sent.take(2)).toEqual(['ada@example.com', 'bob@example.com']);
      expect(task.id).toMatch(/^[0-9a-f-]{36}$/);
      expect(producer.sent.length).toBe(0);
    });

    it('is one by itself, has no kernel, binds no handler and says so in one line', async () => {
      const { kernel } = await openKernel();
      const producer = await openProducer(kernel.rpcAddress!);
      expect([producer.kernel.role, producer.kernel.kernel, producer.kernel.isRunning, producer.kernel.rpcAddress]).toEqual([
        'producer',
        undefined,
        false,
        undefined,
      ]);
      expect(producer.kernel.connectedTo).toBe(kernel.rpcAddress);
      expect(producer.app.get(JobsServer).unwrap()).toBeUndefined();
      expect(producer.log.ours('log')).toEqual([`Pushing to the kernel at ${kernel.rpcAddress}. No handler is bound here.`]);
      await producer.kernel.start();
      expect(producer.kernel.isRunning).toBe(false);
    });

    it('makes, lists and pauses pipelines over there', async () => {
      const { kernel } = await openKernel();
      const { jobs, mails } = await openProducer(kernel.rpcAddress!);
      await jobs.create({ driver: 'memory', name: 'new' });
      await mails.queue.pause();
      expect(await jobs.names()).toEqual(['mails', 'new']);
      expect((await jobs.stat()).map(({ ready }) => ready)).toEqual([false, false]);
      await expect(jobs.pause('mails')).rejects.toMatchObject({ code: 'PIPELINE_ALREADY_PAUSED' });
      await expect(jobs.queue('none').push('x', '')).rejects.toMatchObject({ code: 'PIPELINE_NOT_FOUND', pipeline: 'none' });
    });

    it('checks payloads and runs push middleware as everywhere', async () => {
      const pushed: string[] = [];

      @Injectable()
      class Noting implements JobPushMiddleware {
        push(job: Job, next: (job: Job) => Promise<PushReceipt>): Promise<PushReceipt> {
          pushed.push(job.name);
          return next(job);
        }
      }
      const kernel = await openKernel();
      const { Mails } = mailParts();
      const { jobs } = await openApp({
        jobs: { pipelines: undefined, rpc: kernel.kernel.rpcAddress!, middleware: { push: [Noting] } },
        imports: [JobsModule.forFeature(['mails'])],
        providers: [Mails, Noting],
      });
      await expect(jobs.push(SendMail, { to: 'no address' })).rejects.toMatchObject({ code: 'JOB_VALIDATION' });
      await jobs.push(SendMail, { to: 'ada@example.com' });
      expect([await kernel.sent.next(), pushed]).toEqual(['ada@example.com', ['mail.send']]);
    });

    it('sees and replays the failed jobs of the kernel', async () => {
      const kernel = await openKernel({ retry: { attempts: 1 } });
      const { jobs } = await openProducer(kernel.kernel.rpcAddress!);
      const { id } = await nextFailed(kernel.jobs, () => jobs.push(SendMail, { to: 'nobody@example.com' }));
      expect((await jobs.admin.failed.list()).jobs).toMatchObject([{ id, error: { message: 'There is no such person.' } }]);
      expect(await jobs.admin.failed.replay(id)).toEqual({ replayed: 1, errors: [] });
    });

    it('rejects a push with the words of rpc.listen when nothing listens, and is not available', async () => {
      const { kernel, app } = await openKernel();
      const address = kernel.rpcAddress!;
      await app.close();
      const clock = new VirtualClock();
      const { jobs } = await openProducer(address, { clock });
      const progress = { isOver: false };
      const refused = jobs.push(SendMail, { to: 'ada@example.com' }).catch((error: unknown) => error);
      const available = jobs.isAvailable();
      void Promise.all([refused, available]).then(() => (progress.isOver = true));
      while (!progress.isOver) await clock.advance('1s'); // the waits between its tries
      expect(await refused).toMatchObject({
        code: 'RPC_UNREACHABLE',
        message: expect.stringContaining('start the kernel, or compare the address with its "rpc.listen"') as string,
      });
      expect(await available).toBe(false);
    });

    it('closes its connection after the answers of the pushes under way', async () => {
      // The one place is taken by a job that does not end: the second push waits over there.
      const runs = deferred();
      const started = new Inbox<string>();

      @Injectable()
      class Endless {
        @JobHandler('endless', { queue: 'q' })
        run(): Promise<void> {
          started.put('endless');
          return runs.promise;
        }
      }
      const jobs = { pipelines: { q: { driver: 'memory', maxJobs: 1, prefetch: 1 } }, rpc: LISTEN };
      const { kernel } = await openApp({ jobs, providers: [Endless] });
      const producer = await openApp({ jobs: { pipelines: undefined, rpc: kernel.rpcAddress! } });
      const queue = producer.jobs.queue('q');
      await queue.push('endless', '');
      await started.next();
      const pushes = Promise.all([1, 2, 3].map(() => queue.push('endless', '')));
      await producer.jobs.names(); // answered behind the pushes
      let isClosed = false;
      const closed = producer.app.close().then(() => (isClosed = true));
      await settled();
      expect(isClosed).toBe(false);
      runs.resolve();
      await closed;
      expect(await pushes).toHaveLength(3);
      await expect(queue.push('endless', '')).rejects.toMatchObject({ code: 'RPC_UNREACHABLE', reason: 'closed' });
    });
  });

  describe('as a kernel', () => {
    it('says where it can be reached', async () => {
      const { kernel, log } = await openKernel();
      expect(kernel.rpcAddress).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
      expect(log.ours('log')).toEqual([`Open to other processes at ${kernel.rpcAddress}.`, 'Consuming "mails".']);
    });

    it('is closed to others until it starts, and as a producer', async () => {
      const waiting = await openKernel({ autoStart: false });
      expect(waiting.kernel.rpcAddress).toBeUndefined();
      await waiting.kernel.start();
      expect(waiting.kernel.rpcAddress).toBeDefined();
      setVariable('JOBS_ROLE', 'producer');
      const producer = await openKernel();
      expect([producer.kernel.role, producer.kernel.rpcAddress]).toEqual(['producer', undefined]);
    });

    it('does not boot at an address that is taken', async () => {
      const { kernel } = await openKernel();
      const error = await bootError({ jobs: { pipelines: { mails: MEMORY }, rpc: { listen: kernel.rpcAddress! } } });
      expect(error).toMatchObject({ code: 'RELAY', message: expect.stringContaining('EADDRINUSE') as string });
    });

    it('tells its listeners of jobs that others push', async () => {
      const pushed = new Inbox<string>();

      @Injectable()
      class Watch {
        @OnJobEvent('pushed')
        onPushed({ name }: { name: string }): void {
          pushed.put(name);
        }
      }
      const { Mails } = mailParts();
      const { kernel } = await openApp({ jobs: { pipelines: { mails: MEMORY }, rpc: LISTEN }, providers: [Mails, Watch] });
      const producer = await openProducer(kernel.rpcAddress!);
      await producer.jobs.push(SendMail, { to: 'ada@example.com' });
      expect(await pushed.next()).toBe('mail.send');
    });
  });

  describe('refuses', () => {
    it.each([
      ['pipelines beside rpc.connect', { pipelines: { q: MEMORY }, rpc: 'tcp://127.0.0.1:1' }, /pipelines: It stands beside "rpc\.connect"/],
      [
        'the role "kernel" beside rpc.connect',
        { pipelines: undefined, role: 'kernel', rpc: 'tcp://127.0.0.1:1' },
        /role: "kernel" contradicts "rpc\.connect"/,
      ],
      ['an address that is none', { pipelines: undefined, rpc: 'localhost' }, /rpc\.connect: "localhost" is not allowed/],
      ['a misspelt key', { rpc: { listn: 'tcp://127.0.0.1:0' } }, /rpc\.listn: There is no option "listn"\. Did you mean "listen"\?/],
    ] as const)('%s', async (_, jobs, message) => {
      expect((await bootError({ jobs: jobs as JobsModuleOptions })).message).toMatch(message);
    });

    it('JOBS_ROLE=kernel beside rpc.connect', async () => {
      setVariable('JOBS_ROLE', 'kernel');
      expect((await bootError({ jobs: { pipelines: undefined, rpc: 'tcp://127.0.0.1:1' } })).message).toMatch(/JOBS_ROLE: "kernel" contradicts/);
    });
  });

  describe('under test', () => {
    async function openTest(options: JobsModuleOptions, override?: JobsModuleOptions) {
      const { Mails, sent } = mailParts();

      @Module({ imports: [JobsModule.forRoot(options), JobsModule.forFeature(['mails'])], providers: [Mails] })
      class App {}

      const builder = Test.createTestingModule({ imports: [JobsTestingModule.forRoot({ mode: 'inline' }), App] }).setLogger(new LogKeeper());
      if (override !== undefined) builder.overrideProvider(JOBS_MODULE_OPTIONS).useValue(override);
      const app = await builder.compile();
      closeLater(() => app.close());
      await app.init();
      return { app, sent };
    }

    it('opens nothing to other processes', async () => {
      const { app, sent } = await openTest({ pipelines: { mails: MEMORY }, rpc: LISTEN });
      await app.get(JobsService).push(SendMail, { to: 'ada@example.com' });
      expect([sent.all(), app.get(JobsKernel).rpcAddress]).toEqual([['ada@example.com'], undefined]);
    });

    it('asks for pipelines of its own where the application pushes elsewhere, and takes them', async () => {
      const rpc = 'tcp://127.0.0.1:1';
      await expect(openTest({ rpc })).rejects.toThrow(/rpc\.connect: The application pushes to a kernel elsewhere/);
      const { app, sent } = await openTest({ rpc }, { pipelines: { mails: MEMORY } });
      await app.get(JobsService).push(SendMail, { to: 'ada@example.com' });
      app.get(JobsTester).expectPushed(SendMail, { to: 'ada@example.com' });
      expect(sent.all()).toEqual(['ada@example.com']);
    });
  });
});
