import { pathOf } from '../config/issues.js';
import type { KernelOptions } from '../config/kernel-options.js';
import type { PoolConfiguration } from '../config/pool-options.js';
import { readKernelOptions } from '../config/settings.js';
import { systemClock, type Clock } from '../contract/clock.js';
import type { DriverRegistry } from '../contract/driver.js';
import { JobsConfigError } from '../contract/errors.js';
import type { Executor } from '../contract/executor.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import type { JobsEventHub } from '../contract/jobs-events.js';
import { silentLogger, type JobsLogger } from '../contract/logger.js';
import type { KernelSettings, PipelineSettings, RpcSettings } from '../contract/settings.js';
import type { StateStore } from '../contract/state-store.js';
import { builtinDrivers } from '../drivers/index.js';
import type { ServiceEntry } from '../host/service-host.js';
import { Kernel, type KernelParts } from '../kernel/kernel.js';
import { EmbeddedStore } from '../store/embedded.store.js';
import { MemoryStore } from '../store/memory.store.js';
import { HandlerExecutor } from './handler-executor.js';
import type { KernelServerParts } from './kernel-server.js';
import {
  configuredWorkers,
  KernelWorkers,
  optionWorkers,
  ownLaunch,
  serverLaunch,
  type PoolChoice,
  type WorkersConfiguration,
} from './kernel-workers.js';
import { PipelineOpener } from './pipeline-opener.js';
import type { JobsWorkers, WorkerLaunch } from './worker-pools.js';
import type { KernelWorkforce } from './workforce.js';

/** What a kernel may be given instead of what it would make. @publicApi */
export interface CreateKernelParts {
  /** What runs the jobs; a function chooses by pipeline. Default: the worker processes, or a {@link HandlerExecutor} without handlers. */
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
  /** What all pipelines of a driver share, as `.rr.yaml` was read, by the driver's name. Default: what the options say. */
  readonly brokers?: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Worker processes as a `.rr.yaml` has them. Default: those of the options `pool` and `pools`. */
  readonly workers?: WorkersConfiguration;
  /** Other sources of work, with their sections. Default: none. */
  readonly services?: readonly ServiceEntry[];
  /** The name of the kernel, told to its workers. Default: none. */
  readonly name?: string;
}

/** Of a pool: as many jobs as its workers take at once. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const NO_COMMAND = 'The section is missing, and a service names no command for its workers. Give it "workers: { command: … }", or add "server".';
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
  const { settings: read, declarations, consume, rpc, pool, pools } = readKernelOptions(options);
  if (rpc?.target !== undefined) throw new JobsConfigError([{ path: 'rpc.connect', message: NO_KERNEL }]);
  const { clock = systemClock, logger = silentLogger, configuration = options } = parts;
  const consumed = new Set(consume ?? declarations.map(({ name }) => name));
  const jobs = parts.executor === undefined ? workersOf(parts, { pool, pools }) : undefined;
  const settings = {
    ...read,
    ...(parts.brokers === undefined ? {} : { brokers: { ...read.brokers, ...Object.fromEntries(parts.brokers) } }),
    ...(jobs === undefined || options.numPollers !== undefined ? {} : { numPollers: NO_LIMIT }),
  };
  const poolNames = [...(parts.workers === undefined ? pools.keys() : (parts.workers.pools?.keys() ?? []))];
  const opener = new PipelineOpener(settings, { ...builtinDrivers, ...parts.drivers }, poolNames, logger);
  const configured = new Map(declarations.map((declaration) => [declaration, pathOf('pipelines', declaration.name)]));
  const durable = await opener.check(configured);
  const isDurable = durable.some((name) => consumed.has(name));
  let workforce: KernelWorkforce | undefined;
  const config = (): unknown => configuration;
  const server = await serverOf(rpc?.listen, { clock, logger, config, services: () => workforce?.services ?? [] });
  const workers = await KernelWorkers.open({
    jobs,
    launch: () => launchOf(parts, pool ?? [...pools.values()][0]),
    services: parts.services ?? [],
    rpc: rpc?.listen,
    configuration: config,
    graceMs: settings.graceMs,
    directory: parts.workers?.directory,
    clock,
    logger,
  });
  const store = parts.store ?? (await openStore(settings, isDurable, clock, logger));
  const executorFor = executorOf(parts, workers, logger);
  return openKernel(declarations, {
    settings,
    clock,
    logger,
    store,
    ...(parts.events === undefined ? {} : { events: parts.events }),
    executorFor,
    open: (declaration) => opener.open(declaration, configured.get(declaration)),
    consumes: (pipeline) => consumed.has(pipeline),
    workforceOf: (made) => (workforce = workers.workforceOf(made)),
    ...server,
  });
}

/** Leaves nothing open when the kernel cannot be made or has a pipeline that cannot be declared. */
async function openKernel(declarations: readonly PipelineDeclaration[], parts: KernelParts): Promise<Kernel> {
  let kernel: Kernel | undefined;
  try {
    kernel = new Kernel(parts);
    for (const declaration of declarations) await kernel.declare(declaration);
    return kernel;
  } catch (error) {
    await (kernel ?? parts.store).close();
    throw error;
  }
}

/** How the kernel is opened to other processes, if it is to be. */
async function serverOf(settings: RpcSettings | undefined, parts: Omit<KernelServerParts, 'settings'>): Promise<Pick<KernelParts, 'serverOf'>> {
  if (settings === undefined) return {};
  const { createKernelServer } = await import('./kernel-server.js'); // most kernels are alone in their process
  return { serverOf: (kernel) => createKernelServer(kernel, { settings, ...parts }) };
}

function workersOf({ workers, name }: CreateKernelParts, choice: PoolChoice): JobsWorkers | undefined {
  return workers === undefined ? optionWorkers(choice, name) : configuredWorkers(workers, name);
}

/** What services start that name no command. */
function launchOf({ workers, name }: CreateKernelParts, pool: PoolConfiguration | undefined): WorkerLaunch {
  if (workers === undefined) return ownLaunch(pool ?? { env: {} }, name);
  if (workers.server !== undefined) return serverLaunch(workers.server, name);
  throw new JobsConfigError([{ path: 'server', message: NO_COMMAND }]);
}

function executorOf({ executor }: CreateKernelParts, workers: KernelWorkers, logger: JobsLogger): (pipeline: PipelineSettings) => Executor {
  if (typeof executor === 'function') return executor;
  if (workers.runJobs) return (pipeline) => workers.executorFor(pipeline);
  const only = executor ?? new HandlerExecutor({ logger });
  return () => only;
}

/** @param isDurable - A consumed pipeline outlives the process: so do its failed jobs. */
async function openStore({ failed, dataDir }: KernelSettings, isDurable: boolean, clock: Clock, logger: JobsLogger): Promise<StateStore> {
  const kind = failed.store ?? (isDurable ? 'embedded' : 'memory');
  return kind === 'embedded' ? EmbeddedStore.open({ dataDir, clock, logger }) : new MemoryStore(clock, logger);
}
