import { RelayError, RpcUncertainError, RpcUnreachableError, ServiceError } from '../../lib/contract/rpc-errors.js';
import type { JobsLogger } from '../../lib/contract/logger.js';
import { RpcConnection, type RpcConnectionOptions } from '../../lib/relay/rpc-connection.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { encodeFrame, FrameFlag } from '../../lib/wire/frame.js';
import { startEchoServer } from './support/echo-server.js';
import { FakeServer } from './support/fake-server.js';

const MIB = 1024 * 1024;
const opened: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of opened.splice(0).reverse()) await end();
});

async function fake(options: Parameters<typeof FakeServer.start>[0] = {}): Promise<FakeServer> {
  const server = await FakeServer.start(options);
  opened.push(() => server.stop());
  return server;
}

function connectionTo(address: string, options: RpcConnectionOptions = {}): RpcConnection {
  const connection = new RpcConnection(address, { redial: { initialDelayMs: 1, maxDelayMs: 5 }, ...options });
  opened.push(() => connection.close());
  return connection;
}

async function pair(options: RpcConnectionOptions = {}): Promise<{ server: FakeServer; connection: RpcConnection }> {
  const server = await fake();
  return { server, connection: connectionTo(server.address, options) };
}

/** A server that reads nothing. */
async function deaf(): Promise<{ server: FakeServer; connection: RpcConnection; clock: VirtualClock }> {
  const clock = new VirtualClock();
  const server = await fake({ onSocket: (socket) => socket.pause() });
  return { server, connection: connectionTo(server.address, { clock }), clock };
}

/** Then the deadline of the call is the only timer. */
async function untilOpen(clock: VirtualClock): Promise<void> {
  while (clock.pending !== 1) await new Promise((resolve) => setImmediate(resolve));
}

const send = (connection: RpcConnection, method = 'test.Do', body = ''): Promise<Uint8Array> =>
  connection.send(method, Buffer.from(body), FrameFlag.raw);
const textOf = (body: Uint8Array): string => Buffer.from(body).toString();

/** The error of a promise that must reject. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('It was expected to reject.');
    },
    (error: unknown) => error,
  );
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = await FakeServer.start();
  await server.stop();
  return server.port;
}

describe('a call', () => {
  it('resolves with the body of its answer', async () => {
    const { server, connection } = await pair();
    const answer = send(connection, 'jobs.List', 'body');
    const call = await server.calls.next();
    expect(call).toMatchObject({ sequence: 1, method: 'jobs.List', body: 'body' });
    call.answer('answer');
    expect(textOf(await answer)).toBe('answer');
  });

  it('gets its own answer, whatever the order', async () => {
    const { server, connection } = await pair();
    const answers = ['a', 'b', 'c'].map((body) => send(connection, 'test.Do', body));
    const calls = await server.calls.take(3);
    for (const call of calls.reverse()) call.answer(call.body.toUpperCase());
    expect((await Promise.all(answers)).map(textOf)).toEqual(['A', 'B', 'C']);
  });

  it('rejects with the text of an error answer, and the next one works', async () => {
    const { server, connection } = await pair();
    const failing = errorOf(send(connection, 'jobs.Push'));
    (await server.calls.next()).answerError('rpc_push: empty ID field not allowed');
    const error = await failing;
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ code: 'RPC_SERVICE', method: 'jobs.Push', address: server.address, text: 'rpc_push: empty ID field not allowed' });
    const next = send(connection);
    (await server.calls.next()).answer('fine');
    expect(textOf(await next)).toBe('fine');
    expect(server.sockets).toHaveLength(1);
  });

  it('never uses an id that is in flight', async () => {
    const { server, connection } = await pair();
    const first = Array.from({ length: 5 }, () => send(connection));
    const held = await server.calls.take(5);
    held[0].answer();
    await first[0];
    const second = Array.from({ length: 5 }, () => send(connection));
    const calls = [...held, ...(await server.calls.take(5))];
    expect(new Set(calls.map(({ sequence }) => sequence)).size).toBe(10);
    for (const call of calls.slice(1)) call.answer();
    await Promise.all([...first, ...second]);
  });

  it('is written together with the others of its turn', async () => {
    const { server, connection } = await pair();
    const first = send(connection);
    (await server.calls.next()).answer();
    await first;
    server.pieces.length = 0;
    const answers = Array.from({ length: 100 }, () => send(connection));
    for (const call of await server.calls.take(100)) call.answer();
    await Promise.all(answers);
    expect(server.pieces).toHaveLength(1);
  });

  it('may carry 8 MiB both ways', async () => {
    const echo = await startEchoServer();
    opened.push(() => echo.close());
    const body = new Uint8Array(8 * MIB).fill(7);
    const answer = await connectionTo(echo.address).send('test.Echo', body, FrameFlag.raw);
    expect(Buffer.compare(answer, body)).toBe(0);
  });

  it('rejects at once when it is larger than a frame may be', async () => {
    const { connection } = await pair({ maxFrameBytes: 1_000 });
    expect(await errorOf(connection.send('test.Do', new Uint8Array(1_000), FrameFlag.raw))).toMatchObject({
      code: 'RPC_UNREACHABLE',
      reason: 'size',
    });
  });

  it('may be as large as a frame may be, the name of its method counted', async () => {
    const echo = await startEchoServer({ limits: { maxFrameBytes: 1_000 } });
    opened.push(() => echo.close());
    const connection = connectionTo(echo.address, { maxFrameBytes: 1_000 });
    const most = new Uint8Array(1_000 - 'test.Echo'.length);
    expect(await connection.send('test.Echo', most, FrameFlag.raw)).toHaveLength(most.length);
    expect(await errorOf(connection.send('test.Echo', new Uint8Array(most.length + 1), FrameFlag.raw))).toMatchObject({ reason: 'size' });
  });

  it('is refused for an address that is none', () => {
    expect(() => new RpcConnection('127.0.0.1:6001')).toThrow(RelayError);
  });

  it('is refused for a unix socket with TLS, which would wait for a handshake for ever', () => {
    expect(() => new RpcConnection('unix:///run/app/rpc.sock', { tls: {} })).toThrow(/A unix socket has no TLS/);
  });
});

describe('a call without an answer', () => {
  it('is uncertain when the connection is lost', async () => {
    const { server, connection } = await pair();
    const pending = errorOf(send(connection, 'jobs.Push'));
    (await server.calls.next()).socket.destroy();
    const error = await pending;
    expect(error).toBeInstanceOf(RpcUncertainError);
    expect(error).toMatchObject({ code: 'RPC_UNCERTAIN', reason: 'lost', isUncertain: true, retriable: true, method: 'jobs.Push' });
  });

  it('is uncertain when the other side has ended, also while that does not read', async () => {
    const { server, connection, clock } = await deaf();
    const pending = errorOf(connection.send('test.Do', new Uint8Array(32 * MIB), FrameFlag.raw));
    await untilOpen(clock);
    server.sockets[0].end();
    expect(await pending).toMatchObject({ code: 'RPC_UNCERTAIN', reason: 'lost' });
  });

  it('is uncertain when the answer is no frame', async () => {
    const { server, connection } = await pair();
    const pending = errorOf(send(connection));
    (await server.calls.next()).socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    expect(await pending).toMatchObject({ code: 'RPC_UNCERTAIN', reason: 'protocol', cause: { kind: 'noise' } });
  });

  it.each([
    ['has no options', encodeFrame({ flags: FrameFlag.raw })],
    ['claims 4 GiB', Buffer.from('1504ffffffffd96a2bd3000001000000070000', 'hex')],
  ])('is uncertain when the frame of the answer %s', async (_name, bytes) => {
    const { server, connection } = await pair();
    const pending = errorOf(send(connection));
    (await server.calls.next()).socket.write(Buffer.concat([bytes, new Uint8Array(4)]));
    expect(await pending).toMatchObject({ code: 'RPC_UNCERTAIN', reason: 'protocol' });
  });

  it('is uncertain after its time-out; the late answer is nobody else’s', async () => {
    const clock = new VirtualClock();
    const { server, connection } = await pair({ clock, timeoutMs: 1_000 });
    const late = errorOf(send(connection, 'test.Late'));
    const call = await server.calls.next();
    await clock.advance(1_000);
    expect(await late).toMatchObject({ code: 'RPC_UNCERTAIN', reason: 'timeout' });
    const next = send(connection);
    call.answer('late');
    (await server.calls.next()).answer('right');
    expect(textOf(await next)).toBe('right');
  });

  it('has a time-out of its own when asked for, and one timer serves them all', async () => {
    const clock = new VirtualClock();
    const { server, connection } = await pair({ clock, timeoutMs: 60_000 });
    const long = [send(connection), send(connection), send(connection)];
    const short = errorOf(connection.send('test.Short', new Uint8Array(0), FrameFlag.raw, { timeoutMs: 100 }));
    const calls = await server.calls.take(4);
    expect(clock.pending).toBe(1);
    await clock.advance(100);
    expect(await short).toMatchObject({ reason: 'timeout' });
    expect(clock.pending).toBe(1);
    for (const call of calls) call.answer();
    await Promise.all(long);
  });

  it('ends a connection on which nothing was heard for 30 seconds, and the next call opens another', async () => {
    const clock = new VirtualClock();
    const { server, connection } = await pair({ clock, timeoutMs: 40_000 });
    const silent = errorOf(send(connection));
    await server.calls.next();
    await clock.advance('20s');
    const younger = errorOf(send(connection));
    await server.calls.next();
    await clock.advance('20s');
    expect(await silent).toMatchObject({ reason: 'timeout' });
    expect(await younger).toMatchObject({ reason: 'lost' });
    const next = send(connection);
    (await server.calls.next()).answer('new');
    expect(textOf(await next)).toBe('new');
    expect(server.sockets).toHaveLength(2);
  });
});

describe('a connection', () => {
  it('is opened by the first call, and again after it was lost', async () => {
    const { server, connection } = await pair();
    expect(server.sockets).toHaveLength(0);
    for (let round = 1; round <= 3; round++) {
      const answer = send(connection);
      const call = await server.calls.next();
      call.answer();
      await answer;
      expect(server.sockets).toHaveLength(round);
      const lost = errorOf(send(connection));
      (await server.calls.next()).socket.destroy();
      await lost;
    }
  });

  it('is tried until something listens; the calls wait for it', async () => {
    const port = await freePort();
    const connection = connectionTo(`tcp://127.0.0.1:${port}`);
    const waiting = [send(connection, 'test.Do', 'a'), send(connection, 'test.Do', 'b')];
    const server = await fake({ port });
    for (const call of await server.calls.take(2)) call.answer(call.body);
    expect((await Promise.all(waiting)).map(textOf)).toEqual(['a', 'b']);
  });

  it('that cannot be had in time lets the call reject as one that was never sent', async () => {
    const port = await freePort();
    const warnings: string[] = [];
    const logger: JobsLogger = { debug: () => {}, info: () => {}, warn: (message) => warnings.push(message), error: () => {} };
    const connection = connectionTo(`tcp://127.0.0.1:${port}`, { timeoutMs: 60, logger });
    const error = await errorOf(send(connection, 'jobs.Push'));
    expect(error).toBeInstanceOf(RpcUnreachableError);
    expect(error).toMatchObject({ reason: 'connect', retriable: true, cause: { code: 'ECONNREFUSED' } });
    expect((error as Error).message).toContain('rpc.listen');
    expect(warnings).toHaveLength(1);
  });

  it('that was lost and cannot be had again is told once', async () => {
    const warnings: string[] = [];
    const logger: JobsLogger = { debug: () => {}, info: () => {}, warn: (message) => warnings.push(message), error: () => {} };
    const { server, connection } = await pair({ maxInFlight: 1, connectAttempts: 2, logger });
    const flying = errorOf(send(connection));
    const waiting = errorOf(send(connection));
    await server.calls.next();
    await server.stop();
    expect(await flying).toMatchObject({ reason: 'lost' });
    expect(await waiting).toMatchObject({ reason: 'connect' });
    expect(warnings).toEqual([expect.stringContaining('cannot be reached')]);
  });

  it('is given up after "connectAttempts" tries, and tried again by the next call', async () => {
    const port = await freePort();
    const connection = connectionTo(`tcp://127.0.0.1:${port}`, { connectAttempts: 2 });
    expect(await errorOf(send(connection))).toMatchObject({ reason: 'connect' });
    const server = await fake({ port });
    const answer = send(connection);
    (await server.calls.next()).answer('up');
    expect(textOf(await answer)).toBe('up');
  });

  it('waits longer from try to try, never the same time', async () => {
    const clock = new VirtualClock();
    const port = await freePort();
    const connection = connectionTo(`tcp://127.0.0.1:${port}`, { clock, timeoutMs: 0, redial: {} });
    const call = errorOf(send(connection));
    const waits: number[] = [];
    for (let round = 0; round < 9; round++) {
      const before = clock.monotonic();
      while (!(await clock.advanceToNextTimer())) await new Promise((resolve) => setImmediate(resolve));
      waits.push(clock.monotonic() - before);
      await refusedAgain(clock);
    }
    expect(waits[0]).toBeGreaterThanOrEqual(250);
    expect(waits[0]).toBeLessThanOrEqual(500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(waits[8]).toBeGreaterThanOrEqual(15_000);
    await connection.close();
    await call;
  });

  /** The system refuses a connection in no time of this clock: then the only timer is the wait. */
  async function refusedAgain(clock: VirtualClock): Promise<void> {
    for (let turn = 0; turn < 200 || clock.pending !== 1; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  it('takes "maxInFlight" calls at once; the others wait their turn', async () => {
    const { server, connection } = await pair({ maxInFlight: 2 });
    const answers = ['a', 'b', 'c', 'd'].map((body) => send(connection, 'test.Do', body));
    const [first, second] = await server.calls.take(2);
    first.answer('a');
    await answers[0];
    expect((await server.calls.next()).body).toBe('c');
    expect(server.calls.length).toBe(0);
    expect(connection.pending).toBe(3);
    second.answer('b');
    expect((await server.calls.next()).body).toBe('d');
    await connection.close();
    expect((await Promise.allSettled(answers)).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
  });

  it('lets no more wait than "maxWaiting" and "maxWaitingBytes"', async () => {
    const { connection } = await pair({ maxWaiting: 3, maxWaitingBytes: 10 });
    const waiting = [send(connection, 'test.Do', '1234'), send(connection, 'test.Do', '1234')].map(errorOf);
    expect(await errorOf(send(connection, 'test.Do', '1234'))).toMatchObject({ reason: 'full' });
    waiting.push(errorOf(send(connection)));
    expect(await errorOf(send(connection))).toMatchObject({ reason: 'full' });
    await connection.close();
    expect(await Promise.all(waiting)).toMatchObject([{ reason: 'closed' }, { reason: 'closed' }, { reason: 'closed' }]);
  });

  it('writes no further while the other side does not read; what was not written certainly did not leave', async () => {
    const server = await fake({ onSocket: (socket) => socket.pause() });
    const connection = connectionTo(server.address, { timeoutMs: 300 });
    const results = await Promise.all(Array.from({ length: 40 }, () => errorOf(connection.send('test.Do', new Uint8Array(MIB), FrameFlag.raw))));
    const uncertain = results.filter((error) => error instanceof RpcUncertainError);
    const unsent = results.filter((error) => error instanceof RpcUnreachableError && error.reason === 'timeout');
    expect(uncertain.length + unsent.length).toBe(40);
    expect(unsent.length).toBeGreaterThan(20);
    expect(uncertain.length).toBeGreaterThan(0);
  });
});

describe('closing', () => {
  it('rejects what waits and what is in flight, each by its kind', async () => {
    const { server, connection } = await pair({ maxInFlight: 1 });
    const flying = errorOf(send(connection));
    const waiting = errorOf(send(connection));
    await server.calls.next();
    await connection.close();
    await connection.close();
    expect(await flying).toMatchObject({ code: 'RPC_UNCERTAIN', reason: 'closed' });
    expect(await waiting).toMatchObject({ code: 'RPC_UNREACHABLE', reason: 'closed' });
    expect(await errorOf(send(connection))).toMatchObject({ code: 'RPC_UNREACHABLE', reason: 'closed' });
  });

  it('waits ten seconds for a side that does not read, and sends it no more then', async () => {
    const { server, connection, clock } = await deaf();
    const pending = errorOf(connection.send('test.Do', new Uint8Array(32 * MIB), FrameFlag.raw));
    await untilOpen(clock);
    const [socket] = server.sockets;
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await connection.close();
    expect(await pending).toMatchObject({ reason: 'closed' });
    await clock.advance('10s');
    socket.resume();
    await ended;
    expect(socket.bytesRead).toBeLessThan(32 * MIB);
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer and no socket', async () => {
    const clock = new VirtualClock();
    const { server, connection } = await pair({ clock });
    const answer = send(connection);
    (await server.calls.next()).answer();
    await answer;
    const ended = new Promise<void>((resolve) => server.sockets[0].once('close', () => resolve()));
    await connection.close();
    await ended;
    expect(clock.pending).toBe(0);
  });
});

describe('a token', () => {
  it('is shown before any call', async () => {
    const { server, connection } = await pair({ token: 'secret' });
    const answer = send(connection);
    const auth = await server.calls.next();
    expect(auth).toMatchObject({ method: 'rpc.Auth', body: 'secret' });
    expect(server.calls.length).toBe(0);
    auth.answer();
    (await server.calls.next()).answer('in');
    expect(textOf(await answer)).toBe('in');
  });

  it('that is refused rejects the calls as never sent', async () => {
    const { server, connection } = await pair({ token: 'wrong' });
    const pending = errorOf(send(connection));
    (await server.calls.next()).answerError('rpc.Auth: wrong token');
    expect(await pending).toMatchObject({ code: 'RPC_UNREACHABLE', reason: 'denied', cause: { text: 'rpc.Auth: wrong token' } });
  });

  it('that gets no answer is a failed try to connect', async () => {
    const clock = new VirtualClock();
    const { server, connection } = await pair({ token: 'x', clock, connectAttempts: 1, timeoutMs: 0 });
    const pending = errorOf(send(connection));
    await server.calls.next();
    await clock.advance('6s');
    expect(await pending).toMatchObject({ reason: 'connect', cause: { message: expect.stringContaining('5000 ms') } });
  });
});

describe('the process', () => {
  it('is held by an open connection only while a call is on its way', async () => {
    const { server, connection } = await pair();
    const holding = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const answer = send(connection);
    const call = await server.calls.next();
    const during = holding();
    call.answer();
    await answer;
    expect(during - holding()).toBe(1);
  });
});
