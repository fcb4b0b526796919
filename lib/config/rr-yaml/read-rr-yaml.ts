import { type ConfigIssue, JobsConfigError } from '../../contract/errors.js';
import type { LogSettings, PoolSettings, RpcSettings, ServerSettings } from '../../contract/settings.js';
import { pathOf, wrongValue } from '../issues.js';
import type { KernelOptions } from '../kernel-options.js';
import { unknownPoolMessage } from '../pool-options.js';
import { check, type Schema } from '../schema.js';
import { BOTH_POOLS, readKernelOptions } from '../settings.js';
import { suggest } from '../suggest.js';
import { type DriverSection, driverSections } from './driver-sections.js';
import { goDuration } from './go-duration.js';
import type { Environment } from './interpolate.js';
import { load, type LoadedYaml } from './load.js';
import { type DriverSpecs, PipelinesReader, readConsume } from './pipelines.js';
import { poolSection } from './pool-section.js';
import { DEFAULT_PARALLELISM, DEFAULT_RPC_LISTEN, namedPools, optionsSection, rootKeys, rootSections } from './root-table.js';
import { type NamedSection, SectionReader } from './section-reader.js';
import { isYamlMap } from './yaml-tree.js';

export interface ReadRrYamlOptions {
  /** The name of the file, for errors. Default: `.rr.yaml`. */
  readonly file?: string;
  /** What references such as `${PORT:-6001}` are replaced from. */
  readonly environment: Environment;
  /** Each `key.path=value`, as given to `-o`. Default: none. */
  readonly overrides?: readonly string[];
  /** Names of registered services: their sections are handed over as they are. Default: none. */
  readonly services?: readonly string[];
  /** The options of the drivers there are. Without it drivers and their options are checked by the kernel. */
  readonly drivers?: DriverSpecs;
  /** Reads an included file by the path written in `include`. Without it `include` is an error. */
  readonly readInclude?: (path: string) => string;
}

/** A `.rr.yaml`, checked and complete. */
export interface RrConfiguration {
  /** As the file says it. */
  readonly version: string;
  /** For `createKernel`. */
  readonly kernel: KernelOptions;
  /** `undefined` without a section `rpc`: nothing is opened. */
  readonly rpc?: RpcSettings;
  /** `undefined` without a section `server`: there are no worker processes. */
  readonly server?: ServerSettings;
  /** The workers of pipelines without a pool of their own; `undefined` without the sections `server` and `jobs`, or with `jobs.pools`. */
  readonly pool?: PoolSettings;
  /** By name; `pool` of a pipeline names one. */
  readonly pools: ReadonlyMap<string, PoolSettings>;
  /** Pipelines opened and closed at once. */
  readonly parallelism: number;
  readonly logs?: LogSettings;
  /** The global sections of brokers, by name of the driver. */
  readonly drivers: ReadonlyMap<string, DriverSection>;
  /** The sections of registered services, as they are in the file. */
  readonly sections: ReadonlyMap<string, unknown>;
  /** All of the file, with included files, overrides and references replaced, for `rpc.Config`. Secrets are not masked. */
  readonly resolved: unknown;
  /** What has no effect or is probably not meant. */
  readonly warnings: readonly ConfigIssue[];
}

const DEFAULT_FILE = '.rr.yaml';
/** Of keys that are there for their anchors, or for other programs. */
const OWN_KEY_PREFIX = 'x-';

/**
 * Reads a `.rr.yaml`. Opens and starts nothing.
 *
 * @throws {@link JobsConfigError} with everything that is wrong, each with file, line and path.
 */
export function readRrYaml(text: string, options: ReadRrYamlOptions): RrConfiguration {
  const { file = DEFAULT_FILE, environment, overrides = [], readInclude } = options;
  return new RootReader(load(text, { file, environment, overrides, readInclude }), options).read();
}

/**
 * Where the kernel of a `.rr.yaml` is called; `undefined` without a section `rpc`. The rest of the file is not looked at: the kernel may be a
 * RoadRunner, with drivers and plugins that are not here.
 *
 * @throws {@link JobsConfigError} when the file is none, or its section `rpc` is wrong.
 */
export function readRrRpc(text: string, options: ReadRrYamlOptions): RpcSettings | undefined {
  const { file = DEFAULT_FILE, environment, overrides = [], readInclude } = options;
  return new RootReader(load(text, { file, environment, overrides, readInclude }), options).readRpc();
}

interface JobsReading {
  /** Options of the kernel in camelCase. */
  readonly kernel: NamedSection;
  readonly pool?: PoolSettings;
  readonly pools: ReadonlyMap<string, PoolSettings>;
  readonly parallelism: number;
}

class RootReader {
  readonly #loaded: LoadedYaml;
  readonly #options: ReadRrYamlOptions;
  readonly #reader: SectionReader;
  readonly #tables = rootSections();

  constructor(loaded: LoadedYaml, options: ReadRrYamlOptions) {
    this.#loaded = loaded;
    this.#options = options;
    this.#reader = new SectionReader(loaded.positions);
  }

  read(): RrConfiguration {
    const { root, version, warnings } = this.#loaded;
    this.#warnOfUnknownKeys();
    const server = this.#section('server', this.#tables.server);
    const logs = this.#section('logs', this.#tables.logs);
    const endure = this.#section('endure', this.#tables.endure);
    const drivers = this.#drivers();
    const jobs = this.#jobs();
    const { kernel, rpc } = this.#kernel(jobs.kernel, endure?.gracePeriod);
    if (this.#reader.issues.length > 0) throw new JobsConfigError(this.#reader.issues);
    return {
      version,
      kernel,
      ...(rpc === undefined ? {} : { rpc }),
      ...(server === undefined ? {} : { server }),
      ...(server === undefined || jobs.pool === undefined ? {} : { pool: jobs.pool }),
      pools: jobs.pools,
      parallelism: jobs.parallelism,
      ...(logs === undefined ? {} : { logs }),
      drivers,
      sections: this.#services(),
      resolved: root,
      warnings: [...warnings, ...this.#reader.warnings],
    };
  }

  readRpc(): RpcSettings | undefined {
    const { rpc } = this.#kernel({}, undefined);
    if (this.#reader.issues.length > 0) throw new JobsConfigError(this.#reader.issues);
    return rpc;
  }

  #warnOfUnknownKeys(): void {
    const { root, anchored } = this.#loaded;
    const known = [...rootKeys(this.#tables), ...(this.#options.services ?? [])];
    for (const key of Object.keys(root)) {
      if (!this.#reader.canWarn) return;
      if (key === 'envfile') this.#reader.warnAt(root, key, key, 'The file is not read. Start with node --env-file, or set the variables.');
      if (known.includes(key.toLowerCase()) || known.includes(key) || anchored.has(key) || key.startsWith(OWN_KEY_PREFIX)) continue;
      const suggestion = suggest(key, known);
      const hint = suggestion === undefined ? '' : ` Did you mean "${suggestion}"?`;
      this.#reader.warnAt(root, key, key, `Nothing reads the section "${key}".${hint}`);
    }
  }

  #section<T>(name: string, schema: Schema<T>): T | undefined {
    const key = this.#keyOf(name);
    return key === undefined ? undefined : this.#reader.read(schema, this.#loaded.root, key);
  }

  /** As the file spells it; `undefined` when it is absent or has no value. */
  #keyOf(name: string): string | undefined {
    const { root } = this.#loaded;
    const key = Object.hasOwn(root, name) ? name : Object.keys(root).find((candidate) => candidate.toLowerCase() === name);
    return key === undefined || root[key] === null ? undefined : key;
  }

  #drivers(): ReadonlyMap<string, DriverSection> {
    const sections = new Map<string, DriverSection>();
    for (const [name, schema] of Object.entries(driverSections(goDuration))) {
      const section = this.#section(name, schema);
      if (section !== undefined) sections.set(name, section);
    }
    return sections;
  }

  #services(): ReadonlyMap<string, unknown> {
    const { root } = this.#loaded;
    return new Map((this.#options.services ?? []).filter((name) => Object.hasOwn(root, name)).map((name) => [name, root[name]]));
  }

  #jobs(): JobsReading {
    const { root, positions } = this.#loaded;
    const key = this.#keyOf('jobs');
    if (key === undefined) return { kernel: { consume: [] }, pools: new Map(), parallelism: DEFAULT_PARALLELISM };
    const named = this.#reader.renameAt(this.#tables.jobs, root, key, key, '');
    if (!isYamlMap(named)) this.#reader.add([wrongValue('', named, 'a section with "pipelines", "consume" and "pool"')]);
    const { pool, pools, options, pipelines: written, consume, ...kernel } = isYamlMap(named) ? named : {};
    const { pipelines, pools: chosen } = new PipelinesReader(this.#reader, positions, this.#options.drivers).read(written);
    const pooled = this.#pools(pool, pools);
    this.#checkPools(chosen, pooled.pools);
    return {
      kernel: { ...kernel, ...(pipelines === undefined ? {} : { pipelines }), consume: readConsume(consume, pipelines, this.#reader) },
      ...pooled,
      parallelism:
        options === undefined ? DEFAULT_PARALLELISM : (this.#check(optionsSection(), options, 'options')?.parallelism ?? DEFAULT_PARALLELISM),
    };
  }

  #pools(pool: unknown, pools: unknown): Pick<JobsReading, 'pool' | 'pools'> {
    if (pools === undefined) {
      const single = this.#check(poolSection(), pool ?? {}, 'pool');
      return { ...(single === undefined ? {} : { pool: single }), pools: new Map() };
    }
    if (pool !== undefined) {
      this.#reader.add([{ path: 'pools', message: BOTH_POOLS }]);
    }
    return { pools: this.#check(namedPools(), pools, 'pools') ?? new Map() };
  }

  #checkPools(chosen: ReadonlyMap<string, string>, pools: ReadonlyMap<string, PoolSettings>): void {
    for (const [pipeline, pool] of chosen) {
      if (pools.has(pool)) continue;
      this.#reader.add([{ path: `${pathOf('pipelines', pipeline)}.pool`, message: unknownPoolMessage(pool, [...pools.keys()]) }]);
    }
  }

  #kernel(jobs: NamedSection, gracePeriodMs: number | undefined): { kernel: KernelOptions; rpc: RpcSettings | undefined } {
    const shutdown = isYamlMap(jobs['shutdown']) ? jobs['shutdown'] : {};
    const grace =
      gracePeriodMs === undefined || shutdown['timeout'] !== undefined ? {} : { shutdown: { ...shutdown, timeout: gracePeriodMs / 1_000 } };
    const rpc = this.#rpc();
    const kernel = { ...jobs, ...grace, ...(rpc === undefined ? {} : { rpc }) };
    try {
      // Checked here: its type holds from then on.
      return { kernel: kernel as KernelOptions, rpc: readKernelOptions(kernel).rpc?.listen };
    } catch (error) {
      if (!(error instanceof JobsConfigError)) throw error;
      this.#reader.add(error.issues);
      return { kernel: {}, rpc: undefined };
    }
  }

  #rpc(): NamedSection | undefined {
    const key = this.#keyOf('rpc');
    if (key === undefined) return undefined;
    const section = this.#reader.renameAt(this.#tables.rpc, this.#loaded.root, key, key, 'rpc');
    if (isYamlMap(section))
      return { ...section, listen: section['listen'] === undefined || section['listen'] === '' ? DEFAULT_RPC_LISTEN : section['listen'] };
    this.#reader.add([wrongValue('rpc', section, `a section with "listen", such as "${DEFAULT_RPC_LISTEN}"`)]);
    return undefined;
  }

  #check<T>(schema: Schema<T>, value: unknown, name: string): T | undefined {
    const issues: ConfigIssue[] = [];
    const result = check(schema, value, name, issues);
    this.#reader.add(issues);
    return result;
  }
}
