const SHOWN_CHARACTERS = 60;

/** A value in the text of an error: short, and never what an object holds, which may be secret. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return String(value);
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'function' ? 'a function' : String(value);
}

/** The text with its characters of a kind as `\u001b`, so that they are seen and not obeyed. @param kind - A global expression. */
export function escaped(text: string, kind: RegExp): string {
  return text.replaceAll(kind, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`);
}

/** The text with a full stop, where it has no mark at its end: another sentence may follow. */
export function sentence(text: string): string {
  return /[.!?]$/u.test(text) ? text : `${text}.`;
}
