import { capabilities, createDriver } from '../../lib/drivers/sqs.driver.js';
import { broker } from '../support/brokers.js';
import { describeDriverContract } from './driver-contract.js';

const sqs = await broker('sqs');

sqs.suite('on a real server', () => {
  describeDriverContract({
    name: 'sqs',
    capabilities,
    createDriver: (context) => createDriver({ ...context, section: { endpoint: sqs.url, region: 'elasticmq', key: 'x', secret: 'x' } }),
    freshOptions: () => ({ queue: `contract-${crypto.randomUUID()}`, prefetch: 10, waitTimeSeconds: 1 }),
  });
});
