import { Logger, ValidationPipe } from '@nestjs/common';
import type { ApplicationConfig, ExternalContextCreator, ModuleRef, ModulesContainer } from '@nestjs/core';
import { JobsConfigError } from '../contract/errors.js';
import { EnhancerReader, isScoped } from './handler-enhancers.js';
import type { HandlerMethod, HandlerTarget } from './handler-enhancers.js';
import { argumentCount, readParameters } from './handler-parameters.js';
import type { HandlerParameter } from './handler-parameters.js';
import { callStep, filterStep, guardStep, hookStep, interceptorStep } from './handler-steps.js';
import type { PreRequestHook, Step } from './handler-steps.js';
import { JobExecutionContext } from './job-execution-context.js';
import { followToEnd } from './result-stream.js';
import { scopedStep } from './scoped-handler.js';

/**
 * How a handler runs: `direct` is the call itself, `chain` our own layers of guards, pipes, interceptors and filters, `nest` Nest's
 * `ExternalContextCreator`, for whatever is made per job.
 */
export type HandlerKind = 'direct' | 'chain' | 'nest';

/**
 * A handler with everything bound to it.
 *
 * Answers with a value, or with a promise where something inside is asynchronous; streams are followed to their end. Throws or rejects with
 * the original error. May be called any number of times at once.
 */
export interface CompiledHandler {
  /**
   * @param payload - Decodes the payload, synchronously. Not called when nobody asks for the payload, and not again once it has answered.
   * @param context - What `@JobCtx()` gives, and what `REQUEST` is in a request-scoped class.
   */
  (payload: () => unknown, context: object): unknown;
  readonly kind: HandlerKind;
}

/**
 * Turns a handler into the cheapest function that behaves as Nest's own caller does. It answers otherwise in a few places, all in favour of
 * a job: a stream without values is a success, an error is not logged (the kernel does), a bound class without an instance stops the boot.
 *
 * To be used once the global enhancers are known, in `onApplicationBootstrap`.
 */
export class HandlerCompiler {
  readonly #externalContextCreator: ExternalContextCreator;
  readonly #applicationConfig: ApplicationConfig;
  readonly #moduleRef: ModuleRef;
  readonly #modulesContainer: ModulesContainer;

  /** @param moduleRef - Of any module of the application. */
  constructor(
    externalContextCreator: ExternalContextCreator,
    applicationConfig: ApplicationConfig,
    moduleRef: ModuleRef,
    modulesContainer: ModulesContainer,
  ) {
    this.#externalContextCreator = externalContextCreator;
    this.#applicationConfig = applicationConfig;
    this.#moduleRef = moduleRef;
    this.#modulesContainer = modulesContainer;
  }

  /** @throws {@link JobsConfigError} when an enhancer is bound as a class of which there is no instance. */
  compile(target: HandlerTarget): CompiledHandler {
    const method = methodOf(target);
    const reader = new EnhancerReader(this.#applicationConfig, this.#modulesContainer, target, method);
    const hooks = hooksOf(this.#applicationConfig);
    const guards = reader.guards();
    const interceptors = reader.interceptors();
    const parameters = readParameters(target, reader);
    const filters = reader.filters();
    const { scoped, hasScopedFilters } = reader;

    if (isScoped(target.wrapper) || scoped.length > 0) {
      const run = hookStep(
        hooks,
        scopedStep({
          externalContextCreator: this.#externalContextCreator,
          moduleRef: this.#moduleRef,
          modulesContainer: this.#modulesContainer,
          target,
          method,
          scoped,
          runsFilters: hasScopedFilters,
        }),
      );
      return named('nest', layered(target, method, hasScopedFilters ? run : filterStep(filters, run)));
    }
    warnOfMissingTypes(target, parameters);
    const isBare = guards.length + interceptors.length + filters.length + hooks.length === 0;
    if (isBare && parameters.every(isPlain)) return named('direct', directCall(target.instance, method, parameters));
    const call = interceptorStep(interceptors, callStep(target.instance, method, parameters));
    return named('chain', layered(target, method, filterStep(filters, hookStep(hooks, guardStep(guards, call)))));
  }
}

type Call = (payload: () => unknown, context: object) => unknown;

function named(kind: HandlerKind, call: Call): CompiledHandler {
  return Object.assign(call, { kind });
}

function methodOf(target: HandlerTarget): HandlerMethod {
  const method = (target.instance as Record<string, unknown>)[target.methodName];
  if (typeof method === 'function') return method as HandlerMethod;
  const path = `${target.metatype.name}.${target.methodName}`;
  throw new JobsConfigError([{ path, message: `The handler is no method but ${typeof method}. Put the decorator on a method.` }]);
}

// Nest 11 has no such hooks.
function hooksOf(applicationConfig: object): readonly PreRequestHook[] {
  return (applicationConfig as { getGlobalPreRequestHooks?(): readonly PreRequestHook[] }).getGlobalPreRequestHooks?.() ?? [];
}

function layered(target: HandlerTarget, method: HandlerMethod, step: Step): Call {
  const handlerClass = target.instance.constructor as new () => unknown;
  return (payload, context) => step(new JobExecutionContext(handlerClass, method, payload, context));
}

function isPlain(parameter: HandlerParameter): boolean {
  return parameter.pipes.length === 0 && (parameter.source === 'payload' || parameter.source === 'job');
}

// One closure per usual shape of arguments: building and applying a list costs more than the call.
function directCall(instance: object, method: HandlerMethod, parameters: readonly HandlerParameter[]): Call {
  const sources = new Array<string>(argumentCount(parameters)).fill('');
  for (const { index, source } of parameters) sources[index] = source;
  switch (sources.join()) {
    case '': // nothing decorated
    case 'payload,job':
      return (payload, context) => followToEnd(method.call(instance, payload(), context), context);
    case 'payload':
      return (payload, context) => followToEnd(method.call(instance, payload()), context);
    case 'job':
      return (_payload, context) => followToEnd(method.call(instance, context), context);
    default:
      return (payload, context) => {
        const value = sources.includes('payload') ? payload() : undefined;
        return followToEnd(
          method.apply(
            instance,
            sources.map((source) => (source === 'payload' ? value : source === 'job' ? context : undefined)),
          ),
          context,
        );
      };
  }
}

// Without emitted types a ValidationPipe lets everything pass.
function warnOfMissingTypes(target: HandlerTarget, parameters: readonly HandlerParameter[]): void {
  const untyped = parameters.filter((parameter) => parameter.source !== 'factory' && parameter.metatype === undefined);
  if (!untyped.some((parameter) => parameter.pipes.some(needsType))) return;
  new Logger('JobsModule').warn(
    `${target.metatype.name}.${target.methodName}() gets its payload unvalidated: the types of its parameters are unknown. ` +
      'Put a decorator on the method or its parameter and compile with "emitDecoratorMetadata".',
  );
}

function needsType(pipe: unknown): boolean {
  return pipe instanceof ValidationPipe && (pipe as unknown as { readonly expectedType?: unknown }).expectedType === undefined;
}
