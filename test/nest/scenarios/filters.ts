import { Catch, ForbiddenException, Injectable, UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import type { ExceptionFilter, ExecutionContext } from '@nestjs/common';
import { APP_FILTER, Reflector } from '@nestjs/core';
import { RpcException } from '@nestjs/microservices';
import { EMPTY, of, throwError } from 'rxjs';
import { BrokenError, VeryBrokenError, decorated, done, fails, filterOf, guard, intercept, pipe } from './building-blocks.js';
import type { Row } from './building-blocks.js';
import { nestMajor, TestJob } from '../support/both-ways.js';

export const filters: Row[] = [
  [
    'ends with what a filter returns',
    (log) => decorated([UseFilters(filterOf([], (error) => `caught ${(error as Error).message}`))], fails(log)),
    {
      kind: 'chain',
      value: 'caught broken',
      log: ['handler'],
    },
  ],
  [
    'ends well when an async filter returns nothing',
    (log) => decorated([UseFilters(filterOf([], async () => undefined))], fails(log)),
    {
      kind: 'chain',
      value: undefined,
      log: ['handler'],
    },
  ],
  [
    'fails with the original error when a plain filter returns nothing',
    (log) => decorated([UseFilters(filterOf([], () => log('filter')))], fails(log)),
    {
      kind: 'chain',
      error: 'BrokenError: broken',
      log: ['handler', 'filter'],
    },
  ],
  [
    'fails with the error that a filter throws',
    (log) => decorated([UseFilters(filterOf([], fails(log, new RpcException('other'))))], fails(log)),
    {
      kind: 'chain',
      error: 'RpcException: other',
      log: ['handler', 'handler'],
    },
  ],
  [
    'fails with the rejection of an async filter',
    (log) => decorated([UseFilters(filterOf([], async () => Promise.reject(new VeryBrokenError('filter'))))], fails(log)),
    {
      kind: 'chain',
      error: 'VeryBrokenError: filter',
      log: ['handler'],
    },
  ],
  [
    'ends with the last value of the stream of a filter',
    (log) => decorated([UseFilters(filterOf([], () => of('one', 'two')))], fails(log)),
    {
      kind: 'chain',
      value: 'two',
      log: ['handler'],
    },
  ],
  [
    'ends with the stream that an async filter brings',
    (log) => decorated([UseFilters(filterOf([], async () => of('one')))], fails(log)),
    {
      kind: 'chain',
      value: 'one',
      log: ['handler'],
    },
  ],
  [
    'ends well when the stream of a filter is empty',
    (log) => decorated([UseFilters(filterOf([], () => EMPTY))], fails(log)),
    {
      kind: 'chain',
      value: undefined,
      log: ['handler'],
    },
  ],
  [
    'fails with the error in the stream of a filter',
    (log) => decorated([UseFilters(filterOf([], (error) => throwError(() => error)))], fails(log)),
    {
      kind: 'chain',
      error: 'BrokenError: broken',
      log: ['handler'],
    },
  ],
  [
    'asks a filter for the errors of its @Catch()',
    (log) => decorated([UseFilters(filterOf([TypeError, BrokenError], () => 'caught'))], fails(log)),
    {
      kind: 'chain',
      value: 'caught',
      log: ['handler'],
    },
  ],
  [
    'asks a filter for subclasses too',
    (log) => decorated([UseFilters(filterOf([BrokenError], () => 'caught'))], fails(log, new VeryBrokenError('worse'))),
    {
      kind: 'chain',
      value: 'caught',
      log: ['handler'],
    },
  ],
  [
    'finds the @Catch() of a filter whose prototype names another class',
    (log) => {
      const filter = filterOf([VeryBrokenError], () => 'caught');
      Object.defineProperty(Object.getPrototypeOf(filter), 'constructor', { value: class Other {} });
      return decorated([UseFilters(filter)], fails(log));
    },
    { kind: 'chain', error: 'BrokenError: broken', log: ['handler'] },
  ],
  [
    'leaves other errors to nobody',
    (log) => decorated([UseFilters(filterOf([VeryBrokenError], () => 'caught'))], fails(log)),
    {
      kind: 'chain',
      error: 'BrokenError: broken',
      log: ['handler'],
    },
  ],
  [
    'asks a filter for rejections',
    (log) => decorated([UseFilters(filterOf([BrokenError], () => 'caught'))], async () => fails(log)()),
    {
      kind: 'chain',
      value: 'caught',
      log: ['handler'],
    },
  ],
  [
    'asks a filter for the error of a stream',
    (log) => decorated([UseFilters(filterOf([BrokenError], () => 'caught'))], () => throwError(() => (log('late'), new BrokenError('x')))),
    {
      kind: 'chain',
      value: 'caught',
      log: ['late'],
    },
  ],
  [
    'asks no filter when all is well',
    (log) => decorated([UseFilters(filterOf([], () => 'caught'))], done(log)),
    { kind: 'chain', value: 'done', log: ['handler'] },
  ],
  [
    'asks a filter when a guard says no',
    (log) => decorated([UseFilters(filterOf([ForbiddenException], () => 'caught')), UseGuards(guard(log, 'a', false))], done(log)),
    {
      kind: 'chain',
      value: 'caught',
      log: ['guard a'],
    },
  ],
  [
    'asks a filter when an async guard says no',
    (log) => decorated([UseFilters(filterOf([ForbiddenException], () => 'caught')), UseGuards(guard(log, 'a', Promise.resolve(false)))], done(log)),
    {
      kind: 'chain',
      value: 'caught',
      log: ['guard a'],
    },
  ],
  [
    'asks a filter when a pipe fails',
    (log) => decorated([UseFilters(filterOf([BrokenError], () => 'caught')), UsePipes(pipe(log, 'a', fails(log)))], done(log)),
    {
      kind: 'chain',
      value: 'caught',
      log: ['pipe a', 'handler'],
    },
  ],
  [
    'asks a filter when an interceptor throws',
    (log) => decorated([UseFilters(filterOf([BrokenError], () => 'caught')), UseInterceptors(intercept(fails(log)))], done(log)),
    {
      kind: 'chain',
      value: 'caught',
      log: ['handler'],
    },
  ],
  [
    'asks the most specific filter only, whatever it does',
    (log) => {
      const naming = (name: string): ExceptionFilter => filterOf([], (error) => (log(name), Promise.reject(error as Error)));
      @Injectable()
      @UseFilters(naming('class'))
      class Handlers {
        @UseFilters(naming('method'))
        handle(): void {
          throw new BrokenError('broken');
        }
      }
      return {
        handler: Handlers,
        module: { providers: [{ provide: APP_FILTER, useValue: naming('app') }] },
        configure: (config) => config.useGlobalFilters(naming('main')),
      };
    },
    { kind: 'chain', error: 'BrokenError: broken', log: ['method'] },
  ],
  [
    'goes to class and global filters for what the others do not name',
    (log) => {
      @Injectable()
      @UseFilters(filterOf([TypeError], () => 'class'))
      class Handlers {
        @UseFilters(filterOf([RangeError], () => 'method'))
        handle(): void {
          log('handler');
          throw new BrokenError('broken');
        }
      }
      return {
        handler: Handlers,
        module: { providers: [{ provide: APP_FILTER, useValue: filterOf([], () => 'app') }] },
        configure: (config) => config.useGlobalFilters(filterOf([SyntaxError], () => 'main')),
      };
    },
    { kind: 'chain', value: 'app', log: ['handler'] },
  ],
  [
    'asks the last one named of several at one place',
    (log) =>
      decorated(
        [
          UseFilters(
            filterOf([], () => 'first'),
            filterOf([], () => 'last'),
          ),
        ],
        fails(log),
      ),
    {
      kind: 'chain',
      value: 'last',
      log: ['handler'],
    },
  ],
  [
    'shows a filter the arguments as they came',
    () =>
      decorated(
        [
          UseFilters(
            filterOf([], (_error, host) => [
              host.getType(),
              host.switchToRpc().getData(),
              host.switchToRpc().getContext<TestJob>().id,
              host.getArgs().length,
            ]),
          ),
          UseGuards({
            canActivate: (context: ExecutionContext) => {
              context.getArgs()[0] = 'from guard';
              return true;
            },
          }),
        ],
        () => Promise.reject(new BrokenError('broken')),
      ),
    { kind: 'chain', value: ['rpc', { to: 'a', n: '7' }, 'job-1', 2] },
  ],
  [
    'gives a filter class its dependencies',
    () => {
      @Catch(BrokenError)
      class Filter implements ExceptionFilter {
        constructor(private readonly reflector: Reflector) {}

        catch(): unknown {
          return this.reflector instanceof Reflector;
        }
      }
      return decorated(
        [UseFilters(Filter)],
        fails(() => {}),
      );
    },
    { kind: 'chain', value: true },
  ],
];

// Nest 11 takes every falsy answer for none.
if (nestMajor >= 12) {
  for (const answer of [null, false, 0, '']) {
    const name = `ends with ${JSON.stringify(answer)} when a filter returns it`;
    filters.push([
      name,
      (log) => decorated([UseFilters(filterOf([], () => answer))], fails(log)),
      { kind: 'chain', value: answer, log: ['handler'] },
    ]);
  }
}
