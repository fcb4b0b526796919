import type { Job, JobHeaders } from '../../contract/job.js';
import { priorityOf } from '../../contract/priority.js';
import { StorageError } from '../../contract/storage-errors.js';
import type { JobFile } from './job-file.js';
import { jobKey, readyMajor, Region } from './key.js';
import { encodeRecord } from './record.js';
import { WriteBatch, type WrittenJob } from './write-batch.js';

export interface JobWriterOptions {
  readonly file: JobFile;
  /** Of the pipeline, in the keys. */
  readonly number: number;
  /** Of jobs that bring none. */
  readonly priority: number;
  /** For a place in the file while too many jobs are on their way to the disk. Unit: milliseconds. */
  readonly pushTimeoutMs: number;
  /** Unit: Unix milliseconds. */
  now(): number;
  /** They are on the disk. */
  onCommitted(jobs: readonly WrittenJob[]): void;
}

/** Writes the jobs of one pipeline to its file. What one commit takes shares a promise. */
export class JobWriter {
  readonly #options: JobWriterOptions;
  #batch: WriteBatch | undefined;

  constructor(options: JobWriterOptions) {
    this.#options = options;
  }

  /** A new job: it waits while too many are on their way to the disk. */
  push(job: Job): Promise<void> {
    return this.#options.file.room.isFull ? this.#whenRoom(job) : this.write(job, job.headers, job.delayMs, 0);
  }

  /** Writes a job at once, as the last of its priority, or to its time. */
  write(job: Job, headers: JobHeaders, delayMs: number, crashes: number): Promise<void> {
    const { file, number } = this.#options;
    const priority = priorityOf(job, this.#options.priority);
    const sequence = file.nextSequence();
    const key =
      delayMs > 0
        ? jobKey(Region.delayed, number, Math.ceil(this.#options.now() + delayMs), sequence)
        : jobKey(Region.ready, number, readyMajor(priority), sequence);
    const value = encodeRecord(job, headers, priority);
    value[0] = crashes;
    const commit = file.database.put(key, value);
    if (this.#batch?.commit !== commit) this.#batch = this.#batchOf(commit);
    file.room.add(value.length);
    return this.#batch.add({ key, job, headers, crashes }, value.length);
  }

  /** Refuses the pushes that wait. */
  refuse(error: Error): void {
    this.#options.file.room.refuse(this, error);
  }

  #batchOf(commit: Promise<boolean>): WriteBatch {
    const { file } = this.#options;
    return new WriteBatch(commit, this.#batch, {
      committed: ({ entries, bytes }) => {
        file.room.ended(entries.length, bytes);
        this.#options.onCommitted(entries);
      },
      failed: ({ entries, bytes }, cause) => {
        file.room.ended(entries.length, bytes);
        return new StorageError(file.path, cause);
      },
    });
  }

  #whenRoom(job: Job): Promise<void> {
    const { file, pushTimeoutMs: timeoutMs } = this.#options;
    return file.room.wait({
      owner: this,
      timeoutMs,
      start: () => this.write(job, job.headers, job.delayMs, 0),
      refusal: () => new StorageError(file.path, new Error(`Jobs before it waited for the disk, and it had no room within ${timeoutMs} ms`)),
    });
  }
}
