// A guard against orphans in a process that may open no more files. Says what it did as JSON.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Larger than any process id. */
const NOBODY = 99_999_999;
const { OrphanGuard } = await import(pathToFileURL(join(process.cwd(), 'dist/pool/orphan-guard.js')).href);

/** @type {string[]} */
const warnings = [];
let told = () => {};
const warned = new Promise((resolve) => (told = () => resolve(undefined)));
const logger = {
  debug() {},
  info() {},
  error() {},
  /** @param {string} message */
  warn(message) {
    warnings.push(message);
    told();
  },
};
const guard = new OrphanGuard(logger);
/** @type {number[]} */
const open = [];
try {
  for (;;) open.push(openSync('/dev/null', 'r'));
} catch {
  // There are no more.
}
guard.add(NOBODY);
await warned;
const isThereWithout = guard.pid !== undefined;
for (const descriptor of open) closeSync(descriptor);
guard.remove(NOBODY);
guard.add(NOBODY);
const isThereLater = guard.pid !== undefined;
guard.remove(NOBODY);
guard.close();
process.stdout.write(JSON.stringify({ warnings, isThereWithout, isThereLater }));
