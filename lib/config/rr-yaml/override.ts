import type { ConfigIssue } from '../../contract/errors.js';
import { isYamlMap, type Positions, type YamlMap } from './yaml-tree.js';

export const OVERRIDE_FILE = '-o';
const MAX_DEPTH = 64;

/**
 * Sets one value of the tree by `jobs.pool.num_workers=4`. Dots are separators, but a name of the file that holds dots itself is found.
 * The value is text.
 *
 * @returns what is wrong with it.
 */
export function applyOverride(root: YamlMap, override: string, interpolate: (text: string) => string, positions: Positions): ConfigIssue | undefined {
  const equals = override.indexOf('=');
  const path = equals === -1 ? override : override.slice(0, equals);
  const refuse = (message: string): ConfigIssue => ({ file: OVERRIDE_FILE, path, message: `${message} Write -o key.path=value.` });
  if (equals === -1) return refuse('There is no "=".');
  if (path === '') return refuse('There is no key before "=".');
  const value = interpolate(withoutQuotes(override.slice(equals + 1)));
  if (value === '') return refuse('There is no value behind "=".');
  return set(root, path.split('.'), value, positions) ? undefined : refuse('The path leads into a list or is too long.');
}

function set(root: YamlMap, path: readonly string[], value: string, positions: Positions): boolean {
  if (path.length > MAX_DEPTH) return false;
  let map = root;
  let rest = path;
  for (;;) {
    const { key, length } = step(map, rest);
    rest = rest.slice(length);
    positions.set(map, key, { file: OVERRIDE_FILE });
    if (rest.length === 0) {
      map[key] = value;
      return true;
    }
    const next = map[key];
    if (Array.isArray(next)) return false;
    map[key] = isYamlMap(next) ? next : (Object.create(null) as YamlMap);
    map = map[key] as YamlMap;
  }
}

/** The longest beginning of the path that is a key of the map; else its first part. */
function step(map: YamlMap, path: readonly string[]): { key: string; length: number } {
  const keys = Object.keys(map);
  for (let length = path.length; length > 0; length--) {
    const wanted = path.slice(0, length).join('.');
    const key = Object.hasOwn(map, wanted) ? wanted : keys.find((candidate) => candidate.toLowerCase() === wanted.toLowerCase());
    if (key !== undefined) return { key, length };
  }
  return { key: path[0]!, length: 1 };
}

function withoutQuotes(text: string): string {
  const quote = text.charAt(0);
  return text.length >= 2 && (quote === '"' || quote === "'") && text.endsWith(quote) ? text.slice(1, -1) : text;
}
