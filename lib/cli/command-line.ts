import { parseArgs, type ParseArgsConfig } from 'node:util';
import { suggest } from '../config/suggest.js';
import { durationMs } from '../contract/duration.js';
import type { CliOptions, CommandForm } from './command-form.js';
import { CliUsageError } from './errors.js';

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** What was written behind the name of a command, checked against what it takes. */
export class CommandLine {
  readonly #values: Values;

  constructor(
    readonly command: string,
    /** What was written without an option, in its order. */
    readonly words: readonly string[],
    values: Values,
  ) {
    this.#values = values;
  }

  /** @throws CliUsageError when an option is unknown or lacks its value, or there are too few or too many words. */
  static read(command: CommandForm, args: readonly string[], shared: CliOptions): CommandLine {
    const options = { ...command.options, ...shared };
    const { values, positionals } = parse(command.name, args, options);
    checkWords(command, positionals);
    return new CommandLine(command.name, positionals, values);
  }

  has(option: string): boolean {
    return this.#values[option] === true;
  }

  text(option: string): string | undefined {
    const value = this.#values[option];
    return typeof value === 'string' ? value : undefined;
  }

  list(option: string): readonly string[] {
    const value = this.#values[option];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** @throws CliUsageError when it is no whole number of at least `min`. */
  integer(option: string, min: number): number | undefined {
    const value = this.text(option);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (/^-?\d+$/.test(value) && Number.isSafeInteger(number) && number >= min) return number;
    throw this.wrong(option, `is "${value}". Give a whole number, ${min} or more.`);
  }

  /** @throws CliUsageError when it is no number over 0. */
  positive(option: string): number | undefined {
    const value = this.text(option);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (/^\d+(?:\.\d+)?$/.test(value) && number > 0) return number;
    throw this.wrong(option, `is "${value}". Give a number over 0.`);
  }

  /** Unit: milliseconds. @throws CliUsageError when it is no duration. */
  duration(option: string, forms = 'seconds, or a duration such as 90s, 10m or 1h30m'): number | undefined {
    const value = this.text(option);
    if (value === undefined) return undefined;
    try {
      return durationMs(value, `--${option}`);
    } catch {
      throw this.wrong(option, `is "${value}". Give ${forms}.`);
    }
  }

  /** `key=value`, each time it was given, in its order. @throws CliUsageError when one has another form. */
  pairs(option: string): readonly (readonly [string, string])[] {
    return this.list(option).map((pair) => pairOf(pair) ?? fail(this.wrong(option, `is "${pair}". Write key=value.`)));
  }

  wrong(option: string, problem: string): CliUsageError {
    return new CliUsageError(`--${option} ${problem}`, this.command);
  }
}

/** `undefined` when the text is no `key=value`. */
export function pairOf(text: string): readonly [string, string] | undefined {
  const at = text.indexOf('=');
  return at <= 0 ? undefined : [text.slice(0, at), text.slice(at + 1)];
}

function fail(error: Error): never {
  throw error;
}

function parse(command: string, args: readonly string[], options: CliOptions): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options: configOf(options), allowPositionals: true, strict: true });
  } catch (error) {
    throw new CliUsageError(messageOf(error as NodeJS.ErrnoException, options), command);
  }
}

function configOf(options: CliOptions): NonNullable<ParseArgsConfig['options']> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { value, short, isList = false, fallback }]) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: isList,
        ...(short === undefined ? {} : { short }),
        ...(fallback === undefined ? {} : { default: fallback }),
      },
    ]),
  );
}

function messageOf({ code, message }: NodeJS.ErrnoException, options: CliOptions): string {
  const option = /'(?:-\w, )?(?<dashes>--?)(?<name>[^'= <]+)/.exec(message)?.groups;
  if (option === undefined) return message;
  const { dashes, name } = option;
  if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const value = options[name]?.value;
    return value === undefined ? `${dashes}${name} takes no value.` : `${dashes}${name} needs a value: ${dashes}${name} ${value}.`;
  }
  const near = suggest(name, Object.keys(options));
  return `There is no option ${dashes}${name}.${near === undefined ? '' : ` Did you mean --${near}?`}`;
}

function checkWords({ name, takes }: CommandForm, words: readonly string[]): void {
  const expected = takes === '' ? [] : takes.split(' ');
  const required = expected.filter((word) => word.startsWith('<'));
  if (words.length < required.length) throw new CliUsageError(`${required[words.length]} is missing.`, name);
  if (words.length > expected.length && !/…[>\]]$/.test(takes)) {
    throw new CliUsageError(`"${words[expected.length]}" is one word too many.`, name);
  }
}
