import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('main.js', import.meta.url));

/** A process of the application, as its parent sees it. */
export class KernelProcess {
  private readonly child: ChildProcess;
  private readonly lines = new Set<string>();
  private readonly exited: Promise<unknown>;
  private look = () => {};

  constructor(
    readonly name: string,
    run: string,
    ...args: string[]
  ) {
    const env = { ...process.env, KERNEL_NAME: name, RUN: run };
    this.child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.exited = once(this.child, 'exit');
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.add(line);
      this.look();
    });
    void this.exited.then(() => this.look());
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Waits until the process has printed this line. */
  async printed(line: string): Promise<void> {
    while (!this.lines.has(line)) {
      if (this.hasEnded) throw new Error(`Process ${this.name} ended before it was "${line}". Its last words are above.`);
      await new Promise<void>((resolve) => (this.look = resolve));
    }
  }

  /** No handler, no hook, no last write. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Lets it finish what it has begun. */
  async stop(): Promise<void> {
    if (!this.hasEnded) this.child.kill('SIGTERM');
    await this.exited;
  }

  private get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}
