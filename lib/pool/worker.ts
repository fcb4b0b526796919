import type { Clock, Timer } from '../contract/clock.js';
import { KernelStoppingError } from '../contract/errors.js';
import { DONE } from '../contract/job.js';
import type { JobsLogger } from '../contract/logger.js';
import type { WorkerState, WorkerStatusName } from '../contract/worker.js';
import { FrameFlag, type Frame } from '../wire/frame.js';
import { FrameSlab } from '../wire/frame-slab.js';
import { encodeControl } from '../wire/worker-message.js';
import { AdaptiveWindow } from './adaptive-window.js';
import type { Flight, FlightWorker, WorkerEnd } from './flight.js';
import { FlightTable } from './flight-table.js';
import type { FrameChannel } from './frame-channel.js';
import { setPatientTimer } from './patient-timer.js';
import { asksForRestart } from './restart-request.js';
import { StopEscalation } from './stop-escalation.js';
import { describeExit, type ChildExit, type WorkerChild } from './worker-child.js';

/** What a worker tells its pool. */
export interface WorkerOwner {
  /** It may take more. */
  freed(worker: Worker): void;
  /** It has nothing in hand and will take nothing more: another one may take its place. Called once, before `ended`. */
  leaving(worker: Worker, reason: WorkerEnd['kind']): void;
  /** It asked to be replaced instead of answering this one. */
  restarted(flight: Flight, pid: number): void;
  /** Its process is dead and its flights were told. */
  ended(worker: Worker, end: WorkerEnd): void;
}

export interface WorkerParts {
  readonly child: WorkerChild;
  readonly channel: FrameChannel;
  /** Payloads at once; `undefined` for a worker of another library. */
  readonly window: number | undefined;
  /** Payloads in all. */
  readonly maxExecutions: number;
  /** Between the cancel of a flight and the kill of a worker that does not answer it. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  readonly owner: WorkerOwner;
}

/** How long a worker may take to obey the stop frame, and then SIGTERM. Unit: milliseconds. */
const STOP_MS = 10_000;
const TERM_MS = 1_000;
/** A socket may still hold answers when its process has ended. Unit: milliseconds. */
const CHANNEL_REST_MS = 200;
const NO_CONTEXT = new Uint8Array(0);
/** What a worker is until its process is dead; `errored` for the other reasons. */
const KILLED_STATUS: Readonly<Partial<Record<WorkerEnd['kind'], WorkerStatusName>>> = { timeout: 'execTTLReached', memory: 'maxMemoryReached' };

/** A worker process that is ready: what it has in hand, what it answers, and how it ends. */
export class Worker implements FlightWorker {
  readonly pid: number;
  readonly isOurs: boolean;
  readonly createdAt: number;
  /** Unit: monotonic milliseconds. */
  readonly readyAt: number;
  /** As last measured. */
  memoryBytes = 0;
  /** It stands in its pool's line of workers that may take something. */
  isInLine = false;
  /** Resolves when its process is dead. */
  readonly ended: Promise<void>;
  readonly #parts: WorkerParts;
  readonly #window: AdaptiveWindow;
  readonly #slab = new FrameSlab();
  readonly #flush = (): void => this.#write();
  readonly #send = (bytes: Uint8Array): void => this.#parts.channel.write(bytes);
  readonly #flights: FlightTable;
  readonly #cancelTimers = new Map<Flight, Timer>();
  #executions = 0;
  #answersOfChunk = 0;
  /** When the first of those was sent. */
  #sentAtOfChunk = Infinity;
  #lastUsedAt: number;
  /** It waits until the worker has nothing, and then has it alone. */
  #next: Flight | undefined;
  #isAlone = false;
  /** It has room since half of its window was done. */
  #isFilling = true;
  #isWritePlanned = false;
  /** Payloads that were not written yet. */
  #unwritten = 0;
  #hasLeft = false;
  #status: WorkerStatusName = 'ready';
  #end: WorkerEnd | undefined;
  #channelError: Error | undefined;
  #channelEnded: () => void = () => {};
  readonly #channelEnd: Promise<void>;
  readonly #escalation: StopEscalation;
  #relayTimer: Timer | undefined;

  constructor(parts: WorkerParts) {
    const { child, channel, window, clock } = parts;
    this.#parts = parts;
    this.#escalation = new StopEscalation(parts);
    this.pid = child.pid;
    this.isOurs = window !== undefined;
    this.#window = new AdaptiveWindow(window ?? 1);
    this.#flights = new FlightTable(window ?? 1);
    this.createdAt = clock.now();
    this.readyAt = this.#lastUsedAt = clock.monotonic();
    this.#channelEnd = new Promise((resolve) => (this.#channelEnded = resolve));
    channel.listener = {
      onFrame: (frame) => this.#read(frame),
      onChunk: () => this.#endChunk(),
      onEnd: (error) => this.#lostChannel(error),
    };
    this.ended = child.exited.then((exit) => this.#exited(exit));
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  get executions(): number {
    return this.#executions;
  }

  /** When it last was given something, or answered. Unit: monotonic milliseconds. */
  get lastUsedAt(): number {
    return this.#lastUsedAt;
  }

  /** It takes nothing more. */
  get isLeaving(): boolean {
    return this.#status !== 'ready';
  }

  get state(): WorkerState {
    return {
      pid: this.pid,
      status: this.#status === 'ready' && this.inFlight > 0 ? 'working' : this.#status,
      executions: this.#executions,
      inFlight: this.inFlight,
      window: this.#window.size,
      createdAt: this.createdAt,
      memoryBytes: this.memoryBytes,
    };
  }

  /** The one that was sent first of those it has. */
  get oldest(): Flight | undefined {
    return this.#flights.oldest;
  }

  flights(): Iterable<Flight> {
    return this.#flights.inOrder();
  }

  /** Payloads that it may be given, unless it {@link isStalled}. */
  get room(): number {
    if (this.#status !== 'ready' || this.#next !== undefined || this.#isAlone || !this.#parts.child.isAlive) return 0;
    const inFlight = this.#flights.size;
    const { size } = this.#window;
    // Filled again when half of it is done: one write for many payloads instead of one for each answer.
    if (inFlight >= size) this.#isFilling = false;
    else if (inFlight * 2 <= size) this.#isFilling = true;
    return this.#isFilling ? Math.min(size - inFlight, this.#parts.maxExecutions - this.#executions) : 0;
  }

  /** It has something and keeps silent: whatever it is given waits. */
  isStalled(now: number): boolean {
    return this.#flights.size > 0 && this.#window.isStalled(now);
  }

  /** Only when it is free. One that shares with no other waits for the end of what the worker has. */
  take(flight: Flight, now: number): void {
    flight.worker = this;
    if (flight.isAlone && this.#flights.size > 0) this.#next = flight;
    else this.#give(flight, now);
  }

  abort(flight: Flight, reason: Error): void {
    if (flight.worker !== this || this.#cancelTimers.has(flight)) return;
    if (this.#next === flight) {
      this.#next = undefined;
      flight.worker = undefined;
      flight.returned();
      return;
    }
    const detail = `Worker ${this.pid} was killed: ${reason.message}`;
    if (!this.isOurs) {
      // It cannot be told, and may end in time: the stop of the pool decides.
      if (!(reason instanceof KernelStoppingError)) this.kill({ kind: 'aborted', detail, guilty: [flight] });
      return;
    }
    this.#write();
    const { code } = reason as { code?: unknown };
    this.#parts.channel.write(encodeControl({ cancel: flight.number, ...(typeof code === 'string' ? { code } : {}), message: reason.message }));
    this.#cancelTimers.set(
      flight,
      this.#parts.clock.setTimer(this.#parts.graceMs, () => this.kill({ kind: 'aborted', detail, guilty: [flight] })),
    );
  }

  /** It gets nothing more and is stopped when it has nothing in hand. The first reason stands. */
  retire(status: WorkerStatusName): void {
    if (this.#status !== 'ready') return;
    this.#status = status;
    this.#stopWhenIdle();
  }

  /** Stops it, whatever it has in hand: stop frame, then SIGTERM after `patienceMs`, then SIGKILL. Resolves when it is dead. */
  stop(patienceMs: number, termMs: number): Promise<void> {
    this.retire('destroyed');
    this.#end ??= { kind: 'stopped', detail: `Worker ${this.pid} was stopped.` };
    if (this.#status !== 'stopping' && this.#status !== 'stopped') this.#sendStop();
    this.#escalation.begin(patienceMs, termMs);
    return this.ended;
  }

  kill(end: WorkerEnd): void {
    if (this.#end === undefined || this.#end.kind === 'stopped') this.#end = end;
    if (this.#status === 'ready') this.#status = KILLED_STATUS[end.kind] ?? 'errored';
    this.#leave();
    this.#parts.channel.listener = { onFrame: () => {}, onEnd: () => this.#channelEnded() };
    this.#parts.child.signal('SIGKILL');
  }

  #give(flight: Flight, now: number): void {
    const context = flight.contextFor(this);
    flight.sentAt = this.#lastUsedAt = now;
    if (this.#flights.size === 0) this.#window.begin(now);
    this.#isAlone = flight.isAlone;
    this.#flights.add(flight);
    this.#executions++;
    this.#slab.add(FrameFlag.raw, context, flight.body, this.isOurs ? flight.number : undefined);
    // The worker begins with one half of its window while the other half is made.
    if (++this.#unwritten * 2 >= this.#window.size) this.#write();
    else this.#planWrite();
    if (this.#executions >= this.#parts.maxExecutions) this.retire('maxJobsReached');
  }

  // One write for all that one turn of the dispatch loop gives.
  #planWrite(): void {
    if (this.#isWritePlanned) return;
    this.#isWritePlanned = true;
    void DONE.then(this.#flush);
  }

  #write(): void {
    this.#isWritePlanned = false;
    this.#unwritten = 0;
    this.#slab.take(this.#send);
  }

  #read(frame: Frame): void {
    const { flags, stream, options, payload } = frame;
    if (stream !== 0) return this.#violate('It answered with a stream; jobs have none.');
    if ((flags & FrameFlag.control) !== 0) return this.#violate('It sent a control frame that nobody asked for.');
    const isError = (flags & FrameFlag.error) !== 0;
    const expected = this.isOurs ? 2 : 1;
    if (options.length !== expected && !(isError && !this.isOurs)) {
      return this.#violate(`Its answer has ${options.length} options instead of ${expected}.`);
    }
    const flight = this.isOurs ? this.#flights.get(options[1]) : this.oldest;
    if (flight === undefined) return this.#violate('It sent an answer to nothing: a second one, or before it was asked.');
    if (isError) return this.#refuse(flight, payload);
    const [contextBytes] = options;
    if (contextBytes > payload.length) {
      return this.#violate(`Its answer claims a context of ${contextBytes} bytes and has ${payload.length} bytes in all.`);
    }
    if (contextBytes === 0) this.#answer(flight, NO_CONTEXT, payload);
    else this.#answer(flight, payload.subarray(0, contextBytes), payload.subarray(contextBytes));
  }

  #answer(flight: Flight, context: Uint8Array, body: Uint8Array): void {
    this.#land(flight);
    if (context.length > 0 && asksForRestart(context)) {
      this.retire('invalid');
      this.#parts.owner.restarted(flight, this.pid);
      return;
    }
    const wrong = flight.answered(context, body, this);
    if (wrong === undefined) return;
    this.#parts.logger.warn(`Worker ${this.pid} is replaced. ${wrong}`, { pid: this.pid });
    this.retire('invalid');
  }

  #refuse(flight: Flight, payload: Uint8Array): void {
    this.#land(flight);
    flight.refused(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString(), this);
  }

  #land(flight: Flight): void {
    this.#flights.delete(flight);
    flight.worker = undefined;
    this.#answersOfChunk++;
    if (flight.sentAt < this.#sentAtOfChunk) this.#sentAtOfChunk = flight.sentAt;
    if (this.#cancelTimers.size > 0) this.#forgetCancel(flight);
  }

  #endChunk(): void {
    if (this.#answersOfChunk === 0) return;
    const now = (this.#lastUsedAt = this.#parts.clock.monotonic());
    this.#window.answered(this.#answersOfChunk, now, this.#sentAtOfChunk);
    this.#answersOfChunk = 0;
    this.#sentAtOfChunk = Infinity;
    if (this.#flights.size === 0) this.#becameIdle(now);
    if (this.#status === 'ready') this.#parts.owner.freed(this);
  }

  #becameIdle(now: number): void {
    this.#isAlone = false;
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.#give(next, now);
    else this.#stopWhenIdle();
  }

  #violate(what: string): void {
    this.kill({ kind: 'protocol', detail: `Worker ${this.pid} broke the protocol and was killed. ${what}` });
  }

  // Without its relay it is of no use, whatever it still does.
  #lostChannel(error: Error | undefined): void {
    this.#channelError = error;
    this.#channelEnded();
    const { child } = this.#parts;
    if (error !== undefined && (error as { kind?: unknown }).kind !== 'cut') {
      this.kill({ kind: 'protocol', detail: `Worker ${this.pid} broke the protocol and was killed. ${error.message}` });
    } else if (this.#status !== 'stopping') {
      // A process that ends closes its pipes a moment before that is known.
      this.#relayTimer ??= this.#parts.clock.setTimer(TERM_MS, () => {
        if (child.isAlive) this.kill({ kind: 'protocol', detail: `Worker ${this.pid} closed its relay and lived on; it was killed.` });
      });
      if (this.#status === 'ready') this.#status = 'errored';
    }
  }

  #stopWhenIdle(): void {
    if (this.#status === 'ready' || this.#status === 'stopping' || this.#status === 'stopped' || this.#flights.size > 0 || this.#next !== undefined)
      return;
    this.#end ??= { kind: 'stopped', detail: `Worker ${this.pid} was stopped.` };
    this.#sendStop();
    this.#escalation.begin(STOP_MS, TERM_MS);
  }

  #sendStop(): void {
    this.#status = 'stopping';
    this.#leave();
    this.#write();
    this.#parts.channel.write(encodeControl({ stop: true }));
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#parts.owner.leaving(this, this.#end?.kind ?? 'exit');
  }

  async #exited(exit: ChildExit): Promise<void> {
    const { clock, channel, owner } = this.#parts;
    await new Promise<void>((resolve) => {
      const timer = setPatientTimer(clock, CHANNEL_REST_MS, resolve);
      void this.#channelEnd.then(() => {
        timer.cancel();
        resolve();
      });
    });
    channel.destroy();
    this.#escalation.cancel();
    this.#relayTimer?.cancel();
    for (const timer of this.#cancelTimers.values()) timer.cancel();
    this.#status = 'stopped';
    this.#leave();
    const end = this.#end ?? { kind: 'exit', detail: this.#describe(exit) };
    const { child } = this.#parts;
    const words = child.lastWords;
    const told = words === '' || end.kind === 'stopped' ? end : { ...end, detail: `${end.detail} It wrote last: ${words}` };
    this.#tellFlights(told);
    owner.ended(this, told);
  }

  #describe(exit: ChildExit): string {
    const cut = this.#channelError === undefined ? '' : ` ${this.#channelError.message}`;
    const had = this.inFlight === 0 ? '' : ` while it had ${this.inFlight === 1 ? 'the payload' : `${this.inFlight} payloads`}`;
    return `Worker ${this.pid} ended with ${describeExit(exit)}${had}.${cut}`;
  }

  #tellFlights(end: WorkerEnd): void {
    const flights = this.#flights.inOrder();
    this.#flights.clear();
    const next = this.#next;
    this.#next = undefined;
    for (const flight of flights) {
      flight.worker = undefined;
      if (end.guilty !== undefined && !end.guilty.includes(flight)) flight.returned();
      else flight.lost(end, this.pid);
    }
    if (next !== undefined) {
      next.worker = undefined;
      next.returned();
    }
  }

  #forgetCancel(flight: Flight): void {
    this.#cancelTimers.get(flight)?.cancel();
    this.#cancelTimers.delete(flight);
  }
}
