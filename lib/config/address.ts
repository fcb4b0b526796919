import { scalar, type Schema } from './schema.js';

const MAX_PORT = 65_535;
const ADDRESS_JSON = { type: 'string', pattern: '^(?:tcp|unix)://|\\$' };

/** `tcp://host:port` or `unix://path`. The host may be empty (every interface) or an IPv6 address in brackets. */
export function address(): Schema<string> {
  const expected = `an address: "tcp://127.0.0.1:6001", with a port from 0 to ${MAX_PORT}, or "unix:///run/jobs.sock"`;
  return scalar(expected, (input) => (typeof input === 'string' && isAddress(input) ? input : undefined), ADDRESS_JSON);
}

export function isAddress(text: string): boolean {
  const [scheme = '', ...rest] = text.split('://');
  const [target = ''] = rest;
  if (rest.length !== 1 || target === '') return false;
  if (scheme.toLowerCase() === 'unix') return true;
  return scheme.toLowerCase() === 'tcp' && isHostAndPort(target);
}

function isHostAndPort(target: string): boolean {
  const colon = target.lastIndexOf(':');
  if (colon === -1) return false;
  const host = target.slice(0, colon);
  const port = target.slice(colon + 1);
  const isHost = host.startsWith('[') ? host.endsWith(']') : !host.includes(':');
  return isHost && !/[\s/]/.test(host) && /^\d{1,5}$/.test(port) && Number(port) <= MAX_PORT;
}
