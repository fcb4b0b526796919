// Writes the matrix of capabilities in docs/drivers/index.md from what the drivers say of themselves.
//   node scripts/drivers-page.mjs            writes it
//   node scripts/drivers-page.mjs --check    compares it and fails on a difference
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as prettier from 'prettier';
import { ROOT } from './support/process.mjs';

const PAGE = 'docs/drivers/index.md';
const BEGIN = '<!-- matrix: begin, written by npm run drivers -->';
const END = '<!-- matrix: end -->';

/** Capability by what a reader understands. A capability without a row is an error, so that none is forgotten. */
const ROWS = {
  persistent: 'jobs outlive the process',
  connection: 'a connection that comes back by itself',
  delay: 'delayed jobs',
  priority: 'priority among waiting jobs in the broker itself',
  deadLetter: "`onFailure: 'broker'`: dead-lettering of the broker",
  countsStarts: 'counts jobs that killed their process',
  browse: '`browse`: what waits',
  remove: '`remove`: one waiting job',
  promote: '`promote`: a delayed or buried job now',
  purge: '`purge`: all or some waiting jobs',
  maxPayloadBytes: 'largest payload that the broker takes, in bytes',
};

/** @param {unknown} value */
function cell(value) {
  if (value === true) return 'yes';
  if (value === false) return '–';
  if (value === 'whole') return 'all only';
  return typeof value === 'number' ? value.toLocaleString('en-US') : 'no limit of its own';
}

/** Drivers by name; an alias is the same module and has no column. */
async function loadDrivers() {
  const { builtinDrivers } = await import(pathToFileURL(join(ROOT, 'dist/drivers/index.js')).href);
  const seen = new Map();
  for (const [name, load] of Object.entries(builtinDrivers)) {
    const module = await load();
    if (![...seen.values()].includes(module)) seen.set(name, module);
  }
  return seen;
}

/** @param {Map<string, { capabilities: Record<string, unknown> }>} drivers */
function matrix(drivers) {
  const unknown = [...drivers.values()].flatMap(({ capabilities }) => Object.keys(capabilities)).filter((name) => !(name in ROWS));
  if (unknown.length > 0) throw new Error(`ROWS of scripts/drivers-page.mjs has no words for the capability ${unknown.join(', ')}.`);
  const names = [...drivers.keys()].map((name) => {
    const page = existsSync(join(ROOT, `docs/drivers/${name}.md`)) ? `${name}.md` : name === 'embedded' ? '../embedded.md' : undefined;
    return page === undefined ? `\`${name}\`` : `[\`${name}\`](${page})`;
  });
  const rows = Object.entries(ROWS).map(([key, words]) => [words, ...[...drivers.values()].map(({ capabilities }) => cell(capabilities[key]))]);
  return [['', ...names], ['---', ...names.map(() => '---')], ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const file = join(ROOT, PAGE);
const text = readFileSync(file, 'utf8');
const begin = text.indexOf(BEGIN);
const end = text.indexOf(END);
if (begin === -1 || end < begin) throw new Error(`${PAGE} has lost the lines "${BEGIN}" and "${END}". Write them where the matrix belongs.`);
const options = await prettier.resolveConfig(file);
const written = `${text.slice(0, begin + BEGIN.length)}\n\n${matrix(await loadDrivers())}\n\n${text.slice(end)}`;
const page = await prettier.format(written, { ...options, filepath: file });
if (!process.argv.includes('--check')) writeFileSync(file, page);
else if (page !== text) {
  console.error(`${PAGE} is not what the capabilities of the drivers say. Run npm run drivers and look at the difference.`);
  process.exitCode = 1;
}
