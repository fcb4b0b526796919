import type { DurationInput } from '../contract/duration.js';
import type { JobHeaders, JobRecord, Payload } from '../contract/job.js';
import type { JobsApi } from '../contract/jobs-api.js';
import type { JobOptions, JobOptionsInput } from './job-options.js';
import { JobTemplate } from './job-template.js';
import { optionsFrom } from './kafka-options.js';
import { addHeader, headerOf, removeHeader, setHeader, type HeaderValue, type TaskHeaders } from './task-headers.js';

/** What a prepared task is made of. */
interface TaskParts {
  readonly name: string;
  readonly queue: string;
  readonly payload: Payload;
  readonly options: JobOptions;
  readonly headers: JobHeaders;
}

/**
 * A task that can be dispatched, once or many times: each time makes a new job. It never changes; `with…()` copies.
 *
 * @publicApi
 */
export class PreparedTask implements TaskHeaders<PreparedTask> {
  readonly name: string;
  /** Where `jobs.dispatch()` sends it. `queue.dispatch()` sends it to that queue. */
  readonly queue: string;
  /** As it will be stored. */
  readonly payload: Payload;
  readonly options: JobOptions;
  /** Apart from those of the options since the task was created. */
  readonly headers: JobHeaders;

  constructor(parts: TaskParts) {
    this.name = parts.name;
    this.queue = parts.queue;
    this.payload = parts.payload;
    this.options = parts.options;
    this.headers = parts.headers;
    Object.freeze(this);
  }

  /** Unit: seconds, or what was given: a `Date`, duration text. */
  get delay(): DurationInput {
    return this.options.delay ?? 0;
  }

  /** 0 means the pipeline's. */
  get priority(): number {
    return this.options.priority ?? 0;
  }

  get autoAck(): boolean {
    return this.options.autoAck ?? false;
  }

  hasHeader(name: string): boolean {
    return this.header(name).length > 0;
  }

  header(name: string): readonly string[] {
    return headerOf(this.headers, name);
  }

  headerLine(name: string): string {
    return this.header(name).join(',');
  }

  withHeader(name: string, value: HeaderValue): PreparedTask {
    return this.#with({ headers: setHeader(this.headers, name, value) });
  }

  withAddedHeader(name: string, value: HeaderValue): PreparedTask {
    return this.#with({ headers: addHeader(this.headers, name, value) });
  }

  withoutHeader(name: string): PreparedTask {
    const headers = removeHeader(this.headers, name);
    return headers === this.headers ? this : this.#with({ headers });
  }

  /** Replaces the options as a whole. The headers of the task stay; those of the new options are not taken over. */
  withOptions(options: JobOptionsInput): PreparedTask {
    return this.#with({ options: optionsFrom(options) });
  }

  /** Every dispatch uses this id: for a push that may have to be repeated. */
  withId(id: string): PreparedTask {
    return this.#with({ options: this.options.withId(id) });
  }

  /** @param delay - Unit: seconds; also a `Date` or duration text. */
  withDelay(delay: DurationInput): PreparedTask {
    return this.#with({ options: this.options.withDelay(delay) });
  }

  withPriority(priority: number): PreparedTask {
    return this.#with({ options: this.options.withPriority(priority) });
  }

  withAutoAck(autoAck = true): PreparedTask {
    return this.#with({ options: this.options.withAutoAck(autoAck) });
  }

  #with(changes: Partial<TaskParts>): PreparedTask {
    return new PreparedTask(Object.assign({}, this as TaskParts, changes));
  }
}

/** A new job of the task. */
export function jobOf(api: Pick<JobsApi, 'now'>, task: PreparedTask, queue: string = task.queue): JobRecord {
  return new JobTemplate(task.options, task.headers).job(task.name, queue, task.payload, api);
}
