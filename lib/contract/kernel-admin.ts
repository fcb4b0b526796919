import type { JobFailure } from './failure.js';
import type { JobHeaders, Payload } from './job.js';

/** Which jobs. Every field narrows. @publicApi */
export interface JobQuery {
  readonly id?: string;
  readonly name?: string;
  readonly state?: JobState;
  /** Where the page before ended. */
  readonly after?: string;
  /** Range: 1 to 1000. Default: `100`. */
  readonly limit?: number;
}

/** `waiting` for a slot, `delayed` until its time, `running`; `buried`: refused, and kept by its broker until it is promoted or removed. @publicApi */
export type JobState = 'waiting' | 'delayed' | 'running' | 'buried';

/** A job as lists show it. @publicApi */
export interface JobView {
  readonly id: string;
  readonly name: string;
  readonly pipeline: string;
  readonly state: JobState;
  readonly priority: number;
  readonly headers: JobHeaders;
  readonly payload: Payload;
  /** Unit: Unix milliseconds. Only while it is delayed. */
  readonly dueAt?: number;
  /** Its runs that ended with the death of their process. Absent where there were none, or where the driver does not count them. */
  readonly crashes?: number;
}

/** @publicApi */
export interface JobPage {
  readonly jobs: readonly JobView[];
  /** For `after`; absent on the last page. */
  readonly next?: string;
}

/** A job that runs now. @publicApi */
export interface RunningJob {
  readonly id: string;
  readonly name: string;
  readonly pipeline: string;
  readonly attempt: number;
  /** Unit: milliseconds. */
  readonly ageMs: number;
  /** Unit: milliseconds; absent without a time-out. */
  readonly timeLeftMs?: number;
  /** The last value the handler gave to `progress()`. */
  readonly progress?: unknown;
}

/** One failed run. @publicApi */
export interface FailedAttempt {
  readonly attempt: number;
  /** Unit: Unix milliseconds. */
  readonly at: number;
  readonly error: Omit<JobFailure, 'cause' | 'stack'>;
}

/** Why a job is in the failed store. @publicApi */
export type FailedReason = 'attempts' | 'rejected' | 'crashed' | 'expired' | 'unknown';

/** A job that will not run again unless it is replayed. @publicApi */
export interface FailedJob {
  readonly id: string;
  readonly name: string;
  readonly pipeline: string;
  readonly payload: Payload;
  /** All of them, ours included. */
  readonly headers: JobHeaders;
  readonly priority: number;
  readonly reason: FailedReason;
  /** Without `cause`. */
  readonly error: Omit<JobFailure, 'cause'>;
  /** Runs it had. */
  readonly attempts: number;
  /** Unit: Unix milliseconds. */
  readonly failedAt: number;
  /** The failed runs, oldest first, the last one included; at most 20. */
  readonly history: readonly FailedAttempt[];
}

/** Which failed jobs. Every field narrows. @publicApi */
export interface FailedJobQuery {
  readonly id?: string;
  readonly name?: string;
  readonly pipeline?: string;
  readonly reason?: FailedReason;
  /** The class of the error: `TypeError`. */
  readonly errorType?: string;
  /** Only those that failed at or after it. Unit: Unix milliseconds. */
  readonly since?: number;
  /** Only those that failed before it. Unit: Unix milliseconds. */
  readonly until?: number;
  readonly after?: string;
  /** Range: 1 to 1000. Default: `100`. */
  readonly limit?: number;
}

/** Newest first. @publicApi */
export interface FailedJobPage {
  readonly jobs: readonly FailedJob[];
  readonly next?: string;
}

/** @publicApi */
export interface ReplayOptions {
  /** Jobs per second. Default: no limit. */
  readonly rate?: number;
  /** Another queue than the one the job came from. */
  readonly to?: string;
  /** False leaves the count of failed runs, so that a replay has only the runs that were left. Default: `true`. */
  readonly resetAttempts?: boolean;
}

/** @publicApi */
export interface ReplayResult {
  readonly replayed: number;
  /** Those that could not be pushed; they stay in the failed store. */
  readonly errors: readonly { readonly id: string; readonly error: Error }[];
}

/** The failed store. @publicApi */
export interface FailedJobs {
  list(query?: FailedJobQuery): Promise<FailedJobPage>;
  get(id: string): Promise<FailedJob | undefined>;
  count(query?: FailedJobQuery): Promise<number>;
  /** Pushes them anew, under new ids that name the old one, and takes them out. An id, several, or all that match. */
  replay(which: string | readonly string[] | FailedJobQuery, options?: ReplayOptions): Promise<ReplayResult>;
  /** How many were removed. */
  remove(which: string | readonly string[] | FailedJobQuery): Promise<number>;
}

/** A worker process. @publicApi */
export interface WorkerStat {
  readonly pid: number;
  readonly status: string;
  readonly jobs: number;
  readonly createdAt: number;
  readonly memoryBytes: number;
  /** The pool that it is in. Absent where the other side does not tell it. */
  readonly pool?: string;
  /** Unit: percent of one core. Absent where it is not measured. */
  readonly cpuPercent?: number;
}

/** Counters since the start. @publicApi */
export interface KernelCounters {
  readonly pushed: number;
  readonly pushErrors: number;
  readonly started: number;
  readonly completed: number;
  /** Runs that failed, retried or not. */
  readonly failedRuns: number;
  readonly retried: number;
  /** Jobs that will not run again: in the failed store, in another queue, at the broker, or dropped. */
  readonly failed: number;
  readonly autoAcked: number;
  readonly timedOut: number;
  readonly expired: number;
  /** Handlers that go on although their slot was given away. */
  readonly zombies: number;
  /** Errors after the job had been settled, and settlements the driver rejected. */
  readonly lateErrors: number;
}

/** What dashboard, command line, informer and resetter use. */
export interface KernelAdmin {
  readonly failed: FailedJobs;
  counters(): Promise<KernelCounters>;
  running(): Promise<RunningJob[]>;
  /** Names of the pools of worker processes. Absent where handlers run in the kernel's own process, and for a kernel elsewhere. */
  readonly pools?: readonly string[];
  /** @param pool - One alone. Default: all of them. */
  workers(pool?: string): Promise<WorkerStat[]>;
  /** Aborts the running job's signal; a waiting one is taken out. False when nobody knows the id. */
  cancel(id: string, reason?: string): Promise<boolean>;
  browse(pipeline: string, query?: JobQuery): Promise<JobPage>;
  remove(pipeline: string, id: string): Promise<boolean>;
  promote(pipeline: string, id: string): Promise<boolean>;
  purge(pipeline: string, query?: JobQuery): Promise<number>;
  /**
   * Starts one more worker process. Absent where handlers run in the kernel's own process.
   *
   * @param pool - In this pool alone. Default: in each.
   * @throws JobsArgumentError (as a rejection) when there is no pool of this name.
   */
  addWorker?(pool?: string): Promise<void>;
  /** Ends one worker process when its job is done; the last one of a pool stays. As {@link KernelAdmin.addWorker}. */
  removeWorker?(pool?: string): Promise<void>;
  /** Replaces all worker processes; resolves when the new ones are ready. As {@link KernelAdmin.addWorker}. */
  resetWorkers?(pool?: string): Promise<void>;
}
