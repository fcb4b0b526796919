import type { Delivery } from '../contract/driver.js';
import { ATTEMPT_HEADER, CRASHES_HEADER, numberHeader } from '../contract/job-headers.js';
import type { Done, Job, JobHeaders } from '../contract/job.js';

/** What is told about a {@link LentJob}. */
export interface LentJobListener {
  /** It was settled; `comesBack` when its driver keeps it for another run. */
  settled(lent: LentJob, comesBack: boolean): void;
  /** Its handler ended. */
  ended(lent: LentJob): void;
}

/** A delivery that tells when it is settled and when its handler has ended. */
export class LentJob implements Delivery {
  readonly #delivery: Delivery;
  readonly #listener: LentJobListener;
  #isSettled = false;
  #isRunning = false;

  constructor(delivery: Delivery, listener: LentJobListener) {
    this.#delivery = delivery;
    this.#listener = listener;
  }

  get job(): Job {
    return this.#delivery.job;
  }

  /** The number of this run: 1 at first. */
  get attempt(): number {
    const { headers } = this.job;
    return 1 + (numberHeader(headers, ATTEMPT_HEADER) ?? 0) + (numberHeader(headers, CRASHES_HEADER) ?? 0);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** True while its handler runs. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  begin(): void {
    this.#isRunning = true;
  }

  end(): void {
    this.#isRunning = false;
    this.#listener.ended(this);
  }

  ack(): Done {
    return this.#settle(() => this.#delivery.ack(), false);
  }

  nack(options: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    return this.#settle(() => this.#delivery.nack(options), options.requeue);
  }

  requeue(change: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    return this.#settle(() => this.#delivery.requeue(change), true);
  }

  release(): Done {
    const delivery = this.#delivery;
    return this.#settle(() => (delivery.release === undefined ? delivery.nack({ requeue: true }) : delivery.release()), true);
  }

  // What listeners do at a settlement must find the job where the driver has put it.
  #settle(settle: () => Done, comesBack: boolean): Done {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const done = settle();
    this.#listener.settled(this, comesBack);
    return done;
  }
}
