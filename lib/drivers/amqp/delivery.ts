import type { Delivery } from '../../contract/driver.js';
import type { Done, Job, JobHeaders } from '../../contract/job.js';
import type { AmqpMessage } from './client.js';
import type { ConsumeSession } from './consume-session.js';

/** The driver's side of what it lends. */
export interface DeliveryHolder {
  settled(delivery: AmqpDelivery): void;
  /** Settled, too, once the new copy is there. */
  requeued(delivery: AmqpDelivery, headers: JobHeaders, delayMs: number): Done;
}

/** A message, lent. The first settlement takes it from its holder; one for a channel that has ended goes nowhere, the broker delivers it again. */
export class AmqpDelivery implements Delivery {
  #holder: DeliveryHolder | undefined;

  constructor(
    readonly job: Job,
    readonly message: AmqpMessage,
    readonly session: ConsumeSession,
    readonly starts: number,
    holder: DeliveryHolder,
  ) {
    this.#holder = holder;
  }

  ack(): Done {
    if (!this.#take()) return;
    this.session.ack(this.message);
  }

  nack({ requeue, delayMs = 0 }: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    if (requeue && delayMs > 0) return this.requeue({ headers: this.job.headers, delayMs });
    if (!this.#take()) return;
    this.session.nack(this.message, requeue);
  }

  requeue({ headers, delayMs }: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    const holder = this.#holder;
    this.#holder = undefined;
    return holder?.requeued(this, headers, delayMs);
  }

  release(): Done {
    if (!this.#take()) return;
    this.session.nack(this.message, true);
  }

  #take(): boolean {
    const holder = this.#holder;
    this.#holder = undefined;
    holder?.settled(this);
    return holder !== undefined;
  }
}
