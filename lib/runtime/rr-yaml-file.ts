import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { KernelOptions } from '../config/kernel-options.js';
import { readRrRpc, readRrYaml, type ReadRrYamlOptions, type RrConfiguration } from '../config/rr-yaml/read-rr-yaml.js';
import { isRecord } from '../config/schema.js';
import { readKernelOptions } from '../config/settings.js';
import type { DriverRegistry } from '../contract/driver.js';
import { JobsConfigError } from '../contract/errors.js';
import type { RpcSettings } from '../contract/settings.js';
import type { ServiceEntry } from '../host/service-host.js';
import { builtinServices } from './builtin-services.js';
import type { CreateKernelParts } from './create-kernel.js';
import { loadDriverOptions } from './driver-options.js';

/** Where a file lies, and what to do when it is not there. */
export interface RrYamlPlace {
  /** The path of the file is relative to it. */
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Follows "There is no such file." */
  readonly remedy: string;
}

/** How a file is read. */
export interface RrYamlReading extends RrYamlPlace {
  /** Each `key.path=value`. Default: none. */
  readonly overrides?: readonly string[];
  /** Whose sections are handed over as they are. Default: the services of the library. */
  readonly services?: readonly string[];
  /** Drivers beside those of the library. */
  readonly drivers?: DriverRegistry | undefined;
}

/** What a file says of its kernel beside the options. */
export type RrKernelParts = Pick<CreateKernelParts, 'workers' | 'configuration' | 'brokers'>;

/** The kernel of a file, to be made in this process. */
export interface RrKernel {
  /** As the file says it. */
  readonly configuration: RrConfiguration;
  /** The options of the kernel, with paths that this process finds. */
  readonly options: KernelOptions;
  readonly parts: RrKernelParts;
  /** The services of the library that the file has a section of. */
  readonly services: readonly ServiceEntry[];
}

const PEM_BEGIN = '-----BEGIN';
const UNIX = /^(unix:\/\/)(.+)$/i;
const TLS_FILES = new Set(['cert', 'key', 'ca', 'rootCa']);

/**
 * Reads a `.rr.yaml`, with the files that it includes, relative to its folder.
 *
 * @param file - As it was written: errors name it so.
 * @throws JobsConfigError with everything that is wrong.
 */
export async function readRrYamlFile(file: string, reading: RrYamlReading): Promise<RrConfiguration> {
  const { overrides = [], services = Object.keys(builtinServices), drivers } = reading;
  return readRrYaml(readText(file, reading), { ...sourceOf(file, reading), overrides, services, drivers: await loadDriverOptions(drivers) });
}

/**
 * Reads the kernel of a `.rr.yaml`, relative paths of which are those of its folder, as where the command `serve` works.
 *
 * @throws JobsConfigError with everything that is wrong.
 */
export async function readRrKernel(file: string, reading: RrYamlReading): Promise<RrKernel> {
  const configuration = await readRrYamlFile(file, reading);
  const folder = foreignFolder(file, reading);
  const { kernel, ...rest } = folder === undefined ? configuration : rooted(configuration, folder);
  return {
    configuration,
    options: kernel,
    parts: kernelPartsOf(rest, folder),
    services: builtinEntries(configuration),
  };
}

/**
 * Reads where the kernel of a file is called, which may be a RoadRunner and works in the folder of the file; `undefined` when the file opens none.
 *
 * @throws JobsConfigError when it is no such file, or its section `rpc` is wrong.
 */
export function readRrRpcFile(file: string, place: RrYamlPlace): RpcSettings | undefined {
  const rpc = readRrRpc(readText(file, place), sourceOf(file, place));
  const folder = foreignFolder(file, place);
  return rpc === undefined || folder === undefined ? rpc : { ...rpc, listen: absolutePaths(rpc.listen, folder) };
}

/**
 * What stands beside `configuration.kernel`, for `createKernel`. Without `workers.server` the jobs are for an executor.
 *
 * @param directory - The working directory of the workers. Default: that of this process.
 */
export function kernelPartsOf({ server, pool, pools, resolved, drivers }: Omit<RrConfiguration, 'kernel'>, directory?: string): RrKernelParts {
  const workers = {
    pools,
    ...(server === undefined ? {} : { server }),
    ...(pool === undefined ? {} : { pool }),
    ...(directory === undefined ? {} : { directory }),
  };
  return { workers, configuration: resolved, brokers: drivers };
}

/** The services of the library that the file has a section of. */
export function builtinEntries({ sections }: RrConfiguration): ServiceEntry[] {
  const entries = Object.entries(builtinServices).filter(([name]) => sections.has(name));
  return entries.map(([name, create]) => ({ service: create(), config: sections.get(name) }));
}

function rooted(configuration: RrConfiguration, folder: string): RrConfiguration {
  const { kernel, server, drivers } = configuration;
  const absolute = <T>(value: T): T => absolutePaths(value, folder);
  return {
    ...configuration,
    kernel: { ...absolute(kernel), dataDir: resolve(folder, readKernelOptions(kernel).settings.dataDir) },
    ...(server === undefined ? {} : { server: { ...server, relay: absolute(server.relay) } }),
    drivers: new Map([...drivers].map(([name, section]) => [name, absolute(section)])),
  };
}

function absolutePaths<T>(value: T, folder: string): T {
  return withPaths(value, (path) => resolve(folder, path)) as T;
}

/** Changes the paths of sockets, and those of the files of a section `tls`. */
function withPaths(value: unknown, change: (path: string) => string, isTls = false): unknown {
  if (typeof value === 'string') return value.replace(UNIX, (_, scheme: string, path: string) => scheme + change(path));
  if (!isRecord(value)) return value;
  const isFile = (key: string, inside: unknown): inside is string =>
    isTls && TLS_FILES.has(key) && typeof inside === 'string' && inside !== '' && !inside.trimStart().startsWith(PEM_BEGIN);
  const entries = Object.entries(value).map(([key, inside]) => [
    key,
    isFile(key, inside) ? change(inside) : withPaths(inside, change, key === 'tls'),
  ]);
  return Object.fromEntries(entries);
}

/** The folder of the file; `undefined` where it is the working directory, and paths stay as they are written: that of a socket may not be long. */
function foreignFolder(file: string, { workingDirectory }: RrYamlPlace): string | undefined {
  const folder = dirname(resolve(workingDirectory, file));
  return folder === resolve(workingDirectory) ? undefined : folder;
}

function sourceOf(file: string, { workingDirectory, environment }: RrYamlPlace): ReadRrYamlOptions {
  const folder = dirname(resolve(workingDirectory, file));
  return { file, environment, readInclude: (included) => readFileSync(resolve(folder, included), 'utf8') };
}

function readText(file: string, { workingDirectory, remedy }: RrYamlPlace): string {
  try {
    return readFileSync(resolve(workingDirectory, file), 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? `There is no such file. ${remedy}` : `It cannot be read: ${message}.`;
    throw new JobsConfigError([{ file, path: '', message: problem }], { cause });
  }
}
