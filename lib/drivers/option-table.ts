import { optionKey, type OptionSpec } from '../contract/option-spec.js';

/** What is said of an option besides its name, of which the key follows. */
type OptionFacts = Omit<OptionSpec, 'name' | 'key'>;

/** The options of a driver as data, one entry for each member of its options type: one that is forgotten does not compile. */
export function optionTable<O extends object>(facts: Readonly<Record<keyof O & string, OptionFacts>>): readonly OptionSpec[] {
  return Object.entries<OptionFacts>(facts).map(([name, said]) => ({ name, key: optionKey(name), ...said }));
}

/** The option `prefetch` of a driver that lends by it alone. */
export function lentAtOnce(standard: number): OptionFacts {
  return { type: 'integer', unit: 'jobs', min: 1, default: standard, meaning: 'Jobs lent to the kernel at once, running ones included.' };
}
