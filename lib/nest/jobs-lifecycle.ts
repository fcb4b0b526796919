import type { Logger, OnApplicationBootstrap, OnApplicationShutdown, OnModuleDestroy, Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import type { JobContext } from '../runtime/job-context.js';
import type { HandlerCompiler } from './handler-chain.js';
import type { JobExplorer } from './job-explorer.js';
import type { JobsKernel } from './jobs-kernel.js';
import type { JobsModuleOptions } from './jobs-module-options.js';
import { withProcessMiddleware, type JobProcessMiddleware } from './middleware.js';

/** What the life cycle of one kernel is given. */
export interface JobsLifecycleOptions {
  readonly kernel: JobsKernel;
  readonly options: JobsModuleOptions;
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
    const { kernel, explorer, options, logger } = this.#options;
    this.#listeners = explorer.listen(kernel.kernel.events);
    if (kernel.role === 'producer') return;
    const middleware = (options.middleware?.process ?? []).map((one) => this.#instanceOf(one));
    await kernel.bind(
      explorer.handlers().map((found) => {
        const compiled = this.#options.compiler.compile(found.target);
        const handle = (context: JobContext): unknown => compiled(() => context.value(), context);
        return { ...found, handle: withProcessMiddleware(handle, middleware) };
      }),
    );
    if (options.autoStart === false) return;
    await kernel.start();
    const pipelines = await kernel.kernel.stat();
    const consumed = pipelines.filter(({ ready }) => ready).map(({ pipeline }) => pipeline);
    if (consumed.length > 0) logger.log(`Consuming ${consumed.map((name) => `"${name}"`).join(', ')}.`);
  }

  // Ours is destroyed first: databases are open, and handlers may push.
  async onModuleDestroy(): Promise<void> {
    await this.#options.kernel.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#options.kernel.close();
    for (const end of this.#listeners.splice(0)) end();
  }

  #instanceOf(Class: Type<JobProcessMiddleware>): JobProcessMiddleware {
    return this.#options.moduleRef.get(Class, { strict: false });
  }
}
