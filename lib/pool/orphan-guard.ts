import { spawn, type ChildProcess } from 'node:child_process';
import type { JobsLogger } from '../contract/logger.js';
import { killGroup } from './process-group.js';

const SHELL = '/bin/sh';
/**
 * Reads "+ pid" and "- pid" until its input ends, which is when this process ends, however it does. Then it gives the workers a second, and
 * ends the process groups of those that it still knows. It survives what a terminal or a supervisor sends to the kernel.
 */
const SCRIPT = `trap '' INT TERM HUP QUIT
groups=' '
while read -r sign pid; do
  case $groups in *" $pid "*) groups="\${groups%% $pid *} \${groups#* $pid }" ;; esac
  if [ "$sign" = + ]; then groups="$groups$pid "; fi
done
if [ "$groups" = ' ' ]; then exit 0; fi
sleep 1
for pid in $groups; do kill -s KILL -- "-$pid" 2>/dev/null; done`;
/** A guard that ends as soon as it begins, or cannot be started, is not started for ever. */
const MAX_RESTARTS = 5;

/**
 * Ends the process groups of workers when this process is killed. A good worker ends by itself when its input does; this is for
 * the others. One small shell process for all workers of this process, started with the first of them; without a shell, and on
 * Windows, there is none.
 */
export class OrphanGuard {
  readonly #logger: JobsLogger;
  readonly #pids = new Set<number>();
  #process: ChildProcess | undefined;
  #starts = 0;
  #isClosed = false;

  constructor(logger: JobsLogger) {
    this.#logger = logger;
  }

  /** Its process id; for tests and lists. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  add(pid: number): void {
    this.#pids.add(pid);
    if (this.#process === undefined) this.#start();
    else this.#process.stdin?.write(`+ ${pid}\n`);
  }

  /** The group is gone. */
  remove(pid: number): void {
    if (this.#pids.delete(pid)) this.#process?.stdin?.write(`- ${pid}\n`);
  }

  /** Kills all that it knows, at once. */
  killAll(): void {
    for (const pid of [...this.#pids]) {
      killGroup(pid, 'SIGKILL');
      this.remove(pid);
    }
  }

  /** It ends, and kills what it still knows. May be called twice. */
  close(): void {
    this.#isClosed = true;
    this.#process?.stdin?.end();
  }

  #start(): void {
    if (process.platform === 'win32' || this.#isClosed || this.#starts > MAX_RESTARTS) return;
    this.#starts++;
    // A session of its own: what ends the group of this process does not reach it. Its only variable is where to find "sleep".
    const guard = spawn(SHELL, ['-c', SCRIPT, 'nestjs-roadrunner-guard'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    });
    guard.once('error', (error) => {
      this.#logger.warn(`Workers that do not end with their input may outlive a kill of this process: ${error.message}`);
    });
    if (guard.pid === undefined) return; // the error says why; with too many open files it has no streams either
    guard.once('exit', () => this.#ended(guard));
    guard.stdin.on('error', () => {});
    // It must not keep this process alive.
    guard.unref();
    (guard.stdin as typeof guard.stdin & { unref?(): void }).unref?.();
    this.#process = guard;
    for (const pid of this.#pids) guard.stdin.write(`+ ${pid}\n`);
  }

  // Somebody killed it.
  #ended(guard: ChildProcess): void {
    if (this.#process !== guard) return;
    this.#process = undefined;
    if (this.#pids.size > 0) this.#start();
  }
}
