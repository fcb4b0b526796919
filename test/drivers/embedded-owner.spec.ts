import { Server } from 'node:net';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { FileOwner } from '../../lib/drivers/embedded/owner.js';
import type { LmdbDatabase } from '../../lib/files/lmdb-file.js';
import { createTempFolder } from '../support/temp-folder.js';

const folder = createTempFolder();

/** As much of a database as an owner asks for. */
function openDatabase(): LmdbDatabase {
  const entries = new Map<string, Uint8Array>();
  const nameOf = (key: unknown): string => JSON.stringify(key);
  return {
    get: (key: unknown) => entries.get(nameOf(key)),
    put: (key: unknown, value: Uint8Array) => Promise.resolve(void entries.set(nameOf(key), value)),
    remove: (key: unknown) => Promise.resolve(entries.delete(nameOf(key))),
    transactionSync: <T>(run: () => T): T => run(),
  } as unknown as LmdbDatabase;
}

describe('The owner of a file', () => {
  it('lives on when connections to its socket cannot be accepted', async () => {
    const listen = jest.spyOn(Server.prototype, 'listen');
    const owner = await FileOwner.claim(openDatabase(), join(folder, 'jobs.db'));
    const server = listen.mock.contexts[0] as Server;
    listen.mockRestore();
    for (let time = 0; time < 2; time++) {
      expect(() => server.emit('error', Object.assign(new Error('too many open files'), { code: 'EMFILE' }))).not.toThrow();
    }
    await owner.release();
  });
});
