// `npm run bench`: every row in a process of its own, all rows once per round, medians of the rounds, ratios as the result.
// `npm run bench -- 2` makes two rounds; `npm run bench -- 5 nest` only measures rows of bench/rows/nest.mjs and writes no file.
import { fork } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { goals } from './goals.mjs';
import { median } from './support/measure.mjs';

const DEFAULT_ROUNDS = 5;
const [roundsText = String(DEFAULT_ROUNDS), only] = process.argv.slice(2);
const rounds = Number(roundsText);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`"${roundsText}" is no number of rounds.`);

/** @type {Map<string, Map<string, number[]>>} By row, then by the name of the number. */
const numbers = new Map();
/** @type {number[]} */
const loads = [];
const plan = await rowsOfAllFiles();
for (let round = 1; round <= rounds; round++) {
  for (const [file, row] of plan) {
    const measured = await measure(file, row);
    const known = numbers.get(`${file}: ${row}`) ?? new Map();
    numbers.set(`${file}: ${row}`, known);
    for (const [name, value] of Object.entries(measured)) known.set(name, [...(known.get(name) ?? []), value]);
    process.stderr.write(`round ${round}/${rounds}  ${file}: ${row}\n`);
  }
  loads.push(loadavg()[0] ?? Number.NaN);
}
const report = [header(), ...goalTable(), ...numberTable()].join('\n');
process.stdout.write(`${report}\n`);
if (only === undefined) writeFileSync(new URL('RESULTS.md', import.meta.url), `${report}\n`);

/** @returns {Promise<[string, string][]>} */
async function rowsOfAllFiles() {
  const files = readdirSync(new URL('rows', import.meta.url)).map((file) => file.replace('.mjs', ''));
  /** @type {[string, string][]} */
  const all = [];
  for (const file of files.sort()) {
    if (only !== undefined && file !== only) continue;
    const { rows } = await import(new URL(`rows/${file}.mjs`, import.meta.url).href);
    all.push(...Object.keys(rows).map((row) => /** @type {[string, string]} */ ([file, row])));
  }
  return all;
}

/**
 * @param {string} file
 * @param {string} row
 * @returns {Promise<Record<string, number>>}
 */
function measure(file, row) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('row.mjs', import.meta.url)), [file, row], { execArgv: ['--expose-gc'] });
    child.once('message', (message) => resolve(/** @type {Record<string, number>} */ (message)));
    child.once('exit', (code) => reject(new Error(`${file}: ${row} ended with status ${code} and no numbers.`)));
  });
}

/**
 * @param {string} row - `file: row`
 * @param {string} name
 */
function numberOf(row, name) {
  const values = numbers.get(row)?.get(name);
  return values === undefined ? undefined : median(values);
}

function header() {
  const load = loads.map((value) => value.toFixed(1)).join(', ');
  return [
    '# Results of the bench',
    '',
    'Written by `npm run bench`. Ratios of rows of one run, medians of the rounds; every row has a process of its own, and the rounds are',
    'interleaved. CPU time counts all threads, the garbage collector included. Numbers of other machines cannot be compared with these.',
    '',
    `Node ${process.versions.node}, ${rounds} rounds, load average after each round: ${load}.`,
    '',
  ].join('\n');
}

function goalTable() {
  const lines = ['## Goals', '', '| goal | what | ratio | target | met | remark |', '| --- | --- | --- | --- | --- | --- |'];
  for (const { goal, what, target, remark = '', unit = '×', value } of goals) {
    const measured = value === undefined ? undefined : value(numberOf);
    const isMet = measured === undefined ? '–' : target.test(measured) ? 'yes' : '**no**';
    const shown = measured === undefined ? '–' : `${measured.toFixed(measured < 10 ? 2 : 0)}${unit}`;
    lines.push(`| ${goal} | ${what} | ${shown} | ${target.text} | ${isMet} | ${remark} |`);
  }
  return lines;
}

function numberTable() {
  const lines = ['', '## Rows, for scale', '', '| row | numbers (ns per job unless they say otherwise) |', '| --- | --- |'];
  for (const [row, known] of numbers) {
    const shown = [...known].map(([name, values]) => `${name} ${Math.round(median(values) * 100) / 100}`).join(', ');
    lines.push(`| ${row} | ${shown} |`);
  }
  return lines;
}
