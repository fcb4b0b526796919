// The bench: every row in a process of its own, all rows once per round, so that each ratio is one of neighbours in time.
//
//   npm run bench                            5 rounds; writes bench/RESULTS.md
//   npm run bench -- --rounds 1 --only nest  the rows whose name contains "nest", once; writes nothing
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CLAIMS } from './goals.mjs';
import { report } from './report.mjs';
import { rows as brokers } from './rows/brokers.mjs';
import { rows as bullmq } from './rows/bullmq.mjs';
import { rows as depth } from './rows/depth.mjs';
import { rows as embedded } from './rows/embedded.mjs';
import { rows as handlerCall } from './rows/handler-call.mjs';
import { rows as kernel } from './rows/kernel.mjs';
import { rows as latency } from './rows/latency.mjs';
import { rows as limits } from './rows/limits.mjs';
import { rows as memory } from './rows/memory.mjs';
import { rows as nest } from './rows/nest.mjs';
import { rows as peers } from './rows/peers.mjs';
import { rows as pool } from './rows/pool.mjs';
import { rows as rpc } from './rows/rpc.mjs';
import { rows as startUp } from './rows/start-up.mjs';
import { rows as stop } from './rows/stop.mjs';

// Rows that are compared stand near each other.
const FILES = {
  limits,
  peers,
  kernel,
  nest,
  'handler-call': handlerCall,
  depth,
  latency,
  memory,
  embedded,
  brokers,
  bullmq,
  pool,
  rpc,
  stop,
  'start-up': startUp,
};
const ROW_PROCESS = fileURLToPath(new URL('./row.mjs', import.meta.url));
const RESULTS = fileURLToPath(new URL('./RESULTS.md', import.meta.url));
const ROUNDS = 5;
/** The longest rows are those of brokers, with six subjects that take turns. */
const TIMEOUT_MS = 300_000;

const { values } = parseArgs({ options: { rounds: { type: 'string' }, only: { type: 'string' } } });
const rounds = Number(values.rounds ?? ROUNDS);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds is ${values.rounds}. Give a whole number of at least 1.`);
const chosen = Object.entries(FILES)
  .flatMap(([file, rows]) => Object.keys(rows).map((name) => ({ file, name, key: `${file}: ${name}` })))
  .filter(({ key }) => values.only === undefined || key.includes(values.only));
if (chosen.length === 0) throw new Error(`No row has "${values.only}" in its name.`);

/** @type {Map<string, Record<string, number>[]>} */
const measured = new Map(chosen.map(({ key }) => [key, []]));
const loads = [loadavg()[0] ?? 0];
for (let round = 1; round <= rounds; round++) {
  for (const { file, name, key } of chosen) {
    const numbers = await measureInProcess(file, name);
    measured.get(key)?.push(numbers);
    const shown = Object.entries(numbers).map(([metric, value]) => `${metric} ${value.toFixed(1)}`);
    console.log(`${round}/${rounds} ${key.padEnd(64)} ${shown.join('  ')}`);
  }
  loads.push(loadavg()[0] ?? 0);
}

const text = report({ claims: CLAIMS, measured, loads, rounds });
console.log(`\n${text}`);
if (values.only === undefined && rounds >= ROUNDS) writeFileSync(RESULTS, text);
else console.log(`${RESULTS} is as it was: it takes all rows and at least ${ROUNDS} rounds.`);

/**
 * @param {string} file
 * @param {string} name
 * @returns {Promise<Record<string, number>>}
 */
function measureInProcess(file, name) {
  return new Promise((resolve, reject) => {
    const child = fork(ROW_PROCESS, [file, name], { execArgv: ['--expose-gc'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    /** @type {Record<string, number> | undefined} */
    let numbers;
    child.once('message', (message) => (numbers = /** @type {Record<string, number>} */ (message)));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (numbers === undefined) reject(new Error(`The row "${file}: ${name}" ended with ${signal ?? code} and without numbers.`));
      else resolve(numbers);
    });
  });
}
