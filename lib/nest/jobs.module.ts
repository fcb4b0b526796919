import { ConfigurableModuleBuilder, Logger, Module, Scope, type DynamicModule, type FactoryProvider, type Provider } from '@nestjs/common';
import { ApplicationConfig, DiscoveryModule, DiscoveryService, ExternalContextCreator, MetadataScanner, ModuleRef, ModulesContainer, REQUEST } from '@nestjs/core';
import type { JobOptionsInput } from '../client/job-options.js';
import { JobsEventHub } from '../contract/jobs-events.js';
import { createKernel } from '../runtime/create-kernel.js';
import { HandlerExecutor } from '../runtime/handler-executor.js';
import { HandlerCompiler } from './handler-chain.js';
import { JobExplorer } from './job-explorer.js';
import { JobsKernel } from './jobs-kernel.js';
import { JobsLifecycle } from './jobs-lifecycle.js';
import type { JobsModuleAsyncOptions, JobsModuleExtras, JobsModuleOptions } from './jobs-module-options.js';
import { JobsServer } from './jobs-server.js';
import { JobsService } from './jobs.service.js';
import { MiddlewareJobsApi, type JobPushMiddleware } from './middleware.js';
import { createNestLogger } from './nest-logger.js';
import { resolveRole } from './role.js';
import { DEFAULT_KERNEL, getExplorerToken, getJobsToken, getKernelToken, getLifecycleToken, getQueueToken, getServerToken, JOB_REF } from './tokens.js';

/** A queue of `forFeature`, with options of every push. @publicApi */
export interface FeatureQueue {
  readonly name: string;
  readonly options?: JobOptionsInput;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<JobsModuleOptions>({
  optionsInjectionToken: Symbol.for('nestjs-roadrunner:options'),
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createJobsOptions')
  .setExtras<JobsModuleExtras>({ isGlobal: true }, (definition, { isGlobal = true, name = DEFAULT_KERNEL }) => {
    const providers = kernelProviders(name);
    return {
      ...definition,
      global: isGlobal,
      imports: [...(definition.imports ?? []), DiscoveryModule],
      providers: [...(definition.providers ?? []), ...providers],
      exports: [...(definition.exports ?? []), ...providers.map((provider) => (provider as { provide: symbol }).provide)],
    };
  })
  .build();

/** Injects the options that `JobsModule.forRoot` was given. @publicApi */
export const JOBS_MODULE_OPTIONS = MODULE_OPTIONS_TOKEN;

/**
 * Background jobs: queues to push to, and the kernel that runs the handlers.
 *
 * @example
 * \@Module({ imports: [JobsModule.forRoot({ pipelines: { emails: { driver: 'memory' } } })], providers: [EmailHandlers] })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({})
export class JobsModule extends ConfigurableModuleClass {
  /** One kernel for the application; a second one needs a `name`. */
  static override forRoot(options: JobsModuleOptions & JobsModuleExtras): DynamicModule {
    return withQueues(super.forRoot(options), Object.keys(options.pipelines ?? {}), options.name);
  }

  /** The options come from other providers. Name the queues to inject in `forFeature`. */
  static override forRootAsync(options: JobsModuleAsyncOptions): DynamicModule {
    return super.forRootAsync(options as never);
  }

  /** Makes queues injectable by `@InjectQueue()`, with options of every push. */
  static forFeature(queues: readonly (string | FeatureQueue)[], kernel?: string): DynamicModule {
    const providers = queues.map((queue) => (typeof queue === 'string' ? queueProvider(queue, kernel) : queueProvider(queue.name, kernel, queue.options)));
    return { module: JobsFeatureModule, providers, exports: providers };
  }
}

/** Holds the queues of one `forFeature`. */
@Module({})
class JobsFeatureModule {}

function withQueues(definition: DynamicModule, queues: readonly string[], kernel: string | undefined): DynamicModule {
  const providers = queues.map((queue) => queueProvider(queue, kernel));
  return { ...definition, providers: [...(definition.providers ?? []), ...providers], exports: [...(definition.exports ?? []), ...providers] };
}

function queueProvider(queue: string, kernel: string | undefined, options?: JobOptionsInput): FactoryProvider {
  return { provide: getQueueToken(queue, kernel), useFactory: (jobs: JobsService) => jobs.connect(queue, options), inject: [getJobsToken(kernel)] };
}

function kernelProviders(name: string): Provider[] {
  const kernel = getKernelToken(name);
  const jobs = getJobsToken(name);
  const server = getServerToken(name);
  const providers: Provider[] = [
    {
      provide: HandlerCompiler,
      useFactory: (contexts: ExternalContextCreator, config: ApplicationConfig, moduleRef: ModuleRef, modules: ModulesContainer) =>
        new HandlerCompiler(contexts, config, moduleRef, modules),
      inject: [ExternalContextCreator, ApplicationConfig, ModuleRef, ModulesContainer],
    },
    { provide: JOB_REF, scope: Scope.REQUEST, useFactory: (request: unknown) => request, inject: [REQUEST] },
    { provide: kernel, useFactory: openKernel, inject: [MODULE_OPTIONS_TOKEN, ModulesContainer] },
    { provide: jobs, useFactory: createService, inject: [kernel, MODULE_OPTIONS_TOKEN, ModuleRef] },
    { provide: server, useFactory: (opened: JobsKernel) => new JobsServer(opened), inject: [kernel] },
    { provide: getExplorerToken(name), useFactory: explorerFactory(name), inject: [MODULE_OPTIONS_TOKEN, DiscoveryService, MetadataScanner, ModulesContainer, ModuleRef] },
    { provide: getLifecycleToken(name), useFactory: createLifecycle, inject: [kernel, MODULE_OPTIONS_TOKEN, getExplorerToken(name), ModuleRef, HandlerCompiler] },
  ];
  if (name !== DEFAULT_KERNEL) return providers;
  return [
    ...providers,
    { provide: JobsKernel, useExisting: kernel },
    { provide: JobsService, useExisting: jobs },
    { provide: JobsServer, useExisting: server },
  ];
}

async function openKernel(options: JobsModuleOptions, modules: ModulesContainer): Promise<JobsKernel> {
  bootLast(modules);
  const { role, autoStart: _autoStart, handlers: _handlers, middleware: _middleware, drivers, clock, ...kernelOptions } = options;
  const resolved = resolveRole(role);
  const logger = createNestLogger();
  const executor = new HandlerExecutor({ logger });
  const kernel = await createKernel(resolved === 'producer' ? { ...kernelOptions, consume: [] } : kernelOptions, {
    executor,
    logger,
    events: new JobsEventHub(),
    ...(drivers === undefined ? {} : { drivers }),
    ...(clock === undefined ? {} : { clock }),
  });
  const consumed = (options.consume ?? Object.keys(options.pipelines ?? {})).map((entry) => (typeof entry === 'string' ? entry : entry.name));
  return new JobsKernel(kernel, resolved, { handlers: executor, logger: new Logger('JobsModule'), consumed: new Set(consumed) });
}

// A global module boots first and is destroyed last; ours has to boot last and be destroyed first, so that handlers find
// everything open. Hooks go by the distance of a module from the root, which is 1.
function bootLast(modules: ModulesContainer): void {
  for (const module of modules.values()) if (module.metatype === JobsModule) module.distance = -1;
}

function createService(kernel: JobsKernel, options: JobsModuleOptions, moduleRef: ModuleRef): JobsService {
  const middleware = options.middleware?.push ?? [];
  const resolve = (): JobPushMiddleware[] => middleware.map((one) => moduleRef.get(one, { strict: false }));
  const api = middleware.length === 0 ? kernel.kernel : new MiddlewareJobsApi(kernel.kernel, resolve);
  return new JobsService(api, kernel.admin, kernel.kernel.events);
}

type ExplorerFactory = (
  options: JobsModuleOptions,
  discovery: DiscoveryService,
  scanner: MetadataScanner,
  modules: ModulesContainer,
  moduleRef: ModuleRef,
) => JobExplorer;

function explorerFactory(kernel: string): ExplorerFactory {
  return (options, discovery, scanner, modules, moduleRef) =>
    new JobExplorer({ discovery, scanner, modules, moduleRef, kernel, overrides: options.handlers ?? {}, logger: new Logger('JobsModule') });
}

function createLifecycle(kernel: JobsKernel, options: JobsModuleOptions, explorer: JobExplorer, moduleRef: ModuleRef, compiler: HandlerCompiler): JobsLifecycle {
  return new JobsLifecycle({ kernel, options, explorer, compiler, moduleRef, logger: new Logger('JobsModule') });
}
