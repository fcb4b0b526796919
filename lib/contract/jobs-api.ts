import type { Job } from './job.js';

/** What a push gives back beside the id, which the producer knows. */
export interface PushReceipt {
  /** The id of the unfinished job that took its place. */
  readonly deduplicatedBy?: string;
}

/** What became of one job of a batch. @publicApi */
export type PushOutcome = { readonly ok: true; readonly receipt: PushReceipt } | { readonly ok: false; readonly error: Error };

/** Name, driver, and its options in any of the three forms: camelCase, `.rr.yaml` keys, or the text of a Declare map. */
export interface PipelineDeclaration {
  readonly name: string;
  readonly driver: string;
  readonly [option: string]: unknown;
}

/** The state of a pipeline. @publicApi */
export interface PipelineStat {
  readonly pipeline: string;
  readonly driver: string;
  /** The name of queue, tube or topic at the broker; of the pipeline where there is no broker. */
  readonly queue: string;
  /** Handed to the kernel and not settled: waiting for a slot, or running. */
  readonly active: number;
  /** Waiting for their time. */
  readonly delayed: number;
  /** Waiting in the driver or its broker. */
  readonly reserved: number;
  /** True while it consumes; false while it is paused. */
  readonly ready: boolean;
  readonly priority: number;
}

/** What producers and the RPC server use. Every method may be called at any time and concurrently. */
export interface JobsApi {
  /** Resolves when the driver has accepted the job; rejects otherwise, never throws. May be one promise shared by many pushes. */
  push(job: Job): Promise<PushReceipt>;
  /** One outcome a job, in the same order; never rejects for one of them. */
  pushMany(jobs: readonly Job[]): Promise<PushOutcome[]>;
  /** Adds a pipeline; it consumes at once only when `consume` names it. */
  declare(pipeline: PipelineDeclaration): Promise<void>;
  /** Stops and removes pipelines; answers the names that were removed. Jobs in a broker stay there. */
  destroy(...names: string[]): Promise<string[]>;
  /** In the order given; stops at the first error. Pushing stays allowed. */
  pause(...names: string[]): Promise<void>;
  /** In the order given; stops at the first error. */
  resume(...names: string[]): Promise<void>;
  list(): Promise<string[]>;
  stat(): Promise<PipelineStat[]>;
  /** Wall time of the kernel, for what a push gives as a moment. Unit: Unix milliseconds. Default: that of the machine. */
  now?(): number;
}

/** What leads to a kernel elsewhere: a connection of RPC. */
export interface JobsApiSource {
  jobsApi(): JobsApi;
}

/** The promise that says "accepted, nothing more to tell": shared, so that a push in process allocates none. */
export const ACCEPTED: Promise<PushReceipt> = Promise.resolve(Object.freeze({}));
