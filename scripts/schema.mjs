// Writes schema/rr-yaml.schema.json and the tables of docs/rr-yaml.md from the tables that check a .rr.yaml.
//   node scripts/schema.mjs            writes both
//   node scripts/schema.mjs --check    compares them and fails on a difference
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as prettier from 'prettier';
import { keyTables } from './support/schema-tables.mjs';
import { ROOT } from './support/process.mjs';

const SCHEMA = 'schema/rr-yaml.schema.json';
const PAGE = 'docs/rr-yaml.md';
const BEGIN = '<!-- keys: begin, written by npm run schema -->';
const END = '<!-- keys: end -->';

/** @param {string} path */
async function load(path) {
  return import(pathToFileURL(join(ROOT, 'dist', path)).href);
}

/** @param {string} path @param {string} text */
async function formatted(path, text) {
  const options = await prettier.resolveConfig(join(ROOT, path));
  return prettier.format(text, { ...options, filepath: path });
}

/** @param {string} tables */
function page(tables) {
  const text = readFileSync(join(ROOT, PAGE), 'utf8');
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`${PAGE} has lost the lines "${BEGIN}" and "${END}". Write them where the tables belong.`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${tables}\n${text.slice(end)}`;
}

const { rrYamlSchema } = await load('config/rr-yaml/json-schema.js');
const { builtinDrivers } = await load('drivers/index.js');
const drivers = new Map();
for (const [name, loadDriver] of Object.entries(builtinDrivers)) drivers.set(name, (await loadDriver()).options);
const schema = rrYamlSchema(drivers);

const files = {
  [SCHEMA]: await formatted(SCHEMA, JSON.stringify(schema, undefined, 2)),
  [PAGE]: await formatted(PAGE, page(keyTables(schema))),
};
for (const [path, text] of Object.entries(files)) {
  const file = join(ROOT, path);
  if (process.argv.includes('--check')) {
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    console.error(`${path} is not what the tables of lib/config/rr-yaml say. Run npm run schema and look at the difference.`);
    process.exitCode = 1;
  } else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
