// The library as a user gets it: the packed tarball.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, runNode, runNpm } from './process.mjs';

/**
 * @typedef {{ path: string, sizeBytes: number, unpackedBytes: number, files: readonly string[] }} Tarball
 */

/**
 * Builds and packs the library.
 *
 * @param {string} folder - Where the tarball goes; it must exist.
 * @returns {Promise<Tarball>}
 */
export async function packLibrary(folder) {
  await runNode([join(ROOT, 'scripts/build.mjs'), 'lib'], { quiet: true });
  const listing = await runNpm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { capture: true });
  const [tarball] = JSON.parse(listing);
  return {
    path: join(folder, tarball.filename),
    sizeBytes: tarball.size,
    unpackedBytes: tarball.unpackedSize,
    files: tarball.files.map((/** @type {{ path: string }} */ file) => file.path),
  };
}

/**
 * Calls `body` with a fresh folder outside the project and removes it afterwards. `NRR_KEEP_TEMP=1` keeps it, to look at a failure.
 *
 * @template T
 * @param {string} name - Part of the folder's name.
 * @param {(folder: string) => Promise<T>} body
 * @returns {Promise<T>}
 */
export async function withTempFolder(name, body) {
  const folder = await mkdtemp(join(tmpdir(), `nrr-${name}-`));
  try {
    return await body(folder);
  } finally {
    if (process.env['NRR_KEEP_TEMP'] === '1') console.log(`Kept ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  }
}
