import 'reflect-metadata';
import type { ArgumentMetadata, ExecutionContext, Paramtype, PipeTransform } from '@nestjs/common';
import type { EnhancerReader, HandlerTarget } from './handler-enhancers.js';
import type { JobExecutionContext } from './job-execution-context.js';
import { isThenable } from './result-stream.js';

/** Where the value of a parameter comes from. */
export type ParameterSource = 'payload' | 'field' | 'job' | 'factory' | 'nothing';

/** What Nest's parameter decorators leave on the class, by method: `{ '3:0': { index: 0, … } }`. */
interface StoredParameter {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes?: readonly unknown[];
  readonly factory?: (data: unknown, context: ExecutionContext) => unknown;
  /** Nest 12: a Standard Schema. */
  readonly schema?: unknown;
}

/** The metadata key of all parameter decorators, those of HTTP and of microservices alike. */
export const PARAMETERS_KEY = '__routeArguments__';
const CUSTOM_MARK = '__customRouteArgs__';
export const PAYLOAD_TYPE = 3;
export const CONTEXT_TYPE = 6;
/** What a pipe reads in `metadata.type`. Nest names them by the numbers of HTTP, so a payload is a `body` and a context `custom`. */
const PIPE_TYPES: Readonly<Record<number, Paramtype>> = { 3: 'body', 4: 'query', 5: 'param' };

/** One decorated parameter of a handler. */
export class HandlerParameter {
  readonly index: number;
  readonly source: ParameterSource;
  readonly pipes: readonly PipeTransform[];
  readonly metatype: ArgumentMetadata['metatype'];
  readonly #type: Paramtype;
  readonly #data: unknown;
  readonly #factory: StoredParameter['factory'];
  readonly #schema: unknown;

  constructor(key: string, stored: StoredParameter, pipes: readonly PipeTransform[], metatype: ArgumentMetadata['metatype']) {
    this.index = stored.index;
    this.source = sourceOf(key, stored);
    this.pipes = pipes;
    this.metatype = metatype;
    this.#type = (key.includes(CUSTOM_MARK) ? undefined : PIPE_TYPES[typeNumber(key)]) ?? 'custom';
    this.#data = stored.data;
    this.#factory = stored.factory;
    this.#schema = stored.schema;
  }

  read(context: JobExecutionContext): unknown {
    switch (this.source) {
      case 'payload':
        return context.payloadForHandler();
      case 'field':
        return (context.payloadForHandler() as Record<PropertyKey, unknown> | null | undefined)?.[this.#data as PropertyKey];
      case 'job':
        return context.jobForHandler();
      case 'factory': {
        const factory = this.#factory!;
        return factory(this.#data, context);
      }
      default:
        return null;
    }
  }

  transform(value: unknown, pipe: number): unknown {
    return this.pipes[pipe]!.transform(value, {
      metatype: this.metatype,
      type: this.#type,
      data: this.#data as string | undefined,
      schema: this.#schema,
    } as ArgumentMetadata);
  }
}

/**
 * The decorated parameters of a handler in the order Nest works on them: that of the metadata, where the last parameter comes first.
 * An empty list when none is decorated: then the handler gets payload and context, and no pipe runs.
 */
export function readParameters(target: HandlerTarget, reader: EnhancerReader): HandlerParameter[] {
  const { metatype, methodName } = target;
  const host = parametersHost(metatype, methodName);
  const stored = (Reflect.getMetadata(PARAMETERS_KEY, host, methodName) ?? {}) as Readonly<Record<string, StoredParameter>>;
  const keys = Object.keys(stored);
  if (keys.length === 0) return [];
  const types = parameterTypes(target, host);
  const shared = reader.pipes();
  return keys.map((key) => {
    const parameter = stored[key]!;
    return new HandlerParameter(key, parameter, [...shared, ...reader.pipesOf(parameter.pipes)], types?.[parameter.index]);
  });
}

/** How many arguments a handler gets: up to the last decorated one. */
export function argumentCount(parameters: readonly HandlerParameter[]): number {
  return parameters.reduce((count, parameter) => Math.max(count, parameter.index + 1), 0);
}

/**
 * The arguments of one call; a promise only when a value or a pipe is asynchronous.
 *
 * The pipes of all parameters advance side by side, the first ones first, as in Nest. After an error no further pipe starts, while Nest
 * lets those of the other parameters run for nothing.
 */
export function resolveArguments(
  parameters: readonly HandlerParameter[],
  count: number,
  context: JobExecutionContext,
): unknown[] | Promise<unknown[]> {
  const args = new Array<unknown>(count).fill(undefined);
  let rounds = 1;
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < parameters.length; place++) {
      const parameter = parameters[place]!;
      const pipeCount = parameter.pipes.length;
      if (round === 0) {
        const value = parameter.read(context);
        if (isThenable(value)) return resolveLater(parameters, context, args, { place, value, nextPipe: 0, round });
        args[parameter.index] = value;
        if (pipeCount > rounds) rounds = pipeCount;
      }
      if (round >= pipeCount) continue;
      const value = parameter.transform(args[parameter.index], round);
      if (isThenable(value)) return resolveLater(parameters, context, args, { place, value, nextPipe: round + 1, round });
      args[parameter.index] = value;
    }
  }
  return args;
}

/** Where the synchronous way met a promise. */
interface Meeting {
  readonly place: number;
  readonly value: PromiseLike<unknown>;
  readonly nextPipe: number;
  readonly round: number;
}

async function resolveLater(
  parameters: readonly HandlerParameter[],
  context: JobExecutionContext,
  args: unknown[],
  meeting: Meeting,
): Promise<unknown[]> {
  const { round } = meeting;
  await Promise.all(
    parameters.map(async (parameter, place) => {
      let value = args[parameter.index];
      let pipe = round;
      if (place < meeting.place) {
        pipe = round + 1;
        value = await value;
      } else if (place === meeting.place) {
        pipe = meeting.nextPipe;
        value = await meeting.value;
      } else if (round === 0) {
        value = parameter.read(context);
        if (isThenable(value)) value = await value;
      }
      for (; pipe < parameter.pipes.length; pipe++) value = await parameter.transform(value, pipe);
      args[parameter.index] = value;
    }),
  );
  return args;
}

function sourceOf(key: string, stored: StoredParameter): ParameterSource {
  if (key.includes(CUSTOM_MARK)) return typeof stored.factory === 'function' ? 'factory' : 'nothing';
  const type = typeNumber(key);
  if (type === PAYLOAD_TYPE) return stored.data ? 'field' : 'payload';
  return type === CONTEXT_TYPE ? 'job' : 'nothing';
}

function typeNumber(key: string): number {
  return Number(key.split(':', 1)[0]);
}

// Mixins copy methods and `constructor`, class decorators return proxies: the metadata is where the method was declared.
function parametersHost(metatype: Function, methodName: string): Function {
  const prototype = metatype.prototype as Record<string, unknown> | undefined;
  const declared: unknown = prototype?.constructor;
  if (typeof declared !== 'function') return metatype;
  return (declared.prototype as Record<string, unknown> | undefined)?.[methodName] === prototype?.[methodName] ? declared : metatype;
}

function parameterTypes(target: HandlerTarget, host: Function): readonly ArgumentMetadata['metatype'][] | undefined {
  const onPrototype: unknown = host.prototype ? Reflect.getMetadata('design:paramtypes', host.prototype as object, target.methodName) : undefined;
  const types: unknown = onPrototype ?? Reflect.getMetadata('design:paramtypes', target.instance, target.methodName);
  return types as readonly ArgumentMetadata['metatype'][] | undefined;
}
