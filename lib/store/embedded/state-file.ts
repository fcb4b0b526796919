import { JobsError } from '../../contract/errors.js';
import { FileFormatError, FileVersionError, StorageError } from '../../contract/storage-errors.js';
import { failureOfCommit, openLmdbFile, type LmdbDatabase } from '../../files/lmdb-file.js';
import { Region, stateKey } from './state-key.js';

const FORMAT = '1';
const FORMAT_KEY = stateKey(Region.meta, 'state-format');
const MODE = 0o600;
const OPTION = 'dataDir';
const WAY_OUT = "Or keep failed jobs in memory, where they end with the process: failed: { store: 'memory' }";

/**
 * Opens the file of a state store, and makes it where there is none. Several processes may have it open.
 *
 * @throws PackageMissingError without lmdb.
 * @throws JobsPathError when the path cannot be used.
 * @throws FileFormatError, FileVersionError when it is another file.
 * @throws StorageError when it could not be written.
 */
export async function openStateFile(path: string): Promise<LmdbDatabase> {
  const database = await openLmdbFile({ path, mode: MODE, neededBy: 'The embedded state store', otherwise: WAY_OUT, option: OPTION });
  try {
    await database.childTransaction(() => checkFormat(database, path));
    return database;
  } catch (error) {
    await database.close();
    if (error instanceof JobsError) throw error;
    throw new StorageError(path, await failureOfCommit(error), 'It was not opened.');
  }
}

// In a write transaction: of several processes that make the file, one does.
function checkFormat(database: LmdbDatabase, path: string): void {
  const found = database.get(FORMAT_KEY)?.toString();
  if (found === FORMAT) return;
  if (found !== undefined) throw new FileVersionError(path, found, FORMAT);
  for (const _key of database.getKeys({ start: Buffer.alloc(1), limit: 1 })) throw new FileFormatError(path, undefined, OPTION);
  void database.put(FORMAT_KEY, Buffer.from(FORMAT));
}
