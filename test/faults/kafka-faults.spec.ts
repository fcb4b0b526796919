import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { Driver } from '../../lib/contract/driver.js';
import { aJob } from '../support/jobs.js';
import { SESSION, deleteTopic, kafkaTest, openKafkaDriver } from '../support/kafka.js';
import { killRounds, problemsOfKills } from './support/kill-rounds.js';
import { cleanUpAfterEach, loadRounds, MOST_RECOVERY_MS, ROUND_TIMEOUT_MS, ROUNDS, type FaultSubject } from './support/load-rounds.js';
import { after, within } from './support/processes.js';
import { chosenSeed } from './support/random.js';

/** Short, so that a silent connection is given up soon. */
const REQUEST_TIMEOUT = '1s';
const JOBS_BETWEEN = 300;
const JOBS_AT_ONCE = 20;
const OUTAGE_MS = 300;
const PREFETCH = 1_000;
/** Longer than the start of Kafka takes on a fast machine. Unit: milliseconds. */
const DELAY_MS = 8_000;
const DELAYED_JOBS = 25;
const CONCURRENCY = 16;
/** Of one process; it is killed on its way. */
const PUSHES = 5_000;
const LAST_PUSHES = 500;
const PAUSE_MS = 10;
/** Of the pushes: after a pause come 30 jobs on the average, and jobs are handled as fast. Unit: jobs per millisecond. */
const FASTEST_PACE = 30 / PAUSE_MS;
/** Five intervals of the commits: one of them may take long. Unit: milliseconds. */
const UNCOMMITTED_MS = 500;

const kafka = await kafkaTest({ own: true, proxied: true });

kafka.suite('A topic of Kafka', () => {
  cleanUpAfterEach(kafka.server);

  const pipelineOf = (topic: string) => ({
    driver: 'kafka',
    autoCreateTopicsEnable: true,
    producerOptions: { requestTimeout: REQUEST_TIMEOUT },
    topic,
    consumerOptions: { topics: [topic] },
    groupOptions: { groupId: topic, ...SESSION },
    delayTopic: `${topic}.later`,
    prefetch: PREFETCH,
  });

  const subject: FaultSubject = {
    driver: 'kafka',
    server: kafka.server,
    jobsBetween: JOBS_BETWEEN,
    mostTwice: PREFETCH,
    open: () => Promise.resolve({ pipeline: pipelineOf(kafka.freshName()), kernelOptions: { kafka: kafka.section }, proxy: kafka.proxy! }),
  };

  it(
    'loses nothing, delayed jobs included, when the broker is killed and started again',
    async () => {
      const problems = await loadRounds(subject, 'broker killed', async ({ load }) => {
        await load.later(DELAYED_JOBS, DELAY_MS);
        await kafka.server.kill();
        await load.becomes({ ready: false });
        await after(OUTAGE_MS);
        await kafka.server.restart();
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

  const becomes = async (driver: Driver, ready: boolean) => {
    const deadline = performance.now() + MOST_RECOVERY_MS;
    while ((await driver.stat()).ready !== ready) {
      if (performance.now() > deadline) throw new Error(`It is not so within ${MOST_RECOVERY_MS} ms that "ready" is ${ready}.`);
      await after(20);
    }
  };
  const stop = (driver: Driver) => driver.stop(deadlineAfter(systemClock, 5_000));
  const pushAll = (driver: Driver, names: readonly string[]) => Promise.all(names.map((name) => driver.push(aJob({ name }))));
  const JOB_NAMES = Array.from({ length: JOBS_AT_ONCE }, (_, index) => `old-${index}`);

  it(
    'runs nothing again whose first commit was swallowed by a frozen connection',
    async () => {
      const options = kafka.freshOptions({ producerOptions: { requestTimeout: REQUEST_TIMEOUT } });
      const { driver, inbox } = await openKafkaDriver(kafka, options, { pushTimeoutMs: MOST_RECOVERY_MS });
      try {
        await pushAll(driver, JOB_NAMES);
        const deliveries = await inbox.take(JOBS_AT_ONCE);
        kafka.proxy!.freeze();
        for (const delivery of deliveries) await delivery.ack();
        await becomes(driver, false);
        kafka.proxy!.heal();
        await becomes(driver, true);
        await driver.push(aJob({ name: 'new' }));
        expect((await inbox.next()).job.name).toBe('new');
      } finally {
        kafka.proxy!.heal();
        await stop(driver);
      }
    },
    ROUND_TIMEOUT_MS,
  );

  it(
    'loses nothing of a topic that was deleted and made anew unseen, and grew beyond what had been read of the old one',
    async () => {
      const options = kafka.freshOptions({ producerOptions: { requestTimeout: REQUEST_TIMEOUT } });
      const [topic] = options.consumerOptions!.topics as string[];
      const direct = { ...kafka, section: { brokers: [`${kafka.server.host}:${kafka.server.port}`] } };
      const { driver, inbox } = await openKafkaDriver(kafka, options);
      const { driver: producer } = await openKafkaDriver(direct, { ...options, topic: topic! }, { run: false });
      const newNames = [...JOB_NAMES, ...JOB_NAMES].map((_, index) => `new-${index}`);
      try {
        await pushAll(producer, JOB_NAMES);
        await inbox.take(JOBS_AT_ONCE); // not acked: nothing is committed that the broker could forget
        kafka.proxy!.cut();
        await becomes(driver, false);
        await deleteTopic(kafka, topic!);
        await pushAll(producer, newNames);
        kafka.proxy!.heal();
        const taken = await within(MOST_RECOVERY_MS, inbox.take(newNames.length));
        expect(new Set(taken?.map(({ job }) => job.name))).toEqual(new Set(newNames));
      } finally {
        kafka.proxy!.heal();
        await Promise.all([stop(driver), stop(producer)]);
      }
    },
    ROUND_TIMEOUT_MS,
  );

  it(
    'loses nothing that is pushed after somebody deleted the topic',
    async () => {
      const problems = await loadRounds(subject, 'queue deleted', async ({ load, pipeline }) => {
        await deleteTopic(kafka, String(pipeline['topic']));
        load.emptied();
        load.healed();
      });
      expect(problems).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );

  it(
    'loses nothing when the process is killed, and what ran twice was running or not committed',
    async () => {
      const account = await killRounds({
        driver: 'kafka',
        rounds: ROUNDS,
        seed: chosenSeed(),
        pauseMs: PAUSE_MS,
        pipeline: pipelineOf(kafka.freshName()),
        kernelOptions: { failed: { store: 'memory' }, kafka: kafka.section },
        life: (random) => ({ concurrency: CONCURRENCY, push: PUSHES, lengthMs: 500 + random() * 1_500, countsFrom: 'works' }),
        lastPush: () => LAST_PUSHES,
        lastConcurrency: CONCURRENCY,
      });
      expect(
        problemsOfKills(account, {
          mostAgain: FASTEST_PACE * UNCOMMITTED_MS,
          mostRecoveryMs: MOST_RECOVERY_MS,
          leastAccepted: LAST_PUSHES + ROUNDS,
        }),
      ).toEqual([]);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );
});
