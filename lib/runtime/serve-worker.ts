import type { Clock } from '../contract/clock.js';
import type { Executor } from '../contract/executor.js';
import type { Job } from '../contract/job.js';
import type { JobsLogger } from '../contract/logger.js';
import type { RetryPolicy } from '../contract/retry-policy.js';
import { createRelay } from '../worker/relay.js';
import type { WorkerEnvironment } from '../worker/worker-environment.js';
import { WorkerLoop, type WorkerLoopEnd } from '../worker/worker-loop.js';
import { connectTo, type JobsConnection } from './connect-jobs.js';
import { WorkerReports } from './worker-reports.js';

/** What a worker needs to serve jobs. */
export interface ServedWorkerParts {
  readonly environment: WorkerEnvironment;
  readonly clock: Clock;
  /** The log of this process. */
  readonly logger: JobsLogger;
}

const TIMEOUT_MS = 60_000;

/**
 * A process that a kernel spawned to run jobs: it calls the kernel, and serves it until the relay closes.
 */
export class ServedWorker {
  /** The kernel: what is pushed here goes there. It connects at the first call. */
  readonly connection: JobsConnection;
  readonly #parts: ServedWorkerParts;
  readonly #reports: WorkerReports;
  #loop: WorkerLoop | undefined;
  #isStopped = false;

  constructor(parts: ServedWorkerParts) {
    const { environment, clock, logger } = parts;
    this.#parts = parts;
    const { kernelAddress, kernelToken, rpcAddress } = environment;
    const token = kernelToken === undefined || kernelAddress === undefined ? {} : { token: kernelToken };
    this.connection = connectTo({ connect: kernelAddress ?? rpcAddress, timeoutMs: TIMEOUT_MS, ...token }, { clock, logger });
    this.#reports = new WorkerReports(kernelAddress === undefined ? undefined : this.connection.rpc, logger);
  }

  /** Writes to the log of the kernel where it takes it, else to that of this process. */
  get logger(): JobsLogger {
    return this.#reports.logger;
  }

  /** A kernel of this library counts the attempts of jobs; under any other one this worker does. */
  get countsAttempts(): boolean {
    return this.#parts.environment.window === undefined;
  }

  /**
   * Serves until the kernel asks to stop or is gone. Once.
   *
   * @param retryOf - What happens to failed jobs of a queue, under a kernel that knows no attempts.
   * @throws RelayError, FrameError or KernelProtocolError (as a rejection) as {@link WorkerLoop.run} does.
   */
  async serve(executor: Executor, retryOf: (queue: string) => RetryPolicy, finalize?: () => Promise<void>): Promise<WorkerLoopEnd> {
    const { environment, clock } = this.#parts;
    const loop = (this.#loop = new WorkerLoop({
      relay: createRelay(environment.relayAddress, { descriptor: environment.relayDescriptor }),
      executor,
      window: environment.window,
      foreign: { retryOf, push: (job: Job) => this.connection.api.push(job) },
      clock,
      logger: this.logger,
      onProgress: (id, value) => this.#reports.progress(id, value),
      ...(finalize === undefined ? {} : { finalize }),
    }));
    if (this.#isStopped) loop.stop();
    try {
      return await loop.run();
    } finally {
      await this.#reports.flush();
    }
  }

  /** What runs is finished, what has not begun goes back. */
  stop(): void {
    this.#isStopped = true;
    this.#loop?.stop();
  }
}
