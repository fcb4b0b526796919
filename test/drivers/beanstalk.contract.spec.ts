import { capabilities, createDriver } from '../../lib/drivers/beanstalk.driver.js';
import { broker } from '../support/brokers.js';
import { describeDriverContract } from './driver-contract.js';

const beanstalkd = await broker('beanstalk');
const proxied = beanstalkd.missing === undefined ? await beanstalkd.proxy() : undefined;
let tubes = 0;

beanstalkd.suite('on beanstalkd', () => {
  describeDriverContract({
    name: 'beanstalk',
    capabilities,
    createDriver,
    freshOptions: () => ({
      ...(proxied === undefined ? {} : { addr: proxied.url }),
      tube: `contract-${process.pid}-${++tubes}`,
    }),
    loseConnection: async () => {
      const back = proxied?.proxy.nextConnection();
      proxied?.proxy.drop();
      await back;
    },
  });
});
