// Handlers of a Nest application in the drain: our compiled chains, and Nest's own caller around the same kernel.
import 'reflect-metadata';
import { Module, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { JobHandler, JobsModule, JobsService } from 'nestjs-roadrunner';
import { Countdown, measureDrain, PAYLOAD } from '../support/drain.mjs';
import { drainOf, MEMORY, openDrain, QUEUE } from '../support/kernel.mjs';

const PARAMETERS = '__routeArguments__';
const NOTHING = { guards: [], pipes: [], interceptors: [] };
const guard = { canActivate: () => true };
const pipe = { transform: (/** @type {unknown} */ value) => value };
const interceptor = { intercept: (/** @type {unknown} */ _context, /** @type {import('@nestjs/common').CallHandler} */ next) => next.handle() };

const ENHANCERS = {
  plain: NOTHING,
  'one pipe': { ...NOTHING, pipes: [pipe] },
  'one guard, one pipe': { ...NOTHING, guards: [guard], pipes: [pipe] },
  'one interceptor': { ...NOTHING, interceptors: [interceptor] },
};

export const rows = Object.fromEntries(
  Object.entries(ENHANCERS).flatMap(([name, enhancers]) => [
    [`library, ${name}`, async () => measureDrain(await openLibrary(enhancers))],
    [`Nest caller, ${name}`, async () => measureDrain(await openNestCaller(enhancers))],
  ]),
);

/** @typedef {{ guards: object[], pipes: object[], interceptors: object[] }} Enhancers */

/**
 * A class with one handler of payload and context.
 *
 * @param {Countdown} countdown
 * @param {Enhancers} enhancers
 */
function handlersOf(countdown, { guards, pipes, interceptors }) {
  class Handlers {
    /** @param {{ body: string }} mail */
    async echo(mail) {
      countdown.handled(mail.body.length);
    }
  }
  const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(Handlers.prototype, 'echo'));
  const decorate = (/** @type {MethodDecorator} */ decorator) => decorator(Handlers.prototype, 'echo', descriptor);
  Payload()(Handlers.prototype, 'echo', 0);
  Ctx()(Handlers.prototype, 'echo', 1);
  if (guards.length > 0) decorate(UseGuards(...guards));
  if (pipes.length > 0) decorate(UsePipes(...pipes));
  if (interceptors.length > 0) decorate(UseInterceptors(...interceptors));
  return { Handlers, decorate };
}

/** @param {Enhancers} enhancers */
async function openLibrary(enhancers) {
  const countdown = new Countdown();
  const { Handlers, decorate } = handlersOf(countdown, enhancers);
  decorate(/** @type {MethodDecorator} */ (JobHandler('echo', { queue: QUEUE })));
  class App {}
  const jobs = { pipelines: { [QUEUE]: MEMORY }, pipelineSize: MEMORY.maxJobs, consume: [] };
  Module({ imports: [JobsModule.forRoot(jobs)], providers: [Handlers] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const service = app.get(JobsService);
  const queue = service.queue(QUEUE);
  return drainOf({ kernel: service, countdown }, () => void queue.push('echo', PAYLOAD));
}

/** @param {Enhancers} enhancers */
async function openNestCaller(enhancers) {
  const { Handlers } = handlersOf(new Countdown(), NOTHING);
  class App {}
  Module({ providers: [Handlers] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const creator = app.get(ExternalContextCreator);
  return openDrain((countdown) => {
    const { Handlers: Counting } = handlersOf(countdown, enhancers);
    const instance = new Counting();
    const parameters = {
      exchangeKeyForValue: (/** @type {number} */ type, /** @type {unknown} */ _data, /** @type {unknown[]} */ args) => args[type === 3 ? 0 : 1],
    };
    const caller = creator.create(instance, instance.echo, 'echo', PARAMETERS, parameters, undefined, undefined, undefined, 'rpc');
    return (context) => caller(context.value(), context);
  });
}
