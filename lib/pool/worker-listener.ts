import type { Server, Socket } from 'node:net';
import type { Clock } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import { formatAddress, parseAddress } from '../relay/address.js';
import { listen } from '../relay/listen.js';
import { FrameChannel } from './frame-channel.js';
import { shakeHands, type PidReply } from './handshake.js';

export interface WorkerListenerOptions {
  /** `tcp://host:port` or `unix://path`. */
  readonly address: string;
  /** How long a peer may keep silent. */
  readonly handshakeTimeoutMs: number;
  readonly maxPayloadBytes: number;
  readonly clock: Clock;
  readonly logger: JobsLogger;
}

/** A worker that dialled. */
export interface Connected {
  readonly channel: FrameChannel;
  readonly reply: PidReply;
}

/** Peers that did not tell their process id yet. More are closed at once. */
const MAX_STRANGERS = 1_024;

/** Takes the connections of workers and tells them apart by the process id they report. A silent peer delays nobody. */
export class WorkerListener {
  readonly #sockets = new Set<Socket>();
  readonly #awaited = new Map<number, (connected: Connected) => void>();
  #server: Server | undefined;
  #address = '';
  #strangers = 0;

  private constructor() {}

  /** @throws RelayError when the address cannot be listened on. */
  static async open(options: WorkerListenerOptions): Promise<WorkerListener> {
    const listener = new WorkerListener();
    const { address: text, handshakeTimeoutMs, logger } = options;
    const { server, address } = await listen(parseAddress(text), {
      handshakeTimeoutMs,
      onSocket: (socket) => void listener.#accept(socket, options),
      onAcceptError: (error) => logger.error(`The worker relay ${text} cannot accept a connection: ${error.message}`, { error }),
    });
    listener.#server = server;
    listener.#address = formatAddress(address);
    return listener;
  }

  /** As it is bound: port 0 is replaced. */
  get address(): string {
    return this.#address;
  }

  /** Resolves when the process with this id has dialled. */
  connected(pid: number): Promise<Connected> {
    return new Promise((resolve) => this.#awaited.set(pid, resolve));
  }

  /** It is awaited no more. */
  forget(pid: number): void {
    this.#awaited.delete(pid);
  }

  /** May be called twice. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server?.close(() => resolve()));
  }

  async #accept(socket: Socket, { handshakeTimeoutMs, maxPayloadBytes, clock, logger }: WorkerListenerOptions): Promise<void> {
    socket.on('error', () => {});
    if (this.#strangers >= MAX_STRANGERS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const channel = new FrameChannel(socket, socket, maxPayloadBytes);
    this.#strangers++;
    let reply: PidReply;
    try {
      reply = await shakeHands(channel, handshakeTimeoutMs, clock);
    } catch (error) {
      logger.warn(`A peer of the worker relay was refused. ${(error as Error).message}`);
      socket.destroy();
      return;
    } finally {
      this.#strangers--;
    }
    const found = this.#awaited.get(reply.pid);
    this.#awaited.delete(reply.pid);
    if (found !== undefined) return found({ channel, reply });
    logger.warn(`A peer of the worker relay says that it is process ${reply.pid}, which this pool did not start or has already; it was refused.`);
    socket.destroy();
  }
}
