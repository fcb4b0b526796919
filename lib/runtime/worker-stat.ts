import type { WorkerStat } from '../contract/kernel-admin.js';
import type { WorkerState } from '../contract/worker.js';

/** A worker as the administration shows it. */
export function workerStat({ pid, status, executions, createdAt, memoryBytes }: WorkerState): WorkerStat {
  return { pid, status, jobs: executions, createdAt, memoryBytes };
}
