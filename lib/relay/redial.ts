import { halfJitterGenerator, ExponentialBackoff, type IBackoff } from 'cockatiel';

/** How long to wait before the next try to connect. */
export interface RedialOptions {
  /** The longest first wait; each is half of it to all of it, by chance. Range: 1 or more. Unit: milliseconds. Default: `500`. */
  readonly initialDelayMs?: number;
  /** The longest wait. Unit: milliseconds. Default: `30_000`. */
  readonly maxDelayMs?: number;
}

const DEFAULT_INITIAL_DELAY_MS = 500;
const DEFAULT_MAX_DELAY_MS = 30_000;

/** Waits that grow and are never the same for two processes: a kernel that comes back is not met by all at once. */
export class Redial {
  readonly #first: IBackoff<unknown>;
  #next: IBackoff<unknown>;

  constructor(options: RedialOptions = {}) {
    const { initialDelayMs = DEFAULT_INITIAL_DELAY_MS, maxDelayMs = DEFAULT_MAX_DELAY_MS } = options;
    this.#first = new ExponentialBackoff({ initialDelay: initialDelayMs, maxDelay: maxDelayMs, generator: halfJitterGenerator }).next();
    this.#next = this.#first;
  }

  /** Unit: milliseconds. */
  nextDelayMs(): number {
    const { duration } = this.#next;
    this.#next = this.#next.next(undefined);
    return Math.ceil(duration);
  }

  /** The other side has answered: the next wait is a short one. */
  reset(): void {
    this.#next = this.#first;
  }
}
