import { readFileSync } from 'node:fs';

/** A key of an interface of options, as its source says. */
export interface SourceOption {
  readonly key: string;
  /** The values named in its default: `64`. */
  readonly defaults: readonly string[];
}

/** The keys of one interface, with the defaults that their comments name. */
export function optionsOf(file: string, name: string): SourceOption[] {
  const source = readFileSync(file, 'utf8');
  const start = source.search(new RegExp(`^export interface ${name}\\b`, 'm'));
  if (start === -1) throw new Error(`${file} has no interface ${name}.`);
  const body = source.slice(start, source.indexOf('\n}\n', start));
  const keys = [...body.matchAll(/(?:\/\*\*(?<comment>(?:(?!\*\/)[^])*)\*\/\s*)?^ {2}readonly (?<key>\w+)\??:/gm)];
  if (keys.length === 0) throw new Error(`${name} in ${file} has no keys that can be read.`);
  return keys.map(({ groups }) => ({ key: groups?.['key'] ?? '', defaults: defaultsIn(groups?.['comment'] ?? '') }));
}

function defaultsIn(comment: string): string[] {
  const text = comment.replaceAll(/\n\s*\*/g, '\n');
  const sentence = /\b[Dd]efault: (?<said>(?:(?!\n\s*\n)[^])*)/.exec(text)?.groups?.['said'] ?? '';
  return [...sentence.matchAll(/`(?<value>[^`]+)`/g)].map((match) => match.groups?.['value'] ?? '');
}
