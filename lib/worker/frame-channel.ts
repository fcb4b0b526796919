import type { Socket } from 'node:net';
import { RelayError } from '../contract/rpc-errors.js';
import type { Frame } from '../wire/frame.js';
import { FrameReader, type FrameLimits } from '../wire/frame-reader.js';
import { FrameSlab } from '../wire/frame-slab.js';
import type { WorkerRelay } from './relay.js';

/** Who is told what comes over a channel. */
export interface FrameChannelListeners {
  onFrame(frame: Frame): void;
  /** The kernel closed the relay, or it broke: `error` says how. Nothing comes after it. Called once, and not after `close`. */
  onEnd(error: Error | undefined): void;
}

/** The kernel settles these, and sends more, while this process goes on: neither waits for the other. */
const ANSWERS_AT_ONCE = 32;
const NO_CONTEXT = new Uint8Array(0);

/** Frames over a relay, in both directions. What is sent in one turn is one write. */
export class FrameChannel {
  readonly #relay: WorkerRelay;
  readonly #reader: FrameReader;
  readonly #flush = (): void => this.flush();
  #listeners: FrameChannelListeners | undefined;
  readonly #unsent = new FrameSlab();
  readonly #write = (bytes: Uint8Array): void => void this.#relay.output.write(bytes);
  #isPlanned = false;
  #unsentAnswers = 0;
  #isEnded = false;
  #drained: PromiseWithResolve | undefined;

  constructor(relay: WorkerRelay, limits: FrameLimits = {}) {
    this.#relay = relay;
    this.#reader = new FrameReader(limits);
    relay.output.on('error', (error) => this.#fail(error));
    relay.output.on('drain', () => this.#drain());
    if (!isOneSocket(relay)) relay.input.on('error', (error) => this.#fail(error));
  }

  /** False when the kernel does not read: what is sent waits in this process. */
  get isWritable(): boolean {
    return !this.#relay.output.writableNeedDrain;
  }

  /** Nothing can be sent any more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Begins to read. To be called once. */
  open(listeners: FrameChannelListeners): void {
    const { input } = this.#relay;
    this.#listeners = listeners;
    // A paused stream ends all the same, when nothing is left to read: the kernel has gone before anybody looked.
    if (input.destroyed) return process.nextTick(() => this.#end());
    (input as Partial<Socket>).ref?.();
    input.on('data', (chunk: Uint8Array) => this.#read(chunk));
    input.once('end', () => this.#end());
    input.once('close', () => this.#end());
    input.resume();
  }

  /** The relay does not keep the process alive any more. */
  unref(): void {
    (this.#relay.input as Partial<Socket>).unref?.();
  }

  /** Stops to read until {@link resume}: the kernel has to wait. */
  pause(): void {
    this.#relay.input.pause();
  }

  resume(): void {
    if (!this.#isEnded) this.#relay.input.resume();
  }

  /** Sends a whole frame. Without effect when the relay has ended. */
  send(frame: Uint8Array): void {
    if (this.#isEnded) return;
    this.#unsent.addFrame(frame);
    this.#planFlush();
  }

  /** Sends an answer: no context, the number of the job where it has one. Without effect when the relay has ended. */
  answer(number: number | undefined, body: Uint8Array): void {
    if (this.#isEnded) return;
    this.#unsent.add(0, NO_CONTEXT, body, number);
    if (++this.#unsentAnswers >= ANSWERS_AT_ONCE) this.flush();
    else this.#planFlush();
  }

  flush(): void {
    this.#isPlanned = false;
    this.#unsentAnswers = 0;
    if (!this.#isEnded) this.#unsent.take(this.#write);
  }

  /** Resolves when the kernel has room for more. */
  drained(): Promise<void> {
    this.flush();
    if (this.isWritable || this.#isEnded) return Promise.resolve();
    return (this.#drained ??= withResolve()).promise;
  }

  /** Sends what is left and closes the relay. May be called again. */
  async close(): Promise<void> {
    const { input, output } = this.#relay;
    this.flush();
    this.#isEnded = true;
    this.#drain();
    if (!output.destroyed) await new Promise<void>((resolve) => void output.once('close', resolve).end(() => output.destroy()));
    input.destroy();
  }

  #planFlush(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    process.nextTick(this.#flush);
  }

  #read(chunk: Uint8Array): void {
    const listeners = this.#listeners!;
    try {
      this.#reader.read(chunk, (frame) => listeners.onFrame(frame));
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #end(): void {
    if (this.#isEnded) return;
    try {
      this.#reader.end();
    } catch (error) {
      return this.#fail(error as Error);
    }
    this.#tellEnd(undefined);
  }

  // A kernel that is gone is an end like any other; what cannot be read, and a relay that never opened, are errors.
  #fail(error: Error & { readonly syscall?: string; readonly code?: string }): void {
    const isGone = error.code === 'EPIPE' || error.code === 'ECONNRESET';
    if (isGone) return this.#tellEnd(undefined);
    const { address } = this.#relay;
    this.#tellEnd(error.syscall === undefined ? error : new RelayError(address, `${error.message}. Check that the kernel runs.`, { cause: error }));
  }

  #tellEnd(error: Error | undefined): void {
    if (this.#isEnded) return;
    const { input, output } = this.#relay;
    // A kernel that closed its end for writing may still read.
    this.flush();
    this.#isEnded = true;
    output.end(() => output.destroy());
    (output as Partial<Socket>).unref?.();
    if (!isOneSocket(this.#relay)) input.destroy();
    this.#drain();
    this.#listeners?.onEnd(error);
  }

  #drain(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}

function isOneSocket({ input, output }: WorkerRelay): boolean {
  return Object.is(input, output);
}

interface PromiseWithResolve {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function withResolve(): PromiseWithResolve {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
