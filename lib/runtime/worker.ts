// The subpath `nestjs-roadrunner/worker`: a process that a kernel spawned, without Nest.
import type { Executor } from '../contract/executor.js';
import type { JobHandlers, ServeJobsOptions } from './serve-jobs.js';

export { ReceivedTask, type FailOptions, type NackOptions, type RequeueOptions } from '../client/received-task.js';
export { JobsError, KernelProtocolError } from '../contract/errors.js';
export { JobAlreadySettledError } from '../contract/job-errors.js';
export { FrameError, GoridgeError, RelayError } from '../contract/rpc-errors.js';
export type { PayloadParts, PayloadSource } from '../contract/service.js';
export { Consumer, WorkerTaskFactory, type ConsumerOptions, type ReceivedTaskFactory } from '../worker/consumer.js';
export { Payload } from '../worker/payload.js';
export { createRelay, type RelayOptions, type WorkerRelay } from '../worker/relay.js';
export { RoadRunnerMode, WorkerEnvironment, type EnvironmentValues } from '../worker/worker-environment.js';
export type { WorkerLoopEnd } from '../worker/worker-loop.js';
export type { SendAnswer } from '../worker/worker-task.js';
export { Worker, type WorkerOptions } from '../worker/worker.js';
export type { HandlerFunction } from './handler.js';
export type { JobContext } from './job-context.js';
export type { JobHandlers, ServeJobsOptions } from './serve-jobs.js';

/**
 * Serves the jobs of the kernel that spawned this process: of this library, or a RoadRunner. Under a kernel of this library several jobs run at
 * once, and failed ones are its affair.
 *
 * @returns when the kernel asked this process to stop (`stop`), or is gone (`closed`). The process may end then.
 * @throws RelayError (as a rejection) when no kernel spawned this process.
 * @example
 * await serveJobs({
 *   'email.send': async (job) => send(job.json()),
 *   '*': (job) => console.log(`nobody handles ${job.name}`),
 * });
 *
 * @publicApi
 */
export async function serveJobs(handlers: JobHandlers | Executor, options: ServeJobsOptions = {}): Promise<'stop' | 'closed'> {
  const { serveHandlers } = await import('./serve-jobs.js'); // the rest of this subpath loads no package
  return serveHandlers(handlers, options);
}
