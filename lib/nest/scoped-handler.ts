import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import type { ExternalContextCreator, ModulesContainer, ParamsFactory } from '@nestjs/core';
import { isScoped } from './handler-enhancers.js';
import type { HandlerMethod, HandlerTarget, InstanceWrapper } from './handler-enhancers.js';
import { CONTEXT_TYPE, PARAMETERS_KEY, PAYLOAD_TYPE } from './handler-parameters.js';
import type { Step } from './handler-steps.js';
import type { JobExecutionContext } from './job-execution-context.js';
import { followToEnd } from './result-stream.js';

/** What a handler needs that only Nest can run. */
export interface ScopedHandlerParts {
  readonly externalContextCreator: ExternalContextCreator;
  readonly moduleRef: ModuleRef;
  readonly modulesContainer: ModulesContainer;
  readonly target: HandlerTarget;
  readonly method: HandlerMethod;
  /** The enhancers that are made per job or per handler. */
  readonly scoped: readonly InstanceWrapper[];
  /** Nest's own filters log every error, so they run only where they must. */
  readonly runsFilters: boolean;
}

type ContextId = ReturnType<typeof ContextIdFactory.getByRequest>;

const PARAMETERS: ParamsFactory = {
  exchangeKeyForValue(type: number, data: unknown, args: readonly unknown[]): unknown {
    if (type === CONTEXT_TYPE) return args[1];
    if (type !== PAYLOAD_TYPE) return null;
    return data ? (args[0] as Record<PropertyKey, unknown> | null | undefined)?.[data as PropertyKey] : args[0];
  },
};

/** The layer for request-scoped and transient classes: Nest makes the instances of one job and runs guards, pipes and interceptors. */
export function scopedStep(parts: ScopedHandlerParts): Step {
  const handler = new ScopedHandler(parts);
  if (handler.isShared) {
    const call = handler.bind(parts.target.instance, parts.method);
    return (context) => follow(call(context.payloadForHandler(), context.jobForHandler()), context);
  }
  return (context) => follow(handler.run(context.payloadForHandler(), context.jobForHandler() as object), context);
}

async function follow(result: Promise<unknown>, context: JobExecutionContext): Promise<unknown> {
  return followToEnd(await result, context.jobForHandler());
}

class ScopedHandler {
  readonly #parts: ScopedHandlerParts;
  readonly #creator: ExternalContextCreator;
  readonly #contextIdKey = contextIdKey();

  constructor(parts: ScopedHandlerParts) {
    const { moduleKey } = parts.target;
    this.#parts = parts;
    // Nest looks for the module among providers only: the guards of a controller would be left out. And it rejects a stream without a value:
    // streams are followed outside, where the signal of the job is at hand, unless Nest's filters have to see their errors.
    this.#creator = Object.create(parts.externalContextCreator, {
      getContextModuleKey: { value: () => moduleKey },
      getHostModuleKey: { value: () => moduleKey },
      transformToResult: { value: (result: unknown) => (parts.runsFilters ? followToEnd(result) : result) },
    }) as ExternalContextCreator;
  }

  /** True when one handler with its transient enhancers, which Nest made at boot, serves all jobs. */
  get isShared(): boolean {
    const { target, scoped } = this.#parts;
    return (
      !isScoped(target.wrapper) &&
      scoped.every((enhancer) => !needsJob(enhancer) && this.#isLoadedWithHandler(enhancer) && enhancer.getStaticTransientInstances().length > 0)
    );
  }

  bind(instance: object, method: HandlerMethod, contextId?: ContextId): (payload: unknown, job: unknown) => Promise<unknown> {
    const { target, runsFilters } = this.#parts;
    const options = { guards: true, interceptors: true, filters: runsFilters };
    const { methodName, wrapper } = target;
    return this.#creator.create(instance, method, methodName, PARAMETERS_KEY, PARAMETERS, contextId, wrapper.id, options, 'rpc');
  }

  // Nest keeps what it makes in weak maps by context id, and the job holds the context id: the sub-tree goes when the job goes.
  async run(payload: unknown, job: object): Promise<unknown> {
    const { modulesContainer, target } = this.#parts;
    const contextId = this.#contextIdOf(job);
    const moduleRef = moduleRefOf(modulesContainer.get(target.moduleKey)!);
    const instance = await moduleRef.resolve<object>(target.wrapper.token as string, contextId, { strict: true });
    await this.#loadEnhancers(contextId);
    const method = (instance as Record<string, HandlerMethod>)[target.methodName]!;
    return this.bind(instance, method, contextId)(payload, job);
  }

  #contextIdOf(job: object): ContextId {
    const contextId = ContextIdFactory.getByRequest(job as Record<string, unknown>);
    const key = this.#contextIdKey;
    if (key !== undefined && Object.hasOwn(job, key)) return contextId;
    if (key !== undefined) Object.defineProperty(job, key, { value: contextId });
    const { target, moduleRef } = this.#parts;
    moduleRef.registerRequestByContextId(target.wrapper.isDependencyTreeDurable() ? contextId.payload : job, contextId);
    return contextId;
  }

  // Nest loads the enhancers that it knows to belong to the handler, with the handler. Global ones belong to controllers only, and a shared
  // handler is not loaded at all: there the enhancer would run as a bare prototype, without its constructor.
  async #loadEnhancers(contextId: ContextId): Promise<void> {
    const { target, scoped } = this.#parts;
    for (const enhancer of scoped) {
      if (isScoped(target.wrapper) && this.#isLoadedWithHandler(enhancer)) continue;
      const instance: unknown = await moduleRefOf(enhancer.host!).resolve(enhancer.token as string, contextId, { strict: true });
      if (enhancer.isTransient) {
        enhancer.setInstanceByContextId(contextId, { instance, isResolved: true, isConstructorCalled: true }, target.wrapper.id);
      }
    }
  }

  #isLoadedWithHandler(enhancer: InstanceWrapper): boolean {
    // Absent, whatever its type says, when nothing is bound.
    const loaded = this.#parts.target.wrapper.getEnhancersMetadata() as InstanceWrapper[] | undefined;
    return loaded?.includes(enhancer) ?? false;
  }
}

function needsJob(enhancer: InstanceWrapper): boolean {
  return !enhancer.isDependencyTreeStatic();
}

function moduleRefOf(module: { getProviderByKey(token: typeof ModuleRef): InstanceWrapper }): ModuleRef {
  return module.getProviderByKey(ModuleRef).instance as ModuleRef;
}

// Nest marks a request with its context id, so that ContextIdFactory.getByRequest(job) in a handler finds the same instances. The symbol is
// not public: a probe tells which one Nest asks for.
function contextIdKey(): symbol | undefined {
  let key: symbol | undefined;
  const probe = new Proxy<Record<string, unknown>>(
    {},
    {
      get: (_target, name) => {
        if (typeof name === 'symbol') key ??= name;
        return true;
      },
    },
  );
  ContextIdFactory.getByRequest(probe);
  return key;
}
