// Compiles every ```ts block of README.md and docs/ against the built library, and runs those marked `run`. The rules for blocks are in
// support/doc-blocks.mjs.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Checks } from './support/checks.mjs';
import { docPages, readBlocks } from './support/doc-blocks.mjs';
import { ROOT, commandOf, runNode } from './support/process.mjs';

/**
 * @typedef {import('./support/doc-blocks.mjs').DocBlock} DocBlock
 */

// Below the project, so that the blocks import the library by its name.
const FOLDER = join(ROOT, '.cache/docs');
const COMPILER_OPTIONS = {
  rootDir: 'src',
  outDir: 'out',
  declaration: false,
  // A fragment declares what the reader would go on to use.
  noUnusedLocals: false,
  noUnusedParameters: false,
};
const COMPILER_ERROR = /^src\/(?<file>[^(]+)\.ts\((?<line>\d+),(?<column>\d+)\): error (?<message>.*)$/;
const RUN_TIMEOUT_MS = 30_000;

/** @param {DocBlock} block */
function fileOf({ page, line }) {
  return `${page.replace(/\.md$/, '').replaceAll('/', '-')}-${line}`;
}

/** @param {DocBlock} block */
function sourceOf({ code, prelude }) {
  return [...(prelude === undefined ? [] : [prelude.code]), code, 'export {};', ''].join('\n');
}

/**
 * Where a line of the compiled file stands in its page.
 *
 * @param {DocBlock} block
 * @param {number} line
 */
function pageLine({ line: first, prelude }, line) {
  if (prelude === undefined) return first + line - 1;
  const preludeLines = prelude.code.split('\n').length;
  return line <= preludeLines ? prelude.line + line - 1 : first + line - preludeLines - 1;
}

/**
 * @param {readonly DocBlock[]} blocks
 * @returns {Promise<ReadonlyMap<string, readonly string[]>>} The errors by page.
 */
async function compile(blocks) {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(join(FOLDER, 'src'), { recursive: true });
  for (const block of blocks) writeFileSync(join(FOLDER, 'src', `${fileOf(block)}.ts`), sourceOf(block));
  const config = { extends: '../../tsconfig.json', compilerOptions: COMPILER_OPTIONS, include: ['src'] };
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(config));
  const output = await runCompiler();
  const byFile = new Map(blocks.map((block) => [fileOf(block), block]));
  /** @type {Map<string, string[]>} */
  const errors = new Map();
  for (const text of output.split('\n')) {
    const { file = '', line = '', message = '' } = COMPILER_ERROR.exec(text)?.groups ?? {};
    const block = byFile.get(file);
    if (block === undefined) continue;
    const told = `${block.page}:${pageLine(block, Number(line))}: ${message}`;
    // A prelude is compiled once for each block.
    errors.set(block.page, [...new Set(errors.get(block.page)).add(told)]);
  }
  if (output.includes('error ') && errors.size === 0) throw new Error(output);
  return errors;
}

/** @returns {Promise<string>} What the compiler says; it emits in any case. */
async function runCompiler() {
  try {
    return await runNode([commandOf('typescript7', 'tsc'), '-p', 'tsconfig.json', '--pretty', 'false'], { cwd: FOLDER, quiet: true });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @param {DocBlock} block */
async function runBlock(block) {
  const output = await runNode([join(FOLDER, 'out', `${fileOf(block)}.js`)], { cwd: FOLDER, quiet: true, timeoutMs: RUN_TIMEOUT_MS });
  const lines = output.split('\n');
  for (const expected of block.printed ?? []) {
    const found = lines.indexOf(expected);
    if (found === -1) throw new Error(`It did not print "${expected}", or not at this place. It printed:\n${output}`);
    lines.splice(0, found + 1);
  }
}

const checks = new Checks('docs');
const pages = docPages().map((page) => ({ page, blocks: readBlocks(page) }));
const errors = await compile(pages.flatMap((one) => one.blocks));
for (const { page, blocks } of pages) {
  if (blocks.length === 0) continue;
  const compiles = await checks.check(`${page}: ${blocks.length} ${blocks.length === 1 ? 'block compiles' : 'blocks compile'}`, () => {
    const found = errors.get(page) ?? [];
    if (found.length > 0) throw new Error(found.join('\n'));
  });
  for (const block of blocks.filter(({ printed }) => printed !== undefined)) {
    const name = `${page}:${block.line} runs and prints what the page says`;
    if (compiles) await checks.check(name, () => runBlock(block));
    else checks.skip(name, 'the page does not compile');
  }
}
checks.finish();
