import { join } from 'node:path';
import { broker } from '../support/brokers.js';
import { createTempFolder } from '../support/temp-folder.js';
import { BrokerLoad, type LoadAccount } from './support/broker-load.js';
import { reportFault } from './support/fault-report.js';
import { accountFor, readLedger, recoveryMs, sumOf, type Kill } from './support/ledger.js';
import { after, endProcesses, startProcess } from './support/processes.js';
import { chosenSeed, createRandom } from './support/random.js';

const ROUNDS = Number(process.env['NRR_ROUNDS'] ?? 1);
/** Short, so that a silent connection is given up soon, and what a dead process held comes back soon. Unit: seconds. */
const TIMES = { requestTimeout: 2, waitTimeSeconds: 1, visibilityTimeout: 4 };
const PREFETCH = { prefetch: 10, maxMessagesInFlight: 64 };
const JOBS_BETWEEN = 300;
const OUTAGE_MS = 300;
const WRITE_BEHIND_MS = 1_000;
/** Jobs that are lent or on their way when the connections end. */
const MAX_UNDER_WAY = 200;
const MAX_RECOVERY_MS = 20_000;
const CONCURRENCY = 16;

const server = await broker('sqs', { own: true });

server.suite('A queue of SQS', () => {
  afterEach(endProcesses);

  const section = (endpoint: string) => ({ endpoint, region: 'elasticmq', key: 'x', secret: 'x' });
  const freshQueue = () => `faults-${crypto.randomUUID()}`;

  const eachRound = async (fault: string, run: (load: BrokerLoad, proxy: Awaited<ReturnType<typeof server.proxy>>['proxy']) => Promise<void>) => {
    const accounts: LoadAccount[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { url, proxy } = await server.proxy();
      const load = await BrokerLoad.start({ driver: 'sqs', queue: freshQueue(), ...PREFETCH, ...TIMES }, { sqs: section(url) });
      await load.more(JOBS_BETWEEN);
      await run(load, proxy);
      await load.more(JOBS_BETWEEN);
      const account = await load.finish();
      reportFault({ driver: 'sqs', fault, ...account, lost: account.lost.length });
      accounts.push(account);
    }
    return accounts;
  };

  /** What is wrong with them. */
  const problemsOf = (accounts: readonly LoadAccount[]) =>
    accounts.flatMap(({ lost, duplicates, recoveryMs: recovery = Infinity }, round) => [
      ...lost.map((id) => `round ${round + 1} lost ${id}`),
      ...(duplicates > MAX_UNDER_WAY ? [`round ${round + 1} ran ${duplicates} jobs twice`] : []),
      ...(recovery > MAX_RECOVERY_MS ? [`round ${round + 1} recovered after ${recovery} ms`] : []),
    ]);

  // Not killed, and not stopped while it is written to: ElasticMQ writes behind, and loses the last of what it accepted.
  it(
    'loses nothing when the server is stopped and started again',
    async () => {
      const accounts = await eachRound('broker stopped', async (load, proxy) => {
        proxy.cut();
        await after(WRITE_BEHIND_MS);
        await server.stop();
        expect(await load.isReady).toBe(false);
        await server.restart();
        proxy.heal();
        load.healed();
      });
      expect(problemsOf(accounts)).toEqual([]);
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when its connections are reset',
    async () => {
      const accounts = await eachRound('connection dropped', async (load, proxy) => {
        proxy.drop();
        await load.more(JOBS_BETWEEN);
        proxy.drop();
        load.healed();
      });
      expect(problemsOf(accounts)).toEqual([]);
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when its connections are frozen: they are given up',
    async () => {
      const accounts = await eachRound('connection frozen', async (load, proxy) => {
        proxy.freeze();
        await after((TIMES.requestTimeout + TIMES.waitTimeSeconds) * 1_000 + OUTAGE_MS);
        expect(await load.isReady).toBe(false);
        proxy.heal();
        load.healed();
      });
      expect(problemsOf(accounts)).toEqual([]);
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when answers are lost on their way back',
    async () => {
      const accounts = await eachRound('answers lost', async (load, proxy) => {
        proxy.freeze('down');
        await after(TIMES.requestTimeout * 500);
        proxy.drop();
        proxy.heal();
        load.healed();
      });
      expect(problemsOf(accounts)).toEqual([]);
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
      const queue = freshQueue();
      const start = (round: number, isLast: boolean) =>
        startProcess('job-process.mjs', {
          ...{ dataDir: join(folder, 'data'), ledger, round, seed: seed + round, push: 500, numPollers: CONCURRENCY, isLast },
          pipeline: { driver: 'sqs', queue, ...PREFETCH, ...TIMES },
          kernelOptions: { failed: { store: 'memory' }, sqs: section(server.url) },
        });
      const kills: Kill[] = [];
      const recoveries: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const victim = start(round, false);
        await victim.line('ready');
        await after(200 + random() * 800);
        kills.push({ round, at: Date.now(), concurrency: CONCURRENCY });
        victim.kill('SIGKILL');
        await victim.ended;
        const recovery = recoveryMs(readLedger(ledger), round, victim.spawnedAt);
        if (recovery !== undefined) recoveries.push(recovery);
      }
      const survivor = start(ROUNDS, true);
      expect({ ...(await survivor.ended), output: survivor.output() }).toMatchObject({
        code: 0,
        signal: null,
        output: expect.stringContaining('ready\n'),
      });
      recoveries.push(recoveryMs(readLedger(ledger), ROUNDS, survivor.spawnedAt)!);
      const account = accountFor(readLedger(ledger), kills);
      reportFault({
        driver: 'sqs',
        fault: 'kernel killed',
        accepted: account.accepted,
        lost: account.lost.length,
        duplicates: sumOf(account.wereRunning) + sumOf(account.wereUnsynced),
        recoveryMs: Math.max(...recoveries),
      });
      expect(account.lost).toEqual([]);
      expect(account.unexplained).toEqual([]);
      expect(account.early).toEqual([]);
      expect(account.accepted).toBeGreaterThanOrEqual(500);
    },
    120_000 * ROUNDS,
  );
});
