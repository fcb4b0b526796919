import { availableParallelism } from 'node:os';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRrYaml, type RrConfiguration } from '../../lib/config/rr-yaml/read-rr-yaml.js';
import { builtinDrivers } from '../../lib/drivers/index.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { DIFFERENCES } from '../config/rr-yaml-differences.js';
import { changed, fixture, recordings, type Recording } from '../config/rr-yaml-fixtures.js';
import { aJob } from '../support/jobs.js';
import { createTempFolder } from '../support/temp-folder.js';

/** The worker of the recordings; the one of this test takes its place. */
const SCRIPT = 'worker.mjs';
const WORKER = join(process.cwd(), 'test/runtime/support/reporting-worker.mjs');
/** They say what this kernel is, not what the file says. */
const OF_THE_KERNEL = new Set(['RR_RPC', 'RR_VERSION']);
const TIMEOUT_MS = 30_000;

interface Report {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type Kernel = Awaited<ReturnType<typeof createKernel>>;

const kernels: Kernel[] = [];
const variables: string[] = [];

afterEach(async () => {
  for (const kernel of kernels.splice(0)) await kernel.close({ timeoutMs: 0 });
  for (const name of variables.splice(0)) delete process.env[name];
});

async function read({ file, env = {}, args = [] }: Recording): Promise<RrConfiguration> {
  const loaded = Object.entries(builtinDrivers).map(async ([name, load]) => [name, (await load()).options] as const);
  const overrides = args.filter((argument) => argument !== '-o');
  return readRrYaml(fixture(file), { file, environment: env, overrides, drivers: new Map(await Promise.all(loaded)), readInclude: fixture });
}

function ours(command: readonly string[]): string[] {
  return command.map((argument) => (argument === SCRIPT ? WORKER : argument)).with(0, command[0] === 'node' ? process.execPath : command[0]!);
}

/** A kernel of the file, on a port of its own. */
async function open(recording: Recording): Promise<{ kernel: Kernel; configuration: RrConfiguration; reports: () => Report[] }> {
  const configuration = await read(recording);
  const { kernel: options, rpc, server, pool, pools } = configuration;
  const folder = createTempFolder();
  for (const [name, value] of Object.entries({ ...recording.env, NRRTEST_REPORTS: folder })) {
    process.env[name] = value;
    variables.push(name);
  }
  const workers = {
    server: { ...server!, command: ours(server!.command) },
    ...(pool === undefined ? {} : { pool: pool.command === undefined ? pool : { ...pool, command: ours(pool.command) } }),
    pools,
  };
  const kernel = await createKernel({ ...options, rpc: rpc === undefined ? undefined : { listen: 'tcp://127.0.0.1:0' } }, { workers });
  kernels.push(kernel);
  const reports = (): Report[] => readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Report);
  return { kernel, configuration, reports };
}

/** What RoadRunner gave its workers, with what is different here on purpose. */
function expectedEnvironment({ name, workerEnvironment = {} }: Recording): Record<string, unknown> {
  const difference = DIFFERENCES.find((one) => one.name === name && one.part === 'environment');
  const all = changed(workerEnvironment, difference?.changes ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(all).filter(([key]) => !OF_THE_KERNEL.has(key)));
}

function recordingOf(name: string): Recording {
  return recordings().find((one) => one.name === name)!;
}

describe('the workers of a recorded .rr.yaml', () => {
  const serving = recordings().filter(({ name, workerEnvironment, outcome }) => {
    const isRefused = DIFFERENCES.some((one) => one.name === name && one.part === 'outcome');
    return workerEnvironment !== undefined && outcome === 'serves' && !isRefused;
  });

  it('are those of 34 files', () => {
    expect(serving).toHaveLength(34);
  });

  it.each(serving)(
    'are as many as recorded, with its arguments and variables: $name',
    async (recording) => {
      const { kernel, configuration, reports } = await open(recording);
      await kernel.start();
      const count = configuration.pool?.numWorkers ?? availableParallelism();
      expect([await kernel.admin.workers(), reports()].map(({ length }) => length)).toEqual([count, count]);
      for (const { args, env } of reports()) {
        expect(args).toEqual(recording.workerArguments);
        expect(env).toMatchObject(expectedEnvironment(recording));
        if (configuration.rpc === undefined) expect(env['RR_RPC']).toMatch(/^unix:/);
        else expect(env['RR_RPC']).toBe(kernel.rpcAddress);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'run the jobs of the pipelines that are consumed',
    async () => {
      const { kernel } = await open(recordingOf('02-full'));
      await kernel.start();
      const completed = new Promise((resolve) => kernel.events.on('completed', resolve));
      await kernel.push(aJob({ pipeline: 'emails' }));
      await completed;
      expect((await kernel.admin.workers()).map(({ jobs }) => jobs).sort((a, b) => a - b)).toEqual([0, 1]);
    },
    TIMEOUT_MS,
  );

  it('are missed when their program is: the kernel does not start', async () => {
    const { kernel } = await open(recordingOf('21-command-not-found'));
    await expect(kernel.start()).rejects.toMatchObject({
      code: 'WORKER_START',
      message: expect.stringContaining('"no-such-program-here" was not found'),
    });
    expect(kernel.isRunning).toBe(false);
  });

  it('are not started after an on_init that fails: the kernel does not start', async () => {
    const { kernel, reports } = await open(recordingOf('57-on-init-fails'));
    await expect(kernel.start()).rejects.toMatchObject({ code: 'WORKER_START', message: expect.stringContaining('exit code 3') });
    expect(reports()).toEqual([]);
  });
});
