import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { SocketFactory } from './kafkajs-types.js';

const KEEP_ALIVE_MS = 10_000;

/** The connections of one client, so that they can be ended when the other side is silent. */
export class KafkaJsSockets {
  readonly #sockets = new Set<Socket>();

  readonly open: SocketFactory = ({ host, port, ssl, onConnect }) => {
    const socket =
      typeof ssl === 'object' && ssl !== null
        ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...(ssl as ConnectionOptions) }, onConnect)
        : connect({ host, port }, onConnect);
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    this.#sockets.add(socket);
    // Without a listener of its own an error after kafkajs has left the socket would end the process.
    socket.on('error', () => {});
    return socket.once('close', () => this.#sockets.delete(socket));
  };

  /** With an error: kafkajs does not notice a socket that ends in silence, and writes on into nothing. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy(new Error('The connection was given up.'));
  }
}
