// Adds the optional packages of other systems to package-lock.json. A registry that does not carry all of them gives a lock file without
// them, and `npm ci` then refuses it everywhere. Run it after a change of dependencies: npm run lock.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './support/process.mjs';

const LOCK = join(ROOT, 'package-lock.json');
const PREFIX = 'node_modules/';
const SYSTEM =
  /[-/](?<os>aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(?<cpu>arm64|arm|x64|ia32|ppc64|riscv64|s390x|loong64|mips64el)(?:-(?<abi>[a-z]+))?$/;

/**
 * @typedef {{ version?: string, dev?: boolean, license?: string, optionalDependencies?: Record<string, string> }} LockedPackage
 */

/**
 * The entry of a package that only one system installs; what that is stands in its name.
 *
 * @param {string} name
 * @param {string} version
 * @param {LockedPackage} parent
 */
function entryOf(name, version, { dev, license }) {
  const { os, cpu, abi } = SYSTEM.exec(name)?.groups ?? {};
  if (os === undefined || cpu === undefined) {
    throw new Error(`The optional package ${name}@${version} is missing in the lock file, and its name does not tell for which system it is.`);
  }
  const libc = os !== 'linux' || abi === undefined ? undefined : abi.startsWith('musl') ? 'musl' : 'glibc';
  return {
    version,
    cpu: [cpu],
    ...(dev === true && { dev }),
    ...(libc !== undefined && { libc: [libc] }),
    ...(license !== undefined && { license }),
    optional: true,
    os: [os],
  };
}

/** @type {{ packages: Record<string, LockedPackage> }} */
const lock = JSON.parse(readFileSync(LOCK, 'utf8'));
const added = [];
for (const [path, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const known = lock.packages[PREFIX + name] ?? lock.packages[`${path}/${PREFIX}${name}`];
    if (known !== undefined) continue;
    lock.packages[PREFIX + name] = entryOf(name, version, parent);
    added.push(`${name}@${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(LOCK, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(added.length === 0 ? 'The lock file names the packages of all systems.' : `Added to the lock file: ${added.join(', ')}.`);
