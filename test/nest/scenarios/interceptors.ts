import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import {
  catchError,
  concat,
  finalize,
  forkJoin,
  from,
  map,
  merge,
  mergeMap,
  NEVER,
  of,
  retry,
  tap,
  throwError,
  timeout,
  TimeoutError,
  toArray,
} from 'rxjs';
import { BrokenError, VeryBrokenError, around, decorated, done, fails, filterOf, guard, intercept, pipe } from './building-blocks.js';
import type { Row } from './building-blocks.js';

export const interceptors: Row[] = [
  [
    'runs inside an interceptor',
    (log) => decorated([UseInterceptors(around(log, 'a'))], done(log)),
    { kind: 'chain', value: 'done', log: ['before a', 'handler', 'after a'] },
  ],
  [
    'runs inside an interceptor when it is async',
    (log) => decorated([UseInterceptors(around(log, 'a'))], async () => done(log)()),
    {
      kind: 'chain',
      value: 'done',
      log: ['before a', 'handler', 'after a'],
    },
  ],
  [
    'nests global, class and method interceptors',
    (log) => {
      @Injectable()
      @UseInterceptors(around(log, 'class'))
      class Handlers {
        @UseInterceptors(around(log, 'method 1'), around(log, 'method 2'))
        handle(): void {
          log('handler');
        }
      }
      return {
        handler: Handlers,
        module: { providers: [{ provide: APP_INTERCEPTOR, useValue: around(log, 'app') }] },
        configure: (config) => config.useGlobalInterceptors(around(log, 'main')),
      };
    },
    {
      kind: 'chain',
      value: undefined,
      log: [
        ...['before app', 'before main', 'before class', 'before method 1', 'before method 2', 'handler'],
        ...['after method 2', 'after method 1', 'after class', 'after main', 'after app'],
      ],
    },
  ],
  [
    'ends with what an interceptor makes of the value',
    () => decorated([UseInterceptors(intercept((next) => next.handle().pipe(map((value) => [value]))))], () => 'v'),
    {
      kind: 'chain',
      value: ['v'],
    },
  ],
  [
    'ends well when an interceptor catches the error',
    (log) => decorated([UseInterceptors(intercept((next) => next.handle().pipe(catchError(() => of('caught')))))], fails(log)),
    {
      kind: 'chain',
      value: 'caught',
      log: ['handler'],
    },
  ],
  [
    'fails with the error that an interceptor puts in its place',
    (log) =>
      decorated(
        [UseInterceptors(intercept((next) => next.handle().pipe(catchError(() => throwError(() => new VeryBrokenError('other'))))))],
        async () => fails(log)(),
      ),
    { kind: 'chain', error: 'VeryBrokenError: other', log: ['handler'] },
  ],
  [
    'runs again, pipes included, for every subscription of retry()',
    (log) => {
      let calls = 0;
      return decorated(
        [UseInterceptors(intercept((next) => next.handle().pipe(retry(2)))), UsePipes(pipe(log, 'a')), UseGuards(guard(log, 'g'))],
        () => {
          log('handler');
          if (++calls < 3) throw new BrokenError('broken');
          return calls;
        },
      );
    },
    { kind: 'chain', value: 3, log: ['guard g', 'pipe a', 'handler', 'pipe a', 'handler', 'pipe a', 'handler'] },
  ],
  [
    'fails when retry() gives up',
    (log) => decorated([UseInterceptors(intercept((next) => next.handle().pipe(retry(1))))], async () => fails(log)()),
    {
      kind: 'chain',
      error: 'BrokenError: broken',
      log: ['handler', 'handler'],
    },
  ],
  [
    'runs the inner interceptors again for retry()',
    (log) => {
      let calls = 0;
      const inner = intercept((next) => (log('inner'), next.handle()));
      return decorated(
        [
          UseInterceptors(
            intercept((next) => next.handle().pipe(retry(1))),
            inner,
          ),
        ],
        () => {
          if (++calls < 2) throw new BrokenError('broken');
          return calls;
        },
      );
    },
    { kind: 'chain', value: 2, log: ['inner', 'inner'] },
  ],
  [
    'runs twice for two subscriptions at once',
    (log) => decorated([UseInterceptors(intercept((next) => forkJoin([next.handle(), next.handle()])))], done(log, 1)),
    {
      kind: 'chain',
      value: [1, 1],
      log: ['handler', 'handler'],
    },
  ],
  [
    'runs once for each of two subscriptions when the second comes during the first run',
    (log) => {
      const twice = intercept((next) => {
        const rest = next.handle();
        return forkJoin([rest, from(new Promise((resolve) => setImmediate(resolve))).pipe(mergeMap(() => rest))]);
      });
      return decorated([UseInterceptors(twice)], () => {
        log('handler');
        return new Promise((resolve) => setTimeout(resolve, 10, 'v'));
      });
    },
    { kind: 'chain', value: ['v', 'v'], log: ['handler', 'handler'] },
  ],
  [
    'runs twice for two subscriptions of one handle()',
    (log) =>
      decorated(
        [
          UseInterceptors(
            intercept((next) => {
              const rest = next.handle();
              return concat(rest, rest).pipe(toArray());
            }),
          ),
        ],
        done(log, 1),
      ),
    { kind: 'chain', value: [1, 1], log: ['handler', 'handler'] },
  ],
  [
    'fails in time with timeout()',
    (log) =>
      decorated(
        [
          UseInterceptors(
            intercept((next) =>
              next.handle().pipe(
                timeout(5),
                catchError((error) => throwError(() => (log(String(error instanceof TimeoutError)), new BrokenError('late')))),
              ),
            ),
          ),
        ],
        () => NEVER,
      ),
    { kind: 'chain', error: 'BrokenError: late', log: ['true'] },
  ],
  [
    'does not run when an interceptor answers itself',
    (log) => decorated([UseInterceptors(intercept(() => of('cached')))], done(log)),
    { kind: 'chain', value: 'cached', log: [] },
  ],
  [
    'does not run when a second interceptor answers itself',
    (log) =>
      decorated(
        [
          UseInterceptors(
            around(log, 'a'),
            intercept(() => of('cached')),
          ),
        ],
        done(log),
      ),
    {
      kind: 'chain',
      value: 'cached',
      log: ['before a', 'after a'],
    },
  ],
  [
    'does not run when nobody subscribes to handle()',
    (log) => decorated([UseInterceptors(intercept((next) => (next.handle(), of('cached'))))], done(log)),
    {
      kind: 'chain',
      value: 'cached',
      log: [],
    },
  ],
  [
    'does not run when the subscription ends at once',
    (log) =>
      decorated(
        [
          UseInterceptors(
            intercept((next) => {
              next.handle().subscribe().unsubscribe();
              return new Promise((resolve) => setImmediate(resolve, of('gone')));
            }),
          ),
        ],
        done(log),
      ),
    { kind: 'chain', value: 'gone', log: [] },
  ],
  [
    'fails when an interceptor throws',
    (log) => decorated([UseInterceptors(around(log, 'a'), intercept(fails(log)))], done(log)),
    {
      kind: 'chain',
      error: 'BrokenError: broken',
      log: ['before a', 'handler'],
    },
  ],
  [
    'lets an outer interceptor catch what an inner one throws',
    (log) =>
      decorated(
        [
          UseInterceptors(
            intercept((next) => next.handle().pipe(catchError(() => of('caught')))),
            intercept(fails(log)),
          ),
        ],
        done(log),
      ),
    {
      kind: 'chain',
      value: 'caught',
      log: ['handler'],
    },
  ],
  [
    'awaits an async interceptor',
    (log) => decorated([UseInterceptors(intercept(async (next) => (await Promise.resolve(), next.handle().pipe(map(() => 'mapped')))))], done(log)),
    {
      kind: 'chain',
      value: 'mapped',
      log: ['handler'],
    },
  ],
  [
    'awaits an inner async interceptor',
    (log) =>
      decorated(
        [
          UseInterceptors(
            around(log, 'a'),
            intercept(async (next) => (await Promise.resolve(), next.handle())),
          ),
        ],
        done(log),
      ),
    {
      kind: 'chain',
      value: 'done',
      log: ['before a', 'handler', 'after a'],
    },
  ],
  [
    'fails with the rejection of an async interceptor',
    (log) => decorated([UseInterceptors(intercept(async () => Promise.reject(new BrokenError('interceptor'))))], done(log)),
    {
      kind: 'chain',
      error: 'BrokenError: interceptor',
      log: [],
    },
  ],
  [
    'shows an interceptor every value of a stream',
    () => decorated([UseInterceptors(intercept((next) => next.handle().pipe(toArray())))], () => of(1, 2, 3)),
    {
      kind: 'chain',
      value: [1, 2, 3],
    },
  ],
  [
    'shows an interceptor every value of a promised stream',
    () => decorated([UseInterceptors(intercept((next) => next.handle().pipe(toArray())))], async () => of(1, 2, 3)),
    {
      kind: 'chain',
      value: [1, 2, 3],
    },
  ],
  [
    'ends the stream of the handler when the interceptor has enough',
    (log) =>
      decorated(
        [
          UseInterceptors(
            intercept((next) =>
              next.handle().pipe(
                timeout(5),
                catchError(() => of('enough')),
              ),
            ),
          ),
        ],
        () => NEVER.pipe(finalize(() => log('ended'))),
      ),
    { kind: 'chain', value: 'enough', log: ['ended'] },
  ],
  [
    'ends with the inner stream of mergeMap()',
    () => decorated([UseInterceptors(intercept((next) => next.handle().pipe(mergeMap((value) => of(value, 'more')))))], () => 'v'),
    {
      kind: 'chain',
      value: 'more',
    },
  ],
  [
    'comes after what an interceptor has at once',
    () => decorated([UseInterceptors(intercept((next) => merge(next.handle(), of('at once')).pipe(toArray())))], () => 'handled'),
    { kind: 'chain', value: ['at once', 'handled'] },
  ],
  [
    'starts after the interceptor has gone on',
    (log) =>
      decorated(
        [
          UseInterceptors(
            intercept((next) => {
              const ended = new Promise((resolve) => next.handle().subscribe({ complete: () => resolve(of('own')) }));
              log('subscribed');
              return ended;
            }),
          ),
        ],
        done(log),
      ),
    { kind: 'chain', value: 'own', log: ['subscribed', 'handler'] },
  ],
  [
    'takes an array of an interceptor for a stream',
    (log) => decorated([UseInterceptors(intercept(() => ['one', 'two']))], done(log)),
    { kind: 'chain', value: 'two', log: [] },
  ],
  [
    'fails when an interceptor returns no stream',
    (log) => decorated([UseInterceptors(intercept(() => undefined))], done(log)),
    {
      kind: 'chain',
      error:
        `TypeError: You provided 'undefined' where a stream was expected. ` +
        'You can provide an Observable, Promise, ReadableStream, Array, AsyncIterable, or Iterable.',
      log: [],
    },
  ],
  [
    'calls handle() taken from its object',
    (log) => decorated([UseInterceptors(intercept(({ handle }) => handle()))], done(log)),
    { kind: 'chain', value: 'done', log: ['handler'] },
  ],
  [
    'runs guard, interceptor, pipe, handler in this order and filters last',
    (log) =>
      decorated(
        [
          UseFilters(filterOf([], () => (log('filter'), 'caught'))),
          UseGuards(guard(log, 'g')),
          UsePipes(pipe(log, 'p')),
          UseInterceptors(intercept((next) => (log('before'), next.handle().pipe(tap({ error: () => log('error') }))))),
        ],
        fails(log),
      ),
    { kind: 'chain', value: 'caught', log: ['guard g', 'before', 'pipe p', 'handler', 'error', 'filter'] },
  ],
  [
    'does not show the handler what an interceptor puts into the arguments',
    () => decorated([UseInterceptors(intercept((next, context) => ((context.getArgs()[0] = 'changed'), next.handle())))], (payload) => payload),
    { kind: 'chain', value: { to: 'a', n: '7' } },
  ],
  [
    'does not show it after a guard has looked at the arguments either',
    () =>
      decorated(
        [
          UseGuards({ canActivate: (context: ExecutionContext) => context.getArgs().length === 2 }),
          UseInterceptors(intercept((next, context) => ((context.getArgs()[0] = 'changed'), next.handle()))),
        ],
        (payload) => payload,
      ),
    { kind: 'chain', value: { to: 'a', n: '7' } },
  ],
  [
    'reaches the handler with the store of als.run(() => next.handle())',
    (log) => {
      const als = new AsyncLocalStorage<string>();
      const outer = intercept((next) => als.run('stored', () => next.handle()));
      const inner = intercept((next) => (log(`inner ${als.getStore()}`), next.handle()));
      return decorated([UseInterceptors(outer, inner), UsePipes(pipe(log, 'p', async (value) => (log(`pipe ${als.getStore()}`), value)))], () =>
        als.getStore(),
      );
    },
    { kind: 'chain', value: 'stored', log: ['inner stored', 'pipe p', 'pipe stored'] },
  ],
  [
    'reaches the handler with that store when the subscription comes later',
    () => {
      const als = new AsyncLocalStorage<string>();
      const outer = intercept(async (next) => {
        const rest = als.run('stored', () => next.handle());
        await new Promise((resolve) => setImmediate(resolve));
        return rest;
      });
      return decorated([UseInterceptors(outer)], async () => als.getStore());
    },
    { kind: 'chain', value: 'stored' },
  ],
  [
    'keeps that store when retry() runs the handler again',
    (log) => {
      const als = new AsyncLocalStorage<string>();
      let calls = 0;
      return decorated([UseInterceptors(intercept((next) => als.run('stored', () => next.handle().pipe(retry(1)))))], async () => {
        log(String(als.getStore()));
        if (++calls === 1) throw new BrokenError('broken');
        return calls;
      });
    },
    { kind: 'chain', value: 2, log: ['stored', 'stored'] },
  ],
];
