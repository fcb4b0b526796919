/** What a command line is given of its process: tests give their own. */
export interface CliIo {
  /** Writes a line for people or programs. */
  out(line: string): void;
  /** Writes a line of what went wrong, or of what happens meanwhile. */
  err(line: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The path of a file is relative to it. */
  readonly workingDirectory: string;
  /** Makes relative paths of the kernel's files relative to `folder`. */
  changeDirectory(folder: string): void;
  /** All of the standard input. */
  readInput(): Promise<Uint8Array>;
  /** Calls back at every signal that asks for an end. */
  onStop(listener: (signal: string) => void): void;
  /** Ends the process at once. */
  exit(code: number): void;
}
