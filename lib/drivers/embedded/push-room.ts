import type { Clock } from '../../contract/clock.js';
import { WaitingPushes, type WaitingPush } from '../waiting-pushes.js';

/**
 * Jobs of one file that wait for their commit. From 300,000 outstanding writes on, acknowledgements included, lmdb holds up
 * the thread (`BACKPRESSURE_THRESHOLD` of its write.js). A million pushes at once go as fast with this number as without.
 */
export const MAX_UNCONFIRMED = 50_000;
/** Their records are kept in memory until then. Unit: bytes. */
export const MAX_UNCONFIRMED_BYTES = 64 * 1024 * 1024;

/** Bounds what is on its way to the disk: pushes beyond wait, first come, first served. */
export class PushRoom {
  readonly #waiting: WaitingPushes;
  readonly #hasRoom = (): boolean => this.#jobs < MAX_UNCONFIRMED && this.#bytes < MAX_UNCONFIRMED_BYTES;
  #jobs = 0;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#waiting = new WaitingPushes(clock);
  }

  get isFull(): boolean {
    return !this.#hasRoom() || this.#waiting.length > 0;
  }

  /** A job was given to the file. */
  add(bytes: number): void {
    this.#jobs++;
    this.#bytes += bytes;
  }

  /** Their commit has ended, well or not. */
  ended(jobs: number, bytes: number): void {
    this.#jobs -= jobs;
    this.#bytes -= bytes;
    this.#waiting.admit(this.#hasRoom);
  }

  wait(push: WaitingPush): Promise<void> {
    return this.#waiting.add(push);
  }

  /** Its pipeline ends. */
  refuse(owner: object, error: Error): void {
    this.#waiting.refuse(owner, error);
  }
}
