import type { Delivery } from '../contract/driver.js';
import type { JobControl, Outcome, PendingOutcome } from '../contract/executor.js';
import { failureOf } from '../contract/failure.js';
import { CRASHES_HEADER } from '../contract/job-headers.js';
import { DONE, NO_HEADERS } from '../contract/job.js';
import { Flight, type FlightWorker, type WorkerEnd } from './flight.js';
import { readAnswer } from './job-answer-reader.js';
import type { JobContexts } from './job-context.js';

/** One run of a job by a worker, and its outcome, which is told in the turn in which it comes. */
export class JobFlight extends Flight implements PendingOutcome {
  readonly #delivery: Delivery;
  readonly #control: JobControl;
  readonly #contexts: JobContexts;
  #outcome: Outcome | undefined = undefined;
  #listener: ((outcome: Outcome) => void) | undefined = undefined;

  constructor(delivery: Delivery, control: JobControl, contexts: JobContexts) {
    super();
    this.#delivery = delivery;
    this.#control = control;
    this.#contexts = contexts;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a promise and its callbacks would be five objects more per job
  then(listener: (outcome: Outcome) => void): void {
    const outcome = this.#outcome;
    if (outcome === undefined) this.#listener = listener;
    else void DONE.then(() => listener(outcome));
  }

  // A job that ran when a process died may have killed it, or one of those that ran beside it did.
  get isAlone(): boolean {
    const { job, starts = 0 } = this.#delivery;
    return starts > 0 || (job.headers !== NO_HEADERS && job.headers[CRASHES_HEADER] !== undefined);
  }

  get body(): string | Uint8Array {
    return this.#delivery.job.payload;
  }

  contextFor({ isOurs }: FlightWorker): string {
    return this.#contexts.write(this.#delivery.job, this.#control, isOurs);
  }

  answered(_context: Uint8Array, body: Uint8Array, { pid, isOurs }: FlightWorker): string | undefined {
    const read = readAnswer(body, this.#delivery.job, isOurs);
    if (typeof read === 'string') {
      this.#resolve({
        kind: 'failed',
        error: { type: 'WorkerProtocolError', message: `Worker ${pid} is replaced. ${read}`, code: 'WORKER_PROTOCOL' },
      });
      return read;
    }
    if (read.retry !== undefined) this.#control.retryBy(read.retry);
    this.#resolve(read.outcome);
    return undefined;
  }

  refused(text: string, { pid }: FlightWorker): void {
    this.#resolve({ kind: 'crashed', reason: 'protocol', detail: `Worker ${pid} answered with an error frame: ${text}` });
  }

  lost({ kind, detail }: WorkerEnd): void {
    if (kind === 'stopped') this.returned();
    else if (kind === 'aborted') this.#resolve({ kind: 'failed', error: failureOf(this.abortReason ?? new Error(detail)) });
    else if (this.isRefused) this.#resolve({ kind: 'rejected', error: { type: 'WorkerProtocolError', message: detail, code: 'JOB_CRASHED' } });
    else this.#resolve({ kind: 'crashed', reason: kind, detail });
  }

  returned(): void {
    this.#resolve({ kind: 'unstarted' });
  }

  #resolve(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#listener?.(outcome);
  }
}
