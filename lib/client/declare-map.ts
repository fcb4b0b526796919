import { declareText } from '../contract/declare-text.js';
import { durationMs } from '../contract/duration.js';
import { JobsArgumentError } from '../contract/errors.js';
import { shown } from '../contract/shown.js';
import { checkedFlag, checkedInteger, checkedName } from './checks.js';

/** Everything of a pipeline as text, as `jobs.Declare` carries it. @publicApi */
export type DeclareMap = Readonly<Record<string, string>> & { readonly name: string; readonly driver: string };

/** How one setting is checked and written. */
export interface DeclareField {
  /** Of the map. */
  readonly key: string;
  readonly default?: unknown;
  /** Without it an absent setting is not sent. Default: `false`. */
  readonly required?: boolean;
  /** `undefined` is not sent. @throws JobsArgumentError when the value cannot be used. */
  text(value: unknown, what: string, settings: Readonly<Record<string, unknown>>): string | undefined;
}

export function integerField(key: string, standard: number, min: number, max?: number): DeclareField {
  return { key, default: standard, text: (value, what) => String(checkedInteger(value, what, min, max)) };
}

export function flagField(key: string, standard?: boolean): DeclareField {
  return { key, default: standard, text: (value, what) => String(checkedFlag(value, what)) };
}

/** At least one character; required when there is no default. */
export function nameField(key: string, standard?: string): DeclareField {
  return { key, default: standard, required: true, text: checkedName };
}

export function textField(key: string, standard: string): DeclareField {
  return { key, default: standard, text: checkedText };
}

/** Not sent when it is absent or empty. */
export function optionalTextField(key: string): DeclareField {
  return { key, text: (value, what) => checkedText(value, what) || undefined };
}

/** Sent only when `other` is set. */
export function fieldWith(other: string, field: DeclareField): DeclareField {
  return { ...field, text: (value, what, settings) => (settings[other] ? field.text(value, what, settings) : undefined) };
}

export function choiceField(key: string, standard: string, choices: readonly string[]): DeclareField {
  const text = (value: unknown, what: string) => {
    if (typeof value === 'string' && choices.includes(value)) return value;
    throw new JobsArgumentError(`${what} is ${shown(value)}. Give one of ${choices.map((choice) => `"${choice}"`).join(', ')}.`);
  };
  return { key, default: standard, text };
}

/** Seconds or duration text; sent in whole seconds, rounded up. */
export function secondsField(key: string, standard: number, maxSeconds = Number.MAX_SAFE_INTEGER): DeclareField {
  const text = (value: unknown, what: string) => {
    const seconds = Math.ceil(durationMs(value as number | string, what) / 1_000);
    return String(checkedInteger(seconds, `${what} in seconds`, 0, maxSeconds));
  };
  return { key, default: standard, text };
}

/** JSON; not sent when it is absent or empty: RoadRunner refuses the `[]` that an empty map is in PHP. */
export function mapField(key: string): DeclareField {
  return { key, text: mapText };
}

/** JSON of what `write` makes of it; not sent when it is absent. */
export function jsonField<T>(key: string, write: (value: T, what: string) => object): DeclareField {
  return { key, text: (value, what) => JSON.stringify(write(value as T, what)) };
}

function mapText(value: unknown, what: string): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new JobsArgumentError(`${what} is ${shown(value)}. Give an object.`);
  return Object.keys(value).length === 0 ? undefined : declareText(value, what);
}

function checkedText(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new JobsArgumentError(`${what} is ${shown(value)}. Give a text.`);
}
