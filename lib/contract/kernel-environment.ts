/** A variable as programs read it. @publicApi */
export type EnvironmentValue = string | boolean;

/** Texts that stand for something else, in any case. */
const MEANINGS: ReadonlyMap<string, EnvironmentValue | undefined> = new Map<string, EnvironmentValue | undefined>([
  ['true', true],
  ['(true)', true],
  ['false', false],
  ['(false)', false],
  ['null', undefined],
  ['(null)', undefined],
  ['empty', ''],
]);

/** Set by kernels for all their workers; they name no source. */
const SHARED = new Set(['RR_MODE', 'RR_RELAY', 'RR_RPC', 'RR_VERSION']);

/**
 * The variables of a process, as dispatchers and services read them.
 *
 * @publicApi
 */
export class KernelEnvironment {
  readonly #values: Readonly<Record<string, string | undefined>>;

  /** @param values - Read at each call, not copied. */
  constructor(values: Readonly<Record<string, string | undefined>>) {
    this.#values = values;
  }

  /** `RR_MODE`: what a kernel spawned this process for; empty when none did. */
  get mode(): string {
    return this.#values['RR_MODE'] ?? '';
  }

  /**
   * True when a kernel spawned this process: `RR_MODE` is set, or, by a kernel of the old kind, `RR_RELAY` together with a variable such as
   * `RR_TICKER=true`.
   */
  get isSpawned(): boolean {
    if (this.mode !== '') return true;
    if ((this.#values['RR_RELAY'] ?? '') === '') return false;
    return Object.keys(this.#values).some((name) => name.startsWith('RR_') && !SHARED.has(name) && this.get(name) === true);
  }

  /**
   * A variable. `true`, `(true)`, `false` and `(false)` are read as booleans, `empty` as the empty text, in any case; one that is `null` or
   * `(null)` counts as not set.
   *
   * @param name - Exact.
   * @param fallback - When it is not set. Default: `undefined`.
   */
  get(name: string): EnvironmentValue | undefined;
  get<T>(name: string, fallback: T): EnvironmentValue | T;
  get(name: string, fallback?: unknown): unknown {
    const text = this.#values[name];
    if (text === undefined) return fallback;
    const lower = text.toLowerCase();
    return (MEANINGS.has(lower) ? MEANINGS.get(lower) : text) ?? fallback;
  }

  /**
   * True when this process was spawned for the source of this name: `RR_MODE` is it, or the older variable is set, `RR_TICKER` for `ticker`.
   *
   * @param name - Compared with `RR_MODE` exactly; upper-cased for the older variable.
   */
  isSpawnedFor(name: string): boolean {
    return this.mode === name || this.get(`RR_${name.toUpperCase()}`, false) !== false;
  }
}
