// All that a change must pass besides the specs on the installed Nest. Every step runs, also after a failure.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runNpm } from './support/process.mjs';

/** Script of package.json by what it shows. The cheap ones come first. */
const STEPS = {
  lint: 'lint',
  rooms: 'check:rooms',
  'dead code': 'check:dead',
  types: 'typecheck',
  'generated code': 'check:proto',
  'API report': 'check:api',
  'JSON Schema': 'check:schema',
  'matrix of drivers': 'check:drivers',
  documentation: 'check:docs',
  package: 'check:package',
  'Node versions': 'test:nodes',
  CommonJS: 'test:commonjs',
  samples: 'test:samples',
  'Nest 11': 'test:nest11',
};

const countsFolder = process.env['NRR_COUNTS_DIR'];

/** Counts a step as one check, unless it wrote counts of its own. */
function count(/** @type {string} */ script, /** @type {boolean} */ passed, /** @type {readonly string[]} */ before) {
  if (countsFolder === undefined) return;
  mkdirSync(countsFolder, { recursive: true });
  if (readdirSync(countsFolder).some((file) => !before.includes(file))) return;
  const counts = { suite: script, passed: passed ? 1 : 0, failed: passed ? [] : [script], skipped: [] };
  writeFileSync(join(countsFolder, `${script.replaceAll(':', '-')}.counts.json`), JSON.stringify(counts));
}

const results = [];
for (const [title, script] of Object.entries(STEPS)) {
  console.log(`\n--- ${title}: npm run ${script}`);
  const before = countsFolder !== undefined && existsSync(countsFolder) ? readdirSync(countsFolder) : [];
  const startedAt = performance.now();
  let passed = true;
  try {
    await runNpm(['run', '--silent', script]);
  } catch {
    passed = false; // The script has said why.
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  count(script, passed, before);
  results.push({ title, passed, seconds });
  console.log(`--- ${title}: ${passed ? 'passed' : 'FAILED'} after ${seconds} s`);
}

console.log('');
for (const { title, passed, seconds } of results) console.log(`${passed ? '✓' : '✗'} ${title.padEnd(16)} ${seconds.padStart(7)} s`);
if (results.some(({ passed }) => !passed)) process.exitCode = 1;
