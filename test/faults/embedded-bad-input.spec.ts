import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { JobsError } from '../../lib/contract/errors.js';
import { metaKey } from '../../lib/drivers/embedded/key.js';
import type { Kernel } from '../../lib/kernel/kernel.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { itUnless } from '../support/skipped.js';
import { createTempFolder } from '../support/temp-folder.js';
import { openDatabase } from './support/raw-file.js';
import { endProcesses, startProcess } from './support/processes.js';
import { mountDisk, whyNoMounts } from './support/small-disk.js';

const itMounts = itUnless(whyNoMounts);

const kernels: Kernel[] = [];
const unmounts: (() => void)[] = [];

afterEach(async () => {
  await Promise.all(kernels.splice(0).map((kernel) => kernel.close({ timeoutMs: 0, graceMs: 0 })));
  await endProcesses();
  for (const unmount of unmounts.splice(0)) unmount();
});

async function open(dataDir: string, options: object = {}): Promise<Kernel> {
  const kernel = await createKernel({ dataDir, consume: [], pipelines: { q: { driver: 'embedded', ...options } } });
  kernels.push(kernel);
  return kernel;
}

/** Connections that Node does not accept wait in a line of 511; Linux says EAGAIN to more, other systems that nobody listens. */
const MORE_THAN_WAIT = 1_000;
const itOnLinux = itUnless(process.platform === 'linux' ? undefined : 'only Linux tells a full line from nobody who listens');

function tryToConnect(path: string): Promise<{ readonly connection: Socket; readonly code: string | undefined }> {
  return new Promise((resolve) => {
    const connection = connect(path);
    connection.once('connect', () => resolve({ connection, code: undefined }));
    connection.once('error', ({ code }: NodeJS.ErrnoException) => resolve({ connection, code }));
  });
}

async function refusal(attempt: Promise<unknown>): Promise<JobsError> {
  return attempt.then(
    () => Promise.reject(new Error('It was not refused.')),
    (error: unknown) => error as JobsError,
  );
}

describe('A folder that cannot be used', () => {
  it('below a file is refused with the path, the reason and the remedy', async () => {
    const folder = createTempFolder();
    writeFileSync(join(folder, 'file'), '');
    const dataDir = join(folder, 'file', 'data');
    const error = await refusal(open(dataDir));
    expect(error.code).toBe('INVALID_PATH');
    expect(error.message).toContain(`"${join(dataDir, 'rr.db')}" cannot be used. Its folder cannot be made: ENOTDIR`);
    expect(error.message).toContain('Choose another "dataDir", or allow this user to write there.');
  });

  itMounts('and is read-only is refused, and nothing is left behind', async () => {
    const { folder, unmount } = mountDisk('ro');
    unmounts.push(unmount);
    const error = await refusal(open(folder));
    expect(error.code).toBe('INVALID_PATH');
    expect(error.message).toContain('This user may not read and write there: EROFS');
    expect(error.message).toContain('Allow it, or choose another "dataDir".');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('has a folder where the file should be', async () => {
    const dataDir = createTempFolder();
    mkdirSync(join(dataDir, 'rr.db'));
    expect((await refusal(open(dataDir))).message).toBe(
      `"${join(dataDir, 'rr.db')}" cannot be used. It is not a file. Move it away, or choose another "dataDir".`,
    );
  });

  it('has a path too long for the socket that is its lock', async () => {
    const dataDir = join(createTempFolder(), 'a'.repeat(120));
    expect((await refusal(open(dataDir))).message).toMatch(
      /Its lock is a socket, whose path may have 100 bytes and has \d+\. Use a shorter "dataDir"\./,
    );
  });
});

describe('A file that is no file of jobs', () => {
  const wrong: Record<string, Buffer> = {
    'of random bytes': randomBytes(20_000),
    'of random bytes, shorter than a page': randomBytes(100),
    'of text': Buffer.from('To whom it may concern.\n'.repeat(500)),
    'of five letters': Buffer.from('hello'),
    'of zeros': Buffer.alloc(20_000),
  };
  for (const [name, content] of Object.entries(wrong)) {
    it(`${name} is refused and stays as it is`, async () => {
      const dataDir = createTempFolder();
      const file = join(dataDir, 'rr.db');
      writeFileSync(file, content);
      const error = await refusal(open(dataDir));
      expect(error.code).toBe('FILE_FORMAT');
      expect(error.message).toBe(`"${file}" is no file of this library, or it is damaged. Give another "file", or restore this one from a backup.`);
      expect(Buffer.compare(readFileSync(file), content)).toBe(0);
      expect(readdirSync(dataDir)).toEqual(['rr.db']);
    });
  }

  it('but of another program of the same format is refused, nothing written', async () => {
    const dataDir = createTempFolder();
    const other = await openDatabase(join(dataDir, 'rr.db'));
    await other.put(Buffer.from('their key'), Buffer.from('their value'));
    await other.close();
    expect((await refusal(open(dataDir))).code).toBe('FILE_FORMAT');
    const again = await openDatabase(join(dataDir, 'rr.db'));
    expect([...again.getKeys({ start: Buffer.alloc(1) })].map(String)).toEqual(['their key']);
    await again.close();
  });

  it('and is empty is a new one', async () => {
    const dataDir = createTempFolder();
    writeFileSync(join(dataDir, 'rr.db'), '');
    await (await open(dataDir)).push(jobFor('q'));
    expect((await kernels[0]!.stat())[0]).toMatchObject({ reserved: 1 });
  });

  it('and is damaged is refused, and nothing of it stays open', async () => {
    const dataDir = createTempFolder();
    await (await open(dataDir)).close();
    const database = await openDatabase(join(dataDir, 'rr.db'));
    void database.put(metaKey('sequence'), Buffer.from('no number'));
    await database.flushed;
    await database.close();
    const { code, message } = await refusal(open(dataDir));
    expect([code, message]).toEqual(['FILE_FORMAT', expect.stringContaining('or it is damaged')]);
    const isOfIt = (handle: string): boolean => existsSync(handle) && readlinkSync(handle).startsWith(dataDir);
    if (process.platform === 'linux') expect(readdirSync('/proc/self/fd').filter((name) => isOfIt(`/proc/self/fd/${name}`))).toEqual([]);
  });

  it('of a newer version is refused, with both versions, nothing written', async () => {
    const dataDir = createTempFolder();
    const file = join(dataDir, 'rr.db');
    const newer = await openDatabase(file);
    const format = Buffer.concat([Buffer.from([0]), Buffer.from('format')]);
    await newer.put(format, Buffer.from('7'));
    await newer.close();
    const error = await refusal(open(dataDir));
    expect(error.code).toBe('FILE_VERSION');
    expect(error.message).toBe(`"${file}" has the format 7; this version reads format 1. Use the version that wrote it, or another file.`);
    const again = await openDatabase(file);
    expect([...again.getKeys({ start: Buffer.alloc(1) })]).toEqual([format]);
    await again.close();
  });
});

describe('A file that is in use', () => {
  const inUse = (dataDir: string): string =>
    `"${join(dataDir, 'rr.db')}" is in use by another kernel. Stop that one, or give this one a file of its own`;

  it('by another process is refused, and is free as soon as that one is dead', async () => {
    const folder = createTempFolder();
    const dataDir = join(folder, 'data');
    const owner = startProcess('job-process.mjs', {
      dataDir,
      ledger: join(folder, 'ledger'),
      round: 0,
      seed: 1,
      push: 10,
      numPollers: 1,
      isLast: false,
    });
    await owner.line('ready');
    const error = await refusal(open(dataDir));
    expect(error.code).toBe('FILE_IN_USE');
    expect(error.message).toContain(inUse(dataDir));
    owner.kill('SIGKILL');
    await owner.ended;
    await open(dataDir);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('rr.db.') && name.endsWith('.s'))).toHaveLength(1);
  });

  const frozenOwner = async (): Promise<string> => {
    const folder = createTempFolder();
    const dataDir = join(folder, 'data');
    const owner = startProcess('job-process.mjs', {
      dataDir,
      ledger: join(folder, 'ledger'),
      round: 0,
      seed: 1,
      push: 0,
      numPollers: 1,
      isLast: false,
    });
    await owner.line('ready');
    owner.kill('SIGSTOP');
    return dataDir;
  };

  it('by another process that is frozen is refused', async () => {
    expect((await refusal(open(await frozenOwner()))).code).toBe('FILE_IN_USE');
  });

  itOnLinux('by another process that is frozen is refused, however often it was tried', async () => {
    const dataDir = await frozenOwner();
    const socket = join(
      dataDir,
      readdirSync(dataDir).find((name) => name.endsWith('.s'))!,
    );
    const tries = await Promise.all(Array.from({ length: MORE_THAN_WAIT }, () => tryToConnect(socket)));
    expect(tries.map(({ code }) => code)).toContain('EAGAIN');
    expect((await refusal(open(dataDir))).code).toBe('FILE_IN_USE');
    for (const { connection } of tries) connection.destroy();
  });

  it('by another kernel of this process is refused, and the first goes on', async () => {
    const dataDir = createTempFolder();
    const first = await open(dataDir);
    expect((await refusal(open(dataDir))).message).toContain(inUse(dataDir));
    await first.push(jobFor('q'));
    expect((await first.stat())[0]).toMatchObject({ reserved: 1 });
  });

  it('by nobody since a kernel closed it is opened again, with what was in it', async () => {
    const dataDir = createTempFolder();
    const first = await open(dataDir);
    await first.push(jobFor('q'));
    await first.close();
    expect((await (await open(dataDir)).stat())[0]).toMatchObject({ reserved: 1 });
  });
});

describe('A pipeline that is declared at run time', () => {
  const outside = ['../x.db', 'a/../../x.db', 'below/x.db', '/tmp/nrr-never-made.db', '..', '.'];
  for (const file of outside) {
    it(`may not name the file "${file}"`, async () => {
      const dataDir = join(createTempFolder(), 'data');
      const kernel = await open(dataDir);
      const error = await refusal(kernel.declare({ name: 'guest', driver: 'embedded', file }));
      expect(error.code).toMatch(/^(INVALID_PATH|JOBS_CONFIG|CONFIG)/);
      expect(error.message).toContain('file');
      expect(existsSync(join(dataDir, '..', 'x.db'))).toBe(false);
      expect(existsSync('/tmp/nrr-never-made.db')).toBe(false);
      expect(await kernel.list()).toEqual(['q']);
    });
  }

  it.each(['y.db.starts', 'y.db-lock'])('may not name "%s", which another pipeline would write over', async (file) => {
    const dataDir = createTempFolder();
    const kernel = await open(dataDir);
    expect((await refusal(kernel.declare({ name: 'guest', driver: 'embedded', file }))).message).toBe(
      `"${file}" cannot be used. What ends with "-lock" or ".starts" lies beside a file of jobs and belongs to it. Give another "file".`,
    );
    await kernel.declare({ name: 'other', driver: 'embedded', file: 'y.db' });
    expect(await kernel.list()).toEqual(['q', 'other']);
  });

  it('may not name a symbolic link', async () => {
    const folder = createTempFolder();
    const dataDir = join(folder, 'data');
    const kernel = await open(dataDir);
    symlinkSync(join(folder, 'elsewhere.db'), join(dataDir, 'link.db'));
    writeFileSync(join(folder, 'elsewhere.db'), '');
    expect((await refusal(kernel.declare({ name: 'guest', driver: 'embedded', file: 'link.db' }))).message).toBe(
      '"link.db" cannot be used. It is a symbolic link.',
    );
  });

  it('may not name a symbolic link that leads nowhere', async () => {
    const folder = createTempFolder();
    const dataDir = join(folder, 'data');
    const kernel = await open(dataDir);
    symlinkSync(join(folder, 'elsewhere.db'), join(dataDir, 'link.db'));
    expect((await refusal(kernel.declare({ name: 'guest', driver: 'embedded', file: 'link.db' }))).message).toBe(
      '"link.db" cannot be used. It is a symbolic link.',
    );
    expect(existsSync(join(folder, 'elsewhere.db'))).toBe(false);
  });

  it('may name a file of the data folder', async () => {
    const dataDir = join(createTempFolder(), 'data');
    const kernel = await open(dataDir);
    await kernel.declare({ name: 'guest', driver: 'embedded', file: 'guest.db' });
    await kernel.push(jobFor('guest'));
    expect(existsSync(join(dataDir, 'guest.db'))).toBe(true);
  });
});

describe('A disk that is full', () => {
  itMounts(
    'makes pushes reject; nothing accepted is lost, running jobs go on, and all is well when there is space',
    async () => {
      const { folder, unmount } = mountDisk('size=6m');
      unmounts.push(unmount);
      writeFileSync(join(folder, 'filler'), Buffer.alloc(4 * 1024 * 1024));
      const dataDir = join(folder, 'data');
      const full = startProcess('disk-full-process.mjs', { dataDir });
      const refused = JSON.parse((await full.line('full')).slice('full '.length)) as { code: string; message: string; isRetriable: boolean };
      expect(refused).toMatchObject({ code: 'STORAGE', isRetriable: true });
      expect(refused.message).toMatch(/rr\.db" could not be written: .+\. The job was not stored\. Check the space and health of the disk\./);
      // Written before the disk was full, and run while it is.
      expect(await full.line('went on')).toBe('went on {"held":1,"quick":1}');

      rmSync(join(folder, 'filler'));
      full.kill('SIGUSR2');
      await full.line('accepts again');
      const done = JSON.parse((await full.line('done')).slice('done '.length)) as Record<string, number>;
      expect(done).toMatchObject({ lost: 0, twice: 0, held: 2, quick: 1 });
      expect(done['accepted']).toBeGreaterThan(10);
      expect(await full.ended).toEqual({ code: 0, signal: null });
    },
    30_000,
  );

  itMounts('from the start is told at the start', async () => {
    const { folder, unmount } = mountDisk('size=64k');
    unmounts.push(unmount);
    writeFileSync(join(folder, 'filler'), Buffer.alloc(48 * 1024));
    const full = startProcess('disk-full-process.mjs', { dataDir: folder, failed: { store: 'memory' } });
    expect(await full.ended).toEqual({ code: 1, signal: null });
    expect(full.output()).toMatch(/Error: ".+\.db" could not be written: .+\. It was not opened\. Check the space and health of the disk\./);
    expect(full.output()).toContain("code: 'STORAGE'");
    expect(readdirSync(folder)).toEqual(['filler']);
  });
});

describe('A full disk below the failed store', () => {
  itMounts(
    'keeps jobs in their queue whose failure cannot be recorded, and records them when there is space',
    async () => {
      const { folder, unmount } = mountDisk('size=2m');
      unmounts.push(unmount);
      writeFileSync(join(folder, 'filler'), Buffer.alloc(1024 * 1024));
      const full = startProcess('state-full-process.mjs', { dataDir: join(folder, 'data'), file: join(createTempFolder(), 'jobs.db') });
      const refused = JSON.parse((await full.line('full')).slice('full '.length)) as Record<string, string | number>;
      expect(refused['message']).toBe('The failure of job "hopeless" could not be kept in store; the job comes back in 5000 ms.');
      expect(refused['code']).toBe('STORAGE');
      expect(refused['reason']).toMatch(/state\.db" could not be written: .+\. Nothing of it was stored\. Check the space and health of the disk\./);
      // What was recorded can be read, and other jobs run.
      expect(refused['readable']).toBeGreaterThan(5);
      const { quick, pushed } = JSON.parse((await full.line('went on')).slice('went on '.length)) as Record<string, number>;
      expect({ quick, unrecorded: pushed! - Number(refused['readable']) }).toEqual({ quick: 1, unrecorded: 1 });

      rmSync(join(folder, 'filler'));
      full.kill('SIGUSR2');
      const done = JSON.parse((await full.line('done')).slice('done '.length)) as Record<string, number>;
      expect(done).toEqual({ pushed, lost: 0, twice: 0 });
      expect(await full.ended).toEqual({ code: 0, signal: null });
    },
    30_000,
  );

  itMounts('from the start is told at the start', async () => {
    const { folder, unmount } = mountDisk('size=64k');
    unmounts.push(unmount);
    writeFileSync(join(folder, 'filler'), Buffer.alloc(48 * 1024));
    const full = startProcess('state-full-process.mjs', { dataDir: folder, file: join(createTempFolder(), 'jobs.db') });
    expect(await full.ended).toEqual({ code: 1, signal: null });
    expect(full.output()).toMatch(/Error: ".+state\.db" could not be written: .+\. It was not opened\. Check the space and health of the disk\./);
    expect(readdirSync(folder)).toEqual(['filler']);
  });
});

function jobFor(pipeline: string): Parameters<Kernel['push']>[0] {
  return { id: 'an-id', name: 'job', pipeline, payload: '', headers: {}, priority: 0, delayMs: 0, autoAck: false };
}
