import type { Delivery } from '../../contract/driver.js';
import type { Done, Job, JobHeaders } from '../../contract/job.js';

/** The driver's side of what it lends. */
export interface DeliveryHolder {
  settled(delivery: EmbeddedDelivery): Done;
  putBack(delivery: EmbeddedDelivery, headers: JobHeaders, delayMs: number): Done;
  returned(delivery: EmbeddedDelivery): Done;
}

/** A stored job, lent. The first settlement takes it from its holder. */
export class EmbeddedDelivery implements Delivery {
  /** Its place in the file of starts, while it runs. */
  slot: number | undefined = undefined;
  /** It left the disk before its run: nothing of it remains to be removed. */
  isRemoved = false;
  #holder: DeliveryHolder | undefined;

  constructor(
    readonly job: Job,
    readonly key: Buffer,
    readonly starts: number,
    holder: DeliveryHolder,
  ) {
    this.#holder = holder;
  }

  ack(): Done {
    return this.#take()?.settled(this);
  }

  nack({ requeue, delayMs = 0 }: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    return requeue ? this.#take()?.putBack(this, this.job.headers, delayMs) : this.#take()?.settled(this);
  }

  requeue({ headers, delayMs }: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    return this.#take()?.putBack(this, headers, delayMs);
  }

  release(): Done {
    return this.#take()?.returned(this);
  }

  #take(): DeliveryHolder | undefined {
    const holder = this.#holder;
    this.#holder = undefined;
    return holder;
  }
}
