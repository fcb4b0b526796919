// What the machine has, and how more is had from its package manager.
import { accessSync, constants, existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { run } from '../support/process.mjs';

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/opt/homebrew/bin', '/opt/homebrew/sbin'];
const OLDEST_JAVA = 17;

/**
 * @param {string} program
 * @returns {string | undefined} Its full path: of PATH, or of the folders where servers lie that only root has on the path.
 */
export function onPath(program) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

/** @param {string} path */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns {string | undefined} A Java that is new enough. */
export function findJava() {
  const home = process.env['JAVA_HOME'];
  const java = home !== undefined && existsSync(join(home, 'bin/java')) ? join(home, 'bin/java') : onPath('java');
  if (java === undefined) return undefined;
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' });
  const major = Number(/version "(\d+)/u.exec(stderr ?? '')?.[1]);
  return major >= OLDEST_JAVA ? java : undefined;
}

/** @returns {readonly string[] | undefined} The beginning of a command that may install packages; undefined where there is no such right. */
function aptGet() {
  if (onPath('apt-get') === undefined) return undefined;
  if (process.getuid?.() === 0) return ['apt-get'];
  const may = onPath('sudo') !== undefined && spawnSync('sudo', ['-n', 'true']).status === 0;
  return may ? ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND', 'apt-get'] : undefined;
}

/**
 * Installs packages of Debian or Ubuntu.
 *
 * @param {readonly string[]} packages
 * @throws Error that names the command to run by hand where this may not.
 */
export async function installWithApt(packages) {
  const command = aptGet();
  if (command === undefined) {
    throw new Error(`${onPath('apt-get') === undefined ? 'There is no apt-get' : 'apt-get needs root'}. Install by hand: ${packages.join(', ')}.`);
  }
  const [program, ...args] = /** @type {[string, ...string[]]} */ (command);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const lock = ['-o', 'DPkg::Lock::Timeout=300'];
  await run(program, [...args, ...lock, 'update', '-qq'], { env, quiet: true, timeoutMs: 300_000 });
  await run(program, [...args, ...lock, 'install', '-y', '-qq', '--no-install-recommends', ...packages], { env, quiet: true, timeoutMs: 600_000 });
}
