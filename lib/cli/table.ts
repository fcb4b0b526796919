import { escaped } from '../contract/shown.js';

/** A cell; numbers stand at the right edge of their column. */
export type Cell = string | number;

const GAP = '  ';
const MAX_WIDTH = 60;

/** Columns under their heads, as wide as their widest cell; a long text is cut. Control characters of foreign texts are shown, not obeyed. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(shown));
  const widths = heads.map((head, column) => Math.max(head.length, ...texts.map((row) => row[column]!.length)));
  const line = (cells: readonly string[], isNumber: (column: number) => boolean): string =>
    cells
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join(GAP)
      .trimEnd();
  const numeric = heads.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  return [line(heads, (column) => numeric[column]!), ...texts.map((row) => line(row, (column) => numeric[column]!))].join('\n');
}

/** One line a field: the name, then the value. */
export function fields(pairs: readonly (readonly [string, Cell])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}${GAP}${visible(String(value))}`).join('\n');
}

/** Control characters as `\u001b`: a payload must not move the cursor of who looks at it. */
export function visible(text: string): string {
  return escaped(text, /[\p{Cc}\p{Cf}]/gu);
}

function shown(cell: Cell): string {
  const text = visible(String(cell));
  return text.length <= MAX_WIDTH ? text : `${text.slice(0, MAX_WIDTH - 1)}…`;
}
