import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  Controller,
  Injectable,
  Module,
  Post,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type ModuleMetadata,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { EventPattern, type MicroserviceOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import * as memory from '../../lib/drivers/memory.driver.js';
import {
  isJobContext,
  JobCtx,
  JobHandler,
  JobsKernel,
  JobsModule,
  JobsServer,
  JobsService,
  JOBS_TRANSPORT,
  KernelStoppingError,
  type JobContext,
  type JobsModuleOptions,
} from '../../lib/index.js';
import type { DriverRegistry } from '../../lib/contract/driver.js';
import { Inbox } from '../support/inbox.js';
import { deferred, settled } from '../support/kernel.js';
import { closeAll, closeLater, LogKeeper } from './support/jobs-app.js';

const MEMORY = { driver: 'memory' } as const;
const IDLE_CLOSE_MS = 4_000;
const SCRIPT = fileURLToPath(new URL('support/spawned-app.mjs', import.meta.url));

/** An application that listens to HTTP on a free port. */
async function openHttp(parts: ModuleMetadata & { readonly jobs?: JobsModuleOptions }, prepare = (_app: INestApplication): unknown => undefined) {
  const { jobs = { pipelines: { q: MEMORY } }, imports = [], ...rest } = parts;
  const log = new LogKeeper();
  const module = await Test.createTestingModule({ ...rest, imports: [JobsModule.forRoot(jobs), ...imports] })
    .setLogger(log)
    .compile();
  const app = module.createNestApplication({ logger: log });
  closeLater(() => app.close());
  await prepare(app);
  await app.listen(0, '127.0.0.1');
  return { app, log, jobs: app.get(JobsService), kernel: app.get(JobsKernel), url: await app.getUrl() };
}

/** Hooks that write down when they are called. */
function recorder(name: string, order: string[]) {
  @Injectable()
  class Recorder {
    onModuleInit(): void {
      order.push(`${name} init`);
    }

    async onApplicationBootstrap(): Promise<void> {
      await settled();
      order.push(`${name} ready`);
    }

    onModuleDestroy(): void {
      order.push(`${name} destroyed`);
    }

    beforeApplicationShutdown(): void {
      order.push(`${name} before shutdown`);
    }

    onApplicationShutdown(): void {
      order.push(`${name} shut down`);
    }
  }
  return Recorder;
}

/** The memory driver, which writes down when it runs and stops. */
function recordedDriver(order: string[]): DriverRegistry {
  return {
    recorded: () =>
      Promise.resolve({
        ...memory,
        createDriver: (context) => {
          const driver = memory.createDriver(context);
          return Object.assign(driver, {
            run: () => (order.push('driver runs'), driver.resume()),
            stop: async () => {
              await driver.pause();
              order.push('driver stopped');
            },
          });
        },
      }),
  };
}

async function whenDraining(kernel: JobsKernel): Promise<void> {
  while (kernel.isRunning) await settled();
}

describe('the life of an application', () => {
  afterEach(closeAll);

  it('consumes after everything else is ready, drains before anything is destroyed, and closes the drivers after that', async () => {
    const order: string[] = [];
    class Handlers {
      @JobHandler('first')
      first(): void {
        order.push('job runs');
      }

      @JobHandler('last')
      async last(): Promise<void> {
        await settled();
        order.push('last job ends');
      }
    }
    @Module({ providers: [recorder('db', order)] })
    class DbModule {}
    @Module({ imports: [DbModule], providers: [recorder('feature', order), Handlers] })
    class FeatureModule {}
    const parts = {
      jobs: { pipelines: { q: { driver: 'recorded' } }, drivers: recordedDriver(order) },
      imports: [FeatureModule],
      providers: [recorder('app', order)],
    };
    const { app, jobs } = await openHttp(parts, (early) => early.get(JobsService).queue('q').push('first', null));
    await settled();
    await jobs.queue('q').push('last', null);
    await app.close();
    expect(order).toEqual([
      'db init',
      'feature init',
      'app init',
      'db ready',
      'feature ready',
      'app ready',
      'driver runs',
      'job runs',
      'last job ends',
      'app destroyed',
      'feature destroyed',
      'db destroyed',
      'app before shutdown',
      'feature before shutdown',
      'db before shutdown',
      'driver stopped',
      'app shut down',
      'feature shut down',
      'db shut down',
    ]);
  });

  it('consumes after the bootstrap also when a hybrid application starts its transports first', async () => {
    const order: string[] = [];
    @Controller()
    class Handlers {
      @JobHandler('handler')
      handler(): void {
        order.push('handler runs');
      }

      @EventPattern({ job: 'pattern' }, JOBS_TRANSPORT)
      pattern(): void {
        order.push('pattern runs');
      }
    }
    const runs = new Inbox<unknown>();
    await openHttp({ controllers: [Handlers], providers: [recorder('app', order)] }, async (app) => {
      app.connectMicroservice<MicroserviceOptions>({ strategy: app.get(JobsServer) });
      const jobs = app.get(JobsService);
      jobs.on('completed', (event) => runs.put(event));
      await jobs.queue('q').push('handler', null);
      await jobs.queue('q').push('pattern', null);
      await app.startAllMicroservices();
    });
    await runs.take(2);
    expect(order).toEqual(['app init', 'app ready', 'handler runs', 'pattern runs']);
  });

  it('needs no HTTP', async () => {
    const inbox = new Inbox<string>();
    class Handlers {
      @JobHandler('job')
      handle(): void {
        inbox.put('runs');
      }
    }
    class AppModule {}
    const root = { module: AppModule, imports: [JobsModule.forRoot({ pipelines: { q: MEMORY } })], providers: [Handlers] };
    const app = await NestFactory.createApplicationContext(root, { logger: new LogKeeper() });
    closeLater(() => app.close());
    await app.get(JobsService).queue('q').push('job', null);
    expect(await inbox.next()).toBe('runs');
  });

  it('leaves nothing open when the boot fails after the kernel was made', async () => {
    const order: string[] = [];
    class Handlers {
      @JobHandler('job', { queue: 'nowhere' })
      handle(): void {}
    }
    const jobs = { pipelines: { q: { driver: 'recorded' } }, drivers: recordedDriver(order) };
    await expect(openHttp({ jobs, providers: [Handlers] })).rejects.toMatchObject({ code: 'UNKNOWN_QUEUE' });
    expect(order).toEqual(['driver stopped']);
  });

  it('goes on when a broker does not tell its state for the log', async () => {
    const inbox = new Inbox<string>();
    class Handlers {
      @JobHandler('job')
      handle(): void {
        inbox.put('runs');
      }
    }
    const drivers: DriverRegistry = {
      mute: () =>
        Promise.resolve({
          ...memory,
          createDriver: (context) => {
            const driver = memory.createDriver(context);
            const stat = driver.stat.bind(driver);
            let asked = 0;
            return Object.assign(driver, { stat: () => (asked++ === 0 ? Promise.reject(new Error('It is down.')) : stat()) });
          },
        }),
    };
    const { jobs, log } = await openHttp({ jobs: { pipelines: { q: { driver: 'mute' } }, drivers }, providers: [Handlers] });
    await jobs.queue('q').push('job', null);
    expect(await inbox.next()).toBe('runs');
    expect(log.ours('warn')).toEqual(['Jobs are consumed, but a broker did not tell the state of its queue: It is down.']);
  });

  it('applies what main.ts sets globally to handlers', async () => {
    const order: string[] = [];
    class Handlers {
      @JobHandler('job')
      handle(): void {
        order.push('handler');
      }
    }
    const interceptor: NestInterceptor = {
      intercept: (_context: ExecutionContext, next: CallHandler) => {
        order.push('interceptor');
        return next.handle();
      },
    };
    const { jobs } = await openHttp({ providers: [Handlers] }, (app) => app.useGlobalInterceptors(interceptor));
    const completed = new Inbox<unknown>();
    jobs.on('completed', (event) => completed.put(event));
    await jobs.queue('q').push('job', null);
    await completed.next();
    expect(order).toEqual(['interceptor', 'handler']);
  });

  it('tells jobs from requests in a global guard', async () => {
    const seen: [string, boolean][] = [];
    @Injectable()
    class Guard implements CanActivate {
      canActivate(host: ArgumentsHost): boolean {
        seen.push([host.getType(), isJobContext(host)]);
        return isJobContext(host) || host.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-key'] === 'open';
      }
    }
    const inbox = new Inbox<string>();
    @Controller()
    class App {
      constructor(private readonly jobs: JobsService) {}

      @Post('push')
      async push(): Promise<void> {
        await this.jobs.queue('q').push('job', null);
      }

      @JobHandler('job')
      handle(): void {
        inbox.put('runs');
      }
    }
    const { url } = await openHttp({ controllers: [App], providers: [{ provide: APP_GUARD, useClass: Guard }] });
    expect((await fetch(`${url}/push`, { method: 'POST' })).status).toBe(403);
    expect((await fetch(`${url}/push`, { method: 'POST', headers: { 'x-key': 'open' } })).status).toBe(201);
    expect(await inbox.next()).toBe('runs');
    expect(seen).toEqual([
      ['http', false],
      ['http', false],
      ['rpc', true],
    ]);
  });

  it('keeps its log lines for the logger that the application sets later', async () => {
    const talkative: DriverRegistry = {
      talkative: () =>
        Promise.resolve({
          ...memory,
          createDriver: (context) => {
            context.logger.warn('The driver is open.', { pipeline: context.pipeline });
            return memory.createDriver(context);
          },
        }),
    };
    class AppModule {}
    const root = { module: AppModule, imports: [JobsModule.forRoot({ pipelines: { q: { driver: 'talkative' } }, drivers: talkative })] };
    const app = await NestFactory.create(root, { bufferLogs: true });
    closeLater(() => app.close());
    const log = new LogKeeper();
    app.useLogger(log);
    await app.listen(0, '127.0.0.1');
    expect([log.ours('warn'), log.ours('log')]).toEqual([['The driver is open. (pipeline: q)'], ['Consuming "q".']]);
  });
});

describe('the end of an application', () => {
  afterEach(closeAll);

  /** An application with one job running, which ends when the test says so, and the door for more. */
  const openBusy = async () => {
    const started = deferred();
    const gate = deferred();
    const ended: string[] = [];
    @Controller()
    class App {
      constructor(private readonly jobs: JobsService) {}

      @Post('push')
      async push(): Promise<void> {
        await this.jobs.queue('q').push('second', null);
      }

      @JobHandler('first')
      async first(): Promise<void> {
        started.resolve();
        await gate.promise;
        ended.push('first');
      }

      @JobHandler('pushing')
      async pushing(): Promise<void> {
        started.resolve();
        await gate.promise;
        await this.jobs.queue('q').push('second', null);
        ended.push('pushing');
      }

      @JobHandler('second')
      async second(): Promise<void> {
        await settled();
        ended.push('second');
      }
    }
    return {
      ...(await openHttp({ controllers: [App] })),
      started: started.promise,
      open: () => gate.resolve(),
      ended,
    };
  };

  it('waits for the running job', async () => {
    const { app, jobs, kernel, started, open, ended } = await openBusy();
    await jobs.queue('q').push('first', null);
    await started;
    let isClosed = false;
    const closing = app.close().then(() => (isClosed = true));
    await whenDraining(kernel);
    await settled();
    expect(isClosed).toBe(false);
    open();
    await closing;
    expect(ended).toEqual(['first']);
  });

  it('lets a running handler push, and runs what it pushed', async () => {
    const { app, jobs, kernel, started, open, ended } = await openBusy();
    await jobs.queue('q').push('pushing', null);
    await started;
    const closing = app.close();
    await whenDraining(kernel);
    open();
    await closing;
    expect(ended).toEqual(['pushing', 'second']);
  });

  it('takes pushes of requests as long as a handler runs, and runs them', async () => {
    const { app, jobs, kernel, started, open, ended, url } = await openBusy();
    await jobs.queue('q').push('first', null);
    await started;
    const closing = app.close();
    await whenDraining(kernel);
    expect((await fetch(`${url}/push`, { method: 'POST' })).status).toBe(201);
    open();
    await closing;
    expect(ended.toSorted()).toEqual(['first', 'second']);
  });

  it('refuses pushes when no handler runs any more', async () => {
    const { app, jobs } = await openHttp({});
    await app.close();
    await expect(jobs.queue('q').push('job', null)).rejects.toThrow(new KernelStoppingError('q').message);
  });

  it('aborts the signal of jobs that run past the deadline, and does not wait for deaf ones', async () => {
    const started = new Inbox<JobContext>();
    class Handlers {
      @JobHandler('listens')
      async listens(@JobCtx() context: JobContext): Promise<void> {
        started.put(context);
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      }

      @JobHandler('deaf')
      async deaf(@JobCtx() context: JobContext): Promise<void> {
        started.put(context);
        await new Promise(() => {});
      }
    }
    const { app, jobs, log } = await openHttp({
      providers: [Handlers],
      jobs: { pipelines: { q: MEMORY }, shutdown: { timeout: 0.02, grace: 0.02 } },
    });
    await jobs.queue('q').push('listens', null);
    await jobs.queue('q').push('deaf', null);
    const contexts = await started.take(2);
    await app.close();
    for (const { signal } of contexts) expect(signal.reason).toBeInstanceOf(KernelStoppingError);
    const [line, ...more] = log.ours('warn').filter((warning) => warning.includes('deaf'));
    expect(line).toContain('The handler of job "deaf" did not end after its signal had aborted; its slot is given away.');
    expect(more).toEqual([]);
  });

  it('says how many jobs of memory are lost', async () => {
    const { app, jobs, log } = await openHttp({});
    await jobs.queue('q').push('tips', null, { delay: '1d' });
    await jobs.queue('q').push('tips', null, { delay: '2d' });
    await app.close();
    expect(log.ours('warn')).toEqual(['Pipeline "q" lost 2 jobs that were in memory only. (pipeline: q, lost: 2)']);
  });

  it('comes at once when nothing runs, and may come twice', async () => {
    const { app } = await openHttp({});
    const before = performance.now();
    await app.close();
    expect(performance.now() - before).toBeLessThan(IDLE_CLOSE_MS);
    await expect(app.close()).resolves.toBeUndefined();
  });

  describe('of a process', () => {
    /** Starts one on the built library; its output is kept. */
    const run = (behaviour: 'quick' | 'slow' | 'deaf') => {
      const child = spawn(process.execPath, [SCRIPT, behaviour], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
      closeLater(async () => child.kill('SIGKILL'));
      const lines = new Inbox<string>();
      let output = '';
      createInterface({ input: child.stdout }).on('line', (line) => lines.put(line));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
      const exit = once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as string | null, output }));
      return { child, lines, exit, started: Promise.race([lines.next(), exit.then(({ output: why }) => Promise.reject(new Error(why)))]) };
    };

    it('that gets SIGTERM finishes its job and ends by the signal', async () => {
      const { child, lines, exit, started } = run('slow');
      expect(await started).toBe('started');
      child.kill('SIGTERM');
      expect(await exit).toEqual({ code: null, signal: 'SIGTERM', output: '' });
      expect(lines.all()).toEqual(['done']);
    }, 20_000);

    it('that gets SIGTERM ends after deadline and grace when its handler does not', async () => {
      const { child, lines, exit, started } = run('deaf');
      expect(await started).toBe('started');
      child.kill('SIGTERM');
      expect(await exit).toMatchObject({ signal: 'SIGTERM', output: '' });
      const rest = lines.all();
      expect(rest.join('\n')).toContain('The handler of job "work" did not end after its signal had aborted; its slot is given away.');
      expect(rest.join('\n')).toContain('Pipeline "q" lost 1 job that was in memory only.');
      expect(rest).not.toContain('done');
    }, 20_000);

    it('that closes its application ends by itself', async () => {
      const { lines, exit } = run('quick');
      expect(await exit).toEqual({ code: 0, signal: null, output: '' });
      expect(lines.all()).toContain('done');
    }, 20_000);
  });
});
