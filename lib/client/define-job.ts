import { JobsArgumentError } from '../contract/errors.js';
import type { DurationInput } from '../contract/duration.js';
import { shown } from '../contract/shown.js';
import type { StandardSchema } from '../contract/standard-schema.js';
import { checkedName } from './checks.js';
import { JobOptions } from './job-options.js';
import { checkedSchema } from './payload-schema.js';
import type { HeaderInput } from './task-headers.js';

/**
 * Payload types of job names that are written as text. Add to it by declaration merging.
 *
 * @example
 * declare module 'nestjs-roadrunner' {
 *   interface JobMap {
 *     'email.send': { to: string };
 *   }
 * }
 * @publicApi
 */
export interface JobMap {}

/** A class whose objects are payloads. @publicApi */
export type JobClass<Payload = unknown> = (abstract new (...args: never[]) => Payload) & { readonly jobName: string };

/** A job's name with the type of its payload, made by {@link defineJob} and shared by producer and handler. @publicApi */
export interface JobDefinition<Input = unknown, Output = Input> {
  readonly name: string;
  /** Where its jobs are pushed to. */
  readonly queue: string | undefined;
  /** Checks payloads where they are pushed and where they are handled. */
  readonly schema: StandardSchema<Output> | undefined;
  /** Of every push, unless the push gives others. */
  readonly options: JobOptions;
  /** What is pushed and what the handler gets; never there at run time. */
  readonly '~types'?: { readonly input: Input; readonly output: Output } | undefined;
}

/** @publicApi */
export interface DefineJobOptions {
  /** The queue of its jobs. Default: the one that the push names. */
  readonly queue?: string | undefined;
  /** Unit: seconds; also a `Date` or duration text. Default: `0`. */
  readonly delay?: DurationInput | undefined;
  /** Lower runs earlier; 0 means the pipeline's. Default: `0`. */
  readonly priority?: number | undefined;
  /** How many runs a job may have in all. Range: 1 or more. */
  readonly attempts?: number | undefined;
  /** The longest run. Unit: seconds, or duration text. Range: more than 0. */
  readonly timeout?: number | string | undefined;
  /** At most once instead of at least once. Default: `false`. */
  readonly autoAck?: boolean | undefined;
  readonly headers?: HeaderInput | undefined;
}

/** What may stand where a job's name is asked for: text, a definition, or a class with `static jobName`. @publicApi */
export type JobName = string | JobDefinition | JobClass;

/** What a push of this job takes. @publicApi */
export type PushPayload<Name> =
  Name extends JobClass<infer Payload>
    ? Payload
    : Name extends JobDefinition<infer Input, unknown>
      ? Input
      : Name extends keyof JobMap
        ? JobMap[Name]
        : unknown;

/** What a handler of this job gets. @publicApi */
export type PayloadOf<Name> =
  Name extends JobClass<infer Payload>
    ? Payload
    : Name extends JobDefinition<unknown, infer Output>
      ? Output
      : Name extends keyof JobMap
        ? JobMap[Name]
        : unknown;

type SchemaInput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input'];
type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/**
 * Gives a job a typed payload. With a schema the types are those of the schema.
 *
 * @param name - 1 to 255 bytes, compared exactly.
 * @throws JobsArgumentError when the name or an option cannot be used.
 * @example
 * const SendEmail = defineJob<{ to: string }>('email.send', { queue: 'emails' });
 * await jobs.push(SendEmail, { to: 'ann@example.org' });
 * @publicApi
 */
export function defineJob<Schema extends StandardSchema>(
  name: string,
  options: DefineJobOptions & { readonly schema: Schema },
): JobDefinition<SchemaInput<Schema>, SchemaOutput<Schema>>;
export function defineJob<Payload = unknown>(name: string, options?: DefineJobOptions & { readonly schema?: undefined }): JobDefinition<Payload>;
export function defineJob(name: string, options: DefineJobOptions & { readonly schema?: StandardSchema | undefined } = {}): JobDefinition {
  checkedName(name, 'A job name');
  const { queue, schema, ...rest } = options;
  if (queue !== undefined) checkedName(queue, `The queue of job "${name}"`);
  if (schema !== undefined) checkedSchema(name, schema);
  const given = Object.values(rest).some((value) => value !== undefined);
  return Object.freeze({
    name,
    queue,
    schema,
    options: given ? new JobOptions({ ...rest, id: undefined, expiresIn: undefined }) : JobOptions.defaults,
  });
}

/** @throws JobsArgumentError when it is neither text nor a definition nor a class with `static jobName`. @publicApi */
export function jobNameOf(job: JobName): string {
  if (typeof job === 'string') return checkedName(job, 'A job name');
  if (typeof job === 'function') return checkedName(job.jobName, `The static jobName of class ${job.name}`);
  if (typeof job === 'object' && job !== null) return checkedName(job.name, 'A job name');
  throw new JobsArgumentError(`A job name is ${shown(job)}. Give a text, a defineJob() value or a class with "static jobName".`);
}
