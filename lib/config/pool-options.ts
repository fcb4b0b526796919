import * as v from 'valibot';
import { JobsConfigError, type ConfigIssue } from '../contract/errors.js';
import { optionKey } from '../contract/option-spec.js';
import type { PoolSettings } from '../contract/settings.js';
import { pathOf, shown, wrongValue } from './issues.js';
import { poolEntries, poolSection, poolSettingsOf } from './rr-yaml/pool-section.js';
import { environment } from './rr-yaml/values.js';
import { about, check, closed, duration, filled, isRecord } from './schema.js';
import { suggest } from './suggest.js';

/** The key `pool`, checked. */
export interface PoolConfiguration {
  readonly settings: PoolSettings;
  /** What the workers run: a file, or a module with the name of its export; neither: the program of this process. */
  readonly entry?: string;
  readonly module?: string;
  /** More variables for the workers. */
  readonly env: Readonly<Record<string, string>>;
}

/** Keys of which one says what the workers run. */
const PROGRAMS = ['command', 'entry', 'module'] as const;

/**
 * Reads the key `pool`.
 *
 * @param path - Where it stands; what is wrong is added to `issues`.
 */
export function readPoolOptions(input: unknown, path: string, issues: ConfigIssue[]): PoolConfiguration | undefined {
  const options = check(closed(poolOptionEntries()), input, path, issues);
  const given = isRecord(input) ? PROGRAMS.filter((key) => input[key] !== undefined) : [];
  if (given.length > 1) {
    const names = given.map((key) => `"${key}"`).join(' and ');
    issues.push({ path, message: `${names} stand side by side, and each says what the workers run. Keep one of them.` });
  }
  if (options === undefined) return undefined;
  const { entry, module, env, ...pool } = options;
  return { settings: poolSettingsOf(pool), env, ...(entry === undefined ? {} : { entry }), ...(module === undefined ? {} : { module }) };
}

/**
 * Reads the key `pools`.
 *
 * @param path - Where it stands; what is wrong is added to `issues`.
 */
export function readNamedPools(input: unknown, path: string, issues: ConfigIssue[]): ReadonlyMap<string, PoolConfiguration> {
  const pools = new Map<string, PoolConfiguration>();
  if (!isRecord(input) || Object.keys(input).length === 0) {
    issues.push(wrongValue(path, input, 'an object with a section for each pool, by name'));
    return pools;
  }
  for (const [name, section] of Object.entries(input)) {
    const pool = readPoolOptions(section, pathOf(path, name), issues);
    if (name === '') issues.push(wrongValue(path, name, 'a name of at least one character'));
    if (pool !== undefined) pools.set(name, pool);
  }
  return pools;
}

/** @param pools - The names of those that there are. */
export function unknownPoolMessage(name: string, pools: readonly string[]): string {
  const near = suggest(name, pools);
  const hint =
    pools.length === 0 ? 'There is none: add "pools".' : near === undefined ? `There are: ${pools.join(', ')}.` : `Did you mean "${near}"?`;
  return `No pool is called ${shown(name)}. ${hint}`;
}

/** One line per option: checks, suggestions and the documentation are made from it. */
function poolOptionEntries() {
  return {
    ...poolEntries(() => duration()),
    entry: v.optional(about('The file that the workers run. Default: the one that this process runs.', filled('the path of a file'))),
    module: v.optional(
      about(
        'A module of Nest that the workers run without the file of this process: its URL or path, `#`, the name of its export.',
        filled('"file:///srv/app/app.module.js#AppModule"'),
      ),
    ),
    env: v.optional(about('More variables for the workers.', environment()), {}),
  };
}

/**
 * Reads the settings of the pool of a service: keys as in `.rr.yaml`, or in camelCase.
 *
 * @param path - Where they stand.
 * @throws JobsConfigError when they cannot be used.
 */
export function readPoolSection(settings: unknown, path: string): PoolSettings {
  const issues: ConfigIssue[] = [];
  if (settings !== undefined && !isRecord(settings)) throw new JobsConfigError([wrongValue(path, settings, 'a section with settings of a pool')]);
  const pool = check(poolSection(), withOptionNames(settings ?? {}), path, issues);
  if (pool === undefined || issues.length > 0) throw new JobsConfigError(issues);
  return pool;
}

/** `num_workers` is `numWorkers`, also one level deeper. */
function withOptionNames(section: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(section).map(([key, value]) => [nameOf(key), isRecord(value) ? withOptionNames(value) : value] as const);
  return Object.fromEntries(entries);
}

function nameOf(key: string): string {
  const name = key.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return optionKey(key) === key ? name : key;
}
