import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { JobsConfigError } from '../contract/errors.js';

/** What this process was started with. */
export interface StartedProcess {
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The program of workers, and what it is told. */
export interface WorkerProgram {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The variable that names the module of Nest that a worker runs. */
export const MODULE_VARIABLE = 'NRR_MODULE';

/** Flags of Node that belong to one process: a debugger has one port, a watcher and a test runner watch this one. */
const OWN_FLAGS = /^--(?:inspect|watch|test|eval|print|check|interactive|input-type|prof|cpu-prof|heap-prof|report-on)/;
const OWN_SHORT_FLAGS = new Set(['-e', '-p', '-pe', '-c', '-i']);
/** Of those, the ones whose value is the argument behind them. */
const FLAGS_WITH_VALUE = new Set(['-e', '-p', '-pe', '--eval', '--print', '--inspect-port', '--watch-path', '--input-type']);
const RUNNER = new URL('../nest/worker-main.js', import.meta.url);

/**
 * The program of this process as its workers run it: with the same flags, so that TypeScript runners go along.
 *
 * @param path - Where the settings stand, for errors.
 * @throws JobsConfigError when this process runs no file that could be started again.
 */
export function ownProgram(
  { entry, module }: { readonly entry?: string; readonly module?: string },
  path: string,
  { execPath, execArgv, argv, env }: StartedProcess = process,
): WorkerProgram {
  const flags = passedFlags(execArgv);
  if (module !== undefined) {
    const url = moduleUrl(module);
    return { command: [execPath, ...flags, fileURLToPath(RUNNER)], env: { [MODULE_VARIABLE]: url } };
  }
  if (entry !== undefined) {
    const file = entry.startsWith('file:') ? fileURLToPath(entry) : resolve(entry);
    return { command: [execPath, ...flags, file], env: {} };
  }
  const [, file, ...args] = argv;
  if (file === undefined || env['JEST_WORKER_ID'] !== undefined) {
    const reason = file === undefined ? 'This process runs no file' : 'This process runs the tests of Jest';
    throw new JobsConfigError([{ path, message: `${reason}, which its workers could run. Give "entry", "module" or "command".` }]);
  }
  return { command: [execPath, ...flags, file, ...args], env: {} };
}

/** Without what only one process can have. */
function passedFlags(execArgv: readonly string[]): string[] {
  const flags: string[] = [];
  for (let index = 0; index < execArgv.length; index++) {
    const flag = execArgv[index]!;
    if (!OWN_FLAGS.test(flag) && !OWN_SHORT_FLAGS.has(flag)) flags.push(flag);
    else if (FLAGS_WITH_VALUE.has(flag)) index++;
  }
  return flags;
}

/** A path is one of the working directory. */
function moduleUrl(module: string): string {
  if (/^[a-z][a-z+.-]+:/i.test(module)) return module;
  const [file = '', name] = module.split('#');
  const url = pathToFileURL(resolve(file)).href;
  return name === undefined ? url : `${url}#${name}`;
}
