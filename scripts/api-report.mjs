// Writes the public surface of every entry point to docs/api/<entry>.api.md, from the declarations in dist/.
//   node scripts/api-report.mjs            writes the reports
//   node scripts/api-report.mjs --check    compares them and fails on a difference, so that the surface changes only on purpose
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import { entryPoints } from './smoke/entry-points.cjs';
import { ROOT } from './support/process.mjs';

const REPORTS = join(ROOT, 'docs/api');
const DIST = join(ROOT, 'dist') + sep;
const REPORT_SUFFIX = '.api.md';
const MENTIONED_REPORT = `mentioned${REPORT_SUFFIX}`;
const SHOWN_LINES = 40;
const printer = ts.createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed });

/**
 * @typedef {{ name: string, symbol: ts.Symbol }} NamedSymbol
 */

/** @param {string} subpath */
function reportOf(subpath) {
  return `${subpath === '.' ? 'index' : subpath.slice('./'.length).replaceAll('/', '-')}${REPORT_SUFFIX}`;
}

class Surface {
  #checker;
  #own;
  /** @type {Set<ts.Symbol>} */
  #reached = new Set();
  /** @type {Set<string>} */
  #packages = new Set();

  /**
   * @param {ts.TypeChecker} checker
   * @param {ts.SourceFile} entryFile
   */
  constructor(checker, entryFile) {
    this.#checker = checker;
    const module = checker.getSymbolAtLocation(entryFile);
    const exported = module === undefined ? [] : checker.getExportsOfModule(module);
    this.#own = exported.map((symbol) => ({ name: symbol.name, symbol: this.#target(symbol) })).sort(byName);
    for (const { symbol } of this.#own) this.#follow(symbol);
  }

  get exports() {
    return this.#own;
  }

  /** Own declarations that the exports mention, directly or through others, and do not include. */
  get mentioned() {
    const own = new Set(this.#own.map(({ symbol }) => symbol));
    return [...this.#reached]
      .filter((symbol) => !own.has(symbol))
      .map((symbol) => ({ name: symbol.name, symbol }))
      .sort(byName);
  }

  /** Other packages whose types appear in the surface. */
  get packages() {
    return [...this.#packages].sort();
  }

  /** @param {ts.Symbol} symbol */
  #target(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  /** @param {ts.Symbol} symbol */
  #follow(symbol) {
    if (this.#reached.has(symbol)) return;
    this.#reached.add(symbol);
    for (const declaration of symbol.declarations ?? []) {
      for (const part of publicParts(declaration)) this.#visit(part);
    }
  }

  /** @param {ts.Node} node */
  #visit(node) {
    if (ts.isIdentifier(node) && !isNameOfMember(node)) {
      const found = this.#checker.getSymbolAtLocation(node);
      if (found !== undefined) this.#meet(this.#target(found));
    }
    ts.forEachChild(node, (child) => this.#visit(child));
  }

  /** @param {ts.Symbol} symbol */
  #meet(symbol) {
    const declaration = symbol.declarations?.find(isTopLevel);
    if (declaration === undefined) return;
    const { fileName } = declaration.getSourceFile();
    const path = fileName.replaceAll('/', sep);
    if (path.startsWith(DIST)) this.#follow(symbol);
    else this.#packages.add(packageOf(fileName));
    this.#packages.delete('typescript');
  }
}

/** @param {{ name: string }} a @param {{ name: string }} b */
function byName(a, b) {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** @param {string} fileName */
function packageOf(fileName) {
  const inside = fileName.slice(fileName.lastIndexOf('/node_modules/') + '/node_modules/'.length).split('/');
  const name = inside[0].startsWith('@') ? `${inside[0]}/${inside[1]}` : inside[0];
  return name.replace('@types/', '');
}

/** @param {ts.Identifier} node */
function isNameOfMember({ parent }) {
  return ts.isPropertyAccessExpression(parent);
}

/** @param {ts.Declaration} declaration */
function isTopLevel(declaration) {
  const holder = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return ts.isSourceFile(holder.parent) || (ts.isModuleBlock(holder.parent) && !ts.isTypeParameterDeclaration(declaration));
}

/**
 * What of a declaration a user can see: a class without its private members.
 *
 * @param {ts.Declaration} declaration
 * @returns {readonly ts.Node[]}
 */
function publicParts(declaration) {
  if (!ts.isClassDeclaration(declaration)) return [declaration];
  return [...(declaration.typeParameters ?? []), ...(declaration.heritageClauses ?? []), ...declaration.members.filter(isPublic)];
}

/** @param {ts.ClassElement} member */
function isPublic(member) {
  if (member.name !== undefined && ts.isPrivateIdentifier(member.name)) return false;
  return (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) === 0;
}

/** @param {ts.Symbol} symbol */
function printSymbol(symbol) {
  const declarations = symbol.declarations ?? [];
  // One text may stand for all overloads.
  return [...declarations.slice(0, 1).map(remarks), ...declarations.map((declaration) => `${printDeclaration(declaration)}\n`)].join('').trimEnd();
}

/** @param {ts.Declaration} declaration */
function printDeclaration(declaration) {
  const sourceFile = declaration.getSourceFile();
  if (ts.isSourceFile(declaration)) return `// the module ${relative(DIST, sourceFile.fileName).replaceAll(sep, '/')}`;
  return printer.printNode(ts.EmitHint.Unspecified, shown(declaration), sourceFile).replaceAll(/^export (?:declare )?/gm, '');
}

/** @param {ts.Declaration} declaration */
function shown(declaration) {
  if (ts.isVariableDeclaration(declaration)) return declaration.parent.parent;
  if (!ts.isClassDeclaration(declaration)) return declaration;
  const { factory } = ts;
  return factory.updateClassDeclaration(
    declaration,
    declaration.modifiers,
    declaration.name,
    declaration.typeParameters,
    declaration.heritageClauses,
    declaration.members.filter(isPublic),
  );
}

/**
 * What the style asks of a public declaration and is missing.
 *
 * @param {ts.Declaration} declaration
 */
function remarks(declaration) {
  const documented = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const texts = ts.getJSDocCommentsAndTags(documented).filter(ts.isJSDoc);
  if (texts.length === 0) return '// undocumented\n';
  const tags = ts.getJSDocTags(documented).map((tag) => tag.tagName.text);
  return tags.includes('publicApi') ? '' : '// without @publicApi\n';
}

/**
 * @param {string} entry
 * @param {Surface} surface
 * @param {ReadonlySet<ts.Symbol>} exportedAnywhere
 */
function render(entry, { exports, mentioned, packages }, exportedAnywhere) {
  const elsewhere = mentioned.filter(({ symbol }) => exportedAnywhere.has(symbol));
  const nowhere = mentioned.filter(({ symbol }) => !exportedAnywhere.has(symbol));
  return page([
    `# API of \`${entry}\``,
    'Written by `npm run api`. A change here is a change for users: review it as such.',
    `Types of other packages: ${packages.join(', ') || 'none'}.`,
    `## Exports (${exports.length})`,
    block(exports),
    ...(elsewhere.length === 0 ? [] : ['## Mentioned, exported by another entry point', list(elsewhere)]),
    ...(nowhere.length === 0 ? [] : [`## Mentioned, exported nowhere (see ${MENTIONED_REPORT})`, list(nowhere)]),
  ]);
}

/** @param {readonly NamedSymbol[]} symbols */
function renderMentioned(symbols) {
  return page([
    '# Mentioned, exported nowhere',
    'Written by `npm run api`. Users cannot import these names, yet their values go in and out of the API: a change here is a change for users too.',
    block(symbols),
  ]);
}

/** @param {readonly string[]} paragraphs */
function page(paragraphs) {
  return `${paragraphs.join('\n\n')}\n`;
}

/** @param {readonly NamedSymbol[]} symbols */
function list(symbols) {
  return symbols.map(({ name }) => `- \`${name}\``).join('\n');
}

/** @param {readonly NamedSymbol[]} symbols */
function block(symbols) {
  const texts = symbols.map(({ name, symbol }) => (name === symbol.name ? printSymbol(symbol) : `// exported as ${name}\n${printSymbol(symbol)}`));
  return `\`\`\`ts\n${texts.join('\n\n')}\n\`\`\``;
}

/** @returns {Map<string, string>} Text by name of the report's file. */
function makeReports() {
  const entries = entryPoints(ROOT).map(({ name, subpath, types }) => ({ name, report: reportOf(subpath), file: join(ROOT, types) }));
  const missing = entries.filter(({ file }) => !existsSync(file));
  if (missing.length > 0) throw new Error(`Not built: ${missing.map(({ file }) => relative(ROOT, file)).join(', ')}. Run npm run build first.`);
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      strict: true,
      skipLibCheck: true,
      types: ['node'],
      noEmit: true,
    },
  );
  const checker = program.getTypeChecker();
  const surfaces = entries.map((entry) => {
    const sourceFile = program.getSourceFile(entry.file);
    if (sourceFile === undefined) throw new Error(`The compiler did not read ${entry.file}.`);
    return { ...entry, surface: new Surface(checker, sourceFile) };
  });
  const exportedAnywhere = new Set(surfaces.flatMap(({ surface }) => surface.exports.map(({ symbol }) => symbol)));
  const mentioned = new Map(surfaces.flatMap(({ surface }) => surface.mentioned.map(({ name, symbol }) => [symbol, name])));
  const nowhere = [...mentioned].filter(([symbol]) => !exportedAnywhere.has(symbol)).map(([symbol, name]) => ({ name, symbol }));
  const reports = new Map(surfaces.map(({ name, report, surface }) => [report, render(name, surface, exportedAnywhere)]));
  return nowhere.length === 0 ? reports : reports.set(MENTIONED_REPORT, renderMentioned(nowhere.sort(byName)));
}

function storedReports() {
  if (!existsSync(REPORTS)) return [];
  return readdirSync(REPORTS).filter((file) => file.endsWith(REPORT_SUFFIX));
}

/** @param {ReadonlyMap<string, string>} reports */
function writeReports(reports) {
  mkdirSync(REPORTS, { recursive: true });
  for (const file of storedReports()) if (!reports.has(file)) rmSync(join(REPORTS, file));
  for (const [file, text] of reports) writeFileSync(join(REPORTS, file), text);
  console.log(`${reports.size} reports written to docs/api/.`);
}

/** @param {ReadonlyMap<string, string>} reports */
function checkReports(reports) {
  const surplus = storedReports().filter((file) => !reports.has(file));
  const changed = [...reports].flatMap(([file, text]) => {
    const path = join(REPORTS, file);
    if (!existsSync(path)) return [`docs/api/${file} is missing.`];
    const stored = readFileSync(path, 'utf8');
    return stored === text ? [] : [`docs/api/${file}\n${difference(stored, text)}`];
  });
  const problems = [...surplus.map((file) => `docs/api/${file} belongs to no entry point; remove it.`), ...changed];
  if (problems.length === 0) {
    console.log(`The public surface is as reported (${reports.size} entry points).`);
    return;
  }
  console.error(`${problems.join('\n')}\nThe public surface differs from the reports. If the change is meant, run npm run api and review docs/api/.`);
  process.exitCode = 1;
}

/**
 * The lines that are only in one of the two texts.
 *
 * @param {string} before
 * @param {string} after
 */
function difference(before, after) {
  const old = before.split('\n');
  const fresh = after.split('\n');
  const gone = old.filter((line) => !fresh.includes(line)).map((line) => `  - ${line}`);
  const added = fresh.filter((line) => !old.includes(line)).map((line) => `  + ${line}`);
  const all = [...gone, ...added];
  if (all.length === 0) return '  the order of the lines differs';
  const more = all.length > SHOWN_LINES ? [`  and ${all.length - SHOWN_LINES} lines more`] : [];
  return [...all.slice(0, SHOWN_LINES), ...more].join('\n');
}

try {
  const reports = makeReports();
  if (process.argv.includes('--check')) checkReports(reports);
  else writeReports(reports);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
