import { join } from 'node:path';
import { SESSION, kafkaTest } from '../support/kafka.js';
import { createTempFolder } from '../support/temp-folder.js';
import { BrokerLoad, type LoadAccount } from './support/broker-load.js';
import { accountFor, readLedger, recoveryMs, sumOf, type Kill } from './support/ledger.js';
import { after, endProcesses, startProcess } from './support/processes.js';
import { chosenSeed, createRandom } from './support/random.js';

const ROUNDS = Number(process.env['NRR_ROUNDS'] ?? 1);
/** Short, so that a silent connection is given up soon. */
const REQUEST_TIMEOUT = '1s';
const JOBS_BETWEEN = 300;
const OUTAGE_MS = 300;
const PREFETCH = 1_000;
const MAX_RECOVERY_MS = 20_000;

const kafka = await kafkaTest({ own: true, proxied: true });

kafka.suite('A topic of Kafka', () => {
  afterEach(endProcesses);

  const pipelineOf = (topic: string) => ({
    driver: 'kafka',
    autoCreateTopicsEnable: true,
    producerOptions: { requestTimeout: REQUEST_TIMEOUT },
    consumerOptions: { topics: [topic] },
    groupOptions: { groupId: topic, ...SESSION },
    delayTopic: `${topic}.later`,
    prefetch: PREFETCH,
  });

  const report = (fault: string, round: number, { accepted, lost, duplicates, recoveryMs: recovery }: LoadAccount) =>
    process.stdout.write(
      `kafka, ${fault}, round ${round + 1}: ${accepted} jobs accepted, ${lost.length} lost, ${duplicates} ran twice, recovery ${Math.round(recovery ?? NaN)} ms\n`,
    );

  /** Answers the jobs that were lost. */
  const eachRound = async (fault: string, run: (load: BrokerLoad) => Promise<void>) => {
    const lost: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const load = await BrokerLoad.start(pipelineOf(kafka.freshName()), { kafka: kafka.section });
      try {
        await load.more(JOBS_BETWEEN);
        await run(load);
        await load.more(JOBS_BETWEEN);
        const account = await load.finish();
        report(fault, round, account);
        lost.push(...account.lost);
        expect(account.duplicates).toBeLessThanOrEqual(PREFETCH);
        expect(account.recoveryMs).toBeLessThan(MAX_RECOVERY_MS);
      } finally {
        await load.abandon();
      }
    }
    return lost;
  };

  it(
    'loses nothing when the broker is killed and started again',
    async () => {
      const lost = await eachRound('broker killed', async (load) => {
        await kafka.server.kill();
        await after(OUTAGE_MS);
        await kafka.server.restart();
        load.healed();
      });
      expect(lost).toEqual([]);
    },
    180_000 * ROUNDS,
  );

  it(
    'loses nothing when its connections are reset',
    async () => {
      const lost = await eachRound('connections reset', async (load) => {
        kafka.proxy!.drop();
        await load.more(JOBS_BETWEEN);
        kafka.proxy!.drop();
        load.healed();
      });
      expect(lost).toEqual([]);
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when its connections are frozen: they are given up',
    async () => {
      const lost = await eachRound('connections frozen', async (load) => {
        kafka.proxy!.freeze();
        await after(2_500);
        kafka.proxy!.heal();
        load.healed();
      });
      expect(lost).toEqual([]);
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when the process is killed, and what ran twice was running or not committed',
    async () => {
      const seed = chosenSeed();
      const random = createRandom(seed);
      const folder = createTempFolder();
      const ledger = join(folder, 'ledger');
      const topic = kafka.freshName();
      const start = (round: number, isLast: boolean) =>
        startProcess('job-process.mjs', {
          ...{ dataDir: join(folder, 'data'), ledger, round, seed: seed + round, push: 500, numPollers: 16, isLast },
          pipeline: pipelineOf(topic),
          kernelOptions: { failed: { store: 'memory' }, kafka: kafka.section },
        });
      const kills: Kill[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const victim = start(round, false);
        await victim.line('ready');
        await after(50 + random() * 200);
        kills.push({ round, at: Date.now(), concurrency: 16 });
        victim.kill('SIGKILL');
        await victim.ended;
      }
      const survivor = start(ROUNDS, true);
      expect({ ...(await survivor.ended), output: survivor.output() }).toEqual({ code: 0, signal: null, output: 'ready\n' });
      const account = accountFor(readLedger(ledger), kills);
      process.stdout.write(
        `kafka, process killed, ${ROUNDS} rounds, seed ${seed}: ${account.accepted} jobs accepted, ${account.lost.length} lost, ` +
          `${sumOf(account.wereRunning) + sumOf(account.wereUnsynced) + account.unexplained.length} ran twice, ` +
          `recovery ${recoveryMs(readLedger(ledger), ROUNDS, survivor.spawnedAt)} ms\n`,
      );
      expect(account.lost).toEqual([]);
      expect(account.early).toEqual([]);
      expect(account.accepted).toBeGreaterThanOrEqual(500);
    },
    120_000 + 60_000 * ROUNDS,
  );
});
