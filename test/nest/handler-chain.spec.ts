import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { Inject, Injectable, Logger, Scope, SetMetadata, UseFilters, UseGuards, UseInterceptors, UsePipes, ValidationPipe } from '@nestjs/common';
import type { CanActivate, ExecutionContext, PipeTransform } from '@nestjs/common';
import { APP_GUARD, ContextIdFactory, ModuleRef, Reflector, REQUEST } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { catchError, defer, EMPTY, map, Observable, of, tap, timeout } from 'rxjs';
import { JobsConfigError } from '../../lib/contract/errors.js';
import { collectGarbage } from '../support/memory.js';
import { itUnless } from '../support/skipped.js';
import { BrokenError, around, bare, decorated, done, fails, filterOf, guard, intercept, pipe } from './scenarios/building-blocks.js';
import { describeError, nestMajor, openScenario, runByNest, runCompiled, TestJob } from './support/both-ways.js';
import type { BuildScenario, Scenario } from './support/both-ways.js';
import { results } from './scenarios/results.js';
import { parameters } from './scenarios/parameters.js';
import { guards } from './scenarios/guards.js';
import { pipes } from './scenarios/pipes.js';
import { filters } from './scenarios/filters.js';
import { interceptors } from './scenarios/interceptors.js';
import { scopes } from './scenarios/scopes.js';

describe('a compiled handler does what it does in the hands of Nest', () => {
  const groups = { results, parameters, guards, pipes, filters, interceptors, scopes };
  const rows = Object.entries(groups).flatMap(([group, ofGroup]) => ofGroup.map(([name, ...row]) => [`${group}: ${name}`, ...row] as const));

  it.each(rows)('%s', async (_name, build, expected) => {
    const { kind, ...ours } = await runCompiled(build);
    const nests = await runByNest(build);
    expect(ours).toEqual(nests);
    const value = ours.error === undefined ? ours.values.at(-1) : undefined;
    expect({ kind, value, error: ours.error, log: ours.log }).toEqual({
      kind: expected.kind,
      value: expected.value,
      error: expected.error,
      log: expected.log ?? [],
    });
  });

  it('shares a durable instance between the jobs of one tenant', async () => {
    const build: BuildScenario = (log) => {
      let made = 0;
      @Injectable({ scope: Scope.REQUEST, durable: true })
      class Handlers {
        readonly #number = ++made;

        constructor(@Inject(REQUEST) private readonly tenant: { readonly tenant: string }) {}

        handle(@Ctx() job: TestJob): void {
          log(`${job.id} by ${this.#number} of ${this.tenant.tenant}`);
        }
      }
      return { handler: Handlers, runs: 4 };
    };
    const runs = [runCompiled, runByNest].map((run) => async () => {
      applyTenantStrategy();
      return run(build);
    });
    try {
      for (const run of runs) {
        const { log } = await run();
        expect(log).toEqual(['job-1 by 1 of odd', 'job-2 by 2 of even', 'job-3 by 1 of odd', 'job-4 by 2 of even']);
      }
    } finally {
      ContextIdFactory.apply(undefined as never);
    }
  });
});

/** One sub-tree per tenant; jobs tell theirs in a header. */
function applyTenantStrategy(): void {
  const tenants = new Map<string, ReturnType<typeof ContextIdFactory.create>>();
  ContextIdFactory.apply({
    attach: (contextId, request: { readonly headers: Readonly<Record<string, string>> }) => {
      const tenant = request.headers['tenant']!;
      const shared = tenants.get(tenant) ?? ContextIdFactory.create();
      tenants.set(tenant, shared);
      return { resolve: (info) => (info.isTreeDurable ? shared : contextId), payload: { tenant } };
    },
  });
}

/** Compiles the handler of a scenario; the application is closed after the test. */
async function compile(scenario: Scenario) {
  const opened = await openScenario(scenario);
  closers.push(opened.close);
  return opened.compiler.compile(opened.target);
}

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

describe('a compiled handler differs from Nest on purpose', () => {
  const empties: readonly (readonly [string, BuildScenario])[] = [
    ['a handler', () => bare(() => EMPTY)],
    ['a handler behind a guard', (log) => decorated([UseGuards(guard(log, 'a'))], () => EMPTY)],
    ['an interceptor', () => decorated([UseInterceptors(intercept(() => EMPTY))], () => 'v')],
    [
      'a request-scoped handler',
      () => {
        @Injectable({ scope: Scope.REQUEST })
        class Handlers {
          handle(): Observable<never> {
            return EMPTY;
          }
        }
        return { handler: Handlers };
      },
    ],
  ];
  it.each(empties)('ends well when the stream of %s is empty', async (_name, build) => {
    expect((await runByNest(build)).error).toBe('EmptyErrorImpl: no elements in sequence');
    const { values, error } = await runCompiled(build);
    expect({ values: [...values], error }).toEqual({ values: [undefined], error: undefined });
  });

  const failing: readonly (readonly [string, () => Scenario])[] = [
    [
      'compiled',
      () =>
        decorated(
          [UseGuards({ canActivate: () => true })],
          fails(() => {}),
        ),
    ],
    [
      'request-scoped',
      () => {
        @Injectable({ scope: Scope.REQUEST })
        class Handlers {
          handle(): void {
            throw new BrokenError('scoped');
          }
        }
        return { handler: Handlers };
      },
    ],
  ];
  it.each(failing)('leaves it to the kernel to log the error of a %s handler', async (_name, build) => {
    const handle = await compile(build());
    const errors: unknown[] = [];
    Logger.overrideLogger({ log: () => {}, warn: () => {}, error: (message: unknown) => errors.push(message) });
    await expect(async () => handle(() => 'p', new TestJob('job-1'))).rejects.toBeInstanceOf(BrokenError);
    expect(errors).toEqual([]);
  });

  it('starts no pipe of another parameter after an error', async () => {
    const build: BuildScenario = (log) => {
      @Injectable()
      class Handlers {
        handle(
          @Payload(pipe(log, 'a')) a: unknown,
          @Payload(
            'n',
            pipe(
              log,
              'b',
              fails(() => {}),
            ),
          )
          b: unknown,
        ): unknown {
          return [a, b];
        }
      }
      return { handler: Handlers };
    };
    expect(await runByNest(build)).toMatchObject({ error: 'BrokenError: broken', log: ['pipe b', 'pipe a'] });
    expect(await runCompiled(build)).toMatchObject({ error: 'BrokenError: broken', log: ['pipe b'] });
  });

  it('enters an inner interceptor in a microtask after the subscription', async () => {
    const build: BuildScenario = (log) => {
      const outer = intercept((next) => {
        const ended = new Promise((resolve) => next.handle().subscribe({ complete: () => resolve(of('own')) }));
        log('subscribed');
        return ended;
      });
      return decorated(
        [
          UseInterceptors(
            outer,
            intercept((next) => (log('inner'), next.handle())),
          ),
        ],
        done(log),
      );
    };
    expect((await runByNest(build)).log).toEqual(['inner', 'subscribed', 'handler']);
    expect((await runCompiled(build)).log).toEqual(['subscribed', 'inner', 'handler']);
  });

  it('follows a stream of another copy of rxjs, told by its methods', async () => {
    const foreign = {
      pipe: () => foreign,
      subscribe: ({ next, complete }: { next(value: number): void; complete(): void }) => (next(1), next(2), complete()),
    };
    const handle = await compile(bare(() => foreign));
    await expect(handle(() => 'p', new TestJob('job-1'))).resolves.toBe(2);
  });

  it('stops the boot when a bound class has no instance, where Nest runs the handler unguarded', async () => {
    const build: BuildScenario = (log) => {
      @Injectable()
      class AdminGuard implements CanActivate {
        canActivate(): boolean {
          return false;
        }
      }
      class Handlers {
        @UseGuards(AdminGuard)
        handle(): void {
          log('handler');
        }
      }
      return { handler: Handlers, provider: { provide: 'HANDLERS', useFactory: () => new Handlers() } };
    };
    expect((await runByNest(build)).log).toEqual(['handler']);
    const error: unknown = await compile(build(() => {})).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JobsConfigError);
    expect((error as JobsConfigError).issues).toEqual([
      {
        path: 'Handlers.handle',
        message:
          '@UseGuards(AdminGuard) has no instance with a canActivate() method in the module of Handlers. ' +
          'Nest makes instances for the classes listed ' +
          'under "providers" and "controllers" only: list Handlers there, or give an instance: @UseGuards(new AdminGuard()).',
      },
    ]);
  });

  it.each([
    ['request-scoped', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('makes a %s APP_GUARD for a provider too, with its constructor', async (_name, scope) => {
    const asked: string[] = [];
    @Injectable({ scope })
    class GlobalGuard implements CanActivate {
      readonly #reflector: Reflector;

      constructor(reflector: Reflector) {
        this.#reflector = reflector;
      }

      canActivate(context: ExecutionContext): boolean {
        asked.push(context.switchToRpc().getContext<TestJob>().id);
        return this.#reflector.get('open', context.getHandler()) === true;
      }
    }
    @Injectable()
    class Handlers {
      @SetMetadata('open', true)
      open(): string {
        return 'open';
      }

      closed(): void {}
    }
    const module = { providers: [{ provide: APP_GUARD, useClass: GlobalGuard }] };
    const open = await compile({ handler: Handlers, method: 'open', module });
    const closed = await compile({ handler: Handlers, method: 'closed', module });
    await expect(open(() => 'p', new TestJob('job-1'))).resolves.toBe('open');
    await expect(closed(() => 'p', new TestJob('job-2'))).rejects.toThrow('Forbidden resource');
    expect(asked).toEqual(['job-1', 'job-2']);
  });

  it('makes a transient guard of a provider whose handler also has a request-scoped APP_GUARD', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class GlobalGuard implements CanActivate {
      canActivate(): boolean {
        return true;
      }
    }
    @Injectable({ scope: Scope.TRANSIENT })
    class LocalGuard implements CanActivate {
      readonly #answer = true;

      canActivate(): boolean {
        return this.#answer;
      }
    }
    @Injectable()
    class Handlers {
      @UseGuards(LocalGuard)
      handle(): string {
        return 'handled';
      }
    }
    const handle = await compile({ handler: Handlers, module: { providers: [{ provide: APP_GUARD, useClass: GlobalGuard }] } });
    await expect(handle(() => 'p', new TestJob('job-1'))).resolves.toBe('handled');
  });
});

describe('a compiled handler', () => {
  const synchronous: readonly (readonly [string, () => Scenario, 'direct' | 'chain'])[] = [
    ['alone', () => bare(() => 'value'), 'direct'],
    [
      'with guard, pipe and filter',
      () =>
        decorated([UseGuards({ canActivate: () => true }), UsePipes({ transform: () => 'p' }), UseFilters(filterOf([], () => 'c'))], () => 'value'),
      'chain',
    ],
    [
      'whose filter answers at once',
      () =>
        decorated(
          [UseFilters(filterOf([], () => 'value'))],
          fails(() => {}),
        ),
      'chain',
    ],
  ];
  it.each(synchronous)('stays synchronous %s', async (_name, build, kind) => {
    const handle = await compile(build());
    expect(handle.kind).toBe(kind);
    expect(handle(() => 'p', new TestJob('job-1'))).toBe('value');
  });

  const broken = new BrokenError('the very same');
  const throwing: readonly (readonly [string, () => Scenario])[] = [
    ['alone', () => bare(fails(() => {}, broken))],
    [
      'with guard and pipe',
      () =>
        decorated(
          [UseGuards({ canActivate: () => true }), UsePipes({ transform: (value: unknown) => value })],
          fails(() => {}, broken),
        ),
    ],
  ];
  it.each(throwing)('throws the original error at once %s', async (_name, build) => {
    const handle = await compile(build());
    expect(() => handle(() => 'p', new TestJob('job-1'))).toThrow(broken);
  });

  it('rejects with the original error through an interceptor', async () => {
    const handle = await compile(
      decorated(
        [UseInterceptors(around(() => {}, 'a'))],
        fails(() => {}, broken),
      ),
    );
    await expect(handle(() => 'p', new TestJob('job-1'))).rejects.toBe(broken);
  });

  it('does not decode a payload that nobody asks for', async () => {
    @Injectable()
    @UseGuards({ canActivate: () => true })
    @UseInterceptors(around(() => {}, 'a'))
    class Handlers {
      handle(@Ctx() job: TestJob): string {
        return job.id;
      }
    }
    const handle = await compile({ handler: Handlers });
    const decode = () => {
      throw new BrokenError('decoded');
    };
    await expect(handle(decode, new TestJob('job-1'))).resolves.toBe('job-1');
  });

  it('decodes a payload once for all who ask', async () => {
    let decoded = 0;
    const asking = { canActivate: (context: ExecutionContext) => context.switchToRpc().getData() === 'p' && context.getArgs()[0] === 'p' };
    @Injectable()
    @UseGuards(asking)
    @UseFilters(filterOf([], (_error, host) => host.switchToRpc().getData()))
    class Handlers {
      handle(@Payload() _payload: unknown, @Payload('n') _n: unknown): void {
        throw new BrokenError('broken');
      }
    }
    const handle = await compile({ handler: Handlers });
    expect(handle(() => (decoded++, 'p'), new TestJob('job-1'))).toBe('p');
    expect(decoded).toBe(1);
  });

  it('asks a filter when the payload does not decode', async () => {
    const handle = await compile(decorated([UseFilters(filterOf([BrokenError], (error) => (error as Error).message))], (payload) => payload));
    const decode = () => {
      throw new BrokenError('no such codec');
    };
    expect(handle(decode, new TestJob('job-1'))).toBe('no such codec');
  });

  it('keeps runs at the same time apart', async () => {
    const later: PipeTransform = { transform: (value: unknown) => new Promise((resolve) => setImmediate(resolve, value)) };
    @Injectable()
    @UseInterceptors(around(() => {}, 'a'))
    class Handlers {
      handle(@Payload(later) payload: unknown, @Ctx() job: TestJob): unknown {
        return [payload, job.id];
      }
    }
    const handle = await compile({ handler: Handlers });
    const runs = ['a', 'b', 'c'].map((name) => handle(() => name, new TestJob(name)));
    expect(await Promise.all(runs)).toEqual([
      ['a', 'a'],
      ['b', 'b'],
      ['c', 'c'],
    ]);
  });

  it('makes no asynchronous resource but promises', async () => {
    const handle = await compile(
      decorated(
        [
          UseGuards({ canActivate: () => true }),
          UseInterceptors(
            around(() => {}, 'a'),
            around(() => {}, 'b'),
          ),
        ],
        async () => 'v',
      ),
    );
    const made = new Set<string>();
    const hook = createHook({ init: (_id, type) => void made.add(type) }).enable();
    await handle(() => 'p', new TestJob('job-1'));
    hook.disable();
    expect([...made]).toEqual(['PROMISE']);
  });

  it('drops a result that comes after the interceptor has given up', async () => {
    let finish = (): void => {};
    const late = new Promise<void>((resolve) => (finish = resolve));
    const seen: unknown[] = [];
    const givesUp = intercept((next) =>
      next.handle().pipe(
        tap((value) => seen.push(value)),
        timeout(1),
        catchError(() => of('gave up')),
      ),
    );
    const handle = await compile(decorated([UseInterceptors(givesUp)], () => late.then(() => defer(() => (seen.push('subscribed'), of('late'))))));
    await expect(handle(() => 'p', new TestJob('job-1'))).resolves.toBe('gave up');
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
  });

  it('finds the instances of the job by ContextIdFactory.getByRequest()', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Unit {}
    @Injectable()
    class Handlers {
      constructor(
        private readonly unit: Unit,
        private readonly moduleRef: ModuleRef,
      ) {}

      async handle(@Ctx() job: TestJob): Promise<boolean> {
        const contextId = ContextIdFactory.getByRequest(job as unknown as Record<string, unknown>);
        return (await this.moduleRef.resolve(Unit, contextId, { strict: false })) === this.unit;
      }
    }
    const handle = await compile({ handler: Handlers, module: { imports: [{ module: class Shared {}, providers: [Unit], exports: [Unit] }] } });
    await expect(handle(() => 'p', new TestJob('job-1'))).resolves.toBe(true);
  });

  it('lets the instances of a job go with the job', async () => {
    const instances: WeakRef<object>[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class Handlers {
      constructor(@Inject(REQUEST) _job: TestJob) {
        instances.push(new WeakRef(this));
      }

      handle(): void {}
    }
    const handle = await compile({ handler: Handlers });
    for (let i = 0; i < 20; i++) await handle(() => 'p', new TestJob(`job-${i}`));
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(instances).toHaveLength(20);
    // The last one may still be on the stack.
    expect(instances.filter((instance) => instance.deref() !== undefined).length).toBeLessThanOrEqual(1);
  });

  it('warns when a ValidationPipe cannot know the type of the payload', async () => {
    class Handlers {
      handle(payload: unknown): unknown {
        return payload;
      }
    }
    Payload(new ValidationPipe())(Handlers.prototype, 'handle', 0);
    const opened = await openScenario({ handler: Injectable()(Handlers) ?? Handlers });
    closers.push(opened.close);
    const warnings: unknown[] = [];
    Logger.overrideLogger({ log: () => {}, error: () => {}, warn: (message: unknown) => warnings.push(message) });
    opened.compiler.compile(opened.target);
    expect(warnings).toEqual([
      'Handlers.handle() gets its payload unvalidated: the types of its parameters are unknown. ' +
        'Put a decorator on the method or its parameter and compile with "emitDecoratorMetadata".',
    ]);
  });

  it('refuses a handler that is no method', async () => {
    class Handlers {
      readonly handle = 5;
    }
    await expect(compile({ handler: Injectable()(Handlers) ?? Handlers })).rejects.toThrow('The handler is no method but number.');
  });

  const itHooks = itUnless(nestMajor >= 12 ? undefined : 'Nest 11 has no such hooks');
  itHooks('runs inside a pre-request hook without any enhancer', async () => {
    const hook = (_context: ExecutionContext, next: () => Observable<unknown>) => next().pipe(map((value) => [value]));
    const configure = (config: object) => (config as { registerPreRequestHook(registered: typeof hook): void }).registerPreRequestHook(hook);
    const handle = await compile({ ...bare(() => 'v'), configure });
    await expect(handle(() => 'p', new TestJob('job-1'))).resolves.toEqual(['v']);
  });

  itHooks('runs inside the pre-request hooks of the application', async () => {
    const log: string[] = [];
    const als = new AsyncLocalStorage<string>();
    const handle = await compile({
      ...decorated(
        [UseGuards({ canActivate: () => log.push(`guard ${als.getStore()}`) > 0 }), UseFilters(filterOf([BrokenError], () => 'caught'))],
        fails((entry) => log.push(entry)),
      ),
      configure: (config) => {
        const hooks = config as unknown as {
          registerPreRequestHook(hook: (context: ExecutionContext, next: () => Observable<unknown>) => Observable<unknown>): void;
        };
        hooks.registerPreRequestHook((context, next) => {
          log.push(`hook ${context.switchToRpc().getContext<TestJob>().id}`);
          return als.run('stored', () => next());
        });
        hooks.registerPreRequestHook((_context, next) => next().pipe(tap({ error: (error: unknown) => log.push(describeError(error)) })));
      },
    });
    await expect(handle(() => 'p', new TestJob('job-1'))).resolves.toBe('caught');
    expect(log).toEqual(['hook job-1', 'guard stored', 'handler', 'BrokenError: broken']);
  });
});
