import type { Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { JobsConfigError } from '../contract/errors.js';
import type { Job } from '../contract/job.js';
import type { JobsApi, PushOutcome, PushReceipt } from '../contract/jobs-api.js';
import { errorOf } from '../contract/thrown.js';
import type { HandlerFunction } from '../runtime/handler.js';
import type { JobContext } from '../runtime/job-context.js';
import { ForwardingJobsApi } from './forwarding-jobs-api.js';

/** Around every push of this application. @publicApi */
export interface JobPushMiddleware {
  /** Hands the job on, or another one; what it rejects with is what the producer sees. */
  push(job: Job, next: (job: Job) => Promise<PushReceipt>): Promise<PushReceipt>;
}

/** Around every run of a handler, outside of guards and interceptors. @publicApi */
export interface JobProcessMiddleware {
  /** Runs the handler by `next`; what it rejects with is the failure of the job. */
  process(context: JobContext, next: () => Promise<unknown>): Promise<unknown>;
}

/** A {@link JobsApi} whose pushes go through middleware. */
export class MiddlewareJobsApi extends ForwardingJobsApi {
  readonly #classes: readonly Type<JobPushMiddleware>[];
  readonly #moduleRef: ModuleRef;
  #chain: ((job: Job) => Promise<PushReceipt>) | undefined;

  constructor(api: JobsApi, classes: readonly Type<JobPushMiddleware>[], moduleRef: ModuleRef) {
    super(api);
    this.#classes = classes;
    this.#moduleRef = moduleRef;
  }

  // The container has made the middleware by the first push, not before.
  override async push(job: Job): Promise<PushReceipt> {
    this.#chain ??= middlewareOf(this.#moduleRef, 'middleware.push', this.#classes).reduceRight<(job: Job) => Promise<PushReceipt>>(
      (next, one) => async (passed) => one.push(passed, next),
      (passed) => super.push(passed),
    );
    return this.#chain(copyOf(job));
  }

  override pushMany(jobs: readonly Job[]): Promise<PushOutcome[]> {
    return Promise.all(jobs.map((job) => this.#outcomeOf(job)));
  }

  async #outcomeOf(job: Job): Promise<PushOutcome> {
    try {
      return { ok: true, receipt: await this.push(job) };
    } catch (error) {
      return { ok: false, error: errorOf(error) };
    }
  }
}

// With its id as a property: what middleware hands on is often a copied `{ ...job }`, and the job that is pushed would be another one.
function copyOf({ id, name, pipeline, payload, headers, priority, delayMs, autoAck, kafka }: Job): Job {
  return { id, name, pipeline, payload, headers, priority, delayMs, autoAck, ...(kafka === undefined ? {} : { kafka }) };
}

/**
 * The instances of middleware classes.
 *
 * @throws JobsConfigError when there is none of a class.
 */
export function middlewareOf<T>(moduleRef: ModuleRef, path: string, classes: readonly Type<T>[]): T[] {
  return classes.map((Class, index) => {
    try {
      return moduleRef.get(Class, { strict: false });
    } catch (cause) {
      const message = `There is no instance of ${Class.name} for all jobs. List it under "providers" of a module, in the default scope.`;
      throw new JobsConfigError([{ path: `${path}[${index}]`, message }], { cause });
    }
  });
}

export function withProcessMiddleware(handle: HandlerFunction, middleware: readonly JobProcessMiddleware[]): HandlerFunction {
  return middleware.reduceRight<HandlerFunction>((next, one) => (context) => one.process(context, async () => next(context)), handle);
}
