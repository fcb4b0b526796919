import { againAfter, killRounds, problemsOfKills, type Life } from './support/kill-rounds.js';
import { sumOf } from './support/ledger.js';
import { endProcesses } from './support/processes.js';
import { chosenSeed } from './support/random.js';

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

function life(random: () => number, round: number): Life {
  const concurrency = 1 + Math.floor(random() * MAX_CONCURRENCY);
  const isEarly = round % KILLED_AT_START === KILLED_AT_START - 1;
  const lengthMs = random() * (isEarly ? LONGEST_START_MS : LONGEST_LIFE_MS);
  return { concurrency, push: JOBS_PER_ROUND, lengthMs, countsFrom: isEarly ? 'spawn' : 'ready' };
}

describe('A process with an embedded pipeline that is killed again and again', () => {
  it(`loses nothing in ${KILLS} kills; what runs twice is explained; what is left goes on within 2 s`, async () => {
    const account = await killRounds({
      driver: 'embedded',
      rounds: KILLS,
      seed: chosenSeed(),
      life,
      lastPush: (accepted) => Math.max(JOBS_PER_ROUND, LEAST_JOBS - accepted),
      lastConcurrency: MAX_CONCURRENCY,
    });
    expect(problemsOfKills(account, { mostAgain: Infinity, mostRecoveryMs: MAX_RECOVERY_MS, leastAccepted: LEAST_JOBS })).toEqual([]);
    // A retry takes its new place in the commit that gives up the old one: a kill never leaves both.
    expect(sumOf(account.wereRequeued)).toBe(0);
    const again = account.kills.reduce((sum, { round }) => sum + againAfter(account, round), 0);
    expect(again).toBeLessThanOrEqual(KILLS * MAX_CONCURRENCY);
    expect(account.recoveries.size).toBeGreaterThan(KILLS / 4);
  }, 600_000);
});
