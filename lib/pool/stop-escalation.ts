import type { Clock, Timer } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import type { FrameChannel } from './frame-channel.js';
import type { WorkerChild } from './worker-child.js';

export interface StopEscalationParts {
  readonly child: WorkerChild;
  readonly channel: FrameChannel;
  readonly clock: Clock;
  readonly logger: JobsLogger;
}

/** What comes after the stop frame: SIGTERM and the end of its input, then SIGKILL. */
export class StopEscalation {
  readonly #parts: StopEscalationParts;
  #timer: Timer | undefined;

  constructor(parts: StopEscalationParts) {
    this.#parts = parts;
  }

  /** Takes the place of times that were set before. */
  begin(patienceMs: number, termMs: number): void {
    const { child, channel, clock, logger } = this.#parts;
    this.cancel();
    this.#timer = clock.setTimer(patienceMs, () => {
      child.signal('SIGTERM');
      channel.endOutput();
      child.endInput();
      this.#timer = clock.setTimer(termMs, () => {
        if (child.isAlive) logger.warn(`Worker ${child.pid} did not stop when it was told to, and was killed.`, { pid: child.pid });
        child.signal('SIGKILL');
      });
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
