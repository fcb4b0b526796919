import type { ConfigIssue } from '../contract/errors.js';
import { pathOf, wrongValue } from './issues.js';
import { isRecord } from './schema.js';

export interface FoundOption {
  readonly value: unknown;
  /** Where it stands: `pipelines.emails.config.prefetch`. */
  readonly path: string;
}

export interface LeftOption extends FoundOption {
  /** Below the pipeline: `prefetch`, `config.prefetch`. */
  readonly key: string;
  readonly name: string;
}

interface Level {
  readonly path: string;
  readonly prefix: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({});

/** The options of one pipeline: first its own keys, then those of its `config`, as RoadRunner looks them up. */
export class OptionBag {
  readonly #levels: readonly Level[];
  readonly #issues: ConfigIssue[];
  readonly #known = new Set<string>();

  constructor(section: Readonly<Record<string, unknown>>, path: string, issues: ConfigIssue[]) {
    this.#issues = issues;
    const nested = section.config ?? NOTHING; // an empty `config:` of YAML is null
    const nestedPath = pathOf(path, 'config');
    if (!isRecord(nested)) issues.push(wrongValue(nestedPath, nested, 'an object with the options of the driver'));
    this.#levels = [
      { path, prefix: '', values: section },
      { path: nestedPath, prefix: 'config.', values: isRecord(nested) ? nested : NOTHING },
    ];
  }

  /** The option under any of its spellings. Two spellings side by side are an issue: which one is meant, nobody knows. */
  find(spellings: readonly string[]): FoundOption | undefined {
    for (const spelling of spellings) this.#known.add(spelling);
    for (const { path, values } of this.#levels) {
      const [first, second] = [...new Set(spellings)].filter((spelling) => Object.hasOwn(values, spelling) && values[spelling] !== undefined);
      if (first === undefined) continue;
      if (second !== undefined) {
        this.#issues.push({ path: pathOf(path, second), message: `"${first}" and "${second}" are the same option. Keep one of them.` });
      }
      return { value: values[first], path: pathOf(path, first) };
    }
    return undefined;
  }

  /** What `find` was never asked for; `expected` are keys of the pipeline itself. */
  left(expected: readonly string[]): LeftOption[] {
    return this.#levels.flatMap(({ path, prefix, values }) =>
      Object.keys(values)
        .filter((name) => !this.#known.has(name) && !(prefix === '' && expected.includes(name)))
        .map((name) => ({ name, key: `${prefix}${name}`, path: pathOf(path, name), value: values[name] })),
    );
  }

  /** Every spelling that `find` was asked for. */
  get known(): readonly string[] {
    return [...this.#known];
  }
}
