import type { Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../contract/clock.js';
import { type JobsLogger, silentLogger } from '../contract/logger.js';
import { Ring } from '../contract/ring.js';
import {
  FrameError,
  RelayError,
  RpcUncertainError,
  RpcUnreachableError,
  ServiceError,
  type UncertainReason,
  type UnreachableReason,
} from '../contract/rpc-errors.js';
import { DEFAULT_RPC_LIMITS, type RpcTlsSettings } from '../contract/settings.js';
import { errorOf } from '../contract/thrown.js';
import { FrameFlag } from '../wire/frame.js';
import { MethodNames } from '../wire/method-names.js';
import type { RpcMessage } from '../wire/rpc-message.js';
import { parseAddress, type RelayAddress, UNIX_TLS } from './address.js';
import { CallDeadlines } from './call-deadlines.js';
import { dial } from './dial.js';
import { Redial, type RedialOptions } from './redial.js';
import type { RpcCall } from './rpc-call.js';
import { RpcLink } from './rpc-link.js';
import { AUTH_METHOD } from './rpc-token.js';

/** @publicApi */
export interface RpcConnectionOptions {
  /** How long a call may take, waiting for a connection included; 0 is no limit. Unit: milliseconds. Default: `60_000`. */
  readonly timeoutMs?: number;
  /** How long one try to connect may take. Unit: milliseconds. Default: `5_000`. */
  readonly connectTimeoutMs?: number;
  /** Tries to connect before the calls that wait are rejected. Default: no limit: they wait until their time-out. */
  readonly connectAttempts?: number;
  readonly redial?: RedialOptions;
  /** Calls on their way at once; more wait here. Range: 1 or more. Default: `1_000`. */
  readonly maxInFlight?: number;
  /** Calls that wait here; more are rejected. Range: 0 or more. Default: `10_000`. */
  readonly maxWaiting?: number;
  /** Bytes of calls that wait here; more are rejected. Default: `67_108_864` (64 MiB). */
  readonly maxWaitingBytes?: number;
  /** The longest payload of a frame, both ways. Unit: bytes. Default: `67_108_864` (64 MiB). */
  readonly maxFrameBytes?: number;
  /** Present: TLS. */
  readonly tls?: RpcTlsSettings;
  /** Sent first on each connection. RoadRunner knows no tokens; a kernel of this library does. */
  readonly token?: string;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Default: says nothing. */
  readonly logger?: JobsLogger;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;
const DEFAULT_MAX_WAITING = 10_000;
const DEFAULT_MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** A connection that gave nothing for so long while a call ran out of time is taken for dead. Unit: milliseconds. */
const SILENCE_MS = 30_000;
/** How long the last calls may take to leave, when it is closed. Unit: milliseconds. */
const LAST_WRITE_MS = 10_000;

/**
 * Calls of one address over one socket, many at once. It connects at the first call and again whenever a call needs it,
 * with growing waits; an idle connection does not keep the process alive.
 */
export class RpcConnection {
  readonly address: string;
  readonly #at: RelayAddress;
  readonly #timeoutMs: number;
  readonly #connectTimeoutMs: number;
  readonly #connectAttempts: number;
  readonly #maxInFlight: number;
  readonly #maxWaiting: number;
  readonly #maxWaitingBytes: number;
  readonly #maxFrameBytes: number;
  readonly #tls: RpcTlsSettings | undefined;
  readonly #token: string | undefined;
  readonly #clock: Clock;
  readonly #logger: JobsLogger;
  readonly #redial: Redial;
  readonly #deadlines: CallDeadlines;
  readonly #names = new MethodNames();
  /** By id, in the order in which they were sent. */
  readonly #inFlight = new Map<number, RpcCall>();
  readonly #waiting = new Ring<RpcCall>();
  #waitingBytes = 0;
  #link: RpcLink | undefined;
  /** `proving`: the token is on its way. */
  #phase: 'idle' | 'connecting' | 'proving' | 'open' | 'resting' | 'closed' = 'idle';
  #giveUpDial: (() => void) | undefined;
  /** Until the next try to connect, until the token must be accepted, or until what is closed must have ended. */
  #timer: Timer | undefined;
  #attempts = 0;
  /** Why the last try to connect failed, until one succeeds. */
  #connectError: Error | undefined;
  /** Monotonic: when the other side was last heard. */
  #heardAt = 0;

  /** @throws RelayError when `address` is none, or TLS is asked of a unix socket. */
  constructor(address: string, options: RpcConnectionOptions = {}) {
    this.address = address;
    this.#at = parseAddress(address);
    if (this.#at.kind === 'unix' && options.tls !== undefined) throw new RelayError(address, UNIX_TLS);
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    this.#connectAttempts = options.connectAttempts ?? Infinity;
    this.#maxInFlight = options.maxInFlight ?? DEFAULT_RPC_LIMITS.maxInFlight;
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? DEFAULT_MAX_WAITING_BYTES;
    this.#maxFrameBytes = options.maxFrameBytes ?? DEFAULT_RPC_LIMITS.maxFrameBytes;
    this.#tls = options.tls;
    this.#token = options.token;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#redial = new Redial(options.redial);
    this.#deadlines = new CallDeadlines(this.#clock, (now) => this.#endLateCalls(now));
  }

  /** Calls that have no answer yet. */
  get pending(): number {
    return this.#inFlight.size + this.#waiting.length;
  }

  /**
   * Sends a call and resolves with the body of its answer. Never throws.
   *
   * `body` must stay as it is until then. Rejects with {@link ServiceError} when the other side answers with an error, with
   * {@link RpcUnreachableError} when the call certainly did not leave, with {@link RpcUncertainError} when that is not known.
   *
   * @param codec - One bit of `FrameFlag`.
   */
  send(method: string, body: Uint8Array, codec: number, options: { timeoutMs?: number } = {}): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
      const deadlineAt = timeoutMs === 0 ? Infinity : this.#clock.monotonic() + timeoutMs;
      this.#take({ method, body, codec, deadlineAt, resolve, reject });
    });
  }

  /** Rejects all calls that have no answer and closes the connection. Twice is once. */
  close(): Promise<void> {
    if (this.#phase === 'closed') return Promise.resolve();
    this.#phase = 'closed';
    this.#deadlines.stop();
    this.#timer?.cancel();
    this.#giveUpDial?.();
    if (this.#link !== undefined) this.#endLink(this.#link);
    this.#failInFlight('closed');
    this.#failWaiting('closed');
    return Promise.resolve();
  }

  #endLink(link: RpcLink): void {
    link.end();
    this.#timer = this.#clock.setTimer(LAST_WRITE_MS, () => link.destroy(), { keepsAlive: false });
  }

  #take(call: RpcCall): void {
    if (this.#phase === 'closed') return this.#refuse(call, 'closed');
    if (Buffer.byteLength(call.method) + call.body.length > this.#maxFrameBytes) return this.#refuse(call, 'size');
    this.#deadlines.add(call.deadlineAt);
    if (this.#waiting.length === 0 && this.#hasPlace()) return this.#transmit(call);
    if (this.#waiting.length >= this.#maxWaiting || this.#waitingBytes + call.body.length > this.#maxWaitingBytes) return this.#refuse(call, 'full');
    this.#waiting.push(call);
    this.#waitingBytes += call.body.length;
    if (this.#phase === 'idle') this.#connect();
  }

  #hasPlace(): boolean {
    return this.#phase === 'open' && this.#inFlight.size < this.#maxInFlight && !this.#link!.isBacked;
  }

  #transmit(call: RpcCall): void {
    const link = this.#link!;
    if (this.#inFlight.size === 0) {
      link.holdProcess(true);
      this.#heardAt = this.#clock.monotonic(); // silence counts while a call is on its way
    }
    const id = link.nextId(this.#inFlight);
    this.#inFlight.set(id, call);
    link.send(id, call.method, call.codec, call.body);
  }

  #transmitWaiting(): void {
    while (this.#waiting.length > 0 && this.#hasPlace()) {
      const call = this.#waiting.shift()!;
      this.#waitingBytes -= call.body.length;
      this.#transmit(call);
    }
  }

  #connect(): void {
    this.#phase = 'connecting';
    const options = { clock: this.#clock, timeoutMs: this.#connectTimeoutMs, ...(this.#tls === undefined ? {} : { tls: this.#tls }) };
    try {
      this.#giveUpDial = dial(
        this.#at,
        options,
        (socket) => this.#connected(socket),
        (error) => this.#connectFailed(error),
      );
    } catch (error) {
      this.#connectFailed(errorOf(error)); // a certificate that cannot be read
    }
  }

  #connected(socket: Socket): void {
    this.#giveUpDial = undefined;
    const link: RpcLink = new RpcLink(socket, this.#names, this.#maxFrameBytes, {
      onMessage: (message) => this.#answered(message),
      onDrain: () => this.#transmitWaiting(),
      onEnd: (error) => this.#ended(link, error),
    });
    this.#link = link;
    if (this.#token === undefined) return this.#opened();
    this.#phase = 'proving';
    this.#timer = this.#clock.setTimer(this.#connectTimeoutMs, () => {
      link.destroy(new Error(`the token was not accepted within ${this.#connectTimeoutMs} ms`));
    });
    link.send(link.nextId(this.#inFlight), AUTH_METHOD, FrameFlag.raw, Buffer.from(this.#token));
  }

  #opened(): void {
    this.#phase = 'open';
    this.#connectError = undefined;
    this.#transmitWaiting();
    if (this.#inFlight.size === 0) this.#link?.holdProcess(false);
  }

  #answered({ sequence, body, isError }: RpcMessage): void {
    this.#heardAt = this.#clock.monotonic();
    if (this.#phase === 'proving') return this.#proved(isError, body);
    const call = this.#inFlight.get(sequence);
    if (call === undefined) return; // it came too late: its caller has the error already
    this.#inFlight.delete(sequence);
    this.#attempts = 0;
    this.#redial.reset();
    if (isError) call.reject(new ServiceError(call.method, this.address, textOf(body)));
    else call.resolve(body);
    if (this.#waiting.length > 0) this.#transmitWaiting();
    else if (this.#inFlight.size === 0) this.#link?.holdProcess(false);
  }

  #proved(isError: boolean, body: Uint8Array): void {
    this.#timer?.cancel();
    if (!isError) return this.#opened();
    const link = this.#link;
    this.#link = undefined;
    this.#phase = 'idle';
    link?.destroy();
    this.#logger.error(`RPC ${this.address} refused the token: ${textOf(body)}`);
    this.#failWaiting('denied', new ServiceError(AUTH_METHOD, this.address, textOf(body)));
  }

  #ended(link: RpcLink, error: Error | undefined): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    if (this.#phase === 'closed') return this.#timer?.cancel();
    if (this.#phase === 'proving') {
      this.#timer?.cancel();
      return this.#connectFailed(error ?? new Error('the connection was closed before the token was accepted'));
    }
    this.#phase = 'idle';
    this.#failInFlight(error instanceof FrameError ? 'protocol' : 'lost', error);
    if (this.#waiting.length > 0) this.#reconnect();
  }

  #connectFailed(error: Error): void {
    this.#giveUpDial = undefined;
    this.#connectError = error;
    this.#phase = 'idle';
    this.#attempts++;
    if (this.#attempts === 1) this.#logger.warn(`RPC ${this.address} cannot be reached: ${error.message}. It is tried again.`, { error });
    if (this.#attempts >= this.#connectAttempts) {
      this.#attempts = 0;
      this.#failWaiting('connect', error);
    } else if (this.#waiting.length > 0) {
      this.#reconnect();
    }
  }

  #reconnect(): void {
    if (this.#phase !== 'idle') return; // a call that was rejected has made another one
    this.#phase = 'resting';
    this.#timer = this.#clock.setTimer(this.#redial.nextDelayMs(), () => {
      this.#phase = 'idle';
      if (this.#waiting.length > 0) this.#connect();
    });
  }

  /** Nobody waits for the connection. */
  #stopResting(): void {
    this.#timer?.cancel();
    this.#phase = 'idle';
  }

  /** Answers the earliest deadline that is left. */
  #endLateCalls(now: number): number {
    let next = Infinity;
    const late: RpcCall[] = [];
    for (const [id, call] of this.#inFlight) {
      if (call.deadlineAt > now) {
        next = Math.min(next, call.deadlineAt);
        continue;
      }
      this.#inFlight.delete(id);
      late.push(call);
    }
    const unsent = this.#waiting.removeWhere((call) => call.deadlineAt <= now);
    for (const call of this.#waiting) next = Math.min(next, call.deadlineAt);
    for (const call of unsent) this.#waitingBytes -= call.body.length;
    if (this.#phase === 'resting' && this.#waiting.length === 0) this.#stopResting();
    if (late.length > 0) this.#lookAtSilence(now);
    for (const call of late) call.reject(new RpcUncertainError(call.method, this.address, 'timeout'));
    for (const call of unsent) this.#refuse(call, this.#connectError === undefined ? 'timeout' : 'connect', this.#connectError);
    return next;
  }

  #lookAtSilence(now: number): void {
    if (now - this.#heardAt >= SILENCE_MS) this.#link?.destroy(new Error(`nothing was heard for ${Math.round(now - this.#heardAt)} ms`));
    else if (this.#waiting.length > 0) this.#transmitWaiting();
    else if (this.#inFlight.size === 0) this.#link?.holdProcess(false);
  }

  #failInFlight(reason: UncertainReason, cause?: Error): void {
    const calls = [...this.#inFlight.values()];
    this.#inFlight.clear();
    for (const call of calls) call.reject(new RpcUncertainError(call.method, this.address, reason, cause === undefined ? {} : { cause }));
  }

  #failWaiting(reason: UnreachableReason, cause?: Error): void {
    const calls = [...this.#waiting];
    this.#waiting.clear();
    this.#waitingBytes = 0;
    for (const call of calls) this.#refuse(call, reason, cause);
  }

  #refuse(call: RpcCall, reason: UnreachableReason, cause?: Error): void {
    call.reject(new RpcUnreachableError(call.method, this.address, reason, cause === undefined ? {} : { cause }));
  }
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');
}
