import type { Deadline } from '../contract/clock.js';
import type { Delivery, Driver, DriverContext } from '../contract/driver.js';
import { DONE, JobRecord, type Done, type Job, type JobHeaders } from '../contract/job.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import type { JobPage, JobQuery } from '../contract/kernel-admin.js';
import { DriverStoppedError } from '../contract/pipeline-errors.js';
import { priorityOf } from '../contract/priority.js';
import { Ring } from '../contract/ring.js';
import { StorageError } from '../contract/storage-errors.js';
import { AutoAcks } from './embedded/auto-acks.js';
import { browsePage, scanFile, scanMemory, waitingEntries, type WaitingPlaces } from './embedded/browse.js';
import { DEFAULT_FILE, DEFAULT_MODE, type EmbeddedOptions } from './embedded/config.js';
import { JobCounts } from './embedded/counts.js';
import { EmbeddedDelivery, type DeliveryHolder } from './embedded/delivery.js';
import { DueScan } from './embedded/due-scan.js';
import { JobFile, pipelineRange, resolveFile } from './embedded/job-file.js';
import { JobWriter } from './embedded/job-writer.js';
import { pipelineOf, Region, regionOf } from './embedded/key.js';
import { crashesOf, DamagedRecordError, decodeRecord } from './embedded/record.js';
import { ReadyLanes } from './embedded/ready-lanes.js';
import { Removals } from './embedded/removals.js';
import { Retries } from './embedded/retries.js';
import { Suspects } from './embedded/suspects.js';
import { TakenOut } from './embedded/taken-out.js';
import type { WrittenJob } from './embedded/write-batch.js';

export { capabilities, options } from './embedded/config.js';
export type { EmbeddedOptions } from './embedded/config.js';

const DEFAULT_MAX_CRASHES = 3;
/** Records read in one go, so that a large room is filled in turns. */
const READ_AT_ONCE = 256;
/** Records that a purge looks at before others get their turn. */
const PURGED_AT_ONCE = 10_000;

/** Jobs live in a file of this machine: what was pushed survives the process and the power. */
export function createDriver(context: DriverContext<EmbeddedOptions>): Driver {
  return new EmbeddedDriver(context);
}

/** What is there once the driver is open. */
interface OpenedFile {
  readonly file: JobFile;
  /** Of the pipeline, in the keys. */
  readonly number: number;
  readonly writer: JobWriter;
  readonly lanes: ReadyLanes;
  readonly due: DueScan;
  readonly removals: Removals;
  readonly autoAcks: AutoAcks;
  readonly takenOut: TakenOut;
}

class EmbeddedDriver implements Driver, DeliveryHolder {
  readonly #context: DriverContext<EmbeddedOptions>;
  readonly #path: string;
  /** The name of the file among what pipelines share. */
  readonly #resource: string;
  readonly #returned = new Ring<EmbeddedDelivery>();
  readonly #suspects: Suspects;
  readonly #drain = (): void => this.#lendWaiting();
  /** Wall time of this process: it starts as the machine's and never goes back. */
  readonly #wallOffset: number;
  #opened: OpenedFile | undefined;
  readonly #retries: Retries;
  readonly #counts = new JobCounts();
  #phase: 'idle' | 'running' | 'paused' | 'stopped' = 'idle';

  constructor(context: DriverContext<EmbeddedOptions>) {
    this.#context = context;
    this.#path = resolveFile(context.options.file ?? DEFAULT_FILE, context.dataDir, context.isDeclared);
    this.#resource = `embedded:${this.#path}`;
    this.#suspects = new Suspects(context.maxCrashes ?? DEFAULT_MAX_CRASHES);
    this.#retries = new Retries(context.clock);
    this.#wallOffset = context.clock.now() - context.clock.monotonic();
  }

  async open(): Promise<void> {
    const { resources, logger, options: given, clock } = this.#context;
    const mode = given.permissions ?? DEFAULT_MODE;
    const file = await resources.share(this.#resource, () => JobFile.open({ path: this.#path, mode, logger, clock }));
    try {
      this.#opened = this.#openIn(file);
    } catch (error) {
      await resources.release(this.#resource);
      throw error;
    }
  }

  #openIn(file: JobFile): OpenedFile {
    const { logger, pipeline, priority, pushTimeoutMs, clock } = this.#context;
    const number = file.pipelineNumber(pipeline);
    const { database } = file;
    for (const region of [Region.ready, Region.delayed]) this.#counts.add(region, database.getKeysCount(pipelineRange(region, number)));
    const now = (): number => clock.monotonic() + this.#wallOffset;
    const onCommitted = (jobs: readonly WrittenJob[]): void => this.#committed(jobs);
    const due = new DueScan({ clock, database, number, lastSequence: file.lastSequence, now, onDue: this.#drain });
    const written = { database, retries: this.#retries, report: (cause: unknown, consequence: string) => this.#report(cause, consequence) };
    const opened = {
      file,
      number,
      writer: new JobWriter({ file, number, priority, pushTimeoutMs, now, onCommitted }),
      lanes: new ReadyLanes(database, number),
      due,
      removals: new Removals(written),
      autoAcks: new AutoAcks(written, (deliveries) => this.#lendRemoved(deliveries)),
      takenOut: new TakenOut(database),
    };
    const { reserved, delayed } = this.#counts.stat;
    if (reserved + delayed > 0) logger.info(`Pipeline "${pipeline}" found ${reserved} waiting and ${delayed} delayed jobs.`, { file: this.#path });
    return opened;
  }

  // No `async` on the push path: all pushes of one commit share one promise.
  push(job: Job): Promise<void> {
    if (this.#phase === 'stopped') return Promise.reject(new DriverStoppedError(this.#context.pipeline));
    return this.#open.writer.push(job);
  }

  run(): Promise<void> {
    return this.resume();
  }

  pause(): Promise<void> {
    if (this.#phase === 'running') this.#phase = 'paused';
    this.#recallAutoAcks();
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
    this.#opened?.writer.refuse(new DriverStoppedError(this.#context.pipeline));
    this.#recallAutoAcks();
    this.#forgetStarts();
    await this.#opened?.file.settle();
    this.#opened?.due.stop();
    this.#retries.stop();
    if (this.#opened !== undefined) await this.#context.resources.release(this.#resource);
  }

  stat(): Promise<PipelineStat> {
    const { pipeline, driver, priority } = this.#context;
    return Promise.resolve({ pipeline, driver, queue: pipeline, ...this.#counts.stat, ready: this.#phase === 'running', priority });
  }

  // Before any of them runs: what runs when the process dies has spent one of its crashes.
  starting(deliveries: readonly Delivery[]): void {
    const { starts } = this.#open.file;
    for (const delivery of deliveries as readonly EmbeddedDelivery[]) if (!delivery.isRemoved) delivery.slot = starts.take(delivery.key);
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
    const moved = this.#open.writer.write(found.record, found.record.headers, 0, found.crashes);
    await Promise.all([moved, this.#takeOut([found.key])]);
    return true;
  }

  // In parts, so that neither lmdb nor other jobs have to wait for all of it. What is pushed meanwhile stays.
  async purge(query: JobQuery): Promise<number> {
    const { lastSequence } = this.#open.file;
    let inMemory = scanMemory(this.#places(), query);
    let removed = 0;
    let mark: Buffer | undefined;
    do {
      const part = scanFile(this.#places(), query, { mark, lastSequence, limit: PURGED_AT_ONCE });
      const keys = [...inMemory, ...part.keys];
      await this.#takeOut(keys);
      removed += keys.length;
      inMemory = [];
      mark = part.mark;
    } while (mark !== undefined);
    return removed;
  }

  // The holder's side. The kernel's slot is free when these return; the write rides with the next commit.

  settled(delivery: EmbeddedDelivery): Done {
    if (this.#isLate(delivery)) return;
    this.#giveBack(delivery);
    this.#counts.stored(delivery.key, -1);
    if (!delivery.isRemoved) this.#open.removals.remove(delivery.key);
  }

  putBack(delivery: EmbeddedDelivery, headers: JobHeaders, delayMs: number): Done {
    if (this.#isLate(delivery)) return;
    this.#giveBack(delivery);
    return this.#move(delivery, headers, delayMs);
  }

  returned(delivery: EmbeddedDelivery): Done {
    if (this.#isLate(delivery)) return;
    if (delivery.slot !== undefined) {
      this.#open.file.starts.erase(delivery.slot);
      this.#writeStarts();
    }
    this.#putInFront(delivery);
    this.#lendWaiting();
  }

  get #open(): OpenedFile {
    if (this.#opened === undefined) throw new DriverStoppedError(this.#context.pipeline);
    return this.#opened;
  }

  // New key and old key in one turn, so in one commit: neither lost nor doubled by a crash. When the commit fails, the job
  // is at its old place, where nobody looks for it before the next start: it is moved later.
  #move(delivery: EmbeddedDelivery, headers: JobHeaders, delayMs: number): Promise<void> {
    const written = this.#open.writer.write(delivery.job, headers, delayMs, delivery.starts);
    this.#open.file.database.remove(delivery.key).catch(() => {});
    // Counted at its old place until it is at the new one: a pipeline with a job is never seen empty.
    written.then(
      () => this.#counts.stored(delivery.key, -1),
      () => this.#retries.later(() => void this.#move(delivery, headers, delayMs)),
    );
    return written;
  }

  #committed(entries: readonly WrittenJob[]): void {
    // The next start finds them.
    if (this.#phase === 'stopped') return;
    const { lanes, due, takenOut, autoAcks } = this.#open;
    for (const { key, job, headers, crashes } of entries) {
      if (regionOf(key) === Region.delayed) {
        this.#counts.stored(key, 1);
        if (due.committed(key) === 'passed') this.#returned.push(new EmbeddedDelivery(this.#recordOf(job, headers), key, crashes, this));
        continue;
      }
      this.#counts.stored(key, 1);
      const isNext = this.#phase === 'running' && this.#returned.length === 0 && !due.hasDue && this.#context.sink.room > autoAcks.count;
      if (lanes.committed(key, isNext) === 'lend' && !takenOut.has(key))
        this.#lend(new EmbeddedDelivery(this.#recordOf(job, headers), key, crashes, this));
    }
    this.#lendWaiting();
  }

  // Sooner returned than due, sooner due than waiting; among the waiting the lowest priority number first.
  #lendWaiting(): void {
    if (this.#phase !== 'running') return;
    const { lanes, due, autoAcks } = this.#open;
    const { sink } = this.#context;
    for (;;) {
      const hasMore = this.#returned.length > 0 || due.hasDue || lanes.hasBacklog;
      if (!hasMore) return;
      if (sink.room <= 0) return sink.onRoom(this.#drain);
      const room = Math.min(sink.room - autoAcks.count, READ_AT_ONCE);
      // It goes on when they have left the disk.
      if (room <= 0) return;
      const delivery = this.#returned.shift();
      if (delivery !== undefined) this.#lend(delivery);
      else for (const { key, value } of due.hasDue ? due.read(room) : lanes.read(room)) this.#lendStored(key, value);
    }
  }

  #lendStored(key: Buffer, value: Buffer): void {
    if (this.#open.takenOut.has(key)) return;
    const delivery = this.#readStored(key, value);
    if (delivery !== undefined) this.#lend(delivery);
  }

  #readStored(key: Buffer, value: Buffer): EmbeddedDelivery | undefined {
    try {
      return new EmbeddedDelivery(decodeRecord(value, this.#context.pipeline), key, crashesOf(value), this);
    } catch (cause) {
      const error = new DamagedRecordError(this.#path, key.toString('hex'), { cause });
      this.#context.logger.error(error.message, { pipeline: this.#context.pipeline });
      return undefined;
    }
  }

  #lend(delivery: EmbeddedDelivery): void {
    if (!this.#suspects.mayLend(delivery)) return;
    this.#counts.lent(delivery.key, 1);
    if (delivery.job.autoAck) this.#open.autoAcks.remove(delivery);
    else this.#context.sink.accept(delivery);
  }

  #lendRemoved(deliveries: readonly EmbeddedDelivery[]): void {
    for (const delivery of deliveries) this.#context.sink.accept(delivery);
    this.#lendWaiting();
  }

  #recallAutoAcks(): void {
    for (const delivery of this.#opened?.autoAcks.recall().reverse() ?? []) {
      delivery.isRemoved = true;
      this.#putInFront(delivery);
    }
  }

  /** It ran on when its pipeline was stopped: it stays in the file, and its slot serves others. */
  #isLate({ slot }: EmbeddedDelivery): boolean {
    if (this.#phase !== 'stopped') return false;
    if (slot !== undefined) this.#open.file.starts.giveBack(slot);
    return true;
  }

  // What still runs at a stop has not killed its process.
  #forgetStarts(): void {
    if (this.#opened === undefined) return;
    const { file, number } = this.#opened;
    file.starts.eraseKeys((key) => pipelineOf(key) === number);
    this.#writeStarts();
  }

  /** It was not started, and is the next one again. */
  #putInFront(delivery: EmbeddedDelivery): void {
    if (delivery.isRemoved) this.#open.autoAcks.putBack(delivery);
    this.#counts.lent(delivery.key, -1);
    this.#nextSuspect(delivery);
    this.#returned.unshift(new EmbeddedDelivery(delivery.job, delivery.key, delivery.starts, this));
  }

  #giveBack(delivery: EmbeddedDelivery): void {
    if (delivery.slot !== undefined) this.#open.file.starts.giveBack(delivery.slot);
    this.#counts.lent(delivery.key, -1);
    this.#nextSuspect(delivery);
  }

  async #takeOut(keys: readonly Buffer[]): Promise<void> {
    if (keys.length === 0) return;
    const { takenOut, file } = this.#open;
    const isTaken = new Set(keys);
    const waited = new Set([this.#returned, this.#suspects].flatMap((list) => list.removeWhere(({ key }) => isTaken.has(key))).map(({ key }) => key));
    const failure = await takenOut.remove(keys, waited);
    if (failure === undefined) {
      for (const key of keys) this.#counts.stored(key, -1);
      return;
    }
    for (const key of failure.passed) {
      const delivery = this.#readStored(key, Buffer.from(file.database.get(key)!));
      if (delivery !== undefined) this.#returned.push(delivery);
    }
    this.#lendWaiting();
    throw new StorageError(this.#path, failure.cause, 'These jobs stay where they are.');
  }

  #nextSuspect(ended: EmbeddedDelivery): void {
    const next = this.#suspects.next(ended);
    if (next === undefined) return;
    this.#returned.unshift(next);
    // Not before what is given back was taken out of all counts.
    void DONE.then(this.#drain);
  }

  #report(cause: unknown, consequence: string): void {
    this.#context.logger.error(new StorageError(this.#path, cause, consequence).message, { pipeline: this.#context.pipeline });
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

  // A fresh push is lent as it is: nothing that a run sees was changed by its way to the disk.
  #recordOf(job: Job, headers: JobHeaders): JobRecord {
    if (job instanceof JobRecord && job.headers === headers && job.delayMs === 0 && job.priority !== 0) return job;
    const record = JobRecord.changed(job, headers, 0);
    record.priority = priorityOf(job, this.#context.priority);
    return record;
  }

  #places(): WaitingPlaces {
    const { file, lanes, due, takenOut } = this.#open;
    return {
      database: file.database,
      pipeline: this.#context.pipeline,
      returned: [...this.#returned, ...this.#suspects],
      ranges: [...lanes.ranges(), due.range()],
      isLeaving: (key) => takenOut.isLeaving(key),
    };
  }
}
