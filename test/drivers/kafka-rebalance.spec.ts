import { Kafka, logLevel } from 'kafkajs';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { Driver } from '../../lib/contract/driver.js';
import { aJob } from '../support/jobs.js';
import { kafkaTest, openKafkaDriver } from '../support/kafka.js';

const PARTITIONS = 6;
const SLOW = 24;
const QUICK = 400;
/** Of quick jobs, over all rebalances. Without marks behind the slow ones it would be the most of them, with each rebalance. */
const MAX_TWICE = 60;

const kafka = await kafkaTest();

kafka.suite('a group whose members come and go under load', () => {
  const opened: Driver[] = [];
  const stop = (driver: Driver) => driver.stop(deadlineAfter(systemClock, 10_000));
  afterEach(() => Promise.all(opened.splice(0).map(stop)));

  it('loses no job, and repeats no more than what ran', async () => {
    const options = kafka.freshOptions();
    const { topics } = options.consumerOptions as { topics: string[] };
    const admin = new Kafka({ brokers: kafka.section['brokers'] as string[], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: topics[0]!, numPartitions: PARTITIONS }], waitForLeaders: true });
    await admin.disconnect();

    const runs = new Map<string, number>();
    let expected = SLOW;
    let allSeen = () => {};
    let letGo = () => {};
    const isOver = new Promise<void>((resolve) => (letGo = resolve));

    const join = async (): Promise<Driver> => {
      const { driver, inbox } = await openKafkaDriver(kafka, options, { pushTimeoutMs: 30_000 });
      opened.push(driver);
      void (async () => {
        for (;;) {
          const delivery = await inbox.next();
          const { name } = delivery.job;
          runs.set(name, (runs.get(name) ?? 0) + 1);
          // Nothing of a partition can be committed past its slow jobs.
          if (name.startsWith('slow')) void isOver.then(() => delivery.ack());
          else await delivery.ack();
          if (runs.size === expected) allSeen();
        }
      })();
      return driver;
    };
    const push = (driver: Driver, kind: string, count: number) =>
      Promise.all(Array.from({ length: count }, (_, index) => driver.push(aJob({ name: `${kind}-${index}` }))));
    const seen = () => new Promise<void>((resolve) => (allSeen = resolve));

    const a = await join();
    const slowSeen = seen();
    await push(a, 'slow', SLOW);
    await slowSeen;

    expected += 3 * QUICK;
    const all = seen();
    await push(a, 'first', QUICK);
    const pushing = push(a, 'second', QUICK);
    const b = await join();
    await pushing;
    const c = await join();
    await push(c, 'third', QUICK);
    await stop(b);
    await stop(a);
    await all;
    const [, , last] = opened;
    while ((await last!.stat()).reserved > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    letGo();

    const quick = [...runs].filter(([name]) => !name.startsWith('slow'));
    const twice = quick.reduce((sum, [, count]) => sum + count - 1, 0);
    process.stdout.write(`kafka, members come and go: ${quick.length} quick jobs, ${twice} runs too many\n`);
    expect(runs.size).toBe(expected);
    expect(twice).toBeLessThanOrEqual(MAX_TWICE);
  }, 120_000);
});
