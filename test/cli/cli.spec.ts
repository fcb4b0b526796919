import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CommandLine } from '../../lib/cli/command-line.js';
import { failedCommands } from '../../lib/cli/commands/failed.js';
import { jobsCommands } from '../../lib/cli/commands/jobs.js';
import { workerCommands } from '../../lib/cli/commands/workers.js';
import type { KernelOptions } from '../../lib/config/kernel-options.js';
import { UnrecoverableJobError } from '../../lib/contract/job-errors.js';
import { DEFAULT_RPC_LIMITS } from '../../lib/contract/settings.js';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { RpcMethod } from '../../lib/relay/rpc-method.js';
import { RpcServer } from '../../lib/relay/rpc-server.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../lib/runtime/handler-executor.js';
import { Inbox } from '../support/inbox.js';
import { createTempFolder } from '../support/temp-folder.js';
import { FakeIo, runIn, type CliRun } from './support/fake-io.js';

const LOOPBACK = 'tcp://127.0.0.1:0';
const EMPTY_FOLDER = createTempFolder();
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A kernel that others may call, and a command line that calls it. */
async function open(options: KernelOptions = {}) {
  const ran = new Inbox<string>();
  const handlers = new HandlerExecutor()
    .add('work', (ctx) => ran.put(`${ctx.id} ${ctx.text()} ${ctx.headerLine('x')}`))
    .add('break', () => {
      throw new UnrecoverableJobError('It is \u001b[31mred');
    });
  const rpc = { listen: LOOPBACK };
  const kernel = await createKernel(
    { pipelines: { q: { driver: 'memory' }, late: { driver: 'memory' } }, consume: ['q'], rpc, ...options },
    { executor: handlers },
  );
  closers.push(() => kernel.close());
  await kernel.start();
  const cli = (...args: string[]): Promise<CliRun> => runIn(new FakeIo(EMPTY_FOLDER, { RR_RPC: kernel.rpcAddress }), ...args);
  const failed = new Inbox<unknown>();
  kernel.events.on('failed', (event) => failed.put(event));
  return { kernel, cli, ran, failed };
}

/** A server with some methods of RoadRunner and no others. */
async function openForeign(methods: Readonly<Record<string, (body: string) => unknown>>): Promise<string> {
  const entries = Object.entries(methods).map(([name, answer]): [string, RpcMethod] => [
    name,
    (body) => Buffer.from(JSON.stringify(answer(Buffer.from(body).toString()))),
  ]);
  const settings = { listen: LOOPBACK, allowInsecure: false, limits: DEFAULT_RPC_LIMITS };
  const server = new RpcServer({ settings, methods: new Map(entries) });
  const { address } = await server.listen();
  closers.push(() => server.close(deadlineAfter(systemClock, 1_000)));
  return address;
}

function offline(...args: string[]): Promise<CliRun> {
  return runIn(new FakeIo(EMPTY_FOLDER), ...args);
}

describe('the command line', () => {
  it('shows all commands without one, as a wrong usage, and by --help', async () => {
    const bare = await offline();
    const asked = await offline('--help');
    expect([bare.code, asked.code, bare.out]).toEqual([2, 0, asked.out]);
    for (const name of ['serve', 'validate', 'jobs push <pipeline> <job> [payload]', 'failed replay', 'workers', 'reset']) {
      expect(asked.out).toContain(`\n  ${name}`);
    }
  });

  it('explains one command, also where the rest of the line is wrong', async () => {
    const { code, out } = await offline('jobs', 'push', '--nonsense', '--help');
    expect([code, out.split('\n')[0]]).toEqual([0, 'Usage: nestjs-roadrunner jobs push <pipeline> <job> [payload] [options]']);
    expect(out).toMatch(/\n {2}--delay <duration> +Before it may run/);
    expect((await offline('help', 'jobs', 'push')).out).toBe(out);
  });

  it.each([
    [['serv'], 'There is no command "serv". Did you mean "serve"?'],
    [['jobs', 'lst'], 'There is no command "jobs lst". Did you mean "jobs list"?'],
    [['jobs'], '"jobs" needs a word behind it: list, stat, push, pause, resume, destroy, declare.'],
    [['jobs', 'list', '--jsonn'], 'There is no option --jsonn. Did you mean --json?'],
    [['jobs', 'list', '--rpc'], '--rpc needs a value: --rpc <address>.'],
    [['jobs', 'list', 'all'], '"all" is one word too many.'],
    [['jobs', 'pause'], '<pipeline…> is missing.'],
    [['jobs', 'push', 'q', 'work', '--priority', '-1'], '--priority needs a value: --priority <number>.'],
    [['jobs', 'push', 'q', 'work', '--priority=-1'], '--priority is "-1". Give a whole number, 0 or more.'],
    [['jobs', 'push', 'q', 'work', '--delay', 'soon'], '--delay is "soon". Give seconds, or a duration such as 90s, 10m or 1h30m.'],
    [['jobs', 'push', 'q', 'work', '--header', 'x'], '--header is "x". Write key=value.'],
    [['jobs', 'declare', 'x', 'prefetch'], '"prefetch" is no setting. Write key=value, such as prefetch=100.'],
    [['jobs', 'declare', 'x', 'name=y'], '"name=y" is one name too many. The first word is the name.'],
    [['jobs', 'declare', 'x', 'driver=sqs', '--driver', 'amqp'], '--driver is "amqp", and driver= is "sqs". Give one of them.'],
    [['failed', 'replay'], 'Which jobs? Give ids, or filters, or --all.'],
    [['failed', 'replay', 'id', '--all'], 'Ids, filters and --all exclude each other. Give ids, or filters, or --all.'],
    [['failed', 'list', '--reason', 'bad'], '--reason is "bad". Give one of attempts, rejected, crashed, expired, unknown.'],
    [['failed', 'list', '--since', '2026-99-99'], '--since is "2026-99-99". Give a time such as 2026-01-31T12:00Z, or 1h for an hour ago.'],
    [['failed', 'list', '--since', 'noon'], '--since is "noon". Give a time such as 2026-01-31T12:00Z, or 1h for an hour ago.'],
    [
      ['jobs', 'list', '--rpc', '127.0.0.1:6001'],
      '"127.0.0.1:6001" cannot be used. The protocol is missing. Write "tcp://127.0.0.1:6001", "tcp://[::1]:6001" or "unix:///run/app/rpc.sock".',
    ],
    [['failed', 'list', '--limit', '1001'], '--limit is 1001. At most 1000 come at once.'],
  ])('ends with 2 and says what is wrong with %j', async (args, message) => {
    const { code, out, err } = await offline(...args);
    expect([code, out, err.split('\n')[0]]).toEqual([2, '', message]);
    expect(err).toContain('--help.');
  });

  it('ends with 1 when nothing listens, and says where it looked and what to do', async () => {
    const { code, out, err } = await runIn(new FakeIo(EMPTY_FOLDER, { RR_RPC: 'tcp://127.0.0.1:1' }), 'jobs', 'list');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('tcp://127.0.0.1:1');
    expect(err).toContain('Nothing answers there: start the kernel, or compare the address with its "rpc.listen".');
  });

  it.each([
    ['jobs list', 10_000],
    ['failed replay', 3_600_000],
    ['reset', 3_600_000],
  ])('lets a call take as long as its work may, and says so: %s', async (name, timeoutMs) => {
    const command = [...jobsCommands, ...failedCommands, ...workerCommands].find((one) => one.name === name)!;
    expect(CommandLine.read(command, [], {}).duration('timeout')).toBe(timeoutMs);
    expect((await offline('help', ...name.split(' '))).out).toMatch(
      new RegExp(`How long a call may take\\. Default: ${timeoutMs === 10_000 ? '10s' : '1h'}\\.`),
    );
  });

  it('says its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await offline('--version')).toEqual({ code: 0, out: version, err: '' });
  });

  it('tells errors as JSON to programs', async () => {
    const usage = await offline('jobs', 'list', '--jsno', '--json');
    expect([usage.code, JSON.parse(usage.err)]).toEqual([2, { error: { code: 'USAGE', message: expect.any(String) as string } }]);
    const { cli } = await open();
    const { code, err } = await cli('jobs', 'pause', 'nope', '--json');
    expect([code, JSON.parse(err)]).toMatchObject([1, { error: { code: 'PIPELINE_NOT_FOUND' } }]);
  });
});

describe('jobs', () => {
  it('lists names and statistics, for people and for programs', async () => {
    const { cli } = await open();
    expect(await cli('jobs', 'list')).toEqual({ code: 0, out: 'q\nlate', err: '' });
    expect((await cli('jobs', 'list', '--json')).out).toBe('["q","late"]');
    expect((await cli('jobs', 'stat', 'q')).out).toBe(
      'PIPELINE  DRIVER  QUEUE  ACTIVE  DELAYED  WAITING  STATE      PRIORITY\n' +
        'q         memory  q           0        0        0  consuming        10',
    );
    expect(JSON.parse((await cli('jobs', 'stat', '--json')).out)).toMatchObject([
      { pipeline: 'q', ready: true },
      { pipeline: 'late', ready: false },
    ]);
  });

  it('obeys no control characters in names that others declared, nor in what a kernel answers', async () => {
    const { cli, kernel } = await open();
    await kernel.declare({ name: '\u001b[31mred', driver: 'memory' });
    for (const command of ['list', 'stat']) expect((await cli('jobs', command)).out).toContain('\\u001b[31mred');
    expect(JSON.parse((await cli('jobs', 'list', '--json')).out)).toContain('\u001b[31mred');
    expect((await cli('jobs', 'destroy', '\u001b[31mred')).out).toBe('Destroyed \\u001b[31mred.');
    const address = await openForeign({
      'resetter.List': () => ['\u001b[31mjobs'],
      'resetter.Reset': () => {
        throw new Error('\u001b[31mno');
      },
    });
    const { out } = await offline('reset', '--rpc', address);
    expect(out).toContain('\\u001b[31mjobs was not reset: ');
    expect(out).not.toContain('\u001b');
  });

  it('fails when the statistics of a pipeline are asked for that is not there', async () => {
    const { cli } = await open();
    expect(await cli('jobs', 'stat', 'nope')).toEqual({ code: 1, out: 'No pipeline is called "nope".', err: '' });
  });

  it('pushes a job with its options and prints its id', async () => {
    const { cli, ran } = await open();
    expect(await cli('jobs', 'push', 'q', 'work', 'a payload', '--id', 'id-1', '--header', 'x=1', '--header', 'x=2=3')).toEqual({
      code: 0,
      out: 'id-1',
      err: '',
    });
    expect(await ran.next()).toBe('id-1 a payload 1,2=3');
    const { out } = await cli('jobs', 'push', 'q', 'work', '--json');
    expect(await ran.next()).toBe(`${(JSON.parse(out) as { id: string }).id}  `);
  });

  it('reads a payload from the standard input, or from a file', async () => {
    const { kernel, ran } = await open();
    const folder = createTempFolder();
    writeFileSync(join(folder, 'payload.txt'), 'from a file');
    const io = () => new FakeIo(folder, { RR_RPC: kernel.rpcAddress }, 'from the input');
    await runIn(io(), 'jobs', 'push', 'q', 'work', '-', '--id', '1');
    await runIn(io(), 'jobs', 'push', 'q', 'work', '--file', 'payload.txt', '--id', '2');
    expect(await ran.take(2)).toEqual(['1 from the input ', '2 from a file ']);
    expect(await runIn(io(), 'jobs', 'push', 'q', 'work', 'x', '--file', 'payload.txt')).toMatchObject({ code: 2 });
    expect(await runIn(io(), 'jobs', 'push', 'q', 'work', '--file', 'missing.txt')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ENOENT') as string,
    });
  });

  it('delays a job', async () => {
    const { cli, kernel } = await open();
    expect((await cli('jobs', 'push', 'q', 'work', '--delay', '10m')).code).toBe(0);
    expect((await kernel.stat())[0]).toMatchObject({ delayed: 1 });
  });

  it('pauses and resumes in the order given, and stops at the first error', async () => {
    const { cli, kernel } = await open();
    const states = async (): Promise<boolean[]> => (await kernel.stat()).map(({ ready }) => ready);
    expect((await cli('jobs', 'resume', 'late')).out).toBe('Resumed late.');
    expect((await cli('jobs', 'pause', 'q', 'nope', 'late')).code).toBe(1);
    expect(await states()).toEqual([false, true]);
    expect((await cli('jobs', 'pause', 'q')).err).toBe('Pipeline "q" is paused already; there is nothing to pause.');
  });

  it('declares a pipeline with settings, consumes it, and destroys it', async () => {
    const { cli, kernel } = await open();
    expect((await cli('jobs', 'declare', 'new', 'priority=3', '--resume')).out).toBe('Declared new (memory). It consumes.');
    expect((await kernel.stat()).find(({ pipeline }) => pipeline === 'new')).toMatchObject({ ready: true, priority: 3 });
    expect((await cli('jobs', 'destroy', 'new', '--json')).out).toBe('{"destroyed":["new"]}');
    expect(await kernel.list()).toEqual(['q', 'late']);
    expect((await cli('jobs', 'declare', 'file', 'driver=nope')).err).toContain('driver "nope", which is not available');
    expect(await cli('jobs', 'declare', 'other')).toMatchObject({ out: 'Declared other (memory). It is paused: jobs resume other.' });
  });
});

describe('failed', () => {
  async function openWithFailure() {
    const opened = await open();
    await opened.cli('jobs', 'push', 'q', 'break', '{"a":1}', '--id', 'id-1', '--header', 'x=1');
    await opened.failed.next();
    return opened;
  }

  it('lists failed jobs and obeys no control characters in them', async () => {
    const { cli } = await openWithFailure();
    const { code, out } = await cli('failed', 'list', '--queue', 'q', '--since', '1h');
    expect([code, out.split('\n')[0]]).toEqual([0, expect.stringMatching(/^ID +JOB +PIPELINE +FAILED AT +RUNS +REASON +ERROR$/)]);
    expect(out).toMatch(/\nid-1 +break +q +\d{4}-\S+Z +1 +rejected +UnrecoverableJobError: It is \\u001b\[31mred$/);
    expect((await cli('failed', 'list', '--name', 'other')).out).toBe('No failed job matches.');
    expect((await cli('failed', 'list', '--until', '1h', '--json')).out).toBe('{"jobs":[]}');
  });

  it('shows one with payload, headers and runs', async () => {
    const { cli } = await openWithFailure();
    const { code, out } = await cli('failed', 'show', 'id-1');
    expect(code).toBe(0);
    for (const line of [/^id +id-1$/m, /^payload +\{"a":1\}$/m, /^header x +1$/m, /^RUN +AT +ERROR$/m, /^ +at /m]) expect(out).toMatch(line);
    expect(JSON.parse((await cli('failed', 'show', 'id-1', '--json')).out)).toMatchObject({ id: 'id-1', payload: '{"a":1}', headers: { x: ['1'] } });
    expect(await cli('failed', 'show', 'id-2')).toMatchObject({ code: 1, out: 'No failed job has the id "id-2".' });
  });

  it('replays by id, by filter and all of them', async () => {
    const { cli, failed, kernel } = await openWithFailure();
    expect((await cli('failed', 'replay', 'id-1')).out).toBe('Replayed 1 job.');
    await failed.next();
    expect(await cli('failed', 'replay', 'id-1', '--json')).toMatchObject({ code: 1, out: '{"replayed":0,"errors":[]}' });
    expect((await cli('failed', 'replay', '--queue', 'q', '--to', 'late')).out).toBe('Replayed 1 job.');
    expect((await kernel.stat())[1]).toMatchObject({ pipeline: 'late', reserved: 1 });
    expect((await cli('failed', 'replay', '--all')).out).toBe('Replayed 0 jobs.');
  });

  it('says that it needs a kernel of this library where RoadRunner answers', async () => {
    const address = await openForeign({ 'jobs.List': () => ({}) });
    const { code, err } = await offline('failed', 'list', '--rpc', address);
    expect([code, err]).toEqual([1, expect.stringContaining('This kernel does not support a failed store. Use a kernel of this library.')]);
  });
});

describe('workers and reset', () => {
  const WORKER = {
    pid: 4711,
    status: 1,
    numExecs: 12,
    created: 1767225600000000000,
    memoryUsage: 52428800,
    CPUPercent: 1.26,
    command: '',
    statusStr: 'ready',
  };

  it('shows the workers of all plugins of a RoadRunner, or of those named', async () => {
    const address = await openForeign({
      'informer.List': () => ['jobs', 'http'],
      'informer.Workers': (plugin) => ({ workers: plugin === '"jobs"' ? [WORKER] : null }),
    });
    const { code, out } = await offline('workers', '--rpc', address);
    expect([code, out.split('\n')]).toEqual([
      0,
      ['PLUGIN   PID  STATUS  JOBS  MEMORY MIB  CPU %  CREATED', 'jobs    4711  ready     12          50    1.3  2026-01-01T00:00:00.000Z'],
    ]);
    expect(await offline('workers', 'http', '--rpc', address)).toMatchObject({ code: 0, out: 'There are no worker processes.' });
    expect(JSON.parse((await offline('workers', '--json', '--rpc', address)).out)).toEqual({ jobs: [WORKER], http: [] });
  });

  it('resets every plugin and tells of those that were not', async () => {
    const address = await openForeign({
      'resetter.List': () => ['jobs', 'http'],
      'resetter.Reset': (plugin) => {
        if (plugin === '"http"') throw new Error('the pool is empty');
        return true;
      },
    });
    expect(await offline('reset', '--rpc', address)).toMatchObject({ code: 1, out: 'Reset jobs.\nhttp was not reset: the pool is empty' });
    expect(await offline('reset', 'jobs', '--json', '--rpc', address)).toMatchObject({ code: 0, out: '{"reset":["jobs"],"errors":[]}' });
  });

  it('works on a kernel without worker processes', async () => {
    const { cli } = await open();
    expect(await cli('workers')).toEqual({ code: 0, out: 'There are no worker processes.', err: '' });
    expect(await cli('reset')).toEqual({ code: 0, out: 'Reset jobs.', err: '' });
  });
});

describe('the address', () => {
  /** A folder with a `.rr.yaml` for the address of a kernel. */
  function folderFor(address: string, more = ''): string {
    const folder = createTempFolder();
    writeFileSync(join(folder, '.rr.yaml'), `version: "3"\nrpc: { listen: "${address}"${more} }\n`);
    return folder;
  }

  it('is that of --rpc, then of the file, then of RR_RPC', async () => {
    const { kernel } = await open();
    const there = kernel.rpcAddress!;
    const nowhere = 'tcp://127.0.0.1:1';
    const list = async (folder: string, environment: Record<string, string>, ...args: string[]): Promise<number> =>
      (await runIn(new FakeIo(folder, environment), 'jobs', 'list', ...args)).code;
    expect(await list(folderFor(nowhere), { RR_RPC: nowhere }, '--rpc', there)).toBe(0);
    expect(await list(folderFor(there), { RR_RPC: nowhere })).toBe(0);
    expect(await list(folderFor(nowhere), { RR_RPC: there })).toBe(1);
    expect(await list(EMPTY_FOLDER, { RR_RPC: there })).toBe(0);
    expect(await list(EMPTY_FOLDER, { RR_RPC: nowhere }, '-c', join(folderFor(there), '.rr.yaml'))).toBe(0);
  });

  it('is that of a socket in the folder of the file, where its path is relative', async () => {
    const folder = createTempFolder();
    mkdirSync(join(folder, 'config'));
    await open({ rpc: { listen: `unix://${join(folder, 'config/rr.sock')}` } });
    writeFileSync(join(folder, 'config/.rr.yaml'), 'version: "3"\nrpc: { listen: "unix://rr.sock" }\njobs: {}\n');
    expect(await runIn(new FakeIo(folder), 'jobs', 'list', '-c', 'config/.rr.yaml')).toEqual({ code: 0, out: 'q\nlate', err: '' });
  });

  it('is that of the file of a RoadRunner, whatever else stands there', async () => {
    const { kernel } = await open();
    const port = kernel.rpcAddress!.split(':').at(-1)!;
    const folder = createTempFolder();
    const lines = [
      'version: "3"',
      `rpc: { listen: "tcp://0.0.0.0:${port}" }`,
      'server: { command: "php worker.php", relay_timeout: 10s }',
      'http: { address: "127.0.0.1:8080" }',
      'jobs:',
      '  pipelines:',
      '    far: { driver: nats, config: { subject: far.* } }',
      '    none: { config: {} }',
    ];
    writeFileSync(join(folder, '.rr.yaml'), lines.join('\n'));
    expect(await runIn(new FakeIo(folder), 'jobs', 'list')).toEqual({ code: 0, out: 'q\nlate', err: '' });
    writeFileSync(join(folder, '.rr.yaml'), 'version: "3"\nrpc: { listen: "nowhere" }\n');
    expect(await runIn(new FakeIo(folder), 'jobs', 'list')).toMatchObject({ code: 1, err: expect.stringContaining('.rr.yaml:2 rpc.listen') });
  });

  it('takes the token from the option, from the file, or from the environment', async () => {
    const token = 'correct horse';
    const { kernel } = await open({ rpc: { listen: LOOPBACK, token } });
    const address = kernel.rpcAddress!;
    const list = async (folder: string, environment: Record<string, string>, ...args: string[]): Promise<number> =>
      (await runIn(new FakeIo(folder, { RR_RPC: address, ...environment }), 'jobs', 'list', ...args)).code;
    expect(await list(EMPTY_FOLDER, {})).toBe(1);
    expect(await list(EMPTY_FOLDER, {}, '--token', token)).toBe(0);
    expect(await list(EMPTY_FOLDER, { NRR_RPC_TOKEN: token })).toBe(0);
    expect(await list(folderFor(address, `, token: "${token}"`), {})).toBe(0);
  });

  it('connects by TLS, with a certificate of its own where one is asked for', async () => {
    const tls = (name: string): string => resolve('test/fixtures/tls', name);
    const server = { cert: tls('server.crt'), key: tls('server.key'), ca: tls('ca.crt') };
    const { kernel } = await open({ rpc: { listen: LOOPBACK, tls: server } });
    const list = (...args: string[]): Promise<CliRun> => offline('jobs', 'list', '--rpc', kernel.rpcAddress!, '--timeout', '2s', ...args);
    expect(await list('--ca', tls('ca.crt'), '--cert', tls('client.crt'), '--key', tls('client.key'))).toMatchObject({ code: 0, out: 'q\nlate' });
    expect((await list('--tls', '--cert', tls('client.crt'), '--key', tls('client.key'))).code).toBe(1);
    expect((await list()).code).toBe(1);
  });

  it('names a file that is not there', async () => {
    const { code, err } = await offline('jobs', 'list', '-c', 'missing.yaml');
    expect([code, err]).toEqual([1, expect.stringContaining('missing.yaml: There is no such file. Name the configuration with -c.')]);
  });
});

describe('validate', () => {
  function folderWith(yaml: string): string {
    const folder = createTempFolder();
    writeFileSync(join(folder, '.rr.yaml'), yaml);
    return folder;
  }

  it('accepts a file and tells what has no effect in it', async () => {
    const folder = folderWith('version: "3"\njobz: {}\njobs:\n  pipelines:\n    q: { driver: memory }\n');
    const { code, out } = await runIn(new FakeIo(folder), 'validate');
    expect([code, out]).toEqual([0, expect.stringMatching(/^Warning: \.rr\.yaml:2 jobz: .*Did you mean "jobs"\?\n\.rr\.yaml can be used\.$/)]);
  });

  it('tells which keys of the log are not heeded, and is silent about the others', async () => {
    const head = 'version: "3"\njobs: {}\n';
    const heeded = 'logs: { mode: production, level: warn, encoding: console, output: [stderr] }\n';
    expect((await runIn(new FakeIo(folderWith(`${head}${heeded}`)), 'validate')).out).toBe('.rr.yaml can be used.');
    const others = 'output: [rr.log], line_ending: "\\r\\n", file_logger_options: { log_output: rr.log }, channels: { jobs: { level: error } }';
    const { code, out } = await runIn(new FakeIo(folderWith(`${head}logs: { ${others} }\n`)), 'validate');
    expect([code, out.split('\n')]).toEqual([
      0,
      [
        ...['output', 'line_ending', 'file_logger_options', 'channels'].map((key) =>
          expect.stringMatching(`^Warning: \\.rr\\.yaml logs\\.${key}: It is not heeded: .*standard error`),
        ),
        '.rr.yaml can be used.',
      ],
    ]);
  });

  it('prints everything that is wrong, each with its line', async () => {
    const folder = folderWith('version: "3"\njobs:\n  timeout: never\n  pipelines:\n    q: { driver: memory, config: { prefetch: -1 } }\n');
    const { code, out } = await runIn(new FakeIo(folder), 'validate');
    expect(code).toBe(1);
    expect(out).toMatch(/^Error: \.rr\.yaml:3 jobs\.timeout: "never" is not allowed\./m);
    expect(out).toMatch(/^Error: \.rr\.yaml:5 jobs\.pipelines\.q\S*prefetch: -1 is not allowed\./m);
    expect(out).toMatch(/\n\.rr\.yaml cannot be used: 2 errors\.$/);
  });

  it('tells programs the same, with overrides applied', async () => {
    const folder = folderWith('version: "3"\njobs: { timeout: 5 }\n');
    const good = await runIn(new FakeIo(folder), 'validate', '--json');
    expect(JSON.parse(good.out)).toEqual({ file: '.rr.yaml', valid: true, issues: [], warnings: [] });
    const bad = await runIn(new FakeIo(folder), 'validate', '--json', '-o', 'jobs.timeout=never');
    expect([bad.code, JSON.parse(bad.out)]).toMatchObject([1, { valid: false, issues: [{ path: 'jobs.timeout' }] }]);
  });
});

describe('serve', () => {
  async function serve(yaml: string, ...args: string[]) {
    const folder = createTempFolder();
    mkdirSync(join(folder, 'config'));
    writeFileSync(join(folder, 'config/rr.yaml'), yaml);
    const io = new FakeIo(folder);
    const run = runIn(io, 'serve', '-c', 'config/rr.yaml', ...args);
    return { io, run, folder };
  }

  const YAML =
    'version: "3"\nrpc: { listen: "tcp://127.0.0.1:0" }\njobs:\n  consume: [q]\n  pipelines:\n    q: { driver: memory }\n    held: { driver: memory }\n';

  it('says where it can be reached, keeps jobs, and ends with 0 at a signal', async () => {
    const { io, run, folder } = await serve(YAML);
    const ready = await io.printed.next();
    const [, address = ''] = /^Ready at (\S+)\. Pipelines: q \(memory\), held \(memory, paused\)\.$/.exec(ready) ?? [];
    expect(io.folders).toEqual([join(folder, 'config')]);
    expect((await offline('jobs', 'push', 'q', 'work', 'x', '--rpc', address)).code).toBe(0);
    expect(JSON.parse((await offline('jobs', 'stat', 'q', '--json', '--rpc', address)).out)).toMatchObject([{ active: 1 }]);
    io.signal('SIGTERM');
    const { code, err } = await run;
    expect(code).toBe(0);
    expect(err).toContain('SIGTERM: stopping.');
    expect(err).toContain('Pipeline "q" lost 1 job that was in memory only.');
  });

  it('takes a signal that comes twice at once for one', async () => {
    const { io, run } = await serve(YAML);
    await io.printed.next();
    io.signal('SIGINT');
    io.signal('SIGINT');
    const { code, err } = await run;
    expect([code, io.exitCode, err.split('SIGINT').length]).toEqual([0, undefined, 2]);
  });

  it('takes overrides, and tells programs when it is ready', async () => {
    const { io, run } = await serve(YAML, '-o', 'jobs.consume=held', '--json', '-w', '.');
    expect(JSON.parse(await io.printed.next())).toMatchObject({
      ready: true,
      rpc: expect.stringMatching(/^tcp:/) as string,
      pipelines: [{ ready: false }, { ready: true }],
    });
    io.signal('SIGINT');
    expect((await run).code).toBe(0);
    expect(io.folders).toEqual([io.workingDirectory]);
  });

  it('does not start without rpc, or with what is wrong in the file', async () => {
    const silent = await (await serve('version: "3"\njobs: {}\n')).run;
    expect([silent.code, silent.err]).toEqual([1, expect.stringContaining('nobody could reach the kernel')]);
    const wrong = await (await serve(YAML, '-o', 'jobs.timeout=never')).run;
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('jobs.timeout: "never" is not allowed')]);
  });

  it('runs services given by module and export, with their sections', async () => {
    const folder = createTempFolder();
    const source = (body: string): string =>
      `export class Beeps { name = 'beeps'; init(config, { logger }) { logger.info('every ' + config.every); } ${body} async stop() {} }`;
    writeFileSync(join(folder, 'beeps.mjs'), source('serve() {}'));
    const io = new FakeIo(folder);
    writeFileSync(join(folder, '.rr.yaml'), `${YAML}beeps: { every: 5 }\n`);
    const run = runIn(io, 'serve', '--service', './beeps.mjs#Beeps');
    await io.printed.next();
    io.signal('SIGTERM');
    const { code, err } = await run;
    expect([code, err]).toEqual([0, expect.stringContaining('every 5')]);
    expect(err).not.toContain('Warning');
  });

  it('refuses what is no service, before anything starts', async () => {
    const folder = createTempFolder();
    writeFileSync(join(folder, '.rr.yaml'), YAML);
    writeFileSync(join(folder, 'beeps.mjs'), 'export const beeps = 1;');
    const none = await runIn(new FakeIo(folder), 'serve', '--service', './beeps.mjs#Beeps');
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('"Beeps" is no service there. It has: beeps.')]);
    const missing = await runIn(new FakeIo(folder), 'serve', '--service', './none.mjs');
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('--service ./none.mjs cannot be loaded')]);
  });

  it.each([
    ['a class that throws', 'export class Beeps { constructor() { throw new Error("no disk"); } }', '"Beeps" cannot be made: no disk'],
    ['a function that is no class', 'export const Beeps = () => ({});', '"Beeps" cannot be made: '],
    ['a service without a stop', 'export const Beeps = { name: "beeps", init() {}, serve() {} };', '"Beeps" is no service there.'],
  ])('names a service that is %s', async (_what, source, message) => {
    const folder = createTempFolder();
    writeFileSync(join(folder, '.rr.yaml'), YAML);
    writeFileSync(join(folder, 'beeps.mjs'), source);
    const { code, err } = await runIn(new FakeIo(folder), 'serve', '--service', './beeps.mjs#Beeps');
    expect([code, err]).toEqual([2, expect.stringContaining(`--service ./beeps.mjs#Beeps: ${message}`)]);
  });

  it('needs a command for the workers of a ticker where there is no server', async () => {
    const { code, err } = await (await serve(`${YAML}ticker: { interval: 1 }\n`)).run;
    expect([code, err]).toEqual([1, expect.stringContaining('a service names no command for its workers')]);
  });

  it('ends with 1 when its address is taken', async () => {
    const { kernel } = await open();
    const { code, err } = await (await serve(YAML, '-o', `rpc.listen=${kernel.rpcAddress}`)).run;
    expect([code, err]).toEqual([1, expect.stringContaining('EADDRINUSE')]);
  });
});
