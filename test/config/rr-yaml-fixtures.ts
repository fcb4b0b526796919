import { readdirSync, readFileSync } from 'node:fs';

/** What RoadRunner answered when it was started with a file. */
export interface Recording {
  readonly name: string;
  readonly file: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly outcome: 'serves' | 'exits';
  readonly config?: Readonly<Record<string, unknown>>;
  readonly rpc?: string;
  readonly list?: unknown;
  readonly stat?: unknown;
  readonly push?: Readonly<Record<string, string>>;
  readonly workers?: number;
  readonly workerArguments?: readonly string[];
  readonly workerEnvironment?: Readonly<Record<string, string>>;
}

const FOLDER = 'test/fixtures/rr-yaml';

export function recordings(): Recording[] {
  const names = readdirSync(FOLDER).filter((file) => file.endsWith('.expected.json'));
  return names.sort().map((name) => JSON.parse(fixture(name)) as Recording);
}

export function fixture(file: string): string {
  return readFileSync(`${FOLDER}/${file}`, 'utf8');
}

/** Without what the recordings leave out: empty maps and nulls. */
export function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, withoutEmpty(inner)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== null && !(isMap(inner) && Object.keys(inner).length === 0)));
}

/** The value with other values at some paths, which have slashes. */
export function changed(value: unknown, changes: Readonly<Record<string, unknown>>): unknown {
  let result = structuredClone(value);
  for (const [path, other] of Object.entries(changes)) {
    if (path === '') {
      result = other;
      continue;
    }
    const keys = path.split('/');
    const last = keys.pop()!;
    const holder = keys.reduce((map, key) => map[key] as Record<string, unknown>, result as Record<string, unknown>);
    if (other === undefined) delete holder[last];
    else holder[last] = other;
  }
  return result;
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
