import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** Which way bytes go: `up` to the broker, `down` to its client. */
export type ProxyWay = 'up' | 'down' | 'both';

/** A network between a client and a broker that a test can break. */
export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** Pairs that are open. */
  readonly connections: number;
  /** Pairs that were opened since the start. */
  readonly accepted: number;
  /** Bytes that came, whether or not they were passed on. */
  readonly bytes: { readonly up: number; readonly down: number };
  /** Resets every connection. New ones pass. */
  drop(): void;
  /** Resets every connection and each new one, as if nobody listened, until `heal`. */
  cut(): void;
  /**
   * Swallows all bytes that come from now on, of new connections too, until `heal`. No end is told to the other side, as with a cable that was
   * pulled. A connection that was frozen never comes back: its bytes are lost.
   */
  freeze(way?: ProxyWay): void;
  /** Holds all bytes back until `heal`, which passes them on: a slow network, nothing is lost. */
  stall(way?: ProxyWay): void;
  /** Ends what `cut`, `freeze` and `stall` began. */
  heal(): void;
  /** Resets the pair through which the given number of bytes has gone that way, counted over all pairs from now on. Once. */
  dropAfter(bytes: number, way: 'up' | 'down'): Promise<void>;
  /** Resolves when a new connection has come. */
  nextConnection(): Promise<void>;
  close(): Promise<void>;
}

type Mode = 'pass' | 'freeze' | 'stall';

/** Opens a proxy on a free loopback port, or on a given one. */
export async function openTcpProxy(target: { readonly host?: string; readonly port: number }, port = 0): Promise<TcpProxy> {
  const proxy = new Proxy_({ host: target.host ?? '127.0.0.1', port: target.port });
  await proxy.listen(port);
  return proxy;
}

class Proxy_ implements TcpProxy {
  readonly host = '127.0.0.1';
  readonly bytes = { up: 0, down: 0 };
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #watchers = new Set<() => void>();
  readonly modes: { up: Mode; down: Mode } = { up: 'pass', down: 'pass' };
  #limit: { way: 'up' | 'down'; left: number; reached: () => void } | undefined;
  #isCut = false;
  accepted = 0;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, this.host, resolve);
    });
  }

  drop(): void {
    for (const pair of this.#pairs) pair.reset();
  }

  cut(): void {
    this.#isCut = true;
    this.drop();
  }

  freeze(way: ProxyWay = 'both'): void {
    this.#set(way, 'freeze');
  }

  stall(way: ProxyWay = 'both'): void {
    this.#set(way, 'stall');
  }

  heal(): void {
    this.#isCut = false;
    this.#set('both', 'pass');
  }

  dropAfter(bytes: number, way: 'up' | 'down'): Promise<void> {
    return new Promise((reached) => (this.#limit = { way, left: bytes, reached }));
  }

  nextConnection(): Promise<void> {
    return new Promise((resolve) => this.#watchers.add(resolve));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.drop();
    });
  }

  /** Counts a chunk. False when its pair has to end with it. */
  count(way: 'up' | 'down', length: number): boolean {
    this.bytes[way] += length;
    const limit = this.#limit;
    if (limit === undefined || limit.way !== way || (limit.left -= length) > 0) return true;
    this.#limit = undefined;
    limit.reached();
    return false;
  }

  #set(way: ProxyWay, mode: Mode): void {
    if (way !== 'down') this.modes.up = mode;
    if (way !== 'up') this.modes.down = mode;
    for (const pair of this.#pairs) pair.follow();
  }

  #accept(client: Socket): void {
    if (this.#isCut) return void client.resetAndDestroy();
    this.accepted++;
    const server = connect(this.#target);
    const pair = new Pair(client, server, this, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }
}

/** One connection of a client and its other half to the broker. */
class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #proxy: Proxy_;
  readonly #onEnd: () => void;
  readonly #isFrozen = { up: false, down: false };

  constructor(client: Socket, server: Socket, proxy: Proxy_, onEnd: () => void) {
    this.#client = client;
    this.#server = server;
    this.#proxy = proxy;
    this.#onEnd = onEnd;
    this.#join(client, server, 'up');
    this.#join(server, client, 'down');
    this.follow();
  }

  /** Takes over the modes of the proxy. */
  follow(): void {
    for (const way of ['up', 'down'] as const) {
      const mode = this.#proxy.modes[way];
      const from = way === 'up' ? this.#client : this.#server;
      if (mode === 'freeze') this.#isFrozen[way] = true;
      if (mode === 'stall') from.pause();
      else from.resume();
    }
    const isHealed = this.#proxy.modes.up === 'pass' && this.#proxy.modes.down === 'pass';
    // The end of one half was kept from the other while the network was frozen.
    if (isHealed && (this.#client.destroyed || this.#server.destroyed)) this.reset();
  }

  reset(): void {
    for (const socket of [this.#client, this.#server]) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
    this.#onEnd();
  }

  #join(from: Socket, to: Socket, way: 'up' | 'down'): void {
    from.setNoDelay(true);
    from.on('error', () => {}); // 'close' follows and is what counts
    from.on('data', (chunk: Buffer) => {
      const stays = this.#proxy.count(way, chunk.length);
      if (this.#isFrozen[way]) return;
      if (to.writable && !to.write(chunk)) this.#holdBack(from, to);
      if (!stays) this.reset();
    });
    from.on('end', () => {
      if (!this.#isAnyFrozen()) to.end();
    });
    from.on('close', () => {
      if (this.#isAnyFrozen() && !this.#isOver()) return;
      this.reset();
    });
  }

  #holdBack(from: Socket, to: Socket): void {
    from.pause();
    to.once('drain', () => this.follow());
  }

  #isAnyFrozen(): boolean {
    return this.#isFrozen.up || this.#isFrozen.down;
  }

  #isOver(): boolean {
    return this.#client.destroyed && this.#server.destroyed;
  }
}
