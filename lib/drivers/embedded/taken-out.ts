import { failureOfCommit, type LmdbDatabase } from '../../files/lmdb-file.js';
import { sequenceOf } from './key.js';

/** Jobs on their way out by hand. Reading finds them until their removal is on the disk: they are not to be lent meanwhile. */
export class TakenOut {
  readonly #database: LmdbDatabase;
  /** By sequence; true when its turn has come meanwhile, or it waited in memory. */
  readonly #leaving = new Map<number, boolean>();

  constructor(database: LmdbDatabase) {
    this.#database = database;
  }

  /**
   * Resolves when the removals, and the writes that were made before them in this turn, are on the disk. Where that fails
   * it answers why, and which keys nobody will come across again: they are to be lent.
   *
   * @param waited - Those of `keys` that waited in memory.
   */
  async remove(keys: readonly Buffer[], waited: ReadonlySet<Buffer>): Promise<{ cause: unknown; passed: Buffer[] } | undefined> {
    const commits = new Set<Promise<boolean>>();
    for (const key of keys) {
      this.#leaving.set(sequenceOf(key), waited.has(key));
      commits.add(this.#database.remove(key));
    }
    try {
      await Promise.all(commits);
      return undefined;
    } catch (error) {
      await Promise.allSettled(commits);
      return { cause: await failureOfCommit(error), passed: keys.filter((key) => this.#leaving.get(sequenceOf(key))) };
    } finally {
      for (const key of keys) this.#leaving.delete(sequenceOf(key));
    }
  }

  /** It is still found in the file, and is nobody's to take out or to show. */
  isLeaving(key: Buffer): boolean {
    return this.#leaving.size > 0 && this.#leaving.has(sequenceOf(key));
  }

  /** To be asked before a job is lent. */
  has(key: Buffer): boolean {
    if (!this.isLeaving(key)) return false;
    this.#leaving.set(sequenceOf(key), true);
    return true;
  }
}
