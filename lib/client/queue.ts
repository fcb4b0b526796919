import { JobsArgumentError } from '../contract/errors.js';
import type { Payload } from '../contract/job.js';
import type { JobsApi, PipelineStat } from '../contract/jobs-api.js';
import { checkedName } from './checks.js';
import { jobNameOf, type JobDefinition, type JobName, type PushPayload } from './define-job.js';
import { JobOptions, type JobOptionsInput } from './job-options.js';
import { JobTemplate } from './job-template.js';
import { optionsFrom, type KafkaOptionsInput } from './kafka-options.js';
import { encodeJson, encodePayload } from './payload-codec.js';
import { isPromise, validatePayload } from './payload-schema.js';
import { jobOf, PreparedTask } from './prepared-task.js';
import type { QueuedTask } from './queued-task.js';
import { rejection } from './rejection.js';
import { checkedTask, pushJob, pushJobs, tasksOf, type TaskList } from './task-batch.js';

/**
 * A pipeline in the hand of a producer. Made by `jobs.connect()`; costs no call and does not ask whether the pipeline exists.
 *
 * @publicApi
 */
export class Queue {
  readonly name: string;
  /** Of every task that does not give its own. */
  readonly defaultOptions: JobOptions;
  readonly #api: JobsApi;
  readonly #template: JobTemplate;
  /** Of definitions that have options of their own. */
  #templates: WeakMap<JobDefinition, JobTemplate> | undefined = undefined;

  /** @throws JobsArgumentError when the name is empty or an option cannot be used. */
  constructor(api: JobsApi, name: string, options?: JobOptionsInput | KafkaOptionsInput) {
    this.#api = api;
    this.name = checkedName(name, 'A queue name');
    this.defaultOptions = optionsFrom(options);
    if (this.defaultOptions.id !== undefined)
      throw new JobsArgumentError('The options of a queue give an id. Give it to the push: no two jobs share one.');
    this.#template = new JobTemplate(this.defaultOptions);
  }

  /** A queue of the same name with these options instead; without any, plain ones. Tasks made before keep theirs. */
  withDefaultOptions(options?: JobOptionsInput | KafkaOptionsInput): Queue {
    return new Queue(this.#api, this.name, options);
  }

  /**
   * A task to be dispatched later.
   *
   * @param payload - Text and bytes are kept as they are when the name is text; anything else becomes JSON.
   * @throws JobsArgumentError when name, payload or options cannot be used, or the schema of the definition answers by promise.
   * @throws JobValidationError when the payload does not match the schema of the definition.
   */
  create<Name extends JobName>(name: Name, payload: PushPayload<Name>, options?: JobOptionsInput | KafkaOptionsInput): PreparedTask {
    const encoded = this.#encode(name, payload);
    if (isPromise(encoded)) {
      encoded.catch(() => {});
      throw new JobsArgumentError(`The schema of job "${jobNameOf(name)}" answers by promise. Use queue.push(), which waits for it.`);
    }
    const merged = this.#options(name, options);
    return new PreparedTask({ name: jobNameOf(name), queue: this.name, payload: encoded, options: merged, headers: merged.headers });
  }

  /**
   * Pushes a job. Resolves when it is as safe as the driver can make it.
   *
   * @param payload - Text and bytes are stored as they are when the name is text, and bytes are not copied: leave them unchanged. Anything else
   * becomes JSON. A definition's schema checks it; what is stored is the schema's output, which has to pass the schema again at the handler.
   * @throws JobsArgumentError (as all errors: by rejection) when name, payload or options cannot be used.
   * @throws JobValidationError when the payload does not match the schema of the definition.
   * @throws JobsError of the driver when the job was not stored: {@link PipelineFullError}, {@link PipelineNotFoundError} and others.
   */
  push<Name extends JobName>(name: Name, payload: PushPayload<Name>, options?: JobOptionsInput | KafkaOptionsInput): Promise<QueuedTask> {
    try {
      if (options === undefined && typeof name === 'string') {
        return pushJob(this.#api, this.#template.job(checkedName(name, 'A job name'), this.name, encodePayload(name, payload), this.#api));
      }
      const text = jobNameOf(name);
      const template = options === undefined ? this.#templateOf(name) : new JobTemplate(this.#options(name, options));
      const encoded = this.#encode(name, payload);
      if (isPromise(encoded)) return encoded.then((late) => pushJob(this.#api, template.job(text, this.name, late, this.#api)));
      return pushJob(this.#api, template.job(text, this.name, encoded, this.#api));
    } catch (error) {
      return rejection(error);
    }
  }

  /** Pushes a job of the task to this queue. Each call makes a new one. */
  dispatch(task: PreparedTask): Promise<QueuedTask> {
    try {
      return pushJob(this.#api, jobOf(this.#api, checkedTask(task), this.name));
    } catch (error) {
      return rejection(error);
    }
  }

  /**
   * Pushes a job of each task to this queue in one call: `dispatchMany(one, two)` or `dispatchMany(list)`.
   *
   * @returns the tasks in the same order
   * @throws PushBatchError when not all were stored; `outcomes` says which.
   */
  async dispatchMany(...tasks: TaskList): Promise<QueuedTask[]> {
    return pushJobs(
      this.#api,
      tasksOf(tasks).map((task) => jobOf(this.#api, task, this.name)),
    );
  }

  /** Stops the delivery of jobs; pushing stays allowed. */
  pause(): Promise<void> {
    return this.#api.pause(this.name);
  }

  resume(): Promise<void> {
    return this.#api.resume(this.name);
  }

  /** False also when there is no such pipeline. */
  async isPaused(): Promise<boolean> {
    return (await this.stat())?.ready === false;
  }

  /** `undefined` when there is no such pipeline. */
  async stat(): Promise<PipelineStat | undefined> {
    return (await this.#api.stat()).find((stat) => stat.pipeline === this.name);
  }

  #options(name: JobName, options: JobOptionsInput | undefined): JobOptions {
    const given = optionsFrom(options);
    const base = isDefinition(name) ? this.defaultOptions.merge(optionsFrom(name.options)) : this.defaultOptions;
    return base.merge(given);
  }

  #templateOf(name: JobName): JobTemplate {
    if (!isDefinition(name) || name.options === JobOptions.defaults) return this.#template;
    this.#templates ??= new WeakMap();
    let template = this.#templates.get(name);
    if (template === undefined) this.#templates.set(name, (template = new JobTemplate(this.#options(name, undefined))));
    return template;
  }

  #encode(name: JobName, payload: unknown): Payload | Promise<Payload> {
    if (typeof name === 'string') return encodePayload(name, payload);
    const text = jobNameOf(name);
    if (!isDefinition(name) || name.schema === undefined) return encodeJson(text, payload);
    const checked = validatePayload(text, name.schema, payload);
    return isPromise(checked) ? checked.then((value) => encodeJson(text, value)) : encodeJson(text, checked);
  }
}

function isDefinition(name: JobName): name is JobDefinition {
  return typeof name === 'object';
}
