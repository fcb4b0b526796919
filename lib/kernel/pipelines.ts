import type { Deadline } from '../contract/clock.js';
import { KernelStoppingError, type JobsError } from '../contract/errors.js';
import type { Job } from '../contract/job.js';
import type { PushOutcome, PushReceipt } from '../contract/jobs-api.js';
import { PipelineExistsError, PipelineNotFoundError } from '../contract/pipeline-errors.js';
import type { PipelineSettings } from '../contract/settings.js';
import type { Counters } from './counters.js';
import type { Pipeline } from './pipeline.js';

/** The pipelines of a kernel by name: leads every push to its own. */
export class Pipelines {
  readonly #counters: Counters;
  readonly #byName = new Map<string, Pipeline>();
  /** Names that are being opened: a second declaration of the same name is refused at once. */
  readonly #opening = new Set<string>();
  #isClosed = false;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  [Symbol.iterator](): Iterator<Pipeline> {
    return this.#byName.values();
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }

  get(name: string): Pipeline | undefined {
    return this.#byName.get(name);
  }

  /** @throws PipelineNotFoundError when there is none. */
  of(name: string): Pipeline {
    const pipeline = this.#byName.get(name);
    if (pipeline === undefined) throw this.#notFound(name);
    return pipeline;
  }

  /**
   * Adds the pipeline that `create` makes once it is open.
   *
   * @throws PipelineExistsError when the name is taken, also by one that is being opened.
   */
  async open({ name, driver }: PipelineSettings, create: () => Pipeline): Promise<Pipeline> {
    if (this.#byName.has(name) || this.#opening.has(name)) throw new PipelineExistsError(name, driver);
    this.#opening.add(name);
    try {
      const pipeline = create();
      await pipeline.open();
      this.#byName.set(name, pipeline);
      return pipeline;
    } finally {
      this.#opening.delete(name);
    }
  }

  /** Ends all of these, or none when one of them is not there. */
  async destroy(names: readonly string[], deadline: Deadline): Promise<void> {
    const pipelines = names.map((name) => this.of(name));
    await Promise.all(pipelines.map((pipeline) => this.end(pipeline, deadline)));
  }

  async end(pipeline: Pipeline, deadline: Deadline): Promise<void> {
    await pipeline.destroy(deadline);
    this.#byName.delete(pipeline.name);
  }

  /** Forgets them all; they are to be stopped. */
  close(): void {
    this.#isClosed = true;
    this.#byName.clear();
  }

  push(job: Job): Promise<PushReceipt> {
    const pipeline = this.#byName.get(job.pipeline);
    if (pipeline !== undefined) return pipeline.push(job);
    return Promise.reject(this.#refusal(job.pipeline));
  }

  async pushMany(jobs: readonly Job[]): Promise<PushOutcome[]> {
    const only = this.#onlyPipeline(jobs);
    if (only !== undefined) return only.pushMany(jobs);
    const outcomes = new Array<PushOutcome>(jobs.length);
    const groups = new Map<string, number[]>();
    for (let index = 0; index < jobs.length; index++) {
      const name = jobs[index]!.pipeline;
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [index]);
      else group.push(index);
    }
    await Promise.all(
      [...groups].map(async ([name, indexes]) => {
        const pipeline = this.#byName.get(name);
        const group = indexes.map((index) => jobs[index]!);
        const results =
          pipeline === undefined ? group.map((): PushOutcome => ({ ok: false, error: this.#refusal(name) })) : await pipeline.pushMany(group);
        indexes.forEach((index, position) => (outcomes[index] = results[position]!));
      }),
    );
    return outcomes;
  }

  /** The one pipeline of all of them: most batches have one, and need no sorting. */
  #onlyPipeline(jobs: readonly Job[]): Pipeline | undefined {
    const name = jobs[0]?.pipeline;
    for (const job of jobs) if (job.pipeline !== name) return undefined;
    return name === undefined ? undefined : this.#byName.get(name);
  }

  /** Of one push, which is counted. */
  #refusal(name: string): JobsError {
    this.#counters.pushErrors++;
    return this.#notFound(name);
  }

  #notFound(name: string): JobsError {
    if (this.#isClosed) return new KernelStoppingError(name);
    return new PipelineNotFoundError(name, this.names());
  }
}
