import { object, optional, pipe, string, trim } from 'valibot';
import { z } from 'zod';
import { JobsArgumentError } from '../../lib/contract/errors.js';
import { JobValidationError } from '../../lib/contract/job-errors.js';
import type { StandardSchema } from '../../lib/contract/standard-schema.js';
import { defineJob, jobNameOf, type DefineJobOptions, type JobDefinition, type PayloadOf, type PushPayload } from '../../lib/client/define-job.js';
import { JobOptions } from '../../lib/client/job-options.js';
import { Jobs } from '../../lib/client/jobs.js';
import { validatePayload } from '../../lib/client/payload-schema.js';
import { ScriptedApi } from './support.js';

declare module '../../lib/client/define-job.js' {
  interface JobMap {
    'typed.report': { rows: number };
  }
}

/** Compiles only when the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_proof: Same<A, B>): void {}

const SendEmail = defineJob<{ to: string }>('email.send', { queue: 'emails' });
const WithZod = defineJob('email.zod', { queue: 'emails', schema: z.object({ to: z.string().trim(), copies: z.number().default(1) }) });
const WithValibot = defineJob('email.valibot', { queue: 'emails', schema: object({ to: pipe(string(), trim()), copies: optional(string(), '1') }) });
const AnyPayload = defineJob('anything', { queue: 'emails' });

class Invoice {
  static readonly jobName = 'invoice.print';
  constructor(
    readonly number: number,
    readonly due: string,
  ) {}
}

describe('defineJob', () => {
  it('keeps name, queue and options, and never changes', () => {
    const definition = defineJob('a', { queue: 'q', delay: '1m', priority: 2, attempts: 3, timeout: 4, autoAck: true, headers: { h: '1' } });
    expect({ name: definition.name, queue: definition.queue, schema: definition.schema }).toEqual({ name: 'a', queue: 'q', schema: undefined });
    expect(definition.options).toEqual(new JobOptions({ delay: '1m', priority: 2, attempts: 3, timeout: 4, autoAck: true, headers: { h: '1' } }));
    expect(() => Object.assign(definition, { name: 'b' })).toThrow(TypeError);
  });

  it.each<[unknown, unknown]>([
    ['', {}],
    [5, {}],
    ['x'.repeat(256), {}],
    ['a', { queue: '' }],
    ['a', { delay: -1 }],
    ['a', { priority: 0.5 }],
    ['a', { attempts: 0 }],
    ['a', { timeout: 0 }],
    ['a', { headers: { 'nrr-group': '1' } }],
    ['a', { schema: {} }],
    ['a', { schema: null }],
    ['a', { schema: (value: unknown) => value }],
  ])('refuses %j with %j', (name, options) => {
    expect(() => defineJob(name as string, options as DefineJobOptions)).toThrow(JobsArgumentError);
  });

  it('says which libraries have schemas it takes', () => {
    expect(() => defineJob('a', { schema: {} as unknown as StandardSchema })).toThrow(/"a" is no Standard Schema.*zod/);
  });
});

describe('jobNameOf', () => {
  it.each<[string, string]>([
    ['text', jobNameOf('a.b')],
    ['definition', jobNameOf(SendEmail)],
    ['class', jobNameOf(Invoice)],
  ])('reads the name of a %s', (kind, name) => {
    expect(name).toBe({ text: 'a.b', definition: 'email.send', class: 'invoice.print' }[kind]);
  });

  it('names the class that has no jobName', () => {
    class Plain {}
    expect(() => jobNameOf(Plain as never)).toThrow('The static jobName of class Plain is undefined.');
  });
});

describe('schemas of libraries', () => {
  it.each([
    ['zod', WithZod, { to: 'ann', copies: 1 }],
    ['valibot', WithValibot, { to: 'ann', copies: '1' }],
  ])('stores the output of %s', async (_, definition, output) => {
    const api = new ScriptedApi();
    await new Jobs(api).push(definition as JobDefinition, { to: ' ann ' });
    expect(JSON.parse(api.job.payload as string)).toEqual(output);
  });

  it.each([
    ['zod', WithZod],
    ['valibot', WithValibot],
  ])('tells the path of what %s refuses', async (_, definition) => {
    await expect(new Jobs(new ScriptedApi()).push(definition as JobDefinition, { to: 5 })).rejects.toMatchObject({
      constructor: JobValidationError,
      issues: [{ path: 'to', message: expect.any(String) as string }],
    });
  });

  it('awaits an asynchronous check of zod', async () => {
    const api = new ScriptedApi();
    const schema = z.object({ to: z.string().refine(async (to) => to !== 'gone') });
    const Checked = defineJob('checked', { queue: 'emails', schema });
    await new Jobs(api).push(Checked, { to: 'ann' });
    await expect(new Jobs(api).push(Checked, { to: 'gone' })).rejects.toThrow(JobValidationError);
    expect(api.jobs).toHaveLength(1);
  });

  it('answers at once when the schema does', () => {
    expect(validatePayload('a', z.number(), 5)).toBe(5);
    expect(() => validatePayload('a', z.number(), 'x')).toThrow(JobValidationError);
  });

  it("hands on a schema's own failure", async () => {
    const broken: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new RangeError('broken schema');
        },
      },
    };
    await expect(new Jobs(new ScriptedApi()).push(defineJob('a', { queue: 'q', schema: broken }), {})).rejects.toThrow('broken schema');
  });
});

describe('types of payloads (checked when the tests are compiled)', () => {
  it('gives pushes and handlers the type of the definition', () => {
    same<PushPayload<typeof SendEmail>, { to: string }>(true);
    same<PayloadOf<typeof SendEmail>, { to: string }>(true);
    same<PushPayload<typeof AnyPayload>, unknown>(true);
    expect(SendEmail.name).toBe('email.send');
  });

  it('gives pushes the input and handlers the output of a schema', () => {
    same<PushPayload<typeof WithZod>, { to: string; copies?: number | undefined }>(true);
    same<PayloadOf<typeof WithZod>, { to: string; copies: number }>(true);
    same<PushPayload<typeof WithValibot>, { to: string; copies?: string | undefined }>(true);
    same<PayloadOf<typeof WithValibot>, { to: string; copies: string }>(true);
    expect(WithZod.schema).toBeDefined();
  });

  it('gives names in text the type of JobMap, and unknown otherwise', () => {
    same<PushPayload<'typed.report'>, { rows: number }>(true);
    same<PayloadOf<'typed.report'>, { rows: number }>(true);
    same<PayloadOf<'other'>, unknown>(true);
    expect(jobNameOf('typed.report')).toBe('typed.report');
  });

  it('gives a class its own type', () => {
    same<PushPayload<typeof Invoice>, Invoice>(true);
    same<PayloadOf<typeof Invoice>, Invoice>(true);
    expect(Invoice.jobName).toBe('invoice.print');
  });

  it('refuses wrong payloads at compile time only', async () => {
    const jobs = new Jobs(new ScriptedApi());
    const queue = jobs.queue('emails');
    // @ts-expect-error -- `to` is a text
    await jobs.push(SendEmail, { to: 5 });
    // @ts-expect-error -- `to` is missing
    await jobs.push(SendEmail, {});
    // @ts-expect-error -- `rows` is a number
    await queue.push('typed.report', { rows: 'many' });
    // @ts-expect-error -- `due` is missing
    await queue.push(Invoice, { number: 1 });
    // @ts-expect-error -- there is no option `dealy`
    await queue.push('other', 'x', { dealy: 5 });
    // @ts-expect-error -- `to` is a text
    queue.create(SendEmail, { to: 5 });
    // @ts-expect-error -- a payload is needed
    await expect(queue.push('other')).rejects.toThrow(JobsArgumentError);
    await queue.push('typed.report', { rows: 1 });
    await queue.push('other', { anything: true });
    await queue.push(Invoice, new Invoice(1, 'today'));
    await jobs.push(SendEmail, { to: 'ann' });
  });
});
