import { join } from 'node:path';
import { broker } from '../support/brokers.js';
import { freshTube } from '../support/beanstalk-driver.js';
import { createTempFolder } from '../support/temp-folder.js';
import { BrokerLoad, type LoadAccount } from './support/broker-load.js';
import { accountFor, readLedger, recoveryMs, sumOf, type Kill } from './support/ledger.js';
import { after, endProcesses, startProcess } from './support/processes.js';
import { chosenSeed, createRandom } from './support/random.js';

const ROUNDS = Number(process.env['NRR_ROUNDS'] ?? 1);
/** Time to run, connects and answers: short, so that a silent connection is given up soon. Unit: seconds. */
const TIMEOUT_S = 2;
const JOBS_BETWEEN = 300;
const OUTAGE_MS = 300;
/** Jobs that are lent or on their way when a connection ends. */
const MAX_UNDER_WAY = 1_100;
const MAX_RECOVERY_MS = 20_000;

const server = await broker('beanstalk', { own: true });

server.suite('A tube of beanstalkd', () => {
  afterEach(endProcesses);

  const report = (fault: string, round: number, { accepted, lost, duplicates, recoveryMs: recovery }: LoadAccount) =>
    process.stdout.write(
      `beanstalk, ${fault}, round ${round + 1}: ${accepted} jobs accepted, ${lost.length} lost, ${duplicates} ran twice, recovery ${Math.round(recovery ?? NaN)} ms\n`,
    );

  /** Answers the jobs that were lost. */
  const eachRound = async (fault: string, run: (load: BrokerLoad, proxy: Awaited<ReturnType<typeof server.proxy>>['proxy']) => Promise<void>) => {
    const lost: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { url, proxy } = await server.proxy();
      const load = await BrokerLoad.start({ driver: 'beanstalk', tube: freshTube() }, { beanstalk: { addr: url, timeout: `${TIMEOUT_S}s` } });
      try {
        await load.more(JOBS_BETWEEN);
        await run(load, proxy);
        await load.more(JOBS_BETWEEN);
        const account = await load.finish();
        report(fault, round, account);
        lost.push(...account.lost);
        expect(account.duplicates).toBeLessThanOrEqual(MAX_UNDER_WAY);
        expect(account.recoveryMs).toBeLessThan(MAX_RECOVERY_MS);
      } finally {
        await load.abandon();
      }
    }
    return lost;
  };

  it(
    'loses nothing when the server is killed and started again',
    async () => {
      const lost = await eachRound('server killed', async (load) => {
        await server.kill();
        expect(await load.isReady).toBe(false);
        await after(OUTAGE_MS);
        await server.restart();
        load.healed();
      });
      expect(lost).toEqual([]);
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when its connections are reset',
    async () => {
      const lost = await eachRound('connections reset', async (load, proxy) => {
        proxy.drop();
        await load.more(JOBS_BETWEEN);
        proxy.drop();
        load.healed();
      });
      expect(lost).toEqual([]);
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when its connections are frozen: they are given up',
    async () => {
      const lost = await eachRound('connections frozen', async (load, proxy) => {
        proxy.freeze();
        // The wait for a job, then the wait for its answer.
        const limit = performance.now() + 3 * TIMEOUT_S * 1_000;
        while ((await load.isReady) && performance.now() < limit) await after(20);
        expect(await load.isReady).toBe(false);
        proxy.heal();
        load.healed();
      });
      expect(lost).toEqual([]);
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when the process is killed, and what ran twice was running',
    async () => {
      const seed = chosenSeed();
      const random = createRandom(seed);
      const folder = createTempFolder();
      const ledger = join(folder, 'ledger');
      const tube = freshTube();
      const start = (round: number, isLast: boolean) =>
        startProcess('job-process.mjs', {
          ...{ dataDir: join(folder, 'data'), ledger, round, seed: seed + round, push: 500, numPollers: 16, isLast },
          pipeline: { driver: 'beanstalk', tube },
          kernelOptions: { failed: { store: 'memory' }, beanstalk: { addr: server.url, timeout: `${TIMEOUT_S}s` } },
        });
      const kills: Kill[] = [];
      const recoveries: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const victim = start(round, false);
        await victim.line('ready');
        await after(50 + random() * 200);
        kills.push({ round, at: Date.now(), concurrency: 16 });
        victim.kill('SIGKILL');
        await victim.ended;
        const recovery = recoveryMs(readLedger(ledger), round, victim.spawnedAt);
        if (recovery !== undefined) recoveries.push(recovery);
      }
      const survivor = start(ROUNDS, true);
      expect({ ...(await survivor.ended), output: survivor.output() }).toEqual({ code: 0, signal: null, output: 'ready\n' });
      recoveries.push(recoveryMs(readLedger(ledger), ROUNDS, survivor.spawnedAt)!);
      const account = accountFor(readLedger(ledger), kills);
      process.stdout.write(
        `beanstalk, process killed, ${ROUNDS} rounds, seed ${seed}: ${account.accepted} jobs accepted, ${account.lost.length} lost, ` +
          `${sumOf(account.wereRunning) + sumOf(account.wereUnsynced)} ran twice, slowest recovery ${Math.max(...recoveries)} ms\n`,
      );
      expect(account.lost).toEqual([]);
      // The copy was stored and its original not deleted yet: a kill between the two makes a duplicate, never a loss.
      const killed = new Set(kills.map(({ round }) => round));
      const requeued = new Set(readLedger(ledger).flatMap(({ kind, job, round }) => (kind === 'X' && killed.has(round) ? [job] : [])));
      expect(account.unexplained.filter((text) => !requeued.has(text.split(' ')[0]!))).toEqual([]);
      expect(account.unexplained.length).toBeLessThanOrEqual(16 * ROUNDS);
      expect(account.early).toEqual([]);
      expect(account.accepted).toBeGreaterThanOrEqual(500);
      expect(sumOf(account.wereRunning)).toBeLessThanOrEqual(16 * ROUNDS);
    },
    120_000 * ROUNDS,
  );
});
