import { join } from 'node:path';
import { createTempFolder } from '../../support/temp-folder.js';
import { reportFault } from './fault-report.js';
import { accountFor, historyOf, readLedger, recoveryOf, sumOf, type Account, type Kill, type LedgerLine, type Recovery } from './ledger.js';
import { after, startProcess, type FaultProcess } from './processes.js';
import { createRandom } from './random.js';

/** One life of a process that is killed. */
export interface Life {
  /** Jobs that run at once. */
  readonly concurrency: number;
  readonly push: number;
  /** Unit: milliseconds. */
  readonly lengthMs: number;
  /** What the length counts from: its start, the start of its kernel, or the end of its first run. */
  readonly countsFrom: 'spawn' | 'ready' | 'works';
}

export interface KillRounds {
  readonly driver: string;
  readonly rounds: number;
  /** The same numbers for the same seed. */
  readonly seed: number;
  /** Default: an embedded pipeline. */
  readonly pipeline?: object;
  readonly kernelOptions?: object;
  /** Between two pushes of up to 60 jobs. Unit: milliseconds. Default: none. */
  readonly pauseMs?: number;
  /** For Node. */
  readonly nodeArgs?: readonly string[];
  life(random: () => number, round: number): Life;
  /** Of the last process, which runs until nothing is left; told what was accepted before it. */
  lastPush(accepted: number): number;
  readonly lastConcurrency: number;
}

/** What became of all jobs, and how long each restart took. */
export interface KillAccount extends Account {
  readonly kills: readonly Kill[];
  readonly lines: readonly LedgerLine[];
  /** What the processes wrote beside their signs of life. */
  readonly output: string;
  /** By round; a process that found no job of an earlier one is missing. */
  readonly recoveries: ReadonlyMap<number, Recovery>;
}

export interface KillLimits {
  /** Jobs that one kill may bring again. */
  readonly mostAgain: number;
  readonly mostRecoveryMs: number;
  readonly leastAccepted: number;
}

const SIGNS_OF_LIFE = /^(?:ready|works)\n/gmu;
/** Of a list of what went wrong. */
const SHOWN = 20;

/** Kills one process after the other that pushes and handles jobs of one queue, lets a last one finish, and accounts for every job. */
export async function killRounds(options: KillRounds): Promise<KillAccount> {
  const { rounds, seed, pipeline, kernelOptions, pauseMs = 0, nodeArgs = [], life, lastPush, lastConcurrency } = options;
  const random = createRandom(seed);
  const folder = createTempFolder();
  const ledger = join(folder, 'ledger');
  const shared = { dataDir: join(folder, 'data'), ledger, pipeline, kernelOptions, pauseMs };
  const start = (round: number, numPollers: number, push: number, isLast: boolean) =>
    startProcess('job-process.mjs', { ...shared, round, seed: seed + round, push, numPollers, isLast }, nodeArgs);
  const kills: Kill[] = [];
  const startedAt: number[] = [];
  let output = '';
  for (let round = 0; round < rounds; round++) {
    const { concurrency, push, lengthMs, countsFrom } = life(random, round);
    const victim = start(round, concurrency, push, false);
    startedAt.push(victim.spawnedAt);
    if (countsFrom !== 'spawn') await victim.line(countsFrom);
    await after(lengthMs);
    const at = Date.now();
    victim.kill('SIGKILL');
    const { signal } = await victim.ended;
    if (signal !== 'SIGKILL') throw new Error(`The process of round ${round} ended before it was killed:\n${victim.output()}`);
    kills.push({ round, at, concurrency });
    output += saidBy(victim);
  }
  const survivor = start(rounds, lastConcurrency, lastPush(accountFor(readLedger(ledger), kills).accepted), true);
  startedAt.push(survivor.spawnedAt);
  const { code, signal } = await survivor.ended;
  if (code !== 0)
    throw new Error(`The last process ended with ${code ?? signal}; ${leftIn(readLedger(ledger))} jobs were left:\n${survivor.output()}`);
  output += saidBy(survivor);
  const lines = readLedger(ledger);
  const recoveries = new Map(
    startedAt.flatMap((at, round) => {
      const recovery = recoveryOf(lines, round, at);
      return recovery === undefined ? [] : [[round, recovery]];
    }),
  );
  const account = { ...accountFor(lines, kills), kills, lines, output, recoveries };
  report(options, account);
  return account;
}

/** Jobs that the kill of a round brought again. */
export function againAfter({ wereRunning, wereUnsynced, wereRequeued }: Account, round: number): number {
  return [wereRunning, wereUnsynced, wereRequeued].reduce((sum, counts) => sum + (counts.get(round) ?? 0), 0);
}

/** What is wrong with them, each with the history of its job. */
export function problemsOfKills(account: KillAccount, { mostAgain, mostRecoveryMs, leastAccepted }: KillLimits): string[] {
  const { accepted, lost, unexplained, early, kills, lines, output, recoveries, wereRunning } = account;
  const told = (texts: readonly string[], what: string) =>
    texts.slice(0, SHOWN).map((text) => `${what}: ${text}; ${historyOf(lines, text.split(' ')[0]!)}`);
  return [
    ...told(lost, 'lost'),
    ...told(unexplained, 'unexplained'),
    ...told(early, 'early'),
    ...(output === '' ? [] : [`the processes said: ${output}`]),
    ...(accepted < leastAccepted ? [`only ${accepted} jobs were accepted`] : []),
    ...kills.flatMap(({ round, concurrency }) => {
      const running = wereRunning.get(round) ?? 0;
      return running > concurrency ? [`${running} jobs of round ${round} ran when it was killed, with room for ${concurrency}`] : [];
    }),
    ...kills.flatMap(({ round }) =>
      againAfter(account, round) > mostAgain ? [`${againAfter(account, round)} jobs of round ${round} ran again`] : [],
    ),
    ...[...recoveries].flatMap(([round, { fromBootMs }]) =>
      fromBootMs > mostRecoveryMs ? [`the kernel of round ${round} began with what was left after ${fromBootMs} ms`] : [],
    ),
  ];
}

function saidBy(process: FaultProcess): string {
  return process.output().replace(SIGNS_OF_LIFE, '');
}

function leftIn(lines: readonly LedgerLine[]): number {
  return accountFor(lines, []).lost.length;
}

// One row for each kill, with the recovery of the process that came after it.
function report({ driver, rounds, seed }: KillRounds, account: KillAccount): void {
  const isOf = (round: number) => (job: string) =>
    Number(job.split('-')[0]) === round || (round === rounds - 1 && Number(job.split('-')[0]) === rounds);
  const accepted = account.lines.filter(({ kind }) => kind === 'A').map(({ job }) => job);
  for (const { round } of account.kills) {
    reportFault({
      driver,
      fault: 'kernel killed',
      accepted: accepted.filter(isOf(round)).length,
      lost: account.lost.filter(isOf(round)).length,
      duplicates: againAfter(account, round),
      recoveryMs: account.recoveries.get(round + 1)?.fromSpawnMs,
    });
  }
  const sums = [account.wereRunning, account.wereUnsynced, account.wereRequeued].map(sumOf);
  process.stdout.write(
    `${driver}, ${rounds} kills, seed ${seed}: ${sums[0]} ran again because they ran at a kill, ${sums[1]} because they had just finished, ` +
      `${sums[2]} because they had just failed; ${account.unexplained.length} without a reason\n`,
  );
}
