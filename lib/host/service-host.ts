import { deadlineAfter, type Deadline } from '../contract/clock.js';
import { JobsArgumentError, JobsError, ServiceFailedError } from '../contract/errors.js';
import type { KernelService, KernelServiceContext } from '../contract/service.js';
import { messageOf } from '../contract/thrown.js';

/** A service and its section of the configuration. @publicApi */
export interface ServiceEntry {
  readonly service: KernelService;
  /** As it was written; `undefined` when there is none. */
  readonly config: unknown;
}

export interface ServiceHostOptions {
  readonly services: readonly ServiceEntry[];
  readonly context: KernelServiceContext;
  /** Is told that a service cannot go on; all of them are stopped then, by the deadline of a stop that is asked for in this call. */
  readonly onFailure?: (error: ServiceFailedError) => void;
  /** How long the services may take to stop after a failure. Unit: milliseconds. Default: `25_000`. */
  readonly stopTimeoutMs?: number;
}

const DEFAULT_STOP_TIMEOUT_MS = 25_000;

/** The services of a kernel: all begin, or none; when one cannot go on, all end. */
export class ServiceHost {
  readonly #options: ServiceHostOptions;
  /** Those that take part. */
  readonly #services: KernelService[] = [];
  /** Those of them whose `serve` was called. */
  readonly #begun: KernelService[] = [];
  #stopping: Promise<void> | undefined;

  /** @throws JobsArgumentError when two services have the same name. */
  constructor(options: ServiceHostOptions) {
    const names = options.services.map(({ service }) => service.name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new JobsArgumentError(`Two services have the name "${twice}". Rename one of them.`);
    this.#options = options;
  }

  /** Names of the services that take part, in their order. */
  get names(): string[] {
    return this.#services.map(({ name }) => name);
  }

  /**
   * Checks the configuration of all, then begins with them in their order. To be called once.
   *
   * @throws whatever JobsError a service says itself, else {@link ServiceFailedError} (as a rejection); those that had begun are stopped.
   */
  async start(): Promise<void> {
    for (const { service, config } of this.#options.services) {
      const answer = await attempt(service, () => service.init(config, this.#options.context));
      if (answer !== false) this.#services.push(service);
    }
    try {
      for (const service of this.#services) {
        if (this.#stopping !== undefined) return;
        this.#begun.push(service);
        await attempt(service, () => service.serve((error) => this.#onError(service, error)));
      }
    } catch (error) {
      await this.#stopAfterFailure();
      throw error;
    }
  }

  /** The service of this name, to list or reset its workers. */
  find(name: string): KernelService | undefined {
    return this.#services.find((service) => service.name === name);
  }

  /** True when every service that can say so is ready. */
  async ready(): Promise<boolean> {
    const answers = await Promise.all(this.#services.map(async (service) => (await service.ready?.()) ?? true));
    return answers.every(Boolean);
  }

  /**
   * Stops all that have begun, at once. Called again it waits for the same stop.
   *
   * @throws AggregateError (as a rejection) when some did not stop in order; the others have.
   */
  stop(deadline: Deadline): Promise<void> {
    return (this.#stopping ??= this.#stopAll(deadline));
  }

  async #stopAll(deadline: Deadline): Promise<void> {
    const results = await Promise.allSettled(this.#begun.map(async (service) => service.stop(deadline)));
    const errors = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
    if (errors.length > 0)
      throw new AggregateError(errors, `${errors.length} of ${results.length} services did not stop in order: ${errors.map(messageOf).join('; ')}`);
  }

  #onError(service: KernelService, error: Error): void {
    if (this.#stopping !== undefined) return;
    const failure = new ServiceFailedError(service.name, error);
    this.#options.context.logger.error(failure.message, { service: service.name, error });
    this.#options.onFailure?.(failure);
    void this.#stopAfterFailure();
  }

  async #stopAfterFailure(): Promise<void> {
    const { context, stopTimeoutMs = DEFAULT_STOP_TIMEOUT_MS } = this.#options;
    try {
      await this.stop(deadlineAfter(context.clock, stopTimeoutMs));
    } catch (error) {
      context.logger.error('The services did not stop in order.', { error });
    }
  }
}

/** What a service throws that says nothing of itself is said for it. */
async function attempt<T>(service: KernelService, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw error instanceof JobsError ? error : new ServiceFailedError(service.name, error);
  }
}
