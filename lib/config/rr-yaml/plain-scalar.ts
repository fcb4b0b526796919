const WORDS: ReadonlyMap<string, null | boolean> = new Map<string, null | boolean>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);
const INTEGERS: readonly (readonly [form: RegExp, base: number, prefix: number])[] = [
  [/^(?:0|[1-9][0-9_]*)$/, 10, 0],
  [/^0[0-7_]+$/, 8, 1],
  [/^0o[0-7_]+$/, 8, 2],
  [/^0x[0-9a-fA-F_]+$/, 16, 2],
  [/^0b[01_]+$/, 2, 2],
];
const FRACTION = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const NO_NUMBER = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const LONGEST_NUMBER = 64;

/**
 * What a text without quotes means, by the rules of YAML 1.2 with the numbers of RoadRunner's reader: `0755` is octal and `1_000` is a
 * thousand; `yes`, `on`, dates and times are text. A whole number that a double cannot hold stays its own text.
 *
 * @returns `undefined` for an infinity and for what is no number, which JSON cannot hold.
 */
export function plainScalar(text: string): string | number | boolean | null | undefined {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (text.length > LONGEST_NUMBER || !/^[-+.0-9]/.test(text)) return text;
  if (NO_NUMBER.test(text)) return undefined;
  return integer(text) ?? (FRACTION.test(text) ? Number(text) : text);
}

function integer(text: string): number | string | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = /^[-+]/.test(text) ? text.slice(1) : text;
  for (const [form, base, prefix] of INTEGERS) {
    if (!form.test(digits)) continue;
    const value = Number.parseInt(digits.slice(prefix).replaceAll('_', ''), base);
    if (Number.isNaN(value)) return undefined;
    return Number.isSafeInteger(value) ? sign * value : text;
  }
  return undefined;
}
