import type { Server, Socket } from 'node:net';
import { type Clock, type Deadline, systemClock, type Timer } from '../contract/clock.js';
import { type JobsLogger, silentLogger } from '../contract/logger.js';
import { RelayError, RpcExposedError } from '../contract/rpc-errors.js';
import type { RpcSettings } from '../contract/settings.js';
import { formatAddress, isLoopback, parseAddress, type RelayAddress } from './address.js';
import { listen } from './listen.js';
import type { RpcMethods } from './rpc-method.js';
import { RpcSession, type SessionCounters, type SessionParts } from './rpc-session.js';
import { RpcToken } from './rpc-token.js';
import { Watchdog } from './watchdog.js';

export interface RpcServerOptions {
  readonly settings: RpcSettings;
  readonly methods: RpcMethods;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Default: says nothing. */
  readonly logger?: JobsLogger;
}

/** Where a server listens. */
export interface ListenAddress {
  /** For clients: `tcp://127.0.0.1:6001`, with the port that was given when 0 was asked for. */
  readonly address: string;
  /** Absent: a unix socket. */
  readonly port?: number;
}

/** What happened to the connections of a server, since it was made. */
export interface RpcServerCounters extends SessionCounters {
  accepted: number;
  /** Closed at once: there were `maxConnections` already. */
  refused: number;
}

/** Answers calls over goridge. What one connection does never touches another. */
export class RpcServer {
  readonly counters: RpcServerCounters = { accepted: 0, refused: 0, calls: 0, malformed: 0, late: 0, denied: 0 };
  readonly #settings: RpcSettings;
  readonly #clock: Clock;
  readonly #logger: JobsLogger;
  readonly #sessions = new Set<RpcSession>();
  /** Those of the sessions, and those whose TLS handshake goes on. */
  readonly #sockets = new Set<Socket>();
  readonly #watchdog: Watchdog<RpcSession>;
  readonly #parts: SessionParts;
  #server: Server | undefined;
  #closing: Promise<void> | undefined;
  #onLastSession: (() => void) | undefined;

  constructor(options: RpcServerOptions) {
    const { settings, methods, clock = systemClock, logger = silentLogger } = options;
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#watchdog = new Watchdog(clock, (session) => session.late());
    this.#parts = {
      methods,
      services: new Set([...methods.keys()].map((name) => name.slice(0, name.lastIndexOf('.')))),
      limits: settings.limits,
      ...(settings.token === undefined ? {} : { token: new RpcToken(settings.token) }),
      watchdog: this.#watchdog,
      logger,
      counters: this.counters,
      held: { bytes: 0 },
      onClose: (session) => this.#forget(session),
    };
  }

  /** What all connections hold of payloads that are not complete. Unit: bytes. */
  get heldBytes(): number {
    return this.#parts.held.bytes;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  /**
   * Opens the server. Once.
   *
   * @throws {@link RpcExposedError} when other machines can reach the address and the settings neither protect nor allow it.
   * @throws {@link RelayError} when the address cannot be listened on.
   */
  async listen(): Promise<ListenAddress> {
    const { listen: text, tls, limits } = this.#settings;
    const asked = parseAddress(text);
    this.#checkExposure(asked);
    const { server, address } = await listen(asked, {
      ...(tls === undefined ? {} : { tls }),
      handshakeTimeoutMs: limits.headerTimeoutMs,
      onSocket: (socket) => this.#accept(socket, asked.kind === 'unix'),
      onAcceptError: (error) => this.#logger.error(`RPC server ${text} cannot accept a connection: ${error.message}`, { error }),
    });
    this.#server = server;
    server.maxConnections = limits.maxConnections;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('drop', () => this.counters.refused++);
    if (this.#closing !== undefined) {
      server.close();
      throw new RelayError(text, 'The server was closed while it opened. Make a new one.');
    }
    return { address: formatAddress(address), ...(address.kind === 'tcp' ? { port: address.port } : {}) };
  }

  /**
   * Accepts no connection and takes no call any more, answers the calls that run until the deadline, then ends all
   * connections. Twice is once.
   */
  close(deadline: Deadline): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: Deadline): Promise<void> {
    const closed = closeServer(this.#server);
    for (const session of this.#sessions) session.finish();
    await this.#lastSession(deadline);
    for (const socket of this.#sockets) socket.destroy();
    this.#watchdog.stop();
    await closed;
  }

  #lastSession(deadline: Deadline): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const leftMs = deadline.remainingMs();
      const timer: Timer | undefined = leftMs === Infinity ? undefined : this.#clock.setTimer(leftMs, resolve);
      this.#onLastSession = () => {
        timer?.cancel();
        resolve();
      };
    });
  }

  #accept(socket: Socket, isUnix: boolean): void {
    if (this.#closing !== undefined) {
      socket.destroy();
      return;
    }
    this.counters.accepted++;
    this.#sessions.add(new RpcSession(socket, this.#parts, isUnix));
  }

  #forget(session: RpcSession): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#onLastSession?.();
  }

  #checkExposure(address: RelayAddress): void {
    const { listen: text, tls, token, allowInsecure } = this.#settings;
    if (isLoopback(address)) return;
    const missing: ('tls' | 'token')[] = [];
    if (tls === undefined) missing.push('tls');
    if (token === undefined) missing.push('token');
    if (missing.length === 0) return;
    if (!allowInsecure) throw new RpcExposedError(text, missing);
    this.#logger.warn(
      `The RPC server listens on ${text} without ${missing.join(' and ')}: whoever reaches this address can push, pause and destroy. ` +
        'Set "rpc.tls" and "rpc.token", or listen on 127.0.0.1.',
      { address: text, missing },
    );
  }
}

function closeServer(server: Server | undefined): Promise<void> {
  if (server === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
