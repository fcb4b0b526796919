import type { Clock, Deadline } from './clock.js';
import type { FailedJob, JobPage, JobQuery } from './kernel-admin.js';
import type { Done, Job, JobHeaders } from './job.js';
import type { PipelineStat, PushOutcome } from './jobs-api.js';
import type { JobsLogger } from './logger.js';
import type { OptionSpec } from './option-spec.js';
import type { StateStore } from './state-store.js';

/** What a driver is given. */
export interface DriverContext<O> {
  readonly pipeline: string;
  /** The driver's name as the configuration wrote it, an alias included. */
  readonly driver: string;
  /** Of jobs that come without one. */
  readonly priority: number;
  readonly options: O;
  /** What all pipelines of the driver share: address, TLS, credentials. Checked, by camelCase name; absent when nothing was given. */
  readonly section?: Readonly<Record<string, unknown>>;
  readonly sink: DeliverySink;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  /** How long a push may wait. Unit: milliseconds; 0 refuses at once. */
  readonly pushTimeoutMs: number;
  /** Deaths of its process that one job may cause. For drivers that count starts. Default: 3. */
  readonly maxCrashes?: number;
  readonly store?: StateStore;
  /** The folder of files. */
  readonly dataDir: string;
  /** The pipeline came at run time, maybe from another process: its options are not to be trusted with paths. */
  readonly isDeclared: boolean;
  readonly resources: SharedResources;
}

/** What several pipelines of a kernel use together: a file, a connection. */
export interface SharedResources {
  /** The one under this key, opened when nobody has it. Each call is to be followed by one `release`. */
  share<T extends { close(): Promise<void> }>(key: string, open: () => Promise<T>): Promise<T>;
  /** Closes it when nobody else has it. */
  release(key: string): Promise<void>;
}

/** Joins a pipeline with its broker. Created idle; `run` may come late or never (a producer only pushes). */
export interface Driver {
  /** The broker's name of the queue that it reads, as `stat()` tells it. Default: the name of the pipeline. */
  readonly queue?: string;
  /** Opens what has to be there before anything else is called: what is wrong with it is an error of the boot. */
  open?(): Promise<void>;
  /** Resolves when the job is as safe as the broker can make it. May be one promise shared by many pushes. */
  push(job: Job, options?: { readonly transaction?: unknown }): Promise<void>;
  pushMany?(jobs: readonly Job[]): Promise<PushOutcome[]>;
  /** Begins to consume. Called once. */
  run(): Promise<void>;
  /** Stops offering deliveries; what was offered stays lent. Pushes go on. */
  pause(): Promise<void>;
  /** Begins again after a pause, or when `run` has failed. */
  resume(): Promise<void>;
  /** Awaits what it still has to confirm: acks, copies, commits. May be called twice. */
  stop(deadline: Deadline): Promise<void>;
  stat(): Promise<PipelineStat>;
  /** Once per dispatch turn, before any of them runs: counts the start durably. */
  starting?(deliveries: readonly Delivery[]): void;
  /** Waiting, delayed and buried jobs that were not offered. */
  browse?(query: JobQuery): Promise<JobPage>;
  /** False when no job that waits, is delayed or buried has this id. */
  remove?(id: string): Promise<boolean>;
  /** Makes a delayed or buried job due. False when none has this id. */
  promote?(id: string): Promise<boolean>;
  /**
   * How many were removed. Buried jobs are left unless the query asks for them.
   *
   * @throws {@link NotSupportedByDriverError} for a query that the broker cannot answer; nothing is removed then.
   */
  purge?(query: JobQuery): Promise<number>;
}

/** Where a driver puts what it lends. Back-pressure is a number, not a promise. */
export interface DeliverySink {
  /** Jobs that fit now, by jobs and by bytes; 0 or less is full. */
  readonly room: number;
  /** Never blocks, never refuses: the driver looks at `room` first. */
  accept(delivery: Delivery): void;
  /** Calls back once, when there is room again. A second call replaces the first. */
  onRoom(callback: () => void): void;
}

/** A job lent to the kernel until it is settled. The first settlement wins; later ones do nothing. */
export interface Delivery {
  readonly job: Job;
  /** Runs before this one that ended with the death of their process, as counted by broker or store. */
  readonly starts?: number;
  /** How long the loan lasts. Unit: milliseconds. The kernel extends it at a third. */
  readonly leaseMs?: number;
  ack(): Done;
  nack(options: { readonly requeue: boolean; readonly delayMs?: number }): Done;
  /** Atomic, or the new copy is confirmed before the old one is acked: a crash between makes a duplicate, never a loss. */
  requeue(change: { readonly headers: JobHeaders; readonly delayMs: number }): Done;
  /** Back to its place: it was never started. Without it `nack({ requeue: true })` is used. */
  release?(): Done;
  /** Record and remove in one transaction, where possible. */
  fail?(record: FailedJob): Promise<void>;
  extend?(): Done;
}

/** What a driver's broker can do. Asked by the boot checks, the contract suite and the printed matrix. @publicApi */
export interface DriverCapabilities {
  /** Jobs outlive the process. */
  readonly persistent: boolean;
  /** There is a connection that can be lost. */
  readonly connection: boolean;
  /** Jobs can be held until a time. */
  readonly delay: boolean;
  /** The broker (or store) itself hands out by priority; the kernel's queue always does. */
  readonly priority: boolean;
  /** `onFailure: 'broker'`: a nack without requeue goes to the broker's own dead-lettering. */
  readonly deadLetter: boolean;
  /** Starts are counted across crashes. */
  readonly countsStarts: boolean;
  /** The largest payload that always fits into a message of the broker. Unit: bytes. Absent: the broker sets no limit of its own. */
  readonly maxPayloadBytes?: number;
  readonly browse: boolean;
  readonly remove: boolean;
  readonly promote: boolean;
  /** `'whole'`: all waiting jobs or none; those of one id or name cannot be told apart. */
  readonly purge: boolean | 'whole';
}

/** What a file in `drivers/` exports. */
export interface DriverModule<O = never> {
  readonly capabilities: DriverCapabilities;
  readonly options: readonly OptionSpec[];
  createDriver(context: DriverContext<O>): Driver;
}

/** Names of drivers to loaders of their modules. */
export type DriverRegistry = Readonly<Record<string, () => Promise<DriverModule>>>;
