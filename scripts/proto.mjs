// Makes lib/wire/generated/ from proto/. `--check` compares instead of writing.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, commandOf, runNode } from './support/process.mjs';

const SOURCES = ['proto/jobs/v1/jobs.proto', 'proto/status/v1/status.proto'];
const FOLDER = join(ROOT, 'lib/wire/generated');
const CODE = 'messages.js';
const TYPES = 'messages.d.ts';
/** Encoders and decoders only: what checks, converts and creates messages is not used. */
const OPTIONS = [
  ...['--target', 'static-module', '--wrap', 'esm', '--dependency', 'protobufjs/minimal.js', '--root', 'nestjs-roadrunner', '--keep-case'],
  ...['--no-verify', '--no-create', '--no-convert', '--no-delimited', '--no-typeurl', '--no-service'],
];

/** @returns {Promise<Record<string, string>>} The texts by file name. */
async function generate() {
  const folder = mkdtempSync(join(tmpdir(), 'nrr-proto-'));
  const code = join(folder, CODE);
  const pbjs = commandOf('protobufjs-cli', 'pbjs');
  try {
    // The types are made from the comments of the code, which itself is kept without them.
    await runNode([pbjs, ...OPTIONS, '--dts', '--out', code, ...SOURCES]);
    const types = readFileSync(join(folder, TYPES), 'utf8');
    await runNode([pbjs, ...OPTIONS, '--no-comments', '--out', code, ...SOURCES]);
    return { [CODE]: readFileSync(code, 'utf8'), [TYPES]: types };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const files = await generate();
if (process.argv.includes('--check')) {
  const stale = Object.keys(files).filter((name) => {
    const path = join(FOLDER, name);
    return !existsSync(path) || readFileSync(path, 'utf8') !== files[name];
  });
  if (stale.length > 0) {
    console.error(`lib/wire/generated/ is not what proto/ gives: ${stale.join(', ')}. Run: npm run proto`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(FOLDER, name), text);
}
