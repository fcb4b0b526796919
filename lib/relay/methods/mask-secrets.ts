import type { GoValue } from '../../wire/go-json.js';

const MASK = '***';
/** Keys whose values nobody is shown, in any spelling. */
const SECRET_KEY = /pass(?:word|wd|phrase)?$|secret|token|credential|private_?key|api_?key|access_?key|(?:^|(?<!routing)_)key$|authorization|cookie/i;
/** The part of an address that says who comes: `amqp://user:password@host`. It ends at the last `@`: a password may have one. */
const USER_INFO = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/]+@/gi;
/** `Password=…` in the address of a database, or in a command line. */
const SECRET_PAIR = /\b(pass(?:word|wd)?|secret|token|api_?key)=[^\s&;,]+/gi;

/**
 * A configuration as RPC clients may see it: keys sorted, as Go writes maps, and no secret. A value under a secret key is masked
 * whole, unless it is empty; of an address only the user and the password.
 */
export function maskSecrets(value: unknown, key = ''): GoValue {
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, key));
  if (typeof value === 'object' && value !== null) return maskObject(value as Readonly<Record<string, unknown>>, key);
  if (value === undefined || value === null || value === '') return (value ?? null) as GoValue;
  if (SECRET_KEY.test(snakeCase(key))) return MASK;
  if (typeof value === 'string') return value.replace(USER_INFO, `$1${MASK}@`).replace(SECRET_PAIR, `$1=${MASK}`);
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? value : null;
}

function maskObject(fields: Readonly<Record<string, unknown>>, key: string): GoValue {
  if (SECRET_KEY.test(snakeCase(key))) return MASK;
  const masked = Object.create(null) as Record<string, GoValue>;
  for (const name of Object.keys(fields).sort()) {
    if (fields[name] !== undefined) masked[name] = maskSecrets(fields[name], name);
  }
  return masked;
}

function snakeCase(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1_$2');
}
