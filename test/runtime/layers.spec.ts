import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

/** Imports built modules in a process whose loader notes every package that is asked for. */
function packagesOf(...modules: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'nrr-layers-'));
  try {
    writeFileSync(
      join(folder, 'hooks.mjs'),
      `export async function resolve(specifier, context, next) {
        if (!specifier.startsWith('.') && !specifier.startsWith('file:') && !specifier.startsWith('data:')) process._rawDebug('PACKAGE ' + specifier);
        return next(specifier, context);
      }`,
    );
    const source = `import { register } from 'node:module';
      register(${JSON.stringify(pathToFileURL(join(folder, 'hooks.mjs')).href)});
      ${modules.map((module) => `await import(${JSON.stringify(pathToFileURL(join(dist, module)).href)});`).join('\n')}`;
    const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return [...stderr.matchAll(/^PACKAGE (.+)$/gm)].map(([, name]) => name!).filter((name) => !name.startsWith('node:'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('What runs without Nest', () => {
  it('the client loads only what its wire needs', () => {
    const allowed = new Set(['@msgpack/msgpack', 'cockatiel', 'protobufjs/minimal.js', 'protobufjs/minimal']);
    expect(packagesOf('runtime/client.js').filter((name) => !allowed.has(name))).toEqual([]);
  });

  it('jobs and queues alone load no package at all', () => {
    expect(packagesOf('client/jobs.js')).toEqual([]);
  });

  it('a driver loads no package at all', () => {
    expect(packagesOf('drivers/index.js', 'drivers/memory.driver.js')).toEqual([]);
  });

  it('a worker loads no package at all', () => {
    expect(packagesOf('runtime/worker.js')).toEqual([]);
  });

  it('the kernel loads only what checks its configuration', () => {
    expect(new Set(packagesOf('runtime/index.js'))).toEqual(new Set(['valibot']));
  });

  it('the command line loads no Nest', () => {
    const packages = packagesOf('cli/cli.js');
    expect(packages).toEqual(expect.arrayContaining(['yaml', 'valibot']));
    expect(packages.filter((name) => name.startsWith('@nestjs/') || name === 'rxjs')).toEqual([]);
  });

  it('the root and the kernel leave the wire alone until it is used', () => {
    expect(packagesOf('index.js', 'runtime/index.js').filter((name) => /^(?:protobufjs|@msgpack|cockatiel|yaml)/.test(name))).toEqual([]);
  });

  it('the root loads Nest, so that this test can see it', () => {
    expect(packagesOf('index.js')).toEqual(expect.arrayContaining(['@nestjs/common', '@nestjs/core', '@nestjs/microservices']));
  });
});
