// Child processes of the scripts: one way to start Node, npm and the tools of node_modules, on every system.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const require = createRequire(import.meta.url);
const KILL_AFTER_MS = 5_000;

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, capture?: boolean, quiet?: boolean, timeoutMs?: number }} [options] - `capture`
 *   returns what the program wrote to stdout; `quiet` shows its output only when it fails.
 * @returns {Promise<string>} stdout with `capture` or `quiet`, else an empty text.
 * @throws Error when it cannot be started, ends with another code than 0 or is still running after `timeoutMs`.
 */
export function run(command, args, { cwd = ROOT, env = process.env, capture = false, quiet = false, timeoutMs } = {}) {
  const title = [command, ...args].join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', capture || quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    let stdout = '';
    let all = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      all += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => (all += text));

    let late = false;
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => stopLate(), timeoutMs);
    const stopLate = () => {
      late = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
    };

    child.once('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`${title} could not be started: ${error.message}`, { cause: error }));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0 && !late) return resolve(stdout);
      const how = late ? `was still running after ${timeoutMs} ms` : `ended with ${signal ?? `exit code ${code}`}`;
      reject(new Error(`${title} ${how}${all === '' ? '.' : `:\n${all.trimEnd()}`}`));
    });
  });
}

/**
 * Runs a script with this Node, or with the binary in `options.node`.
 *
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2] & { node?: string }} [options]
 */
export function runNode(args, { node = process.execPath, ...options } = {}) {
  return run(node, args, options);
}

/**
 * Runs npm: the one that runs this script, else the one of the path.
 *
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function runNpm(args, options) {
  const cli = process.env['npm_execpath'];
  return cli === undefined ? run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, options) : runNode([cli, ...args], options);
}

/**
 * Path of the script behind a command of an installed package, so that no shell is needed to start it.
 *
 * @param {string} packageName
 * @param {string} [command] - Default: the name of the package without its scope.
 * @param {string} [root] - Project whose packages are meant.
 */
export function commandOf(packageName, command = packageName.replace(/^@[^/]+\//, ''), root = ROOT) {
  const manifestPath = join(root, 'node_modules', packageName, 'package.json');
  const { bin } = require(manifestPath);
  const script = typeof bin === 'string' ? bin : bin[command];
  if (script === undefined) throw new Error(`The package ${packageName} has no command ${command}. Its commands: ${Object.keys(bin).join(', ')}.`);
  return join(dirname(manifestPath), script);
}
