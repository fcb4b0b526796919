import type { DriverRegistry } from '../contract/driver.js';
import type { OptionSpec } from '../contract/option-spec.js';
import { builtinDrivers } from '../drivers/index.js';

/**
 * The options of drivers, by name of the driver: what a configuration is checked with before a kernel is made.
 *
 * @param drivers - Beside those of the library.
 */
export async function loadDriverOptions(drivers: DriverRegistry = {}): Promise<ReadonlyMap<string, readonly OptionSpec[]>> {
  const registry: DriverRegistry = { ...builtinDrivers, ...drivers };
  const modules = Object.entries(registry).map(async ([name, load]) => [name, (await load()).options] as const);
  return new Map(await Promise.all(modules));
}
