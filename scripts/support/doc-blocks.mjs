// The code of the documentation: what stands between ```ts and ``` in README.md and docs/.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './process.mjs';

/**
 * @typedef {object} DocBlock
 * @property {string} page - `docs/errors.md`.
 * @property {number} line - Of its first line of code in the page, counted from 1.
 * @property {string} code
 * @property {{ line: number, code: string } | undefined} prelude - What goes before it.
 * @property {readonly string[] | undefined} printed - The lines it has to print when it is run; `undefined` when it is not run.
 */

const PRELUDE_BEGIN = /^<!-- prelude$/;
const PRELUDE_END = /^-->$/;
const FENCE = /^```(?<info>.*)$/;
const IMPORT = /^import\b/m;

/** @returns {string[]} README.md and the pages of docs/, without the generated ones. */
export function docPages() {
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((file) => `docs/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.md') && !file.startsWith('docs/api/'));
  return ['README.md', ...pages.sort()];
}

/**
 * The blocks of one page. A block with an import stands alone, as a file of its own. Any other block continues the page: the nearest
 * comment `<!-- prelude … -->` above it goes before it. A block that begins with ```ts run is to be run, and the ```text block that
 * follows holds the lines it prints.
 *
 * @param {string} page
 * @returns {DocBlock[]}
 */
export function readBlocks(page) {
  const lines = readFileSync(join(ROOT, page), 'utf8').split('\n');
  /** @type {DocBlock[]} */
  const blocks = [];
  /** @type {DocBlock['prelude']} */
  let prelude;
  /** @type {DocBlock | undefined} */
  let running;
  for (let index = 0; index < lines.length; index++) {
    const isPrelude = PRELUDE_BEGIN.test(lines[index]);
    const info = FENCE.exec(lines[index])?.groups?.['info'].trim();
    if (!isPrelude && info === undefined) continue;
    const end = endOf(lines, index + 1, isPrelude ? PRELUDE_END : FENCE, page);
    const code = lines.slice(index + 1, end).join('\n');
    const line = index + 2;
    if (isPrelude) prelude = { line, code };
    else if (info === 'text' && running !== undefined) running.printed = lines.slice(index + 1, end);
    if (info === 'ts' || info === 'ts run') {
      const block = { page, line, code, prelude: IMPORT.test(code) ? undefined : prelude, printed: info === 'ts run' ? [] : undefined };
      blocks.push(block);
      running = info === 'ts run' ? block : undefined;
    } else if (!isPrelude) {
      running = undefined;
    }
    index = end;
  }
  return blocks;
}

/**
 * @param {readonly string[]} lines
 * @param {number} from
 * @param {RegExp} mark
 * @param {string} page
 */
function endOf(lines, from, mark, page) {
  const end = lines.findIndex((line, index) => index >= from && mark.test(line));
  if (end === -1) throw new Error(`${page}:${from} begins a block that does not end.`);
  return end;
}
