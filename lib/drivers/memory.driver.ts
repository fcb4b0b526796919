import type { Driver, DriverCapabilities, DriverContext } from '../contract/driver.js';
import { DEFAULT_PAGE, isAskedFor, pagePlace, viewOf } from '../contract/job-view.js';
import { DONE, JobRecord, type Done, type Job, type JobHeaders, type JobHolder } from '../contract/job.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import type { JobPage, JobQuery, JobView } from '../contract/kernel-admin.js';
import type { OptionSpec } from '../contract/option-spec.js';
import { DriverStoppedError, PipelineFullError } from '../contract/pipeline-errors.js';
import { Ring } from '../contract/ring.js';
import { DelayedJobs } from './memory/delayed-jobs.js';
import { lentAtOnce, optionTable } from './option-table.js';
import { WaitingPushes } from './waiting-pushes.js';

/** Settings of a `memory` pipeline. */
export interface MemoryOptions {
  /**
   * Jobs held (waiting, delayed, lent) before a push has to wait.
   *
   * Unit: jobs. Range: 1 or more. Default: `100_000`.
   */
  readonly maxJobs?: number;
  /**
   * Jobs lent to the kernel at once, running ones included.
   *
   * Unit: jobs. Range: 1 or more. Default: `100_000`.
   */
  readonly prefetch?: number;
}

const DEFAULT_MAX_JOBS = 100_000;
const DEFAULT_PREFETCH = 100_000;

/** What this driver can do. */
export const capabilities: DriverCapabilities = {
  persistent: false,
  connection: false,
  delay: true,
  priority: false,
  deadLetter: false,
  countsStarts: false,
  browse: true,
  remove: true,
  promote: true,
  purge: true,
};

/** Its settings, as data. */
export const options: readonly OptionSpec[] = optionTable<MemoryOptions>({
  prefetch: lentAtOnce(DEFAULT_PREFETCH),
  maxJobs: {
    type: 'integer',
    unit: 'jobs',
    min: 1,
    default: DEFAULT_MAX_JOBS,
    meaning: 'Jobs held (waiting, delayed, lent) before a push has to wait.',
  },
});

/** Jobs live in this process and end with it. */
export function createDriver(context: DriverContext<MemoryOptions>): Driver {
  return new MemoryDriver(context);
}

class MemoryDriver implements Driver, JobHolder {
  readonly #context: DriverContext<MemoryOptions>;
  readonly #maxJobs: number;
  readonly #waiting = new Ring<JobRecord>();
  readonly #delayed: DelayedJobs;
  readonly #pushers: WaitingPushes;
  readonly #drain = (): void => this.#lendWaiting();
  readonly #hasRoom = (): boolean => this.#waiting.length + this.#delayed.length + this.#lent < this.#maxJobs;
  #lent = 0;
  #phase: 'idle' | 'running' | 'paused' | 'stopped' = 'idle';

  constructor(context: DriverContext<MemoryOptions>) {
    this.#context = context;
    this.#maxJobs = context.options.maxJobs ?? DEFAULT_MAX_JOBS;
    this.#pushers = new WaitingPushes(context.clock);
    this.#delayed = new DelayedJobs(context.clock, (records) => this.#becameDue(records));
  }

  // No `async` on the push path: one shared promise says "done".
  push(job: Job): Promise<void> {
    if (this.#phase === 'stopped') return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    if (!this.#hasRoom() || this.#pushers.length > 0) return this.#whenRoom(job);
    this.#store(JobRecord.from(job));
    return DONE;
  }

  run(): Promise<void> {
    return this.resume();
  }

  pause(): Promise<void> {
    if (this.#phase === 'running') this.#phase = 'paused';
    return DONE;
  }

  resume(): Promise<void> {
    if (this.#phase === 'stopped') return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    this.#phase = 'running';
    this.#lendWaiting();
    return DONE;
  }

  stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#waiting.clear();
    this.#delayed.clear();
    this.#pushers.refuse(this, new DriverStoppedError(this.#context.pipeline));
    return DONE;
  }

  stat(): Promise<PipelineStat> {
    return Promise.resolve({
      pipeline: this.#context.pipeline,
      driver: this.#context.driver,
      queue: this.#context.pipeline,
      active: this.#lent,
      delayed: this.#delayed.length,
      reserved: this.#waiting.length,
      ready: this.#phase === 'running',
      priority: this.#context.priority,
    });
  }

  browse(query: JobQuery): Promise<JobPage> {
    const limit = query.limit ?? DEFAULT_PAGE;
    const skipped = pagePlace(query.after);
    const views: JobView[] = [];
    let position = 0;
    for (const view of this.#views()) {
      if (!isAskedFor(view, view.state, query) || position++ < skipped) continue;
      if (views.length === limit) return Promise.resolve({ jobs: views, next: String(skipped + limit) });
      views.push(view);
    }
    return Promise.resolve({ jobs: views });
  }

  remove(id: string): Promise<boolean> {
    return Promise.resolve(this.#discard({ id }) > 0);
  }

  promote(id: string): Promise<boolean> {
    const records = this.#delayed.removeWhere((delayed) => delayed.record.id === id);
    this.#becameDue(records);
    return Promise.resolve(records.length > 0);
  }

  purge(query: JobQuery): Promise<number> {
    return Promise.resolve(this.#discard(query));
  }

  // The holder's side: settlements of what was lent. A settled record is never lent again, so that a late call finds nobody.

  ack(): Done {
    this.#lent--;
    this.#admit();
  }

  nack(record: JobRecord, { requeue, delayMs }: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    this.#lent--;
    if (requeue) this.#putBack(record, record.headers, delayMs ?? 0);
    else this.#admit();
  }

  requeue(record: JobRecord, { headers, delayMs }: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    this.#lent--;
    this.#putBack(record, headers, delayMs);
  }

  release(record: JobRecord): Done {
    this.#lent--;
    if (this.#phase === 'stopped') return;
    const copy = JobRecord.changed(record, record.headers, record.delayMs);
    copy.holder = this;
    this.#waiting.unshift(copy);
    this.#lendWaiting();
  }

  #putBack(record: JobRecord, headers: JobHeaders, delayMs: number): void {
    if (this.#phase !== 'stopped') this.#store(JobRecord.changed(record, headers, delayMs));
  }

  #store(record: JobRecord): void {
    record.holder = this;
    if (record.delayMs > 0) return this.#delayed.add(record, record.delayMs);
    const { sink } = this.#context;
    if (this.#phase === 'running' && this.#waiting.length === 0 && sink.room > 0) return this.#lend(record);
    this.#waiting.push(record);
    if (this.#phase === 'running') this.#lendWaiting();
  }

  #becameDue(records: readonly JobRecord[]): void {
    for (const record of records) this.#waiting.push(record);
    this.#lendWaiting();
  }

  // Back-pressure is a number: no promise per job, and the stored object is the delivery.
  #lendWaiting(): void {
    const { sink } = this.#context;
    while (this.#phase === 'running' && this.#waiting.length > 0) {
      if (sink.room <= 0) return sink.onRoom(this.#drain);
      this.#lend(this.#waiting.shift()!);
    }
  }

  #lend(record: JobRecord): void {
    this.#lent++;
    this.#context.sink.accept(record);
  }

  #whenRoom(job: Job): Promise<void> {
    const { pipeline, pushTimeoutMs: timeoutMs } = this.#context;
    return this.#pushers.add({
      owner: this,
      timeoutMs,
      start: () => {
        this.#store(JobRecord.from(job));
        return DONE;
      },
      refusal: () => new PipelineFullError(pipeline, this.#maxJobs, timeoutMs),
    });
  }

  #admit(): void {
    this.#pushers.admit(this.#hasRoom);
  }

  #discard(query: JobQuery): number {
    let removed = 0;
    if (query.state === undefined || query.state === 'waiting') {
      removed += this.#waiting.removeWhere((record) => isAskedFor(record, 'waiting', query)).length;
    }
    if (query.state === undefined || query.state === 'delayed') {
      removed += this.#delayed.removeWhere(({ record }) => isAskedFor(record, 'delayed', query)).length;
    }
    if (removed > 0) this.#admit();
    return removed;
  }

  *#views(): Iterable<JobView> {
    for (const record of this.#waiting) yield viewOf(record, 'waiting');
    const { clock } = this.#context;
    const wallOffset = clock.now() - clock.monotonic();
    const delayed = [...this.#delayed].sort((a, b) => a.dueAt - b.dueAt || a.sequence - b.sequence);
    for (const { record, dueAt } of delayed) yield { ...viewOf(record, 'delayed'), dueAt: Math.round(dueAt + wallOffset) };
  }
}
