import type { JobsApi } from '../../contract/jobs-api.js';
import type { KernelAdmin } from '../../contract/kernel-admin.js';
import { DEFAULT_RPC_LIMITS } from '../../contract/settings.js';
import type { RpcMethods } from '../rpc-method.js';
import { jobsMethods } from './jobs-methods.js';
import { nrrMethods } from './nrr-methods.js';
import { rpcMethods } from './rpc-methods.js';
import { jobsService, serviceMethods, type WorkerService } from './service-methods.js';

/** What the methods of a kernel are made of. */
export interface KernelMethodsParts {
  readonly jobs: JobsApi;
  readonly admin: KernelAdmin;
  readonly version: string;
  /** The resolved configuration; its secrets are masked before anybody sees it. */
  readonly config: () => unknown;
  /** Services beside `jobs`, by name, for informer, resetter and status. */
  readonly services?: ReadonlyMap<string, WorkerService>;
  /** Jobs of one PushBatch. Default: that of `DEFAULT_RPC_LIMITS`. */
  readonly maxBatchJobs?: number;
}

/** Every method that a kernel answers over RPC, by name. */
export function kernelMethods(parts: KernelMethodsParts): RpcMethods {
  const { jobs, admin, version, config, services = new Map<string, WorkerService>(), maxBatchJobs = DEFAULT_RPC_LIMITS.maxBatchJobs } = parts;
  return new Map([
    ...jobsMethods(jobs, maxBatchJobs),
    ...serviceMethods(jobs, admin, new Map([['jobs', jobsService(admin)], ...services])),
    ...rpcMethods(version, config),
    ...nrrMethods(admin, version),
  ]);
}
