import { Catch, Controller, Inject, Injectable, ParseIntPipe, Scope, UseFilters, UseGuards, UseInterceptors } from '@nestjs/common';
import type { CanActivate, ExceptionFilter, ExecutionContext } from '@nestjs/common';
import { APP_GUARD, REQUEST } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { Observable, of } from 'rxjs';
import { BrokenError, around, decorated, fails, filterOf, pipe, FORBIDDEN } from './building-blocks.js';
import type { Row } from './building-blocks.js';
import { TestJob } from '../support/both-ways.js';

export const scopes: Row[] = [
  [
    'gets a fresh instance with its job as REQUEST when the class is request-scoped',
    (log) => {
      let made = 0;
      @Injectable({ scope: Scope.REQUEST })
      class Handlers {
        readonly number = ++made;

        constructor(@Inject(REQUEST) private readonly request: TestJob) {}

        handle(@Payload() payload: unknown, @Ctx() job: TestJob): unknown {
          log(`${this.number} ${this.request.id} ${this.request === job} ${String(payload)}`);
          return this.number;
        }
      }
      return { handler: Handlers, payload: 'p', runs: 2 };
    },
    { kind: 'nest', value: 2, log: ['1 job-1 true p', '2 job-2 true p'] },
  ],
  [
    'gets a fresh instance when a dependency of a controller is request-scoped',
    (log) => {
      @Injectable({ scope: Scope.REQUEST })
      class Dependency {
        constructor(@Inject(REQUEST) readonly job: TestJob) {}
      }
      @Controller()
      class Handlers {
        constructor(private readonly dependency: Dependency) {}

        handle(): void {
          log(this.dependency.job.id);
        }
      }
      const Shared = { module: class Shared {}, providers: [Dependency], exports: [Dependency] };
      return { handler: Handlers, isController: true, module: { imports: [Shared] }, runs: 2 };
    },
    { kind: 'nest', value: undefined, log: ['job-1', 'job-2'] },
  ],
  [
    'runs guard, interceptor, pipe and filter of a request-scoped controller',
    (log) => {
      @Injectable()
      class LocalGuard implements CanActivate {
        canActivate(context: ExecutionContext): boolean {
          log(`guard ${context.getType()} ${context.getClass().name}`);
          return true;
        }
      }
      @Controller({ scope: Scope.REQUEST })
      @UseGuards(LocalGuard)
      @UseInterceptors(around(log, 'a'))
      class Handlers {
        @UseFilters(filterOf([BrokenError], () => (log('filter'), 'caught')))
        handle(@Payload('n', ParseIntPipe, pipe(log, 'p')) n: number): unknown {
          log(`handler ${n}`);
          throw new BrokenError('broken');
        }
      }
      return { handler: Handlers, isController: true, payload: { n: '7' } };
    },
    { kind: 'nest', value: 'caught', log: ['guard rpc Handlers', 'before a', 'pipe p', 'handler 7', 'filter'] },
  ],
  [
    'makes a request-scoped guard of a provider per job',
    (log) => {
      @Injectable({ scope: Scope.REQUEST })
      class LocalGuard implements CanActivate {
        constructor(@Inject(REQUEST) private readonly job: TestJob) {}

        canActivate(): boolean {
          log(`guard ${this.job.id}`);
          return this.job.id === 'job-1';
        }
      }
      @Injectable()
      class Handlers {
        @UseGuards(LocalGuard)
        handle(): void {
          log('handler');
        }
      }
      return { handler: Handlers, runs: 2 };
    },
    { kind: 'nest', error: FORBIDDEN, log: ['guard job-1', 'handler', 'guard job-2'] },
  ],
  [
    'makes a request-scoped filter per job',
    (log) => {
      @Catch()
      @Injectable({ scope: Scope.REQUEST })
      class Filter implements ExceptionFilter {
        constructor(@Inject(REQUEST) private readonly job: TestJob) {}

        catch(): unknown {
          return of(`caught ${this.job.id}`);
        }
      }
      return decorated([UseFilters(Filter)], fails(log));
    },
    { kind: 'nest', value: 'caught job-1', log: ['handler'] },
  ],
  [
    'makes a request-scoped APP_GUARD per job of a controller',
    (log) => {
      @Injectable({ scope: Scope.REQUEST })
      class GlobalGuard implements CanActivate {
        constructor(@Inject(REQUEST) private readonly job: TestJob) {}

        canActivate(): boolean {
          log(`guard ${this.job.id}`);
          return true;
        }
      }
      @Controller()
      class Handlers {
        handle(): string {
          return 'handled';
        }
      }
      return { handler: Handlers, isController: true, module: { providers: [{ provide: APP_GUARD, useClass: GlobalGuard }] }, runs: 2 };
    },
    { kind: 'nest', value: 'handled', log: ['guard job-1', 'guard job-2'] },
  ],
  [
    'ends with the last value of a stream of a request-scoped handler',
    () => {
      @Injectable({ scope: Scope.REQUEST })
      class Handlers {
        handle(): Observable<number> {
          return of(1, 2);
        }
      }
      return { handler: Handlers };
    },
    { kind: 'nest', value: 2 },
  ],
  [
    'fails with the original error of a request-scoped handler',
    () => {
      @Injectable({ scope: Scope.REQUEST })
      class Handlers {
        handle(): void {
          throw new BrokenError('scoped');
        }
      }
      return { handler: Handlers };
    },
    { kind: 'nest', error: 'BrokenError: scoped' },
  ],
  [
    'fails when the instance cannot be made',
    () => {
      @Injectable({ scope: Scope.REQUEST })
      class Handlers {
        constructor() {
          throw new BrokenError('constructor');
        }

        handle(): void {}
      }
      return { handler: Handlers };
    },
    { kind: 'nest', error: 'BrokenError: constructor' },
  ],
  [
    'gets a fresh instance when the class is transient',
    (log) => {
      let made = 0;
      @Injectable({ scope: Scope.TRANSIENT })
      class Handlers {
        readonly number = ++made;

        handle(): void {
          log(`${this.number}`);
        }
      }
      return { handler: Handlers, runs: 2 };
    },
    { kind: 'nest', value: undefined, log: ['1', '2'] },
  ],
  [
    'keeps one transient guard per handler',
    (log) => {
      @Injectable({ scope: Scope.TRANSIENT })
      class LocalGuard implements CanActivate {
        #asked = 0;

        canActivate(): boolean {
          log(`asked ${++this.#asked}`);
          return true;
        }
      }
      @Controller()
      class Handlers {
        @UseGuards(LocalGuard)
        handle(): void {}
      }
      return { handler: Handlers, isController: true, runs: 2 };
    },
    { kind: 'nest', value: undefined, log: ['asked 1', 'asked 2'] },
  ],
  [
    'runs directly when only a dependency is transient',
    () => {
      @Injectable({ scope: Scope.TRANSIENT })
      class Dependency {
        readonly text = 'made';
      }
      @Injectable()
      class Handlers {
        constructor(private readonly dependency: Dependency) {}

        handle(): string {
          return this.dependency.text;
        }
      }
      return { handler: Handlers, module: { imports: [{ module: class Shared {}, providers: [Dependency], exports: [Dependency] }] } };
    },
    { kind: 'direct', value: 'made' },
  ],
];
