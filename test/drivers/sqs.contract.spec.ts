import { capabilities, createDriver } from '../../lib/drivers/sqs.driver.js';
import { broker } from '../support/brokers.js';
import { describeDriverContract } from './driver-contract.js';

const sqs = await broker('sqs');

sqs.suite('on a real server', () => {
  describeDriverContract({
    name: 'sqs',
    capabilities,
    createDriver: (context) => createDriver({ ...context, section: { endpoint: sqs.url, region: 'elasticmq', key: 'x', secret: 'x' } }),
    // What a stop cuts off stays hidden until its visibility ends, which has to be within the time of a test.
    freshOptions: () => ({ queue: `contract-${crypto.randomUUID()}`, prefetch: 10, waitTimeSeconds: 1, visibilityTimeout: 20 }),
  });
});
