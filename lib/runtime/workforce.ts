import type { Clock, Deadline } from '../contract/clock.js';
import { NotSupportedByKernelError, type ServiceFailedError } from '../contract/errors.js';
import { KernelEnvironment } from '../contract/kernel-environment.js';
import type { JobsLogger } from '../contract/logger.js';
import type { KernelService, KernelServiceContext } from '../contract/service.js';
import { WorkerPoolError } from '../contract/worker-errors.js';
import type { WorkerPool, WorkerPoolRequest } from '../contract/worker.js';
import { ServiceHost, type ServiceEntry } from '../host/service-host.js';
import type { Workforce, WorkforceAdmin } from '../kernel/workforce.js';
import type { WorkerPools } from './worker-pools.js';

export interface KernelWorkforceOptions {
  /** The workers for jobs; absent: jobs run in this process. */
  readonly pools: WorkerPools | undefined;
  /** Loads and makes what has processes, where services need it and jobs do not. */
  loadPools(): Promise<WorkerPools>;
  readonly services: readonly ServiceEntry[];
  /** Is told at once when a service cannot go on. */
  onFailure(error: ServiceFailedError): void;
  readonly clock: Clock;
  readonly logger: JobsLogger;
}

/** Worker processes and services of a kernel. What starts processes is loaded when the first one is asked for. */
export class KernelWorkforce implements Workforce {
  readonly #options: KernelWorkforceOptions;
  readonly #entries: ServiceEntry[];
  #pools: Promise<WorkerPools> | undefined;
  #made: WorkerPools | undefined;
  #services: ServiceHost | undefined;
  #isStopped = false;

  constructor(options: KernelWorkforceOptions) {
    this.#options = options;
    this.#entries = [...options.services];
    this.#made = options.pools;
    if (options.pools !== undefined) this.#pools = Promise.resolve(options.pools);
  }

  get admin(): WorkforceAdmin | undefined {
    return this.#options.pools;
  }

  /** All services that were added; those that take no part have no workers. */
  get services(): readonly KernelService[] {
    return this.#entries.map(({ service }) => service);
  }

  addService(service: KernelService, config: unknown): void {
    if (this.#services !== undefined) {
      throw new NotSupportedByKernelError(`the service "${service.name}" after its start`, 'Add services before the kernel starts.');
    }
    this.#entries.push({ service, config });
  }

  async start(): Promise<void> {
    await this.#options.pools?.start();
    if (this.#isStopped) return;
    const { clock, logger } = this.#options;
    const context: KernelServiceContext = {
      environment: new KernelEnvironment(process.env),
      pools: { create: (request) => this.#createPool(request) },
      clock,
      logger,
    };
    this.#services = new ServiceHost({ services: this.#entries, context, onFailure: (error) => this.#options.onFailure(error) });
    await this.#services.start();
  }

  async stopServices(deadline: Deadline): Promise<void> {
    this.#isStopped = true;
    await this.#services?.stop(deadline);
  }

  async stopWorkers(deadline: Deadline): Promise<void> {
    this.#isStopped = true;
    await (await this.#pools)?.stop(deadline);
  }

  async close(deadline: Deadline): Promise<void> {
    await (await this.#pools)?.close(deadline);
  }

  kill(): void {
    this.#made?.kill();
  }

  async #createPool(request: WorkerPoolRequest): Promise<WorkerPool> {
    if (this.#isStopped) throw new WorkerPoolError(request.mode, 'stopped');
    this.#made = await (this.#pools ??= this.#options.loadPools());
    return this.#made.create(request);
  }
}
