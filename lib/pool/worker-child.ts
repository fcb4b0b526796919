import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Clock, Timer } from '../contract/clock.js';
import type { JobsLogger } from '../contract/logger.js';
import { WorkerStartError } from '../contract/worker-errors.js';
import type { OrphanGuard } from './orphan-guard.js';
import { OutputLog } from './output-log.js';
import { setPatientTimer } from './patient-timer.js';
import { killGroup } from './process-group.js';

/** Where the frames of a worker travel: its standard pipes, a pipe of their own, or a socket that it opens itself. */
export type ChildRelay = 'pipes' | 'descriptor' | 'socket';

export interface WorkerChildOptions {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly relay: ChildRelay;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly clock: Clock;
  readonly logger: JobsLogger;
  readonly guard: OrphanGuard;
  /** What it writes is told when {@link WorkerChild.releaseOutput} is called, and not at all without. Default: `false`. */
  readonly holdsOutput?: boolean;
}

/** How a process ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The number of the descriptor, with the relay `descriptor`. */
export const RELAY_DESCRIPTOR = 3;
/** How long the rest of its output is waited for when a process has ended: a grandchild may hold its pipes. */
const REST_MS = 500;

/** A process of a worker, in a process group of its own: what it starts ends with it. */
export class WorkerChild {
  /** Resolves when it is dead and what it wrote was read. */
  readonly exited: Promise<ChildExit>;
  readonly #process: ChildProcess;
  readonly #relay: ChildRelay;
  readonly #stderr: OutputLog;
  readonly #stdout: OutputLog | undefined;
  #isAlive = true;

  private constructor(
    readonly pid: number,
    child: ChildProcess,
    options: WorkerChildOptions,
  ) {
    const { relay, clock, guard } = options;
    this.#process = child;
    this.#relay = relay;
    this.#stderr = this.#logOf(child.stderr!, 'stderr', options);
    this.#stdout = relay === 'pipes' ? undefined : this.#logOf(child.stdout!, 'stdout', options);
    child.stdin?.on('error', () => {});
    guard.add(pid);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#isAlive = false;
        // What it started must not go on without it, nor hold its pipes.
        killGroup(pid, 'SIGKILL');
        guard.remove(pid);
        let timer: Timer | undefined = setPatientTimer(clock, REST_MS, () => finish());
        const finish = (): void => {
          if (timer === undefined) return;
          timer.cancel();
          timer = undefined;
          for (const stream of child.stdio) stream?.destroy();
          resolve({ code, signal });
        };
        child.once('close', finish);
      });
    });
  }

  /** @throws {@link WorkerStartError} when the program cannot be run. */
  static async start(options: WorkerChildOptions): Promise<WorkerChild> {
    const { command, environment, relay, cwd, user } = options;
    const [program = '', ...args] = command;
    if (program === '') throw new WorkerStartError(command, 'The command is empty. Set "server.command".');
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        env: environment,
        cwd,
        ...user,
        stdio: relay === 'descriptor' ? ['ignore', 'pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe'],
        detached: process.platform !== 'win32',
        windowsHide: true,
      });
    } catch (cause) {
      throw startError(command, cause);
    }
    if (child.pid === undefined) {
      const cause = await new Promise((resolve) => child.once('error', resolve));
      throw startError(command, cause);
    }
    // A signal that cannot be sent is no error of its own.
    child.on('error', () => {});
    return new WorkerChild(child.pid, child, options);
  }

  /** The streams of its frames; not with the relay `socket`. */
  get streams(): { readonly input: Readable; readonly output: Writable } {
    if (this.#relay === 'pipes') return { input: this.#process.stdout!, output: this.#process.stdin! };
    const duplex = this.#process.stdio[RELAY_DESCRIPTOR] as Duplex;
    return { input: duplex, output: duplex };
  }

  /** The end of what it wrote to standard error; where that is nothing, to standard output. */
  get lastWords(): string {
    return this.#stderr.tail || (this.#stdout?.tail ?? '');
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** To all of its group; without effect when it is dead. */
  signal(signal: NodeJS.Signals): void {
    if (this.#isAlive) killGroup(this.pid, signal);
  }

  releaseOutput(): void {
    this.#stdout?.release();
    this.#stderr.release();
  }

  /** Reads no more input. */
  endInput(): void {
    this.#process.stdin?.end();
  }

  #logOf(stream: Readable, name: string, { clock, logger, holdsOutput = false }: WorkerChildOptions): OutputLog {
    const log = new OutputLog({ logger, clock, pid: this.pid, stream: name, isHeld: holdsOutput });
    stream.on('data', (chunk: Buffer) => log.write(chunk));
    stream.once('close', () => log.end());
    stream.on('error', () => {});
    return log;
  }
}

/** `exit code 3`, `signal SIGKILL`. */
export function describeExit({ code, signal }: ChildExit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

function startError(command: readonly string[], cause: unknown): WorkerStartError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT'
      ? `"${command[0]}" was not found. Give a program of PATH or a full path; text is split at spaces, without quotes.`
      : code === 'EACCES'
        ? `"${command[0]}" may not be run. Check its mode and its owner.`
        : `${message}.`;
  return new WorkerStartError(command, reason, { cause });
}
