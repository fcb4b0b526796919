import { readFileSync } from 'node:fs';
import { Jobs } from '../../lib/client/jobs.js';
import { RpcUncertainError, RpcUnreachableError } from '../../lib/contract/rpc-errors.js';
import type { RpcMethod } from '../../lib/relay/rpc-method.js';
import { RpcClient } from '../../lib/relay/rpc-client.js';
import { connectJobs, connectTo, type JobsConnection } from '../../lib/runtime/connect-jobs.js';
import { createKernel, type CreateKernelParts } from '../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../lib/runtime/handler-executor.js';
import { withLocalDeclare } from '../../lib/runtime/kernel-server.js';
import type { KernelOptions } from '../../lib/config/kernel-options.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { createLog, deferred, settled } from '../support/kernel.js';
import { Inbox } from '../support/inbox.js';

const LOOPBACK = 'tcp://127.0.0.1:0';

describe('a kernel with rpc.listen', () => {
  const closers: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function open(options: KernelOptions = {}, parts: CreateKernelParts = {}) {
    const handlers = new HandlerExecutor();
    const kernel = await createKernel(
      { pipelines: { q: { driver: 'memory' } }, rpc: { listen: LOOPBACK }, ...options },
      { executor: handlers, logger: createLog(), ...parts },
    );
    closers.push(() => kernel.close());
    return { kernel, handlers };
  }

  function connect(address: string, ...options: Parameters<typeof connectJobs> extends [string, ...infer Rest] ? Rest : never): JobsConnection {
    const connection = connectJobs(address, ...options);
    closers.push(() => connection.close());
    return connection;
  }

  it('is closed to others until it starts, and after it has closed', async () => {
    const { kernel } = await open();
    expect(kernel.rpcAddress).toBeUndefined();
    await kernel.start();
    const address = kernel.rpcAddress!;
    expect(address).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect(await connect(address).api.list()).toEqual(['q']);
    await kernel.close();
    expect(kernel.rpcAddress).toBeUndefined();
    await expect(connect(address, { connectAttempts: 1 }).api.list()).rejects.toMatchObject({
      code: 'RPC_UNREACHABLE',
      message: expect.stringContaining('"rpc.listen"') as string,
    });
  });

  it('runs what is pushed from another connection, headers and bytes included', async () => {
    const { kernel, handlers } = await open();
    const inbox = new Inbox<unknown>();
    handlers.add('work', (ctx) => inbox.put([ctx.id, [...Buffer.from(ctx.payload)], ctx.header('x'), ctx.attempt]), { queue: 'q' });
    await kernel.start();
    const { jobs } = connect(kernel.rpcAddress!);
    const task = await jobs.queue('q').push('work', new Uint8Array([0, 255, 10]), { headers: { x: ['1', '2'] } });
    expect(await inbox.next()).toEqual([task.id, [0, 255, 10], ['1', '2'], 1]);
  });

  it('takes pushes while it drains, and answers the last one', async () => {
    const { kernel, handlers } = await open();
    const started = new Inbox<string>();
    const gate = deferred();
    handlers.add('work', (ctx) => {
      started.put(ctx.text());
      return gate.promise;
    });
    await kernel.start();
    const { jobs } = connect(kernel.rpcAddress!);
    await jobs.queue('q').push('work', 'first');
    await started.next();
    const drained = kernel.drain();
    await jobs.queue('q').push('work', 'while draining');
    gate.resolve();
    await drained;
    expect(await started.next()).toBe('while draining');
    await expect(jobs.queue('q').push('work', 'too late')).rejects.toThrow(/stopping or has stopped/);
  });

  it('does not start when its address is taken, and starts when it is free again', async () => {
    const { kernel: first } = await open();
    await first.start();
    const { kernel: second } = await open({ rpc: { listen: first.rpcAddress! } });
    await expect(second.start()).rejects.toMatchObject({ code: 'RELAY', message: expect.stringContaining('EADDRINUSE') as string });
    expect(second.isRunning).toBe(false);
    await first.close();
    await second.start();
    expect(second.isRunning).toBe(true);
  });

  it('does not open an address that other machines reach without TLS and token', async () => {
    const { kernel } = await open({ rpc: { listen: 'tcp://0.0.0.0:0' } });
    await expect(kernel.start()).rejects.toMatchObject({ code: 'RPC_EXPOSED' });
  });

  it('asks for the token', async () => {
    const { kernel } = await open({ rpc: { listen: LOOPBACK, token: 'correct horse' } });
    await kernel.start();
    expect(await connect(kernel.rpcAddress!, { token: 'correct horse' }).api.list()).toEqual(['q']);
    await expect(connect(kernel.rpcAddress!, { token: 'wrong' }).api.list()).rejects.toMatchObject({ code: 'RPC_UNREACHABLE', reason: 'denied' });
  });

  it('tells its version and its configuration without secrets', async () => {
    const { kernel } = await open({ rpc: { listen: LOOPBACK, token: 'correct horse' } });
    await kernel.start();
    const { rpc } = connect(kernel.rpcAddress!, { token: 'correct horse' });
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await rpc.call('rpc.Version', true)).toBe(version);
    const text = Buffer.from((await rpc.call('rpc.Config', true)) as string, 'base64').toString();
    expect(text).toContain('"memory"');
    expect(text).not.toContain('correct horse');
  });

  it('limits a batch as its options say', async () => {
    const { kernel } = await open({ rpc: { listen: LOOPBACK, limits: { maxBatch: 2 } } });
    await kernel.start();
    const queue = connect(kernel.rpcAddress!).jobs.queue('q');
    const tasks = (count: number) => Array.from({ length: count }, () => queue.create('work', ''));
    await expect(queue.dispatchMany(tasks(2))).resolves.toHaveLength(2);
    await expect(queue.dispatchMany(tasks(3))).rejects.toThrow(/more jobs than the limit of 2/);
  });

  it('takes declarations from programs of this machine only', () => {
    const body = new Uint8Array();
    const declared: string[] = [];
    const methods = withLocalDeclare(
      new Map<string, RpcMethod>([
        ['jobs.Declare', (_body, _codec, { name }) => (declared.push(name), body)],
        ['jobs.List', () => body],
      ]),
    );
    const call = (method: string, isLoopback: boolean) => methods.get(method)!(body, 0x80, { name: isLoopback ? 'near' : 'far', isLoopback });
    expect(call('jobs.Declare', true)).toBe(body);
    expect(() => call('jobs.Declare', false)).toThrow(/declared by programs of this machine only; .*"rpc\.allowDeclare"/);
    expect(call('jobs.List', false)).toBe(body);
    expect(declared).toEqual(['near']);
  });

  it('cannot be made with rpc.connect', async () => {
    await expect(createKernel({ rpc: 'tcp://127.0.0.1:6001' })).rejects.toThrow(/rpc\.connect: .*connectJobs\(\)/s);
  });
});

describe('a connection to a kernel elsewhere', () => {
  const closers: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A kernel whose only pipeline is full: pushes wait until a job is taken out. */
  async function openFull() {
    const gate = deferred();
    const handlers = new HandlerExecutor().add('work', () => gate.promise);
    const options = { pipelines: { q: { driver: 'memory', maxJobs: 1, prefetch: 1 } }, numPollers: 1, rpc: { listen: LOOPBACK } };
    const kernel = await createKernel(options, { executor: handlers });
    closers.push(async () => {
      gate.resolve();
      await kernel.close();
    });
    await kernel.start();
    return { kernel, gate };
  }

  it('gives queues by new Jobs(rpc), too', async () => {
    const { kernel } = await openFull();
    const rpc = RpcClient.connect(kernel.rpcAddress!);
    closers.push(() => rpc.close());
    expect(await new Jobs(rpc).names()).toEqual(['q']);
  });

  it('closes when the pushes under way have their answers', async () => {
    const { kernel, gate } = await openFull();
    const connection = connectJobs(kernel.rpcAddress!);
    const pushes = Promise.all([1, 2, 3].map(() => connection.jobs.queue('q').push('work', '')));
    await connection.api.list(); // answered behind the pushes: they are over there
    let isClosed = false;
    const closed = connection.close().then(() => (isClosed = true));
    await settled();
    expect(isClosed).toBe(false);
    gate.resolve();
    await closed;
    await expect(pushes).resolves.toHaveLength(3);
    await expect(connection.api.list()).rejects.toBeInstanceOf(RpcUnreachableError);
  });

  it('waits for answers five seconds at most when it closes', async () => {
    const { kernel } = await openFull();
    const clock = new VirtualClock();
    const connection = connectTo({ connect: kernel.rpcAddress!, timeoutMs: 60_000 }, { clock });
    const pushes = Promise.allSettled([1, 2, 3].map(() => connection.jobs.queue('q').push('work', '')));
    await connection.api.list();
    const closed = connection.close();
    await clock.advance('4999ms');
    expect(await Promise.race([closed.then(() => 'closed'), settled().then(() => 'open')])).toBe('open');
    await clock.advance('1ms');
    await closed;
    expect((await pushes)[2]).toMatchObject({ status: 'rejected', reason: { code: 'PUSH_UNCERTAIN' } });
  });

  it('says of a push without an answer that its fate is unknown', async () => {
    const { kernel } = await openFull();
    const rpc = RpcClient.connect(kernel.rpcAddress!);
    const queue = new Jobs(rpc).queue('q');
    await queue.push('work', 'runs');
    const waits = Array.from({ length: 3 }, (_, index) => queue.push('work', '', { id: `id-${index}` }));
    const outcomes = Promise.allSettled(waits);
    await rpc.call('jobs.List', {});
    await rpc.close();
    const last = (await outcomes)[2]!;
    expect(last).toMatchObject({
      status: 'rejected',
      reason: { code: 'PUSH_UNCERTAIN', jobId: 'id-2', cause: expect.any(RpcUncertainError) as unknown },
    });
  });

  it.each([
    [{ timeout: 0 }, 'timeout is 0. Give more than 0 seconds.'],
    [{ timeout: '0s' }, 'timeout is "0s". Give more than 0 seconds.'],
    [{ connectAttempts: 0 }, 'connectAttempts is 0. Give a whole number, 1 or more.'],
    [{ connectAttempts: Number.NaN }, 'connectAttempts is NaN. Give a whole number, 1 or more.'],
  ])('refuses an option that is out of its range: %p', (options, message) => {
    expect(() => connectJobs('tcp://127.0.0.1:1', options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', message }) as Error);
  });

  it('refuses an address that is none at once', () => {
    expect(() => connectJobs('127.0.0.1')).toThrow(/protocol is missing/);
  });
});
