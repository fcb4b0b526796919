import type { Delivery } from '../../contract/driver.js';
import type { Done, Job, JobHeaders } from '../../contract/job.js';
import type { SqsMessage } from './api.js';

/** Takes the settlement of what was lent. */
export interface DeliveryHolder {
  acked(delivery: SqsDelivery): Done;
  refused(delivery: SqsDelivery): Done;
  /** Back as it is: hidden for a time. */
  putBack(delivery: SqsDelivery, delayMs: number): Done;
  /** Back as it is, never started. Does not reject. */
  released(delivery: SqsDelivery): Done;
  /** Back with a change. */
  requeued(delivery: SqsDelivery, headers: JobHeaders, delayMs: number): Done;
}

/** A received message, lent to the kernel. */
export class SqsDelivery implements Delivery {
  /** The next moment to tell the service that the job is still here. Unit: monotonic milliseconds. */
  extendAt = Infinity;
  /** When it came. Unit: monotonic milliseconds. */
  receivedAt = 0;
  /** What the service was asked for it and has not answered: nothing else is asked meanwhile. Never rejects. */
  underWay: Promise<void> | undefined;
  /** It left the queue before it was lent. */
  isRemoved = false;
  #holder: DeliveryHolder | undefined;

  constructor(
    readonly job: Job,
    readonly message: SqsMessage,
    holder: DeliveryHolder,
  ) {
    this.#holder = holder;
  }

  ack(): Done {
    return this.#take()?.acked(this);
  }

  nack({ requeue, delayMs = 0 }: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    const holder = this.#take();
    return requeue ? holder?.putBack(this, delayMs) : holder?.refused(this);
  }

  requeue({ headers, delayMs }: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    return this.#take()?.requeued(this, headers, delayMs);
  }

  release(): Done {
    return this.#take()?.released(this);
  }

  /** The first settlement wins. */
  #take(): DeliveryHolder | undefined {
    const holder = this.#holder;
    this.#holder = undefined;
    return holder;
  }
}
