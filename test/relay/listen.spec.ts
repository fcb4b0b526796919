import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { RelayError, RpcExposedError } from '../../lib/contract/rpc-errors.js';
import type { JobsLogger } from '../../lib/contract/logger.js';
import type { RpcTlsSettings } from '../../lib/contract/settings.js';
import { parseAddress } from '../../lib/relay/address.js';
import { listen as openServer } from '../../lib/relay/listen.js';
import { RpcConnection, type RpcConnectionOptions } from '../../lib/relay/rpc-connection.js';
import { FrameFlag } from '../../lib/wire/frame.js';
import { describeUnless, itUnless } from '../support/skipped.js';
import { createTempFolder } from '../support/temp-folder.js';
import { type EchoOptions, startEchoServer } from './support/echo-server.js';
import { RawClient } from './support/raw-client.js';

const TLS = 'test/fixtures/tls';
const authority = `${TLS}/ca.crt`;
const serverTls: RpcTlsSettings = { cert: `${TLS}/server.crt`, key: `${TLS}/server.key` };
const clientTls: RpcTlsSettings = { cert: `${TLS}/client.crt`, key: `${TLS}/client.key`, ca: authority };
/** The numbers of the timers of a connection on Linux. */
const RETRANSMIT_TIMER = '01';
const KEEP_ALIVE_TIMER = '02';
const opened: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of opened.splice(0).reverse()) await end();
});

async function start(options: EchoOptions): Promise<string> {
  const { address, close } = await startEchoServer(options);
  opened.push(() => close());
  return address;
}

function connectionTo(address: string, options: RpcConnectionOptions = {}): RpcConnection {
  const connection = new RpcConnection(address, { connectAttempts: 1, timeoutMs: 3_000, ...options });
  opened.push(() => connection.close());
  return connection;
}

async function echo(connection: RpcConnection): Promise<string> {
  return Buffer.from(await connection.send('test.Echo', Buffer.from('hello'), FrameFlag.raw)).toString();
}

const failed = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it resolved',
    (error: unknown) => error,
  );

describe('a server on tcp', () => {
  it('tells of a connection that it cannot accept, and goes on', async () => {
    const told: Error[] = [];
    const settings = { handshakeTimeoutMs: 1_000, onSocket: () => {}, onAcceptError: (error: Error) => told.push(error) };
    const { server } = await openServer(parseAddress('tcp://127.0.0.1:0'), settings);
    opened.push(() => server.close());
    const error = new Error('accept EMFILE');
    server.emit('error', error);
    expect(told).toEqual([error]);
    expect(server.listening).toBe(true);
  });

  it('tells the port that it got', async () => {
    expect(await start({ listen: 'tcp://127.0.0.1:0' })).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/);
  });

  const onLinux = itUnless(process.platform === 'linux' ? undefined : 'only Linux shows the timers of a connection');
  onLinux('looks whether a silent client is still there', async () => {
    const address = await start({});
    const port = Number(address.split(':').at(-1));
    const client = await RawClient.connect(address);
    opened.push(() => client.socket.destroy());
    await client.ask(1, 'test.Echo');
    while (timerOf(port) === RETRANSMIT_TIMER) await new Promise((resolve) => setImmediate(resolve)); // the answer is on its way
    expect(timerOf(port)).toBe(KEEP_ALIVE_TIMER);
  });

  /** The timer of the one connection to a port, as Linux shows it. */
  function timerOf(port: number): string | undefined {
    const ends = new RegExp(`^ *\\d+: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')} [0-9A-F:]+ 01 [0-9A-F:]+ (\\d\\d):`, 'm');
    return ends.exec(readFileSync('/proc/net/tcp', 'latin1'))?.[1];
  }

  it('listens on 127.0.0.1 for "localhost": clients in PHP know no IPv6', async () => {
    expect(await start({ listen: 'tcp://localhost:0' })).toContain('127.0.0.1');
  });

  it.each(['tcp://0.0.0.0:0', 'tcp://:0', 'tcp://[::]:0'])('is not opened where others reach it, without TLS and token: %s', async (listen) => {
    const error = await failed(start({ listen }));
    expect(error).toBeInstanceOf(RpcExposedError);
    expect(error).toMatchObject({
      missing: ['tls', 'token'],
      message: expect.stringMatching(/"rpc\.tls" and "rpc\.token".*"rpc\.allowInsecure: true"/s),
    });
  });

  it('names the one thing that is missing', async () => {
    expect(await failed(start({ listen: 'tcp://0.0.0.0:0', token: 'x' }))).toMatchObject({ missing: ['tls'] });
    expect(await failed(start({ listen: 'tcp://0.0.0.0:0', tls: serverTls }))).toMatchObject({ missing: ['token'] });
  });

  it('is opened there with TLS and token, without a word; with "allowInsecure", with a warning', async () => {
    const warnings: string[] = [];
    const logger: JobsLogger = { debug: () => {}, info: () => {}, warn: (message) => warnings.push(message), error: () => {} };
    await start({ listen: 'tcp://0.0.0.0:0', tls: serverTls, token: 'x', logger });
    expect(warnings).toEqual([]);
    await start({ listen: 'tcp://0.0.0.0:0', allowInsecure: true, logger });
    expect(warnings).toEqual([expect.stringContaining('tcp://0.0.0.0:0')]);
  });

  it('names the address when its port is taken', async () => {
    const address = await start({});
    const error = await failed(start({ listen: address }));
    expect(error).toBeInstanceOf(RelayError);
    expect(error).toMatchObject({ address, cause: { code: 'EADDRINUSE' } });
  });
});

const describeUnix = describeUnless(process.platform === 'win32' ? 'Windows has no unix sockets' : undefined);

describeUnix('a server on a unix socket', () => {
  it('answers, for its own user only, and leaves no file', async () => {
    const path = join(createTempFolder(), 'rpc.sock');
    const server = await startEchoServer({ listen: `unix://${path}` });
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    const connection = connectionTo(`unix://${path}`);
    expect(await echo(connection)).toBe('hello');
    const peer = Buffer.from(await connection.send('test.Peer', new Uint8Array(0), FrameFlag.raw)).toString();
    expect(JSON.parse(peer)).toMatchObject({ isLoopback: true });
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  it('changes the mask of the process for no longer than its opening', async () => {
    const before = process.umask(0o022);
    opened.push(() => process.umask(before));
    await start({ listen: `unix://${join(createTempFolder(), 'rpc.sock')}` });
    const path = join(createTempFolder(), 'file');
    writeFileSync(path, '');
    expect(lstatSync(path).mode & 0o777).toBe(0o644);
  });

  it.each([
    ['a file', (path: string) => writeFileSync(path, 'precious')],
    ['a link', (path: string) => symlinkSync('/nowhere', path)],
    ['a folder', (path: string) => mkdirSync(path)],
  ])('does not replace %s', async (_name, create) => {
    const path = join(createTempFolder(), 'rpc.sock');
    create(path);
    expect(await failed(start({ listen: `unix://${path}` }))).toMatchObject({ code: 'RELAY', message: expect.stringContaining('no socket') });
    expect(lstatSync(path).isSocket()).toBe(false);
  });

  it('replaces a socket that a dead process left', async () => {
    const path = join(createTempFolder(), 'rpc.sock');
    await leaveSocket(path);
    const address = await start({ listen: `unix://${path}` });
    expect(await echo(connectionTo(address))).toBe('hello');
  });

  it('does not replace a socket on which another one answers', async () => {
    const path = join(createTempFolder(), 'rpc.sock');
    const address = await start({ listen: `unix://${path}` });
    expect(await failed(start({ listen: `unix://${path}` }))).toMatchObject({ code: 'RELAY', message: expect.stringContaining('Another process') });
    expect(await echo(connectionTo(address))).toBe('hello');
  });

  it('refuses a path that is too long, and a folder that is not there', async () => {
    expect(await failed(start({ listen: `unix:///tmp/${'x'.repeat(120)}` }))).toMatchObject({
      code: 'RELAY',
      message: expect.stringContaining('103 bytes'),
    });
    expect(await failed(start({ listen: `unix://${join(createTempFolder(), 'nowhere', 'rpc.sock')}` }))).toMatchObject({ code: 'RELAY' });
  });

  it('has no TLS', async () => {
    expect(await failed(start({ listen: `unix://${join(createTempFolder(), 'rpc.sock')}`, tls: serverTls }))).toMatchObject({ code: 'RELAY' });
  });

  /** A socket file whose process is gone: the file is moved away while its server closes. */
  async function leaveSocket(path: string): Promise<void> {
    const server = await new Promise<Server>((resolve) => {
      const listening = createServer().listen(`${path}.old`, () => resolve(listening));
    });
    renameSync(`${path}.old`, path);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(lstatSync(path).isSocket()).toBe(true);
    chmodSync(path, 0o600);
  }
});

describe('a server with TLS', () => {
  it('answers a client that trusts its certificate, given as files or as text', async () => {
    const address = await start({ tls: serverTls });
    const text = readFileSync(authority, 'utf8');
    for (const ca of [authority, text]) expect(await echo(connectionTo(address, { tls: { ca } }))).toBe('hello');
  });

  it('is not trusted by a client that does not know its authority', async () => {
    const address = await start({ tls: serverTls });
    expect(await failed(echo(connectionTo(address, { tls: {} })))).toMatchObject({
      code: 'RPC_UNREACHABLE',
      reason: 'connect',
      message: expect.stringMatching(/\. Its certificate is not trusted: name the authority that signed it in "tls\.ca"\.$/) as string,
    });
    expect(await failed(echo(connectionTo(address, { tls: { ca: 'no-such-file.pem' } })))).toMatchObject({
      message: expect.not.stringContaining('Nothing answers') as string,
    });
    expect(await failed(echo(connectionTo(address, { tls: { ca: `${TLS}/stranger.crt` } })))).toMatchObject({ reason: 'connect' });
  });

  it('is not trusted under another name', async () => {
    const address = await start({ tls: serverTls });
    const error = await failed(echo(connectionTo(address, { tls: { ca: authority, serverName: 'example.org' } })));
    expect(error).toMatchObject({ reason: 'connect', cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });

  it('wants the certificate of its clients when it has a "ca"', async () => {
    const address = await start({ tls: { ...serverTls, ca: authority } });
    expect(await echo(connectionTo(address, { tls: clientTls }))).toBe('hello');
    const stranger = { cert: `${TLS}/stranger.crt`, key: `${TLS}/stranger.key`, ca: authority };
    for (const tls of [{ ca: authority }, stranger]) expect(await failed(echo(connectionTo(address, { tls })))).toBeInstanceOf(Error);
  });

  it('asks for a token, too', async () => {
    const address = await start({ tls: serverTls, token: 'secret' });
    expect(await echo(connectionTo(address, { tls: { ca: authority }, token: 'secret' }))).toBe('hello');
    expect(await failed(echo(connectionTo(address, { tls: { ca: authority }, token: 'wrong' })))).toMatchObject({ reason: 'denied' });
  });

  it('ends a connection that speaks plainly, and answers the next', async () => {
    const address = await start({ tls: serverTls });
    const plain = await RawClient.connect(address);
    plain.call(1, 'test.Echo', 'hello');
    await plain.closed;
    expect(await echo(connectionTo(address, { tls: { ca: authority } }))).toBe('hello');
  });

  it('closes while a handshake hangs', async () => {
    const server = await startEchoServer({ tls: serverTls });
    const hanging = await RawClient.connect(server.address);
    const witness = connectionTo(server.address, { tls: { ca: authority } });
    expect(await echo(witness)).toBe('hello');
    await server.close();
    await hanging.closed;
  });

  it.each([
    ['a file that is not there', { cert: '/nowhere/server.crt', key: `${TLS}/server.key` }, '"tls.cert" names a file'],
    ['no key', { cert: `${TLS}/server.crt` }, 'needs "cert" and "key"'],
    ['a key of another certificate', { cert: `${TLS}/server.crt`, key: `${TLS}/client.key` }, 'cannot be used'],
  ])('is not opened with %s', async (_name, tls, text) => {
    expect(await failed(start({ tls }))).toMatchObject({ code: 'RELAY', message: expect.stringContaining(text) });
  });

  it('takes no TLS below 1.2', async () => {
    const address = await start({ tls: serverTls });
    const port = Number(address.split(':').at(-1));
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      connectTls({
        port,
        host: '127.0.0.1',
        ca: readFileSync(authority),
        maxVersion: 'TLSv1.1',
        minVersion: 'TLSv1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }).once('error', resolve);
    });
    expect(error.code).toMatch(/TLS|SSL|ECONNRESET|EPROTO/);
  });
});

describe('a client with TLS', () => {
  it('does not send a byte of a call to a server that it does not trust', async () => {
    const got: Buffer[] = [];
    const server = createTlsServer({ cert: readFileSync(`${TLS}/stranger.crt`), key: readFileSync(`${TLS}/stranger.key`) }, (socket) => {
      socket.on('data', (chunk) => got.push(chunk)).on('error', () => {});
    });
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    opened.push(() => new Promise((resolve) => server.close(resolve)));
    expect(await failed(echo(connectionTo(`tcp://127.0.0.1:${port}`, { tls: { ca: authority } })))).toMatchObject({ reason: 'connect' });
    expect(got).toEqual([]);
  });

  it('names a certificate file that cannot be read', async () => {
    const error = await failed(echo(connectionTo('tcp://127.0.0.1:1', { tls: { ca: '/nowhere/ca.crt' } })));
    expect(error).toMatchObject({ reason: 'connect', cause: { code: 'RELAY' } });
  });
});
