import type { ServerSettings } from '../contract/settings.js';

/** What workers get of the environment of this process: all, as with RoadRunner, or what a program needs to run. */
export type EnvMode = 'inherit' | 'clean';

/** What the environment of workers is made of. */
export interface EnvironmentParts {
  /** That of this process. */
  readonly own: Readonly<Record<string, string | undefined>>;
  readonly server: Pick<ServerSettings, 'relay' | 'env'>;
  readonly envMode: EnvMode;
  /** Where workers reach the kernel; absent: `RR_RPC` is not set. */
  readonly rpc: string | undefined;
  readonly version: string;
  readonly mode: string;
  /** Of one pool, over all the others. */
  readonly extra: Readonly<Record<string, string>>;
}

/** What `envMode: 'clean'` leaves of the environment of this process. */
const CLEAN_NAMES = new Set(['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'TEMP', 'TMP', 'SYSTEMROOT', 'COMSPEC', 'PATHEXT']);
const CLEAN_PREFIXES = ['LC_', 'NODE_', 'RR_'];
/** What is said to this process alone: a worker that took itself for a kernel would start workers, and those too. */
const OWN_NAMES = new Set(['JOBS_ROLE', 'RR_MODE', 'RR_RPC']);
const OWN_PREFIX = 'NRR_';

/**
 * The environment of a worker, in RoadRunner's order; what comes later wins: this process, RR_RELAY, RR_RPC, `server.env` with its names in
 * upper case, RR_VERSION, RR_MODE.
 */
export function workerEnvironment({ own, server, envMode, rpc, version, mode, extra }: EnvironmentParts): Record<string, string> {
  const environment: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && isPassed(name, envMode)) environment[name] = value;
  }
  environment['RR_RELAY'] = server.relay;
  if (rpc !== undefined) environment['RR_RPC'] = rpc;
  for (const [name, value] of Object.entries(server.env)) environment[name.toUpperCase()] = value;
  environment['RR_VERSION'] = version;
  environment['RR_MODE'] = mode;
  return Object.assign(environment, extra);
}

function isPassed(name: string, envMode: EnvMode): boolean {
  if (OWN_NAMES.has(name) || name.startsWith(OWN_PREFIX)) return false;
  if (envMode === 'inherit') return true;
  return CLEAN_NAMES.has(name.toUpperCase()) || CLEAN_PREFIXES.some((prefix) => name.startsWith(prefix));
}
