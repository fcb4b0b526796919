import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { itUnless } from '../support/skipped.js';
import { isAlive, RunningProgram } from './support/running-program.js';

const SAMPLE = fileURLToPath(new URL('../../sample/04-polyglot', import.meta.url));
const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TIMEOUT_MS = 60_000;

interface Shop {
  readonly language: string;
  readonly prefix: string;
  readonly command: readonly [program: string, ...args: string[]];
  /** Shows that the language is there. */
  readonly probe: string;
}

const SHOPS: readonly Shop[] = [
  { language: 'Python', prefix: 'py', command: ['python3', join(SAMPLE, 'clients/python/shop.py')], probe: '--version' },
  { language: 'Go', prefix: 'go', command: ['go', 'run', join(SAMPLE, 'clients/go/shop.go')], probe: 'version' },
];

/** The address of the application, without its protocol. */
async function addressOf(app: RunningProgram): Promise<string> {
  return (await app.printed(/Open to other processes at tcp:\/\/(127\.0\.0\.1:\d+)/))[1]!;
}

/** Runs a program to its end; this process goes on meanwhile. */
async function run(program: string, args: readonly string[]): Promise<{ status: number | string | null; output: string }> {
  const running = new RunningProgram([program, ...args]);
  return { status: await running.ended(), output: running.output };
}

describe('sample/04-polyglot', () => {
  const apps: RunningProgram[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.end();
  });

  function start(): RunningProgram {
    const app = new RunningProgram([process.execPath, join(SAMPLE, 'dist/main.js')], { env: { RPC: 'tcp://127.0.0.1:0' } });
    apps.push(app);
    return app;
  }

  for (const { language, prefix, command, probe } of SHOPS) {
    const [program, ...args] = command;
    const isThere = spawnSync(program, [probe]).status === 0;
    itUnless(isThere ? undefined : `${program} is not installed`)(
      `a client in plain ${language} pushes, lists, reads statistics and learns what is wrong`,
      async () => {
        const app = start();
        const { status, output } = await run(program, [...args, await addressOf(app)]);

        const lines = output.trimEnd().split('\n');
        expect([status, ...lines.slice(0, 4)]).toEqual([
          0,
          'Pipelines: invoices',
          `Pushed order ${prefix}-1`,
          `Pushed order ${prefix}-2`,
          `Pushed order ${prefix}-3, to run in 2 s`,
        ]);
        expect(lines[4]).toMatch(/^invoices \(memory\): [0-2] active, 1 delayed$/);
        expect(lines[5]).toBe('Refused: rpc_push: jobs_plugin_push: no such pipeline, requested: letters');
        expect(lines).toHaveLength(6);

        const amounts = ['12.50', '99.00', '7.25'];
        for (const [index, amount] of amounts.entries()) {
          await app.printed(new RegExp(`Invoice for order ${prefix}-${index + 1} of the ${language} shop: ${amount.replace('.', '\\.')} EUR`));
        }
        expect(await app.end()).toBe('SIGTERM');
      },
      TIMEOUT_MS,
    );
  }

  it(
    'a client learns that nothing listens from its exit status',
    async () => {
      const app = start();
      const address = await addressOf(app);
      await app.end();
      const installed = SHOPS.filter(({ command: [program], probe }) => spawnSync(program, [probe]).status === 0);
      const statuses = await Promise.all(installed.map(({ command: [program, ...args] }) => run(program, [...args, address])));
      expect(statuses.map(({ status }) => status)).toEqual(installed.map(() => 1));
    },
    TIMEOUT_MS,
  );

  describe('as a kernel without an application', () => {
    const kernels: RunningProgram[] = [];

    afterEach(async () => {
      for (const kernel of kernels.splice(0)) await kernel.end('SIGKILL');
    });

    /** `npx nestjs-roadrunner serve` in the folder of the sample. */
    async function serve(...args: string[]): Promise<{ kernel: RunningProgram; address: string }> {
      const kernel = new RunningProgram([process.execPath, CLI, 'serve', ...args], { cwd: SAMPLE, env: { RPC: 'tcp://127.0.0.1:0' } });
      kernels.push(kernel);
      const [, address = ''] = await kernel.printed(/^Ready at tcp:\/\/(\S+)\. 2 workers\. Pipelines: invoices \(memory\)\.$/m);
      return { kernel, address };
    }

    const hasGo = spawnSync('go', ['version']).status === 0;
    const hasPython = spawnSync('python3', ['--version']).status === 0;
    const workers = [
      { language: 'Nest', args: [], isThere: hasGo },
      { language: 'plain Python', args: ['-o', 'server.command=python3 workers/invoices.py'], isThere: hasGo && hasPython },
    ];
    for (const { language, args, isThere } of workers) {
      itUnless(isThere ? undefined : 'go or python3 is not installed')(
        `jobs pushed by Go run in workers in ${language}, and none is left at the end`,
        async () => {
          const { kernel, address } = await serve(...args);
          const { status } = await run('go', ['run', join(SAMPLE, 'clients/go/shop.go'), address]);
          expect(status).toBe(0);
          const pids = new Set<number>();
          for (const [index, amount] of ['12.50', '99.00', '7.25'].entries()) {
            const line = `Worker (\\d+): .*Invoice for order go-${index + 1} of the Go shop: ${amount.replace('.', '\\.')} EUR`;
            const [, pid] = await kernel.printed(new RegExp(line));
            pids.add(Number(pid));
          }
          expect(await kernel.end()).toBe(0);
          expect([...pids].filter(isAlive)).toEqual([]);
        },
        TIMEOUT_MS,
      );
    }
  });
});
