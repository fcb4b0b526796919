import type { OptionSpec } from '../contract/option-spec.js';
import { builtinDrivers } from '../drivers/index.js';

/** The options of the drivers of the library, by name of the driver: what a configuration is checked with before a kernel is made. */
export async function loadDriverOptions(): Promise<ReadonlyMap<string, readonly OptionSpec[]>> {
  const modules = Object.entries(builtinDrivers).map(async ([name, load]) => [name, (await load()).options] as const);
  return new Map(await Promise.all(modules));
}
