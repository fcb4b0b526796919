import type { ConfigIssue } from '../contract/errors.js';
import { pathOf, wrongValue } from './issues.js';
import { isRecord } from './schema.js';

export interface FoundOption {
  readonly value: unknown;
  /** Where it stands: `pipelines.emails.config.prefetch`. */
  readonly path: string;
}

export interface LeftOption extends FoundOption {
  readonly name: string;
  /** Below the pipeline: `prefetch`, `config.prefetch`, `config.queue.name`. */
  readonly key: string;
  /** The objects that it stands in, from the pipeline down: `config`, `queue`. */
  readonly inside: readonly string[];
  /** What could stand there. */
  readonly known: readonly string[];
}

interface Level {
  readonly path: string;
  /** The objects that lead to it, from the pipeline down. */
  readonly inside: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
}

const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({});

/** The options of one pipeline: first its own keys, then those of its `config`, as RoadRunner looks them up. */
export class OptionBag {
  readonly #levels: readonly Level[];
  readonly #issues: ConfigIssue[];
  readonly #known = new Set<string>();
  readonly #parts = new Map<string, OptionBag>();

  private constructor(levels: readonly Level[], issues: ConfigIssue[]) {
    this.#levels = levels;
    this.#issues = issues;
  }

  /** The options of the pipeline that stands at `path`. */
  static of(section: Readonly<Record<string, unknown>>, path: string, issues: ConfigIssue[]): OptionBag {
    const nested = section.config ?? NOTHING; // an empty `config:` of YAML is null
    const nestedPath = pathOf(path, 'config');
    if (!isRecord(nested)) issues.push(wrongValue(nestedPath, nested, 'an object with the options of the driver'));
    const levels = [
      { path, inside: [], values: section },
      { path: nestedPath, inside: ['config'], values: isRecord(nested) ? nested : NOTHING },
    ];
    return new OptionBag(levels, issues);
  }

  /** Options that stand in an object of their own, such as `queue: { name: … }`. */
  part(name: string): OptionBag {
    let part = this.#parts.get(name);
    if (part === undefined) {
      part = new OptionBag(
        this.#levels.flatMap(({ path, inside, values }) => {
          const object = values[name];
          return isRecord(object) ? [{ path: pathOf(path, name), inside: [...inside, name], values: object }] : [];
        }),
        this.#issues,
      );
      this.#known.add(name);
      this.#parts.set(name, part);
    }
    return part;
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
    const left = this.#levels.flatMap(({ path, inside, values }) =>
      Object.keys(values)
        .filter((name) => !this.#known.has(name) && !(inside.length === 0 && expected.includes(name)))
        .map((name) => ({
          name,
          key: [...inside, name].join('.'),
          inside,
          path: pathOf(path, name),
          value: values[name],
          known: inside.length === 0 ? [...expected, ...this.known] : this.known,
        })),
    );
    return [...left, ...[...this.#parts.values()].flatMap((part) => part.left([]))];
  }

  /** Every spelling that `find` was asked for. */
  get known(): readonly string[] {
    return [...this.#known];
  }
}
