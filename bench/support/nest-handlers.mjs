// One Nest application with handlers of every kind, for our own chain and for Nest's caller alike.
import 'reflect-metadata';
import { Module, UseGuards, UseInterceptors } from '@nestjs/common';
import { ExternalContextCreator, ModulesContainer, NestFactory } from '@nestjs/core';
import { JobCtx, JobHandler, JobPayload, JobsModule } from 'nestjs-roadrunner';
import { map } from 'rxjs';
import { Countdown } from './drain.mjs';
import { MEMORY, QUEUE } from './kernel.mjs';

export const JOB = 'echo';

/**
 * What stands at a handler.
 *
 * `context`: the job alone. `payload`: the decoded payload and the job. `pipe`: the payload through a pipe. `guard`: that and a guard.
 * `interceptor`: the payload and one interceptor. `all`: guard, pipe and interceptor. `bare`: no decorated parameter.
 *
 * @typedef {'bare' | 'context' | 'payload' | 'pipe' | 'guard' | 'interceptor' | 'all'} Equipment
 */

/**
 * @param {number} index
 * @param {ParameterDecorator} decorator
 * @returns {MethodDecorator}
 */
const at = (index, decorator) => (target, key) => decorator(target, key, index);

const guard = { canActivate: () => true };
const pipe = { transform: (/** @type {unknown} */ value) => value };
/** @type {import('@nestjs/common').NestInterceptor} */
const interceptor = { intercept: (_context, next) => next.handle().pipe(map((value) => value)) };

/** @type {Record<Equipment, readonly MethodDecorator[]>} */
const DECORATORS = {
  bare: [],
  context: [at(0, JobCtx())],
  payload: [at(1, JobCtx()), at(0, JobPayload())],
  pipe: [at(0, JobPayload(pipe))],
  guard: [at(0, JobPayload(pipe)), UseGuards(guard)],
  interceptor: [at(0, JobPayload()), UseInterceptors(interceptor)],
  all: [at(0, JobPayload(pipe)), UseGuards(guard), UseInterceptors(interceptor)],
};

/**
 * @param {Equipment} equipment
 * @param {{ isAsync?: boolean, options?: import('nestjs-roadrunner').JobsModuleOptions }} [settings]
 */
export async function openApplication(equipment, { isAsync = true, options = {} } = {}) {
  const countdown = new Countdown();
  const Handlers = handlersOf(equipment, countdown, isAsync);
  class App {}
  Module({ imports: [JobsModule.forRoot({ pipelines: { [QUEUE]: MEMORY }, consume: [], ...options })], providers: [Handlers] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  return { app, countdown, Handlers, instance: app.get(Handlers) };
}

/**
 * The handler as Nest itself would call it: `ExternalContextCreator` with everything that stands at the method.
 *
 * @param {Awaited<ReturnType<typeof openApplication>>} opened
 * @returns {(payload: unknown, context: unknown) => Promise<unknown>}
 */
export function callerOfNest({ app, instance }) {
  const creator = app.get(ExternalContextCreator);
  const PAYLOAD_TYPE = 3;
  const parameters = {
    exchangeKeyForValue: (/** @type {number} */ type, /** @type {unknown} */ _data, /** @type {unknown[]} */ args) =>
      args[type === PAYLOAD_TYPE ? 0 : 1],
  };
  const enhancers = { guards: true, interceptors: true, filters: true };
  return creator.create(instance, instance.handle, 'handle', '__routeArguments__', parameters, undefined, undefined, enhancers, 'rpc');
}

/**
 * The same handler through the chain of the library, without the kernel around it.
 *
 * @param {Awaited<ReturnType<typeof openApplication>>} opened
 */
export async function callerOfLibrary({ app, instance, Handlers }) {
  const { ApplicationConfig, ModuleRef } = await import('@nestjs/core');
  const { HandlerCompiler } = await import('../../dist/nest/handler-chain.js');
  const modules = app.get(ModulesContainer);
  const compiler = new HandlerCompiler(app.get(ExternalContextCreator), app.get(ApplicationConfig), app.get(ModuleRef), modules);
  for (const [moduleKey, module] of modules) {
    const wrapper = module.providers.get(Handlers);
    if (wrapper === undefined) continue;
    const compiled = compiler.compile({ instance, methodName: 'handle', metatype: Handlers, wrapper, moduleKey, isController: false });
    return (/** @type {unknown} */ payload, /** @type {object} */ context) => compiled(() => payload, context);
  }
  throw new Error('The module of the handlers was not found.');
}

/**
 * @param {Equipment} equipment
 * @param {Countdown} countdown
 * @param {boolean} isAsync
 */
function handlersOf(equipment, countdown, isAsync) {
  /** @typedef {{ to: string }} Mail */
  class Handlers {
    /** @type {(...args: any[]) => unknown} */
    handle() {
      return undefined;
    }
  }
  const work =
    equipment === 'context'
      ? (/** @type {import('nestjs-roadrunner').JobContext} */ context) => countdown.handled(context.text().length)
      : equipment === 'bare'
        ? () => countdown.handled(1)
        : (/** @type {Mail} */ mail) => countdown.handled(mail.to.length);
  const value = isAsync ? async (/** @type {any} */ first) => work(first) : work;
  Object.defineProperty(Handlers.prototype, 'handle', { value, writable: true, configurable: true });
  const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(Handlers.prototype, 'handle'));
  for (const decorate of DECORATORS[equipment]) decorate(Handlers.prototype, 'handle', descriptor);
  JobHandler(JOB, { queue: QUEUE })(Handlers.prototype, 'handle', descriptor);
  return Handlers;
}
