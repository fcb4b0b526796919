import { capabilities, createDriver } from '../../lib/drivers/amqp.driver.js';
import { broker } from '../support/brokers.js';
import { describeDriverContract } from './driver-contract.js';

const rabbit = await broker('amqp');
const proxied = rabbit.missing === undefined ? await rabbit.proxy() : undefined;
let queues = 0;

rabbit.suite('on RabbitMQ', () => {
  describeDriverContract({
    name: 'amqp',
    capabilities,
    createDriver,
    freshOptions: () => ({
      ...(proxied === undefined ? {} : { addr: proxied.url }),
      queue: `contract-${process.pid}-${++queues}`,
      exchange: 'nrr.contract',
      exchangeDurable: true,
      durable: true,
      prefetch: 100,
    }),
    loseConnection: () => Promise.resolve(proxied?.proxy.drop()),
  });
});
