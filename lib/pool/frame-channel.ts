import type { Readable, Writable } from 'node:stream';
import { FrameError } from '../contract/rpc-errors.js';
import type { Frame } from '../wire/frame.js';
import { FrameReader } from '../wire/frame-reader.js';

/** What is told of the bytes of a worker. None of it is called after `onEnd`. */
export interface FrameListener {
  onFrame(frame: Frame): void;
  /** All frames of a chunk were read. */
  onChunk?(): void;
  /** No more frames come: the other side ended, or it sent what is no frame. Called once. */
  onEnd(error: Error | undefined): void;
}

const NOBODY: FrameListener = { onFrame: () => {}, onEnd: () => {} };

/** Frames over the pipes or the socket of a worker. */
export class FrameChannel {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #reader: FrameReader;
  #listener: FrameListener = NOBODY;
  readonly #onFrame = (frame: Frame): void => this.#listener.onFrame(frame);

  constructor(input: Readable, output: Writable, maxPayloadBytes: number) {
    this.#input = input;
    this.#output = output;
    this.#reader = new FrameReader({ maxPayloadBytes });
    input.on('data', (chunk: Buffer) => this.#read(chunk));
    input.once('end', () => this.#end());
    input.once('close', () => this.#end());
    // A write to a dead process fails; its end is told by the input and by the process itself.
    input.on('error', () => this.#end());
    output.on('error', () => {});
  }

  /** Takes the place of the one before. */
  set listener(listener: FrameListener) {
    this.#listener = listener;
  }

  write(bytes: Uint8Array): void {
    if (!this.#output.destroyed && this.#output.writable) this.#output.write(bytes);
  }

  /** The other side reads the end of its input. */
  endOutput(): void {
    if (!this.#output.destroyed) this.#output.end();
  }

  destroy(): void {
    this.#input.destroy();
    this.#output.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#listener === NOBODY) return;
    try {
      this.#reader.read(chunk, this.#onFrame);
    } catch (error) {
      this.#finish(error);
      return;
    }
    this.#listener.onChunk?.();
  }

  #end(): void {
    try {
      this.#reader.end();
      this.#finish(undefined);
    } catch (error) {
      this.#finish(error);
    }
  }

  #finish(error: unknown): void {
    const listener = this.#listener;
    this.#listener = NOBODY;
    if (error === undefined || error instanceof FrameError) listener.onEnd(error);
    else throw error as Error;
  }
}
