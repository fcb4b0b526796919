import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A program with what it has printed so far. */
export class RunningProgram {
  output = '';
  readonly child: ChildProcess;
  readonly #looks = new Set<() => void>();
  readonly #closed: Promise<unknown>;
  #isClosed = false;

  constructor(command: readonly string[], options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> } = {}) {
    const [program = '', ...args] = command;
    const { RR_MODE: _mode, RR_RPC: _rpc, JEST_WORKER_ID: _jest, ...own } = process.env;
    this.child = spawn(program, args, { cwd: options.cwd, env: { ...own, NO_COLOR: '1', ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        for (const look of this.#looks) look();
      });
    }
    this.#closed = once(this.child, 'close');
    this.child.on('close', () => {
      this.#isClosed = true;
      for (const look of this.#looks) look();
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  write(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** The first match in the output, or waits for it. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.output);
        if (match === null && !this.#isClosed) return; // it may have ended, and its last lines are on their way
        this.#looks.delete(look);
        if (match === null) reject(new Error(`It ended without printing ${String(pattern)}:\n${this.output}`));
        else resolve(match);
      };
      this.#looks.add(look);
      look();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until it ends by itself and all of its output is there; answers its exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    await this.#closed;
    return this.child.exitCode ?? this.child.signalCode;
  }

  /** Sends a signal and answers how it ended: its exit code, or the signal that Nest sends again after its hooks. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    if (!this.hasEnded) {
      const closed = once(this.child, 'exit');
      this.child.kill(signal);
      await closed;
    }
    return this.child.exitCode ?? this.child.signalCode;
  }
}

/** True while the process lives; one that nobody has waited for yet does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Looks until it is so. Unit: milliseconds. */
export async function until(isSo: () => boolean, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (!isSo() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  return isSo();
}
