import type { ConfigurableModuleAsyncOptions, Provider, Type } from '@nestjs/common';
import type { KernelOptions } from '../config/kernel-options.js';
import type { Clock } from '../contract/clock.js';
import type { DriverRegistry } from '../contract/driver.js';
import type { KernelDispatcher, KernelService } from '../contract/service.js';
import type { JobHandlerOptions } from './decorators/job-handler.decorator.js';
import type { JobProcessMiddleware, JobPushMiddleware } from './middleware.js';

/** What this process does. @publicApi */
export type JobsRole = 'auto' | 'producer' | 'kernel' | 'worker';

/**
 * Options of `JobsModule.forRoot`: those of the kernel, and what concerns Nest.
 *
 * @publicApi
 */
export interface JobsModuleOptions extends KernelOptions {
  /**
   * The path of a `.rr.yaml` with the settings of the kernel, relative to the working directory; paths inside it are relative to its folder. Of
   * the options of the kernel only those that RoadRunner does not have may stand beside it: `maxBytes`, `maxPayload`, `maxCrashes`, `grace`,
   * `retry`, `failed`, `shutdown` and `dataDir`, each in one of the two places. Without `server.command` in the file the handlers of this process
   * run the jobs; with it, the worker processes. Queues to inject are named in `forFeature`. A worker does not read it.
   *
   * Default: no file is read.
   */
  readonly configFile?: string;
  /**
   * `kernel` runs the jobs of the pipelines it consumes. `producer` only pushes, binds no handler and opens no `rpc.listen`. `auto` is
   * `producer` with `rpc.connect` and `kernel` without, unless the environment variable `JOBS_ROLE` says otherwise. `worker` serves a kernel that spawned
   * this process; `auto` is a worker in such a process, which `RR_MODE` tells.
   *
   * Default: `'auto'`.
   */
  readonly role?: JobsRole;
  /** False waits for `JobsKernel.start()` instead of consuming as soon as the application is ready. Default: `true`. */
  readonly autoStart?: boolean;
  /**
   * Settings of handlers by the name of their job, as the decorator has it, over those of the decorator: for what differs between
   * deployments. A name that no handler has is an error.
   */
  readonly handlers?: Readonly<Record<string, Omit<JobHandlerOptions, 'default' | 'kernel'>>>;
  /** Classes of the application around every push and every run. */
  readonly middleware?: JobsMiddlewareOptions;
  /** Drivers beside those of the library, by name. */
  readonly drivers?: DriverRegistry;
  /** The source of time, for tests. Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Other sources of work: what makes payloads and gives them to workers of its own. Only a kernel runs them. Default: none. */
  readonly services?: readonly (KernelService | Type<KernelService> | ServiceOption)[];
  /** What serves those sources in the processes that they spawn, beside the providers marked with `@Dispatcher()`. Default: none. */
  readonly dispatchers?: readonly (KernelDispatcher | Type<KernelDispatcher>)[];
}

/** A service with its section of the configuration. @publicApi */
export interface ServiceOption {
  /** An object, or a class: of a provider, or one that the container makes. */
  readonly service: KernelService | Type<KernelService>;
  /** What its `init` is given. */
  readonly config?: unknown;
}

/** Each class is a provider of any module; the first one is the outermost. @publicApi */
export interface JobsMiddlewareOptions {
  readonly push?: readonly Type<JobPushMiddleware>[];
  readonly process?: readonly Type<JobProcessMiddleware>[];
}

/** A class that makes the options, for `forRootAsync({ useClass })` and `forRootAsync({ useExisting })`. @publicApi */
export interface JobsOptionsFactory {
  createJobsOptions(): JobsModuleOptions | Promise<JobsModuleOptions>;
}

/** What is known before the options are. @publicApi */
export interface JobsModuleExtras {
  /** Whether other modules see it without importing it. Default: `true`. */
  readonly isGlobal?: boolean;
  /** The name of the kernel, when an application has several. Default: the kernel without a name. */
  readonly name?: string;
}

/** Where `forRootAsync` gets its options from: one of `useFactory`, `useClass` and `useExisting`. @publicApi */
export interface JobsModuleAsyncOptions extends ConfigurableModuleAsyncOptions<JobsModuleOptions, 'createJobsOptions'>, JobsModuleExtras {
  /** Providers of the module itself, for what the factory injects. */
  readonly extraProviders?: readonly Provider[];
}
