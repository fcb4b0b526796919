import type { LmdbDatabase } from '../../files/lmdb-file.js';
import { jobKey, majorOf, priorityOfKey, readyMajor, Region, sequenceOf } from './key.js';
import { pipelineRange } from './job-file.js';

/** The waiting jobs of one priority. */
interface Lane {
  readonly priority: number;
  /** The sequence of the last job that was lent: it only moves forward, as jobs are committed in the order of their sequences. */
  cursor: number;
  /** There are jobs behind the cursor that were not lent. */
  isBehind: boolean;
}

/** Where reading goes on in the waiting jobs of a pipeline: one cursor per priority, and no list of what is lent. */
export class ReadyLanes {
  readonly #database: LmdbDatabase;
  readonly #number: number;
  /** By priority, lowest first. */
  readonly #lanes: Lane[] = [];
  #behind = 0;

  constructor(database: LmdbDatabase, number: number) {
    this.#database = database;
    this.#number = number;
    this.#find();
  }

  get hasBacklog(): boolean {
    return this.#behind > 0;
  }

  /** Of a job that was committed: whether it is the next one to be lent, straight from memory. */
  committed(key: Buffer, isRoom: boolean): 'lend' | 'later' {
    const lane = this.#laneOf(priorityOfKey(key));
    const sequence = sequenceOf(key);
    // Read and lent between its commit and this call.
    if (sequence <= lane.cursor) return 'later';
    if (isRoom && this.#behind === 0) {
      lane.cursor = sequence;
      return 'lend';
    }
    this.#setBehind(lane, true);
    return 'later';
  }

  /** The next waiting jobs of the lowest priority number, at most `limit`. */
  read(limit: number): { readonly key: Buffer; readonly value: Buffer }[] {
    const lane = this.#lanes.find(({ isBehind }) => isBehind);
    if (lane === undefined) return [];
    this.#database.resetReadTxn();
    const found = [...this.#database.getRange({ ...this.#rangeOf(lane), limit })].map(({ key, value }) => ({ key, value: Buffer.from(value) }));
    if (found.length < limit) this.#setBehind(lane, false);
    if (found.length > 0) lane.cursor = sequenceOf(found.at(-1)!.key);
    return found;
  }

  /** What was not lent, in the order of delivery. */
  *ranges(): Iterable<{ readonly start: Buffer; readonly end: Buffer }> {
    for (const lane of this.#lanes) if (lane.isBehind) yield this.#rangeOf(lane);
  }

  #rangeOf({ priority, cursor }: Lane): { start: Buffer; end: Buffer } {
    const major = readyMajor(priority);
    return { start: jobKey(Region.ready, this.#number, major, cursor + 1), end: jobKey(Region.ready, this.#number, major + 1, 0) };
  }

  #laneOf(priority: number): Lane {
    let at = this.#lanes.findIndex((lane) => lane.priority >= priority);
    if (at === -1) at = this.#lanes.length;
    if (this.#lanes[at]?.priority !== priority) this.#lanes.splice(at, 0, { priority, cursor: 0, isBehind: false });
    return this.#lanes[at]!;
  }

  #setBehind(lane: Lane, isBehind: boolean): void {
    if (lane.isBehind === isBehind) return;
    lane.isBehind = isBehind;
    this.#behind += isBehind ? 1 : -1;
  }

  // One seek per priority.
  #find(): void {
    const { start, end } = pipelineRange(Region.ready, this.#number);
    for (let from = start; ;) {
      const [first] = this.#database.getKeys({ start: from, end, limit: 1 });
      if (first === undefined) return;
      this.#setBehind(this.#laneOf(priorityOfKey(first)), true);
      from = jobKey(Region.ready, this.#number, majorOf(first) + 1, 0);
    }
  }
}
