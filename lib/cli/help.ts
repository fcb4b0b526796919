import type { CliOption, CliOptions } from './command-form.js';
import type { Command } from './command.js';

const PROGRAM = 'nestjs-roadrunner';
const EXIT_CODES = 'Exit codes: 0 done, 1 failed, 2 wrong usage.';

/** What there is. */
export function programHelp(commands: readonly Command[], shared: CliOptions): string {
  const rows = commands.map(({ name, takes, summary }) => [`${name} ${takes}`.trim(), summary] as const);
  return [
    `Usage: ${PROGRAM} <command> [options]`,
    '',
    'Commands:',
    ...columns(rows),
    '',
    'Options of every command:',
    ...columns(optionRows(shared)),
    '',
    `${PROGRAM} <command> --help says more; --version says which version this is. ${EXIT_CODES}`,
  ].join('\n');
}

/** What one command does and takes. */
export function commandHelp({ name, takes, summary, details, examples, options }: Command, shared: CliOptions): string {
  return [
    `Usage: ${PROGRAM} ${`${name} ${takes}`.trim()} [options]`,
    '',
    summary,
    ...(details === undefined ? [] : ['', details]),
    '',
    'Options:',
    ...columns(optionRows({ ...options, ...shared })),
    '',
    'Examples:',
    ...examples.map((example) => `  ${PROGRAM} ${example}`),
    '',
    EXIT_CODES,
  ].join('\n');
}

function optionRows(options: CliOptions): (readonly [string, string])[] {
  return Object.entries(options).map(([name, option]) => [
    spelling(name, option),
    `${option.meaning}${option.isList === true ? ' Several times.' : ''}${option.fallback === undefined ? '' : ` Default: ${option.fallback}.`}`,
  ]);
}

function spelling(name: string, { short, value }: CliOption): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`);
}
