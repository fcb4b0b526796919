import type { Clock, Timer } from '../../contract/clock.js';
import type { PartitionCommit } from './partition.js';
import type { CommittedPlace } from './port.js';

export interface CommitLoopOptions {
  readonly clock: Clock;
  /** What the broker does not know. */
  collect(): readonly PartitionCommit[];
  commit(places: readonly CommittedPlace[]): Promise<void>;
  /** The broker has them. */
  onCommitted(commits: readonly PartitionCommit[]): void;
  /** Commits have failed for a while, although there is a connection. Called once, until one succeeds. */
  onRefused(error: unknown): void;
}

/** A crash repeats at most the jobs that were finished in this time. Unit: milliseconds. */
const COMMIT_INTERVAL_MS = 100;
/** So long commits may fail: those of a rebalance do, and those on a connection that has died unseen. Unit: milliseconds. */
const REFUSED_MS = 10_000;

/** Commits what is done, all partitions in one request. What fails is part of the next one. */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isUrgent = false;
  /** When they began to fail. */
  #failingSince: number | undefined;
  #isTold = false;
  #isStopped = false;

  constructor(options: CommitLoopOptions) {
    this.#options = options;
  }

  soon(): void {
    if (this.#isStopped) return;
    this.#timer ??= this.#options.clock.setTimer(COMMIT_INTERVAL_MS, () => {
      this.#timer = undefined;
      void this.#commit();
    });
  }

  /** Somebody waits for it: at the end of this turn, or after the request that is under way. */
  now(): void {
    if (this.#isUrgent || this.#isStopped) return;
    this.#isUrgent = true;
    if (this.#running === undefined) queueMicrotask(() => void this.#commit());
  }

  /** Commits once more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
    await this.#commit();
  }

  async #commit(): Promise<void> {
    if (this.#running !== undefined) return this.soon();
    this.#isUrgent = false;
    const commits = this.#options.collect();
    if (commits.length === 0) return this.#forgetFailure();
    this.#running = this.#send(commits);
    await this.#running;
    this.#running = undefined;
    if (this.#isUrgent && !this.#isStopped) await this.#commit();
  }

  /** Never rejects. */
  async #send(commits: readonly PartitionCommit[]): Promise<void> {
    try {
      await this.#options.commit(commits.map(({ place }) => place));
    } catch (error) {
      for (const { partition } of commits) partition.commitFailed();
      this.#failed(error);
      return this.soon();
    }
    this.#forgetFailure();
    for (const commit of commits) commit.partition.committed(commit);
    this.#options.onCommitted(commits);
  }

  #failed(error: unknown): void {
    const now = this.#options.clock.monotonic();
    this.#failingSince ??= now;
    if (this.#isTold || now - this.#failingSince < REFUSED_MS) return;
    this.#isTold = true;
    this.#options.onRefused(error);
  }

  #forgetFailure(): void {
    this.#failingSince = undefined;
    this.#isTold = false;
  }
}
