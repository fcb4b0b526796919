import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { openTcpProxy, type TcpProxy } from './tcp-proxy.js';

/** Long enough for bytes to come through loopback, if they came at all. Unit: milliseconds. */
const SILENCE_MS = 50;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** A server that answers with what it got, behind a proxy. */
async function setup() {
  const served: Socket[] = [];
  const server = createServer((socket) => {
    served.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => socket.write(chunk));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await openTcpProxy({ port: (server.address() as AddressInfo).port });
  closers.push(async () => {
    await proxy.close();
    for (const socket of served) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { proxy, served };
}

class Client {
  readonly socket: Socket;
  readonly closed: Promise<string>;
  received = '';

  constructor(proxy: TcpProxy) {
    this.socket = connect(proxy.port, proxy.host);
    let reason = 'end';
    this.socket.on('error', (error) => (reason = (error as NodeJS.ErrnoException).code ?? error.message));
    this.socket.on('data', (chunk) => (this.received += chunk.toString()));
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve(reason)));
    closers.push(() => {
      this.socket.destroy();
      return this.closed;
    });
  }

  send(text: string): void {
    this.socket.write(text);
  }

  async has(text: string): Promise<void> {
    while (this.received !== text) await once(this.socket, 'data');
  }
}

async function openClient(proxy: TcpProxy) {
  const client = new Client(proxy);
  client.send('hello');
  await client.has('hello');
  return client;
}

const silence = () => new Promise((resolve) => setTimeout(resolve, SILENCE_MS));

describe('the proxy', () => {
  it('passes bytes both ways and counts them', async () => {
    const { proxy } = await setup();
    await openClient(proxy);
    expect({ ...proxy.bytes }).toEqual({ up: 5, down: 5 });
    expect([proxy.accepted, proxy.connections]).toEqual([1, 1]);
  });

  it('passes the end of either side on', async () => {
    const { proxy, served } = await setup();
    const first = await openClient(proxy);
    const gone = once(served[0]!, 'close');
    first.socket.end();
    await gone;
    const second = await openClient(proxy);
    served[1]!.end();
    expect(await second.closed).toBe('end');
  });

  it('drops what is open and lets new connections pass', async () => {
    const { proxy } = await setup();
    const client = await openClient(proxy);
    proxy.drop();
    expect(await client.closed).toBe('ECONNRESET');
    await openClient(proxy);
  });

  it('cuts, so that nobody comes through until it is healed', async () => {
    const { proxy } = await setup();
    const client = await openClient(proxy);
    proxy.cut();
    expect(await client.closed).toBe('ECONNRESET');
    expect(await new Client(proxy).closed).toBe('ECONNRESET');
    proxy.heal();
    await openClient(proxy);
  });

  it('swallows the bytes of a frozen connection for ever, and tells nobody of its end', async () => {
    const { proxy, served } = await setup();
    const client = await openClient(proxy);
    proxy.freeze();
    client.send('lost');
    await silence();
    proxy.heal();
    client.send('lost too');
    await silence();
    expect(client.received).toBe('hello');
    proxy.freeze();
    client.socket.destroy();
    await silence();
    expect(served[0]!.destroyed).toBe(false);
    const gone = new Promise((resolve) => served[0]!.once('close', resolve)); // a reset: once() would reject with it
    proxy.heal();
    await gone;
    await openClient(proxy);
  });

  it('freezes one way', async () => {
    const { proxy } = await setup();
    const client = await openClient(proxy);
    proxy.freeze('down');
    client.send('asked');
    while (proxy.bytes.down < 10) await silence();
    expect(client.received).toBe('hello');
  });

  it('takes a new connection while it is frozen, and answers nothing', async () => {
    const { proxy } = await setup();
    proxy.freeze();
    const client = new Client(proxy);
    await once(client.socket, 'connect');
    client.send('hello');
    await silence();
    expect(client.received).toBe('');
  });

  it('holds bytes back and passes them on when it is healed', async () => {
    const { proxy } = await setup();
    const client = await openClient(proxy);
    proxy.stall();
    client.send(' again');
    await silence();
    expect(client.received).toBe('hello');
    proxy.heal();
    await client.has('hello again');
    expect(proxy.bytes.down).toBe('hello again'.length);
  });

  it('drops a connection after a number of bytes, once', async () => {
    const { proxy } = await setup();
    const client = await openClient(proxy);
    const reached = proxy.dropAfter(3, 'up');
    client.send('ok');
    await client.has('hellook');
    client.send('x');
    await reached;
    expect(await client.closed).toBe('ECONNRESET');
    await openClient(proxy);
  });

  it('tells of a new connection', async () => {
    const { proxy } = await setup();
    const next = proxy.nextConnection();
    await Promise.all([next, openClient(proxy)]);
    expect(proxy.accepted).toBe(1);
  });

  it('carries more than its buffers hold', async () => {
    const { proxy } = await setup();
    const client = new Client(proxy);
    const text = 'x'.repeat(4 * 1024 * 1024);
    client.send(text);
    while (client.received.length < text.length) await once(client.socket, 'data');
    expect(client.received.length).toBe(text.length);
  });
});
