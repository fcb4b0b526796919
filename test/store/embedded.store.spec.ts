import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import { FileFormatError, FileVersionError, JobsPathError, StateConflictError } from '../../lib/contract/storage-errors.js';
import { EmbeddedStore } from '../../lib/store/embedded.store.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { itUnless } from '../support/skipped.js';
import { createTempFolder } from '../support/temp-folder.js';

const itWithModes = itUnless(process.platform === 'win32' ? 'Windows has no modes of files' : undefined);
const value = bytes('v');

describe('EmbeddedStore', () => {
  const opened: EmbeddedStore[] = [];
  const open = async (dataDir = createTempFolder(), clock = new VirtualClock()) => {
    const store = await EmbeddedStore.open({ dataDir, clock });
    opened.push(store);
    return { store, dataDir, clock };
  };

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });

  it('holds what it held before it was closed: values, time limits and claims', async () => {
    const { store, dataDir, clock } = await open();
    await store.put('stays', value);
    await store.put('short', value, { ttlMs: 1_000 });
    await store.claim('claim', 'one', 1_000);
    await store.close();
    const again = await open(dataDir, clock);
    expect([await again.store.count(''), await again.store.claim('claim', 'two', 1)]).toEqual([2, false]);
    await clock.advance(1_000);
    expect([await again.store.count(''), await again.store.claim('claim', 'two', 1)]).toEqual([1, true]);
  });

  it('costs no timers for time limits', async () => {
    const { store, clock } = await open();
    await Promise.all(Array.from({ length: 100 }, (_, index) => store.put(`k${index}`, value, { ttlMs: 1_000 })));
    expect(clock.pending).toBe(0);
  });

  it('sweeps what expired with later writes, some at a time', async () => {
    const { store, dataDir, clock } = await open();
    await Promise.all(Array.from({ length: 100 }, (_, index) => store.put(`k${index}`, value, { ttlMs: 1_000 })));
    await store.claim('claim', 'me', 1_000);
    await clock.advance(1_000);
    const sizes: number[] = [];
    for (let write = 0; write < 5; write++) {
      await store.put('new', value);
      sizes.push(await keysIn(dataDir));
    }
    // Two keys for each of 101 entries; then the format and the new value are left.
    expect(sizes).toEqual([140, 76, 12, 2, 2]);
  });

  itWithModes('makes folder and files for this user only', async () => {
    const { dataDir } = await open(join(createTempFolder(), 'a', 'b'));
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(readdirSync(dataDir).map((file) => [file, statSync(join(dataDir, file)).mode & 0o777])).toEqual([
      ['state.db', 0o600],
      ['state.db-lock', 0o600],
    ]);
  });

  it('takes an empty file for a new one', async () => {
    const dataDir = createTempFolder();
    writeFileSync(join(dataDir, 'state.db'), '');
    const { store } = await open(dataDir);
    await store.put('k', value);
    expect(await store.count('')).toBe(1);
  });

  it.each([
    ['a text', Buffer.from('These are the notes of somebody else.\n'.repeat(1_000))],
    ['a short text', Buffer.from('x')],
    ['half of a file of LMDB', Buffer.alloc(60).fill(Buffer.from('dec0efbe', 'hex'), 24, 28)],
  ])('refuses %s and leaves it as it is', async (_what, content) => {
    const dataDir = createTempFolder();
    const path = join(dataDir, 'state.db');
    writeFileSync(path, content);
    const error = await EmbeddedStore.open({ dataDir, clock: new VirtualClock() }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FileFormatError);
    expect((error as Error).message).toBe(
      `"${path}" is no file of this library, or it is damaged. Give another "dataDir", or restore this one from a backup.`,
    );
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('refuses a file of LMDB that is no state store', async () => {
    const dataDir = createTempFolder();
    await putRaw(dataDir, Buffer.from('somebody'), Buffer.from('else'));
    await expect(open(dataDir)).rejects.toThrow(FileFormatError);
    expect(await keysIn(dataDir)).toBe(1);
  });

  it('refuses a file of a newer version, by its number', async () => {
    const { store, dataDir } = await open();
    await store.close();
    await putRaw(dataDir, Buffer.from('\u0001state-format'), Buffer.from('2'));
    const error = await EmbeddedStore.open({ dataDir, clock: new VirtualClock() }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FileVersionError);
    expect((error as Error).message).toContain('has the format 2; this version reads format 1.');
  });

  it('refuses a folder that cannot be made', async () => {
    const file = join(createTempFolder(), 'file');
    writeFileSync(file, '');
    const error = await EmbeddedStore.open({ dataDir: join(file, 'below'), clock: new VirtualClock() }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(JobsPathError);
    expect((error as Error).message).toMatch(
      /state\.db" cannot be used\. Its folder cannot be made: ENOTDIR: .* Choose another "dataDir", or allow this user to write there\.$/,
    );
  });

  it('refuses a folder in the place of its file', async () => {
    const dataDir = createTempFolder();
    mkdirSync(join(dataDir, 'state.db'));
    await expect(open(dataDir)).rejects.toThrow('It is not a file. Move it away, or choose another "dataDir".');
  });

  describe('with another instance on the same file', () => {
    const openTwo = async () => {
      const { store: one, dataDir, clock } = await open();
      const { store: two } = await open(dataDir, clock);
      return { one, two };
    };

    it('sees its writes and claims at once', async () => {
      const { one, two } = await openTwo();
      await one.put('k', value);
      await one.claim('claim', 'one', 1_000);
      expect([text(await two.get('k')), await two.count(''), await two.claim('claim', 'two', 1_000)]).toEqual(['v', 1, false]);
    });

    it('goes on when the other is closed', async () => {
      const { one, two } = await openTwo();
      await one.put('k', value);
      await one.close();
      await two.put('k2', value);
      expect(await two.count('')).toBe(2);
    });

    it('loses no update', async () => {
      const { one, two } = await openTwo();
      const increment = (store: EmbeddedStore) =>
        store.transaction(async (transaction) => transaction.put('count', bytes(String(Number(text(await transaction.get('count')) ?? 0) + 1))));
      await Promise.all(Array.from({ length: 40 }, (_, index) => increment(index % 2 === 0 ? one : two)));
      expect(text(await one.get('count'))).toBe('40');
    });

    it('runs a transaction again when the other changed what it had read', async () => {
      const { one, two } = await openTwo();
      await one.put('k', bytes('1'));
      const seen: (string | undefined)[] = [];
      await one.transaction(async (transaction) => {
        seen.push(text(await transaction.get('k')));
        if (seen.length === 1) await two.put('k', bytes('2'));
        transaction.put('sum', bytes(seen.join('+')));
      });
      expect([seen, text(await one.get('sum'))]).toEqual([['1', '2'], '1+2']);
    });

    it('runs a transaction again that failed over what is over', async () => {
      const { one, two } = await openTwo();
      await one.put('a', bytes('1'));
      await one.put('b', bytes('1'));
      let runs = 0;
      const sum = await one.transaction(async (transaction) => {
        const a = text(await transaction.get('a'));
        if (++runs === 1) {
          await two.transaction(async (other) => {
            other.put('a', bytes('2'));
            other.put('b', bytes('2'));
          });
        }
        const b = text(await transaction.get('b'));
        if (a !== b) throw new RangeError('a and b are always equal');
        return `${a}${b}`;
      });
      expect([sum, runs]).toEqual(['22', 2]);
    });

    it('gives a transaction up that never meets a quiet moment, and stores nothing of it', async () => {
      const { one, two } = await openTwo();
      let runs = 0;
      const hopeless = one.transaction(async (transaction) => {
        await transaction.get('k');
        await two.put('k', bytes(String(++runs)));
        transaction.put('lost', value);
      });
      await expect(hopeless).rejects.toThrow(StateConflictError);
      expect([runs, await one.get('lost')]).toEqual([100, undefined]);
    });
  });
});

/** What the file holds besides what the store shows. */
async function keysIn(dataDir: string): Promise<number> {
  const database = openLmdb({ path: join(dataDir, 'state.db'), noSubdir: true, keyEncoding: 'binary', encoding: 'binary' });
  const count = database.getKeysCount();
  await database.close();
  return count;
}

async function putRaw(dataDir: string, key: Buffer, content: Buffer): Promise<void> {
  const database = openLmdb<Buffer, Buffer>({ path: join(dataDir, 'state.db'), noSubdir: true, keyEncoding: 'binary', encoding: 'binary' });
  await database.put(key, content);
  await database.close();
}

function bytes(of: string): Uint8Array {
  return new TextEncoder().encode(of);
}

function text(of: Uint8Array | undefined): string | undefined {
  return of === undefined ? undefined : new TextDecoder().decode(of);
}
