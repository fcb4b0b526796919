import {
  BadRequestException,
  Catch,
  Controller,
  HttpStatus,
  Inject,
  Injectable,
  NotFoundException,
  ParseIntPipe,
  Scope,
  UseFilters,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import type { ArgumentsHost, PipeTransform, Provider } from '@nestjs/common';
import { APP_PIPE, ContextIdFactory, REQUEST, type ContextIdStrategy } from '@nestjs/core';
import { Ctx, Payload, RpcException } from '@nestjs/microservices';
import { Type as Transform } from 'class-transformer';
import { IsEmail, IsInt } from 'class-validator';
import { EMPTY, from, Observable, throwError } from 'rxjs';
import * as z from 'zod';
import {
  defineJob,
  JobAlreadySettledError,
  JobAttempt,
  JobContext,
  JobCtx,
  JobHandler,
  JobHeader,
  JobHeaders,
  JobId,
  JobPayload,
  JobsExceptionFilter,
  JobTimeoutError,
  JobValidationError,
  JOB_REF,
  RetryJobError,
  SnoozeJobError,
  UnrecoverableJobError,
} from '../../lib/index.js';
import type { JobsModuleOptions, JobsService } from '../../lib/index.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { Inbox } from '../support/inbox.js';
import { deferred, settled } from '../support/kernel.js';
import { AT_ONCE, closeAll, eventsOf, FULL_PIPELINE, nextFailed, openApp, type AppParts, type OpenedApp } from './support/jobs-app.js';

interface Mail {
  readonly to: string;
}

const MAIL: Mail = { to: 'ada@example.com' };

class SignupDto {
  @IsEmail()
  readonly email!: string;

  @IsInt()
  @Transform(() => Number)
  readonly age!: number;
}

interface SettlingApp extends OpenedApp {
  /** Put at the end of each run: the next run of the job may end before the one that put it back. */
  readonly runs: Inbox<JobContext>;
  /** In the order of their start. */
  readonly contexts: readonly JobContext[];
}

/** What a test's handlers have seen, in order. */
const seen = (): Inbox<unknown> => new Inbox();

describe.each([
  ['called directly', []],
  ['behind a global guard and a global interceptor', FULL_PIPELINE],
] as const)('job handlers %s', (_way, pipeline) => {
  const open = ({ providers = [], ...parts }: AppParts): Promise<OpenedApp> => openApp({ ...parts, providers: [...pipeline, ...providers] });

  afterEach(closeAll);

  describe('where they are found', () => {
    it('runs a method of a provider with payload and context', async () => {
      const inbox = seen();
      class Mails {
        readonly #sender = 'system';

        @JobHandler('mail.send')
        send(mail: Mail, context: JobContext): void {
          inbox.put([this.#sender, mail, context.name, context instanceof JobContext]);
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      await jobs.queue('q').push('mail.send', MAIL);
      expect(await inbox.next()).toEqual(['system', MAIL, 'mail.send', true]);
    });

    it('runs a method of a controller', async () => {
      const inbox = seen();
      @Controller('mails')
      class Mails {
        @JobHandler('mail.send')
        send(mail: Mail): void {
          inbox.put(mail);
        }
      }
      const { jobs } = await open({ controllers: [Mails] });
      await jobs.queue('q').push('mail.send', MAIL);
      expect(await inbox.next()).toEqual(MAIL);
    });

    it('runs the method "handle" of a decorated class', async () => {
      const inbox = seen();
      @JobHandler('mail.send', { queue: 'q' })
      class SendMail {
        handle(mail: Mail, context: JobContext): void {
          inbox.put([mail, context.queue]);
        }
      }
      const { jobs } = await open({ providers: [SendMail] });
      await jobs.queue('q').push('mail.send', MAIL);
      expect(await inbox.next()).toEqual([MAIL, 'q']);
    });

    it('finds handlers that a factory made, that were given as a value, and under an alias once', async () => {
      const inbox = seen();
      class Mails {
        constructor(readonly origin: string) {}

        send(): void {
          inbox.put(this.origin);
        }
      }
      class MadeMails extends Mails {
        @JobHandler('mail.made')
        override send(): void {
          super.send();
        }
      }
      class GivenMails extends Mails {
        @JobHandler('mail.given')
        override send(): void {
          super.send();
        }
      }
      const providers: Provider[] = [
        { provide: 'made', useFactory: () => new MadeMails('factory') },
        { provide: 'given', useValue: new GivenMails('value') },
        { provide: 'alias', useExisting: 'given' },
      ];
      const { jobs } = await open({ providers });
      await jobs.queue('q').push('mail.made', null);
      await jobs.queue('q').push('mail.given', null);
      expect(await inbox.take(2)).toEqual(['factory', 'value']);
    });

    it('takes several decorators at one method', async () => {
      const inbox = seen();
      class Mails {
        @JobHandler('mail.welcome')
        @JobHandler('mail.goodbye', { queue: 'q' })
        send(_mail: Mail, context: JobContext): void {
          inbox.put(context.name);
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      await jobs.queue('q').push('mail.welcome', MAIL);
      await jobs.queue('q').push('mail.goodbye', MAIL);
      expect(await inbox.take(2)).toEqual(['mail.welcome', 'mail.goodbye']);
    });

    it('shares a defineJob() value with the producer', async () => {
      const SendMail = defineJob<Mail>('mail.send', { queue: 'q' });
      const inbox = seen();
      class Mails {
        @JobHandler(SendMail)
        send(mail: Mail, context: JobContext): void {
          inbox.put([mail.to, context.queue]);
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      await jobs.push(SendMail, MAIL);
      expect(await inbox.next()).toEqual(['ada@example.com', 'q']);
    });

    it('routes by a class with static jobName and makes its payloads objects of that class', async () => {
      class SendMail {
        static readonly jobName = 'mail.send';

        constructor(readonly to: string) {}

        get domain(): string {
          return this.to.split('@')[1]!;
        }
      }
      const inbox = seen();
      class Mails {
        @JobHandler(SendMail)
        send(mail: SendMail): void {
          inbox.put([mail instanceof SendMail, mail.domain]);
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      await jobs.queue('q').push(SendMail, new SendMail('ada@example.com'));
      expect(await inbox.next()).toEqual([true, 'example.com']);
    });

    it('reads its options from another provider', async () => {
      class Config {
        readonly queue = 'configured';
      }
      const inbox = seen();
      class Mails {
        @JobHandler('mail.send', (modules) => ({ queue: modules.get(Config, { strict: false }).queue }))
        send(_mail: Mail, context: JobContext): void {
          inbox.put(context.queue);
        }
      }
      const { jobs } = await open({ providers: [Config, Mails], jobs: { pipelines: { configured: { driver: 'memory' } } } });
      await jobs.queue('configured').push('mail.send', MAIL);
      expect(await inbox.next()).toBe('configured');
    });

    it('takes settings of the module over those of the decorator', async () => {
      class Mails {
        @JobHandler('mail.send', { attempts: 5 })
        send(): void {
          throw new Error('The server is away.');
        }
      }
      const { jobs } = await open({
        providers: [Mails],
        jobs: { pipelines: { q: { driver: 'memory' } }, handlers: { 'mail.send': { attempts: 1 } } },
      });
      const job = await nextFailed(jobs, () => jobs.queue('q').push('mail.send', MAIL));
      expect(job.attempts).toBe(1);
    });

    it('leaves those of the decorator where a setting of the module is undefined, as that of an absent variable', async () => {
      const inbox = new Inbox<string>();
      class Mails {
        @JobHandler('mail.send', { queue: 'q' })
        send(@JobCtx() context: JobContext): void {
          inbox.put(context.pipeline);
        }
      }
      const absent = { 'mail.send': { queue: undefined } } as unknown as NonNullable<JobsModuleOptions['handlers']>;
      const pipelines = { q: { driver: 'memory' }, other: { driver: 'memory' } };
      const { jobs } = await open({ providers: [Mails], jobs: { pipelines, handlers: absent } });
      const job = await nextFailed(jobs, () => jobs.queue('other').push('mail.send', MAIL));
      expect(job.reason).toBe('unknown');
      await jobs.queue('q').push('mail.send', MAIL);
      expect(await inbox.next()).toBe('q');
    });
  });

  describe('which of them takes a job', () => {
    it('lets the most specific win: the queue exact, by pattern or none, then the name exact, by the longest pattern or the default', async () => {
      const inbox = seen();
      const label = (context: JobContext, handler: string): void => inbox.put(`${context.queue}/${context.name}: ${handler}`);
      class Handlers {
        @JobHandler('mail.send', { queue: 'eu-mail' })
        exact(_payload: unknown, context: JobContext): void {
          label(context, 'exact queue, exact name');
        }

        @JobHandler('mail.*', { queue: 'eu-mail' })
        pattern(_payload: unknown, context: JobContext): void {
          label(context, 'exact queue, pattern');
        }

        @JobHandler('mail.tips.*', { queue: 'eu-mail' })
        longPattern(_payload: unknown, context: JobContext): void {
          label(context, 'exact queue, longer pattern');
        }

        @JobHandler({ queue: 'eu-mail', default: true })
        rest(_payload: unknown, context: JobContext): void {
          label(context, 'exact queue, default');
        }

        @JobHandler('mail.send', { queue: 'us-*' })
        queuePattern(_payload: unknown, context: JobContext): void {
          label(context, 'queue pattern, exact name');
        }

        @JobHandler('mail.send')
        anywhere(_payload: unknown, context: JobContext): void {
          label(context, 'every queue, exact name');
        }

        @JobHandler({ default: true })
        anything(_payload: unknown, context: JobContext): void {
          label(context, 'every queue, default');
        }
      }
      const pipelines = { 'eu-mail': { driver: 'memory' }, 'us-mail': { driver: 'memory' }, other: { driver: 'memory' } };
      const { jobs } = await open({ providers: [Handlers], jobs: { pipelines } });
      const pushes = ['eu-mail/mail.send', 'eu-mail/mail.x', 'eu-mail/mail.tips.1', 'eu-mail/y', 'us-mail/mail.send', 'us-mail/y', 'other/mail.send'];
      for (const [queue, name] of pushes.map((push) => push.split('/') as [string, string])) await jobs.queue(queue).push(name, null);
      expect(await inbox.take(pushes.length)).toEqual([
        'eu-mail/mail.send: exact queue, exact name',
        'eu-mail/mail.x: exact queue, pattern',
        'eu-mail/mail.tips.1: exact queue, longer pattern',
        'eu-mail/y: exact queue, default',
        'us-mail/mail.send: queue pattern, exact name',
        'us-mail/y: every queue, default',
        'other/mail.send: every queue, exact name',
      ]);
    });

    it('keeps a job that nobody takes in the failed store and goes on with the next one', async () => {
      const inbox = seen();
      class Mails {
        @JobHandler('mail.send')
        send(): void {
          inbox.put('sent');
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      const job = await nextFailed(jobs, async () => {
        await jobs.queue('q').push('mail.sned', MAIL);
        await jobs.queue('q').push('mail.send', MAIL);
      });
      expect(await inbox.next()).toBe('sent');
      expect(job).toMatchObject({ name: 'mail.sned', reason: 'unknown', attempts: 1, payload: JSON.stringify(MAIL) });
      expect(job.error).toMatchObject({
        type: 'UnknownJobError',
        code: 'UNKNOWN_JOB',
        message: `No handler takes job "mail.sned" of queue "q". Add @JobHandler('mail.sned', { queue: 'q' }) or a default handler, then replay it.`,
      });
    });

    it('serves a queue that is declared at run time, once it is resumed', async () => {
      const inbox = seen();
      class Mails {
        @JobHandler('mail.send', { queue: 'later', declaredLater: true })
        later(_mail: Mail, context: JobContext): void {
          inbox.put(`later: ${context.queue}`);
        }

        @JobHandler('mail.send', { queue: 'tenant-*' })
        tenant(_mail: Mail, context: JobContext): void {
          inbox.put(`tenant: ${context.queue}`);
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      for (const name of ['later', 'tenant-acme']) {
        const queue = await jobs.create({ driver: 'memory', name });
        await queue.push('mail.send', MAIL);
        await queue.resume();
      }
      expect(await inbox.take(2)).toEqual(['later: later', 'tenant: tenant-acme']);
    });
  });

  describe('what they get', () => {
    it.each([
      ['an object', { a: [1, 'ü'] }, { a: [1, 'ü'] }],
      ['null', null, null],
      ['JSON text, parsed', '{"a":1}', { a: 1 }],
      ['text that is no JSON, as it is', 'plain text', 'plain text'],
      ['an empty text', '', ''],
      ['bytes of JSON, parsed', new TextEncoder().encode('[1,2]'), [1, 2]],
      ['bytes that are no JSON, as text', new TextEncoder().encode('grüße'), 'grüße'],
    ])('hands over %s', async (_what, pushed, expected) => {
      const inbox = seen();
      class Handlers {
        @JobHandler('job')
        handle(@JobPayload() payload: unknown): void {
          inbox.put(payload);
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      await jobs.queue('q').push('job', pushed);
      expect(await inbox.next()).toEqual(expected);
    });

    it('writes a text that is pushed by definition as JSON, and gives the text back', async () => {
      const Note = defineJob<string>('note', { queue: 'q' });
      const inbox = seen();
      class Handlers {
        @JobHandler(Note)
        handle(text: string, context: JobContext): void {
          inbox.put([text, context.text()]);
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      await jobs.push(Note, '{}');
      expect(await inbox.next()).toEqual(['{}', '"{}"']);
    });

    it('hands over the bytes when the codec is raw', async () => {
      const inbox = seen();
      class Handlers {
        @JobHandler('image', { codec: 'raw' })
        handle(@JobPayload() bytes: Uint8Array): void {
          inbox.put(bytes);
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      await jobs.queue('q').push('image', new Uint8Array([0, 255, 123]));
      expect(await inbox.next()).toEqual(new Uint8Array([0, 255, 123]));
    });

    it('leaves the choice to the handler: bytes, text, JSON or an object of a class', async () => {
      class SendMail {
        declare to: string;

        get domain(): string {
          return this.to.split('@')[1]!;
        }
      }
      const inbox = seen();
      class Handlers {
        @JobHandler('mail')
        handle(@JobCtx() context: JobContext): void {
          inbox.put([context.payload.byteLength, context.text(), context.json<Mail>().to, context.payloadAs(SendMail).domain]);
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      await jobs.queue('q').push('mail', MAIL);
      expect(await inbox.next()).toEqual([24, '{"to":"ada@example.com"}', 'ada@example.com', 'example.com']);
    });

    it('has a decorator for every part of a job, each with pipes', async () => {
      const inbox = seen();
      const shout: PipeTransform = { transform: (value: unknown) => String(value).toUpperCase() };
      class Handlers {
        @JobHandler('mail')
        handle(
          @JobHeader('x-tenant') tenant: string | undefined,
          @JobHeader('x-absent') absent: string | undefined,
          @JobHeader('x-count', ParseIntPipe) count: number,
          @JobHeaders() headers: object,
          @JobPayload('to', shout) to: string,
          @JobPayload(shout) whole: string,
          @JobId() id: string,
          @JobAttempt() attempt: number,
          @JobCtx() context: JobContext,
        ): void {
          inbox.put({ tenant, absent, count, headers: { ...headers }, to, whole, isId: id === context.id, attempt });
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      await jobs.queue('q').push('mail', MAIL, { headers: { 'x-tenant': ['acme', 'corp'], 'x-count': '7' } });
      expect(await inbox.next()).toEqual({
        tenant: 'acme,corp',
        absent: undefined,
        count: 7,
        headers: { 'x-tenant': ['acme', 'corp'], 'x-count': ['7'] },
        to: 'ADA@EXAMPLE.COM',
        whole: '[OBJECT OBJECT]',
        isId: true,
        attempt: 1,
      });
    });

    it('knows the parameter decorators of @nestjs/microservices', async () => {
      const inbox = seen();
      class Handlers {
        @JobHandler('mail')
        handle(@Ctx() context: JobContext, @Payload('to') to: string): void {
          inbox.put([context.name, to]);
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      await jobs.queue('q').push('mail', MAIL);
      expect(await inbox.next()).toEqual(['mail', 'ada@example.com']);
    });

    it('shows the headers without those of the library, and counts the runs', async () => {
      const inbox = seen();
      class Handlers {
        @JobHandler('mail')
        handle(@JobCtx() context: JobContext, @JobHeaders() headers: object): void {
          inbox.put([context.attempt, { ...headers }, { ...context.headers }, context.hasHeader('nrr-attempt'), typeof context.firstFailedAt]);
          if (context.attempt < 3) throw new Error('Not yet.');
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      await jobs.queue('q').push('mail', MAIL, { headers: { 'x-tenant': 'acme' } });
      const headers = { 'x-tenant': ['acme'] };
      expect(await inbox.take(3)).toEqual([
        [1, headers, headers, false, 'undefined'],
        [2, headers, headers, false, 'number'],
        [3, headers, headers, false, 'number'],
      ]);
    });

    it('has a logger that says which job it is', async () => {
      const circular: { self?: unknown } = {};
      circular.self = circular;
      class Handlers {
        @JobHandler('mail')
        handle(@JobCtx() { logger }: JobContext): void {
          logger.log('Sending', MAIL);
          logger.warn('Slow', new Error('The server is slow.'), circular);
        }
      }
      const { jobs, log } = await open({ providers: [Handlers] });
      const completed = eventsOf(jobs, 'completed');
      const { id } = await jobs.queue('q').push('mail', MAIL);
      await completed.next();
      expect(log.ours('log')).toContain(`Sending (id: ${id}, job: mail, queue: q, attempt: 1, details: [{"to":"ada@example.com"}])`);
      expect(log.ours('warn')).toEqual([`Slow (id: ${id}, job: mail, queue: q, attempt: 1, details: [The server is slow., [object Object]])`]);
    });
  });

  describe('what is validated', () => {
    const schema = z.object({ to: z.email(), copies: z.coerce.number().default(1) });
    const SendMail = defineJob('mail.send', { queue: 'q', schema });

    it('refuses a payload that fails its schema at the push and stores nothing', async () => {
      const { jobs } = await open({});
      const error = await jobs.push(SendMail, { to: 'nobody' }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(JobValidationError);
      expect((error as Error).message).toBe('The payload of job "mail.send" does not match its schema: to: Invalid email address.');
      expect(await jobs.queue('q').stat()).toMatchObject({ reserved: 0, active: 0 });
    });

    it('checks again where the job is handled, because others may have pushed it: the job is final at once', async () => {
      const inbox = seen();
      class Mails {
        @JobHandler(SendMail, { retryOn: [JobValidationError] })
        send(mail: unknown): void {
          inbox.put(mail);
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      const job = await nextFailed(jobs, () => jobs.queue('q').push('mail.send', { to: 'nobody' }));
      expect(job).toMatchObject({ attempts: 1, reason: 'rejected', error: { type: 'JobValidationError', code: 'JOB_VALIDATION' } });
      expect(job.error.message).toBe('The payload of job "mail.send" does not match its schema: to: Invalid email address.');
      expect(inbox.length).toBe(0);
    });

    it('hands over what the schema makes of the payload', async () => {
      const inbox = seen();
      class Mails {
        @JobHandler('mail.send', { schema })
        send(@JobPayload() mail: z.output<typeof schema>, @JobCtx() context: JobContext): void {
          inbox.put([mail, context.value()]);
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      await jobs.queue('q').push('mail.send', { to: 'ada@example.com', copies: '3' });
      await jobs.queue('q').push('mail.send', { to: 'ada@example.com' });
      const [first, second] = [3, 1].map((copies) => ({ to: 'ada@example.com', copies }));
      expect(await inbox.take(2)).toEqual([
        [first, first],
        [second, second],
      ]);
    });

    it('waits for a schema that answers by promise', async () => {
      const taken = z.object({ to: z.string().refine(async (to) => to !== 'taken@example.com', 'is taken') });
      const inbox = seen();
      class Mails {
        @JobHandler('mail.send', { schema: taken })
        send(mail: Mail): void {
          inbox.put(mail.to);
        }
      }
      const { jobs } = await open({ providers: [Mails] });
      const job = await nextFailed(jobs, async () => {
        await jobs.queue('q').push('mail.send', { to: 'taken@example.com' });
        await jobs.queue('q').push('mail.send', MAIL);
      });
      expect(job.error.message).toBe('The payload of job "mail.send" does not match its schema: to: is taken.');
      expect(await inbox.next()).toBe('ada@example.com');
    });

    it('validates a class-validator DTO of an undecorated parameter by a global ValidationPipe', async () => {
      const inbox = seen();
      class Signups {
        @JobHandler('signup')
        handle(signup: SignupDto): void {
          inbox.put(signup);
        }
      }
      const providers = [Signups, { provide: APP_PIPE, useFactory: () => new ValidationPipe({ transform: true }) }];
      const { jobs } = await open({ providers });
      const job = await nextFailed(jobs, async () => {
        await jobs.queue('q').push('signup', { email: 'nobody', age: 3 });
        await jobs.queue('q').push('signup', { email: 'ada@example.com', age: '36' });
      });
      expect(job).toMatchObject({ attempts: 1, reason: 'rejected', error: { type: 'BadRequestException', code: '400' } });
      const signup = await inbox.next();
      expect(signup).toBeInstanceOf(SignupDto);
      expect(signup).toEqual({ email: 'ada@example.com', age: 36 });
    });

    it('validates the parameter of a decorated class when it has a decorator', async () => {
      @JobHandler('signup')
      @UsePipes(new ValidationPipe())
      class Signups {
        handle(@JobPayload() _signup: SignupDto): void {}
      }
      const { jobs } = await open({ providers: [Signups] });
      const job = await nextFailed(jobs, () => jobs.queue('q').push('signup', { email: 'nobody' }));
      expect(job).toMatchObject({ attempts: 1, error: { type: 'BadRequestException' } });
    });

    it('validates the parameter of a class that is decorated by the class of its payload', async () => {
      class Signup {
        static readonly jobName = 'signup';

        @IsEmail()
        readonly email!: string;
      }
      @JobHandler(Signup)
      class Signups {
        handle(_signup: Signup): void {}
      }
      const { jobs } = await open({ providers: [Signups, { provide: APP_PIPE, useValue: new ValidationPipe() }] });
      const job = await nextFailed(jobs, () => jobs.queue('q').push('signup', { email: 'nobody' }));
      expect(job).toMatchObject({ attempts: 1, error: { type: 'BadRequestException' } });
    });

    it('warns at boot when a ValidationPipe cannot see the type of a parameter', async () => {
      @JobHandler('signup')
      class Signups {
        handle(_signup: SignupDto): void {}
      }
      const { log } = await open({ providers: [Signups, { provide: APP_PIPE, useValue: new ValidationPipe() }] });
      expect(log.ours('warn')).toEqual([
        'Signups.handle() gets its payload unvalidated: the types of its parameters are unknown. ' +
          'Put a decorator on the method or its parameter and compile with "emitDecoratorMetadata".',
      ]);
    });

    it('tries a validation error again when the handler asks for it by retryOn', async () => {
      class Signups {
        @JobHandler('signup', { attempts: 2, retryOn: [BadRequestException] })
        @UsePipes(new ValidationPipe())
        handle(_signup: SignupDto): void {}
      }
      const { jobs } = await open({ providers: [Signups] });
      const job = await nextFailed(jobs, () => jobs.queue('q').push('signup', { email: 'nobody' }));
      expect(job).toMatchObject({ attempts: 2, reason: 'attempts' });
    });

    it('adds validation errors to the errors that dontRetryOn names', async () => {
      class Signups {
        @JobHandler('plain', { dontRetryOn: [TypeError] })
        plain(): void {
          throw new TypeError('Never again.');
        }

        @JobHandler('signup', { dontRetryOn: [TypeError] })
        @UsePipes(new ValidationPipe({ errorHttpStatusCode: HttpStatus.UNPROCESSABLE_ENTITY }))
        handle(_signup: SignupDto): void {}
      }
      const { jobs } = await open({ providers: [Signups] });
      expect(await nextFailed(jobs, () => jobs.queue('q').push('plain', null))).toMatchObject({ attempts: 1 });
      expect(await nextFailed(jobs, () => jobs.queue('q').push('signup', {}))).toMatchObject({ attempts: 1, error: { code: '422' } });
    });
  });

  describe('how they end', () => {
    it.each<[string, () => unknown]>([
      ['a value', () => 'sent'],
      ['a promise', () => Promise.resolve('sent')],
      ['a stream', () => from([1, 2, 3])],
      ['an empty stream', () => EMPTY],
      ['a promise of a stream', () => Promise.resolve(from([1]))],
    ])('completes a job whose handler returns %s', async (_what, answer) => {
      class Handlers {
        @JobHandler('job')
        handle(): unknown {
          return answer();
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      const completed = eventsOf(jobs, 'completed');
      const { id } = await jobs.queue('q').push('job', null);
      expect(await completed.next()).toMatchObject({ id, name: 'job', queue: 'q', attempt: 1 });
      expect(await jobs.admin.counters()).toMatchObject({ completed: 1, failedRuns: 0 });
    });

    it.each<[string, () => unknown, object]>([
      [
        'throws',
        () => {
          throw new RangeError('Too far.');
        },
        { type: 'RangeError', message: 'Too far.' },
      ],
      ['rejects', () => Promise.reject(new RangeError('Too far.')), { type: 'RangeError', message: 'Too far.' }],
      ['returns a stream that fails', () => throwError(() => new RangeError('Too far.')), { type: 'RangeError', message: 'Too far.' }],
      [
        'throws an HttpException',
        () => {
          throw new NotFoundException('No such mail.');
        },
        { type: 'NotFoundException', message: 'No such mail.', code: '404' },
      ],
      [
        'throws a RpcException',
        () => {
          throw new RpcException('No such mail.');
        },
        { message: 'No such mail.' },
      ],
      ['rejects with a text', () => Promise.reject('No such mail.'), { type: 'string', message: 'No such mail.' }],
    ])('runs a job again and keeps the error at the end when its handler %s', async (_what, fail, error) => {
      class Handlers {
        @JobHandler('job')
        handle(): unknown {
          return fail();
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      const job = await nextFailed(jobs, () => jobs.queue('q').push('job', null));
      expect(job).toMatchObject({ attempts: 3, reason: 'attempts', error });
      expect(job.history).toHaveLength(3);
      expect(await jobs.admin.counters()).toMatchObject({ failedRuns: 3, retried: 2, failed: 1, completed: 0 });
    });

    it('ends a job at once by UnrecoverableJobError', async () => {
      class Handlers {
        @JobHandler('job')
        handle(): void {
          throw new UnrecoverableJobError('The account is gone.');
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      const job = await nextFailed(jobs, () => jobs.queue('q').push('job', null));
      expect(job).toMatchObject({ attempts: 1, reason: 'rejected', error: { message: 'The account is gone.' } });
    });

    it('runs a job again with other headers by RetryJobError, and without spending an attempt by SnoozeJobError', async () => {
      const inbox = seen();
      class Handlers {
        @JobHandler('job')
        handle(@JobCtx() { attempt }: JobContext, @JobHeader('x-step') step: string | undefined): void {
          inbox.put([attempt, step]);
          if (step === undefined) throw new RetryJobError('Once more.', { delay: 0, headers: { 'x-step': 'two' } });
          if (inbox.length === 2) throw new SnoozeJobError(0);
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      const completed = eventsOf(jobs, 'completed');
      await jobs.queue('q').push('job', null);
      await completed.next();
      expect(inbox.all()).toEqual([
        [1, undefined],
        [2, 'two'],
        [2, 'two'],
      ]);
    });

    it('logs a failure once at error when it is final, and every retry at warn', async () => {
      class Handlers {
        @JobHandler('job')
        handle(): void {
          throw new Error('The server is away.');
        }
      }
      const { jobs, log } = await open({ providers: [Handlers] });
      const { id } = await nextFailed(jobs, () => jobs.queue('q').push('job', null));
      expect(log.ours('warn')).toEqual(
        [1, 2].map((attempt) => `Job "job" failed and runs again in 0 ms: The server is away. (id: ${id}, job: job, queue: q, attempt: ${attempt})`),
      );
      const errors = log.lines.filter(({ level }) => level === 'error');
      expect(errors).toMatchObject([
        {
          message: `Job "job" failed for good after 3 runs: The server is away. (id: ${id}, job: job, queue: q, attempt: 3, target: store)`,
          context: 'JobsModule',
        },
      ]);
      expect(errors[0]?.stack).toContain('Handlers.handle');
    });

    it('aborts the signal of a handler that runs longer than its timeout, with the reason', async () => {
      const clock = new VirtualClock();
      const started = deferred();
      const inbox = seen();
      class Handlers {
        @JobHandler('job', { timeout: '2s', attempts: 1 })
        async handle(@JobCtx() { signal }: JobContext): Promise<void> {
          started.resolve();
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          inbox.put(signal.reason);
          throw signal.reason;
        }
      }
      const { jobs } = await open({ providers: [Handlers], jobs: { pipelines: { q: { driver: 'memory' } }, clock } });
      const job = await nextFailed(jobs, async () => {
        const { id } = await jobs.queue('q').push('job', null);
        await started.promise;
        expect(await jobs.admin.running()).toMatchObject([{ id, name: 'job', pipeline: 'q', attempt: 1, timeLeftMs: 2_000 }]);
        await clock.advance('2s');
      });
      expect(await inbox.next()).toBeInstanceOf(JobTimeoutError);
      expect(job.error).toMatchObject({ code: 'JOB_TIMEOUT' });
      expect(await jobs.admin.counters()).toMatchObject({ timedOut: 1 });
    });

    it.each([
      ['for all jobs', Scope.DEFAULT],
      ['for each job', Scope.REQUEST],
    ])('ends the subscription to a stream that goes on at the timeout, of a class that is made %s', async (_what, scope) => {
      const clock = new VirtualClock();
      const started = deferred();
      const inbox = seen();
      @Injectable({ scope })
      class Handlers {
        @JobHandler('job', { timeout: '2s', attempts: 1 })
        handle(): Observable<unknown> {
          return new Observable((subscriber) => {
            subscriber.next('the first of many');
            started.resolve();
            return () => inbox.put('ended');
          });
        }
      }
      const { jobs } = await open({ providers: [Handlers], jobs: { pipelines: { q: { driver: 'memory' } }, clock } });
      const job = await nextFailed(jobs, async () => {
        await jobs.queue('q').push('job', null);
        await started.promise;
        await clock.advance('2s');
      });
      expect(await inbox.next()).toBe('ended');
      expect(job.error).toMatchObject({ code: 'JOB_TIMEOUT' });
      expect(await jobs.admin.counters()).toMatchObject({ timedOut: 1 });
    });

    it('lets a handler push other jobs and tell its progress', async () => {
      const inbox = seen();
      @Injectable()
      class Handlers {
        @JobHandler('first')
        async first(_payload: unknown, context: JobContext): Promise<void> {
          context.progress(50);
          await jobs.queue('q').push('second', { from: context.id });
        }

        @JobHandler('second')
        second(payload: unknown): void {
          inbox.put(payload);
        }
      }
      const { jobs } = await open({ providers: [Handlers] });
      const progress = eventsOf(jobs, 'progress');
      const { id } = await jobs.queue('q').push('first', null);
      expect(await progress.next()).toMatchObject({ id, name: 'first', progress: 50 });
      expect(await inbox.next()).toEqual({ from: id });
    });
  });

  describe('what they settle themselves', () => {
    /** An application whose handler settles its first run as the test says; later runs return. */
    const openSettling = async (settle: (context: JobContext) => Promise<void>): Promise<SettlingApp> => {
      const runs = new Inbox<JobContext>();
      const contexts: JobContext[] = [];
      class Handlers {
        @JobHandler('job')
        async handle(@JobCtx() context: JobContext): Promise<void> {
          contexts.push(context);
          if (contexts.length === 1) await settle(context);
          runs.put(context);
        }
      }
      return { ...(await open({ providers: [Handlers] })), runs, contexts };
    };
    const pushed = (jobs: JobsService): Promise<unknown> => jobs.queue('q').push('job', MAIL, { headers: { 'x-tenant': 'acme' } });

    it.each<[string, (context: JobContext) => Promise<void>]>([
      ['ack', (context) => context.ack()],
      ['complete', (context) => context.complete()],
    ])('is done by %s() before the handler ends', async (_name, settle) => {
      const { jobs, runs } = await openSettling(settle);
      const completed = eventsOf(jobs, 'completed');
      await pushed(jobs);
      const context = await runs.next();
      expect([context.isCompleted, context.isSuccessful, context.isFailed]).toEqual([true, true, false]);
      await settled();
      expect(completed.length).toBe(1);
      expect(await jobs.admin.counters()).toMatchObject({ started: 1, completed: 1, lateErrors: 0 });
    });

    it('is final by fail()', async () => {
      const { jobs } = await openSettling((context) => context.fail(new RangeError('Too far.')));
      const job = await nextFailed(jobs, () => pushed(jobs));
      expect(job).toMatchObject({
        attempts: 1,
        reason: 'rejected',
        error: { type: 'RangeError', message: 'Too far.' },
        headers: { 'x-tenant': ['acme'] },
      });
    });

    it.each<[string, (context: JobContext) => Promise<void>, Record<string, string[]>]>([
      ['fail() with requeue', (context) => context.fail('Again.', { requeue: true }), { 'x-tenant': ['acme'] }],
      ['fail() with true', (context) => context.fail('Again.', true), { 'x-tenant': ['acme'] }],
      ['nack() with redelivery', (context) => context.nack('Again.', { redelivery: true }), { 'x-tenant': ['acme'] }],
      ['requeue()', (context) => context.requeue('Again.'), { 'x-tenant': ['acme'] }],
      ['requeue() with headers', (context) => context.requeue('Again.', { headers: { 'x-step': '2' } }), { 'x-tenant': ['acme'], 'x-step': ['2'] }],
      ['withHeader().requeue()', (context) => context.withHeader('x-tenant', 'corp').requeue('Again.'), { 'x-tenant': ['corp'] }],
    ])('comes back without spending an attempt by %s', async (_name, settle, headers) => {
      const { jobs, runs, contexts } = await openSettling(settle);
      await pushed(jobs);
      await runs.take(2);
      const [first, second] = contexts;
      expect([first!.isCompleted, first!.isSuccessful, first!.isFailed]).toEqual([true, false, true]);
      expect([second!.attempt, { ...second!.headers }, second!.id]).toEqual([1, headers, first!.id]);
      expect(await jobs.admin.counters()).toMatchObject({ failedRuns: 0, retried: 0, failed: 0 });
    });

    it.each<[string, (context: JobContext) => Promise<void>]>([
      ['requeue()', (context) => context.requeue('Later.', { delay: '10s' })],
      ['withDelay().requeue()', (context) => context.withDelay(10).requeue('Later.')],
      ['nack()', (context) => context.nack('Later.', { redelivery: true, delay: 10 })],
    ])('comes back after the delay of %s', async (_name, settle) => {
      const { jobs, runs } = await openSettling(settle);
      await pushed(jobs);
      await runs.next();
      await settled();
      expect(await jobs.queue('q').stat()).toMatchObject({ active: 0, reserved: 0, delayed: 1 });
    });

    it('is refused by nack() and leaves the memory pipeline', async () => {
      const { jobs, runs } = await openSettling((context) => context.nack('No.'));
      await pushed(jobs);
      await runs.next();
      await settled();
      expect(await jobs.queue('q').stat()).toMatchObject({ active: 0, reserved: 0, delayed: 0 });
      expect(await jobs.admin.failed.count()).toBe(0);
    });

    it('cannot be settled a second time', async () => {
      const inbox = seen();
      const { jobs, runs } = await openSettling(async (context) => {
        await context.ack();
        for (const again of [context.ack(), context.fail('x'), context.nack('x'), context.requeue('x'), context.withDelay(1).requeue('x')]) {
          await again.catch((error: unknown) => inbox.put(error));
        }
      });
      await pushed(jobs);
      const { id } = await runs.next();
      const refusals = inbox.all() as JobAlreadySettledError[];
      expect(refusals).toHaveLength(5);
      for (const error of refusals) expect(error).toBeInstanceOf(JobAlreadySettledError);
      expect(refusals[0]!.message).toBe(
        `Job "job" (${id}) is settled already; the first settlement stands. Settle once, or return and let the return settle it.`,
      );
      expect(await jobs.admin.counters()).toMatchObject({ completed: 1, lateErrors: 0 });
    });

    it('is not settled again by an error after it: the error is logged and counted', async () => {
      const { jobs, log } = await openSettling(async (context) => {
        await context.ack();
        throw new Error('Too late.');
      });
      const drained = eventsOf(jobs, 'drained');
      const { id } = (await pushed(jobs)) as { id: string };
      await drained.next();
      expect(await jobs.admin.counters()).toMatchObject({ started: 1, completed: 1, failedRuns: 0, lateErrors: 1 });
      expect(log.ours('error')).toEqual([
        `The handler of job "job" failed after it had settled the job: Too late. (id: ${id}, job: job, queue: q, attempt: 1)`,
      ]);
    });
  });

  describe('per job', () => {
    it('makes request-scoped handlers and what they inject anew, with the job as REQUEST and JOB_REF', async () => {
      const inbox = seen();
      let made = 0;
      @Injectable({ scope: Scope.REQUEST })
      class Tenant {
        readonly number = ++made;

        constructor(@Inject(JOB_REF) readonly job: JobContext) {}
      }
      @Injectable({ scope: Scope.REQUEST })
      class Mails {
        constructor(
          @Inject(REQUEST) private readonly request: JobContext,
          private readonly tenant: Tenant,
        ) {}

        @JobHandler('mail')
        send(mail: Mail, context: JobContext): void {
          inbox.put([mail, this.request === context, this.tenant.job === context, this.tenant.number]);
        }
      }
      const { jobs } = await open({ providers: [Mails, Tenant] });
      await jobs.queue('q').push('mail', MAIL);
      expect(await inbox.next()).toEqual([MAIL, true, true, 1]);
      await jobs.queue('q').push('mail', MAIL);
      expect(await inbox.next()).toEqual([MAIL, true, true, 2]);
    });

    it('makes request-scoped controllers anew', async () => {
      const inbox = seen();
      let made = 0;
      @Controller({ scope: Scope.REQUEST })
      class Mails {
        readonly #number = ++made;

        @JobHandler('mail')
        send(): void {
          inbox.put(this.#number);
        }
      }
      const { jobs } = await open({ controllers: [Mails] });
      for (const number of [1, 2]) {
        await jobs.queue('q').push('mail', MAIL);
        expect(await inbox.next()).toBe(number);
      }
    });

    it('fails the job with the original error of a request-scoped handler, logged once', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class Mails {
        @JobHandler('mail', { attempts: 1 })
        send(): void {
          throw new RangeError('Too far.');
        }
      }
      const { jobs, log } = await open({ providers: [Mails] });
      const job = await nextFailed(jobs, () => jobs.queue('q').push('mail', MAIL));
      expect(job.error).toMatchObject({ type: 'RangeError', message: 'Too far.' });
      expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    });

    it('shares durable providers between the jobs of one tenant', async () => {
      const inbox = seen();
      let made = 0;
      @Injectable({ scope: Scope.REQUEST, durable: true })
      class Tenant {
        readonly number = ++made;

        constructor(
          @Inject(REQUEST) readonly request: { readonly tenant: string },
          @Inject(JOB_REF) readonly job: JobContext | undefined,
        ) {}
      }
      @Injectable({ scope: Scope.REQUEST, durable: true })
      class Mails {
        constructor(private readonly tenant: Tenant) {}

        @JobHandler('mail')
        send(): void {
          inbox.put([this.tenant.request.tenant, this.tenant.number, this.tenant.job]);
        }
      }
      ContextIdFactory.apply(byTenant());
      try {
        const { jobs } = await open({ providers: [Mails, Tenant] });
        for (const tenant of ['acme', 'corp', 'acme']) {
          await jobs.queue('q').push('mail', MAIL, { headers: { 'x-tenant': tenant } });
          await settled();
        }
        expect(await inbox.take(3)).toEqual([
          ['acme', 1, undefined],
          ['corp', 2, undefined],
          ['acme', 1, undefined],
        ]);
      } finally {
        ContextIdFactory.apply({ attach: (contextId) => () => contextId });
      }
    });
  });

  it('keeps first in, first out with one handler at a time, whatever the handlers are', async () => {
    const inbox = seen();
    class Handlers {
      @JobHandler('job')
      async handle(@JobPayload('number') number: number): Promise<void> {
        await settled();
        inbox.put(number);
      }
    }
    const { jobs } = await open({
      providers: [Handlers],
      jobs: { pipelines: { q: { driver: 'memory' } }, numPollers: 1, retry: { backoff: AT_ONCE } },
    });
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    await Promise.all(numbers.map((number) => jobs.queue('q').push('job', { number })));
    expect(await inbox.take(50)).toEqual(numbers);
  });
});

/** One sub-tree of durable providers for each tenant. */
function byTenant(): ContextIdStrategy {
  const roots = new Map<string, ReturnType<typeof ContextIdFactory.create>>();
  return {
    attach: (contextId, request: unknown) => {
      const tenant = (request as JobContext).headerLine('x-tenant');
      let root = roots.get(tenant);
      if (root === undefined) roots.set(tenant, (root = ContextIdFactory.create()));
      const durable = root;
      return { resolve: (info) => (info.isTreeDurable ? durable : contextId), payload: { tenant } };
    },
  };
}

describe('A JobsExceptionFilter', () => {
  afterEach(closeAll);

  class Refused extends Error {}

  @Catch(Refused)
  class RefusedFilter extends JobsExceptionFilter<Refused> {
    async catchJob(error: Refused, job: JobContext): Promise<void> {
      if (job.name === 'settled') await job.fail(error);
      else if (job.name === 'changed') throw new UnrecoverableJobError('changed by the filter');
    }
  }

  @Injectable()
  @UseFilters(RefusedFilter)
  class Handlers {
    @JobHandler('*')
    handle(): void {
      throw new Refused('refused');
    }
  }

  it.each([
    ['settled', 'refused'],
    ['changed', 'changed by the filter'],
  ])('may settle the job or change its error (%s)', async (name, message) => {
    const { jobs } = await openApp({ providers: [Handlers] });
    expect((await nextFailed(jobs, () => jobs.queue('q').push(name, null))).error.message).toBe(message);
  });

  it('makes the job done by returning', async () => {
    const { jobs } = await openApp({ providers: [Handlers] });
    const completed = eventsOf(jobs, 'completed');
    await jobs.queue('q').push('ignored', null);
    expect(await completed.next()).toMatchObject({ name: 'ignored', attempt: 1 });
  });

  it('leaves errors of other transports alone', async () => {
    const host = { getType: () => 'http' } as ArgumentsHost;
    await expect(new RefusedFilter().catch(new Refused('of a request'), host)).rejects.toThrow('of a request');
  });
});
