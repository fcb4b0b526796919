import type { Job, JobHeaders } from '../../contract/job.js';
import { failureOfCommit } from '../../files/lmdb-file.js';

/** A job on its way to the disk. */
export interface WrittenJob {
  readonly key: Buffer;
  readonly job: Job;
  readonly headers: JobHeaders;
  readonly crashes: number;
}

/**
 * All jobs of one commit. They share its promise. Batches are told of in the order in which they were made, whatever the
 * order in which the promises of their commits resolve: the cursors go by the sequence.
 */
export class WriteBatch {
  readonly entries: WrittenJob[] = [];
  /** Of all its records. */
  bytes = 0;
  /** Resolves when the batch was told of, in either way. */
  readonly ended: Promise<void>;
  readonly #done: Promise<void>;

  constructor(
    readonly commit: Promise<boolean>,
    previous: Promise<void>,
    listeners: { committed(entries: readonly WrittenJob[]): void; failed(cause: unknown): Error },
  ) {
    // Both are awaited: a commit may fail while the one before is under way.
    this.#done = Promise.all([commit, previous]).then(
      () => listeners.committed(this.entries),
      async (cause: unknown) => Promise.reject(listeners.failed(await failureOfCommit(cause))),
    );
    // The pushers see the failure; where nobody waits it must not end the process.
    this.ended = Promise.allSettled([this.#done, previous]).then(() => {});
  }

  add(entry: WrittenJob, bytes: number): Promise<void> {
    this.entries.push(entry);
    this.bytes += bytes;
    return this.#done;
  }
}
