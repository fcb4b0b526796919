import type { PayloadParts, PayloadSource } from '../contract/service.js';
import { RelayError } from '../contract/rpc-errors.js';
import { encodeFrame, FrameFlag, StreamBit, type Frame } from '../wire/frame.js';
import { encodePidAnswer, readControl } from './control-frame.js';
import { FrameChannel } from './frame-channel.js';
import { Payload, payloadOf } from './payload.js';
import { createRelay, type RelayOptions, type WorkerRelay } from './relay.js';
import { WorkerEnvironment } from './worker-environment.js';

/** @publicApi */
export type WorkerOptions = Pick<RelayOptions, 'interceptOutput'>;

interface Waiter {
  resolve(payload: Payload | undefined): void;
  reject(error: Error): void;
}

/** A kernel sends one and awaits its answer; another one has to wait in the relay. Unit: payloads. */
const MAX_WAITING = 16;
const RESTART_REQUEST = '{"stop":true}';

/**
 * A process that a kernel spawned, as RoadRunner's PHP worker SDK has it: takes payloads one by one and answers them.
 *
 * @example
 * const worker = Worker.create();
 * for (let payload = await worker.waitPayload(); payload !== undefined; payload = await worker.waitPayload()) {
 *   await worker.respond(new Payload(`hello ${payload.text()}`));
 * }
 *
 * @publicApi
 */
export class Worker implements PayloadSource {
  readonly #channel: FrameChannel;
  readonly #address: string;
  readonly #payloads: Payload[] = [];
  readonly #waiters: Waiter[] = [];
  /** `undefined` while the kernel may still send; an error is told to one waiter. */
  #end: { error: Error | undefined } | undefined;

  /** Answers the kernel's question for the process id from here on, waiting or not. */
  constructor(relay: WorkerRelay) {
    this.#address = relay.address;
    this.#channel = new FrameChannel(relay);
    this.#channel.open({
      onFrame: (frame) => this.#onFrame(frame),
      onEnd: (error) => this.#finish(error),
    });
  }

  /** A worker on the relay that `RR_RELAY` names. */
  static create(options: WorkerOptions = {}): Worker {
    return Worker.fromEnvironment(WorkerEnvironment.fromProcess(), options);
  }

  /** @throws {@link RelayError} when the relay cannot be used. */
  static fromEnvironment(environment: WorkerEnvironment, options: WorkerOptions = {}): Worker {
    return new Worker(createRelay(environment.relayAddress, { ...options, descriptor: environment.relayDescriptor }));
  }

  /**
   * The next payload; `undefined` when the kernel asked this process to stop, or is gone. The process ends by itself then.
   * Several calls may wait: each gets a payload of its own, in order.
   *
   * @throws {@link FrameError} or {@link KernelProtocolError} (as a rejection) when what came is no frame for a worker; {@link RelayError}
   *   when the relay never opened. Later calls answer `undefined`.
   */
  waitPayload(): Promise<Payload | undefined> {
    const payload = this.#payloads.shift();
    if (payload !== undefined) {
      if (this.#payloads.length < MAX_WAITING) this.#channel.resume();
      return Promise.resolve(payload);
    }
    if (this.#end === undefined) return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    const { error } = this.#end;
    this.#end = { error: undefined };
    return this.#channel.close().then(() => {
      if (error !== undefined) throw error;
      return undefined;
    });
  }

  /**
   * Answers the payload. Resolves when the kernel has room for more.
   *
   * @throws {@link RelayError} (as a rejection) when the kernel is gone.
   */
  respond(payload: PayloadParts): Promise<void> {
    const { header, body, eos } = payload;
    const bytes = header.length === 0 ? body : Buffer.concat([header, body]);
    return this.#send(encodeFrame({ flags: 0, stream: eos ? 0 : StreamBit.stream, options: [header.length], payload: bytes }));
  }

  /**
   * Answers that it could not be done. RoadRunner drops a job of its memory driver then; this process lives on.
   *
   * @throws {@link RelayError} (as a rejection) when the kernel is gone.
   */
  error(message: string): Promise<void> {
    return this.#send(encodeFrame({ flags: FrameFlag.error, payload: Buffer.from(message) }));
  }

  /**
   * Asks the kernel, as the answer to a payload, to replace this process and to give the payload to another. Go on waiting: the kernel
   * asks to stop.
   */
  stop(): Promise<void> {
    return this.respond(new Payload('', RESTART_REQUEST));
  }

  /** Closes the relay. A call that waits gets `undefined`. May be called again. */
  async close(): Promise<void> {
    this.#finish(undefined);
    await this.#channel.close();
  }

  #onFrame(frame: Frame): void {
    try {
      if ((frame.flags & FrameFlag.control) !== 0) this.#onControl(frame);
      else if ((frame.stream & (StreamBit.stop | StreamBit.pong)) === 0) this.#onPayload(payloadOf(frame));
    } catch (error) {
      this.#finish(error as Error);
      this.#channel.unref();
    }
  }

  #onControl(frame: Frame): void {
    const control = readControl(frame);
    if (control.kind === 'pid') this.#channel.send(encodePidAnswer(process.pid));
    if (control.kind === 'stop') this.#onStop();
  }

  // What is in hand may still be answered; the next call of waitPayload closes the relay, or the process ends without it.
  #onStop(): void {
    const isIdle = this.#waiters.length > 0;
    this.#finish(undefined);
    if (isIdle) void this.#channel.close();
    else this.#channel.unref();
  }

  #onPayload(payload: Payload): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) return waiter.resolve(payload);
    if (this.#payloads.push(payload) >= MAX_WAITING) this.#channel.pause();
  }

  #send(frame: Uint8Array): Promise<void> {
    if (this.#channel.isEnded) return Promise.reject(new RelayError(this.#address, 'It is closed: the kernel is gone, or this worker has stopped.'));
    this.#channel.send(frame);
    return this.#channel.drained();
  }

  #finish(error: Error | undefined): void {
    if (this.#end !== undefined) return;
    const [first, ...others] = this.#waiters.splice(0);
    this.#end = { error: first === undefined ? error : undefined };
    if (error === undefined) first?.resolve(undefined);
    else first?.reject(error);
    for (const waiter of others) waiter.resolve(undefined);
  }
}
