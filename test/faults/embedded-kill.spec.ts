import { join } from 'node:path';
import { createTempFolder } from '../support/temp-folder.js';
import { accountFor, readLedger, recoveryMs, sumOf, type Kill } from './support/ledger.js';
import { after, endProcesses, startProcess } from './support/processes.js';
import { chosenSeed, createRandom } from './support/random.js';

afterEach(endProcesses);

const KILLS = Number(process.env['NRR_KILLS'] ?? (process.env['CI'] === 'true' ? 20 : 50));
const LEAST_JOBS = 10_000;
const MAX_CONCURRENCY = 64;
const JOBS_PER_ROUND = 1_500;
/** How long a process lives after it is ready. Unit: milliseconds. */
const LONGEST_LIFE_MS = 500;
/** One round in so many is killed while it starts, where the files are recovered. */
const KILLED_AT_START = 5;
const LONGEST_START_MS = 400;
const MAX_RECOVERY_MS = 2_000;
/** Of a list of what went wrong. */
const SHOWN = 20;

describe('A process with an embedded pipeline that is killed again and again', () => {
  it(`loses nothing in ${KILLS} kills; what runs twice is explained; what is left goes on within 2 s of the restart`, async () => {
    const seed = chosenSeed();
    const random = createRandom(seed);
    const folder = createTempFolder();
    const ledger = join(folder, 'ledger');
    const start = (round: number, concurrency: number, push: number, isLast: boolean) =>
      startProcess('job-process.mjs', { dataDir: join(folder, 'data'), ledger, round, seed: seed + round, push, numPollers: concurrency, isLast });

    const kills: Kill[] = [];
    const recoveries: number[] = [];
    for (let round = 0; round < KILLS; round++) {
      const concurrency = 1 + Math.floor(random() * MAX_CONCURRENCY);
      const victim = start(round, concurrency, JOBS_PER_ROUND, false);
      if (round % KILLED_AT_START === KILLED_AT_START - 1) {
        await after(random() * LONGEST_START_MS);
      } else {
        await victim.line('ready');
        await after(random() * LONGEST_LIFE_MS);
      }
      const at = Date.now();
      victim.kill('SIGKILL');
      expect({ ...(await victim.ended), output: victim.output() }).toMatchObject({
        code: null,
        signal: 'SIGKILL',
        output: expect.stringMatching(/^(ready\n)?$/),
      });
      kills.push({ round, at, concurrency });
      const recovery = recoveryMs(readLedger(ledger), round, victim.spawnedAt);
      if (recovery !== undefined) recoveries.push(recovery);
    }
    const missing =
      LEAST_JOBS -
      new Set(
        readLedger(ledger)
          .filter(({ kind }) => kind === 'A')
          .map(({ job }) => job),
      ).size;
    const survivor = start(KILLS, MAX_CONCURRENCY, Math.max(JOBS_PER_ROUND, missing), true);
    expect({ ...(await survivor.ended), output: survivor.output() }).toEqual({ code: 0, signal: null, output: 'ready\n' });

    const account = accountFor(readLedger(ledger), kills);
    const twice = sumOf(account.wereRunning) + sumOf(account.wereUnsynced);
    const most = KILLS * MAX_CONCURRENCY;
    process.stdout.write(
      `${KILLS} kills, seed ${seed}: ${account.accepted} jobs accepted, ${account.lost.length} lost, ${twice} ran twice ` +
        `(${sumOf(account.wereRunning)} ran at a kill, ${sumOf(account.wereUnsynced)} had just finished), at most ${most}; ` +
        `slowest recovery ${Math.max(...recoveries)} ms in ${recoveries.length} restarts\n`,
    );
    expect(account.lost.slice(0, SHOWN)).toEqual([]);
    expect(account.unexplained.slice(0, SHOWN)).toEqual([]);
    expect(account.early.slice(0, SHOWN)).toEqual([]);
    expect(account.accepted).toBeGreaterThanOrEqual(LEAST_JOBS);
    for (const { round, concurrency } of kills) expect(account.wereRunning.get(round) ?? 0).toBeLessThanOrEqual(concurrency);
    expect(twice).toBeLessThanOrEqual(most);
    expect(recoveries.length).toBeGreaterThan(KILLS / 4);
    expect(Math.max(...recoveries)).toBeLessThan(MAX_RECOVERY_MS);
  }, 300_000);
});
