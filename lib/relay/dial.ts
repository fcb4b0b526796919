import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../contract/clock.js';
import { RelayError } from '../contract/rpc-errors.js';
import type { RpcTlsSettings } from '../contract/settings.js';
import { formatAddress, type RelayAddress } from './address.js';
import { secureContext } from './tls-files.js';

export interface DialOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly tls?: RpcTlsSettings;
}

/** Finds a peer that died without a word. Unit: milliseconds. */
export const KEEP_ALIVE_MS = 30_000;

/**
 * Opens a socket. With TLS it is open when the certificate of the other side is proved.
 *
 * @returns The function that gives up: without effect when the socket is open or has failed.
 */
export function dial(address: RelayAddress, options: DialOptions, onOpen: (socket: Socket) => void, onError: (error: Error) => void): () => void {
  const socket = createSocket(address, options.tls);
  const ready = options.tls === undefined ? 'connect' : 'secureConnect';
  const timer = options.clock.setTimer(options.timeoutMs, () => {
    socket.destroy(new RelayError(formatAddress(address), `It did not answer within ${options.timeoutMs} ms. Check that it listens there.`));
  });
  const settle = (): void => {
    timer.cancel();
    socket.off(ready, succeed).off('error', fail).off('close', end);
  };
  const succeed = (): void => {
    settle();
    onOpen(socket);
  };
  const fail = (error: Error): void => {
    settle();
    socket.on('error', ignore);
    onError(error);
  };
  const end = (): void => fail(new RelayError(formatAddress(address), 'It closed the connection at once. Check what listens there.'));
  socket.once(ready, succeed).once('error', fail).once('close', end);
  return () => {
    settle();
    socket.on('error', ignore).destroy();
  };
}

function ignore(): void {}

function createSocket(address: RelayAddress, tls: RpcTlsSettings | undefined): Socket {
  if (address.kind === 'unix') return connect({ path: address.path });
  const host = address.host === '' ? '127.0.0.1' : address.host; // Go dials ":6001" on this machine, too
  const target = { host, port: address.port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  if (tls === undefined) return connect(target);
  const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  return connectTls({ ...target, ...secureContext(tls, formatAddress(address)), ...(servername === undefined ? {} : { servername }) });
}
