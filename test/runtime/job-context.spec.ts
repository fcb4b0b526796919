import type { StandardSchema } from '../../lib/contract/standard-schema.js';
import type { HandlerOptions } from '../../lib/runtime/handler.js';
import type { JobContext } from '../../lib/runtime/job-context.js';
import { closeKernels, openKernel, settled } from '../support/kernel.js';

afterEach(closeKernels);

/** Runs one job and gives what `read` made of its context. */
async function withJob<T>(payload: unknown, read: (context: JobContext) => T | Promise<T>, options: HandlerOptions = {}): Promise<T> {
  const { jobs, on } = await openKernel();
  let result: T | undefined;
  on('job', async (context) => void (result = await read(context)), options);
  await jobs.connect('q').push('job', payload, { headers: { 'x-a': ['1', '2'] } });
  await settled();
  return result as T;
}

describe('JobContext', () => {
  it('gives the payload as the codec says: parsed, text when it is no JSON, or bytes', async () => {
    expect(await withJob({ to: 'ada' }, (context) => context.value())).toEqual({ to: 'ada' });
    expect(await withJob('no JSON', (context) => context.value())).toBe('no JSON');
    expect(await withJob('{"to":"ada"}', (context) => [...(context.value() as Uint8Array)], { codec: 'raw' })).toEqual([
      ...Buffer.from('{"to":"ada"}'),
    ]);
  });

  it('leaves the choice to the handler', async () => {
    expect(await withJob({ n: 1 }, (context) => [context.text(), context.json(), [...context.payload].length])).toEqual(['{"n":1}', { n: 1 }, 7]);
  });

  it('knows the job, its queue and its driver', async () => {
    const seen = await withJob('', ({ name, queue, pipeline, driver, attempt, firstFailedAt, replayOf }) => ({
      name,
      queue,
      pipeline,
      driver,
      attempt,
      firstFailedAt,
      replayOf,
    }));
    expect(seen).toEqual({ name: 'job', queue: 'q', pipeline: 'q', driver: 'memory', attempt: 1, firstFailedAt: undefined, replayOf: undefined });
  });

  it('makes an object of a class without running its constructor', async () => {
    class Mail {
      constructor(readonly to: string) {
        if (to === undefined) throw new Error('The constructor ran.');
      }
      get domain(): string {
        return this.to.split('@')[1]!;
      }
    }
    const mail = await withJob({ to: 'ada@example.com' }, (context) => context.payloadAs(Mail));
    expect(mail).toBeInstanceOf(Mail);
    expect(mail.domain).toBe('example.com');
  });

  it('makes no prototype of a foreign payload', async () => {
    class Mail {}
    const mail = await withJob('{"__proto__":{"isAdmin":true},"constructor":1}', (context) => context.payloadAs(Mail));
    expect(mail).toBeInstanceOf(Mail);
    expect((mail as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('hides our headers, and keeps them on requeue', async () => {
    const { jobs, clock, on } = await openKernel({ retry: { attempts: 5, backoff: { type: 'fixed', delay: 1, jitter: 'none' } } });
    const seen: [number, string[]][] = [];
    on('job', async (context) => {
      seen.push([context.attempt, Object.keys(context.headers)]);
      if (seen.length === 2) await context.withHeader('x-b', '2').requeue('again');
      else if (seen.length < 4) throw new Error('it broke');
    });
    await jobs.connect('q').push('job', '', { headers: { 'x-a': '1' } });
    await clock.advance(10_000);
    expect(seen).toEqual([
      [1, ['x-a']],
      [2, ['x-a']],
      [2, ['x-a', 'x-b']],
      [3, ['x-a', 'x-b']],
    ]);
  });

  it('keeps its class, value and settlement in copies', async () => {
    const seen = await withJob({ n: 1 }, async (context) => {
      const copy = context.withHeader('x-b', '3').withDelay(5);
      await copy.ack();
      return [copy.constructor === context.constructor, copy.attempt, copy.value(), context.isCompleted, context.hasHeader('x-b')];
    });
    expect(seen).toEqual([true, 1, { n: 1 }, true, false]);
  });

  it('writes log lines that say which job', async () => {
    const { jobs, on, log } = await openKernel();
    on('job', (context) => {
      context.logger.log('sent');
      context.logger.error('not sent', { to: 'ada' });
    });
    const task = await jobs.connect('q').push('job', '');
    await settled();
    expect(log.lines).toMatchObject([
      { level: 'info', message: 'sent', fields: { id: task.id, job: 'job', queue: 'q', attempt: 1 } },
      { level: 'error', message: 'not sent', fields: { details: [{ to: 'ada' }] } },
    ]);
  });
});

describe('A handler with a schema', () => {
  const positive = (validate: StandardSchema['~standard']['validate']): StandardSchema => ({ '~standard': { version: 1, vendor: 'test', validate } });
  const isPositive = (value: unknown) =>
    Number(value) > 0 ? { value: Number(value) * 10 } : { issues: [{ message: 'must be positive', path: ['amount', { key: 0 }] }] };

  it.each([
    ['synchronous', positive(isPositive)],
    ['asynchronous', positive((value) => Promise.resolve(isPositive(value)))],
  ])('gets what the schema made of the payload (%s)', async (_, schema) => {
    expect(await withJob('5', (context) => context.value(), { schema })).toBe(50);
  });

  it.each([
    ['synchronous', positive(isPositive)],
    ['asynchronous', positive((value) => Promise.resolve(isPositive(value)))],
  ])('does not get a payload that fails it: the job is final (%s)', async (_, schema) => {
    const { kernel, jobs, clock, on } = await openKernel();
    let runs = 0;
    on('job', () => void runs++, { schema });
    await jobs.connect('q').push('job', '-1');
    await clock.advance('1h');
    expect(runs).toBe(0);
    expect((await kernel.admin.failed.list()).jobs).toMatchObject([{ reason: 'rejected', attempts: 1, error: { code: 'JOB_VALIDATION' } }]);
    expect((await kernel.admin.failed.list()).jobs[0]!.error.message).toContain('amount.0: must be positive');
  });
});
