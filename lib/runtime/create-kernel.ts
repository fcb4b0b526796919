import { readDeclaration } from '../config/declaration.js';
import type { KernelOptions } from '../config/kernel-options.js';
import { pathOf } from '../config/issues.js';
import { readPipeline } from '../config/pipeline.js';
import { readKernelOptions } from '../config/settings.js';
import { systemClock, type Clock } from '../contract/clock.js';
import type { DriverRegistry } from '../contract/driver.js';
import { DriverNotAvailableError, JobsConfigError, NotSupportedByDriverError, type ConfigIssue } from '../contract/errors.js';
import type { Executor } from '../contract/executor.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import type { JobsEventHub } from '../contract/jobs-events.js';
import { silentLogger, type JobsLogger } from '../contract/logger.js';
import type { KernelSettings, PipelineSettings, RpcSettings } from '../contract/settings.js';
import type { StateStore } from '../contract/state-store.js';
import { builtinDrivers } from '../drivers/index.js';
import { Kernel, type KernelServer, type OpenedPipeline } from '../kernel/kernel.js';
import { EmbeddedStore } from '../store/embedded.store.js';
import { MemoryStore } from '../store/memory.store.js';
import { HandlerExecutor } from './handler-executor.js';

/** What a kernel may be given instead of what it would make. @publicApi */
export interface CreateKernelParts {
  /** What runs the jobs; a function chooses by pipeline. Default: a {@link HandlerExecutor} without handlers. */
  readonly executor?: Executor | ((pipeline: PipelineSettings) => Executor);
  /** Drivers beside, or instead of, those of the library. */
  readonly drivers?: DriverRegistry;
  /** Default: what `failed.store` names. The kernel closes it. */
  readonly store?: StateStore;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: JobsLogger;
  readonly events?: JobsEventHub;
  /** What `rpc.Config` tells other processes; secrets are masked. Default: the options. */
  readonly configuration?: unknown;
}

const NO_KERNEL = 'It pushes to a kernel elsewhere, so there is none to make here. Use connectJobs(), or give "rpc.listen" to be called.';

/**
 * Makes a kernel with its pipelines declared; `start()` opens `rpc.listen` and lets it consume.
 *
 * @throws JobsConfigError with everything that is wrong in `options`.
 * @throws PackageMissingError when a driver or the failed store needs a package that is not installed.
 * @throws DriverNotAvailableError when a pipeline asks for a driver that is not there.
 * @example
 * const kernel = await createKernel({ pipelines: { emails: { driver: 'memory' } } }, { executor: handlers });
 * await kernel.start();
 * await new Jobs(kernel).connect('emails').push('email.send', { to: 'ada@example.com' });
 *
 * @publicApi
 */
export async function createKernel(options: KernelOptions, parts: CreateKernelParts = {}): Promise<Kernel> {
  const { settings, declarations, consume, rpc } = readKernelOptions(options);
  if (rpc?.target !== undefined) throw new JobsConfigError([{ path: 'rpc.connect', message: NO_KERNEL }]);
  const { clock = systemClock, logger = silentLogger, configuration = options } = parts;
  const consumed = new Set(consume ?? declarations.map(({ name }) => name));
  const opener = new PipelineOpener(settings, { ...builtinDrivers, ...parts.drivers }, logger);
  const configured = new Map(declarations.map((declaration) => [declaration, pathOf('pipelines', declaration.name)]));
  const durable = await opener.check(configured);
  const { executor = new HandlerExecutor({ logger }) } = parts;
  const isDurable = durable.some((name) => consumed.has(name));
  const serverOf = rpc === undefined ? undefined : await loadServer(rpc.listen, clock, logger, configuration);
  const store = parts.store ?? (await openStore(settings, isDurable, clock, logger));
  const kernel = new Kernel({
    settings,
    clock,
    logger,
    store,
    ...(parts.events === undefined ? {} : { events: parts.events }),
    executorFor: typeof executor === 'function' ? executor : () => executor,
    open: (declaration) => opener.open(declaration, configured.get(declaration)),
    consumes: (pipeline) => consumed.has(pipeline),
    ...(serverOf === undefined ? {} : { serverOf }),
  });
  try {
    for (const declaration of declarations) await kernel.declare(declaration);
  } catch (error) {
    await kernel.close();
    throw error;
  }
  return kernel;
}

// Loaded when it is used: most kernels are alone in their process.
async function loadServer(
  settings: RpcSettings,
  clock: Clock,
  logger: JobsLogger,
  configuration: unknown,
): Promise<(kernel: Kernel) => KernelServer> {
  const { createKernelServer } = await import('./kernel-server.js');
  return (kernel) => createKernelServer(kernel, { settings, clock, logger, config: () => configuration });
}

/** @param isDurable - A consumed pipeline outlives the process: so do its failed jobs. */
async function openStore({ failed, dataDir }: KernelSettings, isDurable: boolean, clock: Clock, logger: JobsLogger): Promise<StateStore> {
  const kind = failed.store ?? (isDurable ? 'embedded' : 'memory');
  return kind === 'embedded' ? EmbeddedStore.open({ dataDir, clock, logger }) : new MemoryStore(clock, logger);
}

/** Loads the driver of a declaration and reads its options. */
class PipelineOpener {
  readonly #settings: KernelSettings;
  readonly #drivers: DriverRegistry;
  readonly #logger: JobsLogger;

  constructor(settings: KernelSettings, drivers: DriverRegistry, logger: JobsLogger) {
    this.#settings = settings;
    this.#drivers = drivers;
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
    if (ignored.length > 0) this.#logger.warn(`Pipeline "${read.name}" does not use ${ignored.map((key) => `"${key}"`).join(', ')}.`);
    if (settings.retry.onFailure === 'broker' && !module.capabilities.deadLetter) {
      throw new NotSupportedByDriverError(settings.driver, "onFailure 'broker'", "Use 'store', 'drop' or 'queue:<name>'.");
    }
    return { settings, module, isDeclared: path === undefined };
  }
}
