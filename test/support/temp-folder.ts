import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for a spec file; gone when the process ends. */
export function createTempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nrr-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
