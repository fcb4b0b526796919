import { join } from 'node:path';
import { AmqpBench, freshName } from '../support/amqp.js';
import { broker } from '../support/brokers.js';
import { aJob } from '../support/jobs.js';
import { createTempFolder } from '../support/temp-folder.js';
import { BrokerLoad, type LoadAccount } from './support/broker-load.js';
import { accountFor, readLedger, recoveryMs, sumOf, type Kill } from './support/ledger.js';
import { after, endProcesses, startProcess } from './support/processes.js';
import { chosenSeed, createRandom } from './support/random.js';

const ROUNDS = Number(process.env['NRR_ROUNDS'] ?? 1);
/** Short, so that a silent connection is given up soon. Unit: seconds. */
const HEARTBEAT_S = 1;
const PREFETCH = 100;
const JOBS_BETWEEN = 300;
const OUTAGE_MS = 300;
/** Jobs that are lent, and pushes on their way, when a connection ends; twice, for two ends in a row. */
const MAX_UNDER_WAY = 2 * (PREFETCH + 20);
/** A dial that a frozen network swallowed is given up after 3 s, and the next one follows after its wait; a start of RabbitMQ takes seconds on a busy machine. */
const MAX_RECOVERY_MS = 20_000;
const CONCURRENCY = 16;

const rabbit = await broker('amqp', { own: true });

rabbit.suite('A queue of RabbitMQ', () => {
  const bench = new AmqpBench(() => rabbit.url);
  afterEach(endProcesses);

  const durable = (queue: string) => ({
    driver: 'amqp',
    queue,
    durable: true,
    exchange: 'nrr.faults',
    exchangeDurable: true,
    prefetch: PREFETCH,
    heartbeat: HEARTBEAT_S,
  });

  const expectNothingLost = (fault: string, round: number, { accepted, lost, duplicates, recoveryMs: recovery }: LoadAccount) => {
    process.stdout.write(
      `amqp, ${fault}, round ${round + 1}: ${accepted} jobs accepted, ${lost.length} lost, ${duplicates} ran twice, recovery ${Math.round(recovery ?? NaN)} ms\n`,
    );
    expect(lost).toEqual([]);
    expect(duplicates).toBeLessThanOrEqual(MAX_UNDER_WAY);
    expect(recovery).toBeLessThan(MAX_RECOVERY_MS);
  };

  type Proxy = Awaited<ReturnType<typeof rabbit.proxy>>['proxy'];
  const eachRound = async (fault: string, run: (load: BrokerLoad, proxy: Proxy, queue: string) => Promise<void>) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { url, proxy } = await rabbit.proxy();
      const queue = freshName('faults');
      const load = await BrokerLoad.start(durable(queue), { amqp: { addr: url } });
      await load.more(JOBS_BETWEEN);
      await run(load, proxy, queue);
      await load.more(JOBS_BETWEEN);
      expectNothingLost(fault, round, await load.finish());
    }
  };

  it(
    'loses nothing when the broker is killed and started again',
    async () => {
      await eachRound('broker killed', async (load) => {
        await rabbit.kill();
        expect(await load.isReady).toBe(false);
        await after(OUTAGE_MS);
        await rabbit.restart();
        load.healed();
      });
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when its connections are reset',
    async () => {
      await eachRound('connections reset', async (load, proxy) => {
        proxy.drop();
        await load.more(JOBS_BETWEEN);
        proxy.drop();
        load.healed();
        expect(proxy.accepted).toBeGreaterThanOrEqual(3);
      });
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when its connections are frozen: they are given up',
    async () => {
      await eachRound('connections frozen', async (load, proxy) => {
        proxy.freeze();
        // Two heartbeats have to be missed, counted from the end of the interval that runs.
        await after(3 * HEARTBEAT_S * 1_000 + OUTAGE_MS);
        expect(await load.isReady).toBe(false);
        proxy.heal();
        load.healed();
      });
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing that is pushed after somebody deleted the queue',
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const queue = freshName('faults');
        const first = await bench.run({ ...durable(queue), room: Infinity });
        for (let index = 0; index < 20; index++) await first.driver.push(aJob({ name: `before-${index}` }));
        for (const delivery of await first.inbox.take(20)) await delivery.ack();
        const deletedAt = performance.now();
        await (await bench.channel()).deleteQueue(queue);
        const names = Array.from({ length: 200 }, (_, index) => `after-${index}`);
        await Promise.all(names.map((name) => first.driver.push(aJob({ name }))));
        const seen = new Set<string>();
        while (seen.size < names.length) {
          const delivery = await first.inbox.next();
          seen.add(delivery.job.name);
          await delivery.ack();
        }
        process.stdout.write(
          `amqp, queue deleted, round ${round + 1}: 200 jobs accepted, 0 lost, recovery ${Math.round(performance.now() - deletedAt)} ms\n`,
        );
        expect(seen).toEqual(new Set(names));
      }
    },
    60_000 * ROUNDS,
  );

  it(
    'loses no delayed job when the broker is killed while they wait',
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const { driver, inbox } = await bench.run({ ...durable(freshName('faults')), pushTimeoutMs: 60_000 });
        const names = Array.from({ length: 50 }, (_, index) => `later-${index}`);
        await Promise.all(names.map((name, index) => driver.push(aJob({ name, delayMs: index % 2 === 0 ? 10_000 : 15_000 }))));
        await rabbit.kill();
        await rabbit.restart();
        const seen = new Set<string>();
        while (seen.size < names.length) {
          const delivery = await inbox.next();
          seen.add(delivery.job.name);
          await delivery.ack();
        }
        expect(seen).toEqual(new Set(names));
        process.stdout.write(`amqp, broker killed under delayed jobs, round ${round + 1}: 50 jobs accepted, 0 lost\n`);
      }
    },
    120_000 * ROUNDS,
  );

  it(
    'loses nothing when the process is killed, and what runs twice was lent to it',
    async () => {
      const seed = chosenSeed();
      const random = createRandom(seed);
      const folder = createTempFolder();
      const ledger = join(folder, 'ledger');
      const queue = freshName('faults');
      const start = (round: number, isLast: boolean) =>
        startProcess('job-process.mjs', {
          ...{ dataDir: join(folder, 'data'), ledger, round, seed: seed + round, push: 500, numPollers: CONCURRENCY, isLast },
          pipeline: durable(queue),
          kernelOptions: { failed: { store: 'memory' }, amqp: { addr: rabbit.url } },
        });
      const kills: Kill[] = [];
      const recoveries: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const victim = start(round, false);
        await victim.line('ready');
        await after(50 + random() * 200);
        kills.push({ round, at: Date.now(), concurrency: CONCURRENCY });
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
        `amqp, process killed, ${ROUNDS} rounds, seed ${seed}: ${account.accepted} jobs accepted, ${account.lost.length} lost, ` +
          `${sumOf(account.wereRunning) + sumOf(account.wereUnsynced)} ran twice, slowest recovery ${Math.max(...recoveries)} ms\n`,
      );
      expect(account.lost).toEqual([]);
      // A retry puts a new copy into the queue before it acks the old one: a death between the two leaves both.
      expect(account.unexplained.length).toBeLessThanOrEqual(PREFETCH * ROUNDS);
      expect(account.early).toEqual([]);
      expect(account.accepted).toBeGreaterThanOrEqual(500);
      expect(sumOf(account.wereRunning)).toBeLessThanOrEqual((CONCURRENCY + PREFETCH) * ROUNDS);
    },
    120_000 * ROUNDS,
  );
});
