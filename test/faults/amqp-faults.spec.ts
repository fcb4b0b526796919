import { AmqpBench, freshName } from '../support/amqp.js';
import { broker } from '../support/brokers.js';
import { killRounds, problemsOfKills } from './support/kill-rounds.js';
import { cleanUpAfterEach, loadRounds, MOST_RECOVERY_MS, ROUND_TIMEOUT_MS, ROUNDS, type FaultSubject } from './support/load-rounds.js';
import { after } from './support/processes.js';
import { chosenSeed } from './support/random.js';

/** Short, so that a silent connection is given up soon. Unit: seconds. */
const HEARTBEAT_S = 1;
const PREFETCH = 100;
const JOBS_BETWEEN = 300;
const OUTAGE_MS = 300;
/** Longer than the start of RabbitMQ takes, and shorter. Unit: milliseconds. */
const DELAYS_MS = [12_000, 3_000];
const DELAYED_JOBS = 25;
const CONCURRENCY = 16;
/** Of one process; it is killed on its way. */
const PUSHES = 5_000;
const LAST_PUSHES = 500;
const PAUSE_MS = 10;

const rabbit = await broker('amqp', { own: true });

rabbit.suite('A queue of RabbitMQ', () => {
  cleanUpAfterEach(rabbit);
  const bench = new AmqpBench(() => rabbit.url);

  const durable = (queue: string) => ({
    driver: 'amqp',
    queue,
    durable: true,
    exchange: 'nrr.faults',
    exchangeDurable: true,
    prefetch: PREFETCH,
    heartbeat: HEARTBEAT_S,
  });

  const subject: FaultSubject = {
    driver: 'amqp',
    server: rabbit,
    jobsBetween: JOBS_BETWEEN,
    // Those that are lent, and pushes on their way; twice, for two ends in a row.
    mostTwice: 2 * (PREFETCH + 20),
    open: async () => {
      const { url, proxy } = await rabbit.proxy();
      return { pipeline: durable(freshName('faults')), kernelOptions: { amqp: { addr: url } }, proxy };
    },
  };

  it(
    'loses nothing, delayed jobs included, when the broker is killed and started again',
    async () => {
      const problems = await loadRounds(subject, 'broker killed', async ({ load }) => {
        for (const delayMs of DELAYS_MS) await load.later(DELAYED_JOBS, delayMs);
        await rabbit.kill();
        await load.becomes({ ready: false });
        await after(OUTAGE_MS);
        await rabbit.restart();
        load.healed();
      });
      expect(problems).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );

  it(
    'loses nothing when its connections are reset',
    async () => {
      const problems = await loadRounds(subject, 'connection dropped', async ({ load, proxy }) => {
        proxy.drop();
        await load.more(JOBS_BETWEEN);
        proxy.drop();
        load.healed();
        expect(proxy.accepted).toBeGreaterThanOrEqual(3);
      });
      expect(problems).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );

  it(
    'loses nothing when its connections are frozen: they are given up',
    async () => {
      const problems = await loadRounds(subject, 'connection frozen', async ({ load, proxy }) => {
        proxy.freeze();
        await load.becomes({ ready: false });
        proxy.heal();
        load.healed();
      });
      expect(problems).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );

  it(
    'loses nothing that is pushed after somebody deleted the queue',
    async () => {
      const problems = await loadRounds(subject, 'queue deleted', async ({ load, pipeline }) => {
        await (await bench.channel()).deleteQueue(String(pipeline['queue']));
        load.emptied();
        load.healed();
      });
      expect(problems).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );

  it(
    'loses nothing when the process is killed, and what runs twice was lent to it',
    async () => {
      const account = await killRounds({
        driver: 'amqp',
        rounds: ROUNDS,
        seed: chosenSeed(),
        pauseMs: PAUSE_MS,
        pipeline: durable(freshName('faults')),
        kernelOptions: { failed: { store: 'memory' }, amqp: { addr: rabbit.url } },
        life: (random) => ({ concurrency: CONCURRENCY, push: PUSHES, lengthMs: 100 + random() * 1_000, countsFrom: 'works' }),
        lastPush: () => LAST_PUSHES,
        lastConcurrency: CONCURRENCY,
      });
      // All of them were at the broker as sent and not settled, which is never more than that.
      expect(problemsOfKills(account, { mostAgain: PREFETCH, mostRecoveryMs: MOST_RECOVERY_MS, leastAccepted: LAST_PUSHES + ROUNDS })).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );
});
