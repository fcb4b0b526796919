import { randomInt } from 'node:crypto';
import { pathOf } from '../config/issues.js';
import type { PoolConfiguration } from '../config/pool-options.js';
import type { Clock } from '../contract/clock.js';
import { JobsConfigError } from '../contract/errors.js';
import type { Executor } from '../contract/executor.js';
import type { JobsLogger } from '../contract/logger.js';
import type { PipelineSettings, PoolSettings, RpcSettings, ServerSettings } from '../contract/settings.js';
import type { ServiceEntry } from '../host/service-host.js';
import type { Kernel } from '../kernel/kernel.js';
import { ownProgram } from './own-program.js';
import { KernelWorkforce } from './workforce.js';
import type { JobsWorkers, WorkerLaunch, WorkerPools, WorkerPoolsOptions } from './worker-pools.js';

/** Worker processes as a `.rr.yaml` has them. @publicApi */
export interface WorkersConfiguration {
  /** How they are started; absent: only services have workers, each by a command of its own. */
  readonly server?: ServerSettings;
  /** Those of the pipelines that name no pool. */
  readonly pool?: PoolSettings;
  /** By name, instead of `pool`: pipelines choose one by their key `pool`, or have the first. */
  readonly pools?: ReadonlyMap<string, PoolSettings>;
  /** The working directory of the processes. Default: that of this one. */
  readonly directory?: string;
}

/** The options of a kernel that say what runs jobs. */
export interface PoolChoice {
  readonly pool: PoolConfiguration | undefined;
  readonly pools: ReadonlyMap<string, PoolConfiguration>;
}

export interface KernelWorkersOptions {
  /** `undefined`: there are no workers for jobs. */
  readonly jobs: JobsWorkers | undefined;
  /** What services start that name no command. */
  readonly launch: () => WorkerLaunch;
  readonly services: readonly ServiceEntry[];
  readonly rpc: RpcSettings | undefined;
  readonly configuration: () => unknown;
  readonly graceMs: number;
  /** `undefined`: that of this process. */
  readonly directory: string | undefined;
  readonly clock: Clock;
  readonly logger: JobsLogger;
}

/** Of the workers: the name of the kernel of Nest that they belong to. */
export const KERNEL_VARIABLE = 'NRR_KERNEL';
const DEFAULT_POOL = 'jobs';
/** Of chance between 0 and 1. */
const STEPS = 1_000_000;
const IN_A_WORKER =
  'This process is a worker itself, as RR_MODE says; workers of its own would start workers without end. ' +
  'Serve jobs here: by JobsModule in the role "auto", or by serveJobs().';

/** The workers of one kernel, to be made when it is. */
export class KernelWorkers {
  readonly #options: KernelWorkersOptions;
  readonly #load: () => Promise<typeof import('./worker-pools.js')>;
  #module: typeof import('./worker-pools.js') | undefined;
  #pools: WorkerPools | undefined;

  private constructor(options: KernelWorkersOptions) {
    this.#options = options;
    this.#load = () => import('./worker-pools.js'); // most kernels start no process
  }

  static async open(options: KernelWorkersOptions): Promise<KernelWorkers> {
    const workers = new KernelWorkers(options);
    if (options.jobs !== undefined) workers.#module = await workers.#load();
    return workers;
  }

  /** False: jobs run in this process. */
  get runJobs(): boolean {
    return this.#options.jobs !== undefined;
  }

  executorFor(pipeline: PipelineSettings): Executor {
    return this.#pools!.executorFor(pipeline); // a kernel declares its pipelines after it has made its workforce
  }

  workforceOf(kernel: Kernel): KernelWorkforce {
    const { services, clock, logger } = this.#options;
    const options = this.#poolsOptions(kernel);
    this.#pools = this.#module === undefined ? undefined : new this.#module.WorkerPools(options);
    return new KernelWorkforce({
      pools: this.#pools,
      loadPools: async () => new (await this.#load()).WorkerPools(options),
      services,
      onFailure: (error) => kernel.events.events.error?.({ error }),
      clock,
      logger,
    });
  }

  #poolsOptions(kernel: Kernel): WorkerPoolsOptions {
    const { services: _apart, ...shared } = this.#options;
    return { ...shared, kernel, random: () => randomInt(STEPS) / STEPS };
  }
}

/**
 * The workers that a `.rr.yaml` describes; `undefined` when it has none for jobs.
 *
 * @param kernel - Told to the workers.
 * @throws JobsConfigError when this process is a worker itself.
 */
export function configuredWorkers({ server, pool, pools = new Map() }: WorkersConfiguration, kernel: string | undefined): JobsWorkers | undefined {
  if (server === undefined) return undefined;
  refuseInWorker('server');
  const launch = serverLaunch(server, kernel);
  const all = pools.size > 0 ? pools : new Map(pool === undefined ? [] : [[DEFAULT_POOL, pool]]);
  return all.size === 0 ? undefined : { pools: new Map([...all].map(([name, settings]) => [name, { launch, settings }])) };
}

/**
 * The workers that the options `pool` and `pools` describe; `undefined` when they describe none.
 *
 * @param kernel - Told to the workers.
 * @throws JobsConfigError when this process is a worker itself, or runs no file that they could run.
 */
export function optionWorkers({ pool, pools }: PoolChoice, kernel: string | undefined): JobsWorkers | undefined {
  const all = pools.size > 0 ? pools : new Map(pool === undefined ? [] : [[DEFAULT_POOL, pool]]);
  if (all.size === 0) return undefined;
  const pathOfPool = (name: string): string => (pools.size > 0 ? pathOf('pools', name) : 'pool');
  refuseInWorker(pools.size > 0 ? 'pools' : 'pool');
  const made = [...all].map(([name, { settings, ...program }]) => {
    const { command } = settings;
    const launch =
      command === undefined
        ? ownLaunch(program, kernel, pathOfPool(name))
        : { server: { command, relay: 'pipes', env: program.env }, hasOwnPipe: false };
    return [name, { launch, settings }] as const;
  });
  return { pools: new Map(made) };
}

/**
 * The program of this process, again.
 *
 * @param path - Where its settings stand, for errors.
 */
export function ownLaunch(pool: Pick<PoolConfiguration, 'entry' | 'module' | 'env'>, kernel: string | undefined, path = 'pool'): WorkerLaunch {
  const { command, env } = ownProgram(pool, path);
  return { server: { command, relay: 'pipes', env: { ...pool.env, ...env, ...nameVariable(kernel) } }, hasOwnPipe: true };
}

/** What `server` starts. */
export function serverLaunch(server: ServerSettings, kernel: string | undefined): WorkerLaunch {
  return { server: { ...server, env: { ...server.env, ...nameVariable(kernel) } }, hasOwnPipe: false };
}

function nameVariable(kernel: string | undefined): Record<string, string> {
  return kernel === undefined ? {} : { [KERNEL_VARIABLE]: kernel };
}

function refuseInWorker(path: string): void {
  if ((process.env['RR_MODE'] ?? '') !== '') throw new JobsConfigError([{ path, message: IN_A_WORKER }]);
}
