import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** One row of a table: its cells by the words of the head. */
export type Row = Readonly<Record<string, string>>;

/** A page of the documentation, by its path in the project. */
export class Page {
  readonly #lines: readonly string[];

  constructor(readonly path: string) {
    this.#lines = withoutCode(readFileSync(path, 'utf8'));
  }

  /** The headings as the names that a link may ask for. */
  get anchors(): string[] {
    return this.#lines.filter((line) => /^#{1,6} /.test(line)).map((line) => anchorOf(line.replace(/^#+ /, '')));
  }

  /** What stands between a heading and the next one, whatever their depth. */
  section(heading: string): string[] {
    const start = this.#lines.findIndex((line) => /^#{1,6} /.test(line) && line.replace(/^#+ /, '') === heading);
    if (start === -1) throw new Error(`${this.path} has no heading "${heading}".`);
    const end = this.#lines.findIndex((line, index) => index > start && /^#{1,6} /.test(line));
    return this.#lines.slice(start + 1, end === -1 ? undefined : end);
  }

  /** The rows of all tables under a heading. */
  rows(heading: string): Row[] {
    let head: readonly string[] = [];
    return this.section(heading).flatMap((line, index, lines) => {
      if (!line.startsWith('|') || /^\|[ :|-]+\|$/.test(line)) return [];
      if (!lines[index - 1]?.startsWith('|')) head = cellsOf(line);
      else return [Object.fromEntries(cellsOf(line).map((cell, column) => [head[column] ?? '', cell]))];
      return [];
    });
  }

  /** The texts that look like `[words](target)`, without those that lead out of the project. */
  get links(): string[] {
    const targets = this.#lines.flatMap((line) => [...line.matchAll(/\]\((?<target>[^)\s]+)\)/g)].map((match) => match.groups?.['target'] ?? ''));
    return targets.filter((target) => !/^[a-z]+:/.test(target));
  }

  /** What is wrong with a link; `undefined` when it leads somewhere. */
  brokenness(link: string): string | undefined {
    const [file = '', anchor] = link.split('#');
    const path = file === '' ? this.path : normalize(join(dirname(this.path), file));
    if (!existsSync(path)) return `${this.path} links to ${link}: there is no ${path}`;
    if (anchor === undefined || new Page(path).anchors.includes(anchor)) return undefined;
    return `${this.path} links to ${link}: ${path} has no heading of this name`;
  }
}

/** README.md and docs/, without the generated pages. */
export function documentation(): Page[] {
  const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .map((file) => join('docs', file))
    .filter((file) => file.endsWith('.md') && !file.startsWith(join('docs', 'api')));
  return ['README.md', ...pages.sort()].map((path) => new Page(path));
}

function withoutCode(text: string): string[] {
  let isCode = false;
  return text.split('\n').map((line) => {
    if (line.startsWith('```')) isCode = !isCode;
    return isCode ? '' : line;
  });
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

// As GitHub makes them: what is neither letter, digit, dash nor space goes, spaces become dashes.
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
