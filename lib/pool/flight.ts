/** Why a worker came to its end, or had to. */
export interface WorkerEnd {
  /**
   * - `exit`: it ended by itself
   * - `timeout`, `memory`, `protocol`: it was killed for that
   * - `aborted`: it was killed because the run of one of its flights was aborted
   * - `stopped`: its pool let it go
   */
  readonly kind: 'exit' | 'timeout' | 'memory' | 'protocol' | 'aborted' | 'stopped';
  /** A sentence. */
  readonly detail: string;
  /** The ones that it was killed for; absent when that is not known: then all that it had. */
  readonly guilty?: readonly Flight[];
}

/** What a flight needs to know of the worker that it is given to. */
export interface FlightWorker {
  readonly pid: number;
  /** It is of this library, and said so. */
  readonly isOurs: boolean;
  /** The answer is wanted no more: ours is told to end it, another one is killed. What becomes of the flight is told as always. */
  abort(flight: Flight, reason: Error): void;
}

/** A payload on its way to a worker and back. Exactly one of the last four methods is called, once. */
export abstract class Flight {
  /** Of the worker that has it; `undefined` while it waits and when it is over. */
  worker: FlightWorker | undefined = undefined;
  /** Its number in that worker. */
  number = 0;
  /** Unit: monotonic milliseconds. */
  sentAt = 0;
  /** Workers that asked to be replaced instead of answering it. */
  restarts = 0;
  /** Too many of them did; it is not given to another one. */
  isRefused = false;
  /** Why it is wanted no more. */
  abortReason: Error | undefined = undefined;

  /** It may have killed a process before: it shares a worker with no other, so that none dies with it. */
  abstract readonly isAlone: boolean;
  abstract readonly body: string | Uint8Array;
  abstract contextFor(worker: FlightWorker): string | Uint8Array;

  /** The first reason stands. */
  abort(reason: Error): void {
    this.abortReason ??= reason;
    this.worker?.abort(this, reason);
  }

  /** Its worker asked to be replaced instead: it is for another one. */
  restart(): void {
    this.restarts++;
  }

  /** The parts are only valid during the call. Answers what is wrong with it, if anything: the worker is then replaced. */
  abstract answered(context: Uint8Array, body: Uint8Array, worker: FlightWorker): string | undefined;
  /** The worker answered with an error frame and lives on. */
  abstract refused(text: string, worker: FlightWorker): void;
  /** Its worker is dead: whether it took effect is not known. */
  abstract lost(end: WorkerEnd, pid: number): void;
  /** No worker had it, or none began with it: it is as if it had never been sent. */
  abstract returned(): void;
}
