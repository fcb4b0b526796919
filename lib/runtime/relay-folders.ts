import { createHash } from 'node:crypto';
import { mkdtempSync, promises as fs } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAnswered } from '../relay/socket-probe.js';

/** The socket in the folder of a private relay. */
export const RELAY_SOCKET = 'kernel.sock';

/** A start does not wait for more than these. */
const MAX_SWEPT = 100;
const NAME_LENGTH = 8;
/** What `mkdtemp` puts behind the prefix. */
const RANDOM = /^[A-Za-z0-9]{6}$/;

/** Makes a folder that only this user can enter, with a name that nobody can know before. */
export function makeRelayFolder(parent = tmpdir()): string {
  return mkdtempSync(join(parent, ownPrefix()));
}

/**
 * Removes the folders of kernels of this user and this machine that were killed. The socket tells: the system refuses to connect as soon as its
 * owner is dead, whatever process has its id by then. A folder without a socket belongs to a kernel that is about to listen.
 *
 * @returns How many were removed. What cannot be looked at or removed stays.
 */
export async function sweepRelayFolders(parent = tmpdir()): Promise<number> {
  const prefix = ownPrefix();
  const names = await fs.readdir(parent).catch(() => []);
  const found = names.filter((name) => name.startsWith(prefix) && RANDOM.test(name.slice(prefix.length)));
  const swept = await Promise.all(found.slice(0, MAX_SWEPT).map((name) => sweep(join(parent, name)).catch(() => false)));
  return swept.filter(Boolean).length;
}

async function sweep(folder: string): Promise<boolean> {
  const socket = join(folder, RELAY_SOCKET);
  const facts = await fs.lstat(folder);
  if (!facts.isDirectory() || facts.uid !== process.getuid?.()) return false;
  if (!(await fs.lstat(socket)).isSocket() || (await isAnswered(socket))) return false;
  await fs.rm(folder, { recursive: true });
  return true;
}

// A folder for temporary files may be shared by machines; a socket only says something about a process of its own.
function ownPrefix(): string {
  return `nrr-${createHash('sha256').update(hostname()).digest('hex').slice(0, NAME_LENGTH)}-`;
}
