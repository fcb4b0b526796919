import type { ConfigIssue } from '../contract/errors.js';
import { suggest } from './suggest.js';

const SHOWN_CHARACTERS = 60;
const PLAIN_KEY = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u;

/** The path of `key` inside `path`: `pipelines.emails`, `consume[0]`, `pipelines["a.b"]`. */
export function pathOf(path: string, key: unknown): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const text = String(key);
  if (!PLAIN_KEY.test(text)) return `${path}[${JSON.stringify(text)}]`;
  return path === '' ? text : `${path}.${text}`;
}

export function wrongValue(path: string, value: unknown, expected: string): ConfigIssue {
  return { path, message: wrongValueMessage(value, expected) };
}

export function wrongValueMessage(value: unknown, expected: string): string {
  return `${shown(value)} is not allowed. Give ${expected}.`;
}

export function unknownKeyMessage(key: string, known: readonly string[]): string {
  const suggestion = suggest(key, known);
  return suggestion === undefined
    ? `There is no option "${key}". Remove it, or use one of: ${known.join(', ')}.`
    : `There is no option "${key}". Did you mean "${suggestion}"?`;
}

/** A value for an error: short, and never what an object holds, which may be secret. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length <= SHOWN_CHARACTERS ? value : `${value.slice(0, SHOWN_CHARACTERS)}…`);
  if (typeof value === 'function') return 'A function';
  if (Array.isArray(value)) return 'An array';
  if (typeof value === 'object' && value !== null) return 'An object';
  return String(value);
}

/** @param onFailure - `queue:` and the name of the queue that the failed jobs come from. */
export function ownQueueMessage(onFailure: string): string {
  return `"${onFailure}" is the queue that the failed jobs come from: they would run for ever. Name another queue, or give "store".`;
}
