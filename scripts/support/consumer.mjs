// A small application that installs the packed library like any other user.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { entryPoints } from '../smoke/entry-points.cjs';
import { ROOT, commandOf, runNode, runNpm } from './process.mjs';

const SMOKE = join(ROOT, 'scripts/smoke');
const NEST = ['@nestjs/common', '@nestjs/core', '@nestjs/microservices', '@nestjs/platform-express'];
const PROGRAM_TIMEOUT_MS = 60_000;

/**
 * Installs the library with one major version of Nest and compiles the programs of scripts/smoke against its declarations.
 * The declarations of all entry points are checked on the way.
 *
 * @param {{ folder: string, tarball: string, type: 'module' | 'commonjs', nest: 11 | 12 }} options
 */
export async function createConsumer({ folder, tarball, type, nest }) {
  const { devDependencies, engines } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const pick = (/** @type {string} */ name) => [name, devDependencies[name]];
  const manifest = {
    name: `smoke-nest${nest}-${type}`,
    private: true,
    type,
    engines,
    dependencies: {
      'nestjs-roadrunner': `file:${tarball}`,
      ...Object.fromEntries(NEST.map((name) => [name, `^${nest}.0.0`])),
      ...Object.fromEntries(['reflect-metadata', 'rxjs'].map(pick)),
    },
    devDependencies: Object.fromEntries(['@types/node'].map(pick)),
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2));
  await cp(SMOKE, folder, { recursive: true });
  await runNpm(['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: folder, quiet: true });
  const all = entryPoints(join(folder, 'node_modules/nestjs-roadrunner'));
  await writeFile(join(folder, 'types.ts'), all.map(({ name }, index) => `export type * as entry${index} from '${name}';\n`).join(''));
  await runNode([commandOf('typescript7', 'tsc'), '-p', 'tsconfig.json'], { cwd: folder, quiet: true });
}

/**
 * Runs one of the programs to its end. It has to print `ok` last and must end by itself, without a warning of Node.
 *
 * @param {string} folder
 * @param {string} program
 * @param {string} [node] - Default: the running one.
 */
export async function runProgram(folder, program, node) {
  const warnings = join(folder, `warnings-${program}.txt`);
  await writeFile(warnings, '');
  const output = await runNode([`--redirect-warnings=${warnings}`, program], { node, cwd: folder, quiet: true, timeoutMs: PROGRAM_TIMEOUT_MS });
  if (!output.trimEnd().endsWith('ok')) throw new Error(`${program} ended without the word ok:\n${output}`);
  const warned = await readFile(warnings, 'utf8');
  if (warned !== '') throw new Error(`${program} made Node warn:\n${warned}`);
}
