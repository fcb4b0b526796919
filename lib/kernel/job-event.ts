import type { Job, JobHeaders } from '../contract/job.js';
import type { JobEvent } from '../contract/jobs-events.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * An event that every job has. Its id is made when it is read: a UUID costs more than the rest of the job's way, and who
 * counts or measures has no use for it.
 */
export class FrequentJobEvent implements JobEvent {
  readonly name: string;
  readonly headers: JobHeaders;
  readonly #job: Job;

  constructor(
    job: Job,
    readonly queue: string,
    readonly attempt: number,
  ) {
    this.name = job.name;
    this.headers = job.headers;
    this.#job = job;
  }

  get id(): string {
    return this.#job.id;
  }

  toJSON(): object {
    return Object.assign({ id: this.id }, this);
  }

  [INSPECT](): object {
    return this.toJSON();
  }
}

export class CompletedJobEvent extends FrequentJobEvent {
  constructor(
    job: Job,
    queue: string,
    attempt: number,
    readonly durationMs: number,
  ) {
    super(job, queue, attempt);
  }
}
