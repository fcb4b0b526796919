import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own, in the temporary folder of the run, which goes with it. */
export function createTempFolder(): string {
  return mkdtempSync(join(tmpdir(), 'nrr-'));
}
