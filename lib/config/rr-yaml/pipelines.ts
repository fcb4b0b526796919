import { JobsConfigError } from '../../contract/errors.js';
import { optionKey, type OptionSpec } from '../../contract/option-spec.js';
import { COMMON_NAMES } from '../common-options.js';
import { pathOf, shown, unknownKeyMessage } from '../issues.js';
import type { ConsumeOption } from '../kernel-options.js';
import { nestedKeys, nestedSections } from '../nested-form.js';
import type { LeftOption } from '../option-bag.js';
import { FRAME, readPipeline } from '../pipeline.js';
import { suggest } from '../suggest.js';
import type { SectionReader } from './section-reader.js';
import { listOf } from './values.js';
import { isYamlMap, type Positions, type YamlMap } from './yaml-tree.js';

/** Names of drivers to their options. */
export type DriverSpecs = ReadonlyMap<string, readonly OptionSpec[]>;

export interface YamlPipelines {
  /** As `KernelOptions` take them; anything else than a map is handed on, for the check there. */
  readonly pipelines: unknown;
  /** Names of pipelines to names of pools. */
  readonly pools: ReadonlyMap<string, string>;
}

const CONFIG = 'config';
const POOL = 'pool';

/** Reads `jobs.pipelines`: keys without case, those that nobody reads told and left out, the options of known drivers checked. */
export class PipelinesReader {
  readonly #reader: SectionReader;
  readonly #positions: Positions;
  readonly #drivers: DriverSpecs | undefined;
  readonly #pools = new Map<string, string>();

  /** @param drivers - Absent: the options of drivers are checked by the kernel. */
  constructor(reader: SectionReader, positions: Positions, drivers: DriverSpecs | undefined) {
    this.#reader = reader;
    this.#positions = positions;
    this.#drivers = drivers;
  }

  read(input: unknown): YamlPipelines {
    if (!isYamlMap(input)) return { pipelines: input ?? undefined, pools: this.#pools };
    const pipelines = Object.create(null) as Record<string, unknown>;
    for (const name of Object.keys(input)) {
      const path = pathOf('pipelines', name);
      this.#reader.place(path, `jobs.${path}`, this.#positions.get(input, name));
      pipelines[name] = isYamlMap(input[name]) ? this.#section(name, input[name], path) : input[name];
    }
    return { pipelines, pools: this.#pools };
  }

  #section(name: string, input: YamlMap, path: string): YamlMap {
    const driver = input['driver'];
    const specs = typeof driver === 'string' ? this.#drivers?.get(driver) : undefined;
    const section = this.#level(input, path, specs);
    const nested = isYamlMap(section[CONFIG]) ? this.#level(section[CONFIG], pathOf(path, CONFIG), specs) : undefined;
    if (nested !== undefined) section[CONFIG] = nested;
    const pool = section[POOL] ?? nested?.[POOL];
    if (typeof pool === 'string') this.#pools.set(name, pool);
    if (section['name'] !== undefined && section['name'] !== name) {
      const message = `${shown(section['name'])} has no effect: the pipeline is called ${shown(name)}, as its key says. Remove it.`;
      this.#reader.warn({ path: pathOf(path, 'name'), message });
    }
    delete section['name'];
    if (typeof driver === 'string' && driver !== '' && this.#drivers !== undefined) this.#check(name, driver, section, path, specs);
    return section;
  }

  /** Options, and the objects among them that hold options of their own. */
  #level(input: YamlMap, path: string, specs: readonly OptionSpec[] = []): YamlMap {
    const level = this.#keys(input, path, knownKeys(specs));
    for (const name of nestedSections(specs)) {
      const inside = level[name];
      if (isYamlMap(inside)) level[name] = this.#keys(inside, pathOf(path, name), nestedKeys(specs, name));
    }
    return level;
  }

  #keys(input: YamlMap, path: string, keys: readonly string[]): YamlMap {
    const known = new Map(keys.map((key) => [key.toLowerCase(), key]));
    const section = Object.create(null) as YamlMap;
    for (const key of Object.keys(input)) {
      if (input[key] === null) continue; // a key without a value counts as absent
      const name = known.get(key.toLowerCase()) ?? key;
      section[name] = input[key];
      this.#reader.place(pathOf(path, name), `jobs.${pathOf(path, key)}`, this.#positions.get(input, key));
    }
    return section;
  }

  #check(name: string, driver: string, section: YamlMap, path: string, specs: readonly OptionSpec[] | undefined): void {
    if (specs === undefined) {
      this.#reader.add([{ path: pathOf(path, 'driver'), message: unknownDriverMessage(driver, this.#drivers!) }]);
      return;
    }
    try {
      const { ignored } = readPipeline({ ...section, name, driver }, specs, { retry: {} }, { path, lenient: true });
      for (const option of ignored) this.#ignore(section, option);
    } catch (error) {
      if (!(error instanceof JobsConfigError)) throw error;
      this.#reader.add(error.issues);
    }
  }

  #ignore(section: YamlMap, { name, inside, path, known }: LeftOption): void {
    const holder = inside.reduce((map, key) => map[key] as YamlMap, section);
    delete holder[name];
    this.#reader.warn({ path, message: `${unknownKeyMessage(name, known)} It has no effect.` });
  }
}

/** Reads `jobs.consume`. A name without a pipeline is one that is declared later, as in RoadRunner. */
export function readConsume(input: unknown, pipelines: unknown, reader: SectionReader): unknown {
  const names = input === undefined || input === null ? [] : listOf(input);
  if (names === undefined) return input; // told by the check of the options
  const known = new Set(isYamlMap(pipelines) ? Object.keys(pipelines) : []);
  return names.map((name, index): string | ConsumeOption => {
    if (known.has(name)) return name;
    if (!reader.canWarn) return { name, declaredLater: true };
    const suggestion = suggest(name, known);
    const hint = suggestion === undefined ? '' : ` Did you mean "${suggestion}"?`;
    reader.warn({
      path: pathOf('consume', index),
      message: `No pipeline is called ${shown(name)}; it is consumed as soon as it is declared.${hint}`,
    });
    return { name, declaredLater: true };
  });
}

function knownKeys(specs: readonly OptionSpec[]): string[] {
  const own = specs.flatMap(({ name, key, declareKey }) => (declareKey === undefined ? [name, key] : [name, key, declareKey]));
  return [...new Set([...FRAME, ...COMMON_NAMES.map(optionKey), ...own])];
}

function unknownDriverMessage(driver: string, drivers: DriverSpecs): string {
  const names = [...drivers.keys()];
  const suggestion = suggest(driver, names);
  const hint = suggestion === undefined ? `Use one of: ${names.join(', ')}.` : `Did you mean "${suggestion}"?`;
  return `There is no driver ${shown(driver)}. ${hint}`;
}
