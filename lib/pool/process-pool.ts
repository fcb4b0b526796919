import type { Deadline } from '../contract/clock.js';
import type { Delivery } from '../contract/driver.js';
import type { Executor, JobControl, PendingOutcome } from '../contract/executor.js';
import type { WorkerState } from '../contract/worker.js';
import { JobContexts } from './job-context.js';
import { JobFlight } from './job-flight.js';
import { WorkerSet, type WorkerSetOptions } from './worker-set.js';

/** What a pool of workers for jobs is made with. */
export type ProcessPoolOptions = Omit<WorkerSetOptions, 'mode' | 'onFreed'>;

/** `RR_MODE` of workers for jobs. */
const JOBS_MODE = 'jobs';

/**
 * Runs jobs in worker processes of any language. Whatever a worker does, each job that it was given gets exactly one outcome, and not before
 * the worker has answered or is dead.
 */
export class ProcessPool implements Executor {
  readonly #set: WorkerSet;
  readonly #contexts = new JobContexts();
  #listener: () => void = () => {};

  constructor(options: ProcessPoolOptions) {
    this.#set = new WorkerSet({ ...options, mode: JOBS_MODE, onFreed: () => this.#listener() });
  }

  /**
   * Resolves when all workers are ready.
   *
   * @throws WorkerStartError when one of them does not start; none is left then.
   */
  start(): Promise<void> {
    return this.#set.start();
  }

  capacity(): number {
    return this.#set.capacity();
  }

  onCapacity(listener: () => void): void {
    this.#listener = listener;
  }

  execute(delivery: Delivery, control: JobControl): PendingOutcome {
    const flight = new JobFlight(delivery, control, this.#contexts);
    this.#set.submit(flight);
    if (control.onAbort !== undefined) control.onAbort((reason) => this.#abort(flight, reason));
    else control.signal.addEventListener('abort', () => this.#abort(flight, control.signal.reason as Error), { once: true });
    return flight;
  }

  /** Their memory is measured now. */
  workers(): Promise<WorkerState[]> {
    return this.#set.states();
  }

  /** @throws WorkerPoolError when there are 500 already, or the pool stops. */
  addWorker(): Promise<void> {
    return this.#set.addWorker();
  }

  /** Resolves when one worker has left. The last one stays. */
  removeWorker(): Promise<void> {
    return this.#set.removeWorker();
  }

  /** Replaces every worker, a new one before the old one. Resolves when the old ones are gone. */
  reset(): Promise<void> {
    return this.#set.reset();
  }

  /** What still runs is told to finish and is killed at the deadline: its jobs go back unstarted. May be called twice. */
  stop(deadline: Deadline): Promise<void> {
    return this.#set.stop(deadline);
  }

  #abort(flight: JobFlight, reason: Error): void {
    if (this.#set.withdraw(flight)) flight.returned();
    else flight.abort(reason);
  }
}
