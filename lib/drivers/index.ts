import type { DriverRegistry } from '../contract/driver.js';

/** The drivers of this library. A driver is one file and one line. */
export const builtinDrivers: DriverRegistry = {
  memory: () => import('./memory.driver.js'),
  embedded: () => import('./embedded.driver.js'),
  boltdb: () => import('./embedded.driver.js'),
};
