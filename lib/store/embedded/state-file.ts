import { accessSync, closeSync, constants, lstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileFormatError, FileVersionError, JobsError, JobsPathError, StorageError } from '../../contract/errors.js';
import { DONE } from '../../contract/job.js';
import { loadPackage } from '../../contract/load-package.js';
import { failureOfCommit, type Database } from './database.js';
import { binaryKeys, Region, stateKey } from './state-key.js';

interface Lmdb {
  open(options: object): Database;
}

const FORMAT = '1';
const FORMAT_KEY = stateKey(Region.meta, 'state-format');
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const MAX_MAP_BYTES = 2 ** 40;
const OPTION = 'dataDir';
const WAY_OUT = "Or keep failed jobs in memory, where they end with the process: failed: { store: 'memory' }";

/** Of an LMDB file: magic number and page size in the first page, and the same magic number in the second. Unit: bytes. */
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const MAGIC = 0xbe_ef_c0_de;
const MIN_PAGE_SIZE = 512;
const MAX_PAGE_SIZE = 65_536;

/**
 * Opens the file of a state store, and makes it where there is none. Several processes may have it open.
 *
 * @throws PackageMissingError without lmdb.
 * @throws JobsPathError when the path cannot be used.
 * @throws FileFormatError, FileVersionError when it is another file.
 * @throws StorageError when it could not be written.
 */
export async function openStateFile(path: string): Promise<Database> {
  const lmdb = (await loadPackage('lmdb', 'The embedded state store', WAY_OUT)) as unknown as Lmdb;
  prepare(path);
  checkHeader(path);
  const database = openDatabase(lmdb, path);
  try {
    await database.childTransaction(() => checkFormat(database, path));
    return database;
  } catch (error) {
    await database.close();
    if (error instanceof JobsError) throw error;
    throw new StorageError(path, await failureOfCommit(error), 'It was not opened.');
  }
}

function prepare(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new JobsPathError(path, `It is not a file. Move it away, or choose another "${OPTION}".`);
    // Made here, as lmdb would make them readable for others. Empty files are new ones to it.
    for (const file of [path, `${path}-lock`]) closeSync(openSync(file, 'a', FILE_MODE));
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (cause) {
    if (cause instanceof JobsError) throw cause;
    throw new JobsPathError(path, `${(cause as Error).message}. Allow this user to read and write there, or choose another "${OPTION}".`, { cause });
  }
}

// LMDB itself ends the process on a file that is none of its own. An empty file is a new one.
function checkHeader(path: string): void {
  const handle = openSync(path, 'r');
  try {
    const first = Buffer.alloc(PAGE_SIZE_AT + 4);
    if (readSync(handle, first, 0, first.length, 0) === 0) return;
    const isLittle = first.readUInt32LE(MAGIC_AT) === MAGIC;
    const pageSize = isLittle ? first.readUInt32LE(PAGE_SIZE_AT) : first.readUInt32BE(PAGE_SIZE_AT);
    const second = Buffer.alloc(MAGIC_AT + 4);
    if (pageSize >= MIN_PAGE_SIZE && pageSize <= MAX_PAGE_SIZE) readSync(handle, second, 0, second.length, pageSize);
    const isMagic = (page: Buffer): boolean => (isLittle ? page.readUInt32LE(MAGIC_AT) : page.readUInt32BE(MAGIC_AT)) === MAGIC;
    if (!isMagic(first) || !isMagic(second)) throw new FileFormatError(path, undefined, OPTION);
  } finally {
    closeSync(handle);
  }
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
    throw new FileFormatError(path, { cause }, OPTION);
  }
}

// In a write transaction: of several processes that make the file, one does.
function checkFormat(database: Database, path: string): void {
  const found = database.get(FORMAT_KEY)?.toString();
  if (found === FORMAT) return;
  if (found !== undefined) throw new FileVersionError(path, found, FORMAT);
  for (const _key of database.getKeys({ start: Buffer.alloc(1), limit: 1 })) throw new FileFormatError(path, undefined, OPTION);
  database.put(FORMAT_KEY, Buffer.from(FORMAT));
}
