// Starts brokers, runs a command with their addresses in NRR_TEST_*_URL, and ends them: `npm run brokers -- amqp kafka -- npm run bench`.
// Without a command they run until Ctrl+C.
import { spawn } from 'node:child_process';
import { endBroker, startBroker } from './broker.mjs';
import { kindOf, urlVariable } from './kinds.mjs';

const SIGNAL_BASE = 128;
const SIGNAL_NUMBERS = /** @type {const} */ ({ SIGINT: 2, SIGTERM: 15, SIGHUP: 1 });

const args = process.argv.slice(2);
const split = args.indexOf('--');
const kinds = (split === -1 ? args : args.slice(0, split)).map(kindOf);
const command = split === -1 ? [] : args.slice(split + 1);

/** @type {import('./broker.mjs').Broker[]} */
const brokers = [];
/** @type {import('node:child_process').ChildProcess | undefined} */
let child;
/** @type {(code: number) => void} */
let interrupt = () => {};
const interrupted = new Promise((/** @type {(code: number) => void} */ resolve) => (interrupt = resolve));
for (const [signal, number] of Object.entries(SIGNAL_NUMBERS)) {
  process.on(signal, () => {
    child?.kill(/** @type {NodeJS.Signals} */ (signal));
    interrupt(SIGNAL_BASE + number);
  });
}

async function start() {
  const results = await Promise.allSettled(kinds.map(async (kind) => brokers.push(await startBroker(kind))));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return Object.fromEntries(brokers.map(({ name, url }) => [urlVariable(name), url]));
}

/**
 * @param {readonly string[]} commandLine
 * @param {Record<string, string>} urls
 * @returns {Promise<number>} Its exit code.
 */
function runCommand([program = '', ...rest], urls) {
  return new Promise((resolve, reject) => {
    child = spawn(program, rest, { stdio: 'inherit', env: { ...process.env, ...urls } });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? SIGNAL_BASE + (SIGNAL_NUMBERS[/** @type {'SIGINT'} */ (signal)] ?? 1)));
  });
}

try {
  if (kinds.length === 0) throw new Error('Name the brokers: npm run brokers -- amqp kafka [-- command].');
  const urls = await start();
  if (command.length > 0) process.exitCode = await runCommand(command, urls);
  else {
    for (const [variable, url] of Object.entries(urls)) console.log(`${variable}=${url}`);
    process.exitCode = await keepAlive(interrupted);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await Promise.all(brokers.map(endBroker));
}

/**
 * Neither a signal handler nor a promise keeps a process alive.
 *
 * @template T
 * @param {Promise<T>} promise
 */
async function keepAlive(promise) {
  const timer = setInterval(() => {}, 60_000);
  return promise.finally(() => clearInterval(timer));
}
