import { runCli } from '../../../lib/cli/cli.js';
import type { CliIo } from '../../../lib/cli/io.js';
import { Inbox } from '../../support/inbox.js';

/** A process that does not exist. */
export class FakeIo implements CliIo {
  readonly outLines: string[] = [];
  readonly errLines: string[] = [];
  /** What `out` was given, for those who wait. */
  readonly printed = new Inbox<string>();
  readonly folders: string[] = [];
  /** How it was ended at once; `undefined` while it was not. */
  exitCode: number | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  #stop: ((signal: string) => void) | undefined;

  constructor(
    readonly workingDirectory: string,
    environment: Readonly<Record<string, string | undefined>> = {},
    readonly input: string = '',
  ) {
    this.environment = environment;
  }

  out(line: string): void {
    this.outLines.push(line);
    this.printed.put(line);
  }

  err(line: string): void {
    this.errLines.push(line);
  }

  changeDirectory(folder: string): void {
    this.folders.push(folder);
  }

  readInput(): Promise<Uint8Array> {
    return Promise.resolve(Buffer.from(this.input));
  }

  onStop(listener: (signal: string) => void): void {
    this.#stop = listener;
  }

  exit(code: number): void {
    this.exitCode = code;
  }

  signal(name: string): void {
    this.#stop?.(name);
  }
}

export interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. */
export async function runIn(io: FakeIo, ...args: string[]): Promise<CliRun> {
  const code = await runCli(args, io);
  return { code, out: io.outLines.join('\n'), err: io.errLines.join('\n') };
}
