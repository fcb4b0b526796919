import type { Job } from '../contract/job.js';
import type { JobsApi, PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from '../contract/jobs-api.js';

/** A {@link JobsApi} that hands everything on, for those that change some of it. */
export class ForwardingJobsApi implements JobsApi {
  readonly #api: JobsApi;

  constructor(api: JobsApi) {
    this.#api = api;
  }

  push(job: Job): Promise<PushReceipt> {
    return this.#api.push(job);
  }

  pushMany(jobs: readonly Job[]): Promise<PushOutcome[]> {
    return this.#api.pushMany(jobs);
  }

  declare(pipeline: PipelineDeclaration): Promise<void> {
    return this.#api.declare(pipeline);
  }

  destroy(...names: string[]): Promise<string[]> {
    return this.#api.destroy(...names);
  }

  pause(...names: string[]): Promise<void> {
    return this.#api.pause(...names);
  }

  resume(...names: string[]): Promise<void> {
    return this.#api.resume(...names);
  }

  list(): Promise<string[]> {
    return this.#api.list();
  }

  stat(): Promise<PipelineStat[]> {
    return this.#api.stat();
  }

  now(): number {
    return this.#api.now?.() ?? Date.now();
  }
}
