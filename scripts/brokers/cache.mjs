// Where programs that no package manager of the system has are kept: one folder a user, shared by all clones.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const CACHE = process.env['NRR_CACHE_DIR'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nestjs-roadrunner');

/**
 * @param {string} entry - Name and version: `kafka-4.4.0`.
 * @returns {string | undefined} The folder, when it was filled to the end.
 */
export function cached(entry) {
  const folder = join(CACHE, entry);
  return existsSync(folder) ? folder : undefined;
}

/**
 * Fills an entry. It appears by one rename, so that an interrupted run leaves nothing that looks complete.
 *
 * @param {string} entry
 * @param {(folder: string) => Promise<void>} fill
 * @returns {Promise<string>} The folder.
 */
export async function fillCache(entry, fill) {
  mkdirSync(CACHE, { recursive: true });
  const target = join(CACHE, entry);
  const work = mkdtempSync(join(CACHE, `.${entry}-`));
  try {
    await fill(work);
    if (!existsSync(target)) renameSync(work, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}
