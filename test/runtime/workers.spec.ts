import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KernelOptions } from '../../lib/config/kernel-options.js';
import { readPoolSection } from '../../lib/config/pool-options.js';
import { systemClock } from '../../lib/contract/clock.js';
import { silentLogger } from '../../lib/contract/logger.js';
import type { KernelService, KernelServiceContext } from '../../lib/contract/service.js';
import type { WorkerPool } from '../../lib/contract/worker.js';
import { createKernel, type CreateKernelParts } from '../../lib/runtime/create-kernel.js';
import { connectJobs, type JobsConnection } from '../../lib/runtime/connect-jobs.js';
import { RpcClient } from '../../lib/relay/rpc-client.js';
import { MemoryStore } from '../../lib/store/memory.store.js';
import { aJob } from '../support/jobs.js';
import { createLog } from '../support/kernel.js';
import { createTempFolder } from '../support/temp-folder.js';

const SUPPORT = join(process.cwd(), 'test/runtime/support');
const REPORTING = [process.execPath, join(SUPPORT, 'reporting-worker.mjs')];
const SERVING = [process.execPath, join(SUPPORT, 'serving-worker.mjs')];
const LISTEN = { listen: 'tcp://127.0.0.1:0' };
const PIPELINES = { q: { driver: 'memory', attempts: 1 } };

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(options: KernelOptions, parts: CreateKernelParts = {}) {
  const folder = createTempFolder();
  process.env['NRRTEST_REPORTS'] = folder;
  const logger = createLog();
  const kernel = await createKernel({ pipelines: PIPELINES, ...options }, { logger, ...parts });
  closers.push(() => kernel.close({ timeoutMs: 0 }));
  const variables = (): Record<string, string>[] =>
    readdirSync(folder).map((file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { env: Record<string, string> }).env);
  return { kernel, logger, variables };
}

function connect(address: string): JobsConnection {
  const connection = connectJobs(address);
  closers.push(() => connection.close());
  return connection;
}

/** The settings of a pool as `.rr.yaml` gives them. */
const pool = (section: object) => readPoolSection(section, 'pool');

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

/** A source with workers of its own. */
class EchoService implements KernelService {
  readonly name = 'echo';
  pool: WorkerPool | undefined;
  #context: KernelServiceContext | undefined;

  init(_config: unknown, context: KernelServiceContext): void {
    this.#context = context;
  }

  async serve(): Promise<void> {
    this.pool = await this.#context!.pools.create({ mode: 'echo', settings: { num_workers: 2, command: REPORTING }, path: 'echo.workers' });
  }

  async stop(deadline: Parameters<KernelService['stop']>[0]): Promise<void> {
    await this.pool?.stop(deadline);
  }

  workers() {
    return this.pool?.workers() ?? [];
  }

  async reset(): Promise<void> {
    await this.pool?.reset();
  }
}

describe('a kernel with workers', () => {
  it('shows and manages them, in this process and over RPC', async () => {
    const { kernel } = await open({ pool: { numWorkers: 2, command: REPORTING }, rpc: LISTEN });
    await kernel.start();
    const { admin } = connect(kernel.rpcAddress!);
    const pids = async (): Promise<number[]> => (await admin.workers()).map(({ pid }) => pid);
    const before = await pids();
    expect(before).toHaveLength(2);
    await admin.addWorker!();
    expect(await pids()).toHaveLength(3);
    await kernel.admin.removeWorker!();
    expect(await pids()).toHaveLength(2);
    await admin.resetWorkers!();
    expect((await pids()).filter((pid) => before.includes(pid))).toEqual([]);
  });

  it('has a relay for them that nobody else can open, gone at the end', async () => {
    const { kernel, variables } = await open({ pool: { numWorkers: 1, command: REPORTING } });
    await kernel.start();
    const [{ RR_RPC: address = '', NRR_RPC: own, RR_MODE: mode } = {}] = variables();
    expect([address, mode]).toEqual([own, 'jobs']);
    const path = address.slice('unix://'.length);
    expect([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(await connect(address).api.list()).toEqual(['q']);
    await kernel.close();
    expect(existsSync(dirname(path))).toBe(false);
  });

  it('tells them the private relay when the public one needs a token', async () => {
    const { kernel, variables } = await open({ pool: { numWorkers: 1, command: REPORTING }, rpc: { ...LISTEN, token: 'secret' } });
    await kernel.start();
    expect(variables()[0]!['RR_RPC']).toMatch(/^unix:/);
    expect(JSON.stringify(variables())).not.toContain('secret');
  });

  it('tells those of a .rr.yaml the name of their kernel', async () => {
    const server = { command: REPORTING, relay: 'pipes', env: { OWN: '1' } };
    const { kernel, variables } = await open({}, { name: 'billing', workers: { server, pool: pool({ num_workers: 1 }) } });
    await kernel.start();
    expect(variables()[0]).toMatchObject({ NRR_KERNEL: 'billing', OWN: '1' });
  });

  describe('in named pools', () => {
    const POOLS = { small: { numWorkers: 1, command: REPORTING }, big: { numWorkers: 2, command: REPORTING, env: { size: 'big' } } };
    const pipelines = { q: { driver: 'memory' }, r: { driver: 'memory', pool: 'big' }, s: { driver: 'memory', config: { pool: 'small' } } };
    const YAML = {
      server: { command: REPORTING, relay: 'pipes', env: {} },
      pools: new Map([
        ['small', pool({ num_workers: 1 })],
        ['big', pool({ num_workers: 2 })],
      ]),
    };

    /** Jobs that each pool has run, after one job in each of these pipelines. */
    const runs = async ({ kernel }: Awaited<ReturnType<typeof open>>, ...queues: string[]): Promise<Record<string, number>> => {
      for (const pipeline of queues) {
        const job = aJob({ pipeline });
        const end = new Promise((resolve) => kernel.events.on('completed', ({ id }) => id === job.id && resolve(undefined)));
        await kernel.push(job);
        await end;
      }
      const done: Record<string, number> = {};
      for (const worker of await kernel.admin.workers()) done[worker.pool!] = (done[worker.pool!] ?? 0) + worker.jobs;
      return done;
    };

    it.each([
      ['by the options', { pools: POOLS }, {}],
      ['by a .rr.yaml', {}, { workers: YAML }],
    ])('runs each pipeline in that which it chooses, else in the first: %s', async (_by, options, parts) => {
      const opened = await open({ pipelines, ...options }, parts);
      await opened.kernel.start();
      expect(await runs(opened, 'q', 'q', 'r', 's')).toEqual({ small: 3, big: 1 });
    });

    it('gives the workers of each what its section says', async () => {
      const { kernel, variables } = await open({ pipelines, pools: POOLS });
      await kernel.start();
      expect(
        variables()
          .map(({ SIZE }) => SIZE)
          .sort(),
      ).toEqual(['big', 'big', undefined]);
    });

    it('runs a pipeline that is declared later in that which it chooses', async () => {
      const opened = await open({ pipelines, pools: POOLS, rpc: LISTEN });
      await opened.kernel.start();
      const { jobs } = connect(opened.kernel.rpcAddress!);
      await jobs.create({ name: 'later', driver: 'memory', pool: 'big' });
      await jobs.resume('later');
      expect(await runs(opened, 'later')).toEqual({ small: 0, big: 1 });
    });

    it('refuses a pipeline that chooses one which is not there', async () => {
      const wrong = { ...pipelines, t: { driver: 'memory', pool: 'bigg' } };
      await expect(open({ pipelines: wrong, pools: POOLS })).rejects.toMatchObject({
        issues: [{ path: 'pipelines.t.pool', message: 'No pool is called "bigg". Did you mean "big"?' }],
      });
      await expect(open({ pipelines: { t: { driver: 'memory', pool: 'big' } } })).rejects.toMatchObject({
        issues: [{ path: 'pipelines.t.pool', message: 'No pool is called "big". There is none: add "pools".' }],
      });
      const { kernel } = await open({ pipelines, pools: POOLS });
      await expect(kernel.declare({ name: 'u', driver: 'memory', pool: 'none' })).rejects.toThrow('No pool is called "none". There are: small, big.');
      expect(await kernel.list()).toEqual(['q', 'r', 's']);
    });

    it('manages all of them, or one by its name, in this process and over RPC', async () => {
      const { kernel } = await open({ pipelines, pools: POOLS, rpc: LISTEN });
      await kernel.start();
      const { admin } = connect(kernel.rpcAddress!);
      const count = async (): Promise<number[]> => Promise.all(['small', 'big'].map(async (name) => (await admin.workers(name)).length));
      const pids = async (name?: string): Promise<number[]> => (await admin.workers(name)).map(({ pid }) => pid);
      expect([kernel.admin.pools, await count(), (await admin.workers()).length]).toEqual([['small', 'big'], [1, 2], 3]);
      await admin.addWorker!();
      expect(await count()).toEqual([2, 3]);
      await admin.addWorker!('small');
      await kernel.admin.addWorker!('small');
      expect(await count()).toEqual([4, 3]);
      await admin.removeWorker!('big');
      await kernel.admin.removeWorker!();
      expect(await count()).toEqual([3, 1]);
      const [small, big] = [await pids('small'), await pids('big')];
      await admin.resetWorkers!('small');
      expect((await pids('small')).filter((pid) => small.includes(pid))).toEqual([]);
      expect(await pids('big')).toEqual(big);
      await admin.resetWorkers!();
      expect((await pids()).filter((pid) => [...small, ...big].includes(pid))).toEqual([]);
    });

    it('refuses to manage one that is not there', async () => {
      const { kernel } = await open({ pipelines, pools: POOLS, rpc: LISTEN });
      await kernel.start();
      const { admin } = connect(kernel.rpcAddress!);
      await expect(kernel.admin.addWorker!('nobody')).rejects.toThrow('No pool is called "nobody". There are: small, big.');
      await expect(admin.addWorker!('nobody')).rejects.toThrow('plugin jobs.nobody does not support workers management');
      await expect(admin.resetWorkers!('nobody')).rejects.toThrow('no such plugin: jobs.nobody');
    });
  });

  it('does not start, and leaves nothing, when a worker cannot', async () => {
    const { kernel } = await open({ pool: { numWorkers: 2, command: [process.execPath, '-e', 'console.error("broken"); process.exit(3)'] } });
    await expect(kernel.start()).rejects.toMatchObject({ code: 'WORKER_START', message: expect.stringContaining('broken') });
    expect(await kernel.admin.workers()).toEqual([]);
  });

  it('leaves no store open when their user is not on this machine', async () => {
    const store = new MemoryStore(systemClock, silentLogger);
    let closed = 0;
    store.close = () => {
      closed++;
      return Promise.resolve();
    };
    const server = { command: REPORTING, relay: 'pipes', env: {}, user: 'nobody-of-this-name' };
    await expect(open({}, { store, workers: { server, pool: pool({}) } })).rejects.toMatchObject({ code: 'WORKER_START' });
    expect(closed).toBe(1);
  });

  it('stops at once while they are idle', async () => {
    const { kernel } = await open({ pool: { numWorkers: 2, command: REPORTING } });
    await kernel.start();
    const from = performance.now();
    await kernel.close();
    expect(performance.now() - from).toBeLessThan(4_000); // measured: about 20 ms; a busy machine takes longer
  });

  it('runs services with workers of their own, which informer and resetter see', async () => {
    const service = new EchoService();
    const { kernel, variables } = await open({ rpc: LISTEN }, { services: [{ service, config: undefined }] });
    await kernel.start();
    const rpc = RpcClient.connect(kernel.rpcAddress!);
    closers.push(() => rpc.close());
    expect(await rpc.call('informer.List', true)).toEqual(['jobs', 'echo']);
    expect(await rpc.call('informer.Workers', 'echo')).toMatchObject({ workers: [{ statusStr: 'ready' }, { statusStr: 'ready' }] });
    const answer = await service.pool!.execute({ context: new Uint8Array(0), body: Buffer.from('x') });
    expect(Buffer.from(answer.body).toString()).toBe('{"type":0,"data":[]}');
    expect(await rpc.call('resetter.Reset', 'echo')).toBe(true);
    expect(variables().map(({ RR_MODE }) => RR_MODE)).toEqual(['echo', 'echo', 'echo', 'echo']);
    expect(kernel.admin.addWorker).toBeUndefined();
  });
});

describe('A pool of a service', () => {
  it.each(['before', 'after'])('is refused when the kernel has stopped meanwhile, %s its first one', async (moment) => {
    const begun = withResolvers();
    const released = withResolvers();
    let request: (() => Promise<WorkerPool>) | undefined;
    const service: KernelService = {
      name: 'late',
      init: (_config, { pools }) => {
        request = () => pools.create({ mode: 'late', settings: { num_workers: 1, command: REPORTING }, path: 'late.workers' });
      },
      serve: async () => {
        if (moment === 'after') await request!();
        begun.resolve();
        await released.promise;
      },
      stop: () => Promise.resolve(),
    };
    const { kernel, variables } = await open({}, { services: [{ service, config: undefined }] });
    const starting = kernel.start();
    await begun.promise;
    await kernel.close({ timeoutMs: 0 });
    const before = variables().length;
    await expect(request!()).rejects.toMatchObject({ code: 'WORKER_POOL', reason: 'stopped' });
    expect(variables()).toHaveLength(before);
    released.resolve();
    await starting;
  });
});

describe('serveJobs()', () => {
  it('runs functions by name, reports progress before the answer, and its lines come to the log of the kernel', async () => {
    const { kernel, logger } = await open({ pool: { numWorkers: 1, command: SERVING } });
    const told: unknown[] = [];
    kernel.events.on('progress', ({ progress }) => told.push(progress));
    const completed = new Promise((resolve) => kernel.events.on('completed', () => resolve(told.push('completed'))));
    await kernel.start();
    await kernel.push(aJob({ name: 'work.hard', pipeline: 'q' }));
    await completed;
    expect(told).toEqual([{ half: 'work.hard' }, 'completed']);
    await kernel.close();
    const lines = logger.lines.map(({ message }) => message);
    expect(lines).toContainEqual(expect.stringMatching(/^Worker \d+: a line of its own$/));
  });

  it('lets the kernel decide about failed jobs', async () => {
    const { kernel } = await open({ pool: { numWorkers: 1, command: SERVING } });
    const failed: string[] = [];
    const both = new Promise((resolve) =>
      kernel.events.on('failed', ({ name, error }) => failed.push(`${name}: ${error.type}: ${error.message}`) === 2 && resolve(undefined)),
    );
    await kernel.start();
    await kernel.push(aJob({ name: 'broken', pipeline: 'q' }));
    await kernel.push(aJob({ name: 'strange', pipeline: 'q' }));
    await both;
    expect(failed.sort()).toEqual(['broken: RangeError: It is broken.', expect.stringContaining('strange: ')]);
  });

  it.each([
    ['the time-out of its pipeline', { timeout: 1 }, {}, 'JobTimeoutError'],
    ['"execTtl" of its pool', {}, { supervisor: { execTtl: 1 } }, 'WorkerCrash'],
  ])('ends a handler that computes for ever by %s: its worker is killed, and another one goes on', async (_by, pipeline, limits, error) => {
    const { kernel } = await open({
      pipelines: { q: { ...PIPELINES.q, ...pipeline } },
      maxCrashes: 1,
      grace: 0.1,
      pool: { numWorkers: 1, command: SERVING, ...limits },
    });
    await kernel.start();
    const [{ pid } = { pid: 0 }] = await kernel.admin.workers();
    const ended = new Promise((resolve) => kernel.events.on('failed', resolve));
    await kernel.push(aJob({ name: 'loop', pipeline: 'q' }));
    expect(await ended).toMatchObject({ name: 'loop', error: { type: error } });
    const done = new Promise((resolve) => kernel.events.on('completed', ({ name }) => resolve(name)));
    await kernel.push(aJob({ name: 'work.on', pipeline: 'q' }));
    expect(await done).toBe('work.on');
    expect((await kernel.admin.workers()).map((worker) => worker.pid)).not.toContain(pid);
  });
});
