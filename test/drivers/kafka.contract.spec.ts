import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { capabilities, createDriver } from '../../lib/drivers/kafka.driver.js';
import { aJob } from '../support/jobs.js';
import { kafkaTest, openKafkaDriver } from '../support/kafka.js';
import { describeDriverContract } from './driver-contract.js';

const kafka = await kafkaTest({ own: true, proxied: true });

kafka.suite('on Kafka', () => {
  describeDriverContract({
    name: 'kafka',
    capabilities,
    createDriver: (context) => createDriver({ ...context, section: kafka.section }),
    freshOptions: () => kafka.freshOptions(),
    keepsLoans: true,
    loseConnection: () => Promise.resolve(kafka.proxy?.drop()),
  });

  it('is stopped by the deadline although its broker answers nothing', async () => {
    const { driver, inbox } = await openKafkaDriver(kafka, kafka.freshOptions({ producerOptions: { requestTimeout: '30s' } }));
    await driver.push(aJob());
    await (await inbox.next()).ack();
    kafka.proxy!.freeze();
    try {
      const startedAt = performance.now();
      await driver.stop(deadlineAfter(systemClock, 1_000));
      expect(performance.now() - startedAt).toBeLessThan(4_000); // a farewell may take 5 s on each connection
    } finally {
      kafka.proxy!.heal();
      kafka.proxy!.drop();
    }
  }, 60_000);
});
