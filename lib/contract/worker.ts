import type { Deadline } from './clock.js';

/** What a worker process is given, and what it answers. Both parts are bytes of the sender's choice. @publicApi */
export interface WorkerPayload {
  readonly context: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * A pool of processes that answers payloads: what a kernel service is given, and what the jobs executor is built on.
 *
 * @publicApi
 */
export interface WorkerPool {
  /**
   * Gives the payload to a free worker and resolves with its answer; waits for a worker when all are busy. May be called concurrently.
   *
   * @param signal - Takes a payload that waits out of the line, and ends the worker that has it.
   * @throws {@link WorkerSoftError} when the worker answers with an error frame; it lives on.
   * @throws {@link WorkerExitError}, {@link WorkerTimeoutError}, {@link WorkerMemoryError}, {@link WorkerProtocolError} when the worker is
   *   replaced because of it; whether the payload took effect is not known.
   * @throws {@link WorkerPoolError} when there was no worker for it in time; it was not given to one.
   */
  execute(payload: WorkerPayload, signal?: AbortSignal): Promise<WorkerPayload>;
  workers(): WorkerState[];
  /** Resolves when the new worker is ready. It is not more than a reset keeps. */
  addWorker(): Promise<void>;
  /** Resolves when one worker has left, idle ones first. The last one stays. */
  removeWorker(): Promise<void>;
  /** Replaces every worker, one beside the other, each after what it has in hand. */
  reset(): Promise<void>;
  /** Stop frames, then SIGTERM, then SIGKILL. May be called twice. What waits or runs is rejected. */
  stop(deadline: Deadline): Promise<void>;
}

/** Makes the pools of services. @publicApi */
export interface WorkerPoolFactory {
  /** Resolves when the workers are ready. */
  create(options: WorkerPoolRequest): Promise<WorkerPool>;
}

/** @publicApi */
export interface WorkerPoolRequest {
  /** The workers find it in `RR_MODE`. */
  readonly mode: string;
  /** More variables for the workers, over those of the configuration. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The section of the pool as it was written. */
  readonly settings?: unknown;
  /** Where the section stands in the configuration, for errors: `ticker.workers`. */
  readonly path: string;
}

/** A state of a worker, with RoadRunner's numbers. */
export const WorkerStatus = {
  inactive: 0,
  ready: 1,
  working: 2,
  invalid: 3,
  stopping: 4,
  stopped: 5,
  destroyed: 6,
  maxJobsReached: 7,
  errored: 8,
  idleTTLReached: 9,
  ttlReached: 10,
  maxMemoryReached: 11,
  execTTLReached: 12,
} as const;

/** The name of a state. @publicApi */
export type WorkerStatusName = keyof typeof WorkerStatus;

/** A worker process, as lists show it. @publicApi */
export interface WorkerState {
  readonly pid: number;
  readonly status: WorkerStatusName;
  /** Payloads it was given so far. */
  readonly executions: number;
  /** Payloads in its hands. */
  readonly inFlight: number;
  /** Payloads it may have at once: 1 unless it can do more. */
  readonly window: number;
  /** Unit: Unix milliseconds. */
  readonly createdAt: number;
  /** Resident memory, as last measured; 0 when it was not. Unit: bytes. */
  readonly memoryBytes: number;
}
