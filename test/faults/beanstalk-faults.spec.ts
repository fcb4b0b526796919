import { broker } from '../support/brokers.js';
import { freshTube } from '../support/beanstalk-driver.js';
import { killRounds, problemsOfKills } from './support/kill-rounds.js';
import { cleanUpAfterEach, loadRounds, MOST_RECOVERY_MS, ROUND_TIMEOUT_MS, ROUNDS, type FaultSubject } from './support/load-rounds.js';
import { after } from './support/processes.js';
import { chosenSeed } from './support/random.js';

/** Time to run, connects and answers: short, so that a silent connection is given up soon. Unit: seconds. */
const TIMEOUT_S = 2;
/** Where the machine is only slow, a time to run that ends under a process that stands still would bring jobs again. Unit: seconds. */
const PATIENT_TIMEOUT_S = 30;
const PREFETCH = 100;
const JOBS_BETWEEN = 300;
const OUTAGE_MS = 300;
/** Longer than the outage. Unit: milliseconds. */
const DELAY_MS = 3_000;
const DELAYED_JOBS = 25;
const CONCURRENCY = 16;
/** Of one process; it is killed on its way. */
const PUSHES = 5_000;
const LAST_PUSHES = 500;
const PAUSE_MS = 10;

const server = await broker('beanstalk', { own: true });

// A tube cannot be deleted: it is there as long as a job is in it, or somebody uses it.
server.suite('A tube of beanstalkd', () => {
  cleanUpAfterEach(server);

  const section = (addr: string, timeoutS = TIMEOUT_S) => ({ beanstalk: { addr, timeout: `${timeoutS}s` } });
  const freshPipeline = () => ({ driver: 'beanstalk', tube: freshTube(), prefetch: PREFETCH });

  const subject: FaultSubject = {
    driver: 'beanstalk',
    server,
    jobsBetween: JOBS_BETWEEN,
    // Those that are reserved, and pushes on their way; twice, for two ends in a row.
    mostTwice: 2 * (PREFETCH + 20),
    open: async () => {
      const { url, proxy } = await server.proxy();
      return { pipeline: freshPipeline(), kernelOptions: section(url), proxy };
    },
  };

  it(
    'loses nothing, delayed jobs included, when the server is killed and started again',
    async () => {
      const problems = await loadRounds(subject, 'broker killed', async ({ load }) => {
        await load.later(DELAYED_JOBS, DELAY_MS);
        await server.kill();
        await load.becomes({ ready: false });
        await after(OUTAGE_MS);
        await server.restart();
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
    'loses nothing when the process is killed, and what runs twice was reserved by it',
    async () => {
      const account = await killRounds({
        driver: 'beanstalk',
        rounds: ROUNDS,
        seed: chosenSeed(),
        pauseMs: PAUSE_MS,
        pipeline: freshPipeline(),
        kernelOptions: { failed: { store: 'memory' }, ...section(server.url, PATIENT_TIMEOUT_S) },
        life: (random) => ({ concurrency: CONCURRENCY, push: PUSHES, lengthMs: 100 + random() * 1_000, countsFrom: 'works' }),
        lastPush: () => LAST_PUSHES,
        lastConcurrency: CONCURRENCY,
      });
      expect(problemsOfKills(account, { mostAgain: PREFETCH, mostRecoveryMs: MOST_RECOVERY_MS, leastAccepted: LAST_PUSHES + ROUNDS })).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );
});
