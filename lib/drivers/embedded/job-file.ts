import { lstatSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import type { Clock } from '../../contract/clock.js';
import { JobsError } from '../../contract/errors.js';
import type { JobsLogger } from '../../contract/logger.js';
import { FileFormatError, FileVersionError, JobsPathError, StorageError } from '../../contract/storage-errors.js';
import { failureOfCommit, openLmdbFile, type LmdbDatabase } from '../../files/lmdb-file.js';
import { jobKey, metaKey, Region } from './key.js';
import { FileOwner } from './owner.js';
import { PushRoom } from './push-room.js';
import { withCrash } from './record.js';
import { StartsFile } from './starts-file.js';

/** What a file is opened with. */
export interface JobFileOptions {
  readonly path: string;
  readonly mode: number;
  readonly logger: JobsLogger;
  readonly clock: Clock;
}

const FORMAT = '1';
const VERSION = metaKey('format');
const SEQUENCE = metaKey('sequence');
const PIPELINE_PREFIX = 'pipeline:';
const MAX_PIPELINES = 255;
/** Sequence numbers are reserved in blocks, so that one write serves a million jobs and none is used twice. */
const SEQUENCE_BLOCK = 2 ** 20;
const SEQUENCE_BYTES = 8;

/** One file of jobs, owned by this process, used by one or more pipelines. */
export class JobFile {
  readonly starts: StartsFile;
  readonly room: PushRoom;
  readonly #owner: FileOwner;
  #sequence: number;
  #sequenceEnd: number;
  #isReserved = false;

  private constructor(
    readonly path: string,
    readonly database: LmdbDatabase,
    owner: FileOwner,
    starts: StartsFile,
    clock: Clock,
  ) {
    this.#owner = owner;
    this.room = new PushRoom(clock);
    this.starts = starts;
    this.#sequence = this.#sequenceEnd = sequenceIn(database, path);
  }

  /**
   * @throws PackageMissingError without lmdb.
   * @throws JobsPathError when the path cannot be used.
   * @throws FileInUseError when another process owns it.
   * @throws FileFormatError, FileVersionError when it is another file.
   * @throws StorageError when it could not be written.
   */
  static async open({ path, mode, logger, clock }: JobFileOptions): Promise<JobFile> {
    const database = await openLmdbFile({ path, mode, neededBy: 'The driver "embedded"', option: 'file' });
    let owner: FileOwner | undefined;
    let starts: StartsFile | undefined;
    try {
      // Before it is claimed: nothing is written into the file of others.
      checkFormat(database, path);
      owner = await FileOwner.claim(database, path);
      checkFormat(database, path);
      starts = new StartsFile(`${path}.starts`, mode);
      const file = new JobFile(path, database, owner, starts, clock);
      await Promise.all([database.put(VERSION, Buffer.from(FORMAT)), file.#reserve()]);
      await file.#countDeaths(logger);
      return file;
    } catch (error) {
      starts?.close();
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

/** What lies beside another file of jobs, and is written over by it. */
const BESIDE = /(?:-lock|\.starts)$/;

/** @throws JobsPathError when the name leads out of the folder, or is that of a file beside another one. */
export function resolveFile(file: string, dataDir: string, isDeclared: boolean): string {
  if (BESIDE.test(file)) {
    throw new JobsPathError(file, 'What ends with "-lock" or ".starts" lies beside a file of jobs and belongs to it. Give another "file".');
  }
  if (!isDeclared) return isAbsolute(file) ? file : join(resolve(dataDir), file);
  if (basename(file) !== file || file === '.' || file === '..') {
    throw new JobsPathError(file, 'A pipeline that is declared at run time may name a file only, without a folder; it is kept below "dataDir".');
  }
  const path = join(resolve(dataDir), file);
  // Not by existsSync: it follows a link, also one that leads nowhere yet.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) throw new JobsPathError(file, 'It is a symbolic link.');
  return path;
}

function checkFormat(database: LmdbDatabase, path: string): void {
  const found = database.get(VERSION)?.toString();
  if (found === FORMAT) return;
  if (found !== undefined) throw new FileVersionError(path, found, FORMAT);
  // Without a format it is new: nothing but the mark of its owner may be there.
  const owner = metaKey('owner');
  for (const key of database.getKeys({ start: metaKey(''), limit: 2 })) if (!owner.equals(key)) throw new FileFormatError(path);
}

/** All keys of a region of a pipeline. */
export function pipelineRange(region: Region, pipeline: number): { start: Buffer; end: Buffer } {
  const end = jobKey(region, pipeline, 0, 0);
  end.writeUInt16BE(((region << 8) | pipeline) + 1, 0);
  return { start: jobKey(region, pipeline, 0, 0), end };
}

function sequenceIn(database: LmdbDatabase, path: string): number {
  const bytes = database.get(SEQUENCE);
  if (bytes === undefined) return 1;
  if (bytes.length !== SEQUENCE_BYTES) throw new FileFormatError(path);
  return Number(bytes.readBigUInt64BE());
}

function bytesOf(value: number): Buffer {
  const bytes = Buffer.alloc(SEQUENCE_BYTES);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
