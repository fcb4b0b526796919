import type { Clock } from '../contract/clock.js';
import type { Delivery } from '../contract/driver.js';
import { CancelJobError } from '../contract/job-errors.js';
import { isAskedFor, pagePlace, pageSize, viewOf } from '../contract/job-view.js';
import type { FailedJobs, JobPage, JobQuery, JobView, KernelAdmin, KernelCounters, RunningJob, WorkerStat } from '../contract/kernel-admin.js';
import { NotSupportedByDriverError } from '../contract/pipeline-errors.js';
import type { Counters } from './counters.js';
import type { FailedStore } from './failed-store.js';
import type { Pipeline } from './pipeline.js';
import type { Pipelines } from './pipelines.js';
import type { Run } from './run.js';
import type { WorkforceAdmin } from './workforce.js';

/** What the administration sees of its kernel. */
export interface AdminOptions {
  readonly clock: Clock;
  readonly failed: FailedStore;
  readonly counters: Counters;
  readonly pipelines: Pipelines;
  runs(): Iterable<Run>;
  cancelRun(run: Run, reason: Error): void;
  /** Absent where handlers run in this process. */
  readonly workers?: WorkforceAdmin;
}

/** Pages of running and queued jobs go by position, those of the driver by its own mark behind this one. */
const DRIVER_MARK = 'driver:';

/** {@link KernelAdmin} of a kernel in this process. */
export class Admin implements KernelAdmin {
  readonly pools?: readonly string[];
  readonly addWorker?: (pool?: string) => Promise<void>;
  readonly removeWorker?: (pool?: string) => Promise<void>;
  readonly resetWorkers?: (pool?: string) => Promise<void>;
  readonly #options: AdminOptions;

  constructor(options: AdminOptions) {
    this.#options = options;
    const { workers } = options;
    if (workers === undefined) return;
    this.pools = workers.pools;
    this.addWorker = (pool) => workers.addWorker(pool);
    this.removeWorker = (pool) => workers.removeWorker(pool);
    this.resetWorkers = (pool) => workers.resetWorkers(pool);
  }

  get failed(): FailedJobs {
    return this.#options.failed;
  }

  counters(): Promise<KernelCounters> {
    return Promise.resolve({ ...this.#options.counters });
  }

  running(): Promise<RunningJob[]> {
    const now = this.#options.clock.monotonic();
    return Promise.resolve(
      [...this.#options.runs()].map((run) => ({
        id: run.delivery.job.id,
        name: run.delivery.job.name,
        pipeline: run.pipeline.name,
        attempt: run.attempt,
        ageMs: now - run.startedAt,
        ...(run.deadline === Infinity ? {} : { timeLeftMs: Math.max(0, run.deadline - now) }),
        ...(run.lastProgress === undefined ? {} : { progress: run.lastProgress }),
      })),
    );
  }

  workers(pool?: string): Promise<WorkerStat[]> {
    return this.#options.workers?.workers(pool) ?? Promise.resolve([]);
  }

  async cancel(id: string, reason = 'It was cancelled.'): Promise<boolean> {
    for (const run of this.#options.runs()) {
      if (run.delivery.job.id !== id) continue;
      this.#options.cancelRun(run, new CancelJobError(reason));
      return true;
    }
    for (const pipeline of this.#options.pipelines) {
      if (await this.#removeFrom(pipeline, id)) return true;
    }
    return false;
  }

  async browse(name: string, query: JobQuery = {}): Promise<JobPage> {
    const pipeline = this.#options.pipelines.of(name);
    const limit = pageSize(query.limit);
    const jobs: JobView[] = [];
    if (query.after === undefined || !query.after.startsWith(DRIVER_MARK)) {
      let position = pagePlace(query.after);
      for (const view of this.#lent(pipeline, query).slice(position)) {
        if (jobs.length === limit) return { jobs, next: String(position) };
        jobs.push(view);
        position++;
      }
    }
    if (pipeline.driver.browse === undefined || query.state === 'running') return { jobs };
    if (jobs.length === limit) return { jobs, next: `${DRIVER_MARK}0` };
    const { after, ...rest } = query;
    const mark = after?.startsWith(DRIVER_MARK) === true ? { after: after.slice(DRIVER_MARK.length) } : {};
    const page = await pipeline.driver.browse({ ...rest, ...mark, limit: limit - jobs.length });
    return { jobs: [...jobs, ...page.jobs], ...(page.next === undefined ? {} : { next: DRIVER_MARK + page.next }) };
  }

  async remove(name: string, id: string): Promise<boolean> {
    const pipeline = this.#options.pipelines.of(name);
    if (pipeline.driver.remove === undefined) throw this.#notSupported(pipeline, 'removing a waiting job');
    return this.#removeFrom(pipeline, id);
  }

  async promote(name: string, id: string): Promise<boolean> {
    const pipeline = this.#options.pipelines.of(name);
    if (pipeline.driver.promote === undefined) throw this.#notSupported(pipeline, 'promoting a delayed job');
    return pipeline.driver.promote(id);
  }

  async purge(name: string, query: JobQuery = {}): Promise<number> {
    const pipeline = this.#options.pipelines.of(name);
    if (pipeline.driver.purge === undefined) throw this.#notSupported(pipeline, 'purging');
    if (query.state === 'running') return 0;
    // The driver first: what is taken out of the queue makes room for what waits behind it.
    const purged = await pipeline.driver.purge(query);
    if (query.state !== undefined && query.state !== 'waiting') return purged;
    const queued = pipeline.takeQueued((job) => isAskedFor(job, 'waiting', query));
    for (const delivery of queued) await delivery.ack();
    return purged + queued.length;
  }

  async #removeFrom(pipeline: Pipeline, id: string): Promise<boolean> {
    const [delivery] = pipeline.takeQueued((job) => job.id === id);
    if (delivery === undefined) return (await pipeline.driver.remove?.(id)) ?? false;
    await delivery.ack();
    return true;
  }

  /** Running jobs, then those in the priority queue. */
  #lent(pipeline: Pipeline, query: JobQuery): JobView[] {
    const views: JobView[] = [];
    for (const run of this.#options.runs()) if (run.pipeline === pipeline) views.push(viewOfLent(run.delivery, 'running', pipeline));
    for (const delivery of pipeline.dispatcher.queue) {
      if (delivery.job.pipeline === pipeline.name) views.push(viewOfLent(delivery, 'waiting', pipeline));
    }
    return views.filter((view) => isAskedFor(view, view.state, query));
  }

  #notSupported(pipeline: Pipeline, capability: string): NotSupportedByDriverError {
    return new NotSupportedByDriverError(pipeline.settings.driver, capability, "Use the broker's own tools.");
  }
}

function viewOfLent({ job, starts = 0 }: Delivery, state: 'running' | 'waiting', { settings }: Pipeline): JobView {
  return { ...viewOf(job, state), priority: job.priority || settings.priority, ...(starts === 0 ? {} : { crashes: starts }) };
}
