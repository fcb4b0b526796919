import { capabilities, createDriver } from '../../lib/drivers/kafka.driver.js';
import { kafkaTest } from '../support/kafka.js';
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
});
