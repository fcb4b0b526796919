import type { Deadline } from '../contract/clock.js';
import type { WorkerStat } from '../contract/kernel-admin.js';
import type { KernelService } from '../contract/service.js';

/** The worker processes of a kernel, as its administration sees them. */
export interface WorkforceAdmin {
  /** Names of the pools. */
  readonly pools: readonly string[];
  /** @param pool - One alone. Default: all of them; so below. */
  workers(pool?: string): Promise<WorkerStat[]>;
  addWorker(pool?: string): Promise<void>;
  removeWorker(pool?: string): Promise<void>;
  resetWorkers(pool?: string): Promise<void>;
}

/** Worker processes and services of a kernel. */
export interface Workforce {
  /** `undefined` when jobs run in this process. */
  readonly admin: WorkforceAdmin | undefined;
  /** Adds a service; only before `start`. */
  addService(service: KernelService, config: unknown): void;
  /** Resolves when all workers are ready and all services have begun. Rejects with what keeps one of them from it; the others are stopped then. */
  start(): Promise<void>;
  /** Services make nothing more. May be called twice, and before `start`. */
  stopServices(deadline: Deadline): Promise<void>;
  /** Ends the workers; what they have in hand at the deadline is given back. May be called twice, and before `start`. */
  stopWorkers(deadline: Deadline): Promise<void>;
  /** Kills all worker processes at once: for the end of this process. */
  kill(): void;
  /** Ends what the workers were given to call the kernel. May be called twice, and before `start`. */
  close(deadline: Deadline): Promise<void>;
}
