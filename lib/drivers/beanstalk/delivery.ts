import type { Delivery } from '../../contract/driver.js';
import type { Done, Job, JobHeaders } from '../../contract/job.js';
import type { Lane, LeasedJob, LeaseTerms } from './lane.js';

/** The driver's side of what it lends. */
export interface DeliveryHolder {
  settled(delivery: BeanstalkDelivery): Done;
  buried(delivery: BeanstalkDelivery): Done;
  putBack(delivery: BeanstalkDelivery, delayMs: number): Done;
  replaced(delivery: BeanstalkDelivery, headers: JobHeaders, delayMs: number): Done;
  extended(delivery: BeanstalkDelivery): Done;
}

/** A reserved job, lent. The first settlement takes it from its holder. */
export class BeanstalkDelivery implements Delivery, LeasedJob {
  /** It left beanstalkd before its run: nothing of it remains to be deleted. */
  isRemoved = false;
  terms: LeaseTerms | undefined = undefined;
  /** When beanstalkd has to hear of it again. Unit: milliseconds of the clock. */
  touchAt: number;
  #holder: DeliveryHolder | undefined;

  constructor(
    readonly job: Job,
    /** beanstalkd's number of it. */
    readonly number: number,
    /** Only the connection that reserved a job may delete it. */
    readonly lane: Lane,
    holder: DeliveryHolder,
    touchAt: number,
  ) {
    this.#holder = holder;
    this.touchAt = touchAt;
  }

  ack(): Done {
    return this.#take()?.settled(this);
  }

  nack({ requeue, delayMs = 0 }: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    return requeue ? this.#take()?.putBack(this, delayMs) : this.#take()?.buried(this);
  }

  requeue({ headers, delayMs }: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    return this.#take()?.replaced(this, headers, delayMs);
  }

  release(): Done {
    return this.#take()?.putBack(this, 0);
  }

  extend(): Done {
    return this.#holder?.extended(this);
  }

  #take(): DeliveryHolder | undefined {
    const holder = this.#holder;
    this.#holder = undefined;
    return holder;
  }
}
