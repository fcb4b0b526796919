/*
 * Delays as RoadRunner makes them: a queue per delay, whose messages end after it and go to the exchange of the pipeline.
 *
 *   name       delayed-<ms>.<exchange>.<queue, or the routing key of a pipeline without a queue>; where that has more than 255 bytes, which RoadRunner
 *              cannot declare, delayed-<ms>.<SHA-256 of what is behind it, in hex>
 *   declared   durable, neither exclusive nor auto-delete, with
 *              x-dead-letter-exchange     S  exchange of the pipeline
 *              x-dead-letter-routing-key  S  routing key of the message
 *              x-message-ttl              l  <ms>
 *              x-expires                  l  2 × <ms>, counted from the last declaration
 *   bound      to the exchange of the pipeline by its own name
 *
 * Another name or argument is refused by the broker (406) as soon as RoadRunner uses the same queue.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../contract/clock.js';
import type { AmqpChannel, AmqpModel } from './client.js';
import type { AmqpSettings } from './config.js';
import { explained, onChannel, purgeQueue } from './topology.js';

/** `x-expires` is twice the delay and at most 2^32 − 1 ms. Longer delays take several hops. */
export const MAX_HOP_MS = 24 * 86_400_000;
/** Of a name of AMQP. Unit: bytes. */
const MAX_NAME_BYTES = 255;
/** A declaration is good for this part of the delay; the message needs one more whole delay, and the queue lives for two. */
const FRESH_PART = 0.5;
/** A confirm that comes later says nothing of whether the queue outlives the message. */
const SAFE_PART = 0.9;
/** Queues that `count` asks for; their messages are counted one by one. */
const MAX_COUNTED = 64;

interface DelayQueue {
  readonly name: string;
  readonly delayMs: number;
  readonly routingKey: string;
  declaredAt: number;
  lastUsedAt: number;
  /** Another number: the queue may have been gone in between. */
  life: number;
  /** One declaration serves all pushes that wait for it. */
  declaring: Promise<void> | undefined;
}

/** Where a delayed message goes. */
export interface DelayPlace {
  readonly exchange: string;
  readonly routingKey: string;
  /** For {@link DelayQueues.isSafe}. */
  readonly life: number;
}

/** The queues of delays that this process uses. */
export class DelayQueues {
  readonly #settings: AmqpSettings;
  readonly #clock: Clock;
  readonly #queues = new Map<string, DelayQueue>();
  #lives = 0;

  constructor(settings: AmqpSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /**
   * The place of messages with this delay, declared a moment ago.
   *
   * @param routingKey - With it the message goes on afterwards.
   */
  async prepare(model: AmqpModel, delayMs: number, routingKey: string): Promise<DelayPlace> {
    const queue = this.#queueOf(delayMs, routingKey);
    if (this.#clock.monotonic() - queue.declaredAt > delayMs * FRESH_PART) await this.#renew(model, queue);
    queue.lastUsedAt = this.#clock.monotonic();
    const { exchange } = this.#settings;
    // By their names only a direct exchange keeps these messages from other queues; the default exchange always does.
    return { exchange: exchange.type === 'direct' ? exchange.name : '', routingKey: queue.name, life: queue.life };
  }

  /**
   * Called when the broker has confirmed. True when the queue surely outlives the message: a queue goes 2 × its delay after its last declaration, with
   * what is in it. When the confirm was late, it is declared again in time, or the message may have gone with it.
   */
  async isSafe(model: AmqpModel, { routingKey: name, life }: DelayPlace): Promise<boolean> {
    const queue = this.#queues.get(name);
    if (queue === undefined) return false;
    if (queue.life === life && this.#clock.monotonic() - queue.declaredAt > queue.delayMs * SAFE_PART) await this.#renew(model, queue);
    return queue.life === life;
  }

  /** The next `prepare` declares it again. */
  forget(delayMs: number, routingKey: string): void {
    this.#queues.delete(this.#nameOf(delayMs, routingKey));
  }

  /** Messages in the queues that this process used while they last, those of other processes included. */
  async count(channel: AmqpChannel): Promise<number> {
    let sum = 0;
    for (const { name } of this.#inUse().reverse().slice(0, MAX_COUNTED)) sum += (await channel.checkQueue(name)).messageCount;
    return sum;
  }

  /** Empties the queues that this process used, of the messages of other processes too; answers how many there were. */
  async purge(model: AmqpModel): Promise<number> {
    let sum = 0;
    for (const { name } of this.#inUse()) sum += await purgeQueue(model, name);
    return sum;
  }

  // After its delay a queue is empty, and later gone: asking for it would end the channel.
  #inUse(): DelayQueue[] {
    const now = this.#clock.monotonic();
    return [...this.#queues.values()].filter(({ lastUsedAt, delayMs, declaredAt }) => Number.isFinite(declaredAt) && now - lastUsedAt <= delayMs);
  }

  // After its delay a queue is empty, and after twice its delay gone.
  #forgetEnded(): void {
    const now = this.#clock.monotonic();
    for (const [name, { lastUsedAt, delayMs }] of this.#queues) if (now - lastUsedAt > 2 * delayMs) this.#queues.delete(name);
  }

  #queueOf(delayMs: number, routingKey: string): DelayQueue {
    const name = this.#nameOf(delayMs, routingKey);
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      this.#forgetEnded();
      queue = { name, delayMs, routingKey, declaredAt: -Infinity, lastUsedAt: this.#clock.monotonic(), life: this.#lives++, declaring: undefined };
      this.#queues.set(name, queue);
    }
    return queue;
  }

  #renew(model: AmqpModel, queue: DelayQueue): Promise<void> {
    queue.declaring ??= this.#declareNow(model, queue).finally(() => (queue.declaring = undefined));
    return queue.declaring;
  }

  // Its time is counted from before the declaration was sent: the broker may have taken it at once.
  async #declareNow(model: AmqpModel, queue: DelayQueue): Promise<void> {
    const sentAt = this.#clock.monotonic();
    await this.#declare(model, queue);
    if (this.#clock.monotonic() - queue.declaredAt > 2 * queue.delayMs * SAFE_PART) queue.life = this.#lives++;
    queue.declaredAt = sentAt;
  }

  #nameOf(delayMs: number, routingKey: string): string {
    const { exchange, queue, routingKey: usual } = this.#settings;
    const place = queue === '' ? usual : queue;
    // A routing key of its own leads elsewhere, so it needs a queue of its own; RoadRunner's would collide here.
    const target = `${exchange.name}.${place}${routingKey === usual ? '' : `.${routingKey}`}`;
    const name = `delayed-${delayMs}.${target}`;
    return Buffer.byteLength(name) <= MAX_NAME_BYTES ? name : `delayed-${delayMs}.${createHash('sha256').update(target).digest('hex')}`;
  }

  #declare(model: AmqpModel, { name, delayMs, routingKey }: DelayQueue): Promise<void> {
    const { exchange } = this.#settings;
    return explained(this.#settings, () =>
      onChannel(model, async (channel) => {
        await channel.assertQueue(name, {
          durable: true,
          autoDelete: false,
          exclusive: false,
          arguments: {
            'x-dead-letter-exchange': exchange.name,
            'x-dead-letter-routing-key': routingKey,
            'x-message-ttl': { '!': 'int64', value: delayMs },
            'x-expires': { '!': 'int64', value: 2 * delayMs },
          },
        });
        if (exchange.type === 'direct') await channel.bindQueue(name, exchange.name, name);
      }),
    );
  }
}
