import { type ConfigIssue, describeConfigIssue, JobsConfigError } from '../../contract/errors.js';
import type { Command, CommandResult } from '../command.js';
import type { CommandLine } from '../command-line.js';
import { DEFAULT_FILE, readConfiguration } from '../configuration.js';
import type { CliIo } from '../io.js';

export const validateCommand: Command = {
  name: 'validate',
  takes: '',
  summary: 'Checks a .rr.yaml and prints everything that is wrong, each with its line. Nothing is started.',
  examples: ['validate -c .rr.yaml', 'validate -c .rr.yaml -o jobs.pool.num_workers=8 --json'],
  options: {
    config: { short: 'c', value: '<file>', meaning: `The configuration. Default: ${DEFAULT_FILE}.` },
    override: { short: 'o', value: '<key=value>', isList: true, meaning: 'Takes the place of a value of the file.' },
  },
  run: validate,
};

async function validate(line: CommandLine, io: CliIo): Promise<CommandResult> {
  const file = line.text('config') ?? DEFAULT_FILE;
  const { issues, warnings } = await check(file, line.list('override'), io);
  const lines = [
    ...issues.map((issue) => `Error: ${describeConfigIssue(issue)}`),
    ...warnings.map((warning) => `Warning: ${describeConfigIssue(warning)}`),
    issues.length === 0 ? `${file} can be used.` : `${file} cannot be used: ${issues.length} ${issues.length === 1 ? 'error' : 'errors'}.`,
  ];
  return { json: { file, valid: issues.length === 0, issues, warnings }, text: lines.join('\n'), isFailure: issues.length > 0 };
}

interface Findings {
  readonly issues: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
}

async function check(file: string, overrides: readonly string[], io: CliIo): Promise<Findings> {
  try {
    return { issues: [], warnings: (await readConfiguration(file, overrides, io)).warnings };
  } catch (error) {
    if (error instanceof JobsConfigError) return { issues: error.issues, warnings: [] };
    throw error;
  }
}
