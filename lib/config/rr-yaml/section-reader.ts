import type { ConfigIssue } from '../../contract/errors.js';
import { optionKey } from '../../contract/option-spec.js';
import { pathOf, unknownKeyMessage } from '../issues.js';
import { check, noteOf, type Schema, type SchemaNote } from '../schema.js';
import { isYamlMap, type Position, type Positions, type YamlMap } from './yaml-tree.js';

/** Of warnings and of errors, each; more help nobody, and a hostile file could make a hundred thousand. */
const MAX_TOLD = 200;

/** A section with camelCase names: what the checks of the options take. */
export type NamedSection = Record<string, unknown>;

interface Place {
  readonly path: string;
  readonly position?: Position;
}

/**
 * Turns sections of the file into the camelCase form of the options, by the same tables that check it, and remembers where
 * each option stands. Keys are compared without case, as in RoadRunner; unknown ones are left out and told as warnings.
 */
export class SectionReader {
  readonly issues: ConfigIssue[] = [];
  readonly warnings: ConfigIssue[] = [];
  readonly #positions: Positions;
  /** Place and text of what was told: the same thing may be found wrong by two checks. */
  readonly #told = new Set<string>();
  /** By path in the camelCase form. */
  readonly #places = new Map<string, Place>();

  constructor(positions: Positions) {
    this.#positions = positions;
  }

  /** Renames and checks; `undefined` when something in it is wrong, which is told then. */
  read<T>(schema: Schema<T>, container: YamlMap, key: string): T | undefined {
    const named = this.renameAt(schema, container, key, key, key);
    const issues: ConfigIssue[] = [];
    const value = check(schema, named, key, issues);
    this.add(issues);
    return value;
  }

  /** @param name - Its path in the camelCase form. */
  renameAt(schema: Schema<unknown>, container: YamlMap, key: string, path: string, name: string): unknown {
    this.place(name, path, this.#positions.get(container, key));
    return this.#rename(noteOf(schema), container[key], path, name);
  }

  /** Says where the option `name` stands in the file. */
  place(name: string, path: string, position: Position | undefined): void {
    this.#places.set(name, position === undefined ? { path } : { path, position });
  }

  /** Adds issues whose paths are in the camelCase form. */
  add(issues: readonly ConfigIssue[]): void {
    for (const issue of issues.slice(0, MAX_TOLD)) this.#tell(this.issues, this.#locate(issue));
  }

  warn(issue: ConfigIssue): void {
    if (this.canWarn) this.#tell(this.warnings, this.#locate(issue));
  }

  warnAt(container: object, key: string | number, path: string, message: string): void {
    this.#tell(this.warnings, { ...this.#positions.get(container, key), path, message });
  }

  /** False when so much was told that nobody reads more. */
  get canWarn(): boolean {
    return this.warnings.length < MAX_TOLD;
  }

  #tell(list: ConfigIssue[], issue: ConfigIssue): void {
    const text = `${issue.path}: ${issue.message}`;
    if (list.length >= MAX_TOLD || this.#told.has(text)) return;
    this.#told.add(text);
    list.push(issue);
  }

  #locate(issue: ConfigIssue): ConfigIssue {
    for (let name = issue.path; ; name = name.slice(0, Math.max(name.lastIndexOf('.'), name.lastIndexOf('['), 0))) {
      const place = this.#places.get(name);
      if (place !== undefined) return { ...place.position, path: place.path + issue.path.slice(name.length), message: issue.message };
      if (name === '') return issue;
    }
  }

  #rename(note: SchemaNote, value: unknown, path: string, name: string): unknown {
    if (value === null || value === undefined) return undefined; // a key without a value counts as absent
    const warning = note.warning?.(value);
    if (warning !== undefined) this.warn({ path: name, message: warning });
    if (!isYamlMap(value)) return value;
    if (note.named !== undefined) return this.#renameNamed(note.named, value, path, name);
    return note.entries === undefined ? value : this.#renameEntries(note.entries, value, path, name);
  }

  #renameNamed(each: Schema<unknown>, section: YamlMap, path: string, name: string): NamedSection {
    const result = Object.create(null) as NamedSection;
    for (const key of Object.keys(section)) {
      const value = this.renameAt(each, section, key, pathOf(path, key), pathOf(name, key));
      if (value !== undefined) result[key] = value;
    }
    return result;
  }

  #renameEntries(entries: NonNullable<SchemaNote['entries']>, section: YamlMap, path: string, name: string): NamedSection {
    const names = new Map(Object.keys(entries).map((entry) => [optionKey(entry), entry]));
    const used = new Map<string, string>();
    const result = Object.create(null) as NamedSection;
    for (const key of Object.keys(section)) {
      const entry = names.get(key.toLowerCase());
      if (entry === undefined) {
        if (this.canWarn) this.warnAt(section, key, pathOf(path, key), unknownOptionMessage(key, [...names.keys()]));
        continue;
      }
      const other = used.get(entry);
      if (other !== undefined) {
        const message = `"${other}" and "${key}" are the same option. Keep one of them.`;
        this.issues.push({ ...this.#positions.get(section, key), path: pathOf(path, key), message });
      }
      used.set(entry, key);
      const value = this.renameAt(entries[entry] as Schema<unknown>, section, key, pathOf(path, key), pathOf(name, entry));
      if (value !== undefined) result[entry] = value;
    }
    return result;
  }
}

function unknownOptionMessage(key: string, known: readonly string[]): string {
  const [first = '', ...rest] = key.split('.');
  if (rest.length === 0 || !known.includes(first.toLowerCase())) return `${unknownKeyMessage(key, known)} It has no effect.`;
  return `A dot does not nest here, so "${key}" has no effect. Write the section "${first}" with "${rest.join('.')}" in it.`;
}
