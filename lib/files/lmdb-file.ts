import { loadPackage } from '../contract/load-package.js';
import { DONE } from '../contract/job.js';
import { FileFormatError, JobsPathError } from '../contract/storage-errors.js';
import { prepareFile } from './prepare-file.js';

/** The members of lmdb that are used here, so that its types stay out of our signatures. Keys are compared as bytes. */
export interface LmdbDatabase {
  /** Inside of a transaction it sees the writes of the transaction. */
  get(key: Buffer): Buffer | undefined;
  /** One promise for all writes of one commit; resolved when it is on the disk. */
  put(key: Buffer, value: Buffer): Promise<boolean>;
  remove(key: Buffer): Promise<boolean>;
  getRange(options: KeyRange): Iterable<{ readonly key: Buffer; readonly value: Buffer }>;
  getKeys(options: KeyRange): Iterable<Buffer>;
  getKeysCount(options: KeyRange): number;
  /** Reads that follow see every commit so far, of other processes too; without it they see those before this turn of the event loop. */
  resetReadTxn(): void;
  transactionSync<T>(work: () => T): T;
  /**
   * Runs `work` while nobody else writes, in this or another process; a throw undoes it. Many of one turn share a commit.
   * Resolves when the commit is on the disk.
   */
  childTransaction<T>(work: () => T): Promise<T>;
  /** Of the last commit. */
  readonly committed: PromiseLike<unknown>;
  readonly flushed: PromiseLike<unknown>;
  on(event: 'beforecommit', listener: () => void): void;
  close(): Promise<void>;
}

export interface KeyRange {
  readonly start: Buffer;
  readonly end?: Buffer;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** What a file is opened with. */
export interface LmdbFileOptions {
  readonly path: string;
  /** Of the file and its lock, when they are made. */
  readonly mode: number;
  /** Begins the sentence of an error: `The driver "embedded"`. */
  readonly neededBy: string;
  /** The way out without the package, as a sentence. */
  readonly otherwise?: string;
  /** The option by which a user chooses another file. */
  readonly option: string;
}

interface Lmdb {
  open(options: object): LmdbDatabase;
}

/** Reserved addresses, not space. Unit: bytes. */
const MAX_MAP_BYTES = 2 ** 40;
const MAX_TURN_WRITES = 65_536;

const binaryKeys = {
  writeKey(key: Buffer, target: Buffer, position: number): number {
    target.set(key, position);
    return position + key.length;
  },
  readKey(source: Buffer, start: number, end: number): Buffer {
    return Buffer.from(source.subarray(start, end));
  },
};

/**
 * Opens a file of LMDB, and makes it where there is none. What it holds is the caller's to check.
 *
 * @throws PackageMissingError without lmdb.
 * @throws JobsPathError when the path cannot be used.
 * @throws FileFormatError when it is another file.
 * @throws StorageError when the disk has no room for it.
 */
export async function openLmdbFile(options: LmdbFileOptions): Promise<LmdbDatabase> {
  const lmdb = (await loadPackage('lmdb', options.neededBy, options.otherwise)) as unknown as Lmdb;
  prepareFile(options);
  const database = open(lmdb, options);
  // It makes promises of its own for a commit, which nobody else can watch: a commit that fails would end the process.
  const watch = (): void => void database.committed.then(() => {}, failureOfCommit);
  database.on('beforecommit', () => void DONE.then(watch));
  return database;
}

/** Why a commit failed: lmdb tells it by a second promise, which rejects too. */
export async function failureOfCommit(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  return commitError === undefined ? error : commitError.catch((reason: unknown) => reason);
}

function open(lmdb: Lmdb, { path, option }: LmdbFileOptions): LmdbDatabase {
  try {
    return lmdb.open({
      path,
      noSubdir: true,
      encoding: 'binary',
      cache: false,
      compression: false,
      // A resolved write is on the disk, not only committed.
      overlappingSync: false,
      // The writer of lmdb would start in the middle of a turn, and then wait for every write of the rest of it: a switch of
      // threads each. It starts when the turn is over, or at this many writes: far below the 300,000 at which lmdb blocks.
      batchStartThreshold: MAX_TURN_WRITES,
      maxDbs: 1,
      maxMapSize: MAX_MAP_BYTES,
      keyEncoder: binaryKeys,
    });
  } catch (cause) {
    const { message } = cause as Error;
    if (/permission|EACCES|read-only|EROFS/i.test(message)) {
      throw new JobsPathError(path, `It cannot be opened: ${message}. Allow this user to read and write it, or choose another "dataDir".`, { cause });
    }
    throw new FileFormatError(path, { cause }, option);
  }
}
