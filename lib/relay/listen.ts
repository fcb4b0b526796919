import { chmodSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { RelayError } from '../contract/rpc-errors.js';
import type { RpcTlsSettings } from '../contract/settings.js';
import { messageOf } from '../contract/thrown.js';
import { formatAddress, type RelayAddress, UNIX_TLS, type UnixAddress } from './address.js';
import { KEEP_ALIVE_MS } from './dial.js';
import { isAnswered } from './socket-probe.js';
import { secureContext } from './tls-files.js';

export interface ListenSettings {
  readonly tls?: RpcTlsSettings;
  readonly handshakeTimeoutMs: number;
  readonly onSocket: (socket: Socket) => void;
  /** A connection could not be accepted, when too many files are open for instance. The server goes on. */
  readonly onAcceptError: (error: Error) => void;
}

/** A server and the address that it got: port 0 is a free one. */
export interface Listening {
  readonly server: Server;
  readonly address: RelayAddress;
}

/** What the systems allow for the path of a socket, the final NUL left out. Unit: bytes. */
const MAX_SOCKET_PATH = 103;
const PRIVATE = 0o600;

/**
 * Listens on an address. A unix socket can be used by the user of this process alone; one that a dead process left is
 * replaced, anything else at its path is not.
 *
 * @throws {@link RelayError} when the address cannot be listened on.
 */
export async function listen(address: RelayAddress, settings: ListenSettings): Promise<Listening> {
  const server = createRelayServer(address, settings);
  if (address.kind === 'tcp') {
    await open(server, settings, address, { host: hostOf(address.host), port: address.port });
    return { server, address: boundTo(server, address) };
  }
  await clearPath(address);
  const restore = restrictUmask();
  try {
    await open(server, settings, address, { path: address.path }, restore);
  } finally {
    restore();
  }
  protect(server, address);
  return { server, address };
}

function protect(server: Server, address: UnixAddress): void {
  try {
    chmodSync(address.path, PRIVATE);
  } catch (cause) {
    server.close();
    throw new RelayError(formatAddress(address), `Its mode cannot be set: ${messageOf(cause)}. Use a folder that only this process changes.`, {
      cause,
    });
  }
}

function createRelayServer(address: RelayAddress, { tls, handshakeTimeoutMs, onSocket }: ListenSettings): Server {
  // Half-open: a client that has sent its calls and closed its side still gets the answers.
  const socketOptions = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  if (tls === undefined) return createServer(socketOptions, onSocket);
  const text = formatAddress(address);
  if (address.kind === 'unix') throw new RelayError(text, UNIX_TLS);
  if (tls.cert === undefined || tls.key === undefined)
    throw new RelayError(text, '"rpc.tls" needs "cert" and "key" on the listening side. Set both.');
  const clientCertificates = tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  try {
    const server = createTlsServer(
      { ...socketOptions, ...secureContext(tls, text), ...clientCertificates, handshakeTimeout: handshakeTimeoutMs },
      onSocket,
    );
    return server.on('tlsClientError', (_error, socket) => socket.destroy());
  } catch (cause) {
    if (cause instanceof RelayError) throw cause;
    throw new RelayError(text, `"rpc.tls" cannot be used: ${messageOf(cause)}. Check that "cert", "key" and "ca" are PEM and belong together.`, {
      cause,
    });
  }
}

function open(
  server: Server,
  { onAcceptError }: ListenSettings,
  address: RelayAddress,
  options: ListenOptions,
  bound: () => void = () => {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(new RelayError(formatAddress(address), `${cause.message}. Free it, or listen elsewhere.`, { cause }));
    server.once('error', fail);
    server.listen(options, () => {
      server.off('error', fail).on('error', onAcceptError);
      resolve();
    });
    bound();
  });
}

// "localhost" may be ::1 first; clients in PHP know IPv4 only. No host means every address, as in Go.
function hostOf(host: string): string {
  if (host === '') return '::';
  return host.toLowerCase() === 'localhost' ? '127.0.0.1' : host;
}

function boundTo(server: Server, address: RelayAddress): RelayAddress {
  const bound = server.address();
  return bound === null || typeof bound === 'string' ? address : { kind: 'tcp', host: bound.address, port: bound.port };
}

async function clearPath(address: UnixAddress): Promise<void> {
  const text = formatAddress(address);
  if (process.platform === 'win32') throw new RelayError(text, 'Windows has no unix sockets. Listen on tcp://127.0.0.1:6001.');
  const bytes = Buffer.byteLength(address.path);
  if (bytes > MAX_SOCKET_PATH)
    throw new RelayError(text, `The path of a socket may have ${MAX_SOCKET_PATH} bytes; this one has ${bytes}. Use a shorter one.`);
  const found = statsOf(address.path);
  if (found === undefined) return;
  if (!found.isSocket())
    throw new RelayError(text, 'Something that is no socket has this path, and it is not replaced. Remove it, or use another path.');
  if (await hasListener(address.path, text)) throw new RelayError(text, 'Another process listens there. Stop it, or use another path.');
  unlinkSync(address.path);
}

async function hasListener(path: string, text: string): Promise<boolean> {
  try {
    return await isAnswered(path);
  } catch (cause) {
    throw new RelayError(text, `The socket there cannot be asked: ${messageOf(cause)}. Remove it, or use another path.`, { cause });
  }
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

// Between bind and chmod others could connect. A worker thread may not set the mask: there chmod alone has to do.
function restrictUmask(): () => void {
  let before: number | undefined;
  try {
    before = process.umask(0o177);
  } catch {
    return () => {};
  }
  return () => {
    if (before !== undefined) process.umask(before);
    before = undefined;
  };
}
