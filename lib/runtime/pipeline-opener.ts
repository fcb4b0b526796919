import { readDeclaration } from '../config/declaration.js';
import { pathOf } from '../config/issues.js';
import { readPipeline } from '../config/pipeline.js';
import { unknownPoolMessage } from '../config/pool-options.js';
import type { DriverRegistry } from '../contract/driver.js';
import { JobsConfigError, type ConfigIssue } from '../contract/errors.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import type { JobsLogger } from '../contract/logger.js';
import { DriverNotAvailableError, NotSupportedByDriverError } from '../contract/pipeline-errors.js';
import type { KernelSettings } from '../contract/settings.js';
import type { OpenedPipeline } from '../kernel/kernel.js';

/** Loads the driver of a declaration and reads its options. */
export class PipelineOpener {
  readonly #settings: KernelSettings;
  readonly #drivers: DriverRegistry;
  readonly #pools: readonly string[];
  readonly #logger: JobsLogger;

  /** @param pools - Names of the pools that a pipeline may choose. */
  constructor(settings: KernelSettings, drivers: DriverRegistry, pools: readonly string[], logger: JobsLogger) {
    this.#settings = settings;
    this.#drivers = drivers;
    this.#pools = pools;
    this.#logger = logger;
  }

  /** Everything that is wrong, over all pipelines of the configuration, in one error. Answers the names of those that are durable. */
  async check(declarations: ReadonlyMap<PipelineDeclaration, string>): Promise<string[]> {
    const issues: ConfigIssue[] = [];
    const durable: string[] = [];
    const names = new Set([...declarations.keys()].map(({ name }) => name));
    for (const [declaration, path] of declarations) {
      try {
        const { settings, module } = await this.open(declaration, path);
        if (module.capabilities.persistent) durable.push(declaration.name);
        const target = settings.retry.onFailure;
        if (target?.startsWith('queue:') === true && !names.has(target.slice('queue:'.length))) {
          issues.push({ path: `${path}.onFailure`, message: `"${target}" names a pipeline that is not configured. Add it under "pipelines".` });
        }
      } catch (error) {
        if (!(error instanceof JobsConfigError)) throw error;
        issues.push(...error.issues);
      }
    }
    if (issues.length > 0) throw new JobsConfigError(issues);
    return durable;
  }

  /** @param path - Where it stands in the configuration; absent for what is declared at run time. */
  async open(declaration: PipelineDeclaration, path?: string): Promise<OpenedPipeline> {
    const read = path === undefined ? readDeclaration(declaration) : declaration;
    const load = Object.hasOwn(this.#drivers, read.driver) ? this.#drivers[read.driver] : undefined;
    if (load === undefined) throw new DriverNotAvailableError(read.driver, read.name, Object.keys(this.#drivers));
    const module = await load();
    const { settings, ignored } = readPipeline(
      read,
      module.options,
      { retry: this.#settings.retry },
      path === undefined ? { lenient: true } : { path },
    );
    if (settings.pool !== undefined && !this.#pools.includes(settings.pool)) {
      const place = pathOf(path ?? pathOf('pipelines', read.name), 'pool');
      throw new JobsConfigError([{ path: place, message: unknownPoolMessage(settings.pool, this.#pools) }]);
    }
    if (ignored.length > 0) this.#logger.warn(`Pipeline "${read.name}" does not use ${ignored.map(({ key }) => `"${key}"`).join(', ')}.`);
    if (settings.retry.onFailure === 'broker' && !module.capabilities.deadLetter) {
      throw new NotSupportedByDriverError(settings.driver, "onFailure 'broker'", "Use 'store', 'drop' or 'queue:<name>'.");
    }
    return { settings, module, isDeclared: path === undefined };
  }
}
