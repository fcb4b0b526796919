// Node of other major versions, from npm into .cache/. They never stand in package.json: each fits one system only.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SkipCheck } from './checks.mjs';
import { ROOT, run, runNpm } from './process.mjs';

/** @param {number} major */
function placeOf(major) {
  const { platform, arch } = process;
  const system = platform === 'win32' ? 'win' : platform;
  const packageName = platform === 'darwin' ? `node-bin-darwin-${arch}` : `node-${system}-${arch}`;
  const folder = join(ROOT, '.cache', `node-${major}`);
  return { packageName, folder, binary: join(folder, 'node_modules', packageName, 'bin', platform === 'win32' ? 'node.exe' : 'node') };
}

/**
 * @param {number} major
 * @returns {string | undefined} The Node of this major version, if it is the running one or lies in the cache.
 */
export function cachedNode(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const { binary } = placeOf(major);
  return existsSync(binary) ? binary : undefined;
}

/**
 * The Node of this major version, installed into the cache when it is not there.
 *
 * @param {number} major
 * @throws {SkipCheck} when there is no such package for this system.
 */
export async function installNode(major) {
  const cached = cachedNode(major);
  if (cached !== undefined) return cached;
  const { packageName, folder, binary } = placeOf(major);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  try {
    await runNpm(['install', '--no-save', '--no-audit', '--no-fund', '--no-package-lock', `${packageName}@${major}`], { cwd: folder, quiet: true });
    await run(binary, ['--version'], { quiet: true });
  } catch (error) {
    throw new SkipCheck(`${packageName}@${major} could not be installed from npm (${firstLine(error)})`);
  }
  return binary;
}

/** @param {unknown} error */
function firstLine(error) {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
}
