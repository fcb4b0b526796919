import { JobsError } from './errors.js';

/** The base of what goes wrong with a worker process. @publicApi */
export abstract class WorkerError extends JobsError {}

/** The worker answered with an error frame. It lives on. @publicApi */
export class WorkerSoftError extends WorkerError {
  readonly code = 'WORKER_SOFT';

  constructor(
    readonly pid: number,
    /** What the worker said. */
    readonly text: string,
    options?: ErrorOptions,
  ) {
    super(`Worker ${pid} answered with an error: ${text}`, options);
  }
}

/** The worker process ended before it answered. Whether the payload took effect is not known. @publicApi */
export class WorkerExitError extends WorkerError {
  readonly code = 'WORKER_EXIT';
  override readonly retriable = true;

  constructor(
    readonly pid: number,
    /** How it ended, and what it wrote last. */
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${detail} Look for the cause in what it wrote.`, options);
  }
}

/** The worker did not answer in time and was killed. @publicApi */
export class WorkerTimeoutError extends WorkerError {
  readonly code = 'WORKER_TIMEOUT';

  constructor(
    readonly pid: number,
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${detail} Raise "supervisor.exec_ttl", or do less at once.`, options);
  }
}

/** The worker used far more memory than it may and was killed. @publicApi */
export class WorkerMemoryError extends WorkerError {
  readonly code = 'WORKER_MEMORY';

  constructor(
    readonly pid: number,
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${detail} Raise "supervisor.max_worker_memory", or do less at once.`, options);
  }
}

/** The worker sent what is no answer and was killed. @publicApi */
export class WorkerProtocolError extends WorkerError {
  readonly code = 'WORKER_PROTOCOL';

  constructor(
    readonly pid: number,
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${detail} With pipes a worker may print nothing on its standard output.`, options);
  }
}

/** A worker could not be started. Nothing was given to it. @publicApi */
export class WorkerStartError extends WorkerError {
  readonly code = 'WORKER_START';
  override readonly retriable = true;

  constructor(
    /** The program and its arguments. */
    readonly command: readonly string[],
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`The worker ${JSON.stringify(command.join(' '))} did not start. ${reason}`, options);
  }
}

/** Why a pool did not take something. @publicApi */
export type WorkerPoolReason = 'busy' | 'queue' | 'limit' | 'stopped';

const POOL_TEXT: Readonly<Record<WorkerPoolReason, string>> = {
  busy: 'No worker became free in time. Add workers, raise "allocate_timeout", or send less at once.',
  queue: 'It holds as much as "max_queue_size" allows. Raise it, or send less at once.',
  limit: 'It has as many workers as a pool may have. Use a second pool.',
  stopped: 'It is stopping or has stopped. Start a new one.',
};

/** The pool did not take the payload, or no more workers. Nothing was given to a worker. @publicApi */
export class WorkerPoolError extends WorkerError {
  readonly code = 'WORKER_POOL';
  override readonly retriable = true;

  constructor(
    readonly pool: string,
    readonly reason: WorkerPoolReason,
    options?: ErrorOptions,
  ) {
    super(`The worker pool "${pool}" refused. ${POOL_TEXT[reason]}`, options);
  }
}
