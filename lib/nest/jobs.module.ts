import {
  ConfigurableModuleBuilder,
  Logger,
  Module,
  Scope,
  type DynamicModule,
  type FactoryProvider,
  type ModuleMetadata,
  type Provider,
} from '@nestjs/common';
import {
  ApplicationConfig,
  DiscoveryModule,
  DiscoveryService,
  ExternalContextCreator,
  MetadataScanner,
  ModuleRef,
  ModulesContainer,
  REQUEST,
} from '@nestjs/core';
import type { JobOptionsInput } from '../client/job-options.js';
import { isRecord } from '../config/schema.js';
import { readKernelOptions } from '../config/settings.js';
import { systemClock } from '../contract/clock.js';
import { JobsConfigError } from '../contract/errors.js';
import { KernelEnvironment } from '../contract/kernel-environment.js';
import { builtinDrivers } from '../drivers/index.js';
import { createKernel } from '../runtime/create-kernel.js';
import { HandlerExecutor } from '../runtime/handler-executor.js';
import { guardOutput } from '../worker/output-guard.js';
import { WorkerEnvironment } from '../worker/worker-environment.js';
import { beginQuietBoot } from './boot-log.js';
import { withConfigFile } from './config-file.js';
import { HandlerCompiler } from './handler-chain.js';
import { jobOfRequest } from './is-job-context.js';
import { JobExplorer } from './job-explorer.js';
import { JobsKernel, type JobsTarget } from './jobs-kernel.js';
import { JobsLifecycle } from './jobs-lifecycle.js';
import type { JobsModuleAsyncOptions, JobsModuleExtras, JobsModuleOptions } from './jobs-module-options.js';
import { JobsServer } from './jobs-server.js';
import { JobsService } from './jobs.service.js';
import { KERNEL_HOOK, type KernelHook, type KernelPlan } from './kernel-hook.js';
import { MiddlewareJobsApi } from './middleware.js';
import { readModuleOptions, type ModuleSettings } from './module-settings.js';
import { createNestLogger } from './nest-logger.js';
import { retryFinder } from './retry-finder.js';
import { resolveRole, type ProcessRole } from './role.js';
import {
  DEFAULT_KERNEL,
  getExplorerToken,
  getJobsToken,
  getKernelToken,
  getLifecycleToken,
  getQueueToken,
  getServerToken,
  getSettingsToken,
  JOB_REF,
} from './tokens.js';

/** A queue of `forFeature`, with options of every push. @publicApi */
export interface FeatureQueue {
  readonly name: string;
  /** Of every task that does not give its own. */
  readonly options?: JobOptionsInput;
}

/** A queue of `forFeatureAsync`. @publicApi */
export interface AsyncFeatureQueue extends Pick<ModuleMetadata, 'imports'> {
  readonly name: string;
  /** Makes the options of every task that does not give its own. */
  readonly useFactory: (...parts: never[]) => JobOptionsInput | Promise<JobOptionsInput>;
  /** What the factory is given. */
  readonly inject?: FactoryProvider['inject'];
}

interface ModuleExtras extends JobsModuleExtras {
  readonly extraProviders?: readonly Provider[];
}

/** Injects the options that `JobsModule.forRoot` was given. @publicApi */
export const JOBS_MODULE_OPTIONS = Symbol.for('nestjs-roadrunner:options');

// Every key stands here, undefined or not: Nest takes these keys out of the options.
const EXTRAS: ModuleExtras = { isGlobal: true, name: undefined, extraProviders: undefined };

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<JobsModuleOptions>({ optionsInjectionToken: JOBS_MODULE_OPTIONS })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createJobsOptions')
  .setExtras(EXTRAS, (definition, { isGlobal = true, name = DEFAULT_KERNEL, extraProviders = [] }) => {
    const published = publishedProviders(name);
    return {
      ...definition,
      global: isGlobal,
      imports: [...(definition.imports ?? []), DiscoveryModule],
      providers: [...(definition.providers ?? []), ...extraProviders, ...privateProviders(name), ...published],
      exports: [...(definition.exports ?? []), JOBS_MODULE_OPTIONS, ...published],
    };
  })
  .build();

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
  /**
   * One kernel for the application; a second one needs a `name`. The queues of `pipelines` and `consume` can be injected. The boot fails
   * with {@link JobsConfigError} when an option is wrong.
   */
  static override forRoot(options: JobsModuleOptions & JobsModuleExtras): DynamicModule {
    prepareWorker(options.role);
    return withQueues(super.forRoot(options), queueNames(options), options.name);
  }

  /** The options come from other providers. Name the queues to inject in {@link JobsModule.forFeature}. */
  static override forRootAsync(options: JobsModuleAsyncOptions): DynamicModule {
    prepareWorker(undefined);
    return super.forRootAsync(options);
  }

  /**
   * Makes queues injectable by `@InjectQueue()`, with options of every push. Needs a global `forRoot`, which is the default.
   *
   * @param kernel - The name of the kernel, when there are several.
   */
  static forFeature(queues: readonly (string | FeatureQueue)[], kernel?: string): DynamicModule {
    const providers = queues.map((queue) =>
      typeof queue === 'string' ? queueProvider(queue, kernel) : queueProvider(queue.name, kernel, queue.options),
    );
    return { module: JobsFeatureModule, providers, exports: providers };
  }

  /** As {@link JobsModule.forFeature}, with options that come from other providers. */
  static forFeatureAsync(queues: readonly AsyncFeatureQueue[], kernel?: string): DynamicModule {
    const providers = queues.map(({ name, useFactory, inject = [] }): FactoryProvider => ({
      provide: getQueueToken(name, kernel),
      useFactory: async (jobs: JobsService, ...parts: never[]) => jobs.connect(name, await useFactory(...parts)),
      inject: [getJobsToken(kernel), ...inject],
    }));
    return { module: JobsFeatureModule, imports: queues.flatMap(({ imports = [] }) => imports), providers, exports: providers };
  }
}

/** Holds the queues of one `forFeature`. */
@Module({})
class JobsFeatureModule {}

// Nest prints before it makes any provider, and RoadRunner ends a worker at the first stray byte. The role that a factory returns comes too late for
// that: it counts as 'auto' here.
function prepareWorker(role: unknown): void {
  const environment = new KernelEnvironment(process.env);
  if (!environment.isSpawned || resolveRole(role, [], { environment, connects: false }) !== 'worker') return;
  const worker = WorkerEnvironment.fromProcess();
  if (environment.get('RR_RELAY') === 'pipes') guardOutput(worker);
  if (worker.window !== undefined) beginQuietBoot(); // a RoadRunner has no other sign of life of a worker
}

// Checked at boot; here a wrong value is only passed over.
function queueNames({ pipelines, consume }: { readonly pipelines?: unknown; readonly consume?: unknown }): string[] {
  const consumed: unknown[] = Array.isArray(consume) ? (consume as unknown[]).map((entry) => (isRecord(entry) ? entry.name : entry)) : [];
  const names = [...(isRecord(pipelines) ? Object.keys(pipelines) : []), ...consumed];
  return [...new Set(names.filter((name) => typeof name === 'string'))];
}

function withQueues(definition: DynamicModule, queues: readonly string[], kernel: string | undefined): DynamicModule {
  const providers = queues.map((queue) => queueProvider(queue, kernel));
  return { ...definition, providers: [...(definition.providers ?? []), ...providers], exports: [...(definition.exports ?? []), ...providers] };
}

function queueProvider(queue: string, kernel: string | undefined, options?: JobOptionsInput): FactoryProvider {
  return { provide: getQueueToken(queue, kernel), useFactory: (jobs: JobsService) => jobs.connect(queue, options), inject: [getJobsToken(kernel)] };
}

function publishedProviders(name: string): Provider[] {
  const kernel = getKernelToken(name);
  const jobs = getJobsToken(name);
  const server = getServerToken(name);
  const settings = getSettingsToken(name);
  const named: Provider[] = [
    { provide: JOB_REF, scope: Scope.REQUEST, useFactory: jobOfRequest, inject: [REQUEST] },
    { provide: kernel, useFactory: kernelFactory(name), inject: [settings, ModulesContainer, { token: KERNEL_HOOK, optional: true }] },
    { provide: jobs, useFactory: createService, inject: [kernel, settings, ModuleRef] },
    { provide: server, useFactory: (opened: JobsKernel) => new JobsServer(opened), inject: [kernel] },
  ];
  if (name !== DEFAULT_KERNEL) return named;
  return [
    ...named,
    { provide: JobsKernel, useExisting: kernel },
    { provide: JobsService, useExisting: jobs },
    { provide: JobsServer, useExisting: server },
  ];
}

function privateProviders(name: string): Provider[] {
  const settings = getSettingsToken(name);
  const explorer = getExplorerToken(name);
  return [
    { provide: settings, useFactory: openSettings, inject: [JOBS_MODULE_OPTIONS] },
    {
      provide: HandlerCompiler,
      useFactory: (contexts: ExternalContextCreator, config: ApplicationConfig, moduleRef: ModuleRef, modules: ModulesContainer) =>
        new HandlerCompiler(contexts, config, moduleRef, modules),
      inject: [ExternalContextCreator, ApplicationConfig, ModuleRef, ModulesContainer],
    },
    {
      provide: explorer,
      useFactory: explorerFactory(name),
      inject: [settings, DiscoveryService, MetadataScanner, ModulesContainer, ModuleRef],
    },
    {
      provide: getLifecycleToken(name),
      useFactory: lifecycleFactory(name),
      inject: [getKernelToken(name), settings, explorer, ModuleRef, HandlerCompiler, ModulesContainer, getServerToken(name)],
    },
  ];
}

function openSettings(options: unknown): Promise<ModuleSettings> {
  return withConfigFile(readModuleOptions(options, process.env), process.env);
}

type KernelFactory = (settings: ModuleSettings, modules: ModulesContainer, hook?: KernelHook) => Promise<JobsKernel>;

function kernelFactory(name: string): KernelFactory {
  return (settings, modules, hook) => {
    refuseTwins(name, modules);
    bootLast(modules);
    return openKernel(name, settings, hook);
  };
}

async function openKernel(name: string, settings: ModuleSettings, hook: KernelHook | undefined): Promise<JobsKernel> {
  const { role } = settings;
  const own = planOf(settings);
  const plan = hook?.change(own) ?? own;
  const { options } = plan;
  const target = await openTarget(name, role, plan);
  const handlers = target.worker === undefined ? plan.handlers : new HandlerExecutor({ logger: target.worker.logger });
  const consumed = options.consume ?? Object.keys(options.pipelines ?? {});
  const opened = new JobsKernel(target, role, {
    handlers,
    logger: new Logger('JobsModule'),
    consumed: new Set(consumed.map((entry) => (typeof entry === 'string' ? entry : entry.name))),
    retryOf: retryFinder(options),
    hasServices: plan.hasServices,
  });
  hook?.opened(opened, plan);
  return opened;
}

async function openTarget(name: string, role: ProcessRole, plan: KernelPlan): Promise<JobsTarget> {
  const { options, fileParts = {}, drivers, clock, logger, handlers } = plan;
  const { rpc } = readKernelOptions(options);
  if (role === 'worker') {
    const { ServedWorker } = await import('../runtime/serve-worker.js');
    const worker = new ServedWorker({ environment: WorkerEnvironment.fromProcess(), clock, logger });
    return { connection: worker.connection, worker };
  }
  if (rpc?.target !== undefined) {
    const { connectTo } = await import('../runtime/connect-jobs.js'); // most applications have their kernel inside
    return { connection: connectTo(rpc.target, { clock, logger }) };
  }
  const parts = { ...fileParts, logger, drivers, clock, name };
  if (role === 'producer') return { kernel: await createKernel({ ...options, consume: [], rpc: undefined }, { ...parts, executor: handlers }) };
  const hasWorkers = fileParts.workers?.server !== undefined || options.pool !== undefined || options.pools !== undefined;
  return { kernel: await createKernel(options, hasWorkers ? parts : { ...parts, executor: handlers }) };
}

function planOf({ kernel: options, fileParts, drivers, clock = systemClock }: ModuleSettings): KernelPlan {
  const logger = createNestLogger();
  return {
    options,
    fileParts,
    drivers: { ...builtinDrivers, ...drivers },
    clock,
    logger,
    handlers: new HandlerExecutor({ logger }),
    hasServices: true,
  };
}

// Each of the two would bind all handlers, and a queue would belong to the one or the other by chance.
function refuseTwins(name: string, modules: ModulesContainer): void {
  const token = getKernelToken(name);
  const count = [...modules.values()].filter((module) => module.providers.has(token)).length;
  if (count < 2) return;
  const kernel = name === DEFAULT_KERNEL ? 'without a "name"' : `with the name "${name}"`;
  throw new JobsConfigError([
    { path: 'name', message: `JobsModule.forRoot() is imported ${count} times ${kernel}. Import it once, or give each kernel a name of its own.` },
  ]);
}

// A global module boots first and is destroyed last; ours has to boot last and be destroyed first, so that handlers find
// everything open. Hooks go by the distance of a module from the root, which is 1.
function bootLast(modules: ModulesContainer): void {
  for (const module of modules.values()) if (module.metatype === JobsModule) module.distance = -1;
}

function createService({ api, admin, events }: JobsKernel, { middleware }: ModuleSettings, moduleRef: ModuleRef): JobsService {
  return new JobsService(middleware.push.length === 0 ? api : new MiddlewareJobsApi(api, middleware.push, moduleRef), admin, events);
}

type ExplorerFactory = (
  settings: ModuleSettings,
  discovery: DiscoveryService,
  scanner: MetadataScanner,
  modules: ModulesContainer,
  moduleRef: ModuleRef,
) => JobExplorer;

function explorerFactory(kernel: string): ExplorerFactory {
  return ({ handlers }, discovery, scanner, modules, moduleRef) =>
    new JobExplorer({ discovery, scanner, modules, moduleRef, kernel, overrides: handlers, logger: new Logger('JobsModule') });
}

type LifecycleFactory = (
  kernel: JobsKernel,
  settings: ModuleSettings,
  explorer: JobExplorer,
  moduleRef: ModuleRef,
  compiler: HandlerCompiler,
  modules: ModulesContainer,
  server: JobsServer,
) => JobsLifecycle;

function lifecycleFactory(name: string): LifecycleFactory {
  return (kernel, settings, explorer, moduleRef, compiler, modules, server) =>
    new JobsLifecycle({ kernel, settings, explorer, compiler, moduleRef, modules, server, name, logger: new Logger('JobsModule') });
}
