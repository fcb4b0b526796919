import { SetMetadata } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { jobNameOf, type JobClass, type JobDefinition, type JobName, type PayloadOf } from '../../client/define-job.js';
import { JobsArgumentError } from '../../contract/errors.js';
import type { HandlerOptions } from '../../runtime/handler.js';
import type { JobContext } from '../../runtime/job-context.js';

/**
 * Settings of a handler method or class.
 *
 * Errors of a `ValidationPipe` are final: a `BadRequestException` or an `UnprocessableEntityException` sends the job to the failed store
 * after the run that threw it. Give `retryOn` to say yourself which errors are tried again. A payload that fails its schema is always final.
 *
 * @publicApi
 */
export interface JobHandlerOptions extends Omit<HandlerOptions, 'payloadClass'> {
  /** True takes the jobs of the queue that no other handler takes; then no name is given. Default: `false`. */
  readonly default?: boolean;
  /** True allows a queue that no pipeline has yet. Default: `false`. */
  readonly declaredLater?: boolean;
  /** The kernel it belongs to, when there are several. Default: the one without a name. */
  readonly kernel?: string;
}

/** Settings that are known only when the container is ready, from a `ConfigService` for instance. @publicApi */
export type JobHandlerOptionsFactory = (modules: ModuleRef) => JobHandlerOptions;

/** What `@JobHandler` leaves at a method or class. */
export interface JobHandlerMetadata {
  readonly name: string | undefined;
  readonly definition?: JobDefinition;
  readonly payloadClass?: JobClass;
  readonly options: JobHandlerOptions | JobHandlerOptionsFactory;
}

export const JOB_HANDLER = Symbol.for('nestjs-roadrunner:job-handler');

// The first parameter may be the payload, a field of it or the context: its decorator says which, and no type can see that.
type Handle<P> = Taking<P> | Taking<JobContext> | TakingField<P>;
// Parameters are compared both ways, so that a wider parameter, or none, is fine.
type Taking<First> = { method(first: First, ...rest: never[]): unknown }['method'];
type TakingField<P> = P extends string | readonly unknown[] ? never : P extends object ? { [K in keyof P]-?: Taking<P[K]> }[keyof P] : never;

/** Decorates a method, or a class with a method `handle`. */
export interface JobHandlerDecorator<P> {
  <C extends abstract new (...args: never[]) => { handle: Handle<P> }>(target: C): void;
  <T extends Handle<P>>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T>): void;
}

/**
 * Marks a method, or a class with a method `handle`, as the handler of jobs. It may stand several times at one method.
 *
 * The most specific handler takes a job: an exact queue, then a pattern, then none; inside that an exact name, then the longest pattern,
 * then the default. Two handlers of the same name and queue are an error at boot. Without parameter decorators the method gets payload
 * and context.
 *
 * @param name - The name of the job: exact, with wildcards (`email.*`), a `defineJob` value or a class with `static jobName`, of which
 * the payload becomes an object.
 * @throws JobsArgumentError when the name is empty or it stands at no method, at class definition time.
 * @example
 * \@JobHandler('email.send', { queue: 'emails' })
 * async send(@JobPayload() mail: Mail, @JobCtx() ctx: JobContext) {}
 * @publicApi
 */
export function JobHandler<const Name extends JobName>(
  name: Name,
  options?: JobHandlerOptions | JobHandlerOptionsFactory,
): JobHandlerDecorator<PayloadOf<Name>>;
/** Marks the handler of the jobs of a queue that no other handler takes. @publicApi */
export function JobHandler(options: JobHandlerOptions & { readonly default: true }): JobHandlerDecorator<unknown>;
export function JobHandler(
  subject: JobName | (JobHandlerOptions & { readonly default: true }),
  options: JobHandlerOptions | JobHandlerOptionsFactory = {},
): JobHandlerDecorator<unknown> {
  const metadata = metadataOf(subject, options);
  return ((target: object, key?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (key !== undefined) {
      const method: unknown = descriptor?.value;
      if (typeof method !== 'function')
        throw new JobsArgumentError(`@JobHandler() stands at ${String(key)}, which is no method. Put it on a method.`);
      if (typeof target === 'function') {
        throw new JobsArgumentError(`@JobHandler() stands at the static method ${target.name}.${String(key)}(). Handlers are methods of instances.`);
      }
      supplyParameters(target, key);
      mark(method, metadata);
      return;
    }
    const { prototype } = target as { prototype: object };
    if (typeof (prototype as { handle?: unknown }).handle !== 'function') {
      throw new JobsArgumentError(`@JobHandler() stands at class ${(target as { name: string }).name}, which has no method "handle". Add it.`);
    }
    supplyParameters(prototype, 'handle');
    supplyTypes(prototype, metadata.payloadClass);
    mark(target, metadata);
  }) as JobHandlerDecorator<unknown>;
}

function metadataOf(
  subject: JobName | (JobHandlerOptions & { readonly default: true }),
  options: JobHandlerOptions | JobHandlerOptionsFactory,
): JobHandlerMetadata {
  if (isDefault(subject)) return { name: undefined, options: subject };
  const name = jobNameOf(subject);
  if (isDefault(options)) {
    throw new JobsArgumentError(
      `@JobHandler('${name}') is also to be the default. Leave the name out, or "default": a second decorator may stand here.`,
    );
  }
  if (typeof subject === 'string') return { name, options };
  return typeof subject === 'function' ? { name, payloadClass: subject, options } : { name, definition: subject, options };
}

function isDefault(subject: unknown): subject is JobHandlerOptions & { readonly default: true } {
  return typeof subject === 'object' && subject !== null && (subject as JobHandlerOptions).default === true;
}

function mark(target: object, metadata: JobHandlerMetadata): void {
  const known = (Reflect.getOwnMetadata(JOB_HANDLER, target) as readonly JobHandlerMetadata[] | undefined) ?? [];
  SetMetadata(JOB_HANDLER, [...known, metadata])(target as never);
}

/** Where Nest keeps what parameter decorators say. */
const PARAMETERS = '__routeArguments__';

// Pipes run on decorated parameters only: without any, the two parameters are payload and context.
function supplyParameters(target: object, key: string | symbol): void {
  if (Reflect.hasMetadata(PARAMETERS, target.constructor, key)) return;
  const { length } = (target as Record<string | symbol, (...args: unknown[]) => unknown>)[key]!;
  if (length >= 1) Payload()(target, key, 0);
  if (length >= 2) Ctx()(target, key, 1);
}

/** Where TypeScript keeps the types of decorated methods; a bare `handle` has none, and a pipe would see no class. */
const TYPES = 'design:paramtypes';

function supplyTypes(prototype: object, payloadClass: JobClass | undefined): void {
  if (payloadClass !== undefined && !Reflect.hasMetadata(TYPES, prototype, 'handle')) {
    Reflect.defineMetadata(TYPES, [payloadClass, Object], prototype, 'handle');
  }
}
