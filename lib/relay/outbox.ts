import type { Socket } from 'node:net';
import { RPC_HEADER_BYTES, writeRpcHeader } from '../wire/rpc-message.js';

const FIRST_SLAB = 4 * 1024;
const LARGEST_SLAB = 64 * 1024;
/** A longer body is sent from where it is: copying it costs more than a second piece in the write. */
const LARGE_BODY = 16 * 1024;

/**
 * Gathers the messages of one turn into one write. Headers and small bodies are written one behind the other into a
 * slab; what is sent already is never touched again, a full slab is left to the socket.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #onFlushed: () => void;
  #slab: Buffer;
  /** Where the bytes begin that are not sent, and where they end. */
  #from = 0;
  #to = 0;
  /** What stands in front of the slab. */
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #isPlanned = false;

  /** @param onFlushed - Called behind each write. */
  constructor(socket: Socket, onFlushed: () => void) {
    this.#socket = socket;
    this.#onFlushed = onFlushed;
    this.#slab = Buffer.allocUnsafeSlow(FIRST_SLAB);
  }

  /** Bytes that wait for their write. */
  get waitingBytes(): number {
    return this.#chunkBytes + this.#to - this.#from;
  }

  /** Bytes that the other side has not taken, as far as this side knows. */
  get unsentBytes(): number {
    return this.waitingBytes + this.#socket.writableLength;
  }

  /** A body over 16 KiB must stay as it is until it is sent. */
  put(flags: number, sequence: number, method: Uint8Array, body: Uint8Array): void {
    const isLarge = body.length > LARGE_BODY;
    const needed = RPC_HEADER_BYTES + method.length + (isLarge ? 0 : body.length);
    if (this.#slab.length - this.#to < needed) this.#renew(needed);
    this.#to = writeRpcHeader(this.#slab, this.#to, flags, sequence, method, body.length);
    if (isLarge) this.#append(body);
    else this.#to += copy(body, this.#slab, this.#to);
  }

  /** Writes at the end of this turn, behind all that its promises still put. */
  plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    process.nextTick(flushPlanned, this);
  }

  flush(): void {
    this.#isPlanned = false;
    if (this.#chunks.length > 0) this.#writeChunks();
    else if (this.#to > this.#from) this.#socket.write(this.#take());
    else return;
    this.#onFlushed();
  }

  flushPlanned(): void {
    if (this.#isPlanned) this.flush();
  }

  #writeChunks(): void {
    if (this.#to > this.#from) this.#chunks.push(this.#take());
    this.#socket.cork();
    for (const chunk of this.#chunks) this.#socket.write(chunk);
    this.#socket.uncork();
    this.#chunks = [];
    this.#chunkBytes = 0;
  }

  #take(): Uint8Array {
    const taken = this.#slab.subarray(this.#from, this.#to);
    this.#from = this.#to;
    return taken;
  }

  #append(body: Uint8Array): void {
    this.#chunkBytes += this.#to - this.#from + body.length;
    this.#chunks.push(this.#take(), body);
  }

  #renew(needed: number): void {
    if (this.#to > this.#from) {
      this.#chunkBytes += this.#to - this.#from;
      this.#chunks.push(this.#take());
    }
    this.#slab = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#slab.length * 2, LARGEST_SLAB)));
    this.#from = this.#to = 0;
  }
}

function flushPlanned(outbox: Outbox): void {
  outbox.flushPlanned();
}

// A call of set() costs more than a loop for the few bytes of most answers.
function copy(bytes: Uint8Array, target: Uint8Array, at: number): number {
  if (bytes.length > 32) target.set(bytes, at);
  else for (let index = 0; index < bytes.length; index++) target[at + index] = bytes[index];
  return bytes.length;
}
