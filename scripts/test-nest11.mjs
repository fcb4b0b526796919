// The specs that load Nest, on Nest 11. Works in a copy of the project, so that the installed packages stay as the lock file has them.
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { copyFile, cp, link, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { withTempFolder } from './support/pack.mjs';
import { ROOT, runNode, runNpm } from './support/process.mjs';

const NEST = ['common', 'core', 'microservices', 'platform-express', 'testing'].map((name) => `@nestjs/${name}`);
const LEFT_OUT = new Set(['node_modules', 'coverage', '.git', '.cache', '.nrr', 'outbox']);
const LOADS_NEST = /^(?:@nestjs\/|nestjs-roadrunner(?:$|\/testing$))/;
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])(?<name>[^'"\n]+)\1/g;
const LINKS_AT_ONCE = 64;

/** Tells which files load Nest, themselves or through the files that they import. */
class NestFinder {
  /** @type {Map<string, readonly string[]>} */
  #imports = new Map();

  /** @param {string} spec */
  loadsNest(spec) {
    const seen = new Set([spec]);
    // A set that grows while it is walked: every file that can be reached is looked at once.
    for (const file of seen) {
      for (const name of this.#importsOf(file)) {
        if (LOADS_NEST.test(name)) return true;
        const path = resolve(dirname(file), name.replace(/\.js$/, '.ts'));
        if (name.startsWith('.') && path.endsWith('.ts') && existsSync(path)) seen.add(path);
      }
    }
    return false;
  }

  /** @param {string} file */
  #importsOf(file) {
    const known = this.#imports.get(file);
    if (known !== undefined) return known;
    const names = [...readFileSync(file, 'utf8').matchAll(IMPORT)].flatMap((match) => match.groups?.['name'] ?? []);
    this.#imports.set(file, names);
    return names;
  }
}

function nestSpecs() {
  const finder = new NestFinder();
  return ['test', 'sample']
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.spec.ts') && !file.split(sep).includes('node_modules'))
    .filter((file) => finder.loadsNest(join(ROOT, file)))
    .sort();
}

/** @param {string} folder */
async function copyProject(folder) {
  for (const entry of await readdir(ROOT)) {
    if (LEFT_OUT.has(entry)) continue;
    await cp(join(ROOT, entry), join(folder, entry), { recursive: true, filter: (path) => !LEFT_OUT.has(path.slice(path.lastIndexOf(sep) + 1)) });
  }
  await linkTree(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  // npm writes into this file in place: as a hard link it would be changed here too.
  rmSync(join(folder, 'node_modules/.package-lock.json'), { force: true });
}

/**
 * Copies a tree with hard links: npm replaces files, it does not write into them.
 *
 * @param {string} from
 * @param {string} to
 */
async function linkTree(from, to) {
  await mkdir(to, { recursive: true });
  const entries = await readdir(from, { withFileTypes: true });
  for (let start = 0; start < entries.length; start += LINKS_AT_ONCE) {
    await Promise.all(entries.slice(start, start + LINKS_AT_ONCE).map((entry) => linkEntry(entry, join(from, entry.name), join(to, entry.name))));
  }
}

/**
 * @param {import('node:fs').Dirent} entry
 * @param {string} from
 * @param {string} to
 */
async function linkEntry(entry, from, to) {
  if (entry.isDirectory()) return linkTree(from, to);
  if (entry.isSymbolicLink()) return symlink(await readlink(from), to);
  try {
    await link(from, to);
  } catch (error) {
    // Another file system, or one without hard links.
    if (!(error instanceof Error && 'code' in error && ['EXDEV', 'EPERM', 'ENOTSUP'].includes(String(error.code)))) throw error;
    await copyFile(from, to);
  }
}

/** @param {string} folder */
function installedVersion(folder) {
  return JSON.parse(readFileSync(join(folder, 'node_modules/@nestjs/core/package.json'), 'utf8')).version;
}

try {
  const specs = nestSpecs();
  if (specs.length === 0) throw new Error('No spec loads Nest: nothing to run.');
  // The build is the published one, compiled with the newest Nest; a user on Nest 11 gets no other.
  await runNode([join(ROOT, 'scripts/build.mjs'), 'samples']);
  await withTempFolder('nest11', async (folder) => {
    await copyProject(folder);
    await runNpm(['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', ...NEST.map((name) => `${name}@11`)], {
      cwd: folder,
      quiet: true,
    });
    const version = installedVersion(folder);
    if (!version.startsWith('11.')) throw new Error(`Nest ${version} is installed where Nest 11 was asked for.`);
    console.log(`${specs.length} spec files on Nest ${version}`);
    const jest = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
    await runNode([...jest, '--runTestsByPath', ...specs], { cwd: folder, env: { ...process.env, NRR_SUITE: 'nest11' } });
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
