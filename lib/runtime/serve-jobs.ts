import { systemClock } from '../contract/clock.js';
import type { Executor } from '../contract/executor.js';
import { silentLogger, type JobsLogger } from '../contract/logger.js';
import type { RetryOptions } from '../contract/retry-policy.js';
import { resolveRetry } from '../kernel/retry.js';
import { WorkerEnvironment } from '../worker/worker-environment.js';
import type { WorkerLoopEnd } from '../worker/worker-loop.js';
import { HandlerExecutor } from './handler-executor.js';
import type { HandlerFunction } from './handler.js';
import { ServedWorker } from './serve-worker.js';

/** Functions by the names of the jobs they handle; names may have wildcards, `*` alone takes the rest. @publicApi */
export type JobHandlers = Readonly<Record<string, HandlerFunction>>;

/** Options of {@link serveJobs}. @publicApi */
export interface ServeJobsOptions {
  /** What happens to failed jobs under a RoadRunner, which counts no attempts. A kernel of this library decides itself. Default: 3 runs. */
  readonly retry?: RetryOptions;
  /** Runs after every job: resets what lives longer than one. */
  readonly finalize?: () => void | Promise<void>;
  /** Default: silent. */
  readonly logger?: JobsLogger;
}

/** Serves the kernel that spawned this process with functions of it. */
export async function serveHandlers(handlers: JobHandlers | Executor, options: ServeJobsOptions = {}): Promise<WorkerLoopEnd> {
  const { logger = silentLogger, retry, finalize } = options;
  const worker = new ServedWorker({ environment: WorkerEnvironment.fromProcess(), clock: systemClock, logger });
  const policy = resolveRetry(retry);
  try {
    return await worker.serve(
      isExecutor(handlers) ? handlers : executorOf(handlers, worker.logger),
      () => policy,
      finalize === undefined ? undefined : async () => finalize(),
    );
  } finally {
    await worker.connection.close();
  }
}

function executorOf(handlers: JobHandlers, logger: JobsLogger): HandlerExecutor {
  const executor = new HandlerExecutor({ logger });
  for (const [name, handle] of Object.entries(handlers)) executor.add(name === '*' ? undefined : name, handle, {}, `The handler of "${name}"`);
  return executor;
}

function isExecutor(handlers: JobHandlers | Executor): handlers is Executor {
  return handlers instanceof HandlerExecutor;
}
