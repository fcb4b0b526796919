import type { Socket } from 'node:net';
import type { JobsLogger } from '../contract/logger.js';
import { Ring } from '../contract/ring.js';
import { FrameError } from '../contract/rpc-errors.js';
import type { RpcLimits } from '../contract/settings.js';
import { messageOf } from '../contract/thrown.js';
import { type Frame, FrameFlag } from '../wire/frame.js';
import { FrameReader } from '../wire/frame-reader.js';
import { MethodNames } from '../wire/method-names.js';
import { codecOf, readRpcMessage, type RpcMessage } from '../wire/rpc-message.js';
import { isLoopbackIp } from './address.js';
import { Outbox } from './outbox.js';
import { SERVER_STOPPING } from './methods/error-texts.js';
import type { RpcMethods, RpcPeer } from './rpc-method.js';
import { AUTH_METHOD, type RpcToken } from './rpc-token.js';
import type { Watchdog } from './watchdog.js';

/** What the sessions of one server share. */
export interface SessionParts {
  readonly methods: RpcMethods;
  /** The names in front of the dots of `methods`. */
  readonly services: ReadonlySet<string>;
  readonly limits: RpcLimits;
  /** Absent: every connection may call. */
  readonly token?: RpcToken;
  readonly watchdog: Watchdog<RpcSession>;
  readonly logger: JobsLogger;
  readonly counters: SessionCounters;
  /** What all sessions hold of payloads that are not complete. */
  readonly held: { bytes: number };
  readonly onClose: (session: RpcSession) => void;
}

export interface SessionCounters {
  /** Calls that were taken. */
  calls: number;
  /** Connections that were ended for bytes that are no call. */
  malformed: number;
  /** Connections that were ended because they took too long. */
  late: number;
  /** Connections that showed a wrong token or none. */
  denied: number;
}

/** Enough for a token; who has shown none cannot make the server hold more. Unit: bytes. */
const MAX_AUTH_BYTES = 4_096;
/** How long the last answers may take to arrive. Unit: milliseconds. */
const LINGER_MS = 2_000;
const NO_BYTES = new Uint8Array(0);

type Patience = 'auth' | 'header' | 'payload' | 'drain' | 'linger';

/** One connection of a server: reads calls, runs them at once, answers in the order in which they end. */
export class RpcSession implements RpcPeer {
  readonly name: string;
  readonly isLoopback: boolean;
  readonly #socket: Socket;
  readonly #parts: SessionParts;
  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #names = new MethodNames();
  readonly #onFrame = (frame: Frame): void => this.#takeFrame(frame);
  /** Calls that were read in one chunk and are over the limit: at most what one chunk holds. */
  readonly #waiting = new Ring<Frame>();
  #running = 0;
  /** Of the bodies of the calls that run. */
  #runningBytes = 0;
  /** Its part of what all sessions hold. */
  #heldBytes = 0;
  #isTrusted: boolean;
  /** `last`: no new call is taken; `ending`: nothing is answered any more. */
  #phase: 'open' | 'last' | 'ending' | 'closed' = 'open';
  #isReading = false;
  #isPaused = false;
  /** The other side does not read its answers. */
  #isBacked = false;
  /** A frame ended since the watch was looked at. */
  #hasMoved = false;
  #patience: Patience | undefined;

  constructor(socket: Socket, parts: SessionParts, isUnix: boolean) {
    this.#socket = socket;
    this.#parts = parts;
    // A caller that has gone already has no address, and may have been anywhere.
    const { remoteAddress = '', remotePort = 0 } = socket;
    this.name = isUnix ? 'unix' : `${remoteAddress}:${remotePort}`;
    this.isLoopback = isUnix || isLoopbackIp(remoteAddress);
    this.#isTrusted = parts.token === undefined;
    this.#reader = new FrameReader({ maxPayloadBytes: this.#isTrusted ? parts.limits.maxFrameBytes : MAX_AUTH_BYTES });
    this.#outbox = new Outbox(socket, () => this.#lookAtSocket());
    socket
      .on('data', (chunk: Buffer) => this.#read(chunk))
      .on('drain', () => this.#drained())
      .on('end', () => this.#inputEnded())
      .on('finish', () => this.#watch())
      .on('error', (error) => parts.logger.debug(`RPC connection ${this.name} broke: ${error.message}`))
      .on('close', () => this.#closed());
    this.#watch();
  }

  /** Takes no new call, answers what runs, then ends the connection. */
  finish(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'last';
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) this.#refuseCall(frame);
    this.#throttle();
    this.#endWhenIdle();
  }

  /** What was waited for did not come in time. */
  late(): void {
    if (this.#patience !== 'linger') {
      this.#parts.counters.late++;
      this.#parts.logger.debug(`RPC connection ${this.name} is ended: it took too long (${this.#patience ?? 'idle'}).`);
    }
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#phase === 'ending' || this.#phase === 'closed') return; // what comes behind the last word is thrown away
    this.#isReading = true;
    try {
      this.#reader.read(chunk, this.#onFrame);
    } catch (error) {
      if (error instanceof FrameError) this.#refuseBytes(error);
      else this.#break(error);
    }
    this.#lookAtBegun();
    this.#isReading = false;
    this.#outbox.flush();
    this.#serveWaiting();
    this.#throttle();
    this.#watch();
  }

  // Each frame has a limit of its own; many connections with half a frame each would be without one.
  #lookAtBegun(): void {
    const { begun } = this.#reader;
    const isMore = begun !== undefined && begun.heldBytes > this.#heldBytes;
    this.#hold(begun?.heldBytes ?? 0);
    const { held, limits } = this.#parts;
    if (!isMore || held.bytes <= limits.maxHeldBytes) return;
    const message = `Frames that are half received hold ${held.bytes} bytes, over the limit of ${limits.maxHeldBytes}. Send less at once, or raise "rpc.limits.maxHeld".`;
    this.#refuseBytes(new FrameError('size', message, begun));
  }

  #hold(bytes: number): void {
    this.#parts.held.bytes += bytes - this.#heldBytes;
    this.#heldBytes = bytes;
  }

  #takeFrame(frame: Frame): void {
    this.#hasMoved = true;
    if (this.#phase === 'open') {
      if (this.#isFull() || this.#waiting.length > 0) this.#waiting.push(frame);
      else this.#serve(frame);
    } else if (this.#phase === 'last') {
      this.#refuseCall(frame);
    }
  }

  #serve(frame: Frame): void {
    const message = this.#readCall(frame);
    if (message === undefined) return;
    this.#parts.counters.calls++;
    if (!this.#isTrusted || message.method === AUTH_METHOD) return this.#authenticate(message);
    const method = this.#parts.methods.get(message.method);
    if (method === undefined) return this.#answerUnknown(frame, message);
    if (message.codec === 0) return this.#answerError(message, 'goridge_read_request_body: unknown decoder used in frame');
    let answer: Uint8Array | Promise<Uint8Array>;
    try {
      answer = method(message.body, message.codec, this);
    } catch (error) {
      return this.#answerError(message, messageOf(error));
    }
    if (answer instanceof Uint8Array) this.#answer(message, answer);
    else this.#await(message, answer);
  }

  #await(message: RpcMessage, answer: Promise<Uint8Array>): void {
    this.#running++;
    this.#runningBytes += message.body.length;
    answer.then(
      (body) => {
        this.#answer(message, body);
        this.#ended(message);
      },
      (error: unknown) => {
        this.#answerError(message, messageOf(error));
        this.#ended(message);
      },
    );
  }

  #ended({ body }: RpcMessage): void {
    this.#running--;
    this.#runningBytes -= body.length;
    this.#proceed();
  }

  /** Behind each call that ended later. */
  #proceed(): void {
    this.#serveWaiting();
    if (this.#isPaused) this.#throttle();
    if (this.#phase === 'last') this.#endWhenIdle();
  }

  #serveWaiting(): void {
    while (this.#phase === 'open' && this.#waiting.length > 0) {
      if (this.#outbox.waitingBytes > this.#parts.limits.maxUnsentBytes) this.#outbox.flush();
      if (this.#isFull()) return;
      this.#serve(this.#waiting.shift()!);
    }
  }

  #answer({ sequence, method, codec }: RpcMessage, body: Uint8Array): void {
    const { maxFrameBytes } = this.#parts.limits;
    const name = this.#names.bytesOf(method);
    if (name.length + body.length <= maxFrameBytes) this.#put(codec, sequence, name, body);
    else this.#put(codec | FrameFlag.error, sequence, name, tooLarge(body.length, maxFrameBytes));
  }

  #answerError({ sequence, method, codec }: RpcMessage, text: string): void {
    this.#put((codec || FrameFlag.gob) | FrameFlag.error, sequence, this.#names.bytesOf(method), Buffer.from(text));
  }

  // The name goes back byte for byte: it may be no UTF-8.
  #answerUnknown(frame: Frame, { sequence, method, codec }: RpcMessage): void {
    const name = frame.payload.subarray(0, frame.options[1]);
    this.#put((codec || FrameFlag.gob) | FrameFlag.error, sequence, name, Buffer.from(unknownText(method, this.#parts.services)));
  }

  #put(flags: number, sequence: number, method: Uint8Array, body: Uint8Array): void {
    if (this.#phase === 'ending' || this.#phase === 'closed') return;
    this.#outbox.put(flags, sequence, method, body);
    if (!this.#isReading) this.#outbox.plan();
  }

  #authenticate(message: RpcMessage): void {
    const { token, counters, limits } = this.#parts;
    if (token === undefined || (message.method === AUTH_METHOD && token.isSame(message.body, message.codec))) {
      this.#isTrusted = true;
      this.#reader.maxPayloadBytes = limits.maxFrameBytes;
      return this.#answer(message, message.codec === FrameFlag.json ? Buffer.from('true') : NO_BYTES);
    }
    counters.denied++;
    const isAuth = message.method === AUTH_METHOD;
    this.#answerError(
      message,
      isAuth ? `${AUTH_METHOD}: wrong token` : `${AUTH_METHOD}: the first call of a connection has to be ${AUTH_METHOD} with the token`,
    );
    this.#hangUp();
  }

  /** A frame that is none of a call: what can be answered is answered. */
  #readCall(frame: Frame): RpcMessage | undefined {
    try {
      return readRpcMessage(frame, this.#names);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      // The next frame is where it should be: only this call is lost. Without two options there is no id to answer to.
      if (error.kind === 'method') this.#answerFrameError(error);
      else this.#refuseBytes(error);
      return undefined;
    }
  }

  /** A defect of this side ends one connection, not the process. */
  #break(error: unknown): void {
    this.#parts.logger.error(`RPC connection ${this.name} is ended by a defect: ${messageOf(error)}`, { error });
    this.#socket.destroy();
  }

  #refuseBytes(error: FrameError): void {
    this.#parts.counters.malformed++;
    this.#parts.logger.debug(`RPC connection ${this.name} is ended: ${error.message}`);
    if (error.options.length >= 2) this.#answerFrameError(error);
    this.#hangUp();
  }

  #answerFrameError({ flags, options, message }: FrameError): void {
    this.#put((codecOf(flags) || FrameFlag.gob) | FrameFlag.error, options[0], NO_BYTES, Buffer.from(message));
  }

  #refuseCall(frame: Frame): void {
    const message = this.#readCall(frame);
    if (message !== undefined) this.#answerError(message, SERVER_STOPPING);
  }

  #isFull(): boolean {
    const { maxInFlight, maxFrameBytes, maxUnsentBytes } = this.#parts.limits;
    const isBusy = this.#running >= maxInFlight || this.#runningBytes >= maxFrameBytes;
    return isBusy || this.#isBacked || this.#outbox.waitingBytes > maxUnsentBytes;
  }

  /** Behind each write. */
  #lookAtSocket(): void {
    // Fewer bytes than the socket itself keeps are not waited for: their end is not told.
    if (!this.#isBacked && this.#socket.writableNeedDrain && this.#socket.writableLength > this.#parts.limits.maxUnsentBytes) {
      this.#isBacked = true;
      this.#watch();
    }
    this.#throttle(); // also the other way: what was too much may have left with this write
  }

  #drained(): void {
    if (!this.#isBacked) return;
    this.#isBacked = false;
    this.#watch(); // it has read all: if it is behind again, its time begins anew
    this.#proceed();
    this.#throttle();
    this.#watch();
  }

  #throttle(): void {
    const mustPause = this.#phase === 'open' && (this.#isFull() || this.#waiting.length > 0);
    if (mustPause === this.#isPaused) return;
    this.#isPaused = mustPause;
    if (mustPause) this.#socket.pause();
    else this.#socket.resume();
    this.#watch();
  }

  #inputEnded(): void {
    if (this.#phase === 'ending' || this.#phase === 'closed') return;
    try {
      this.#reader.end();
    } catch {
      this.#parts.counters.malformed++;
    }
    this.#phase = 'last';
    // What was read is a promise: it is served, then the connection ends.
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) this.#serve(frame);
    this.#outbox.flush();
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#running > 0) return;
    this.#outbox.flush();
    this.#hangUp();
  }

  /** The last word was said. The other side may still send; closing at once would take the last answers from it. */
  #hangUp(): void {
    if (this.#phase === 'ending' || this.#phase === 'closed') return;
    this.#waiting.clear();
    this.#outbox.flush();
    this.#reader.discard();
    this.#hold(0);
    this.#phase = 'ending';
    this.#socket.end();
    this.#socket.resume();
    this.#watch();
  }

  #watch(): void {
    const wanted = this.#wantedPatience();
    const isRenewed = wanted === 'payload' || (wanted === 'header' && this.#hasMoved);
    this.#hasMoved = false;
    if (wanted === this.#patience && !isRenewed) return;
    this.#patience = wanted;
    if (wanted === undefined) this.#parts.watchdog.leave(this);
    else this.#parts.watchdog.watch(this, this.#patienceMs(wanted));
  }

  #wantedPatience(): Patience | undefined {
    if (this.#phase === 'closed') return undefined;
    if (this.#phase === 'ending') return this.#socket.writableFinished ? 'linger' : 'drain';
    if (this.#isBacked) return 'drain';
    if (!this.#isTrusted) return 'auth';
    if (this.#isPaused || this.#phase === 'last') return undefined; // it is this side that waits
    const { state } = this.#reader;
    return state === 'between' ? undefined : state;
  }

  #patienceMs(patience: Patience): number {
    const { headerTimeoutMs, progressTimeoutMs, drainTimeoutMs } = this.#parts.limits;
    if (patience === 'drain') return drainTimeoutMs;
    if (patience === 'payload') return progressTimeoutMs;
    return patience === 'linger' ? LINGER_MS : headerTimeoutMs;
  }

  #closed(): void {
    this.#phase = 'closed';
    this.#waiting.clear();
    this.#hold(0);
    this.#watch();
    this.#parts.onClose(this);
  }
}

/** The words of Go's net/rpc. */
function unknownText(method: string, services: ReadonlySet<string>): string {
  const dot = method.lastIndexOf('.');
  if (dot === -1) return `rpc: service/method request ill-formed: ${method}`;
  return services.has(method.slice(0, dot)) ? `rpc: can't find method ${method}` : `rpc: can't find service ${method}`;
}

function tooLarge(bytes: number, limit: number): Uint8Array {
  return Buffer.from(`rpc: the answer has ${bytes} bytes, over the limit of ${limit}; ask for less at once, or raise "rpc.maxFrameBytes"`);
}
