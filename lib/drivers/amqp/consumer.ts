import type { DriverContext } from '../../contract/driver.js';
import { JobsConfigError } from '../../contract/errors.js';
import { BrokerUnavailableError } from '../../contract/pipeline-errors.js';
import { Ring } from '../../contract/ring.js';
import { SupervisedConnection } from '../supervised-connection.js';
import type { AmqpMessage, AmqpModel } from './client.js';
import { optionPath, type AmqpOptions, type AmqpSettings } from './config.js';
import { isRefusal } from './connection.js';
import { ConsumeSession } from './consume-session.js';
import { declareTopology, onChannel } from './topology.js';

/** How long a boot waits for its broker before it goes on without it. Unit: milliseconds. */
const FIRST_WAIT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 1_000;

/** A message that waits for room, with the channel it came on. */
export interface HeldMessage {
  readonly message: AmqpMessage;
  readonly session: ConsumeSession;
}

/** Receives messages and holds them until there is room: the broker sends `prefetch` of them ahead, whatever the room is. */
export class Consumer {
  readonly #context: DriverContext<AmqpOptions>;
  readonly #settings: AmqpSettings;
  readonly #connection: SupervisedConnection<AmqpModel>;
  readonly #supervised: SupervisedConnection<ConsumeSession>;
  readonly #held = new Ring<HeldMessage>();
  readonly #onHeld: () => void;
  #isPaused = false;
  /** The last one that was opened, from its opening on: a pause may come before it stands. */
  #session: ConsumeSession | undefined;
  #declaring: Promise<void> = Promise.resolve();

  /** @param onHeld - Called when there is a message to take. */
  constructor(context: DriverContext<AmqpOptions>, settings: AmqpSettings, connection: SupervisedConnection<AmqpModel>, onHeld: () => void) {
    this.#context = context;
    this.#settings = settings;
    this.#connection = connection;
    this.#onHeld = onHeld;
    this.#supervised = new SupervisedConnection<ConsumeSession>({
      driver: 'amqp',
      name: `${settings.pipeline} (consume)`,
      clock: context.clock,
      logger: context.logger,
      connectTimeoutMs: Infinity,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      connect: (signal) => this.#open(signal),
      isFinal: isRefusal,
      close: async (session) => {
        session.flush();
        session.isOpen = false;
        await session.channel.close();
      },
    });
  }

  /**
   * Begins. Resolves when it consumes; without a broker it resolves after some seconds, and consumes when there is one.
   *
   * @throws {@link JobsConfigError} when the broker refuses what is configured.
   */
  async start(): Promise<void> {
    const { pipeline, queue } = this.#settings;
    if (queue === '') {
      const message = 'It is needed to consume. Give the name of the queue, or leave the pipeline out of "consume".';
      throw new JobsConfigError([{ path: optionPath(this.#settings, 'queue'), message }]);
    }
    try {
      await this.#supervised.use(FIRST_WAIT_MS);
    } catch (error) {
      if (!(error instanceof BrokerUnavailableError)) throw error;
      this.#context.logger.warn(`Pipeline "${pipeline}" consumes as soon as its broker is there.`, { pipeline });
    }
  }

  get isConsuming(): boolean {
    return this.#supervised.current?.consumerTag !== undefined;
  }

  get current(): ConsumeSession | undefined {
    return this.#supervised.current;
  }

  /** Messages that wait for room. */
  get heldCount(): number {
    return this.#held.length;
  }

  take(): HeldMessage | undefined {
    return this.#held.shift();
  }

  /** What is not lent goes back to its place in the queue. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    if (this.#session === undefined) return;
    await this.#follow(this.#session).catch(() => {}); // a channel that has ended consumes nothing
    if (this.#isPaused) this.#giveBack();
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    const session = this.#session;
    if (session !== undefined) await this.#follow(session).catch((error: unknown) => this.#ended(session, error));
  }

  /** The queue as the broker sees it, and all that it sent before. */
  async waiting(): Promise<number | undefined> {
    const session = this.#supervised.current;
    if (session === undefined) return undefined;
    const { messageCount } = await session.channel.checkQueue(this.#settings.queue);
    // What the broker sent ahead of its first answer is here when the second one is.
    await session.channel.checkQueue(this.#settings.queue);
    return messageCount;
  }

  /** Removes what waits, at the broker and here; what is lent stays. `undefined`: there is no channel that could. */
  async purge(): Promise<number | undefined> {
    const session = this.#supervised.current;
    if (session === undefined) return undefined;
    // What the broker sent ahead of its answer is here when the answer is.
    const { messageCount } = await session.channel.purgeQueue(this.#settings.queue);
    let purged = messageCount;
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) {
      if (!held.session.isOpen) continue;
      held.session.ack(held.message);
      purged++;
    }
    return purged;
  }

  async stop(): Promise<void> {
    await this.pause();
    await this.#supervised.stop();
    this.#held.clear();
  }

  /** Removes the queue with all that is in it, if there is a connection. After `stop`. */
  async deleteQueue(): Promise<void> {
    await this.#declaring.catch(() => {});
    const model = this.#connection.current;
    if (model !== undefined) await onChannel(model, (channel) => channel.deleteQueue(this.#settings.queue));
  }

  async #open(signal: AbortSignal): Promise<ConsumeSession> {
    const model = await this.#connection.use(Infinity, this.#settings.pipeline, signal);
    this.#declaring = declareTopology(model, this.#settings, 'consume');
    await this.#declaring;
    const channel = await model.createChannel();
    const session = new ConsumeSession(model, channel);
    this.#session = session;
    let reason: unknown = new Error('The broker closed the channel.');
    channel.on('error', (error: Error) => (reason = error));
    channel.on('close', () => this.#ended(session, reason));
    await channel.prefetch(this.#settings.prefetch);
    await this.#follow(session);
    return session;
  }

  /** Begins or ends its consumer, as it is wanted when its turn comes. */
  #follow(session: ConsumeSession): Promise<void> {
    const turn = session.turn.then(async () => {
      const { isOpen, consumerTag, channel } = session;
      if (!isOpen || this.#isPaused === (consumerTag === undefined)) return;
      session.consumerTag = undefined;
      if (consumerTag === undefined) await this.#consume(session);
      else await channel.cancel(consumerTag);
    });
    session.turn = turn.catch(() => {});
    return turn;
  }

  async #consume(session: ConsumeSession): Promise<void> {
    const { queue, consumerTag } = this.#settings;
    const consumed = await session.channel.consume(queue, (message) => this.#received(session, message), { consumerTag });
    session.consumerTag = consumed.consumerTag;
  }

  #received(session: ConsumeSession, message: AmqpMessage | null): void {
    if (message === null) {
      this.#ended(session, new Error(`The broker cancelled the consumer: queue "${this.#settings.queue}" was deleted, or its node went away.`));
      return;
    }
    session.delivered(message);
    if (this.#isPaused) return session.nack(message, true);
    this.#held.push({ message, session });
    this.#onHeld();
  }

  #ended(session: ConsumeSession, reason: unknown): void {
    session.flush();
    session.isOpen = false;
    session.consumerTag = undefined;
    // The broker delivers them again.
    this.#held.removeWhere((held) => held.session === session);
    this.#supervised.lost(session, reason);
  }

  #giveBack(): void {
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) held.session.nack(held.message, true);
  }
}
