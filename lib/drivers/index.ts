import type { DriverRegistry } from '../contract/driver.js';

/** The drivers of this library. A driver is one file and one line. */
export const builtinDrivers: DriverRegistry = {
  memory: () => import('./memory.driver.js'),
  embedded: () => import('./embedded.driver.js'),
  boltdb: () => import('./embedded.driver.js'),
  beanstalk: () => import('./beanstalk.driver.js'),
  amqp: () => import('./amqp.driver.js'),
  sqs: () => import('./sqs.driver.js'),
  kafka: () => import('./kafka.driver.js'),
};
