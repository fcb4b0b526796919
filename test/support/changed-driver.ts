import type { Driver, DriverModule } from '../../lib/contract/driver.js';
import { capabilities, createDriver } from '../../lib/drivers/memory.driver.js';

/** The memory driver, but for what is given. */
export function memoryDriver(change: Partial<Driver>): DriverModule {
  const module: DriverModule<object> = { capabilities, options: [], createDriver: (context) => Object.assign(createDriver(context), change) };
  return module as unknown as DriverModule;
}
