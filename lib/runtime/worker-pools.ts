import { readPoolSection, unknownPoolMessage } from '../config/pool-options.js';
import type { Clock, Deadline } from '../contract/clock.js';
import { JobsArgumentError } from '../contract/errors.js';
import type { Executor } from '../contract/executor.js';
import type { WorkerStat } from '../contract/kernel-admin.js';
import type { JobsLogger } from '../contract/logger.js';
import type { PipelineSettings, PoolSettings, RpcSettings, ServerSettings } from '../contract/settings.js';
import { WorkerPoolError } from '../contract/worker-errors.js';
import type { WorkerPool, WorkerPoolFactory, WorkerPoolRequest } from '../contract/worker.js';
import type { Kernel } from '../kernel/kernel.js';
import type { WorkforceAdmin } from '../kernel/workforce.js';
import { PayloadPool } from '../pool/payload-pool.js';
import { ProcessPool } from '../pool/process-pool.js';
import { WorkerHost } from '../pool/worker-host.js';
import { kernelMethods } from '../relay/methods/kernel-methods.js';
import { workerMethods } from '../relay/methods/worker-methods.js';
import { PrivateRelay } from './private-relay.js';
import { VERSION } from './version.js';
import { workerStat } from './worker-stat.js';

/** How the processes of one kind are started. */
export interface WorkerLaunch {
  readonly server: ServerSettings;
  /** Frames go over a pipe of their own: only for programs of this library. */
  readonly hasOwnPipe: boolean;
}

/** The worker processes that run jobs. */
export interface JobsWorkers {
  /** By name, at least one; pipelines that name none have the first. */
  readonly pools: ReadonlyMap<string, JobsPool>;
}

/** Worker processes of one kind. */
export interface JobsPool {
  readonly launch: WorkerLaunch;
  readonly settings: PoolSettings;
}

export interface WorkerPoolsOptions {
  readonly kernel: Kernel;
  /** Absent: there are services only. */
  readonly jobs: JobsWorkers | undefined;
  /** What services start that name no command. */
  readonly launch: () => WorkerLaunch;
  /** The server that other processes call, if there is one. */
  readonly rpc: RpcSettings | undefined;
  readonly configuration: () => unknown;
  readonly graceMs: number;
  /** The working directory of the processes; `undefined`: that of this one. */
  readonly directory: string | undefined;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  /** At least 0, below 1. */
  readonly random: () => number;
}

/** The variables by which a worker of this library calls its kernel. */
export const KERNEL_RPC_VARIABLE = 'NRR_RPC';
export const KERNEL_TOKEN_VARIABLE = 'NRR_RPC_TOKEN';

/** The worker processes of one kernel: pools for jobs, pools for services, and where all of them call the kernel. */
export class WorkerPools implements WorkerPoolFactory, WorkforceAdmin {
  readonly #options: WorkerPoolsOptions;
  #relay: PrivateRelay | undefined;
  readonly #pools = new Map<string, ProcessPool>();
  readonly #ofServices = new Set<WorkerPool>();
  /** By the text of their launch: what is started alike shares a relay and a guard. */
  readonly #hosts = new Map<string, WorkerHost>();
  readonly #jobsHosts: readonly WorkerHost[];
  #opening: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: WorkerPoolsOptions) {
    this.#options = options;
    for (const [name, { launch, settings }] of options.jobs?.pools ?? []) {
      this.#pools.set(name, new ProcessPool({ name, host: this.#hostOf(launch), settings, ...this.#shared() }));
    }
    this.#jobsHosts = [...this.#hosts.values()];
  }

  get pools(): readonly string[] {
    return [...this.#pools.keys()];
  }

  /** Its pool, or the first one. The name was checked when the pipeline was opened. */
  executorFor({ pool }: PipelineSettings): Executor {
    return (pool === undefined ? undefined : this.#pools.get(pool)) ?? [...this.#pools.values()][0]!;
  }

  /**
   * Resolves when the workers for jobs are ready.
   *
   * @throws WorkerStartError when one cannot be started; none is left then.
   */
  async start(): Promise<void> {
    await this.#open();
    for (const host of this.#jobsHosts) await host.runOnInit();
    const results = await Promise.allSettled([...this.#pools.values()].map((pool) => pool.start()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    await this.stop({ remainingMs: () => this.#options.graceMs });
    throw failed.reason;
  }

  async create({ mode, environment = {}, settings, path }: WorkerPoolRequest): Promise<WorkerPool> {
    await this.#open();
    if (this.#isStopped) throw new WorkerPoolError(mode, 'stopped');
    const { launch } = this.#options;
    const read = readPoolSection(settings, path);
    const { command } = read;
    const host = this.#hostOf(command === undefined ? launch() : { server: { command, relay: 'pipes', env: {} }, hasOwnPipe: false });
    const pool = new PayloadPool({ name: mode, mode, environment, host, settings: read, ...this.#shared() });
    this.#ofServices.add(pool);
    await pool.start();
    return pool;
  }

  async workers(name?: string): Promise<WorkerStat[]> {
    const lists = await Promise.all(
      this.#chosen(name).map(async ([pool, workers]) => (await workers.workers()).map((state) => ({ ...workerStat(state), pool }))),
    );
    return lists.flat();
  }

  async addWorker(name?: string): Promise<void> {
    await Promise.all(this.#chosen(name).map(([, pool]) => pool.addWorker()));
  }

  async removeWorker(name?: string): Promise<void> {
    await Promise.all(this.#chosen(name).map(([, pool]) => pool.removeWorker()));
  }

  async resetWorkers(name?: string): Promise<void> {
    await Promise.all(this.#chosen(name).map(([, pool]) => pool.reset()));
  }

  /** What is in the hands of workers at the deadline is given back. May be called twice. */
  async stop(deadline: Deadline): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#pools.values(), ...this.#ofServices].map((pool) => pool.stop(deadline)));
    await Promise.all([...this.#hosts.values()].map((host) => host.close()));
  }

  /** Kills all workers and removes what this process has made for them, at once: for its end. */
  kill(): void {
    for (const host of this.#hosts.values()) host.kill();
    this.#relay?.remove();
  }

  /** After `stop`. May be called twice. */
  async close(deadline: Deadline): Promise<void> {
    await this.#opening?.catch(() => undefined); // it was told by what opened it
    await this.#relay?.close(deadline);
  }

  /** All of them, or the one of this name. */
  #chosen(name: string | undefined): [string, ProcessPool][] {
    if (name === undefined) return [...this.#pools];
    const pool = this.#pools.get(name);
    if (pool === undefined) throw new JobsArgumentError(unknownPoolMessage(name, this.pools));
    return [[name, pool]];
  }

  #open(): Promise<void> {
    return (this.#opening ??= this.#listen());
  }

  #listen(): Promise<void> {
    const { kernel, configuration, clock, logger } = this.#options;
    const methods = new Map([
      ...kernelMethods({ jobs: kernel, admin: kernel.admin, version: VERSION, config: configuration }),
      ...workerMethods({ progress: (id, value) => kernel.reportProgress(id, value), logger }),
    ]);
    this.#relay = new PrivateRelay({ methods, clock, logger });
    return this.#relay.listen();
  }

  #shared(): { clock: Clock; logger: JobsLogger; random: () => number } {
    const { clock, logger, random } = this.#options;
    return { clock, logger, random };
  }

  #hostOf(launch: WorkerLaunch): WorkerHost {
    const key = JSON.stringify(launch);
    let host = this.#hosts.get(key);
    if (host === undefined) this.#hosts.set(key, (host = this.#createHost(launch)));
    return host;
  }

  #createHost({ server, hasOwnPipe }: WorkerLaunch): WorkerHost {
    const { clock, logger, graceMs, directory } = this.#options;
    return new WorkerHost({
      server,
      hasOwnPipe,
      ...(directory === undefined ? {} : { cwd: directory }),
      version: VERSION,
      clock,
      logger,
      graceMs,
      variables: () => this.#variables(server),
    });
  }

  #variables({ env }: ServerSettings): Record<string, string> {
    const { address = '', token } = this.#relay?.address ?? {};
    return {
      ...(env['RR_RPC'] === undefined ? { RR_RPC: this.#publicAddress() ?? address } : {}),
      [KERNEL_RPC_VARIABLE]: address,
      ...(token === undefined ? {} : { [KERNEL_TOKEN_VARIABLE]: token }),
    };
  }

  // What every client of RoadRunner can use: without a token and TLS. Otherwise the private one has to do.
  #publicAddress(): string | undefined {
    const { rpc, kernel } = this.#options;
    return rpc === undefined || rpc.token !== undefined || rpc.tls !== undefined ? undefined : (kernel.rpcAddress ?? rpc.listen);
  }
}
