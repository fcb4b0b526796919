import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import { DEFAULT_RPC_LIMITS } from '../../lib/contract/settings.js';
import type { RpcPeer } from '../../lib/relay/rpc-method.js';
import { RpcServer } from '../../lib/relay/rpc-server.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { encodeFrame, FrameFlag } from '../../lib/wire/frame.js';
import { recordedFrames } from '../wire/support/recordings.js';
import { type EchoOptions, type EchoServer, startEchoServer } from './support/echo-server.js';
import { aCall, RawClient } from './support/raw-client.js';

const MIB = 1024 * 1024;
const opened: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of opened.splice(0).reverse()) await end();
});

async function start(options: EchoOptions = {}): Promise<EchoServer> {
  const echo = await startEchoServer(options);
  opened.push(() => echo.close());
  return echo;
}

async function connected(echo: EchoServer, options: { isHalfOpen?: boolean } = {}): Promise<RawClient> {
  const client = await RawClient.connect(echo.address, options);
  opened.push(() => client.socket.destroy());
  return client;
}

async function started(options: EchoOptions = {}): Promise<{ echo: EchoServer; client: RawClient }> {
  const echo = await start(options);
  return { echo, client: await connected(echo) };
}

/** The connections that the server knows, once they are so many. */
async function untilConnections({ server }: EchoServer, count: number): Promise<void> {
  while (server.connections !== count) await new Promise((resolve) => setImmediate(resolve));
}

function recorded(title: string): Uint8Array {
  return recordedFrames().find((frame) => frame.title.startsWith(title))!.bytes;
}

describe('a call', () => {
  it('is answered with its id, its method and its codec', async () => {
    const { client } = await started();
    expect(await client.ask(7, 'test.Echo', 'hello', FrameFlag.json)).toEqual({
      sequence: 7,
      method: 'test.Echo',
      codec: FrameFlag.json,
      isError: false,
      body: 'hello',
    });
  });

  it('may have the ids 0 and 2^32 - 1, and one again after its answer', async () => {
    const { client } = await started();
    for (const id of [0, 0xffff_ffff, 7, 7]) expect(await client.ask(id, 'test.Echo')).toMatchObject({ sequence: id });
  });

  it('is answered when it is done, before an older one that takes longer', async () => {
    const { echo, client } = await started();
    client.write(aCall(1, 'test.Hold', 'slow'), aCall(2, 'test.Later', 'quick'));
    expect(await client.answers.next()).toMatchObject({ sequence: 2, body: 'quick' });
    echo.held.release();
    expect(await client.answers.next()).toMatchObject({ sequence: 1, body: 'slow' });
  });

  it('may come byte by byte', async () => {
    const { client } = await started();
    for (const byte of aCall(1, 'test.Echo', 'bytes')) client.socket.write(Uint8Array.of(byte));
    expect(await client.answers.next()).toMatchObject({ body: 'bytes' });
  });

  it('may have a body of 1 MiB', async () => {
    const { client } = await started();
    const body = 'x'.repeat(MIB);
    expect((await client.ask(1, 'test.Echo', body)).body === body).toBe(true);
  });

  it('fails with the text of what was thrown or rejected', async () => {
    const { echo, client } = await started();
    expect(await client.ask(1, 'test.Throw', 'rpc_push:\n\tno such pipeline')).toMatchObject({
      isError: true,
      body: 'rpc_push:\n\tno such pipeline',
    });
    client.call(2, 'test.Hold');
    await echo.held.reached(1);
    echo.held.fail(new Error('later'));
    expect(await client.answers.next()).toMatchObject({ isError: true, sequence: 2, body: 'later' });
  });

  it.each([
    ['foo.Bar', "rpc: can't find service foo.Bar"],
    ['test.Nope', "rpc: can't find method test.Nope"],
    ['test.echo', "rpc: can't find method test.echo"],
    ['nodot', 'rpc: service/method request ill-formed: nodot'],
    ['', 'rpc: service/method request ill-formed: '],
    ['__proto__.constructor', "rpc: can't find service __proto__.constructor"],
    ['test.__proto__', "rpc: can't find method test.__proto__"],
  ])('of the unknown method "%s" fails with the text of RoadRunner, and the next call works', async (method, text) => {
    const { client } = await started();
    expect(await client.ask(1, method)).toMatchObject({ isError: true, method, body: text });
    expect(await client.ask(2, 'test.Echo', 'on')).toMatchObject({ body: 'on' });
  });

  it('without a codec fails as RoadRunner fails it, marked as gob', async () => {
    const { client } = await started();
    expect(await client.ask(1, 'test.Echo', '', 0)).toMatchObject({
      isError: true,
      codec: FrameFlag.gob,
      body: 'goridge_read_request_body: unknown decoder used in frame',
    });
  });

  it('gets the bytes of an unknown method back as they were', async () => {
    const { client } = await started();
    const name = Uint8Array.of(0xff, 0xfe, 0x2e, 0xc0);
    const raw = new Promise<Buffer>((resolve) => client.socket.once('data', resolve));
    client.write(encodeFrame({ flags: FrameFlag.raw, options: [1, 4], payload: name }));
    expect((await raw).subarray(20, 24)).toEqual(Buffer.from(name));
  });

  it('with a method name beyond all names is refused, and the name is not sent back', async () => {
    const { client } = await started();
    client.call(1, `test.${'x'.repeat(300)}`);
    const { isError, body } = await client.answers.next();
    expect({ isError, body }).toEqual({ isError: true, body: expect.stringMatching(/method name of 305 bytes.*255/) });
    expect(body.length).toBeLessThan(200);
    expect(await client.ask(2, 'test.Echo', 'on')).toMatchObject({ body: 'on' });
  });

  it('with an answer over the frame limit fails instead', async () => {
    const { client } = await started({ limits: { maxFrameBytes: 1_000 } });
    expect(await client.ask(1, 'test.Much', '2000')).toMatchObject({ isError: true, body: expect.stringContaining('2000 bytes') });
    expect(await client.ask(2, 'test.Much', '995')).toMatchObject({ isError: true }); // with the name of its method it has 1,004
  });

  it('knows that its caller is on this machine', async () => {
    const { client } = await started();
    expect(JSON.parse((await client.ask(1, 'test.Peer')).body)).toEqual({ codec: FrameFlag.raw, isLoopback: true });
  });

  it('of a caller that is gone already is not taken for one of this machine', async () => {
    const peers: RpcPeer[] = [];
    const peerOf = (peer: RpcPeer): Uint8Array => {
      peers.push(peer);
      return new Uint8Array(0);
    };
    const methods = new Map([['test.Peer', (_body: Uint8Array, _codec: number, peer: RpcPeer) => peerOf(peer)]]);
    const server = new RpcServer({ settings: { listen: 'tcp://127.0.0.1:0', allowInsecure: false, limits: DEFAULT_RPC_LIMITS }, methods });
    opened.push(() => server.close(deadlineAfter(systemClock, 0)));
    const { port } = await server.listen();
    const call = Buffer.from(aCall(1, 'test.Peer')).toString('base64');
    // The process of the caller has ended when this one looks at the connection: the system knows no address of it any more.
    const caller = `const socket = require('node:net').connect(${port}, '127.0.0.1', () =>
      socket.write(Buffer.from('${call}', 'base64'), () => socket.resetAndDestroy()))`;
    spawnSync(process.execPath, ['-e', caller]);
    while (server.counters.accepted === 0 || server.connections > 0) await new Promise((resolve) => setImmediate(resolve));

    expect(peers.map(({ isLoopback }) => isLoopback)).toEqual([false]);
  });
});

describe('many calls in one write', () => {
  it('are all answered, with one id used by two at once', async () => {
    const { echo, client } = await started();
    client.write(aCall(1, 'test.Hold', 'a'), aCall(1, 'test.Hold', 'b'), aCall(1, 'test.Echo', 'c'));
    await echo.held.reached(2);
    echo.held.release(2);
    expect((await client.answers.take(3)).map(({ sequence, body }) => `${sequence}${body}`).sort()).toEqual(['1a', '1b', '1c']);
  });

  it('run at most "maxInFlight" at once, and all of them run', async () => {
    const { echo, client } = await started({ limits: { maxInFlight: 10 } });
    client.write(...Array.from({ length: 500 }, (_, index) => aCall(index, 'test.Hold', String(index))));
    for (let round = 0; round < 50; round++) {
      await echo.held.reached(10);
      echo.held.release(10);
    }
    expect((await client.answers.take(500)).map(({ body }) => Number(body)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 500 }, (_, index) => index),
    );
    expect(echo.held.most).toBe(10);
  });

  it('hold at most the bytes of one frame, and one call more', async () => {
    const { echo, client } = await started({ limits: { maxFrameBytes: 1_000 } });
    client.write(...Array.from({ length: 20 }, (_, index) => aCall(index, 'test.Hold', String(index).padEnd(300))));
    for (let round = 0; round < 5; round++) {
      await echo.held.reached(4);
      echo.held.release(4);
    }
    expect((await client.answers.take(20)).map(({ body }) => Number(body)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => index),
    );
    expect(echo.held.most).toBe(4);
  });

  it('are answered in few pieces', async () => {
    const { client } = await started();
    let pieces = 0;
    client.socket.on('data', () => pieces++);
    client.write(...Array.from({ length: 300 }, (_, index) => aCall(index, index % 2 === 0 ? 'test.Echo' : 'test.Later', 'x')));
    await client.answers.take(300);
    expect(pieces).toBeLessThan(30);
  });

  it('are answered also when the client has closed its side', async () => {
    const echo = await start();
    const client = await connected(echo, { isHalfOpen: true });
    client.socket.end(Buffer.concat([aCall(1, 'test.Hold', 'a'), aCall(2, 'test.Echo', 'b')]));
    expect(await client.answers.next()).toMatchObject({ body: 'b' });
    await echo.held.reached(1);
    echo.held.release();
    expect(await client.answers.next()).toMatchObject({ body: 'a' });
    client.socket.end();
    await client.closed;
  });
});

describe('bytes that are no call', () => {
  it.each([
    ['a wrong checksum', 'rpc-broken-crc #0'],
    ['text', 'rpc-broken-garbage #0'],
    ['no options', 'rpc-broken-no-option #0'],
    ['one option', 'rpc-broken-one-option #0'],
  ])('end their connection and no other: %s', async (_name, title) => {
    const { echo, client } = await started();
    const witness = await connected(echo);
    client.write(recorded(title));
    await client.closed;
    expect(client.answers.length).toBe(0);
    expect(await witness.ask(1, 'test.Echo', 'fine')).toMatchObject({ body: 'fine' });
    expect(echo.server.counters.malformed).toBe(1);
  });

  it.each([
    ['twelve options', recorded('rpc-crash-options #0'), 'options'],
    ['a claimed length of 4 GiB', claimed(0xffff_ffff), '4294967295 bytes'],
  ])('get an answer and end their connection: %s', async (_name, bytes, text) => {
    const { client } = await started();
    client.write(aCall(3, 'test.Echo', 'before'), bytes);
    expect(await client.answers.next()).toMatchObject({ sequence: 3, body: 'before' });
    expect(await client.answers.next()).toMatchObject({ isError: true, method: '', body: expect.stringContaining(text) });
    await client.closed;
  });

  it('get an answer and the connection goes on: a method name longer than its payload', async () => {
    const { client } = await started();
    client.write(recorded('rpc-crash-method-length #0'));
    expect(await client.answers.next()).toMatchObject({ isError: true, sequence: 1, body: expect.stringContaining('4000') });
    expect(await client.ask(2, 'test.Echo', 'on')).toMatchObject({ body: 'on' });
  });

  it('are an id in flight that is used again: both calls are answered', async () => {
    const { echo, client } = await started();
    client.call(1, 'test.Hold', 'first');
    await echo.held.reached(1);
    expect(await client.ask(1, 'test.Echo', 'second')).toMatchObject({ sequence: 1, body: 'second' });
    echo.held.release();
    expect(await client.answers.next()).toMatchObject({ sequence: 1, body: 'first' });
  });

  it('are ended by a cut in a frame', async () => {
    const { echo, client } = await started();
    client.socket.end(aCall(1, 'test.Echo', 'cut').subarray(0, 15));
    await client.closed;
    expect(echo.server.counters.malformed).toBe(1);
  });
});

/** The header of a call of 4 GiB. */
function claimed(bytes: number): Uint8Array {
  const frame = Buffer.from(encodeFrame({ flags: FrameFlag.raw, options: [1, 9] }));
  const header = Buffer.from(frame);
  header.writeUInt32LE(bytes, 2);
  return withChecksum(header);
}

function withChecksum(header: Buffer): Buffer {
  let crc = 0xffff_ffff;
  for (const byte of header.subarray(0, 6)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  header.writeUInt32LE(~crc >>> 0, 6);
  return header;
}

describe('a connection that takes too long', () => {
  async function clocked(options: EchoOptions = {}): Promise<{ echo: EchoServer; client: RawClient; clock: VirtualClock }> {
    const clock = new VirtualClock();
    const { echo, client } = await started({ ...options, clock });
    await untilConnections(echo, 1);
    return { echo, client, clock };
  }

  /** Bytes are on their way through the system: the clock moves when the server has seen them. */
  async function seen(clock: VirtualClock): Promise<void> {
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  it('is ended when a header is not complete within 10 seconds', async () => {
    const { echo, client, clock } = await clocked();
    client.write(aCall(1, 'test.Echo').subarray(0, 5));
    await seen(clock);
    await clock.advance('9s');
    expect(echo.server.connections).toBe(1);
    await clock.advance('2s');
    await client.closed;
    expect(echo.server.counters.late).toBe(1);
  });

  it('is ended when a payload does not grow for 60 seconds, not before', async () => {
    const { echo, client, clock } = await clocked();
    const call = aCall(1, 'test.Echo', 'x'.repeat(100));
    client.write(call.subarray(0, 40));
    await seen(clock);
    await clock.advance('50s');
    client.write(call.subarray(40, 50));
    await untilRead(client);
    await clock.advance('50s');
    expect(echo.server.connections).toBe(1);
    await clock.advance('11s');
    await client.closed;
    expect(echo.server.counters.late).toBe(1);
  });

  it('is not ended when it is idle between two calls', async () => {
    const { client, clock } = await clocked();
    await client.ask(1, 'test.Echo');
    await clock.advance('24h');
    expect(await client.ask(2, 'test.Echo', 'still here')).toMatchObject({ body: 'still here' });
    expect(clock.pending).toBe(0);
  });

  it('is not ended while its call runs', async () => {
    const { echo, client, clock } = await clocked({ limits: { maxInFlight: 1 } });
    client.write(aCall(1, 'test.Hold', 'slow'), aCall(2, 'test.Echo', 'next').subarray(0, 8));
    await echo.held.reached(1);
    await clock.advance('10m');
    echo.held.release();
    client.write(aCall(2, 'test.Echo', 'next').subarray(8));
    expect(await client.answers.take(2)).toMatchObject([{ body: 'slow' }, { body: 'next' }]);
  });

  it('is read no further while it does not read its answers, and ended after 30 seconds', async () => {
    const { echo, client, clock } = await clocked();
    client.socket.pause();
    const calls = Array.from({ length: 400 }, (_, index) => aCall(index, 'test.Much', String(256 * 1024)));
    client.write(...calls);
    await seen(clock);
    expect(echo.server.counters.calls).toBeLessThan(100); // a system takes some MiB into its own buffers
    await clock.advance('31s');
    client.socket.resume();
    await client.closed;
    expect(echo.server.counters).toMatchObject({ late: 1 });
    expect(echo.server.counters.calls).toBeLessThan(100);
  });

  it('gets all of its answers when it reads them in time', async () => {
    const { client, clock } = await clocked();
    client.socket.pause();
    client.write(...Array.from({ length: 100 }, (_, index) => aCall(index, 'test.Much', String(256 * 1024))));
    await seen(clock);
    await clock.advance('20s');
    client.socket.resume();
    const answers = await client.answers.take(100);
    expect(answers.every(({ body }) => body.length === 256 * 1024)).toBe(true);
    await client.ask(1, 'test.Echo'); // read behind the last drain
    await clock.advance('60s');
    expect(await client.ask(2, 'test.Echo', 'fine')).toMatchObject({ body: 'fine' });
  });

  it('goes on when it has read its answers, however few bytes it may leave unread', async () => {
    const { echo, client, clock } = await clocked({ limits: { maxUnsentBytes: 1_000 } });
    client.socket.pause();
    const calls = Array.from({ length: 40_000 }, (_, index) => aCall(index, 'test.Much', '500'));
    client.write(...calls);
    await seen(clock); // it is behind
    client.socket.resume();
    await client.answers.take(40_000);
    await clock.advance('60s');
    expect(await client.ask(1, 'test.Echo', 'fine')).toMatchObject({ body: 'fine' });
    expect(echo.server.counters.late).toBe(0);
  });

  it('gets an answer of many MiB also when it has closed its side and reads late', async () => {
    const clock = new VirtualClock();
    const echo = await start({ clock });
    const client = await connected(echo, { isHalfOpen: true });
    client.socket.pause();
    client.socket.end(aCall(1, 'test.Much', String(32 * MIB)));
    await seen(clock);
    await clock.advance('20s');
    client.socket.resume();
    expect((await client.answers.next()).body).toHaveLength(32 * MIB);
    expect(echo.server.counters.late).toBe(0);
  });

  /** Loopback delivers what was written before a later connection's first byte: a round trip elsewhere is enough. */
  async function untilRead(client: RawClient): Promise<void> {
    const bytes = client.socket.bytesWritten;
    while (client.socket.writableLength > 0 || client.socket.bytesWritten !== bytes) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
});

describe('the number of connections', () => {
  it('is limited: one more is closed at once, and the others work', async () => {
    const { echo, client } = await started({ limits: { maxConnections: 1 } });
    await client.ask(1, 'test.Echo');
    const refused = await connected(echo);
    await refused.closed;
    expect(echo.server.counters.refused).toBe(1);
    expect(await client.ask(2, 'test.Echo', 'fine')).toMatchObject({ body: 'fine' });
  });

  it('is counted down by an end', async () => {
    const { echo, client } = await started();
    await client.ask(1, 'test.Echo');
    client.socket.destroy();
    await untilConnections(echo, 0);
    expect(echo.server.counters.accepted).toBe(1);
  });
});

describe('what half received frames hold', () => {
  const call = aCall(7, 'test.Echo', 'x'.repeat(900_000));
  const limits = { maxHeldBytes: 1_000_000 };
  const untilHeld = async ({ server }: EchoServer, isReached: (bytes: number) => boolean): Promise<void> => {
    while (!isReached(server.heldBytes)) await new Promise((resolve) => setImmediate(resolve));
  };

  it('is limited over all connections: the one that goes beyond it is ended, the others go on', async () => {
    const { echo, client } = await started({ limits });
    client.write(call.subarray(0, 600_000));
    await untilHeld(echo, (bytes) => bytes > 590_000);
    const other = await connected(echo);
    other.write(call.subarray(0, 600_000));
    expect(await other.answers.next()).toMatchObject({ sequence: 7, isError: true, body: expect.stringContaining('rpc.limits.maxHeld') });
    await other.closed;
    client.write(call.subarray(600_000));
    expect(await client.answers.next()).toMatchObject({ sequence: 7, isError: false });
    expect(echo.server.heldBytes).toBe(0);
  });

  it('is given back by a connection that ends', async () => {
    const { echo, client } = await started({ limits });
    client.write(call.subarray(0, 600_000));
    await untilHeld(echo, (bytes) => bytes > 590_000);
    client.socket.destroy();
    await untilHeld(echo, (bytes) => bytes === 0);
    expect(echo.server.heldBytes).toBe(0);
  });
});

describe('a token', () => {
  const token = 'correct horse';

  it.each([
    ['as bytes', token, FrameFlag.raw],
    ['as JSON', JSON.stringify(token), FrameFlag.json],
  ])('lets its connection call, given %s', async (_name, body, codec) => {
    const { client } = await started({ token });
    expect(await client.ask(1, 'rpc.Auth', body, codec)).toMatchObject({ isError: false });
    expect(await client.ask(2, 'test.Echo', 'in')).toMatchObject({ body: 'in' });
  });

  it.each([
    ['a wrong token', 'rpc.Auth', 'wrong', FrameFlag.raw],
    ['no token', 'test.Echo', '', FrameFlag.raw],
    ['JSON that is no text', 'rpc.Auth', '{"token":1}', FrameFlag.json],
    ['broken JSON', 'rpc.Auth', '{', FrameFlag.json],
  ])('ends a connection that shows %s', async (_name, method, body, codec) => {
    const { echo, client } = await started({ token });
    client.write(aCall(1, method, body, codec), aCall(2, 'test.Echo', 'in'));
    expect(await client.answers.next()).toMatchObject({ isError: true, sequence: 1 });
    await client.closed;
    expect(client.answers.length).toBe(0);
    expect(echo.server.counters.denied).toBe(1);
  });

  it('that is wrong ends a connection which had shown the right one', async () => {
    const { client } = await started({ token });
    await client.ask(1, 'rpc.Auth', token);
    expect(await client.ask(2, 'rpc.Auth', 'wrong')).toMatchObject({ isError: true });
    await client.closed;
  });

  it('has to come within 10 seconds', async () => {
    const clock = new VirtualClock();
    const { echo, client } = await started({ token, clock });
    await untilConnections(echo, 1);
    await clock.advance('11s');
    await client.closed;
    expect(echo.server.counters.late).toBe(1);
  });

  it('keeps a stranger from making the server hold much', async () => {
    const { client } = await started({ token });
    client.write(aCall(1, 'rpc.Auth', 'x'.repeat(5_000)));
    expect(await client.answers.next()).toMatchObject({ isError: true, body: expect.stringContaining('4096') });
    await client.closed;
  });

  it('is taken without a look by a server that has none', async () => {
    const { client } = await started();
    expect(await client.ask(1, 'rpc.Auth', 'any')).toMatchObject({ isError: false });
  });
});

describe('closing', () => {
  it('answers what runs, refuses what comes, then ends the connections', async () => {
    const { echo, client } = await started();
    client.call(1, 'test.Hold', 'last');
    await echo.held.reached(1);
    const closing = echo.close(10_000);
    expect(await client.ask(2, 'test.Echo')).toMatchObject({ isError: true, body: 'rpc: the server is stopping; the call was not run' });
    echo.held.release();
    expect(await client.answers.next()).toMatchObject({ sequence: 1, body: 'last' });
    await closing;
    await client.closed;
  });

  it('does not wait for a call longer than the deadline', async () => {
    const clock = new VirtualClock();
    const { echo, client } = await started({ clock });
    client.call(1, 'test.Hold');
    await echo.held.reached(1);
    const closing = echo.server.close(deadlineAfter(clock, 5_000));
    await clock.advance('6s');
    await closing;
    await client.closed;
    expect(echo.server.connections).toBe(0);
  });

  it('is quick with idle connections, and twice is once', async () => {
    const { echo, client } = await started();
    await client.ask(1, 'test.Echo');
    expect(echo.close(60_000)).toBe(echo.close(60_000));
    await echo.close(60_000);
    await client.closed;
  });

  it('accepts no connection afterwards', async () => {
    const { echo, client } = await started();
    const port = client.socket.remotePort!;
    await echo.close();
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => connect(port, '127.0.0.1').once('error', resolve));
    expect(error.code).toBe('ECONNREFUSED');
  });
});

describe('limits', () => {
  it('are all finite', () => {
    expect(Object.values(DEFAULT_RPC_LIMITS).every((limit) => Number.isSafeInteger(limit) && limit > 0)).toBe(true);
  });
});
