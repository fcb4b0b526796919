import { ForbiddenException } from '@nestjs/common';
import type { CallHandler, CanActivate, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import type { BoundFilter, HandlerMethod } from './handler-enhancers.js';
import { argumentCount, resolveArguments } from './handler-parameters.js';
import type { HandlerParameter } from './handler-parameters.js';
import type { JobExecutionContext } from './job-execution-context.js';
import { deferred, followToEnd, isStream, isThenable, toStream } from './result-stream.js';

/** One layer around a handler. Answers with a value, or with a promise where something inside is asynchronous. */
export type Step = (context: JobExecutionContext) => unknown;

/** What `app.registerPreRequestHook()` of Nest 12 takes. */
export type PreRequestHook = (context: ExecutionContext, next: () => Observable<unknown>) => Observable<unknown>;

const FORBIDDEN_MESSAGE = 'Forbidden resource';

/** Parameters, pipes, the call. A stream comes back as it is: interceptors see every value of it. */
export function callStep(instance: object, method: HandlerMethod, parameters: readonly HandlerParameter[]): Step {
  if (parameters.length === 0) return (context) => method.call(instance, context.payloadForHandler(), context.jobForHandler());
  const count = argumentCount(parameters);
  return (context) => {
    const args = resolveArguments(parameters, count, context);
    return Array.isArray(args) ? method.apply(instance, args) : args.then((resolved) => method.apply(instance, resolved));
  };
}

/** The interceptors around `next`. With any of them the answer is a promise, as what they return is a stream. */
export function interceptorStep(interceptors: readonly NestInterceptor[], next: Step): Step {
  const enter = (place: number, context: JobExecutionContext): unknown => {
    if (place === interceptors.length) return next(context);
    const rest: CallHandler = { handle: () => deferred(() => enter(place + 1, context)) };
    const answer: unknown = interceptors[place]!.intercept(context, rest);
    return isThenable(answer) ? Promise.resolve(answer).then(toStream) : toStream(answer);
  };
  return (context) => followToEnd(enter(0, context), context.jobForHandler());
}

/** Asks the guards one after the other. The step throws a ForbiddenException at the first that says no. */
export function guardStep(guards: readonly CanActivate[], next: Step): Step {
  if (guards.length === 0) return next;
  return (context) => {
    for (let place = 0; place < guards.length; place++) {
      const answer: unknown = guards[place]!.canActivate(context);
      if (answer === true) continue;
      if (isThenable(answer) || isStream(answer)) return askLater(guards, place + 1, answer, context).then(() => next(context));
      if (!answer) throw new ForbiddenException(FORBIDDEN_MESSAGE);
    }
    context.passGuards();
    return next(context);
  };
}

async function askLater(guards: readonly CanActivate[], from: number, pending: unknown, context: JobExecutionContext): Promise<void> {
  if (!(await isAllowed(pending))) throw new ForbiddenException(FORBIDDEN_MESSAGE);
  for (let place = from; place < guards.length; place++) {
    const answer: unknown = guards[place]!.canActivate(context);
    if (answer !== true && !(await isAllowed(answer))) throw new ForbiddenException(FORBIDDEN_MESSAGE);
  }
  context.passGuards();
}

// A stream that ends without a value has not said yes: lastValueFrom() rejects, and the job does not run.
async function isAllowed(answer: unknown): Promise<unknown> {
  const value = await answer;
  return isStream(value) ? lastValueFrom(value) : value;
}

/** `app.registerPreRequestHook()`: the outermost layer under the filters. */
export function hookStep(hooks: readonly PreRequestHook[], next: Step): Step {
  if (hooks.length === 0) return next;
  const enter = (place: number, context: JobExecutionContext): Observable<unknown> =>
    place === hooks.length ? deferred(() => next(context)) : hooks[place]!(context, () => enter(place + 1, context));
  return (context) => followToEnd(enter(0, context), context.jobForHandler());
}

/**
 * One filter answers for an error: the first whose `@Catch()` names it. What it returns is the result of the handler, an error it throws
 * takes the place of the first; a plain filter that returns nothing has not handled the error, an async one has.
 */
export function filterStep(filters: readonly BoundFilter[], next: Step): Step {
  if (filters.length === 0) return next;
  const handle = (error: unknown, context: JobExecutionContext): unknown => {
    const bound = filters.find(({ catches }) => catches.length === 0 || catches.some((type) => error instanceof type));
    const answer: unknown = bound?.filter.catch(error, context.original());
    if (answer === undefined) throw error;
    return followToEnd(answer, context.jobForHandler());
  };
  return (context) => {
    let result: unknown;
    try {
      result = next(context);
    } catch (error) {
      return handle(error, context);
    }
    return result instanceof Promise ? result.then(undefined, (error: unknown) => handle(error, context)) : result;
  };
}
