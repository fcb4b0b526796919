import type { Job, JobHeaders } from '../../contract/job.js';
import { failureOfCommit } from '../../files/lmdb-file.js';

/** A job on its way to the disk. */
export interface WrittenJob {
  readonly key: Buffer;
  readonly job: Job;
  readonly headers: JobHeaders;
  readonly crashes: number;
}

export interface WriteBatchListeners {
  committed(batch: WriteBatch): void;
  /** Answers what its pushers are told. */
  failed(batch: WriteBatch, cause: unknown): Error;
}

/**
 * All jobs of one commit. They share its promise. Batches are told of in the order in which they were made, whatever the
 * order in which the promises of their commits resolve: the cursors go by the sequence.
 */
export class WriteBatch {
  readonly entries: WrittenJob[] = [];
  /** Of all its records. */
  bytes = 0;
  readonly #done: Promise<void>;
  /** Resolves when the batch was told of, in either way; `undefined` from then on. */
  #ended: Promise<void> | undefined;

  constructor(
    readonly commit: Promise<boolean>,
    previous: WriteBatch | undefined,
    listeners: WriteBatchListeners,
  ) {
    const before = previous === undefined ? undefined : previous.#ended;
    // Both are awaited: a commit may fail while the one before is under way.
    this.#done = (before === undefined ? commit : Promise.all([commit, before])).then(
      () => listeners.committed(this),
      async (cause: unknown) => Promise.reject(listeners.failed(this, await failureOfCommit(cause))),
    );
    // The pushers see the failure; where nobody waits it must not end the process.
    const end = (): Promise<void> | undefined => {
      if (before === undefined) return void (this.#ended = undefined);
      return before.then(() => void (this.#ended = undefined));
    };
    this.#ended = this.#done.then(end, end);
  }

  add(entry: WrittenJob, bytes: number): Promise<void> {
    this.entries.push(entry);
    this.bytes += bytes;
    return this.#done;
  }
}
