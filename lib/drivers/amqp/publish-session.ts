import type { AmqpConfirmChannel, AmqpModel, ReturnedMessage } from './client.js';
import { publishSettings, type OutgoingMessage } from './message.js';
import { FrameWriter } from './publish-frames.js';

/** What becomes of a message. `lost`: the channel ended before the broker said anything. */
export type PublishEnd = 'confirmed' | 'unroutable' | 'refused' | 'lost';

interface Outgoing {
  readonly message: OutgoingMessage;
}

const MICROTASK = Promise.resolve();

/** A channel with confirms: numbers what is published on it, and tells what becomes of it. */
export class PublishSession<P extends Outgoing> {
  readonly #frames: FrameWriter | undefined;
  readonly #ended: (push: P, end: PublishEnd) => void;
  /** What the broker has not confirmed, by its number; in the order of these. */
  readonly #open = new Map<number, P>();
  /** Ids of what came back, and how often: a producer may use one for several. A return comes before the confirm of the same message. */
  readonly #returned = new Map<string, number>();
  readonly #flush = (): void => this.#write();
  #published = 0;
  #isFlushing = false;

  constructor(
    readonly model: AmqpModel,
    readonly channel: AmqpConfirmChannel,
    ended: (push: P, end: PublishEnd) => void,
  ) {
    this.#ended = ended;
    const place = placeOf(channel);
    this.#frames = place === undefined ? undefined : new FrameWriter(place.number, place.maxFrameBytes);
    channel.on('ack', ({ deliveryTag, multiple }: { deliveryTag: number; multiple: boolean }) => this.#settle(deliveryTag, multiple, 'confirmed'));
    channel.on('nack', ({ deliveryTag, multiple }: { deliveryTag: number; multiple: boolean }) => this.#settle(deliveryTag, multiple, 'refused'));
    channel.on('return', ({ properties }: ReturnedMessage) => {
      const id = properties.headers?.['rr_id'];
      if (typeof id === 'string') this.#returned.set(id, (this.#returned.get(id) ?? 0) + 1);
    });
  }

  /** Messages that the broker has not answered. */
  get unanswered(): number {
    return this.#open.size;
  }

  /**
   * Goes out at the end of the turn, together with the others.
   *
   * @throws RangeError or TypeError when it has no place in a message; another error when the channel has ended.
   */
  publish(push: P): void {
    const { message } = push;
    if (this.#frames === undefined) this.channel.publish(message.exchange, message.routingKey, message.content, publishSettings(message));
    else {
      this.#frames.add(message);
      if (!this.#isFlushing) void MICROTASK.then(this.#flush);
      this.#isFlushing = true;
    }
    this.#open.set(++this.#published, push);
  }

  /** The channel has ended. */
  end(): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const push of open) this.#ended(push, 'lost');
  }

  // What a channel that has ended does not take is told by its `close`.
  #write(): void {
    this.#isFlushing = false;
    const buffer = placeOf(this.channel)?.buffer;
    for (const part of this.#frames!.take()) buffer?.write(part);
  }

  #settle(tag: number, isMultiple: boolean, end: 'confirmed' | 'refused'): void {
    if (!isMultiple) return this.#settleOne(tag, end);
    for (const open of this.#open.keys()) {
      if (open > tag) return;
      this.#settleOne(open, end);
    }
  }

  #settleOne(tag: number, end: 'confirmed' | 'refused'): void {
    const push = this.#open.get(tag);
    if (push === undefined) return;
    this.#open.delete(tag);
    const isReturned = this.#returned.size > 0 && this.#takeReturn(push.message.id);
    this.#ended(push, isReturned && end === 'confirmed' ? 'unroutable' : end);
  }

  #takeReturn(id: string): boolean {
    const count = this.#returned.get(id) ?? 0;
    if (count > 1) this.#returned.set(id, count - 1);
    else this.#returned.delete(id);
    return count > 0;
  }
}

/** Where amqplib 0.10 to 2.x gathers the frames of a channel. Undefined in a version that does it elsewhere, and when the channel has ended. */
function placeOf({ ch: number, connection }: AmqpConfirmChannel) {
  if (typeof number !== 'number' || typeof connection?.frameMax !== 'number') return undefined;
  const buffer = connection.channels?.[number]?.buffer;
  return typeof buffer?.write === 'function' ? { number, buffer, maxFrameBytes: connection.frameMax } : undefined;
}
