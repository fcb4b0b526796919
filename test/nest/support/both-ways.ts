import { readFileSync } from 'node:fs';
import type { ClassProvider, FactoryProvider, LoggerService, ModuleMetadata, Type, ValueProvider } from '@nestjs/common';
import { ApplicationConfig, ContextIdFactory, ExternalContextCreator, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { ParamsFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { EmptyError, isObservable, lastValueFrom } from 'rxjs';
import { HandlerCompiler } from '../../../lib/nest/handler-chain.js';
import type { CompiledHandler } from '../../../lib/nest/handler-chain.js';
import type { HandlerTarget } from '../../../lib/nest/handler-enhancers.js';

/** What a builder writes to from guards, pipes, handlers and so on. */
export type Log = (entry: string) => void;

/** An application with one handler in it. */
export interface Scenario {
  readonly handler: Type;
  /** Default: `handle`. */
  readonly method?: string;
  /** Default: the handler is a provider. */
  readonly isController?: boolean;
  /** How the handler is registered when not as a plain class. */
  readonly provider?: ClassProvider | FactoryProvider | ValueProvider;
  readonly module?: ModuleMetadata;
  readonly payload?: unknown;
  /** What `main.ts` does before the application starts. */
  readonly configure?: (config: ApplicationConfig) => void;
  /** Runs of the handler, one after the other, each with a job of its own. Default: 1. */
  readonly runs?: number;
}

export type BuildScenario = (log: Log) => Scenario;

/** One run as an outsider sees it. */
export interface Outcome {
  readonly values: unknown[];
  /** `ClassName: message`, when the last run failed. */
  readonly error?: string;
  readonly log: readonly string[];
}

/** What stands for a `JobContext`: opaque to the chain. */
export class TestJob {
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly id: string,
    tenant = 'none',
  ) {
    this.headers = { tenant };
  }
}

/** An opened application: its target, ready to be called either way. */
export interface OpenedScenario {
  readonly target: HandlerTarget;
  readonly payload: unknown;
  readonly creator: ExternalContextCreator;
  readonly modules: ModulesContainer;
  readonly compiler: HandlerCompiler;
  close(): Promise<void>;
}

export const nestMajor = Number(
  (JSON.parse(readFileSync('node_modules/@nestjs/core/package.json', 'utf8')) as { version: string }).version.split('.')[0],
);

const SILENT: LoggerService = { log: () => {}, error: () => {}, warn: () => {} };

export async function openScenario(scenario: Scenario): Promise<OpenedScenario> {
  const { handler, provider, isController = false, module = {}, method = 'handle', payload } = scenario;
  const { providers = [], controllers = [], ...rest } = module;
  class HandlerModule {}
  const own = isController ? { controllers: [handler] } : { providers: [provider ?? handler] };
  const testing = await Test.createTestingModule({
    ...rest,
    imports: [...(rest.imports ?? []), { module: HandlerModule, ...own, imports: rest.imports ?? [] }],
    providers,
    controllers,
  })
    .setLogger(SILENT)
    .compile();
  scenario.configure?.(testing.get(ApplicationConfig));
  await testing.init();
  const modules = testing.get(ModulesContainer);
  const [moduleKey, record] = [...modules].find(([, candidate]) => candidate.metatype === HandlerModule)!;
  const wrapper = (isController ? record.controllers : record.providers).get(provider?.provide ?? handler)!;
  const creator = testing.get(ExternalContextCreator);
  return {
    target: { instance: wrapper.instance as object, methodName: method, metatype: handler, wrapper, moduleKey, isController },
    payload,
    creator,
    modules,
    compiler: new HandlerCompiler(creator, testing.get(ApplicationConfig), testing.get(ModuleRef), modules),
    close: () => testing.close(),
  };
}

/** Runs a scenario through the compiled chain. */
export async function runCompiled(build: BuildScenario): Promise<Outcome & { readonly kind: CompiledHandler['kind'] }> {
  let kind: CompiledHandler['kind'] = 'direct';
  const outcome = await run(build, ({ compiler, target }) => {
    const compiled = compiler.compile(target);
    kind = compiled.kind;
    return async (payload, job) => compiled(() => payload, job);
  });
  return { ...outcome, kind };
}

/** Runs a scenario as a library would that knows Nest's own caller only. */
export function runByNest(build: BuildScenario): Promise<Outcome> {
  return run(build, (opened) => {
    const call = nestCaller(opened);
    return async (payload, job) => {
      const result = await call(payload, job);
      return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
    };
  });
}

type Call = (payload: unknown, job: TestJob) => Promise<unknown>;

async function run(build: BuildScenario, callerOf: (opened: OpenedScenario) => Call): Promise<Outcome> {
  const log: string[] = [];
  const scenario = build((entry) => {
    log.push(entry);
  });
  const opened = await openScenario(scenario);
  const values: unknown[] = [];
  try {
    const call = callerOf(opened);
    for (let i = 1; i <= (scenario.runs ?? 1); i++) values.push(await call(opened.payload, new TestJob(`job-${i}`, i % 2 === 0 ? 'even' : 'odd')));
    return { values, log };
  } catch (error) {
    return { values, error: describeError(error), log };
  } finally {
    await opened.close();
  }
}

export function describeError(error: unknown): string {
  if (!(error instanceof Error) && !(error instanceof EmptyError)) return `no Error: ${String(error)}`;
  const { response } = error as { response?: { message?: unknown } };
  const details = Array.isArray(response?.message) ? ` ${JSON.stringify(response.message)}` : '';
  return `${error.constructor.name}: ${error.message}${details}`;
}

const PARAMETERS: ParamsFactory = {
  exchangeKeyForValue(type: number, data: unknown, args: unknown[]): unknown {
    if (type === 3) return data ? (args[0] as Record<string, unknown> | null)?.[data as string] : args[0];
    return type === 6 ? args[1] : null;
  },
};

// The way a library binds handlers with public means: the module key supplied for controllers, an instance per request where one is needed.
function nestCaller({ creator, modules, target }: OpenedScenario): Call {
  const { wrapper, methodName, moduleKey } = target;
  const own = Object.create(creator, { getContextModuleKey: { value: () => moduleKey } }) as ExternalContextCreator;
  const options = { guards: true, interceptors: true, filters: true };
  const bind = (instance: object, contextId?: ReturnType<typeof ContextIdFactory.create>): Call => {
    const method = (instance as Record<string, (...args: unknown[]) => unknown>)[methodName]!;
    return own.create(instance, method, methodName, '__routeArguments__', PARAMETERS, contextId, wrapper.id, options, 'rpc');
  };
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient) return bind(target.instance);
  const moduleRef = modules.get(moduleKey)!.getProviderByKey(ModuleRef).instance as ModuleRef;
  return async (payload, job) => {
    const contextId = ContextIdFactory.getByRequest(job as unknown as Record<string, unknown>);
    moduleRef.registerRequestByContextId(wrapper.isDependencyTreeDurable() ? contextId.payload : job, contextId);
    const instance = await moduleRef.resolve<object>(wrapper.token as string, contextId);
    return bind(instance, contextId)(payload, job);
  };
}
