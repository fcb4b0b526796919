import type { Logger, OnApplicationBootstrap, OnApplicationShutdown, OnModuleDestroy, Type } from '@nestjs/common';
import type { ModuleRef, ModulesContainer } from '@nestjs/core';
import type { PoolOptions } from '../config/kernel-options.js';
import { ServiceFailedError } from '../contract/errors.js';
import { KernelEnvironment } from '../contract/kernel-environment.js';
import type { JobsEventMap } from '../contract/jobs-events.js';
import type { KernelDispatcher, KernelService } from '../contract/service.js';
import { messageOf } from '../contract/thrown.js';
import type { JobContext } from '../runtime/job-context.js';
import { endQuietBoot } from './boot-log.js';
import { withFinalErrors, type BoundHandler } from './bound-handler.js';
import type { HandlerCompiler } from './handler-chain.js';
import type { FoundHandler, JobExplorer } from './job-explorer.js';
import type { JobsKernel } from './jobs-kernel.js';
import type { JobsServer } from './jobs-server.js';
import { middlewareOf, withProcessMiddleware, type JobProcessMiddleware } from './middleware.js';
import type { ModuleSettings } from './module-settings.js';
import { KERNEL_VARIABLE } from '../runtime/kernel-workers.js';
import { retryFinder } from './retry-finder.js';
import { DEFAULT_KERNEL, getKernelToken } from './tokens.js';
import { endProcess } from './process-end.js';

/** What the life cycle of one kernel is given. */
export interface JobsLifecycleOptions {
  readonly kernel: JobsKernel;
  readonly settings: ModuleSettings;
  readonly explorer: JobExplorer;
  readonly compiler: HandlerCompiler;
  readonly moduleRef: ModuleRef;
  readonly modules: ModulesContainer;
  readonly server: JobsServer;
  readonly logger: Logger;
  /** Of the kernel; the kernel that spawned this process asks for it by its name. */
  readonly name: string;
}

/**
 * Joins a kernel with the life of the application: handlers are bound and jobs consumed when everything else is ready;
 * running jobs end while everything else is still open; drivers close last. In a process that a kernel spawned, it serves that kernel instead,
 * and ends the process: the application never gets as far as opening its ports.
 */
export class JobsLifecycle implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  readonly #options: JobsLifecycleOptions;
  #listeners: (() => void)[] = [];
  #serving: Promise<number> | undefined;
  #isShutDown = false;
  /** Is told the signal that ends the application; none at an `app.close()`. */
  readonly #shutDown: Promise<string | undefined>;
  #tellShutDown: (signal: string | undefined) => void = () => {};

  constructor(options: JobsLifecycleOptions) {
    this.#options = options;
    this.#shutDown = new Promise((tell) => (this.#tellShutDown = tell));
  }

  // What has begun is ended: nobody will call the hooks of an application whose start failed.
  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.#boot();
    } catch (error) {
      const { kernel, logger } = this.#options;
      await kernel.close({ timeoutMs: 0, graceMs: 0 }).catch((cause: unknown) => logger.error(notInOrder(cause)));
      throw error;
    }
  }

  // Ours is destroyed first: databases are open, and handlers may push.
  async onModuleDestroy(): Promise<void> {
    this.#isShutDown = true;
    await this.#options.kernel.stop();
    await this.#serving;
  }

  async onApplicationShutdown(signal?: string): Promise<void> {
    this.#tellShutDown(signal);
    const { kernel, logger } = this.#options;
    await kernel.close();
    for (const end of this.#listeners.splice(0)) end();
    await kernel.finalizer.finalize(true).catch((error: unknown) => logger.error(`Not all finalizers ran to their end: ${messageOf(error)}`));
  }

  async #boot(): Promise<void> {
    const { kernel, explorer, settings, moduleRef } = this.#options;
    this.#listeners = [...explorer.listen(kernel.events), kernel.events.on('error', (event) => this.#onError(event))];
    middlewareOf(moduleRef, 'middleware.push', settings.middleware.push); // a missing one is an error of the boot, not of the first push
    if (kernel.role === 'producer') return this.#logProducer();
    const middleware = middlewareOf(moduleRef, 'middleware.process', settings.middleware.process);
    await this.#addParts(); // before the handlers are bound: where a start was asked for, it comes with them
    await kernel.bind(explorer.handlers().map((found) => this.#bound(found, middleware)));
    if (kernel.role === 'worker') return this.#serveAndEnd();
    if (!settings.autoStart) return;
    try {
      await kernel.start();
    } finally {
      if (this.#isShutDown) await this.#endedMeanwhile();
    }
    if (!this.#isShutDown) await this.#logConsumed();
  }

  // Nest would tell that the application has started, or failed to, and it would open its ports: the signal ends the process.
  async #endedMeanwhile(): Promise<void> {
    if ((await this.#shutDown) !== undefined) return new Promise(() => {});
  }

  /** Services and dispatchers of the options, and the dispatchers among the providers. That for jobs is asked last. */
  async #addParts(): Promise<void> {
    const { kernel, settings, explorer, server } = this.#options;
    const dispatchers = await Promise.all(settings.dispatchers.map((one) => this.#instanceOf(one)));
    const found = explorer.dispatchers().filter((one) => !dispatchers.includes(one));
    for (const dispatcher of [...dispatchers, ...found, server]) kernel.addDispatcher(dispatcher);
    if (kernel.role !== 'kernel') return;
    for (const { service, config } of settings.services) kernel.addService(await this.#instanceOf(service), config);
  }

  /** A provider of the application, or one that is made for it. */
  async #instanceOf<T extends KernelService | KernelDispatcher>(given: T | Type<T>): Promise<T> {
    if (typeof given !== 'function') return given;
    const { moduleRef } = this.#options;
    try {
      return moduleRef.get<T>(given, { strict: false });
    } catch {
      return moduleRef.create<T>(given); // it is no provider
    }
  }

  #onError({ error, queue }: JobsEventMap['error']): void {
    if (error instanceof ServiceFailedError) void this.#endApplication(error);
    // What concerns a queue is in the log already; what does not was thrown by a listener.
    else if (queue === undefined) this.#options.logger.error(`A listener of an event failed: ${error.message}`, error.stack);
  }

  /**
   * As RoadRunner: a source of work that was asked for and cannot go on ends the program, so that its supervisor starts it anew. Running jobs end
   * first. Where the application listens to signals it ends as at any other one. Where nobody does, the hooks are run here: the signal would end
   * the process without them, and some supervisors take that for an orderly end.
   */
  async #endApplication(failure: ServiceFailedError): Promise<void> {
    const { kernel, logger, modules } = this.#options;
    logger.error(`${failure.message}. The application ends when its running jobs have ended.`, failure.stack);
    try {
      await kernel.stop();
      await kernel.close();
    } catch (error) {
      logger.error(notInOrder(error));
    }
    process.exitCode = 1;
    if (process.listenerCount('SIGTERM') === 0) return endProcess(modules, 1, (error) => this.#logHookError(error));
    process.kill(process.pid, 'SIGTERM');
  }

  /** Does not come back: what stands behind the start of the application is not for workers. */
  async #serveAndEnd(): Promise<void> {
    const { modules, name } = this.#options;
    const hasDefault = [...modules.values()].some(({ providers }) => providers.has(getKernelToken(DEFAULT_KERNEL)));
    const asked = process.env[KERNEL_VARIABLE] ?? (hasDefault ? DEFAULT_KERNEL : name);
    if (asked !== name) return; // it is the process of another kernel of this application
    this.#warnOfForeignKernel();
    endQuietBoot();
    const exitCode = await (this.#serving = this.#serve());
    // Nest is at its hooks already, at a signal, and ends the process itself.
    if (this.#isShutDown) return new Promise(() => {});
    return endProcess(modules, exitCode, (error) => this.#logHookError(error));
  }

  #logHookError(error: unknown): void {
    this.#options.logger.error(`A hook failed while the application ended: ${messageOf(error)}`);
  }

  async #serve(): Promise<number> {
    const { kernel, logger } = this.#options;
    try {
      await kernel.serve();
      return 0;
    } catch (error) {
      logger.error(`This worker cannot serve: ${messageOf(error)}`, error instanceof Error ? error.stack : undefined);
      return 1;
    }
  }

  #warnOfForeignKernel(): void {
    const { kernel, logger, explorer, server, settings } = this.#options;
    if (!kernel.countsAttempts || !server.canServe(new KernelEnvironment(process.env))) return;
    const retryOf = retryFinder(settings.kernel);
    const unsafe = explorer
      .handlers()
      .filter(({ options: { onFailure, queue = '' } }) => !(onFailure ?? retryOf(queue).onFailure).startsWith('queue:'));
    if (unsafe.length === 0) return;
    logger.warn(
      `The kernel of this worker keeps no failed jobs: those of ${unsafe.map(({ label }) => label).join(', ')} are gone after their last run. ` +
        `Set onFailure: 'queue:<name>' there, or use a kernel of this library.`,
    );
  }

  #bound({ target, ...found }: FoundHandler, middleware: readonly JobProcessMiddleware[]): BoundHandler {
    const compiled = this.#options.compiler.compile(target);
    const handle = (context: JobContext): unknown => compiled(() => context.value(), context);
    return { ...found, options: withFinalErrors(found.options), handle: withProcessMiddleware(handle, middleware) };
  }

  #logProducer(): void {
    const { kernel, logger } = this.#options;
    if (kernel.connectedTo !== undefined) logger.log(`Pushing to the kernel at ${kernel.connectedTo}. No handler is bound here.`);
  }

  async #logConsumed(): Promise<void> {
    const { kernel, logger } = this.#options;
    if (kernel.rpcAddress !== undefined) logger.log(`Open to other processes at ${kernel.rpcAddress}.`);
    if (kernel.services.length > 0) logger.log(`Services: ${kernel.services.join(', ')}.`);
    await this.#logWorkers();
    try {
      const consumed = (await kernel.api.stat()).filter(({ ready }) => ready).map(({ pipeline }) => `"${pipeline}"`);
      if (consumed.length > 0) logger.log(`Consuming ${consumed.join(', ')}.`);
    } catch (error) {
      logger.warn(`Jobs are consumed, but a broker did not tell the state of its queue: ${messageOf(error)}`);
    }
  }

  async #logWorkers(): Promise<void> {
    const { kernel, logger } = this.#options;
    for (const [name, options] of this.#programs()) {
      const { length } = await kernel.admin.workers(name);
      const which = name === undefined ? 'Jobs' : `Jobs of pool "${name}"`;
      logger.log(`${which} run in ${length} worker process${length === 1 ? '' : 'es'} of ${programOf(options)}, not in this one.`);
    }
  }

  /** What the workers run, by the name of their pool. */
  #programs(): (readonly [name: string | undefined, program: WorkerProgram])[] {
    const { pool, pools = {} } = this.#options.settings.kernel;
    const { server, ...ofFile } = this.#options.settings.fileParts.workers ?? {};
    if (server !== undefined) {
      const named = [...(ofFile.pools ?? [])];
      const all = named.length > 0 ? named : ([[undefined, ofFile.pool]] as const);
      return all.map(([name, settings]) => [name, { command: settings?.command ?? server.command }]);
    }
    return pool === undefined ? Object.entries(pools) : [[undefined, pool]];
  }
}

type WorkerProgram = Pick<PoolOptions, 'command' | 'module' | 'entry'>;

function notInOrder(error: unknown): string {
  return `The kernel did not stop in order: ${messageOf(error)}`;
}

function programOf({ command, module, entry }: WorkerProgram): string {
  const written = typeof command === 'string' ? command : command?.join(' ');
  return JSON.stringify(written ?? module ?? entry ?? process.argv[1]);
}
