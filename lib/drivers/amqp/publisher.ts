import type { Timer } from '../../contract/clock.js';
import type { DriverContext } from '../../contract/driver.js';
import { BrokerRefusedError, BrokerUnavailableError, DriverStoppedError, PushUncertainError } from '../../contract/pipeline-errors.js';
import { SupervisedConnection } from '../supervised-connection.js';
import type { AmqpModel } from './client.js';
import type { AmqpOptions, AmqpSettings } from './config.js';
import { isRefusal } from './connection.js';
import type { OutgoingMessage } from './message.js';
import { PublishSession, type PublishEnd } from './publish-session.js';
import { declareTopology, explain } from './topology.js';

/** Pushes that wait for a connection, and those that were given up without an answer; each holds its job. More are refused at once. */
const MAX_WAITING = 100_000;
/** For an answer of the broker when a push may not wait for a connection at all. */
const MIN_ANSWER_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1_000;

/** The connection went while the message was on its way: whether the broker has it is not known. */
export class LostOnTheWayError extends Error {
  constructor() {
    super('The connection was lost before the broker answered.');
  }
}

/** No queue took the message: it was deleted, or never bound. */
export class UnroutableError extends Error {
  constructor(
    readonly exchange: string,
    readonly routingKey: string,
  ) {
    super(`No queue takes messages of exchange "${exchange}" with routing key "${routingKey}".`);
  }
}

type Session = PublishSession<PendingPush>;

interface PendingPush {
  readonly message: OutgoingMessage;
  readonly giveUpAt: number;
  /** False: a lost connection is told to the caller, who has to prepare more than the message. */
  readonly isRepeated: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** It was sent and not answered: the broker may have it. */
  isUncertain: boolean;
  wasUnroutable: boolean;
}

/** Publishes with confirms. What was not confirmed when a connection was lost is sent again: twice rather than never. */
export class Publisher {
  readonly #context: DriverContext<AmqpOptions>;
  readonly #settings: AmqpSettings;
  readonly #connection: SupervisedConnection<AmqpModel>;
  readonly #supervised: SupervisedConnection<Session>;
  /** In the order of their pushes, so that the first gives up first. */
  readonly #pending = new Set<PendingPush>();
  readonly #timeoutMs: number;
  #session: Session | undefined;
  #timer: Timer | undefined;
  #isAwaiting = false;
  #declaring: Promise<void> = Promise.resolve();
  /** Under way for all whose queue was not there, on the connection of this session. */
  #declaringAgain: Session | undefined;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(context: DriverContext<AmqpOptions>, settings: AmqpSettings, connection: SupervisedConnection<AmqpModel>) {
    this.#context = context;
    this.#settings = settings;
    this.#connection = connection;
    this.#timeoutMs = context.pushTimeoutMs;
    this.#supervised = new SupervisedConnection<Session>({
      driver: 'amqp',
      name: `${settings.pipeline} (push)`,
      clock: context.clock,
      logger: context.logger,
      // The connection below has a limit of its own, and ends the channel with it.
      connectTimeoutMs: Infinity,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      connect: (signal) => this.#open(signal),
      onUp: (session) => this.#up(session),
      isFinal: isRefusal,
      close: ({ channel }) => channel.close(),
    });
  }

  /** Begins to dial. */
  start(): void {
    this.#supervised.start();
  }

  /** The connection of the pushes, for work beside them. */
  async model(timeoutMs: number): Promise<AmqpModel> {
    return (await this.#supervised.use(timeoutMs, this.#settings.pipeline)).model;
  }

  /** The same, if it stands. */
  get currentModel(): AmqpModel | undefined {
    return this.#session?.model;
  }

  /**
   * Resolves with the confirm of the broker.
   *
   * @param isRepeated - Sent again when the connection is lost or the queue was deleted. False: rejects with {@link LostOnTheWayError} or
   * {@link UnroutableError} then.
   */
  publish(message: OutgoingMessage, isRepeated = true): Promise<void> {
    if (this.#isStopped) return Promise.reject(new DriverStoppedError(this.#settings.pipeline));
    const { clock } = this.#context;
    if (this.#isFull()) return Promise.reject(this.#unavailable(0));
    return new Promise<void>((resolve, reject) => {
      const waitMs = this.#timeoutMs > 0 ? this.#timeoutMs : MIN_ANSWER_MS;
      const push: PendingPush = {
        message,
        giveUpAt: clock.monotonic() + waitMs,
        isRepeated,
        resolve,
        reject,
        isUncertain: false,
        wasUnroutable: false,
      };
      this.#pending.add(push);
      if (this.#timer === undefined) this.#armTimer();
      if (this.#session === undefined) this.#awaitSession();
      else this.#send(push, this.#session);
    });
  }

  /** Resolves when every push was answered, at the latest after `timeoutMs`. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#pending.size === 0 || timeoutMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#context.clock.setTimer(timeoutMs, resolve);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const push of [...this.#pending]) {
      const { pipeline } = this.#settings;
      this.#reject(push, push.isUncertain ? new PushUncertainError(pipeline, push.message.id, this.#timeoutMs) : new DriverStoppedError(pipeline));
    }
    this.#session = undefined;
    await this.#supervised.stop();
  }

  /** Resolves when nothing of it is on its way to the broker that would declare the queue. */
  async declared(): Promise<void> {
    await this.#declaring.catch(() => {});
  }

  async #open(signal: AbortSignal): Promise<Session> {
    const model = await this.#connection.use(Infinity, this.#settings.pipeline, signal);
    this.#declaring = declareTopology(model, this.#settings, 'publish');
    await this.#declaring;
    const channel = await model.createConfirmChannel();
    const session: Session = new PublishSession(model, channel, (push: PendingPush, end: PublishEnd) => this.#answered(push, session, end));
    let reason: unknown = new Error('The broker closed the channel.');
    channel.on('error', (error: Error) => (reason = explain(this.#settings, error) ?? error));
    channel.on('close', () => {
      session.end();
      this.#supervised.lost(session, reason);
      if (this.#session === session) this.#down();
    });
    return session;
  }

  // A broker that is short of memory answers nothing: what was given up meanwhile is still on its way.
  #isFull(): boolean {
    if (this.#session !== undefined) return this.#session.unanswered - this.#pending.size >= MAX_WAITING;
    return this.#timeoutMs <= 0 || this.#pending.size >= MAX_WAITING;
  }

  #up(session: Session): Promise<void> {
    this.#session = session;
    for (const push of [...this.#pending]) this.#send(push, session);
    return Promise.resolve();
  }

  #down(): void {
    this.#session = undefined;
    if (this.#pending.size > 0) this.#awaitSession();
  }

  #send(push: PendingPush, session: Session): void {
    push.isUncertain = true;
    try {
      session.publish(push);
    } catch (error) {
      // Before anything of it was written: too large a table, or a channel that has ended a moment ago.
      push.isUncertain = false;
      if (error instanceof RangeError || error instanceof TypeError) this.#reject(push, this.#refused(error.message, error));
      else if (!push.isRepeated) this.#reject(push, new LostOnTheWayError());
    }
  }

  #answered(push: PendingPush, session: Session, end: PublishEnd): void {
    if (!this.#pending.has(push)) return;
    switch (end) {
      case 'confirmed':
        this.#settle(push);
        return push.resolve();
      case 'unroutable':
        return this.#unroutable(push, session);
      case 'refused':
        return this.#reject(push, this.#refused('it answered "nack": the queue is at its limit, or failed'));
      case 'lost':
        // What is repeated goes with the next channel.
        if (!push.isRepeated) this.#reject(push, new LostOnTheWayError());
    }
  }

  // Someone deleted the queue: it is declared again, once.
  #unroutable(push: PendingPush, session: Session): void {
    const { exchange, routingKey } = push.message;
    const error = new UnroutableError(exchange, routingKey);
    push.isUncertain = false;
    if (!push.isRepeated) return this.#reject(push, error);
    if (push.wasUnroutable || !this.#settings.declaresQueue) return this.#reject(push, this.#refused(error.message, error));
    push.wasUnroutable = true;
    this.#declareAgain(session).then(
      () => {
        if (this.#session === session && this.#pending.has(push)) this.#send(push, session);
      },
      (cause: unknown) => {
        if (this.#session === session) this.#reject(push, cause);
      },
    );
  }

  // One declaration for all that come back at the same time: each takes a channel, and a connection has some thousand of them.
  #declareAgain(session: Session): Promise<void> {
    if (this.#declaringAgain !== session) {
      this.#declaringAgain = session;
      this.#declaring = declareTopology(session.model, this.#settings, 'publish').finally(() => (this.#declaringAgain = undefined));
    }
    return this.#declaring;
  }

  // Tells those that wait what no try will heal.
  #awaitSession(): void {
    if (this.#isAwaiting || this.#isStopped) return;
    this.#isAwaiting = true;
    this.#supervised.use(Infinity, this.#settings.pipeline).then(
      () => (this.#isAwaiting = false),
      (error: unknown) => {
        this.#isAwaiting = false;
        if (this.#session !== undefined) return;
        for (const push of [...this.#pending]) this.#reject(push, push.isUncertain ? this.#uncertain(push, error) : error);
      },
    );
  }

  // Everyone waits equally long, so the oldest gives up first: one timer is enough.
  #armTimer(): void {
    const oldest = first(this.#pending);
    const { clock } = this.#context;
    this.#timer = undefined;
    if (oldest === undefined) return;
    this.#timer = clock.setTimer(oldest.giveUpAt - clock.monotonic(), () => {
      for (const push of this.#pending) {
        if (push.giveUpAt > clock.monotonic()) break;
        this.#reject(push, push.isUncertain ? this.#uncertain(push, this.#lastError) : this.#unavailable(this.#timeoutMs));
      }
      this.#armTimer();
    });
  }

  #reject(push: PendingPush, error: unknown): void {
    this.#settle(push);
    push.reject(error);
  }

  #settle(push: PendingPush): void {
    this.#pending.delete(push);
    if (this.#pending.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#onIdle?.();
  }

  get #lastError(): unknown {
    return this.#connection.lastError ?? this.#supervised.lastError;
  }

  #unavailable(waitedMs: number): BrokerUnavailableError {
    return new BrokerUnavailableError(this.#settings.pipeline, this.#context.driver, waitedMs, this.#lastError);
  }

  #uncertain(push: PendingPush, cause: unknown): PushUncertainError {
    return new PushUncertainError(this.#settings.pipeline, push.message.id, this.#timeoutMs, { cause });
  }

  #refused(reason: string, cause?: Error): BrokerRefusedError {
    return new BrokerRefusedError(this.#settings.pipeline, this.#context.driver, reason, cause === undefined ? {} : { cause });
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const item of set) return item;
  return undefined;
}
