/** Deeper than any table of sense; a message of 128 KiB could nest 10 000. */
const MAX_DEPTH = 16;
const FLOAT_DECIMALS = 5;

interface TypedValue {
  readonly '!': string;
  readonly value: unknown;
}

/**
 * Adds a field of a message to the headers of a job as RoadRunner does: numbers in decimal, a float with 5 decimals, bytes as text, each element
 * of a list under the same name, a table under the names of its own fields. What has no text is left out.
 */
export function addFlattened(headers: Record<string, string[]>, name: string, value: unknown, depth = 0): void {
  if (depth > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    for (const element of value as unknown[]) addFlattened(headers, name, element, depth + 1);
    return;
  }
  const text = textOf(value);
  if (text !== undefined) {
    (headers[name] ??= []).push(text);
    return;
  }
  if (typeof value !== 'object' || value === null || isTyped(value)) return;
  for (const [inner, innerValue] of Object.entries(value)) addFlattened(headers, inner, innerValue, depth + 1);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toFixed(FLOAT_DECIMALS);
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value === 'object' && value !== null && isTyped(value)) return typedText(value);
  return undefined;
}

function typedText({ '!': type, value }: TypedValue): string | undefined {
  if (type === 'timestamp' && typeof value === 'number') {
    const date = new Date(value * 1_000);
    return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace('.000Z', 'Z');
  }
  const { digits, places } = (value ?? {}) as { digits?: unknown; places?: unknown };
  if (type !== 'decimal' || typeof digits !== 'number' || typeof places !== 'number') return undefined;
  const text = String(digits).padStart(places + 1, '0');
  return places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
}

/** How amqplib gives what JavaScript has no type for. */
function isTyped(value: object): value is TypedValue {
  return Object.hasOwn(value, '!') && Object.hasOwn(value, 'value');
}
