import {
  Controller,
  Inject,
  Injectable,
  Scope,
  UseGuards,
  UseInterceptors,
  type CanActivate,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
  type AsyncMicroserviceOptions,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { EMPTY, of, throwError } from 'rxjs';
import { HandlerConflictError, JobHandler, JOB_REF, JobsKernel, JobsModule, JobsServer, JobsService, JOBS_TRANSPORT } from '../../lib/index.js';
import type { JobContext, JobEvent } from '../../lib/index.js';
import { Inbox } from '../support/inbox.js';
import { settled } from '../support/kernel.js';
import { AT_ONCE, closeAll, closeLater, eventsOf, LogKeeper, nextFailed } from './support/jobs-app.js';

const MEMORY = { driver: 'memory' } as const;
const MAIL = { to: 'ada@example.com' };

// Without a type of its own the decorator of Nest 12 asks for handlers with a payload and nothing else.
const onEvent = (job: string): MethodDecorator => EventPattern<unknown>(job, JOBS_TRANSPORT);

interface HybridApp {
  readonly app: INestApplication;
  readonly jobs: JobsService;
  readonly log: LogKeeper;
}

interface HybridParts {
  readonly controllers?: Type[];
  readonly providers?: Type[];
}

/** A hybrid application whose transport is the kernel. */
async function openHybrid({ controllers = [], providers = [] }: HybridParts): Promise<HybridApp> {
  const { app, log } = await createHybrid({ controllers, providers });
  await app.startAllMicroservices();
  await app.init();
  return { app, jobs: app.get(JobsService), log };
}

async function createHybrid({ controllers = [], providers = [] }: HybridParts): Promise<{ app: INestApplication; log: LogKeeper }> {
  const log = new LogKeeper();
  const imports = [JobsModule.forRoot({ pipelines: { q: MEMORY, other: MEMORY }, retry: { backoff: AT_ONCE } })];
  const module = await Test.createTestingModule({ imports, controllers, providers }).setLogger(log).compile();
  const app = module.createNestApplication({ logger: log });
  closeLater(() => app.close());
  app.connectMicroservice<MicroserviceOptions>({ strategy: app.get(JobsServer) });
  return { app, log };
}

async function bootErrorOf(parts: HybridParts): Promise<Error> {
  try {
    await openHybrid(parts);
  } catch (error) {
    return error as Error;
  }
  throw new Error('The application started.');
}

describe('the transport of jobs', () => {
  afterEach(closeAll);

  it('runs the event and message handlers of controllers, by the name of the job or by name and queue', async () => {
    const inbox = new Inbox<unknown>();
    @Controller()
    class Mails {
      @onEvent('mail.event')
      event(@Payload() mail: object, @Ctx() context: JobContext): void {
        inbox.put(['event', mail, context.name, context.queue]);
      }

      @MessagePattern('mail.message', JOBS_TRANSPORT)
      message(@Payload('to') to: string): string {
        inbox.put(['message', to]);
        return 'an answer that nobody awaits';
      }

      @EventPattern({ queue: 'other', job: 'mail.event' }, JOBS_TRANSPORT)
      ofQueue(@Ctx() context: JobContext): void {
        inbox.put(['event of queue', context.queue]);
      }

      @onEvent('tips.*')
      tips(@Ctx() context: JobContext): void {
        inbox.put(['wildcard', context.name]);
      }
    }
    const { jobs } = await openHybrid({ controllers: [Mails] });
    const completed = eventsOf(jobs, 'completed');
    for (const push of ['q/mail.event', 'q/mail.message', 'other/mail.event', 'q/tips.daily']) {
      const [queue, name] = push.split('/') as [string, string];
      await jobs.queue(queue).push(name, MAIL);
      await completed.next();
    }
    expect(inbox.all()).toEqual([
      ['event', MAIL, 'mail.event', 'q'],
      ['message', 'ada@example.com'],
      ['event of queue', 'other'],
      ['wildcard', 'tips.daily'],
    ]);
  });

  it('can be the only transport of a microservice', async () => {
    const inbox = new Inbox<unknown>();
    @Controller()
    class Mails {
      @onEvent('mail.event')
      event(@Payload() mail: object): void {
        inbox.put(['pattern', mail]);
      }

      @JobHandler('mail.send')
      send(mail: object): void {
        inbox.put(['handler', mail]);
      }
    }
    class AppModule {}
    const root = { module: AppModule, imports: [JobsModule.forRoot({ pipelines: { q: MEMORY } })], controllers: [Mails] };
    const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(root, {
      useFactory: (server: JobsServer) => ({ strategy: server }),
      inject: [JobsServer],
      logger: new LogKeeper(),
    });
    closeLater(() => app.close());
    await app.listen();
    const queue = app.get(JobsService).queue('q');
    await queue.push('mail.event', MAIL);
    expect(await inbox.next()).toEqual(['pattern', MAIL]);
    await queue.push('mail.send', MAIL);
    expect(await inbox.next()).toEqual(['handler', MAIL]);
  });

  it('binds a @JobHandler once, whether it is connected or not', async () => {
    const inbox = new Inbox<string>();
    @Controller()
    class Mails {
      @JobHandler('mail.send')
      send(): void {
        inbox.put('sent');
      }
    }
    const { jobs } = await openHybrid({ controllers: [Mails] });
    const completed = eventsOf(jobs, 'completed');
    await jobs.queue('q').push('mail.send', null);
    await completed.next();
    expect(inbox.all()).toEqual(['sent']);
    expect(await jobs.admin.counters()).toMatchObject({ started: 1 });
  });

  it.each<[string, () => unknown, string]>([
    ['throws', () => Promise.reject(new RangeError('Too far.')), 'Internal server error'],
    [
      'throws a RpcException',
      () => {
        throw new RpcException('The account is gone.');
      },
      'The account is gone.',
    ],
    ['returns a stream that fails', () => throwError(() => new RpcException('The account is gone.')), 'The account is gone.'],
  ])('runs a job again whose event or message handler %s', async (_what, fail, message) => {
    @Controller()
    class Mails {
      @onEvent('event')
      event(): unknown {
        return fail();
      }

      @MessagePattern('message', JOBS_TRANSPORT)
      message(): unknown {
        return fail();
      }
    }
    const { jobs } = await openHybrid({ controllers: [Mails] });
    for (const name of ['event', 'message']) {
      const job = await nextFailed(jobs, () => jobs.queue('q').push(name, null));
      expect(job).toMatchObject({ name, attempts: 3, reason: 'attempts', error: { message } });
    }
  });

  it('runs nothing of a handler whose guard says no, and its interceptors before it', async () => {
    const inbox = new Inbox<string>();
    const never: CanActivate = { canActivate: () => false };
    @Controller()
    class Mails {
      @onEvent('guarded')
      @UseGuards(never)
      guarded(): void {
        inbox.put('guarded');
      }

      @onEvent('intercepted')
      @UseInterceptors({
        intercept: (_context, next) => {
          inbox.put('before');
          return next.handle();
        },
      })
      intercepted(): void {
        inbox.put('intercepted');
      }
    }
    const { jobs } = await openHybrid({ controllers: [Mails] });
    const completed = eventsOf(jobs, 'completed');
    expect(await nextFailed(jobs, () => jobs.queue('q').push('guarded', null))).toMatchObject({ error: { message: 'Forbidden resource' } });
    await jobs.queue('q').push('intercepted', null);
    await completed.next();
    expect(inbox.all()).toEqual(['before', 'intercepted']);
  });

  it('runs all event handlers of one pattern to their end, and fails when one of them does', async () => {
    const inbox = new Inbox<string>();
    @Controller()
    class First {
      @onEvent('event')
      event(): unknown {
        inbox.put('first');
        return EMPTY;
      }
    }
    @Controller()
    class Second {
      @EventPattern({ job: 'event' }, JOBS_TRANSPORT)
      event(): unknown {
        inbox.put('second');
        return inbox.length < 4 ? throwError(() => new RpcException('Not yet.')) : of('done');
      }
    }
    const { jobs } = await openHybrid({ controllers: [First, Second] });
    const completed = eventsOf(jobs, 'completed');
    await jobs.queue('q').push('event', null);
    expect(await completed.next()).toMatchObject({ attempt: 2 });
    expect(inbox.all()).toEqual(['first', 'second', 'first', 'second']);
  });

  it('makes request-scoped controllers anew, and gives them the job as JOB_REF', async () => {
    const inbox = new Inbox<unknown>();
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {
      constructor(@Inject(JOB_REF) readonly job: JobContext) {}
    }
    @Controller()
    class Mails {
      constructor(private readonly tenant: Tenant) {}

      @onEvent('event')
      event(@Ctx() context: JobContext): void {
        inbox.put(this.tenant.job === context);
      }
    }
    const { jobs } = await openHybrid({ controllers: [Mails], providers: [Tenant] });
    await jobs.queue('q').push('event', null);
    expect(await inbox.next()).toBe(true);
  });

  it('leaves handlers of other transports alone, and warns of patterns that name no transport and no job', async () => {
    @Controller()
    class Sums {
      @MessagePattern({ cmd: 'sum' })
      anywhere(): number {
        return 0;
      }

      @MessagePattern({ cmd: 'sum', of: 'tcp' }, Transport.TCP)
      ofTcp(): number {
        return 0;
      }

      @MessagePattern(7)
      number(): number {
        return 0;
      }
    }
    const { app, log } = await openHybrid({ controllers: [Sums] });
    expect(app.get(JobsServer).getHandlers().size).toBe(0);
    const rest = 'names no job and is left to other transports. Name the transport it belongs to; for a job, write { job }.';
    expect(log.ours('warn')).toEqual([`The pattern {"cmd":"sum"} ${rest}`, `The pattern 7 ${rest}`]);
  });

  it('refuses two handlers of one pattern unless both are event handlers', async () => {
    @Controller()
    class Mails {
      @MessagePattern('mail.send', JOBS_TRANSPORT)
      first(): void {}

      @MessagePattern('mail.send', JOBS_TRANSPORT)
      second(): void {}
    }
    const error = await bootErrorOf({ controllers: [Mails] });
    expect(error).toBeInstanceOf(HandlerConflictError);
    expect(error.message).toBe(
      '@MessagePattern("mail.send") and @MessagePattern("mail.send") both handle job "mail.send" of every queue. ' +
        'Remove one, or give one of them another name or queue.',
    );
  });

  it('refuses a pattern and a @JobHandler for the same jobs', async () => {
    @Controller()
    class Mails {
      @EventPattern({ job: 'mail.send', queue: 'q' }, JOBS_TRANSPORT)
      first(): void {}

      @JobHandler('mail.send', { queue: 'q' })
      second(): void {}
    }
    expect((await bootErrorOf({ controllers: [Mails] })).message).toBe(
      '@EventPattern({"job":"mail.send","queue":"q"}) and Mails.second() both handle job "mail.send" of queue "q". ' +
        'Remove one, or give one of them another name or queue.',
    );
  });

  it('refuses a pattern of a queue that no pipeline has', async () => {
    @Controller()
    class Mails {
      @EventPattern({ job: 'mail.send', queue: 'otherr' }, JOBS_TRANSPORT)
      send(): void {}
    }
    expect((await bootErrorOf({ controllers: [Mails] })).message).toBe(
      '@EventPattern({"job":"mail.send","queue":"otherr"}) handles queue "otherr", but no pipeline has this name. Did you mean "other"? ' +
        'Pipelines: "q", "other". Configure it under "pipelines", or set { declaredLater: true } on the handler.',
    );
  });

  it('takes settings of the handler as the extras of a pattern', async () => {
    @Controller()
    class Mails {
      @EventPattern({ job: 'mail.send', queue: 'later' }, JOBS_TRANSPORT, { attempts: 2, declaredLater: true })
      send(): void {
        throw new RpcException('Never.');
      }
    }
    const { jobs } = await openHybrid({ controllers: [Mails] });
    const later = await jobs.create({ driver: 'memory', name: 'later' });
    await later.resume();
    expect(await nextFailed(jobs, () => later.push('mail.send', null))).toMatchObject({ attempts: 2 });
  });

  it('tells of extras that are no settings of a handler', async () => {
    @Controller()
    class Mails {
      @EventPattern({ job: 'mail.send' }, JOBS_TRANSPORT, { atempts: 2, timeout: 5 })
      send(): void {}
    }
    const { log } = await openHybrid({ controllers: [Mails] });
    expect(log.ours('warn')).toEqual([
      'The extras of @EventPattern({"job":"mail.send"}) are settings of a handler of jobs. There is no option "atempts". Did you mean "attempts"?',
    ]);
  });

  it.each<[object, string]>([
    [{ job: '' }, '{"job":""}'],
    [{ job: 'mail.send', queue: 5 }, '{"job":"mail.send","queue":5}'],
  ])('refuses the pattern %j', async (pattern, text) => {
    @Controller()
    class Mails {
      @EventPattern(pattern, JOBS_TRANSPORT)
      send(): void {}
    }
    expect((await bootErrorOf({ controllers: [Mails] })).message).toBe(
      `A handler of jobs has the pattern ${text}. Use the name of a job, or { job, queue }.`,
    );
  });

  it('calls the hooks that tracing sets, around every run', async () => {
    const order: string[] = [];
    @Controller()
    class Mails {
      @onEvent('event')
      event(): void {
        order.push('handler');
      }
    }
    const { app, jobs } = await openHybrid({ controllers: [Mails] });
    const server = app.get(JobsServer);
    server.setOnProcessingStartHook((transport, context, done) => {
      order.push(`start ${String(transport)} ${(context as JobContext).name}`);
      void done();
    });
    server.setOnProcessingEndHook((_transport, context) => order.push(`end ${(context as JobContext).name}`));
    const completed = eventsOf(jobs, 'completed');
    await jobs.queue('q').push('event', null);
    await completed.next();
    expect(order).toEqual([`start ${String(JOBS_TRANSPORT)} event`, 'handler', 'end event']);
  });

  describe('a hook that tracing sets', () => {
    const openTraced = async () => {
      const runs = new Inbox<string>();
      @Controller()
      class Mails {
        @onEvent('event')
        event(): void {
          runs.put('ran');
        }
      }
      const opened = await openHybrid({ controllers: [Mails] });
      return { ...opened, runs, server: opened.app.get(JobsServer) };
    };

    it('and that fails at the end is told in the log: the job is done, and the process goes on', async () => {
      const { jobs, log, server, runs } = await openTraced();
      const failing = (): never => {
        throw new Error('Nothing to end.');
      };
      const failures = [() => Promise.reject(new Error('No span.')), failing];
      server.setOnProcessingStartHook((_transport, _context, done) => void done());
      server.setOnProcessingEndHook((() => failures.shift()?.()) as () => void);
      const completed = eventsOf(jobs, 'completed');
      const ids: string[] = [];
      for (let run = 0; run < 3; run++) {
        ids.push((await jobs.queue('q').push('event', null)).id);
        await completed.next();
      }
      await settled();
      expect(runs.length).toBe(3);
      expect(log.ours('error')).toEqual([
        `The hook at the end of job "event" (${ids[0]}) failed: No span.`,
        `The hook at the end of job "event" (${ids[1]}) failed: Nothing to end.`,
      ]);
    });

    it('and that rejects at the start is the failure of the job, which ends', async () => {
      const { jobs, server, runs } = await openTraced();
      server.setOnProcessingStartHook((() => Promise.reject(new Error('No tracer.'))) as never);
      expect(await nextFailed(jobs, () => jobs.queue('q').push('event', null))).toMatchObject({ error: { message: 'No tracer.' } });
      expect(runs.length).toBe(0);
    });
  });

  it('gives the kernel and its events to whoever holds the microservice', async () => {
    const { app, jobs } = await openHybrid({});
    const [microservice] = app.getMicroservices();
    expect(microservice!.unwrap()).toBe(app.get(JobsKernel).kernel);
    const inbox = new Inbox<JobEvent>();
    (microservice as unknown as JobsServer).on('pushed', (event: JobEvent) => inbox.put(event));
    const { id } = await jobs.queue('q').push('event', null);
    expect(await inbox.next()).toMatchObject({ id, name: 'event' });
  });

  it('binds at once what is connected when jobs are consumed already', async () => {
    const inbox = new Inbox<string>();
    @Controller()
    class Mails {
      @onEvent('event')
      event(): void {
        inbox.put('late');
      }
    }
    const log = new LogKeeper();
    const imports = [JobsModule.forRoot({ pipelines: { q: MEMORY } })];
    const module = await Test.createTestingModule({ imports, controllers: [Mails] })
      .setLogger(log)
      .compile();
    const app = module.createNestApplication({ logger: log });
    closeLater(() => app.close());
    await app.init();
    app.connectMicroservice<MicroserviceOptions>({ strategy: app.get(JobsServer) });
    await app.startAllMicroservices();
    await app.get(JobsService).queue('q').push('event', null);
    expect(await inbox.next()).toBe('late');
  });
});
