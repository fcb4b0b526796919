/** Variables by name; one that is missing counts as empty. */
export type Environment = Readonly<Record<string, string | undefined>>;

const DOLLAR = '$';
const DEFAULT_MARK = ':-';
const NAME = /[A-Za-z0-9_]*/y;
/** One character behind a dollar sign that is a name of its own, as in shells. */
const SPECIAL = '*#$@!?-0123456789';

/**
 * Replaces `$NAME`, `${NAME}` and `${NAME:-default}`; the default counts where the variable is missing or empty.
 *
 * The forms are those of RoadRunner (Go's `os.Expand`): the name between braces ends at the first `}`, the default is not read again,
 * `${}` and the opening of braces that nobody closes vanish, a dollar sign before anything else stays, and `$$` is a variable that nobody sets.
 * Every reference has a default of its own; in RoadRunner one `:-` makes all references without a default empty the whole text.
 */
export function interpolate(text: string, environment: Environment): string {
  if (!text.includes(DOLLAR)) return text;
  // Known once for all: looked for at each `${`, a text of nothing else would take the square of its length.
  const lastBrace = text.lastIndexOf('}');
  let result = '';
  let from = 0;
  for (let at = text.indexOf(DOLLAR); at !== -1; at = text.indexOf(DOLLAR, from)) {
    const { value, end } = reference(text, at, lastBrace, environment);
    result += text.slice(from, at) + value;
    from = end;
  }
  return result + text.slice(from);
}

/** @param at - Where its dollar sign stands. */
function reference(text: string, at: number, lastBrace: number, environment: Environment): { value: string; end: number } {
  const next = at + 1;
  if (text[next] === '{') {
    if (next >= lastBrace) return { value: '', end: next + 1 };
    const close = text.indexOf('}', next);
    return { value: inBraces(text.slice(next + 1, close), environment), end: close + 1 };
  }
  if (next < text.length && SPECIAL.includes(text.charAt(next))) return { value: valueOf(text.charAt(next), environment), end: next + 1 };
  NAME.lastIndex = next;
  const name = NAME.exec(text)?.[0] ?? '';
  return name === '' ? { value: DOLLAR, end: next } : { value: valueOf(name, environment), end: next + name.length };
}

function inBraces(inside: string, environment: Environment): string {
  const mark = inside.indexOf(DEFAULT_MARK);
  if (mark === -1) return valueOf(inside, environment);
  return valueOf(inside.slice(0, mark), environment) || inside.slice(mark + DEFAULT_MARK.length);
}

function valueOf(name: string, environment: Environment): string {
  return (Object.hasOwn(environment, name) ? environment[name] : undefined) ?? '';
}
