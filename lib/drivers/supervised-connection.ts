import { ExponentialBackoff, halfJitterGenerator, type IBackoff } from 'cockatiel';
import type { Clock, Timer } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import { BrokerUnavailableError, DriverStoppedError } from '../contract/pipeline-errors.js';
import { sentence } from '../contract/shown.js';
import { messageOf } from '../contract/thrown.js';

/** How long to wait before the next try to connect: half of the time to all of it, by chance, twice as long after each failure. */
export interface SupervisedRedial {
  /** Unit: milliseconds. Range: 1 or more. Default: `500`. */
  readonly initialDelayMs?: number;
  /** Unit: milliseconds. Range: 1 or more. Default: `30_000`. */
  readonly maxDelayMs?: number;
}

/** What {@link SupervisedConnection} has to know of a broker's client. `C` is its connection, or a channel with its topology. */
export interface SupervisedConnectionOptions<C extends object> {
  /** Driver of the errors: `amqp`. */
  readonly driver: string;
  /** Whose connection it is, for errors and log lines: a pipeline, or an address without its password. */
  readonly name: string;
  /**
   * Makes one connection; a rejection is followed by another try. The signal aborts when the time of a try is over or the connection is stopped;
   * a connection that arrives after that is closed.
   */
  connect(signal: AbortSignal): Promise<C>;
  /** Ends a connection, one that is dead or dying too. May reject, may hang: it is not awaited for longer than `closeTimeoutMs`. */
  close(connection: C): Promise<void>;
  /** Topology and consumers, before anybody is given the connection. A rejection closes it and is followed by another try. */
  onUp?(connection: C): Promise<void>;
  /** A connection that was up is gone. Not called by `stop`. */
  onDown?(error: unknown): void;
  /** True for what waiting does not heal, such as a wrong password: `use` rejects with it at once. The tries go on, someone may correct the broker. */
  isFinal?(error: unknown): boolean;
  readonly clock: Clock;
  readonly logger: JobsLogger;
  readonly redial?: SupervisedRedial;
  /** One try to connect, `onUp` included. Unit: milliseconds. Default: `30_000`. */
  readonly connectTimeoutMs?: number;
  /** How long `stop` waits for `close`. Unit: milliseconds. Default: `5_000`. */
  readonly closeTimeoutMs?: number;
}

interface Waiting<C> {
  resolve(connection: C): void;
  reject(error: unknown): void;
  readonly pipeline: string;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_INITIAL_DELAY_MS = 500;
const DEFAULT_MAX_DELAY_MS = 30_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;
const DEFAULT_CLOSE_TIMEOUT_MS = 5_000;

/**
 * Keeps one connection to a broker alive: dials until it stands, and again whenever it is lost, for ever, until `stop`.
 *
 * Pipelines with the same address share one through `context.resources` (it is a resource by its `close`); each of them has its own on top of that,
 * whose `connect` takes the shared one by `use` and opens a channel.
 */
export class SupervisedConnection<C extends object> {
  readonly #options: SupervisedConnectionOptions<C>;
  readonly #firstBackoff: IBackoff<unknown>;
  readonly #waiting = new Set<Waiting<C>>();
  /** Why those are dead that were lost before they stood, or after they were given up. */
  readonly #dead = new WeakMap<C, { readonly error: unknown }>();
  /** Signals that are listened to. */
  readonly #heard = new WeakSet<AbortSignal>();
  #backoff: IBackoff<unknown>;
  #phase: 'idle' | 'dialling' | 'up' | 'stopped' = 'idle';
  #current: C | undefined;
  #lastError: unknown;
  #failures = 0;
  #downSince = 0;
  #timer: Timer | undefined;
  #attempt: AbortController | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SupervisedConnectionOptions<C>) {
    const { initialDelayMs = DEFAULT_INITIAL_DELAY_MS, maxDelayMs = DEFAULT_MAX_DELAY_MS } = options.redial ?? {};
    this.#options = options;
    this.#firstBackoff = new ExponentialBackoff({ initialDelay: initialDelayMs, maxDelay: maxDelayMs, generator: halfJitterGenerator }).next();
    this.#backoff = this.#firstBackoff;
  }

  /** The connection that stands, `onUp` done. */
  get current(): C | undefined {
    return this.#current;
  }

  /** Why there was none the last time. Undefined once a connection stands. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Begins to dial. Without effect when it has begun. */
  start(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'dialling';
    this.#downSince = this.#options.clock.monotonic();
    this.#dial();
  }

  /**
   * The connection, or the next one that stands. Begins to dial when nobody did.
   *
   * @param timeoutMs - How long to wait. Unit: milliseconds; 0 refuses at once, `Infinity` waits until `stop`.
   * @param pipeline - Named in the errors. Default: `name`.
   * @param signal - Ends the wait; the promise rejects with its reason.
   * @throws BrokerUnavailableError when there was none in time.
   * @throws DriverStoppedError when it is stopped, or while waiting.
   */
  use(timeoutMs: number, pipeline: string = this.#options.name, signal?: AbortSignal): Promise<C> {
    if (this.#current !== undefined) return Promise.resolve(this.#current);
    if (this.#phase === 'stopped') return Promise.reject(new DriverStoppedError(pipeline));
    this.start();
    const { clock, driver } = this.#options;
    const unavailable = () => new BrokerUnavailableError(pipeline, driver, timeoutMs, this.#lastError);
    if (timeoutMs <= 0) return Promise.reject(unavailable());
    if (this.#lastError !== undefined && this.#isFinal(this.#lastError)) return Promise.reject(this.#lastError as Error);
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    return new Promise<C>((resolve, reject) => {
      const timer = timeoutMs === Infinity ? undefined : clock.setTimer(timeoutMs, () => waiting.reject(unavailable()));
      const end = () => {
        timer?.cancel();
        this.#waiting.delete(waiting);
      };
      const waiting: Waiting<C> = {
        pipeline,
        signal,
        resolve: (connection) => {
          end();
          resolve(connection);
        },
        reject: (error) => {
          end();
          reject(error as Error);
        },
      };
      this.#waiting.add(waiting);
      if (signal !== undefined) this.#listenTo(signal);
    });
  }

  // One listener for all that wait under a signal: Node warns of more than ten.
  #listenTo(signal: AbortSignal): void {
    if (this.#heard.has(signal)) return;
    this.#heard.add(signal);
    const abort = () => {
      for (const waiting of this.#waiting) if (waiting.signal === signal) waiting.reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
  }

  /**
   * Says that this connection is dead: it is closed and another one is dialled. May be called as soon as `connect` has made it. Without effect for
   * one that was given up before.
   */
  lost(connection: C, error: unknown): void {
    if (this.#current !== connection) {
      this.#dead.set(connection, { error });
      return;
    }
    const { logger, name, driver, clock, onDown } = this.#options;
    this.#current = undefined;
    this.#lastError = error;
    this.#phase = 'dialling';
    this.#failures = 1;
    this.#downSince = clock.monotonic();
    void this.#close(connection);
    logger.warn(`${driver} connection of "${name}" is lost: ${sentence(messageOf(error))} Dialling again.`, { driver, name, error });
    onDown?.call(this.#options, error);
    if (this.#current === undefined && this.#phase === 'dialling') this.#dialLater();
  }

  /** Ends it; who waits is told. May be called twice. */
  stop(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  /** The same as `stop`: a shared resource is closed by it. */
  close(): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#timer?.cancel();
    this.#attempt?.abort(new DriverStoppedError(this.#options.name));
    for (const waiting of this.#waiting) waiting.reject(new DriverStoppedError(waiting.pipeline));
    const connection = this.#current;
    this.#current = undefined;
    if (connection !== undefined) await this.#close(connection);
  }

  #dialLater(): void {
    const { duration } = this.#backoff;
    this.#backoff = this.#backoff.next(undefined);
    this.#timer = this.#options.clock.setTimer(Math.ceil(duration), () => this.#dial());
  }

  #dial(): void {
    const { clock, connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = this.#options;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const limit = clock.setTimer(connectTimeoutMs, () => attempt.abort(new Error(`There was no answer within ${connectTimeoutMs} ms.`)));
    this.#connect(attempt.signal)
      .then(
        (connection) => this.#up(connection),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => limit.cancel());
  }

  /** Settles no later than the signal; what comes after that is closed. */
  #connect(signal: AbortSignal): Promise<C> {
    return new Promise<C>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      this.#open(signal).then((connection) => {
        if (signal.aborted) void this.#close(connection);
        else resolve(connection);
      }, reject);
    });
  }

  async #open(signal: AbortSignal): Promise<C> {
    const connection = await this.#options.connect(signal);
    try {
      signal.throwIfAborted();
      await this.#options.onUp?.(connection);
      return connection;
    } catch (error) {
      void this.#close(connection);
      throw error;
    }
  }

  #up(connection: C): void {
    const { logger, driver, name, clock } = this.#options;
    const dead = this.#dead.get(connection);
    if (dead !== undefined || this.#phase === 'stopped') {
      void this.#close(connection);
      return this.#failed(dead?.error);
    }
    this.#phase = 'up';
    this.#current = connection;
    this.#backoff = this.#firstBackoff;
    const seconds = ((clock.monotonic() - this.#downSince) / 1_000).toFixed(1);
    if (this.#lastError !== undefined) logger.info(`${driver} connection of "${name}" stands again after ${seconds} s.`, { driver, name });
    this.#lastError = undefined;
    this.#failures = 0;
    for (const waiting of this.#waiting) waiting.resolve(connection);
  }

  #failed(error: unknown): void {
    if (this.#phase === 'stopped') return;
    const { logger, driver, name } = this.#options;
    this.#lastError = error;
    // One line an outage: a broker that is away for an hour would fill the log.
    const say = this.#failures++ === 0 ? 'warn' : 'debug';
    logger[say](`${driver} connection of "${name}" failed: ${sentence(messageOf(error))} Trying again.`, {
      driver,
      name,
      error,
      failures: this.#failures,
    });
    if (this.#isFinal(error)) for (const waiting of this.#waiting) waiting.reject(error);
    this.#dialLater();
  }

  #isFinal(error: unknown): boolean {
    return this.#options.isFinal?.(error) ?? false;
  }

  /** Never rejects, and ends after `closeTimeoutMs` at the latest: a frozen peer does not answer a good-bye. */
  #close(connection: C): Promise<void> {
    const { clock, close, closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS } = this.#options;
    return new Promise<void>((resolve) => {
      const limit = clock.setTimer(closeTimeoutMs, resolve, { keepsAlive: false });
      const end = () => {
        limit.cancel();
        resolve();
      };
      // What a broken connection says to its end helps nobody: its loss was told.
      Promise.resolve()
        .then(() => close.call(this.#options, connection))
        .then(end, end);
    });
  }
}
