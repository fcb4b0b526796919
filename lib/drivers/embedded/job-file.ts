import { accessSync, chmodSync, closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { FileFormatError, FileVersionError, JobsError, JobsPathError, StorageError } from '../../contract/errors.js';
import { DONE } from '../../contract/job.js';
import { loadPackage } from '../../contract/load-package.js';
import type { JobsLogger } from '../../contract/logger.js';
import { failureOfCommit, type Database } from './database.js';
import { jobKey, metaKey, Region } from './key.js';
import { FileOwner } from './owner.js';
import { withCrash } from './record.js';
import { StartsFile } from './starts-file.js';

/** What a file is opened with. */
export interface JobFileOptions {
  readonly path: string;
  readonly mode: number;
  readonly logger: JobsLogger;
}

const FORMAT = '1';
const VERSION = metaKey('format');
const SEQUENCE = metaKey('sequence');
const PIPELINE_PREFIX = 'pipeline:';
const MAX_PIPELINES = 255;
/** Sequence numbers are reserved in blocks, so that one write serves a million jobs and none is used twice. */
const SEQUENCE_BLOCK = 2 ** 20;
const FOLDER_MODE = 0o700;
const MAX_MAP_BYTES = 2 ** 40;

interface Lmdb {
  open(options: object): Database;
}

/** One file of jobs, owned by this process, used by one or more pipelines. */
export class JobFile {
  readonly starts: StartsFile;
  readonly #owner: FileOwner;
  #sequence: number;
  #sequenceEnd: number;
  #isReserved = false;

  private constructor(
    readonly path: string,
    readonly database: Database,
    owner: FileOwner,
    starts: StartsFile,
  ) {
    this.#owner = owner;
    this.starts = starts;
    this.#sequence = this.#sequenceEnd = numberOf(database.get(SEQUENCE)) ?? 1;
  }

  /**
   * @throws JobsPathError when the path cannot be used.
   * @throws FileInUseError when another process owns it.
   * @throws FileFormatError, FileVersionError when it is another file.
   */
  static async open({ path, mode, logger }: JobFileOptions): Promise<JobFile> {
    prepareFolder(path);
    checkHeader(path);
    checkSpace(path);
    const lmdb = (await loadPackage('lmdb', 'The driver "embedded"')) as unknown as Lmdb;
    const isNew = !existsSync(path);
    const database = openDatabase(lmdb, path);
    let owner: FileOwner | undefined;
    try {
      // Before it is claimed: nothing is written into the file of others.
      checkFormat(database, path);
      owner = await FileOwner.claim(database, path);
      checkFormat(database, path);
      if (isNew) for (const file of [path, `${path}-lock`]) if (existsSync(file)) chmodSync(file, mode);
      const starts = new StartsFile(`${path}.starts`, mode);
      const file = new JobFile(path, database, owner, starts);
      await Promise.all([database.put(VERSION, Buffer.from(FORMAT)), file.#reserve()]);
      await file.#countDeaths(logger);
      return file;
    } catch (error) {
      await owner?.release();
      await database.close();
      if (error instanceof JobsError) throw error;
      throw new StorageError(path, await failureOfCommit(error), 'It was not opened.');
    }
  }

  nextSequence(): number {
    // In every commit until one of them is safe: a number that is given twice would overwrite a job.
    if (this.#sequence === this.#sequenceEnd || !this.#isReserved) this.#reserve().catch(() => {});
    return this.#sequence++;
  }

  /** The last number that was given. */
  get lastSequence(): number {
    return this.#sequence - 1;
  }

  /** The number of a pipeline in the keys; given at its first use and kept for ever. */
  pipelineNumber(name: string): number {
    const key = metaKey(PIPELINE_PREFIX + name);
    // In one transaction: two pipelines that are declared at once must not get the same number.
    return this.database.transactionSync(() => {
      const known = this.database.get(key);
      if (known !== undefined) return known[0]!;
      let used = 0;
      for (const _ of this.database.getKeys({ start: metaKey(PIPELINE_PREFIX), end: metaKey(`${PIPELINE_PREFIX.slice(0, -1)};`) })) used++;
      if (used >= MAX_PIPELINES)
        throw new JobsPathError(this.path, `It holds ${used} pipelines, the most it can. Give this pipeline a file of its own.`);
      void this.database.put(key, Buffer.from([used + 1]));
      return used + 1;
    });
  }

  /** Resolves when all writes ended, well or not: each of them has its own watcher. */
  async settle(): Promise<void> {
    await Promise.resolve(this.database.flushed).catch(() => {});
  }

  async close(): Promise<void> {
    await this.settle();
    this.starts.close();
    await this.#owner.release();
    await this.database.close();
  }

  async #reserve(): Promise<void> {
    if (this.#sequence === this.#sequenceEnd) this.#sequenceEnd += SEQUENCE_BLOCK;
    const end = this.#sequenceEnd;
    this.#isReserved = false;
    await this.database.put(SEQUENCE, bytesOf(end));
    this.#isReserved = end === this.#sequenceEnd;
  }

  // A job that ran when the process died spends one of its crashes. The counts are safe before the starts are forgotten.
  async #countDeaths(logger: JobsLogger): Promise<void> {
    const keys = this.starts.read();
    let died = 0;
    for (const key of keys) {
      const value = this.database.get(key);
      if (value === undefined) continue;
      died++;
      void this.database.put(key, withCrash(value)).catch(() => {});
    }
    await this.database.flushed;
    this.starts.clear();
    if (died > 0)
      logger.warn(`${died} job${died === 1 ? '' : 's'} ran when the last process ended, and will run again.`, { file: this.path, jobs: died });
  }
}

/** @throws JobsPathError when the name leads out of the folder. */
export function resolveFile(file: string, dataDir: string, isDeclared: boolean): string {
  if (!isDeclared) return isAbsolute(file) ? file : join(resolve(dataDir), file);
  if (basename(file) !== file || file === '.' || file === '..') {
    throw new JobsPathError(file, 'A pipeline that is declared at run time may name a file only, without a folder; it is kept below "dataDir".');
  }
  const path = join(resolve(dataDir), file);
  // Not by existsSync: it follows a link, also one that leads nowhere yet.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) throw new JobsPathError(file, 'It is a symbolic link.');
  return path;
}

function prepareFolder(path: string): void {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  } catch (cause) {
    throw new JobsPathError(
      path,
      `Its folder cannot be made: ${(cause as Error).message}. Choose another "dataDir", or allow this user to write there.`,
      { cause },
    );
  }
  if (existsSync(path) && !lstatSync(path).isFile() && !lstatSync(path).isSymbolicLink()) throw new JobsPathError(path, 'It is not a file.');
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const reason = `This user may not read and write there: ${(cause as Error).message}. Allow it, or choose another "dataDir".`;
    throw new JobsPathError(path, reason, { cause });
  }
}

/** Of an LMDB file: magic number and page size in the first page, and the same magic number in the second. Unit: bytes. */
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const MIN_PAGE_SIZE = 512;
const MAGIC = 0xbe_ef_c0_de;

// LMDB itself ends the process on a file that is none of its own. An empty file is a new one.
function checkHeader(path: string): void {
  if (!existsSync(path)) return;
  const handle = openSync(path, 'r');
  try {
    const page = Buffer.alloc(PAGE_SIZE_AT + 4);
    const read = readSync(handle, page, 0, page.length, 0);
    if (read === 0) return;
    const isLittle = page.readUInt32LE(MAGIC_AT) === MAGIC;
    const pageSize = isLittle ? page.readUInt32LE(PAGE_SIZE_AT) : page.readUInt32BE(PAGE_SIZE_AT);
    const second = Buffer.alloc(4);
    // A page size of 0 would read the first page twice.
    if (pageSize >= MIN_PAGE_SIZE) readSync(handle, second, 0, second.length, pageSize + MAGIC_AT);
    const hasMagic = [page.subarray(MAGIC_AT, MAGIC_AT + 4), second].every(
      (bytes) => (isLittle ? bytes.readUInt32LE() : bytes.readUInt32BE()) === MAGIC,
    );
    if (!hasMagic) throw new FileFormatError(path);
  } finally {
    closeSync(handle);
  }
}

/** What a file is made with, and some room. Unit: bytes. */
const LEAST_SPACE = 65_536;

// LMDB maps its lock into memory: where the disk has no room for it, the system ends the process at the first touch.
function checkSpace(path: string): void {
  if (existsSync(`${path}-lock`)) return;
  const probe = `${path}.space`;
  try {
    writeFileSync(probe, Buffer.alloc(LEAST_SPACE));
  } catch (cause) {
    throw new StorageError(path, cause, 'It was not opened.');
  } finally {
    rmSync(probe, { force: true });
  }
}

function checkFormat(database: Database, path: string): void {
  const found = database.get(VERSION)?.toString();
  if (found === FORMAT) return;
  if (found !== undefined) throw new FileVersionError(path, found, FORMAT);
  // Without a format it is new: nothing but the mark of its owner may be there.
  const owner = metaKey('owner');
  for (const key of database.getKeys({ start: metaKey(''), limit: 2 })) if (!owner.equals(key)) throw new FileFormatError(path);
}

function openDatabase(lmdb: Lmdb, path: string): Database {
  try {
    const database = lmdb.open({
      path,
      noSubdir: true,
      encoding: 'binary',
      cache: false,
      compression: false,
      // A resolved write is on the disk, not only committed.
      overlappingSync: false,
      maxDbs: 1,
      maxMapSize: MAX_MAP_BYTES,
      keyEncoder: binaryKeys,
    });
    // It makes promises of its own for a commit, which nobody else can watch: a commit that fails would end the process.
    const watch = (): Promise<unknown> => Promise.resolve(database.committed).catch(failureOfCommit);
    database.on('beforecommit', () => void DONE.then(watch));
    return database;
  } catch (cause) {
    const { message } = cause as Error;
    if (/permission|EACCES|read-only|EROFS/i.test(message)) {
      throw new JobsPathError(path, `It cannot be opened: ${message}. Allow this user to read and write it, or choose another "dataDir".`, { cause });
    }
    throw new FileFormatError(path, { cause });
  }
}

const binaryKeys = {
  writeKey(key: Buffer, target: Buffer, position: number): number {
    target.set(key, position);
    return position + key.length;
  },
  readKey(source: Buffer, start: number, end: number): Buffer {
    return Buffer.from(source.subarray(start, end));
  },
};

/** All keys of a region of a pipeline. */
export function pipelineRange(region: Region, pipeline: number): { start: Buffer; end: Buffer } {
  const end = jobKey(region, pipeline, 0, 0);
  end.writeUInt16BE(((region << 8) | pipeline) + 1, 0);
  return { start: jobKey(region, pipeline, 0, 0), end };
}

function numberOf(bytes: Buffer | undefined): number | undefined {
  return bytes === undefined ? undefined : Number(bytes.readBigUInt64BE());
}

function bytesOf(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
