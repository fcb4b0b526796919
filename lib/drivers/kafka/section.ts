import { durationMs } from '../../contract/duration.js';
import type { ConfigIssue } from '../../contract/errors.js';
import { optionKey } from '../../contract/option-spec.js';

const NS_PER_MS = 1_000_000;
/** Units that Go has and our durations have not. */
const GO_FRACTIONS = /^(\d+(?:\.\d+)?)(ns|us|µs)$/;

/**
 * Options inside an option, in either spelling: `maxMessageBytes` as in TypeScript, `max_message_bytes` as in `.rr.yaml` and in the JSON of a
 * declaration. A number of time counts seconds in the first spelling and nanoseconds in the second, as RoadRunner has it.
 */
export class Section {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #issues: ConfigIssue[];
  readonly #known = new Set<string>();

  constructor(values: Readonly<Record<string, unknown>>, path: string, issues: ConfigIssue[]) {
    this.#values = values;
    this.#path = path;
    this.#issues = issues;
  }

  get isEmpty(): boolean {
    return Object.keys(this.#values).length === 0;
  }

  /** With the key as it is written. */
  pathOf(name: string): string {
    return `${this.#path}.${this.#keyOf(name)}`;
  }

  raw(name: string): unknown {
    this.#known.add(name).add(optionKey(name));
    // PHP writes null for what is not given.
    return this.#values[this.#keyOf(name)] ?? undefined;
  }

  text(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || value === '') return undefined;
    return typeof value === 'string' ? value : this.#wrong(name, value, 'a text', undefined);
  }

  texts(name: string): readonly string[] {
    const value = this.raw(name) ?? [];
    if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string' && item !== '')) return value;
    return this.#wrong(name, value, 'a list of texts', []);
  }

  flag(name: string, standard: boolean): boolean {
    const value = this.raw(name) ?? standard;
    if (value === true || value === 'true') return true;
    return value === false || value === 'false' ? false : this.#wrong(name, value, 'true or false', standard);
  }

  integer(name: string, min: number, max: number, standard: number): number {
    const given = this.raw(name) ?? standard;
    const value = typeof given === 'string' && /^-?\d+$/.test(given) ? Number(given) : given;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    return this.#wrong(name, given, `a whole number from ${min} to ${max}`, standard);
  }

  choice<T extends string, D extends T | undefined>(name: string, choices: readonly T[], standard: D): T | D {
    const value = this.raw(name);
    if (value === undefined || value === '') return standard;
    const chosen = choices.find((choice) => choice === value);
    return chosen ?? this.#wrong(name, value, `one of ${choices.map((choice) => `"${choice}"`).join(', ')}`, standard);
  }

  object(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    return typeof value === 'object' ? (value as Readonly<Record<string, unknown>>) : this.#wrong(name, value, 'an object', undefined);
  }

  /** Unit: milliseconds. */
  duration(name: string, standardMs: number): number {
    const value = this.raw(name);
    if (value === undefined || value === '') return standardMs;
    if (typeof value === 'number' && this.#keyOf(name) !== name) return Math.ceil(value / NS_PER_MS);
    const fraction = typeof value === 'string' ? GO_FRACTIONS.exec(value) : null;
    if (fraction !== null) return Math.ceil(Number(fraction[1]) / (fraction[2] === 'ns' ? NS_PER_MS : 1_000));
    try {
      return Math.ceil(durationMs(value as number | string, name));
    } catch {
      return this.#wrong(name, value, 'a duration such as "10s"', standardMs);
    }
  }

  /** Tells what nobody asked for. */
  end(): void {
    for (const key of Object.keys(this.#values)) {
      if (this.#known.has(key)) continue;
      const names = [...this.#known].filter((name) => !name.includes('_'));
      this.#issues.push({ path: `${this.#path}.${key}`, message: `There is no option "${key}". There are: ${names.join(', ')}.` });
    }
  }

  #keyOf(name: string): string {
    return Object.hasOwn(this.#values, name) ? name : Object.hasOwn(this.#values, optionKey(name)) ? optionKey(name) : name;
  }

  #wrong<T>(name: string, value: unknown, expected: string, standard: T): T {
    const text =
      typeof value === 'string' ? JSON.stringify(value) : typeof value === 'object' ? 'This' : String(value as number | boolean | bigint | undefined);
    this.#issues.push({ path: this.pathOf(name), message: `${text} is not allowed. Give ${expected}.` });
    return standard;
  }
}
