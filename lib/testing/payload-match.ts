/** What a payload has to contain: every key that is given, however deep. `expect.any(String)` and the like work too. @publicApi */
export type PartialPayload<P> = unknown extends P
  ? string | number | boolean | null | object
  : P extends readonly (infer Item)[]
    ? readonly PartialPayload<Item>[]
    : P extends object
      ? { readonly [Key in keyof P]?: PartialPayload<P[Key]> }
      : P;

/** A matcher of jest, vitest and others: `expect.any(String)`. */
interface AsymmetricMatcher {
  asymmetricMatch(value: unknown): boolean;
  toAsymmetricMatcher?(): string;
}

/**
 * True when `actual` has all that `expected` gives: objects by the keys that are given, lists item by item. What JSON
 * writes by `toJSON`, a `Date` for instance, is compared as it was written.
 */
export function isPayloadMatch(actual: unknown, expected: unknown): boolean {
  if (isAsymmetric(expected)) return expected.asymmetricMatch(actual);
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected);
  if (hasToJson(expected)) return isPayloadMatch(actual, expected.toJSON());
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual) !== Array.isArray(expected)) return false;
  if (isList(expected)) return (actual as ArrayLike<unknown>).length === expected.length && hasAll(actual, expected);
  return hasAll(actual, expected);
}

/** A payload, or what is expected of one, on one line. */
export function shownPayload(value: unknown, maxLength = 300): string {
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  const text = JSON.stringify(value, (_key, part: unknown) => (isAsymmetric(part) ? shownMatcher(part) : part)) ?? String(value);
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
}

function hasAll(actual: object, expected: object): boolean {
  return Object.entries(expected).every(([key, value]) => isPayloadMatch((actual as Record<string, unknown>)[key], value));
}

function isList(value: object): value is ArrayLike<unknown> & object {
  return Array.isArray(value) || value instanceof Uint8Array;
}

function isAsymmetric(value: unknown): value is AsymmetricMatcher {
  return typeof value === 'object' && value !== null && typeof (value as Partial<AsymmetricMatcher>).asymmetricMatch === 'function';
}

function shownMatcher(matcher: AsymmetricMatcher): string {
  return matcher.toAsymmetricMatcher?.() ?? matcher.constructor.name;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}
