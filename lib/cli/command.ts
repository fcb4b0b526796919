import type { CommandForm } from './command-form.js';
import type { CommandLine } from './command-line.js';
import type { CliIo } from './io.js';

/** What a command answers with: the one for programs, the other for people. */
export interface CommandResult {
  /** `undefined`: nothing is printed. */
  readonly json: unknown;
  /** Absent: nothing is printed. */
  readonly text?: string;
  /** The work was done and found something wrong. */
  readonly isFailure?: boolean;
}

/** One command: `jobs push`. */
export interface Command extends CommandForm {
  readonly summary: string;
  /** More for its help. */
  readonly details?: string;
  readonly examples: readonly string[];
  run(line: CommandLine, io: CliIo): Promise<CommandResult>;
}
