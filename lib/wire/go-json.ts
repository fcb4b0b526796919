import { AnswerError } from './answer-error.js';

// JSON as RoadRunner's server writes and reads it (recorded: test/fixtures/goridge/rpc-json-*): no spaces, keys in the order of the
// Go struct, the characters < > & U+2028 U+2029 as escapes, bytes as base64, whole numbers of 64 bits as numbers.

/** Nobody nests deeper; a decoder of that much would hold it all. */
const MAX_DEPTH = 100;
/** Commas and opening brackets. The largest batch has a tenth of it; decoded, an empty list takes twenty times its bytes. */
const MAX_VALUES = 2 * 1024 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const ESCAPES: Readonly<Record<string, string>> = {
  '<': String.raw`\u003c`,
  '>': String.raw`\u003e`,
  '&': String.raw`\u0026`,
  '\u2028': String.raw`\u2028`,
  '\u2029': String.raw`\u2029`,
};

/** What can be written. Keys that are `undefined` are left out. */
export type GoValue = string | number | bigint | boolean | null | undefined | readonly GoValue[] | { readonly [key: string]: GoValue };

export function encodeJson(value: GoValue): Uint8Array {
  return Buffer.from(textOf(value));
}

function textOf(value: GoValue): string {
  if (typeof value === 'string') return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => ESCAPES[character]!);
  if (typeof value !== 'object' || value === null) return String(value ?? null);
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`;
  const fields = value as { readonly [key: string]: GoValue };
  const keys = Object.keys(fields).filter((key) => fields[key] !== undefined);
  return `{${keys.map((key) => `${textOf(key)}:${textOf(fields[key])}`).join(',')}}`;
}

/**
 * Parses a body.
 *
 * @param expected - What it should be, in the words of the server: `slice`, `string`.
 * @throws AnswerError with the server's words when it is no JSON or nested too deep; in ours when it has too many values.
 */
export function parseJson(body: Uint8Array, expected: string): unknown {
  checkShape(body);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new AnswerError(invalidText(text, expected, error as SyntaxError));
  }
}

/** The server's words for a value of the wrong kind. */
export function unexpectedJson(body: Uint8Array): AnswerError {
  const [first = ''] = Buffer.from(body).toString('utf8').trimStart();
  return new AnswerError(`invalid character ${quoted(first)} looking for beginning of value`);
}

// The parser names a token, or a position, or nothing when the text ends too early.
function invalidText(text: string, expected: string, { message }: SyntaxError): string {
  const token = /Unexpected token '?(.)/su.exec(message)?.[1];
  if (token !== undefined) return `invalid character ${quoted(token)} looking for beginning of value`;
  const position = Number(/at position (\d+)/.exec(message)?.[1] ?? text.length);
  if (position >= text.trimEnd().length || message.startsWith('Unterminated')) return `json: ${expected} unexpected end of JSON input`;
  return `invalid character ${quoted(text.charAt(position))} looking for beginning of value`;
}

function quoted(character: string): string {
  return `'${character}'`;
}

// Counted before parsing: a body of brackets would become as many arrays.
function checkShape(body: Uint8Array): void {
  let depth = 0;
  let values = 0;
  let isText = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (isText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === COMMA) values++;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      values++;
      if (++depth > MAX_DEPTH) throw new AnswerError('json: exceeded max depth');
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--;
  }
  if (values > MAX_VALUES) throw new AnswerError(`json: the body has more than ${MAX_VALUES} values`);
}
