import { isIPv4 } from 'node:net';
import { RelayError } from '../contract/rpc-errors.js';

/** Where a socket listens or connects. */
export type RelayAddress = TcpAddress | UnixAddress;

export interface TcpAddress {
  readonly kind: 'tcp';
  /** As it was written, without brackets; empty: `tcp://:6001`. */
  readonly host: string;
  readonly port: number;
}

export interface UnixAddress {
  readonly kind: 'unix';
  readonly path: string;
}

const FORMS = 'Write "tcp://127.0.0.1:6001", "tcp://[::1]:6001" or "unix:///run/app/rpc.sock".';
const MAX_PORT = 65_535;
/** Why TLS is refused, on both sides. */
export const UNIX_TLS = 'A unix socket has no TLS: its mode protects it. Remove "rpc.tls", or use tcp.';

/**
 * Reads `tcp://host:port` or `unix://path`, as RoadRunner's clients and its `rpc.listen` write them. The protocol may
 * have any case; an IPv6 host stands in brackets.
 *
 * @throws {@link RelayError} when it is neither.
 */
export function parseAddress(address: string): RelayAddress {
  const [protocol, rest, more] = address.split('://');
  if (rest === undefined) throw new RelayError(address, `The protocol is missing. ${FORMS}`);
  if (more !== undefined) throw new RelayError(address, `It has "://" twice. ${FORMS}`);
  switch (protocol.toLowerCase()) {
    case 'tcp':
      return parseTcp(address, rest);
    case 'unix':
      if (rest === '') throw new RelayError(address, `The path of the socket is missing. ${FORMS}`);
      if (rest.includes('\0')) throw new RelayError(address, 'The path of the socket has a NUL character. Remove it.');
      return { kind: 'unix', path: rest };
    case 'tls':
      throw new RelayError(address, `TLS is no protocol of an address: write "tcp://" and set "rpc.tls". ${FORMS}`);
    default:
      throw new RelayError(address, `"${protocol}" is no protocol of a relay; there are "tcp" and "unix". ${FORMS}`);
  }
}

/** The text that {@link parseAddress} reads. */
export function formatAddress(address: RelayAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  return `tcp://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/** True when only this machine can reach it: 127.0.0.0/8, ::1, `localhost`, a unix socket. */
export function isLoopback(address: RelayAddress): boolean {
  return address.kind === 'unix' || address.host.toLowerCase() === 'localhost' || isLoopbackIp(address.host);
}

/** The same for the numbers of an address, as sockets report them. */
export function isLoopbackIp(ip: string): boolean {
  const plain = ip.toLowerCase().startsWith('::ffff:') ? ip.slice('::ffff:'.length) : ip;
  return ip === '::1' || (isIPv4(plain) && plain.startsWith('127.'));
}

function parseTcp(address: string, rest: string): TcpAddress {
  const end = rest.lastIndexOf(':');
  if (end === -1) throw new RelayError(address, `The port is missing. ${FORMS}`);
  const port = Number(rest.slice(end + 1));
  if (!/^[0-9]{1,5}$/.test(rest.slice(end + 1)) || port > MAX_PORT) {
    throw new RelayError(address, `"${rest.slice(end + 1)}" is no port; a port is 0 to ${MAX_PORT}. ${FORMS}`);
  }
  const host = rest.slice(0, end);
  if (host.startsWith('[') && host.endsWith(']')) return { kind: 'tcp', host: host.slice(1, -1), port };
  if (host.includes(':')) throw new RelayError(address, `An IPv6 host stands in brackets. ${FORMS}`);
  if (/[\s/@]/.test(host)) throw new RelayError(address, `"${host}" is no host. ${FORMS}`);
  return { kind: 'tcp', host, port };
}
