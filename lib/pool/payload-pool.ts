import type { Deadline, Timer } from '../contract/clock.js';
import { errorOf } from '../contract/thrown.js';
import {
  WorkerExitError,
  WorkerMemoryError,
  WorkerPoolError,
  WorkerProtocolError,
  WorkerSoftError,
  WorkerTimeoutError,
  type WorkerError,
} from '../contract/worker-errors.js';
import type { WorkerPayload, WorkerPool, WorkerState } from '../contract/worker.js';
import { Flight, type FlightWorker, type WorkerEnd } from './flight.js';
import { WorkerSet, type WorkerSetOptions } from './worker-set.js';

/** What a pool for payloads is made with. */
export type PayloadPoolOptions = Omit<WorkerSetOptions, 'onFreed'>;

/** Worker processes that answer payloads of any kind. */
export class PayloadPool implements WorkerPool {
  readonly #options: PayloadPoolOptions;
  readonly #set: WorkerSet;

  constructor(options: PayloadPoolOptions) {
    this.#options = options;
    this.#set = new WorkerSet({ ...options, onFreed: () => {} });
  }

  /** @throws WorkerStartError when a worker does not start; none is left then. */
  start(): Promise<void> {
    return this.#set.start();
  }

  execute(payload: WorkerPayload, signal?: AbortSignal): Promise<WorkerPayload> {
    const { settings, name, clock } = this.#options;
    if (this.#set.isStopped) return Promise.reject(new WorkerPoolError(name, 'stopped'));
    if (settings.maxQueueSize > 0 && this.#set.load >= settings.maxQueueSize) return Promise.reject(new WorkerPoolError(name, 'queue'));
    if (signal?.aborted === true) return Promise.reject(errorOf(signal.reason));
    return new Promise((resolve, reject) => {
      const withdraw = (error: Error): void => {
        if (this.#set.withdraw(flight)) flight.end(error);
      };
      const abort = (): void => {
        const reason = errorOf(signal?.reason);
        withdraw(reason);
        flight.abort(reason);
      };
      const flight = new PayloadFlight(payload, name, {
        resolve,
        reject,
        limitWait: () => clock.setTimer(settings.allocateTimeoutMs, () => withdraw(new WorkerPoolError(name, 'busy'))),
        unwatch: () => signal?.removeEventListener('abort', abort),
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#set.submit(flight);
    });
  }

  workers(): WorkerState[] {
    return this.#set.lastStates();
  }

  addWorker(): Promise<void> {
    return this.#set.addWorker();
  }

  removeWorker(): Promise<void> {
    return this.#set.removeWorker();
  }

  reset(): Promise<void> {
    return this.#set.reset();
  }

  stop(deadline: Deadline): Promise<void> {
    return this.#set.stop(deadline);
  }
}

interface PayloadFlightParts {
  readonly resolve: (answer: WorkerPayload) => void;
  readonly reject: (error: Error) => void;
  /** From here on it waits for a worker. */
  readonly limitWait: () => Timer;
  /** It is over. */
  readonly unwatch: () => void;
}

class PayloadFlight extends Flight {
  readonly isAlone = false;
  readonly #payload: WorkerPayload;
  readonly #pool: string;
  readonly #parts: PayloadFlightParts;
  #timer: Timer;

  constructor(payload: WorkerPayload, pool: string, parts: PayloadFlightParts) {
    super();
    this.#payload = payload;
    this.#pool = pool;
    this.#parts = parts;
    this.#timer = parts.limitWait();
  }

  get body(): Uint8Array {
    return this.#payload.body;
  }

  contextFor(): Uint8Array {
    this.#timer.cancel();
    return this.#payload.context;
  }

  override restart(): void {
    super.restart();
    this.#timer = this.#parts.limitWait();
  }

  answered(context: Uint8Array, body: Uint8Array): undefined {
    this.#forget();
    // Copies: the chunk they lie in may be far larger.
    this.#parts.resolve({ context: Uint8Array.from(context), body: Uint8Array.from(body) });
  }

  refused(text: string, { pid }: FlightWorker): void {
    this.end(new WorkerSoftError(pid, text));
  }

  lost(end: WorkerEnd, pid: number): void {
    if (end.kind === 'aborted' && this.abortReason !== undefined) this.end(this.abortReason);
    else this.end(workerError(end, pid));
  }

  returned(): void {
    this.end(new WorkerPoolError(this.#pool, 'stopped'));
  }

  end(error: Error): void {
    this.#forget();
    this.#parts.reject(error);
  }

  #forget(): void {
    this.#timer.cancel();
    this.#parts.unwatch();
  }
}

function workerError({ kind, detail }: WorkerEnd, pid: number): WorkerError {
  switch (kind) {
    case 'stopped':
      return new WorkerExitError(pid, `Worker ${pid} was stopped before it answered, as its pool was stopped or reset.`);
    case 'timeout':
      return new WorkerTimeoutError(pid, detail);
    case 'memory':
      return new WorkerMemoryError(pid, detail);
    case 'protocol':
      return new WorkerProtocolError(pid, detail);
    default:
      return new WorkerExitError(pid, detail);
  }
}
