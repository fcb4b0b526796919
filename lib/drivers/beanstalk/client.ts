import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '../../contract/clock.js';
import { Ring } from '../../contract/ring.js';
import { ReplyReader, type Reply } from './reply-reader.js';

// A command is a line, ended by CR LF; `put` has a body behind it, ended the same way:
//
//   put <priority> <delay> <ttr> <bytes>\r\n<body>\r\n
//
// Answers come in the order of the commands, so any number may be under way.

/** Where beanstalkd listens. */
export type BeanstalkAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** Takes the answer to one command. */
export interface ReplyHandler {
  replied(reply: Reply): void;
  /** The connection ended before the answer: whether the command was done is not known. */
  failed(error: Error): void;
}

export interface BeanstalkClientOptions {
  readonly address: BeanstalkAddress;
  readonly clock: Clock;
  /** How long beanstalkd may leave a command without an answer. Unit: milliseconds. */
  readonly answerMs: number;
  readonly signal?: AbortSignal;
}

const KEEP_ALIVE_MS = 10_000;
/** So much is not held back until the end of the turn: beanstalkd works on it while the rest is made. */
const PIECE_BYTES = 32_768;
const CRLF = '\r\n';

/** One connection to beanstalkd: pipelined, and safe for any bytes. */
export class BeanstalkClient {
  /** Called once, when it ends by anything but `close`, before the handlers of commands under way. */
  onLost: ((error: Error) => void) | undefined = undefined;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #answerMs: number;
  readonly #reader = new ReplyReader();
  readonly #handlers = new Ring<ReplyHandler>();
  readonly #idle: (() => void)[] = [];
  readonly #flush = (): void => this.#write();
  #unsent: (string | Uint8Array)[] = [];
  #unsentBytes = 0;
  #tube = 'default';
  #waitMs = 0;
  #lastReplyAt = 0;
  #watch: Timer | undefined;
  #ended: Error | undefined;

  private constructor(socket: Socket, { clock, answerMs }: BeanstalkClientOptions) {
    this.#socket = socket;
    this.#clock = clock;
    this.#answerMs = answerMs;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('beanstalkd closed the connection.')));
  }

  /** @throws Error of the system when nobody listens; the reason of the signal when it aborts. */
  static connect(options: BeanstalkClientOptions): Promise<BeanstalkClient> {
    const { address, signal } = options;
    return new Promise((resolve, reject) => {
      const socket = connect(address);
      const abort = (): void => {
        socket.destroy();
        reject(signal?.reason as Error);
      };
      socket.once('error', reject);
      socket.once('connect', () => {
        signal?.removeEventListener('abort', abort);
        socket.off('error', reject);
        resolve(new BeanstalkClient(socket, options));
      });
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Every command has its answer. */
  get isIdle(): boolean {
    return this.#handlers.length === 0;
  }

  /** Sends a command; the answer comes later. */
  tell(command: string, handler: ReplyHandler, body?: Uint8Array): void {
    if (this.#ended !== undefined) return handler.failed(this.#ended);
    if (this.#handlers.length === 0) this.#expect();
    this.#handlers.push(handler);
    // After all that this turn of the loop brings: one write for the commands of many answers.
    if (this.#unsent.length === 0) setImmediate(this.#flush);
    this.#unsent.push(command, CRLF);
    this.#unsentBytes += command.length + CRLF.length;
    if (body === undefined) return;
    this.#unsent.push(body, CRLF);
    this.#unsentBytes += body.byteLength + CRLF.length;
    if (this.#unsentBytes >= PIECE_BYTES) this.#write();
  }

  ask(command: string, body?: Uint8Array): Promise<Reply> {
    return new Promise((resolve, reject) => this.tell(command, { replied: resolve, failed: reject }, body));
  }

  /** The tube of the `put` and the `peek-…` that follow. */
  use(tube: string): void {
    if (tube === this.#tube) return;
    this.#tube = tube;
    this.tell(`use ${tube}`, {
      // What was told behind it has gone to another tube: nobody is to believe its answer.
      replied: ({ word }) => void (word !== 'USING' && this.#end(new Error(`beanstalkd answered "${word}" to the use of tube "${tube}".`))),
      failed: () => {},
    });
  }

  /** Waits for a job, on a connection that is idle; until it comes no other command is answered. Unit: seconds. */
  waitForJob(seconds: number, handler: ReplyHandler): void {
    this.#waitMs = seconds * 1_000;
    this.tell(`reserve-with-timeout ${seconds}`, handler);
  }

  /** Resolves when every command has its answer, or the connection has ended. */
  whenIdle(): Promise<void> {
    if (this.#handlers.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** beanstalkd puts back what this connection has reserved. May be called twice. */
  close(): void {
    this.onLost = undefined;
    this.#end(new Error('The connection was closed.'));
  }

  #write(): void {
    const parts = this.#unsent;
    if (this.#ended !== undefined || parts.length === 0) return;
    const bytes = Buffer.allocUnsafe(this.#unsentBytes);
    this.#unsent = [];
    this.#unsentBytes = 0;
    let at = 0;
    for (const part of parts) {
      if (typeof part === 'string') at += bytes.write(part, at, 'latin1');
      else {
        bytes.set(part, at);
        at += part.byteLength;
      }
    }
    this.#socket.write(bytes);
  }

  #read(chunk: Buffer): void {
    this.#lastReplyAt = this.#clock.monotonic();
    try {
      this.#reader.add(chunk);
      for (let reply = this.#reader.next(); reply !== undefined && this.#ended === undefined; reply = this.#reader.next()) {
        const handler = this.#handlers.shift();
        if (handler === undefined) throw new Error(`beanstalkd answered "${reply.word}" to nothing.`);
        this.#waitMs = 0;
        handler.replied(reply);
      }
    } catch (error) {
      return this.#end(error as Error);
    }
    if (this.#handlers.length === 0) this.#tellIdle();
  }

  // Answers come in order: whoever is given none at all for so long talks to nobody.
  #expect(): void {
    this.#lastReplyAt = this.#clock.monotonic();
    this.#watch ??= this.#clock.setTimer(this.#answerMs, () => this.#check(), { keepsAlive: false });
  }

  #check(): void {
    this.#watch = undefined;
    if (this.#handlers.length === 0) return;
    const left = this.#leftMs();
    if (left > 0) this.#watch = this.#clock.setTimer(left, () => this.#check(), { keepsAlive: false });
    else setImmediate(() => this.#giveUp());
  }

  // Timers come before sockets: the answer to a process that stood still may have been there, unread.
  #giveUp(): void {
    if (this.#ended !== undefined || this.#watch !== undefined || this.#handlers.length === 0) return;
    if (this.#leftMs() > 0) this.#check();
    else this.#end(new Error(`beanstalkd gave no answer within ${this.#answerMs + this.#waitMs} ms.`));
  }

  #leftMs(): number {
    return this.#lastReplyAt + this.#answerMs + this.#waitMs - this.#clock.monotonic();
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#watch?.cancel();
    this.#unsent = [];
    this.#socket.destroy();
    this.onLost?.(error);
    for (let handler = this.#handlers.shift(); handler !== undefined; handler = this.#handlers.shift()) handler.failed(error);
    this.#tellIdle();
  }

  #tellIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
