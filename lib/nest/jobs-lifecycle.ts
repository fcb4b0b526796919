import type { Logger, OnApplicationBootstrap, OnApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import type { JobContext } from '../runtime/job-context.js';
import { withFinalErrors, type BoundHandler } from './bound-handler.js';
import type { HandlerCompiler } from './handler-chain.js';
import type { FoundHandler, JobExplorer } from './job-explorer.js';
import type { JobsKernel } from './jobs-kernel.js';
import { middlewareOf, withProcessMiddleware, type JobProcessMiddleware } from './middleware.js';
import type { ModuleSettings } from './module-settings.js';

/** What the life cycle of one kernel is given. */
export interface JobsLifecycleOptions {
  readonly kernel: JobsKernel;
  readonly settings: ModuleSettings;
  readonly explorer: JobExplorer;
  readonly compiler: HandlerCompiler;
  readonly moduleRef: ModuleRef;
  readonly logger: Logger;
}

/**
 * Joins a kernel with the life of the application: handlers are bound and jobs consumed when everything else is ready;
 * running jobs end while everything else is still open; drivers close last.
 */
export class JobsLifecycle implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  readonly #options: JobsLifecycleOptions;
  #listeners: (() => void)[] = [];

  constructor(options: JobsLifecycleOptions) {
    this.#options = options;
  }

  async onApplicationBootstrap(): Promise<void> {
    const { kernel, explorer, settings, moduleRef } = this.#options;
    this.#listeners = explorer.listen(kernel.events);
    middlewareOf(moduleRef, 'middleware.push', settings.middleware.push); // a missing one is an error of the boot, not of the first push
    if (kernel.role === 'producer') return this.#logProducer();
    const middleware = middlewareOf(moduleRef, 'middleware.process', settings.middleware.process);
    await kernel.bind(explorer.handlers().map((found) => this.#bound(found, middleware)));
    if (!settings.autoStart) return;
    await kernel.start();
    await this.#logConsumed();
  }

  // Ours is destroyed first: databases are open, and handlers may push.
  async onModuleDestroy(): Promise<void> {
    await this.#options.kernel.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#options.kernel.close();
    for (const end of this.#listeners.splice(0)) end();
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
    const consumed = (await kernel.api.stat()).filter(({ ready }) => ready).map(({ pipeline }) => `"${pipeline}"`);
    if (consumed.length > 0) logger.log(`Consuming ${consumed.join(', ')}.`);
  }
}
