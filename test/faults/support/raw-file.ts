import type { LmdbDatabase } from '../../../lib/files/lmdb-file.js';

/** A file as another program would open it: no format, no owner. */
export async function openDatabase(path: string): Promise<LmdbDatabase> {
  const { open } = await import('lmdb');
  return open({ path, noSubdir: true, encoding: 'binary', keyEncoder: binaryKeys, overlappingSync: false, maxDbs: 1 }) as unknown as LmdbDatabase;
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
