import { accessSync, closeSync, constants, fchmodSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { FileFormatError, JobsPathError, StorageError } from '../contract/storage-errors.js';

/** What a file is prepared with. */
export interface PreparedFileOptions {
  readonly path: string;
  readonly mode: number;
  readonly option: string;
}

const FOLDER_MODE = 0o700;

/**
 * Makes a path ready for LMDB: it exists, this user may write it, it is empty or a file of LMDB, and the disk has room for
 * its lock. What is refused is left as it is.
 *
 * @throws JobsPathError when the path cannot be used.
 * @throws FileFormatError when it is another file.
 * @throws StorageError when the disk is full.
 */
export function prepareFile({ path, mode, option }: PreparedFileOptions): void {
  prepareFolder(path);
  if (statOf(path) !== undefined) checkHeader(path, option);
  checkSpace(path);
  // LMDB would make them readable for others.
  for (const file of [path, `${path}-lock`]) make(file, mode);
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
  const stats = statOf(path);
  if (stats?.isFile() === false) throw new JobsPathError(path, 'It is not a file. Move it away, or choose another "dataDir".');
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    if (stats !== undefined) accessSync(path, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const reason = `This user may not read and write there: ${(cause as Error).message}. Allow it, or choose another "dataDir".`;
    throw new JobsPathError(path, reason, { cause });
  }
}

/** Undefined when there is nothing, or a link that leads nowhere yet. */
function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/**
 * The beginning of a file of LMDB, in the byte order of its machine (`MDB_meta` of its source, mdb.c):
 *
 *     24      magic number  u32   0xBEEFC0DE, in the first page and at the same place of the second
 *     48      page size     u32
 */
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const MAGIC = 0xbe_ef_c0_de;
/** The bounds of its source. A page size of 0 would read the first page twice. */
const MIN_PAGE_SIZE = 512;
const MAX_PAGE_SIZE = 65_536;

// LMDB itself ends the process on a file that is none of its own. An empty file is a new one.
function checkHeader(path: string, option: string): void {
  const handle = openSync(path, 'r');
  try {
    const first = Buffer.alloc(PAGE_SIZE_AT + 4);
    if (readSync(handle, first, 0, first.length, 0) === 0) return;
    const isLittle = first.readUInt32LE(MAGIC_AT) === MAGIC;
    const numberAt = (page: Buffer, at: number): number => (isLittle ? page.readUInt32LE(at) : page.readUInt32BE(at));
    const pageSize = numberAt(first, PAGE_SIZE_AT);
    const second = Buffer.alloc(MAGIC_AT + 4);
    if (pageSize >= MIN_PAGE_SIZE && pageSize <= MAX_PAGE_SIZE) readSync(handle, second, 0, second.length, pageSize);
    const isPage = (page: Buffer): boolean => numberAt(page, MAGIC_AT) === MAGIC;
    if (!isPage(first) || !isPage(second)) throw new FileFormatError(path, undefined, option);
  } finally {
    closeSync(handle);
  }
}

/** What a file is made with, and some room. Unit: bytes. */
const LEAST_SPACE = 65_536;

// LMDB maps its lock into memory: where the disk has no room for it, the system ends the process at the first touch. By
// writing, not by asking for the free space: that knows neither quotas nor what is reserved for others.
function checkSpace(path: string): void {
  const hasPlace = (statOf(`${path}-lock`)?.blocks ?? 0) > 0;
  if (hasPlace) return;
  const probe = `${path}.${process.pid}.space`;
  try {
    writeFileSync(probe, Buffer.alloc(LEAST_SPACE));
  } catch (cause) {
    throw new StorageError(path, cause, 'It was not opened.');
  } finally {
    rmSync(probe, { force: true });
  }
}

function make(path: string, mode: number): void {
  if (statOf(path) !== undefined) return;
  try {
    const handle = openSync(path, 'a', mode);
    try {
      // The mode is the user's wish: not cut by the mask of the process.
      fchmodSync(handle, mode);
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    throw new JobsPathError(path, `It cannot be made: ${(cause as Error).message}. Choose another "dataDir".`, { cause });
  }
}
