import { Controller, Injectable, SetMetadata, UseGuards } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { EMPTY, of } from 'rxjs';
import { BrokenError, decorated, done, fails, guard, FORBIDDEN } from './building-blocks.js';
import type { Row } from './building-blocks.js';

export const guards: Row[] = [
  [
    'runs after a guard that says yes',
    (log) => decorated([UseGuards(guard(log, 'a'))], done(log)),
    { kind: 'chain', value: 'done', log: ['guard a', 'handler'] },
  ],
  [
    'does not run after a guard that says no',
    (log) => decorated([UseGuards(guard(log, 'a', false))], done(log)),
    { kind: 'chain', error: FORBIDDEN, log: ['guard a'] },
  ],
  [
    'takes a number or a text for yes',
    (log) => decorated([UseGuards(guard(log, 'a', 1), guard(log, 'b', 'yes'))], done(log)),
    {
      kind: 'chain',
      value: 'done',
      log: ['guard a', 'guard b', 'handler'],
    },
  ],
  [
    'takes nothing for no',
    (log) => decorated([UseGuards({ canActivate: () => undefined as unknown as boolean })], done(log)),
    { kind: 'chain', error: FORBIDDEN, log: [] },
  ],
  [
    'awaits an async guard',
    (log) => decorated([UseGuards(guard(log, 'a', Promise.resolve(true)), guard(log, 'b'))], done(log)),
    {
      kind: 'chain',
      value: 'done',
      log: ['guard a', 'guard b', 'handler'],
    },
  ],
  [
    'does not run after an async guard that says no',
    (log) => decorated([UseGuards(guard(log, 'a', Promise.resolve(false)), guard(log, 'b'))], done(log)),
    {
      kind: 'chain',
      error: FORBIDDEN,
      log: ['guard a'],
    },
  ],
  [
    'does not run after a second async guard that says no',
    (log) => decorated([UseGuards(guard(log, 'a', Promise.resolve(true)), guard(log, 'b', Promise.resolve(0)))], done(log)),
    {
      kind: 'chain',
      error: FORBIDDEN,
      log: ['guard a', 'guard b'],
    },
  ],
  [
    'does not run after a second async guard whose stream says no',
    (log) => decorated([UseGuards(guard(log, 'a', Promise.resolve(true)), guard(log, 'b', of(false)))], done(log)),
    { kind: 'chain', error: FORBIDDEN, log: ['guard a', 'guard b'] },
  ],
  [
    'takes the last value of a stream of a guard',
    (log) => decorated([UseGuards(guard(log, 'a', of(false, true)))], done(log)),
    {
      kind: 'chain',
      value: 'done',
      log: ['guard a', 'handler'],
    },
  ],
  [
    'does not run after a stream of a guard that says no',
    (log) => decorated([UseGuards(guard(log, 'a', of(true, false)))], done(log)),
    {
      kind: 'chain',
      error: FORBIDDEN,
      log: ['guard a'],
    },
  ],
  [
    'takes a promise of a stream of a guard',
    (log) => decorated([UseGuards(guard(log, 'a', Promise.resolve(of(true))))], done(log)),
    {
      kind: 'chain',
      value: 'done',
      log: ['guard a', 'handler'],
    },
  ],
  [
    'does not run when the stream of a guard is empty',
    (log) => decorated([UseGuards(guard(log, 'a', EMPTY))], done(log)),
    {
      kind: 'chain',
      error: 'EmptyErrorImpl: no elements in sequence',
      log: ['guard a'],
    },
  ],
  [
    'fails with the error of a guard',
    (log) => decorated([UseGuards({ canActivate: fails(log) as () => boolean })], done(log)),
    {
      kind: 'chain',
      error: 'BrokenError: broken',
      log: ['handler'],
    },
  ],
  [
    'fails with the rejection of a guard',
    (log) => decorated([UseGuards({ canActivate: () => Promise.reject(new BrokenError('guard')) })], done(log)),
    {
      kind: 'chain',
      error: 'BrokenError: guard',
      log: [],
    },
  ],
  [
    'asks global, class and method guards in this order and stops at the first no',
    (log) => {
      @Injectable()
      @UseGuards(guard(log, 'class 1'), guard(log, 'class 2'))
      class Handlers {
        @UseGuards(guard(log, 'method 1', false), guard(log, 'method 2'))
        handle(): void {
          log('handler');
        }
      }
      return {
        handler: Handlers,
        module: { providers: [{ provide: APP_GUARD, useValue: guard(log, 'app') }] },
        configure: (config) => config.useGlobalGuards(guard(log, 'main')),
      };
    },
    { kind: 'chain', error: FORBIDDEN, log: ['guard app', 'guard main', 'guard class 1', 'guard class 2', 'guard method 1'] },
  ],
  [
    'asks the guards of the base class',
    (log) => {
      @UseGuards(guard(log, 'base', false))
      class Base {}
      @Injectable()
      class Handlers extends Base {
        handle(): void {}
      }
      return { handler: Handlers };
    },
    { kind: 'chain', error: FORBIDDEN, log: ['guard base'] },
  ],
  [
    'gives a guard class its dependencies and the metadata of the handler',
    () => {
      @Injectable()
      class RolesGuard implements CanActivate {
        constructor(private readonly reflector: Reflector) {}

        canActivate(context: ExecutionContext): boolean {
          return this.reflector.getAllAndOverride('role', [context.getHandler(), context.getClass()]) === 'method';
        }
      }
      @Injectable()
      @SetMetadata('role', 'class')
      @UseGuards(RolesGuard)
      class Handlers {
        @SetMetadata('role', 'method')
        handle(): string {
          return 'allowed';
        }
      }
      return { handler: Handlers };
    },
    { kind: 'chain', value: 'allowed' },
  ],
  [
    'asks a local guard class of a controller',
    (log) => {
      @Injectable()
      class No implements CanActivate {
        canActivate(): boolean {
          log('guard');
          return false;
        }
      }
      @Controller()
      @UseGuards(No)
      class Handlers {
        handle(): void {
          log('handler');
        }
      }
      return { handler: Handlers, isController: true };
    },
    { kind: 'chain', error: FORBIDDEN, log: ['guard'] },
  ],
  [
    'asks a local guard class of a provider under a token of its own',
    (log) => {
      @Injectable()
      class No implements CanActivate {
        canActivate(): boolean {
          log('guard');
          return false;
        }
      }
      @Injectable()
      class Handlers {
        @UseGuards(No)
        handle(): void {
          log('handler');
        }
      }
      return { handler: Handlers, provider: { provide: 'HANDLERS', useClass: Handlers } };
    },
    { kind: 'chain', error: FORBIDDEN, log: ['guard'] },
  ],
  [
    'hands on what a guard puts into the arguments',
    () =>
      decorated(
        [
          UseGuards({
            canActivate: (context: ExecutionContext) => {
              context.getArgs()[0] = 'from guard';
              return true;
            },
          }),
        ],
        (payload) => payload,
      ),
    { kind: 'chain', value: 'from guard' },
  ],
  [
    'hands on what an async guard puts into the arguments of an undecorated method',
    () => {
      @Injectable()
      class Handlers {
        @UseGuards({
          canActivate: async (context: ExecutionContext) => {
            context.getArgs()[1] = 'from guard';
            return true;
          },
        })
        handle(_payload: unknown, job: unknown): unknown {
          return job;
        }
      }
      return { handler: Handlers };
    },
    { kind: 'chain', value: 'from guard' },
  ],
];
