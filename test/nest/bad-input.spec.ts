import { Module } from '@nestjs/common';
import * as z from 'zod';
import {
  defineJob,
  DriverNotAvailableError,
  HandlerConflictError,
  JobHandler,
  JobsArgumentError,
  JobsConfigError,
  JobsError,
  JobValidationError,
  KernelStoppingError,
  PipelineFullError,
  PipelineNotFoundError,
  UnknownQueueError,
  type JobHandlerOptions,
  type JobsModuleOptions,
  type JobsService,
} from '../../lib/index.js';
import { Inbox } from '../support/inbox.js';
import { bootError, closeAll, eventsOf, nextFailed, openApp } from './support/jobs-app.js';

const MEMORY = { driver: 'memory' } as const;

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('It was accepted.');
}

function configMessage(...lines: string[]): string {
  return ['Wrong configuration of jobs.', ...lines.map((line) => `  - ${line}`)].join('\n');
}

describe('an application does not start with', () => {
  afterEach(closeAll);

  it('a driver that does not exist', async () => {
    const error = await bootError({ jobs: { pipelines: { mails: { driver: 'memroy' } } } });
    expect(error).toBeInstanceOf(DriverNotAvailableError);
    expect(error.message).toBe(
      'Pipeline "mails" asks for driver "memroy", which is not available. Available: "memory", "embedded", "boltdb", "beanstalk", "amqp", "sqs", "kafka".',
    );
  });

  it.each<[string, JobsModuleOptions, string[]]>([
    [
      'a misspelt option of a pipeline',
      { pipelines: { mails: { driver: 'memory', prefecth: 10 } } },
      ['pipelines.mails.prefecth: There is no option "prefecth". Did you mean "prefetch"?'],
    ],
    ['a misspelt option', { numPolers: 5 } as JobsModuleOptions, ['numPolers: There is no option "numPolers". Did you mean "numPollers"?']],
    [
      'a negative prefetch',
      { pipelines: { mails: { driver: 'memory', prefetch: -5 } } },
      ['pipelines.mails.prefetch: -5 is not allowed. Give a whole number of jobs, 1 or more (default 100000).'],
    ],
    [
      'a pipeline in consume that does not exist',
      { pipelines: { mails: MEMORY }, consume: ['mail'] },
      [
        'consume[0]: No pipeline is called "mail". Did you mean "mails"? Configure it under "pipelines", or write { name, declaredLater: true } if it is declared at run time.',
      ],
    ],
    [
      'several mistakes, all of them told',
      { pipelines: { a: { driver: 'memory', prefetch: -1 }, b: { driver: 'memory', maxJobs: 'many' } } },
      [
        'pipelines.a.prefetch: -1 is not allowed. Give a whole number of jobs, 1 or more (default 100000).',
        'pipelines.b.maxJobs: "many" is not allowed. Give a whole number of jobs, 1 or more (default 100000).',
      ],
    ],
  ])('%s', async (_what, jobs, lines) => {
    const error = await bootError({ jobs });
    expect(error).toBeInstanceOf(JobsConfigError);
    expect(error.message).toBe(configMessage(...lines));
  });

  it.each<[string, unknown, string[]]>([
    ['no pipelines', { pipelines: null }, ['pipelines: null is not allowed. Give an object with a section for each pipeline, by name.']],
    ['a hole in "consume"', { consume: [null] }, ['consume[0]: null is not allowed. Give the name of a pipeline.']],
  ])('%s where some belong', async (_what, jobs, lines) => {
    expect((await bootError({ jobs: jobs as JobsModuleOptions })).message).toBe(configMessage(...lines));
  });

  it('two handlers of the same job', async () => {
    class Mails {
      @JobHandler('mail.send', { queue: 'q' })
      send(): void {}
    }
    class OtherMails {
      @JobHandler('mail.send', { queue: 'q' })
      deliver(): void {}
    }
    const error = await bootError({ providers: [Mails, OtherMails] });
    expect(error).toBeInstanceOf(HandlerConflictError);
    expect(error.message).toBe(
      'Mails.send() and OtherMails.deliver() both handle job "mail.send" of queue "q". Remove one, or give one of them another name or queue.',
    );
  });

  it('a class of handlers that two modules list', async () => {
    class Mails {
      @JobHandler('mail.send')
      send(): void {}
    }
    @Module({ providers: [Mails] })
    class ShopModule {}
    @Module({ providers: [Mails] })
    class ClubModule {}
    expect((await bootError({ imports: [ShopModule, ClubModule] })).message).toBe(
      configMessage(
        'Mails.send(): Mails has an instance in ShopModule and in ClubModule, so that two handlers claim the same jobs. List it in one module and export it there.',
      ),
    );
  });

  it('two default handlers', async () => {
    class Mails {
      @JobHandler({ default: true })
      first(): void {}

      @JobHandler({ default: true })
      second(): void {}
    }
    expect((await bootError({ providers: [Mails] })).message).toBe(
      'Mails.first() and Mails.second() both handle the jobs that no other handler takes of every queue. Remove one, or give one of them another name or queue.',
    );
  });

  it('a handler of a queue that does not exist', async () => {
    class Mails {
      @JobHandler('mail.send', { queue: 'mail' })
      send(): void {}
    }
    const error = await bootError({ providers: [Mails], jobs: { pipelines: { mails: MEMORY, reports: MEMORY } } });
    expect(error).toBeInstanceOf(UnknownQueueError);
    expect(error.message).toBe(
      'Mails.send() handles queue "mail", but no pipeline has this name. Did you mean "mails"? Pipelines: "mails", "reports". ' +
        'Configure it under "pipelines", or set { declaredLater: true } on the handler.',
    );
  });

  it.each<[string, object, string]>([
    ['a misspelt option', { atempts: 5 }, 'Mails.send().atempts: There is no option "atempts". Did you mean "attempts"?'],
    ['an unknown codec', { codec: 'xml' }, 'Mails.send().codec: "xml" is not allowed. Give one of "json", "raw".'],
    [
      'errors to retry that are no list',
      { retryOn: TypeError },
      'Mails.send().retryOn: It is a function. Give a list of error classes: [TypeError].',
    ],
    ['no attempts', { attempts: 0 }, 'Mails.send().attempts: 0 is not allowed. Give a whole number of runs, 1 or more (default 3).'],
    [
      'an unknown kind of backoff',
      { backoff: { type: 'linear' } },
      'Mails.send().backoff.type: "linear" is not allowed. Give one of "fixed", "exponential", "list".',
    ],
    [
      'a dead letter queue that does not exist',
      { onFailure: 'queue:dead' },
      'Mails.send().onFailure: "queue:dead" names a pipeline that is not configured. Add it under "pipelines".',
    ],
    [
      'its own queue for failed jobs',
      { queue: 'q', onFailure: 'queue:q' },
      'Mails.send().onFailure: "queue:q" is the queue that the failed jobs come from: they would run for ever. Name another queue, or give "store".',
    ],
  ])('a handler that has %s', async (_what, options, line) => {
    class Mails {
      @JobHandler('mail.send', options as JobHandlerOptions)
      send(): void {}
    }
    expect((await bootError({ providers: [Mails] })).message).toBe(configMessage(line));
  });

  it('a handler whose timeout is 0', async () => {
    class Mails {
      @JobHandler('mail.send', { timeout: 0 })
      send(): void {}
    }
    const error = await bootError({ providers: [Mails] });
    expect(error).toBeInstanceOf(JobsArgumentError);
    expect(error.message).toBe('The timeout of Mails.send() is 0. Give more than 0 seconds, or leave it out for no limit.');
  });

  it('settings of a handler that is not there', async () => {
    class Mails {
      @JobHandler('mail.send')
      send(): void {}
    }
    const error = await bootError({ providers: [Mails], jobs: { handlers: { 'mail.sent': { attempts: 5 } } } });
    expect(error.message).toBe(
      configMessage(
        'handlers["mail.sent"]: No handler takes jobs called "mail.sent". Did you mean "mail.send"? Write the name as the decorator has it, or remove it.',
      ),
    );
  });
});

describe('a class is refused when', () => {
  it.each<[string, () => unknown, string]>([
    ['the name of its job is empty', () => JobHandler(''), 'A job name is "". Give a text of at least one character.'],
    [
      'its handler has a name and is the default',
      () => JobHandler('mail.send', { default: true }),
      `@JobHandler('mail.send') is also to be the default. Leave the name out, or "default": a second decorator may stand here.`,
    ],
    [
      'it is decorated and has no method "handle"',
      () => {
        class SendMail {}
        (JobHandler('mail.send') as ClassDecorator)(SendMail);
      },
      '@JobHandler() stands at class SendMail, which has no method "handle". Add it.',
    ],
    [
      'what is decorated is no method',
      () => {
        class Mails {
          get sender(): string {
            return 'system';
          }
        }
        (JobHandler('mail.send') as MethodDecorator)(Mails.prototype, 'sender', Object.getOwnPropertyDescriptor(Mails.prototype, 'sender')!);
      },
      '@JobHandler() stands at sender, which is no method. Put it on a method.',
    ],
    [
      'what is decorated is a static method, which nobody would call',
      () => {
        class Mails {
          readonly sender = 'system';

          @JobHandler('mail.send')
          static send(): void {}
        }
        return Mails;
      },
      '@JobHandler() stands at the static method Mails.send(). Handlers are methods of instances.',
    ],
  ])('%s', (_what, decorate, message) => {
    expect(decorate).toThrow(JobsArgumentError);
    expect(decorate).toThrow(message);
  });
});

describe('a running application refuses', () => {
  const SendMail = defineJob('mail.send', { queue: 'q', schema: z.object({ to: z.string(), copies: z.number().int() }) });

  afterEach(closeAll);

  /** An application that works: to be proved after every refusal. */
  const openWorking = async (jobs: JobsModuleOptions = { pipelines: { q: MEMORY } }) => {
    const sent = new Inbox<unknown>();
    class Mails {
      @JobHandler(SendMail)
      send(mail: object): void {
        sent.put(mail);
      }
    }
    return { ...(await openApp({ providers: [Mails], jobs })), sent };
  };
  const stillWorks = async (jobs: JobsService, sent: Inbox<unknown>): Promise<void> => {
    const mail = { to: 'ada@example.com', copies: 1 };
    await jobs.push(SendMail, mail);
    expect(await sent.next()).toEqual(mail);
  };

  it.each<[string, (jobs: JobsService) => Promise<unknown>, new (...args: never[]) => JobsError, string]>([
    [
      'a payload that fails its schema, with every path',
      (jobs) => jobs.push(SendMail, { to: 5, copies: 1.5 } as never),
      JobValidationError,
      'The payload of job "mail.send" does not match its schema: to: Invalid input: expected string, received number; copies: Invalid input: expected int, received number.',
    ],
    [
      'a header that is no text',
      (jobs) => jobs.queue('q').push('mail.send', {}, { headers: { 'x-count': 5 as never } }),
      JobsArgumentError,
      'Header "x-count" has the value 5, which is no text. Give a text or a list of texts, such as String(value).',
    ],
    [
      'a reserved header',
      (jobs) => jobs.queue('q').push('mail.send', {}, { headers: { 'nrr-attempt': '1' } }),
      JobsArgumentError,
      'Header "nrr-attempt" is reserved: names that begin with "nrr-" belong to the library. Use another name.',
    ],
    [
      'a queue that does not exist',
      (jobs) => jobs.queue('mails').push('mail.send', {}),
      PipelineNotFoundError,
      'No pipeline is called "mails". There are: "q". Configure it under "pipelines" or declare it with jobs.create().',
    ],
    [
      'a driver that does not exist, at run time',
      (jobs) => jobs.create({ driver: 'nats', name: 'mails' }),
      DriverNotAvailableError,
      'Pipeline "mails" asks for driver "nats", which is not available. Available: "memory", "embedded", "boltdb", "beanstalk", "amqp", "sqs", "kafka".',
    ],
  ])('%s, and goes on', async (_what, act, ErrorClass, message) => {
    const { jobs, sent } = await openWorking();
    const error = await rejection(act(jobs));
    expect(error).toBeInstanceOf(ErrorClass);
    expect(error.message).toBe(message);
    await stillWorks(jobs, sent);
  });

  it('a job that others have pushed and that fails its schema: it is kept, and the next one runs', async () => {
    const { jobs, sent } = await openWorking();
    const job = await nextFailed(jobs, () => jobs.queue('q').push('mail.send', 'no JSON'));
    expect(job).toMatchObject({ payload: 'no JSON', attempts: 1, error: { code: 'JOB_VALIDATION' } });
    expect(job.error.message).toBe(
      'The payload of job "mail.send" does not match its schema: payload: Invalid input: expected object, received string.',
    );
    await stillWorks(jobs, sent);
  });

  it('a job for a full pipeline, and takes jobs again when there is room', async () => {
    const { jobs, sent } = await openWorking({ pipelines: { q: { driver: 'memory', maxJobs: 1 } }, timeout: 0 });
    await jobs.pause('q');
    await jobs.push(SendMail, { to: 'first@example.com', copies: 1 });
    const error = await rejection(jobs.push(SendMail, { to: 'second@example.com', copies: 1 }));
    expect(error).toBeInstanceOf(PipelineFullError);
    expect(error.message).toBe(
      'Pipeline "q" holds its limit of 1 jobs and made no room within 0 ms; the job was not stored. ' +
        'Raise "maxJobs" or "timeout", handle faster, or slow the producer.',
    );
    const drained = eventsOf(jobs, 'drained');
    await jobs.resume('q');
    expect(await sent.next()).toMatchObject({ to: 'first@example.com' });
    await drained.next();
    await stillWorks(jobs, sent);
  });

  it('a push after it was closed', async () => {
    const { app, jobs } = await openWorking();
    await app.close();
    const error = await rejection(jobs.push(SendMail, { to: 'ada@example.com', copies: 1 }));
    expect(error).toBeInstanceOf(KernelStoppingError);
    expect(error.message).toBe(
      'The kernel is stopping or has stopped; the job for pipeline "q" was not stored. Push before the application closes, or use a durable driver.',
    );
  });
});
