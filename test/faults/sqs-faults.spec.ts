import { broker } from '../support/brokers.js';
import { RawQueue } from '../support/sqs.js';
import { killRounds, problemsOfKills } from './support/kill-rounds.js';
import { cleanUpAfterEach, loadRounds, MOST_RECOVERY_MS, ROUND_TIMEOUT_MS, ROUNDS, type FaultSubject } from './support/load-rounds.js';
import { after } from './support/processes.js';
import { chosenSeed } from './support/random.js';

/** Short, so that a silent connection is given up soon, and what a dead process held comes back soon. Unit: seconds. */
const TIMES = { requestTimeout: 2, waitTimeSeconds: 1, visibilityTimeout: 4 };
/**
 * Where the service is only slow, a request that is given up and repeated would make a second message; where the process stands still, a short
 * visibility would bring its jobs again. Unit: seconds.
 */
const PATIENT = { ...TIMES, requestTimeout: 20, visibilityTimeout: 10 };
const IN_FLIGHT = 64;
const JOBS_BETWEEN = 100;
const WRITE_BEHIND_MS = 1_000;
/** Longer than the outage. Unit: milliseconds. */
const DELAY_MS = 10_000;
const DELAYED_JOBS = 25;
const CONCURRENCY = 16;
/** Of one process; it is killed on its way. */
const PUSHES = 1_000;
const LAST_PUSHES = 200;
const PAUSE_MS = 10;
/** Of eight requests at once with ten each. */
const DELETES_ON_THEIR_WAY = 80;

const server = await broker('sqs', { own: true });

server.suite('A queue of SQS', () => {
  cleanUpAfterEach(server);

  const section = (endpoint: string) => ({ sqs: { endpoint, region: 'elasticmq', key: 'x', secret: 'x' } });
  const freshPipeline = () => ({ driver: 'sqs', queue: `faults-${crypto.randomUUID()}`, prefetch: 10, maxMessagesInFlight: IN_FLIGHT });

  const subject: FaultSubject = {
    driver: 'sqs',
    server,
    jobsBetween: JOBS_BETWEEN,
    // Those that are lent, those whose removal was on its way, and pushes on their way.
    mostTwice: IN_FLIGHT + DELETES_ON_THEIR_WAY + 20,
    open: async () => {
      const { url, proxy } = await server.proxy();
      return { pipeline: { ...freshPipeline(), ...TIMES }, kernelOptions: section(url), proxy };
    },
  };

  // Not killed, and not stopped while it is written to: ElasticMQ writes behind, and loses the last of what it accepted.
  it(
    'loses nothing, delayed jobs included, when the server is stopped and started again',
    async () => {
      const problems = await loadRounds(subject, 'broker stopped', async ({ load, proxy }) => {
        await load.later(DELAYED_JOBS, DELAY_MS);
        proxy.cut();
        await after(WRITE_BEHIND_MS);
        await server.stop();
        await load.becomes({ ready: false });
        await server.restart();
        proxy.heal();
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
    'loses nothing when answers are lost on their way back',
    async () => {
      const problems = await loadRounds(subject, 'answers lost', async ({ load, proxy }) => {
        proxy.freeze('down');
        await after(TIMES.requestTimeout * 500);
        proxy.drop();
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
        const queue = await RawQueue.open(server.url, String(pipeline['queue']));
        await queue.destroy();
        load.emptied();
        load.healed();
      });
      expect(problems).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );

  it(
    'loses nothing when the process is killed, and what runs twice was running, or on its way to the service',
    async () => {
      const account = await killRounds({
        driver: 'sqs',
        rounds: ROUNDS,
        seed: chosenSeed(),
        pauseMs: PAUSE_MS,
        // The SDK tells each process how long it goes on with this version of Node.
        nodeArgs: ['--no-warnings'],
        pipeline: { ...freshPipeline(), ...PATIENT },
        kernelOptions: { failed: { store: 'memory' }, ...section(server.url) },
        life: (random) => ({ concurrency: CONCURRENCY, push: PUSHES, lengthMs: 100 + random() * 1_000, countsFrom: 'works' }),
        lastPush: () => LAST_PUSHES,
        lastConcurrency: CONCURRENCY,
      });
      const mostAgain = CONCURRENCY + DELETES_ON_THEIR_WAY;
      expect(problemsOfKills(account, { mostAgain, mostRecoveryMs: MOST_RECOVERY_MS, leastAccepted: LAST_PUSHES + ROUNDS })).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );
});
