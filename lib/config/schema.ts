import * as v from 'valibot';
import { durationMs } from '../contract/duration.js';
import type { ConfigIssue } from '../contract/errors.js';
import { pathOf, unknownKeyMessage, wrongValueMessage } from './issues.js';

export type Schema<T> = v.GenericSchema<unknown, T>;

export interface IntegerRange {
  readonly min?: number;
  readonly max?: number;
  readonly unit?: string;
  /** For the error only. */
  readonly default?: unknown;
}

const INTEGER_TEXT = /^[+-]?\d+$/;
const MS_PER_SECOND = 1_000;
const NUMBER_TEXT = /^[+-]?\d+(?:\.\d+)?$/;

/** A JSON Schema, as far as ours need one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a check says about itself: the keys of `.rr.yaml` and the JSON Schema are made from it. */
export interface SchemaNote {
  readonly json?: JsonSchema;
  /** Of a section: its keys, in camelCase. */
  readonly entries?: v.ObjectEntries;
  /** Of a section with names that a user chooses: what stands under each. */
  readonly named?: Schema<unknown>;
  readonly meaning?: string;
  /** What is odd about a value of `.rr.yaml` that is taken all the same. */
  readonly warning?: (input: unknown) => string | undefined;
}

const DURATION_JSON: JsonSchema = { type: ['number', 'string'], minimum: 0 };
/** Values of `.rr.yaml` may be references, which are text until they are read. */
const REFERENCE = '\\$';

/** Adds what the value means. */
export function about<T>(meaning: string, schema: Schema<T>): Schema<T> {
  return noted({ meaning }, schema);
}

export function noted<T>(note: SchemaNote, schema: Schema<T>): Schema<T> {
  return v.pipe(schema, v.metadata({ ...note }));
}

/** Also of what may be left out. */
export function noteOf(schema: v.GenericSchema): SchemaNote {
  const { note } = unwrapped(schema);
  return note;
}

/** What is said about a value, and the default it was given where it may be left out. */
export function unwrapped(schema: v.GenericSchema): { note: SchemaNote; isOptional: boolean; default?: unknown } {
  const outer: SchemaNote = v.getMetadata(schema as v.SchemaWithPipe<readonly [v.GenericSchema]>);
  if (schema.type !== 'optional') return { note: outer, isOptional: false };
  const optional = schema as v.OptionalSchema<v.GenericSchema, unknown>;
  return { note: { ...noteOf(optional.wrapped), ...outer }, isOptional: true, default: optional.default };
}

/** One value: what `read` makes of it, or an error that names it and says what is `expected`. */
export function scalar<T>(expected: string, read: (input: unknown) => T | undefined, json: JsonSchema = {}): Schema<T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const value = read(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: wrongValueMessage(dataset.value, expected) });
      return NEVER;
    }),
    v.metadata({ json }),
  );
}

/** A whole number, or its decimal text: environment variables and Declare maps know only text. */
export function integer(range: IntegerRange = {}): Schema<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = range;
  const read = (input: unknown): number | undefined => {
    const value = numberOf(input, INTEGER_TEXT);
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  };
  return scalar(integerExpected(range), read, {
    type: ['integer', 'string'],
    ...(range.min === undefined ? {} : { minimum: min }),
    ...(range.max === undefined ? {} : { maximum: max }),
    pattern: `^\\s*[+-]?\\d+\\s*$|${REFERENCE}`,
  });
}

/** A number of at least `min`, or its decimal text. */
export function finite(min: number): Schema<number> {
  const read = (input: unknown): number | undefined => {
    const value = numberOf(input, NUMBER_TEXT);
    return Number.isFinite(value) && value >= min ? value : undefined;
  };
  return scalar(`a number, ${min} or more`, read, { type: ['number', 'string'], minimum: min });
}

/** Seconds or duration text, read as milliseconds. */
export function duration(hint = '0 or more', minMs = 0): Schema<number> {
  const read = (input: unknown): number | undefined => {
    const ms = millisecondsOf(input);
    return ms !== undefined && ms >= minMs ? ms : undefined;
  };
  return scalar(durationExpected(hint), read, DURATION_JSON);
}

/** Whole seconds, as a number or as duration text, read as seconds. */
export function wholeSeconds(range: IntegerRange = {}): Schema<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  const read = (input: unknown): number | undefined => {
    const value = (millisecondsOf(input) ?? Number.NaN) / MS_PER_SECOND;
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  };
  return scalar(`${integerExpected({ ...range, unit: 'seconds' })}, or a duration text such as "90s"`, read, {
    type: ['integer', 'string'],
    minimum: min,
    ...(range.max === undefined ? {} : { maximum: max }),
  });
}

/** Seconds or duration text, checked and kept as it is. */
export function durationAsWritten(): Schema<number | string> {
  return scalar(
    durationExpected('0 or more'),
    (input) => (millisecondsOf(input) === undefined ? undefined : (input as number | string)),
    DURATION_JSON,
  );
}

export function oneOf<const T extends string>(choices: readonly T[]): Schema<T> {
  const expected = choices.length === 1 ? `"${choices[0]}"` : `one of ${choices.map((choice) => `"${choice}"`).join(', ')}`;
  return scalar(expected, (input) => choices.find((choice) => choice === input), {
    anyOf: [{ enum: choices }, { type: 'string', pattern: REFERENCE }],
  });
}

export function text(expected = 'a text'): Schema<string> {
  return scalar(expected, (input) => (typeof input === 'string' ? input : undefined), { type: 'string' });
}

/** A text of at least one character. */
export function filled(expected: string): Schema<string> {
  return scalar(expected, (input) => (typeof input === 'string' && input !== '' ? input : undefined), { type: 'string', minLength: 1 });
}

/** `true`, `false` or the text of it; no other word, so that `"yes"` is not taken for false. */
export function flag(): Schema<boolean> {
  return scalar('true or false', flagOf, { type: ['boolean', 'string'], pattern: `^(?:true|false)$|${REFERENCE}` });
}

/** An object, or the JSON text of one. PHP writes an empty map as `[]`. */
export function map(): Schema<Readonly<Record<string, unknown>>> {
  return scalar('an object, or the JSON text of one', mapOf, { type: ['object', 'string'] });
}

/**
 * An object with these keys and no others. Every wrong and every unknown key is told, also one that a plain object
 * inherits, such as `constructor`.
 */
export function closed<const E extends v.ObjectEntries>(entries: E): Schema<v.InferOutput<v.ObjectSchema<E, undefined>>> {
  const shape = v.object(entries, 'It is missing. Give it a value.');
  const known = Object.keys(entries);
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, v.InferOutput<typeof shape>>(({ dataset: { value }, addIssue, NEVER }) => {
      if (!isRecord(value)) {
        addIssue({ message: wrongValueMessage(value, `an object with some of the keys ${known.join(', ')}`) });
        return NEVER;
      }
      const result = v.safeParse(shape, value);
      for (const issue of result.issues ?? []) addIssue({ message: issue.message, path: issue.path });
      for (const key of Object.keys(value)) {
        if (known.includes(key)) continue;
        addIssue({ message: unknownKeyMessage(key, known), path: [{ type: 'object', origin: 'key', input: value, key, value: value[key] }] });
      }
      return result.success ? result.output : NEVER;
    }),
    v.metadata({ entries }),
  );
}

/** The value, or `undefined` and at least one more issue below `path`. */
export function check<T>(schema: Schema<T>, value: unknown, path: string, issues: ConfigIssue[]): T | undefined {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  for (const issue of result.issues) {
    const full = (issue.path ?? []).reduce((parent, item) => pathOf(parent, item.key), path);
    issues.push({ path: full === '' ? 'options' : full, message: issue.message });
  }
  return undefined;
}

/** A plain object or an instance of a class: not an array, a `Map` or a `Date`, whose entries would be overlooked. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** What the JSON text says; anything else as it is. */
export function fromJson(input: unknown): unknown {
  if (typeof input !== 'string') return input;
  try {
    return JSON.parse(input) as unknown;
  } catch {
    return input; // no JSON: the check that follows shows the text
  }
}

function flagOf(input: unknown): boolean | undefined {
  if (input === true || input === 'true') return true;
  return input === false || input === 'false' ? false : undefined;
}

function mapOf(input: unknown): Readonly<Record<string, unknown>> | undefined {
  const value = fromJson(input);
  if (Array.isArray(value) && value.length === 0) return {};
  return isRecord(value) ? value : undefined;
}

function integerExpected({ min, max, unit, default: fallback }: IntegerRange): string {
  const kind = unit === undefined ? 'a whole number' : `a whole number of ${unit}`;
  return `${kind}${rangeText(min, max)}${fallback === undefined ? '' : ` (default ${JSON.stringify(fallback)})`}`;
}

function rangeText(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return `, ${min} or more`;
  return max === undefined ? '' : `, at most ${max}`;
}

function durationExpected(hint: string): string {
  return `a number of seconds or a duration text such as "90s" or "1h30m", ${hint}`;
}

function numberOf(input: unknown, form: RegExp): number {
  if (typeof input === 'number') return input;
  return typeof input === 'string' && form.test(input.trim()) ? Number(input) : Number.NaN;
}

function millisecondsOf(input: unknown): number | undefined {
  if (typeof input !== 'number' && typeof input !== 'string') return undefined;
  try {
    return durationMs(input, 'duration');
  } catch {
    return undefined; // the caller's error names the path and the range
  }
}
