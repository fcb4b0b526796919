import * as v from 'valibot';
import { shown, wrongValueMessage } from '../issues.js';
import { isRecord, noted, scalar, type Schema } from '../schema.js';

const LIST_JSON = { type: ['array', 'string'], items: { type: 'string' } };
const COMMAND_JSON = { type: ['string', 'array'], items: { type: 'string' } };

/** A list of texts; RoadRunner also takes a text with commas. Blanks around the parts do not count. */
export function textList(expected: string): Schema<readonly string[]> {
  return scalar(expected, listOf, LIST_JSON);
}

export function listOf(input: unknown): string[] | undefined {
  if (typeof input === 'string') return input.split(',').flatMap((part) => part.trim() || []);
  if (!Array.isArray(input)) return undefined;
  const texts = (input as unknown[]).map(textOf);
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

/**
 * The arguments of a program. A text, and a list of one text, is split at every single space, as RoadRunner does: quotes are no quotes,
 * two spaces make an empty argument. Commas stay.
 */
export function command(): Schema<readonly string[]> {
  const list = scalar('a program with its arguments: "node worker.js", or the list ["node", "worker.js"]', argumentsOf, COMMAND_JSON);
  return noted({ warning: commandWarning }, list);
}

function argumentsOf(input: unknown): string[] | undefined {
  const list = typeof input === 'string' ? [input] : listOf(input);
  const parts = list?.length === 1 ? list[0]!.split(' ') : list;
  return parts?.[0] === undefined || parts[0] === '' ? undefined : parts;
}

function commandWarning(input: unknown): string | undefined {
  if (typeof input !== 'string' || !/["']| {2}/.test(input)) return undefined;
  return 'The text is split at every single space: quotes stay in the arguments, two spaces make an empty one. Write a list: ["node", "worker.js"].';
}

/**
 * Variables of a process: a map, or a list of maps. Names become upper case and `true` becomes `1`, as in RoadRunner.
 */
export function environment(): Schema<Readonly<Record<string, string>>> {
  return scalar('variables by name, each a text, a number or true or false', variablesOf, { type: ['object', 'array'] });
}

function variablesOf(input: unknown): Readonly<Record<string, string>> | undefined {
  const maps: unknown[] = Array.isArray(input) ? input : [input];
  if (!maps.every(isMap)) return undefined;
  const variables = maps
    .flatMap((map) => Object.entries(map))
    .map(([name, value]) => [name.toUpperCase(), value === null ? '' : textOf(value)] as const);
  if (variables.some(([, value]) => value === undefined)) return undefined;
  return Object.fromEntries(variables) as Record<string, string>;
}

/** A choice that RoadRunner does not check: any other text is told as a warning and counts as `fallback`. */
export function lenientChoice<const T extends string>(choices: readonly T[], fallback: T): Schema<T> {
  const choice = (input: unknown): T | undefined => choices.find((item) => item === input);
  const expected = `one of ${choices.map((item) => `"${item}"`).join(', ')}`;
  const warning = (input: unknown): string | undefined =>
    typeof input !== 'string' || choice(input) !== undefined ? undefined : `${shown(input)} is not ${expected}; it counts as "${fallback}".`;
  const read = (input: unknown): T | undefined => (typeof input === 'string' ? (choice(input) ?? fallback) : undefined);
  return noted({ warning }, scalar(expected, read, { anyOf: [{ enum: choices }, { type: 'string' }] }));
}

/** A section whose keys a user chooses, with the same under each. */
export function named<T>(each: Schema<T>): Schema<ReadonlyMap<string, T>> {
  const expected = 'a section with names of your choice';
  const checked = v.pipe(
    v.unknown(),
    v.rawTransform<unknown, ReadonlyMap<string, T>>(({ dataset: { value }, addIssue, NEVER }) => {
      if (!isRecord(value)) {
        addIssue({ message: wrongValueMessage(value, expected) });
        return NEVER;
      }
      const result = new Map<string, T>();
      for (const key of Object.keys(value)) {
        const read = v.safeParse(each, value[key]);
        if (read.success) result.set(key, read.output);
        const at = { type: 'object', origin: 'value', input: value, key, value: value[key] } as const;
        for (const issue of read.issues ?? []) addIssue({ message: issue.message, path: [at, ...(issue.path ?? [])] });
      }
      return result;
    }),
  );
  return noted({ named: each }, checked);
}

// Not that of the reader of YAML: the options of a kernel are read without it.
function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  return typeof value === 'boolean' ? (value ? '1' : '0') : undefined;
}
