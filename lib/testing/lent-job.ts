import type { Delivery } from '../contract/driver.js';
import { ATTEMPT_HEADER, CRASHES_HEADER, numberHeader } from '../contract/job-headers.js';
import type { Done, Job, JobHeaders } from '../contract/job.js';

/** What is told about a {@link LentJob}. */
export interface LentJobListener {
  /** Its driver is about to keep it for another run. */
  putBack(lent: LentJob): void;
  settled(lent: LentJob): void;
  /** Its handler ended. */
  ended(lent: LentJob): void;
}

/** A delivery that tells when it is settled and when its handler has ended. */
export class LentJob implements Delivery {
  readonly #delivery: Delivery;
  #isSettled = false;
  #isRunning = false;

  constructor(
    delivery: Delivery,
    readonly listener: LentJobListener,
  ) {
    this.#delivery = delivery;
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
    this.listener.ended(this);
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

  #settle(settle: () => Done, comesBack: boolean): Done {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (comesBack) this.listener.putBack(this);
    const done = settle();
    this.listener.settled(this);
    return done;
  }
}
