// Many rounds of every fault: `npm run faults -- amqp embedded`, of all drivers without a name. NRR_ROUNDS changes the number of rounds against a
// broker, NRR_KILLS that of an embedded pipeline. Prints a table in Markdown: what was accepted, lost and handled twice, and how long the recovery
// took.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindOf, kinds } from './brokers/kinds.mjs';
import { withTempFolder } from './support/pack.mjs';
import { commandOf, runNode } from './support/process.mjs';

/** @typedef {{ driver: string, fault: string, accepted: number, lost: number, deleted?: number, duplicates: number, recoveryMs?: number }} Round */

const ROUNDS = process.env['NRR_ROUNDS'] ?? '10';
const EMBEDDED = 'embedded';
const names = process.argv.slice(2);
const drivers =
  names.length === 0 ? [EMBEDDED, ...kinds.map(({ name }) => name)] : names.map((name) => (name === EMBEDDED ? name : kindOf(name).name));

/**
 * @param {string} report
 * @returns {Round[]}
 */
function readRounds(report) {
  if (!existsSync(report)) return [];
  return readFileSync(report, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** @param {number | undefined} ms */
function seconds(ms) {
  return ms === undefined ? '' : `${(ms / 1_000).toFixed(2)} s`;
}

/** @param {readonly Round[]} rounds */
function tableOf(rounds) {
  const keys = [...new Set(rounds.map(({ driver, fault }) => `${driver}\t${fault}`))];
  const rows = keys.map((key) => {
    const [driver, fault] = key.split('\t');
    const own = rounds.filter((round) => round.driver === driver && round.fault === fault);
    const sum = (/** @type {'accepted' | 'lost' | 'deleted' | 'duplicates'} */ field) =>
      own.reduce((total, round) => total + (round[field] ?? 0), 0).toLocaleString('en-US');
    const recoveries = own.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
    const recovery = [recoveries[Math.floor(recoveries.length / 2)], recoveries.at(-1)].map(seconds);
    const deleted = fault === 'queue deleted' ? sum('deleted') : '';
    return [driver, fault, own.length, sum('accepted'), sum('lost'), deleted, sum('duplicates'), ...recovery];
  });
  const head = ['driver', 'fault', 'rounds', 'accepted', 'lost', 'deleted with their queue', 'duplicates', 'recovery, median', 'recovery, longest'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

await withTempFolder('faults', async (folder) => {
  const report = join(folder, 'rounds.jsonl');
  const env = { ...process.env, NRR_ROUNDS: ROUNDS, NRR_FAULT_REPORT: report };
  const files = drivers.map((name) => (name === EMBEDDED ? 'test/faults/embedded-kill' : `test/faults/${name}-faults`));
  try {
    const node = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'];
    // One file after the other: two brokers that are killed at once would time each other.
    await runNode([...node, commandOf('jest'), '--runInBand', ...files], { env });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
  console.log(`\n${tableOf(readRounds(report))}`);
});
