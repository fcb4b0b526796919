import { jest } from '@jest/globals';
import { createTempFolder } from '../support/temp-folder.js';

jest.unstable_mockModule('lmdb', () => {
  throw Object.assign(new Error("Cannot find package 'lmdb'"), { code: 'ERR_MODULE_NOT_FOUND' });
});
const { createKernel } = await import('../../lib/runtime/create-kernel.js');

describe('Without lmdb', () => {
  it('a kernel with a durable pipeline does not boot, and names the ways out', async () => {
    const booting = createKernel({ dataDir: createTempFolder(), pipelines: { q: { driver: 'embedded' } } });
    await expect(booting).rejects.toMatchObject({
      code: 'PACKAGE_MISSING',
      package_: 'lmdb',
      message:
        'The embedded state store needs the package "lmdb", which is not installed. Run: npm install lmdb. ' +
        "Or keep failed jobs in memory, where they end with the process: failed: { store: 'memory' }",
    });
  });

  it('an embedded pipeline with its failed jobs in memory does not boot either', async () => {
    const booting = createKernel({ dataDir: createTempFolder(), pipelines: { q: { driver: 'embedded' } }, failed: { store: 'memory' } });
    await expect(booting).rejects.toMatchObject({
      code: 'PACKAGE_MISSING',
      message: 'The driver "embedded" needs the package "lmdb", which is not installed. Run: npm install lmdb',
    });
  });

  it('a kernel in memory needs nothing', async () => {
    const kernel = await createKernel({ pipelines: { q: { driver: 'memory' } } });
    expect(await kernel.list()).toEqual(['q']);
    await kernel.close();
  });
});
