/** One option of a driver, as data: checks, suggestions, the JSON Schema and the printed table are made from it. @publicApi */
export interface OptionSpec {
  /** In TypeScript: `maxJobs`. */
  readonly name: string;
  /** In `.rr.yaml` and in Declare maps: `max_jobs`. */
  readonly key: string;
  /** In Declare maps, where it differs. */
  readonly declareKey?: string;
  /**
   * `duration` and `seconds`: seconds or duration text in every form. The driver is given milliseconds for a `duration`, and for `seconds`, which
   * have to be whole ones, seconds.
   */
  readonly type: 'integer' | 'text' | 'boolean' | 'map' | 'duration' | 'seconds';
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  readonly oneOf?: readonly string[];
  readonly default?: unknown;
  /** Where it stands in the nested form (`version: 2`) of a driver that has one: the section, and its name there in TypeScript. */
  readonly nested?: readonly [section: string, name: string];
  readonly meaning: string;
}

/** The key of an option in `.rr.yaml` and in Declare maps: `maxJobs` is `max_jobs`. */
export function optionKey(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
