import type { Clock } from '../contract/clock.js';
import type { Job } from '../contract/job.js';
import type { JobsApi, PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from '../contract/jobs-api.js';

/** A {@link JobsApi} that knows which of its calls have no answer yet. */
export class AwaitedJobsApi implements JobsApi {
  readonly #api: JobsApi;
  readonly #clock: Clock;
  readonly #whenAnswered: (() => void)[] = [];
  #pending = 0;

  constructor(api: JobsApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** Waits until every call that was made has its answer, at most for so long. Never rejects. */
  answered(timeoutMs: number): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(timeoutMs, resolve);
      this.#whenAnswered.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  push(job: Job): Promise<PushReceipt> {
    return this.#awaited(this.#api.push(job));
  }

  pushMany(jobs: readonly Job[]): Promise<PushOutcome[]> {
    return this.#awaited(this.#api.pushMany(jobs));
  }

  declare(pipeline: PipelineDeclaration): Promise<void> {
    return this.#awaited(this.#api.declare(pipeline));
  }

  destroy(...names: string[]): Promise<string[]> {
    return this.#awaited(this.#api.destroy(...names));
  }

  pause(...names: string[]): Promise<void> {
    return this.#awaited(this.#api.pause(...names));
  }

  resume(...names: string[]): Promise<void> {
    return this.#awaited(this.#api.resume(...names));
  }

  list(): Promise<string[]> {
    return this.#awaited(this.#api.list());
  }

  stat(): Promise<PipelineStat[]> {
    return this.#awaited(this.#api.stat());
  }

  now(): number {
    return this.#api.now?.() ?? Date.now();
  }

  // One reaction on the promise that is handed on: no second promise for the caller to wait for.
  #awaited<T>(answer: Promise<T>): Promise<T> {
    this.#pending++;
    answer.then(this.#settled, this.#settled);
    return answer;
  }

  readonly #settled = (): void => {
    if (--this.#pending > 0) return;
    for (const tell of this.#whenAnswered.splice(0)) tell();
  };
}
