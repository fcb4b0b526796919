import { JobsArgumentError } from '../contract/errors.js';
import type { JobsApi, JobsApiSource, PipelineDeclaration, PipelineStat } from '../contract/jobs-api.js';
import { toDeclareMap, type CreateInfo } from './create-info.js';
import { jobNameOf, type JobDefinition, type JobName, type PushPayload } from './define-job.js';
import type { JobOptionsInput } from './job-options.js';
import { KafkaOptions, type KafkaOptionsInput } from './kafka-options.js';
import { jobOf, type PreparedTask } from './prepared-task.js';
import { Queue } from './queue.js';
import type { QueuedTask } from './queued-task.js';
import { rejection } from './rejection.js';
import { checkedTask, pushJob, pushJobs, tasksOf, type TaskList } from './task-batch.js';

/** Options of {@link Jobs.push}. @publicApi */
export interface JobsPushOptions extends JobOptionsInput {
  /** Where to push to. Default: the queue of the definition. */
  readonly queue?: string | undefined;
}

/**
 * The jobs of one kernel, wherever it runs: queues, and the pipelines behind them.
 *
 * @publicApi
 */
export class Jobs implements AsyncIterable<Queue> {
  readonly #api: JobsApi;
  /** Of definitions that name a queue: a push then makes no other. */
  readonly #queues = new WeakMap<JobDefinition, Queue>();

  /** @param source - A kernel, or the `RpcClient` that leads to one. */
  constructor(source: JobsApi | JobsApiSource) {
    this.#api = 'jobsApi' in source ? source.jobsApi() : source;
  }

  /**
   * A queue to push to. Makes no call and does not ask whether the pipeline exists.
   *
   * @param options - Of every task that does not give its own.
   * @throws JobsArgumentError when the name is empty or an option cannot be used.
   */
  connect(queue: string, options?: JobOptionsInput | KafkaOptionsInput): Queue {
    return new Queue(this.#api, queue, options);
  }

  /** The same as {@link connect}. */
  queue(name: string, options?: JobOptionsInput | KafkaOptionsInput): Queue {
    return this.connect(name, options);
  }

  /**
   * Declares a pipeline. It is paused until `resume()`, unless `consume` names it.
   *
   * @param info - One of the `…CreateInfo`, or an object with `driver`, `name` and the driver's options in camelCase.
   * @param options - Of the queue. Default for Kafka: the topic `default`.
   * @throws PipelineExistsError when there is one of this name.
   * @throws DriverNotAvailableError when the kernel has no such driver.
   */
  async create(info: CreateInfo | PipelineDeclaration, options?: JobOptionsInput | KafkaOptionsInput): Promise<Queue> {
    const declaration = toDeclareMap(info);
    const queue = this.connect(declaration.name, options ?? (declaration.driver === 'kafka' ? KafkaOptions.from({}) : undefined));
    await this.#api.declare(declaration);
    return queue;
  }

  /**
   * Pushes a job of a definition: `jobs.push(SendEmail, { to })`. A name in text or a class needs `queue` in the options.
   *
   * @throws JobsArgumentError (as all errors: by rejection) when no queue is named, or name, payload or options cannot be used.
   * @throws JobValidationError when the payload does not match the schema of the definition.
   * @throws JobsError of the driver when the job was not stored.
   */
  push<Name extends JobName>(name: Name, payload: PushPayload<Name>, options?: JobsPushOptions): Promise<QueuedTask> {
    try {
      return this.#queueOf(name, options?.queue).push(name, payload, options);
    } catch (error) {
      return rejection(error);
    }
  }

  /** Pushes a job of the task to the queue that made it. Each call makes a new one. */
  dispatch(task: PreparedTask): Promise<QueuedTask> {
    try {
      return pushJob(this.#api, jobOf(this.#api, checkedTask(task)));
    } catch (error) {
      return rejection(error);
    }
  }

  /**
   * Pushes a job of each task, to the queue that made it, in one call: `dispatchMany(one, two)` or `dispatchMany(list)`.
   *
   * @returns the tasks in the same order
   * @throws PushBatchError when not all were stored; `outcomes` says which.
   */
  async dispatchMany(...tasks: TaskList): Promise<QueuedTask[]> {
    return pushJobs(
      this.#api,
      tasksOf(tasks).map((task) => jobOf(this.#api, task)),
    );
  }

  /** In the order given; stops at the first error, and those before stay paused. Pushing stays allowed. */
  pause(queue: string | Queue, ...queues: readonly (string | Queue)[]): Promise<void> {
    return this.#api.pause(...namesOf(queue, queues));
  }

  /**
   * In the order given; stops at the first error, and those before stay resumed.
   *
   * @throws NotSupportedByKernelError (as a rejection) in a producer that has pipelines of its own: it runs no jobs.
   */
  resume(queue: string | Queue, ...queues: readonly (string | Queue)[]): Promise<void> {
    return this.#api.resume(...namesOf(queue, queues));
  }

  /** Removes pipelines; jobs in a broker stay there. @returns the names that were removed */
  destroy(queue: string | Queue, ...queues: readonly (string | Queue)[]): Promise<string[]> {
    return this.#api.destroy(...namesOf(queue, queues));
  }

  /** How many pipelines there are. */
  async count(): Promise<number> {
    return (await this.names()).length;
  }

  names(): Promise<string[]> {
    return this.#api.list();
  }

  stat(): Promise<PipelineStat[]> {
    return this.#api.stat();
  }

  /** True when the kernel answers. Never rejects. */
  async isAvailable(): Promise<boolean> {
    try {
      await this.#api.list();
      return true;
    } catch {
      return false;
    }
  }

  /** One queue per pipeline. The kernel is asked at the first step. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Queue, void, undefined> {
    for (const name of await this.names()) yield this.connect(name);
  }

  #queueOf(name: JobName, queue: string | undefined): Queue {
    if (queue !== undefined) return this.connect(queue);
    const job = jobNameOf(name);
    if (typeof name !== 'object' || name.queue === undefined) {
      throw new JobsArgumentError(
        `Job "${job}" has no queue. Push it as jobs.queue('…').push(), name one in the options, or write defineJob('${job}', { queue: '…' }).`,
      );
    }
    let known = this.#queues.get(name);
    if (known === undefined) this.#queues.set(name, (known = this.connect(name.queue)));
    return known;
  }
}

function namesOf(first: string | Queue, rest: readonly (string | Queue)[]): string[] {
  return [first, ...rest].map((queue) => (typeof queue === 'string' ? queue : queue.name));
}
