import type { AmqpChannel, AmqpMessage, AmqpModel } from './client.js';

const MICROTASK = Promise.resolve();

/** A channel that consumes. What it delivered can be settled on it alone; when it ends the broker delivers the rest again. */
export class ConsumeSession {
  /** False when it has ended: settlements go nowhere then. */
  isOpen = true;
  /** Undefined while it is paused. */
  consumerTag: string | undefined;
  /** The last thing that its consumer was told: it begins and ends in turn. */
  turn: Promise<void> = Promise.resolve();
  /** Tags that were neither acked nor refused, in the order of their deliveries, which is that of their numbers. */
  readonly #open = new Set<number>();
  /** Acked in this turn, to be sent at its end. */
  readonly #acked = new Map<number, AmqpMessage>();
  readonly #flush = (): void => this.flush();

  constructor(
    readonly model: AmqpModel,
    readonly channel: AmqpChannel,
  ) {}

  delivered(message: AmqpMessage): void {
    this.#open.add(message.fields.deliveryTag);
  }

  /** Sent at the end of the turn, together with the others. The first settlement counts: a second one would end the channel. */
  ack(message: AmqpMessage): void {
    if (!this.isOpen || !this.#open.has(message.fields.deliveryTag)) return;
    this.#acked.set(message.fields.deliveryTag, message);
    if (this.#acked.size === 1) void MICROTASK.then(this.#flush);
  }

  nack(message: AmqpMessage, requeue: boolean): void {
    const { deliveryTag } = message.fields;
    if (!this.isOpen || this.#acked.has(deliveryTag) || !this.#open.delete(deliveryTag)) return;
    this.#tell(() => this.channel.nack(message, false, requeue));
  }

  /**
   * Sends what was acked. One frame with `multiple` covers all jobs up to the last of an unbroken run: of those before it none is unsettled, so
   * nothing that runs is ever acked by another.
   */
  flush(): void {
    if (this.#acked.size === 0 || !this.isOpen) return;
    let covered: AmqpMessage | undefined;
    let count = 0;
    for (const tag of this.#open) {
      const message = this.#acked.get(tag);
      if (message === undefined) break;
      this.#open.delete(tag);
      this.#acked.delete(tag);
      covered = message;
      count++;
    }
    if (covered !== undefined) this.#send(covered, count > 1);
    for (const [tag, message] of this.#acked) {
      this.#open.delete(tag);
      this.#send(message, false);
    }
    this.#acked.clear();
  }

  #send(message: AmqpMessage, isMultiple: boolean): void {
    this.#tell(() => this.channel.ack(message, isMultiple));
  }

  // A channel that has ended a moment ago throws; the broker delivers again.
  #tell(frame: () => void): void {
    try {
      frame();
    } catch {
      this.isOpen = false;
    }
  }
}
