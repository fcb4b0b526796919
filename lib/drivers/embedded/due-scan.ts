import type { Clock, Timer } from '../../contract/clock.js';
import type { LmdbDatabase } from '../../files/lmdb-file.js';
import { pipelineRange } from './job-file.js';
import { jobKey, keyAfter, majorOf, Region, sequenceOf } from './key.js';

/** What a scan is given. */
export interface DueScanOptions {
  readonly clock: Clock;
  readonly database: LmdbDatabase;
  readonly number: number;
  /** The last sequence that the file gave before it was opened by this driver. */
  readonly lastSequence: number;
  now(): number;
  onDue(): void;
}

/** The delayed jobs of a pipeline: one timer for the first of them, and a cursor behind what was lent. */
export class DueScan {
  readonly #options: DueScanOptions;
  readonly #end: Buffer;
  /** The first key that was not lent. */
  #cursor: Buffer;
  /** The last sequence whose commit was told of. */
  #told: number;
  /** Sequences that were read between their commit and its being told of. */
  readonly #readEarly = new Set<number>();
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #hasDue = false;

  constructor(options: DueScanOptions) {
    const { start, end } = pipelineRange(Region.delayed, options.number);
    this.#options = options;
    this.#cursor = start;
    this.#end = end;
    this.#told = options.lastSequence;
  }

  /** Jobs are due and not lent. */
  get hasDue(): boolean {
    return this.#hasDue;
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timerAt = Infinity;
  }

  /** `passed` when the scan has gone by its place without finding it there: then nobody will. */
  committed(key: Buffer): 'ahead' | 'passed' {
    this.#told = sequenceOf(key);
    if (Buffer.compare(key, this.#cursor) < 0) return this.#readEarly.delete(this.#told) ? 'ahead' : 'passed';
    if (majorOf(key) < this.#timerAt) this.#armAt(majorOf(key));
    return 'ahead';
  }

  /** The next due jobs, at most `limit`. */
  read(limit: number): { readonly key: Buffer; readonly value: Buffer }[] {
    const { database, number } = this.#options;
    const now = Math.floor(this.#options.now());
    database.resetReadTxn();
    const until = jobKey(Region.delayed, number, now + 1, 0);
    const found = [...database.getRange({ start: this.#cursor, end: until, limit })].map(({ key, value }) => ({ key, value: Buffer.from(value) }));
    for (const { key } of found) if (sequenceOf(key) > this.#told) this.#readEarly.add(sequenceOf(key));
    if (found.length < limit) {
      this.#hasDue = false;
      this.#cursor = until;
      this.#arm();
    } else {
      this.#cursor = keyAfter(found.at(-1)!.key);
    }
    return found;
  }

  range(): { readonly start: Buffer; readonly end: Buffer } {
    return { start: this.#cursor, end: this.#end };
  }

  #arm(): void {
    this.stop();
    this.#options.database.resetReadTxn();
    const [first] = this.#options.database.getKeys({ start: this.#cursor, end: this.#end, limit: 1 });
    if (first !== undefined) this.#armAt(majorOf(first));
  }

  #armAt(at: number): void {
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#options.clock.setTimer(Math.max(0, at - this.#options.now()), () => {
      this.#timerAt = Infinity;
      this.#hasDue = true;
      this.#options.onDue();
    });
  }
}
