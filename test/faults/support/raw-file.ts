import type { Database } from '../../../lib/drivers/embedded/database.js';

/** A file as another program would open it: no format, no owner. */
export async function openDatabase(path: string): Promise<Database> {
  const { open } = await import('lmdb');
  return open({ path, noSubdir: true, encoding: 'binary', keyEncoder: binaryKeys, overlappingSync: false, maxDbs: 1 }) as unknown as Database;
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
