import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type Pair, Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { JobsConfigError } from '../../contract/errors.js';
import { pathOf, shown } from '../issues.js';
import { plainScalar } from './plain-scalar.js';

/** Where something stands; without a line it comes from the command line. */
export interface Position {
  readonly file: string;
  readonly line?: number;
}

/** A map of the file. It has no prototype: `__proto__` is a key like any other. */
export type YamlMap = Record<string, unknown>;

/** Of every key of every map and every place of every list. */
export class Positions {
  readonly #byContainer = new WeakMap<object, Map<string | number, Position>>();

  get(container: object, key: string | number): Position | undefined {
    return this.#byContainer.get(container)?.get(key);
  }

  set(container: object, key: string | number, position: Position): void {
    const known = this.#byContainer.get(container);
    if (known === undefined) this.#byContainer.set(container, new Map([[key, position]]));
    else known.set(key, position);
  }
}

export interface ParseOptions {
  readonly file: string;
  /** Called for every text that is a value. */
  readonly interpolate: (text: string) => string;
  readonly positions: Positions;
}

export interface ParsedYaml {
  readonly root: YamlMap;
  /** Keys of the root whose section has an anchor: they may be there for their aliases only. */
  readonly anchored: ReadonlySet<string>;
}

const MAX_BYTES = 1024 * 1024;
/** Values after all aliases are replaced. */
const MAX_VALUES = 100_000;
const MAX_DEPTH = 64;
/** The limit of YAML itself for keys without a question mark. */
const MAX_KEY_LENGTH = 1_024;
const MERGE_KEY = '<<';
const TAG_PREFIX = 'tag:yaml.org,2002:';
const ALLOWED_TAGS: ReadonlySet<string> = new Set(['str', 'map', 'seq'].map((name) => TAG_PREFIX + name));

/**
 * Reads YAML text into maps, lists, texts, numbers, booleans and null.
 *
 * Size, depth and the number of values with all aliases replaced are limited, so that a file of some lines cannot fill the memory.
 *
 * @throws {@link JobsConfigError} with file and line.
 */
export function parseYaml(text: string, options: ParseOptions): ParsedYaml {
  const { file } = options;
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) throw refused({ file }, '', `The file has ${bytes} bytes. At most ${MAX_BYTES} are read: split it with "include".`);
  const lines = new LineCounter();
  // Numbers and duplicate keys are looked at below: the library knows other numbers, and compares every key with every other.
  const document = parseDocument(text.startsWith('\uFEFF') ? text.slice(1) : text, {
    schema: 'failsafe',
    merge: false,
    uniqueKeys: false,
    lineCounter: lines,
    prettyErrors: false,
  });
  const [error] = document.errors;
  if (error !== undefined) throw refused({ file, line: lines.linePos(error.pos[0]).line }, '', `The YAML cannot be read: ${error.message}.`);
  return new Converter(options, lines).root(document.contents);
}

function refused(position: Position, path: string, message: string): JobsConfigError {
  return new JobsConfigError([{ ...position, path, message }]);
}

class Converter {
  readonly #options: ParseOptions;
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, Node>();
  #values = 0;

  constructor(options: ParseOptions, lines: LineCounter) {
    this.#options = options;
    this.#lines = lines;
  }

  root(contents: Node | null): ParsedYaml {
    if (contents === null || (isScalar(contents) && contents.source === '')) return { root: Object.create(null) as YamlMap, anchored: new Set() };
    if (!isMap(contents)) throw this.#refuse(contents, '', 'The file is no map. Give it keys such as "version", "rpc" and "jobs".');
    const anchored = contents.items.flatMap(({ key, value }) => (isScalar(key) && hasAnchor(value) ? [String(key.value)] : []));
    return { root: this.#map(contents, '', 0), anchored: new Set(anchored) };
  }

  #value(node: unknown, path: string, depth: number): unknown {
    if (++this.#values > MAX_VALUES) throw this.#refuse(node, path, `The file holds more than ${MAX_VALUES} values when its aliases are replaced.`);
    if (depth > MAX_DEPTH) throw this.#refuse(node, path, `It is nested more than ${MAX_DEPTH} levels deep.`);
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined) throw this.#refuse(node, path, `No anchor is called ${shown(node.source)} above this line.`);
      return this.#content(target, path, depth);
    }
    if (hasAnchor(node)) this.#anchors.set(node.anchor, node);
    return this.#content(node, path, depth);
  }

  #content(node: unknown, path: string, depth: number): unknown {
    if (isScalar(node)) return this.#scalar(node, path);
    if (isMap(node)) return this.#map(node, path, depth);
    if (isSeq(node)) return this.#list(node, path, depth);
    return null;
  }

  #scalar(node: Scalar, path: string): unknown {
    this.#checkTag(node, path);
    const text = String(node.value);
    if (node.type === Scalar.PLAIN && node.tag === undefined && !text.includes('$')) {
      const value = plainScalar(text);
      if (value === undefined) throw this.#refuse(node, path, `${shown(text)} cannot be written as JSON. Give a number, or put it in quotes.`);
      return value;
    }
    return this.#options.interpolate(text);
  }

  #list(node: YAMLSeq, path: string, depth: number): unknown[] {
    this.#checkTag(node, path);
    const list: unknown[] = [];
    for (const [index, item] of node.items.entries()) {
      list.push(this.#value(item, pathOf(path, index), depth + 1));
      this.#place(list, index, item);
    }
    return list;
  }

  #map(node: YAMLMap, path: string, depth: number): YamlMap {
    this.#checkTag(node, path);
    const map = Object.create(null) as YamlMap;
    const merges: unknown[] = [];
    let hasMerge = false;
    for (const pair of node.items) {
      const key = this.#key(pair, path);
      const at = pathOf(path, key);
      const isMerge = key === MERGE_KEY && (pair.key as Scalar).type === Scalar.PLAIN;
      if (isMerge ? hasMerge : Object.hasOwn(map, key)) throw this.#refuse(pair.key, at, 'The key stands twice in its section. Keep one of them.');
      const value = this.#value(pair.value, at, depth + 1);
      if (isMerge) {
        hasMerge = true;
        merges.push(...(Array.isArray(value) ? (value as unknown[]) : [value]));
        if (!merges.every(isYamlMap))
          throw this.#refuse(pair.key, at, 'Only sections can be merged. Give the alias of one, or a list of such aliases.');
        continue;
      }
      map[key] = value;
      this.#place(map, key, pair.key);
    }
    this.#merge(map, merges as YamlMap[]);
    return map;
  }

  // Own keys win, then the first section that has the key.
  #merge(map: YamlMap, sections: readonly YamlMap[]): void {
    const { positions } = this.#options;
    for (const section of sections) {
      for (const key of Object.keys(section)) {
        if (Object.hasOwn(map, key)) continue;
        map[key] = section[key];
        const position = positions.get(section, key);
        if (position !== undefined) positions.set(map, key, position);
      }
    }
  }

  #key({ key }: Pair, path: string): string {
    const node = isAlias(key) ? this.#anchors.get(key.source) : key;
    if (!isScalar(node)) throw this.#refuse(key, path, 'A key has to be a text.');
    if (hasAnchor(node)) this.#anchors.set(node.anchor, node);
    this.#checkTag(node, path);
    const text = String(node.value);
    if (text.length > MAX_KEY_LENGTH) throw this.#refuse(node, path, `A key has ${text.length} characters. It may have ${MAX_KEY_LENGTH}.`);
    return text;
  }

  #checkTag({ tag }: Node & { tag?: string }, path: string): void {
    if (tag === undefined || ALLOWED_TAGS.has(tag)) return;
    const name = tag.startsWith(TAG_PREFIX) ? `!!${tag.slice(TAG_PREFIX.length)}` : tag;
    throw this.#refuse(undefined, path, `The tag ${shown(name)} is not allowed. Remove it.`);
  }

  #place(container: object, key: string | number, node: unknown): void {
    this.#options.positions.set(container, key, this.#position(node));
  }

  #position(node: unknown): Position {
    const offset = (node as Partial<Node> | null | undefined)?.range?.[0];
    const { file } = this.#options;
    return offset === undefined ? { file } : { file, line: this.#lines.linePos(offset).line };
  }

  #refuse(node: unknown, path: string, message: string): JobsConfigError {
    return refused(this.#position(node), path, message);
  }
}

function hasAnchor(node: unknown): node is Node & { anchor: string } {
  return (isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined;
}

export function isYamlMap(value: unknown): value is YamlMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
