import { suggest } from '../config/suggest.js';
import { JobsConfigError, JobsError } from '../contract/errors.js';
import { messageOf } from '../contract/thrown.js';
import { VERSION } from '../runtime/version.js';
import type { CliOptions } from './command-form.js';
import { CommandLine } from './command-line.js';
import type { Command } from './command.js';
import { failedCommands } from './commands/failed.js';
import { jobsCommands } from './commands/jobs.js';
import { serveCommand } from './commands/serve.js';
import { validateCommand } from './commands/validate.js';
import { workerCommands } from './commands/workers.js';
import { CliUsageError } from './errors.js';
import { commandHelp, programHelp } from './help.js';
import type { CliIo } from './io.js';
import { visible } from './table.js';

const COMMANDS: readonly Command[] = [serveCommand, validateCommand, ...jobsCommands, ...failedCommands, ...workerCommands];
const SHARED: CliOptions = {
  json: { meaning: 'Prints JSON, for programs; errors too.' },
  help: { short: 'h', meaning: 'Says what the command does and takes.' },
};
const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/**
 * Runs one command line.
 *
 * @param args - Without the program itself.
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  try {
    return await run(args, io);
  } catch (error) {
    printError(error, args.includes('--json'), io);
    return error instanceof CliUsageError ? EXIT.usage : EXIT.failed;
  }
}

async function run(args: readonly string[], io: CliIo): Promise<number> {
  const first = args[0];
  if (first === '--version') {
    io.out(VERSION);
    return EXIT.done;
  }
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    const command = first === 'help' ? commandOf(args.slice(1)) : undefined;
    io.out(command === undefined ? programHelp(COMMANDS, SHARED) : commandHelp(command, SHARED));
    return first === undefined ? EXIT.usage : EXIT.done;
  }
  const command = commandOf(args) ?? unknown(args);
  const rest = args.slice(command.name.split(' ').length);
  if (asksForHelp(rest)) {
    io.out(commandHelp(command, SHARED));
    return EXIT.done;
  }
  const line = CommandLine.read(command, rest, SHARED);
  const { json, text, isFailure = false } = await command.run(line, io);
  if (line.has('json') && json !== undefined) io.out(JSON.stringify(json));
  else if (text !== undefined && !line.has('json')) io.out(lines(text).join('\n'));
  return isFailure ? EXIT.failed : EXIT.done;
}

/** Also where something else of the line is wrong. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

function commandOf(args: readonly string[]): Command | undefined {
  return COMMANDS.find(({ name }) => name === args[0] || name === `${args[0]} ${args[1]}`);
}

/** @throws CliUsageError always. */
function unknown([first = '', second]: readonly string[]): never {
  const inGroup = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (inGroup.length === 0) {
    const near =
      suggest(first, new Set(COMMANDS.map(({ name }) => name.split(' ')[0]!))) ??
      suggest(
        first,
        COMMANDS.map(({ name }) => name),
      );
    throw new CliUsageError(`There is no command "${first}".${near === undefined ? '' : ` Did you mean "${near}"?`}`);
  }
  const words = inGroup.map(({ name }) => name.slice(first.length + 1));
  const near = second === undefined ? undefined : suggest(second, words);
  const problem = second === undefined || second.startsWith('-') ? `"${first}" needs a word behind it` : `There is no command "${first} ${second}"`;
  throw new CliUsageError(near === undefined ? `${problem}: ${words.join(', ')}.` : `${problem}. Did you mean "${first} ${near}"?`);
}

function printError(error: unknown, asJson: boolean, io: CliIo): void {
  const message = messageOf(error);
  if (asJson) {
    const code = error instanceof CliUsageError ? 'USAGE' : error instanceof JobsError ? error.code : 'ERROR';
    const issues = error instanceof JobsConfigError ? { issues: error.issues } : {};
    io.err(JSON.stringify({ error: { code, message, ...issues } }));
    return;
  }
  for (const line of lines(message.replaceAll('\t', '  '))) io.err(line); // errors of the wire nest, a line each
  if (error instanceof CliUsageError) io.err(`See nestjs-roadrunner ${error.command === undefined ? '' : `${error.command} `}--help.`);
}

/** Whatever others have written in them is shown, not obeyed. */
function lines(text: string): string[] {
  return text.split('\n').map(visible);
}
