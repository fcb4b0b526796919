import type { Clock, Timer } from '../../contract/clock.js';

interface Waiting {
  readonly giveUpAt: number;
  giveUp(): void;
}

const NOTHING = (): void => {};

/** Gives up what waits for too long. All wait equally long, so the oldest is the first one: one timer is enough. */
export class Patience {
  readonly #clock: Clock;
  /** Unit: milliseconds. */
  readonly #limitMs: number;
  readonly #waiting = new Set<Waiting>();
  #timer: Timer | undefined;

  /** @param limitMs - Unit: milliseconds; 0 and `Infinity` give up nothing. */
  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs > 0 ? limitMs : Infinity;
  }

  /**
   * @param startedAt - Unit: monotonic milliseconds.
   * @returns to be called when it waits no more
   */
  wait(startedAt: number, giveUp: () => void): () => void {
    if (this.#limitMs === Infinity) return NOTHING;
    const waiting = { giveUpAt: startedAt + this.#limitMs, giveUp };
    this.#waiting.add(waiting);
    this.#timer ??= this.#arm(waiting);
    return () => {
      this.#waiting.delete(waiting);
      if (this.#waiting.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }

  #arm({ giveUpAt }: Waiting): Timer {
    return this.#clock.setTimer(giveUpAt - this.#clock.monotonic(), () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    for (const waiting of this.#waiting) {
      if (waiting.giveUpAt > this.#clock.monotonic()) {
        this.#timer = this.#arm(waiting);
        return;
      }
      this.#waiting.delete(waiting);
      waiting.giveUp();
    }
  }
}
