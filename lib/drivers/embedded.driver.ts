import type { Deadline, Timer } from '../contract/clock.js';
import type { Delivery, Driver, DriverCapabilities, DriverContext } from '../contract/driver.js';
import { DriverStoppedError, StorageError } from '../contract/errors.js';
import { DONE, JobRecord, type Done, type Job, type JobHeaders } from '../contract/job.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import type { JobPage, JobQuery } from '../contract/kernel-admin.js';
import type { OptionSpec } from '../contract/option-spec.js';
import { priorityOf } from '../contract/priority.js';
import { Ring } from '../contract/ring.js';
import { browsePage, waitingEntries, type WaitingPlaces } from './embedded/browse.js';
import { EmbeddedDelivery, type DeliveryHolder } from './embedded/delivery.js';
import { DueScan } from './embedded/due-scan.js';
import { failureOfCommit } from './embedded/database.js';
import { JobFile, pipelineRange, resolveFile } from './embedded/job-file.js';
import { jobKey, readyMajor, Region, regionOf } from './embedded/key.js';
import { crashesOf, DamagedRecordError, decodeRecord, encodeRecord } from './embedded/record.js';
import { ReadyLanes } from './embedded/ready-lanes.js';
import { WriteBatch, type WrittenJob } from './embedded/write-batch.js';

/** Settings of an `embedded` pipeline. */
export interface EmbeddedOptions {
  /** A file below `dataDir`; several pipelines may share one. Default: `rr.db`. */
  readonly file?: string;
  /** Mode of a file that is made. Default: `0o600`. */
  readonly permissions?: number;
  /** Jobs lent to the kernel at once, running ones included. Default: `1_000`. */
  readonly prefetch?: number;
}

const DEFAULT_FILE = 'rr.db';
const DEFAULT_MODE = 0o600;
const DEFAULT_PREFETCH = 1_000;
const DEFAULT_MAX_CRASHES = 3;
/** Records read in one go, so that a large room is filled in turns. */
const READ_AT_ONCE = 256;
/** Before removals that failed are tried again. */
const RETRY_MS = 1_000;

export const capabilities: DriverCapabilities = {
  persistent: true,
  connection: false,
  delay: true,
  priority: true,
  deadLetter: false,
  countsStarts: true,
  browse: true,
  remove: true,
  promote: true,
  purge: true,
};

export const options: readonly OptionSpec[] = [
  { name: 'file', key: 'file', type: 'text', default: DEFAULT_FILE, meaning: 'A file below "dataDir"; several pipelines may share one.' },
  { name: 'permissions', key: 'permissions', type: 'integer', min: 0, max: 0o777, default: DEFAULT_MODE, meaning: 'Mode of a file that is made.' },
  {
    name: 'prefetch',
    key: 'prefetch',
    type: 'integer',
    unit: 'jobs',
    min: 1,
    default: DEFAULT_PREFETCH,
    meaning: 'Jobs lent to the kernel at once, running ones included.',
  },
];

/** Jobs live in a file of this machine: what was pushed survives the process and the power. */
export function createDriver(context: DriverContext<EmbeddedOptions>): Driver {
  return new EmbeddedDriver(context);
}

/** What is there once the driver is open. */
interface OpenedFile {
  readonly file: JobFile;
  /** Of this pipeline, in the keys. */
  readonly number: number;
  readonly lanes: ReadyLanes;
  readonly due: DueScan;
}

class EmbeddedDriver implements Driver, DeliveryHolder {
  readonly #context: DriverContext<EmbeddedOptions>;
  readonly #path: string;
  readonly #returned = new Ring<EmbeddedDelivery>();
  /** Of jobs that ran at so many deaths one runs at a time: the next death then tells which of them is to blame. */
  readonly #suspectFrom: number;
  readonly #suspects = new Ring<EmbeddedDelivery>();
  #suspect: EmbeddedDelivery | undefined;
  readonly #drain = (): void => this.#lendWaiting();
  /** Wall time of this process: it starts as the machine's and never goes back. */
  readonly #wallOffset: number;
  #opened: OpenedFile | undefined;
  #batch: WriteBatch | undefined;
  #removals: { readonly commit: Promise<boolean>; readonly keys: Buffer[] } | undefined;
  readonly #retryTimers = new Set<Timer>();
  readonly #counts = { ready: 0, delayed: 0, lentReady: 0, lentDelayed: 0 };
  #phase: 'idle' | 'running' | 'paused' | 'stopped' = 'idle';

  constructor(context: DriverContext<EmbeddedOptions>) {
    this.#context = context;
    this.#path = resolveFile(context.options.file ?? DEFAULT_FILE, context.dataDir, context.isDeclared);
    this.#suspectFrom = Math.max(1, (context.maxCrashes ?? DEFAULT_MAX_CRASHES) - 1);
    this.#wallOffset = context.clock.now() - context.clock.monotonic();
  }

  async open(): Promise<void> {
    const { resources, logger, options: given, pipeline, clock } = this.#context;
    const mode = given.permissions ?? DEFAULT_MODE;
    const file = await resources.share(`embedded:${this.#path}`, () => JobFile.open({ path: this.#path, mode, logger }));
    const number = file.pipelineNumber(pipeline);
    const { database } = file;
    this.#counts.ready = database.getKeysCount(pipelineRange(Region.ready, number));
    this.#counts.delayed = database.getKeysCount(pipelineRange(Region.delayed, number));
    const due = new DueScan({ clock, database, number, lastSequence: file.lastSequence, now: () => this.#now(), onDue: this.#drain });
    this.#opened = { file, number, lanes: new ReadyLanes(database, number), due };
    if (this.#counts.ready + this.#counts.delayed > 0) {
      logger.info(`Pipeline "${pipeline}" found ${this.#counts.ready} waiting and ${this.#counts.delayed} delayed jobs.`, { file: this.#path });
    }
  }

  // No `async` on the push path: all pushes of one commit share one promise.
  push(job: Job): Promise<void> {
    if (this.#phase === 'stopped') return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    return this.#put(job, job.headers, job.delayMs, 0);
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
    this.#open.due.start();
    this.#lendWaiting();
    return DONE;
  }

  async stop(_deadline: Deadline): Promise<void> {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    await this.#opened?.file.settle();
    this.#opened?.due.stop();
    for (const timer of this.#retryTimers) timer.cancel();
    await this.#context.resources.release(`embedded:${this.#path}`);
  }

  stat(): Promise<PipelineStat> {
    const { pipeline, driver, priority } = this.#context;
    const { ready, delayed, lentReady, lentDelayed } = this.#counts;
    return Promise.resolve({
      pipeline,
      driver,
      queue: pipeline,
      active: lentReady + lentDelayed,
      delayed: delayed - lentDelayed,
      reserved: ready - lentReady,
      ready: this.#phase === 'running',
      priority,
    });
  }

  // Before any of them runs: what runs when the process dies has spent one of its crashes.
  starting(deliveries: readonly Delivery[]): void {
    const { starts } = this.#open.file;
    for (const delivery of deliveries as readonly EmbeddedDelivery[]) delivery.slot = starts.take(delivery.key);
    this.#writeStarts();
  }

  browse(query: JobQuery): Promise<JobPage> {
    return Promise.resolve(browsePage(this.#places(), query));
  }

  async remove(id: string): Promise<boolean> {
    return (await this.purge({ id })) > 0;
  }

  async promote(id: string): Promise<boolean> {
    const [found] = waitingEntries(this.#places(), { id, state: 'delayed' });
    if (found === undefined) return false;
    this.#forget(found.key);
    const moved = this.#put(found.record, found.record.headers, 0, found.crashes);
    const removed = this.#open.file.database.remove(found.key);
    await Promise.all([moved, removed]);
    this.#countStored(found.key, -1);
    return true;
  }

  async purge(query: JobQuery): Promise<number> {
    const { database } = this.#open.file;
    const removals = [...waitingEntries(this.#places(), query)].map(({ key }) => {
      this.#forget(key);
      return database.remove(key).then(() => this.#countStored(key, -1));
    });
    await Promise.all(removals);
    return removals.length;
  }

  // The holder's side. The kernel's slot is free when these return; the write rides with the next commit.

  settled(delivery: EmbeddedDelivery): Done {
    if (this.#phase === 'stopped') return;
    this.#giveBack(delivery);
    this.#countStored(delivery.key, -1);
    this.#remove(delivery.key);
  }

  putBack(delivery: EmbeddedDelivery, headers: JobHeaders, delayMs: number): Done {
    if (this.#phase === 'stopped') return;
    this.#giveBack(delivery);
    return this.#move(delivery, headers, delayMs);
  }

  returned(delivery: EmbeddedDelivery): Done {
    if (this.#phase === 'stopped') return;
    if (delivery.slot !== undefined) {
      this.#open.file.starts.erase(delivery.slot);
      this.#writeStarts();
    }
    this.#countLent(delivery.key, -1);
    this.#nextSuspect(delivery);
    this.#returned.unshift(new EmbeddedDelivery(delivery.job, delivery.key, delivery.starts, this));
    this.#lendWaiting();
  }

  get #open(): OpenedFile {
    if (this.#opened === undefined) throw new DriverStoppedError(this.#context.pipeline);
    return this.#opened;
  }

  #now(): number {
    return this.#context.clock.monotonic() + this.#wallOffset;
  }

  #put(job: Job, headers: JobHeaders, delayMs: number, crashes: number): Promise<void> {
    const { file, number } = this.#open;
    const priority = priorityOf(job, this.#context.priority);
    const sequence = file.nextSequence();
    const key =
      delayMs > 0
        ? jobKey(Region.delayed, number, Math.ceil(this.#now() + delayMs), sequence)
        : jobKey(Region.ready, number, readyMajor(priority), sequence);
    const value = encodeRecord(job, headers, priority);
    value[0] = crashes;
    const commit = file.database.put(key, value);
    if (this.#batch?.commit !== commit) {
      this.#batch = new WriteBatch(commit, this.#batch?.ended ?? DONE, {
        committed: (entries) => this.#committed(entries),
        failed: (cause) => new StorageError(this.#path, cause),
      });
    }
    return this.#batch.add(key, job, headers, crashes);
  }

  // New key and old key in one turn, so in one commit: neither lost nor doubled by a crash. When the commit fails, the job
  // is at its old place, where nobody looks for it before the next start: it is moved later.
  #move(delivery: EmbeddedDelivery, headers: JobHeaders, delayMs: number): Promise<void> {
    const written = this.#put(delivery.job, headers, delayMs, delivery.starts);
    this.#open.file.database.remove(delivery.key).catch(() => {});
    // Counted at its old place until it is at the new one: a pipeline with a job is never seen empty.
    written.then(
      () => this.#countStored(delivery.key, -1),
      () => this.#retryLater(() => void this.#move(delivery, headers, delayMs)),
    );
    return written;
  }

  #committed(entries: readonly WrittenJob[]): void {
    // The next start finds them.
    if (this.#phase === 'stopped') return;
    const { lanes, due } = this.#open;
    for (const { key, job, headers, crashes } of entries) {
      if (regionOf(key) === Region.delayed) {
        this.#counts.delayed++;
        if (due.committed(key) === 'passed') this.#returned.push(new EmbeddedDelivery(this.#recordOf(job, headers), key, crashes, this));
        continue;
      }
      this.#counts.ready++;
      const isNext = this.#phase === 'running' && this.#returned.length === 0 && !due.hasDue && this.#context.sink.room > 0;
      if (lanes.committed(key, isNext) === 'lend') this.#lend(new EmbeddedDelivery(this.#recordOf(job, headers), key, crashes, this));
    }
    this.#lendWaiting();
  }

  // Sooner returned than due, sooner due than waiting; among the waiting the lowest priority number first.
  #lendWaiting(): void {
    if (this.#phase !== 'running') return;
    const { lanes, due } = this.#open;
    const { sink } = this.#context;
    for (;;) {
      const hasMore = this.#returned.length > 0 || due.hasDue || lanes.hasBacklog;
      if (!hasMore) return;
      const room = Math.min(sink.room, READ_AT_ONCE);
      if (room <= 0) return sink.onRoom(this.#drain);
      const delivery = this.#returned.shift();
      if (delivery !== undefined) this.#lend(delivery);
      else for (const { key, value } of due.hasDue ? due.read(room) : lanes.read(room)) this.#lendStored(key, value);
    }
  }

  #lendStored(key: Buffer, value: Buffer): void {
    try {
      this.#lend(new EmbeddedDelivery(decodeRecord(value, this.#context.pipeline), key, crashesOf(value), this));
    } catch (cause) {
      const error = new DamagedRecordError(this.#path, key.toString('hex'), { cause });
      this.#context.logger.error(error.message, { pipeline: this.#context.pipeline });
    }
  }

  #lend(delivery: EmbeddedDelivery): void {
    if (delivery.starts >= this.#suspectFrom) {
      if (this.#suspect !== undefined) {
        this.#suspects.push(delivery);
        return;
      }
      this.#suspect = delivery;
    }
    this.#countLent(delivery.key, 1);
    this.#context.sink.accept(delivery);
  }

  #giveBack(delivery: EmbeddedDelivery): void {
    if (delivery.slot !== undefined) this.#open.file.starts.giveBack(delivery.slot);
    this.#countLent(delivery.key, -1);
    this.#nextSuspect(delivery);
  }

  /** It was given back and waits in memory. */
  #forget(key: Buffer): void {
    for (const waiting of [this.#returned, this.#suspects]) waiting.removeWhere((delivery) => delivery.key === key);
  }

  #countStored(key: Buffer, change: number): void {
    if (regionOf(key) === Region.ready) this.#counts.ready += change;
    else this.#counts.delayed += change;
  }

  #nextSuspect(delivery: EmbeddedDelivery): void {
    if (this.#suspect !== delivery) return;
    this.#suspect = undefined;
    const next = this.#suspects.shift();
    if (next === undefined) return;
    this.#returned.unshift(next);
    // Not before what is given back was taken out of all counts.
    void DONE.then(this.#drain);
  }

  #countLent(key: Buffer, change: number): void {
    if (regionOf(key) === Region.ready) this.#counts.lentReady += change;
    else this.#counts.lentDelayed += change;
  }

  // One watcher for all removals of a commit. What could not be removed is tried again: the job has run.
  #remove(key: Buffer): void {
    const commit = this.#open.file.database.remove(key);
    if (this.#removals?.commit !== commit) {
      const removals = (this.#removals = { commit, keys: [] as Buffer[] });
      void commit.catch((error: unknown) => this.#removeAgain(removals.keys, error));
    }
    this.#removals.keys.push(key);
  }

  async #removeAgain(keys: readonly Buffer[], error: unknown): Promise<void> {
    const finished = `${keys.length} finished job${keys.length === 1 ? ' is' : 's are'} removed later.`;
    this.#context.logger.error(new StorageError(this.#path, await failureOfCommit(error), finished).message, { pipeline: this.#context.pipeline });
    this.#retryLater(() => {
      for (const key of keys) this.#remove(key);
    });
  }

  #retryLater(work: () => void): void {
    if (this.#phase === 'stopped') return;
    const timer = this.#context.clock.setTimer(RETRY_MS, () => {
      this.#retryTimers.delete(timer);
      work();
    });
    this.#retryTimers.add(timer);
  }

  // A disk that is full keeps no job from running; a death of this process would not be counted then.
  #writeStarts(): void {
    const { starts } = this.#open.file;
    try {
      starts.write();
    } catch (cause) {
      const { message } = new StorageError(`${this.#path}.starts`, cause, 'The start of these jobs is not counted.');
      this.#context.logger.error(message, { pipeline: this.#context.pipeline });
    }
  }

  #recordOf(job: Job, headers: JobHeaders): JobRecord {
    const record = JobRecord.changed(job, headers, 0);
    record.priority = priorityOf(job, this.#context.priority);
    return record;
  }

  #places(): WaitingPlaces {
    const { file, lanes, due } = this.#open;
    return {
      database: file.database,
      pipeline: this.#context.pipeline,
      returned: [...this.#returned, ...this.#suspects],
      ranges: [...lanes.ranges(), due.range()],
    };
  }
}
