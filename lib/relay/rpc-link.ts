import type { Socket } from 'node:net';
import { FrameError } from '../contract/rpc-errors.js';
import { errorOf } from '../contract/thrown.js';
import type { Frame } from '../wire/frame.js';
import { FrameReader } from '../wire/frame-reader.js';
import type { MethodNames } from '../wire/method-names.js';
import { readRpcMessage, type RpcMessage } from '../wire/rpc-message.js';
import { Outbox } from './outbox.js';

export interface RpcLinkListener {
  onMessage(message: RpcMessage): void;
  /** The socket takes bytes again. */
  onDrain(): void;
  /** Once; nothing is read or written afterwards. */
  onEnd(error: FrameError | Error | undefined): void;
}

/** Bytes that the other side has not taken; over it no call is written. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** Ids have 32 bits; 0 is left out, because PHP counts from 1. */
const MAX_ID = 0xffff_ffff;

/** The client's side of one open socket. */
export class RpcLink {
  readonly #socket: Socket;
  readonly #listener: RpcLinkListener;
  readonly #names: MethodNames;
  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #onFrame = (frame: Frame): void => this.#listener.onMessage(readRpcMessage(frame, this.#names));
  #lastId = 0;
  #error: Error | undefined;

  constructor(socket: Socket, names: MethodNames, maxFrameBytes: number, listener: RpcLinkListener) {
    this.#socket = socket;
    this.#names = names;
    this.#listener = listener;
    this.#reader = new FrameReader({ maxPayloadBytes: maxFrameBytes });
    this.#outbox = new Outbox(socket, () => {});
    socket
      .on('data', (chunk: Buffer) => this.#read(chunk))
      .on('drain', () => listener.onDrain())
      // No answer comes any more; what is not written yet could keep the socket open for ever.
      .on('end', () => socket.destroy())
      .on('error', (error) => (this.#error ??= error))
      .on('close', () => listener.onEnd(this.#error));
  }

  get isBacked(): boolean {
    return this.#outbox.unsentBytes > MAX_UNSENT_BYTES;
  }

  /** An id that no call of `inFlight` has. */
  nextId(inFlight: ReadonlyMap<number, unknown>): number {
    do this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    while (inFlight.has(this.#lastId));
    return this.#lastId;
  }

  /** Writes at the end of this turn, together with what else is sent in it. */
  send(id: number, method: string, codec: number, body: Uint8Array): void {
    this.#outbox.put(codec, id, this.#names.bytesOf(method), body);
    this.#outbox.plan();
  }

  /** While no call is on its way, an open connection must not keep the process alive. */
  holdProcess(isHeld: boolean): void {
    if (isHeld) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Sends what is written and closes. */
  end(): void {
    this.#outbox.flush();
    this.#socket.end(() => this.#socket.destroy()).unref();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#socket.destroyed) return;
    try {
      this.#reader.read(chunk, this.#onFrame);
    } catch (error) {
      this.destroy(errorOf(error));
    }
  }
}
