import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createTempFolder } from '../support/temp-folder.js';
import { isAlive, RunningProgram, until } from './support/running-program.js';

const APP = join(process.cwd(), 'test/e2e/support/worker-app.mjs');
const TIMEOUT_MS = 60_000;

interface StartedApp extends RunningProgram {
  readonly workers: readonly number[];
  readonly port: number;
}

const running: RunningProgram[] = [];

afterEach(async () => {
  for (const program of running.splice(0)) await program.end('SIGKILL');
});

function run(env: Readonly<Record<string, string>> = {}): RunningProgram {
  const program = new RunningProgram([process.execPath, APP], { env });
  running.push(program);
  return program;
}

async function start(env: Readonly<Record<string, string>> = {}): Promise<StartedApp> {
  const program = run(env);
  const [, port, pids = ''] = await program.printed(/^ready (\d+) (.+)$/m);
  return Object.assign(program, { port: Number(port), workers: pids.split(' ').map(Number) });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

describe('A Nest application with workers', () => {
  it(
    'runs its main file in four workers without opening its port there, and its jobs in them',
    async () => {
      const port = await freePort();
      const app = await start({ PORT: String(port) });
      expect([app.port, app.workers.length, new Set(app.workers).size]).toEqual([port, 4, 4]);
      app.write('where');
      const [, pid] = await app.printed(/^progress \{"pid":(\d+)\}$/m);
      expect(app.workers).toContain(Number(pid));
      await app.printed(/^completed where$/m);
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
    },
    TIMEOUT_MS,
  );

  it(
    'runs its main file as the server command of its configFile, without opening its port there, and its jobs in it',
    async () => {
      const folder = createTempFolder();
      const yaml = `version: '3'
server: { command: [${process.execPath}, ${APP}] }
jobs: { consume: [q], pool: { num_workers: 2 }, pipelines: { q: { driver: memory } } }
`;
      writeFileSync(join(folder, '.rr.yaml'), yaml);
      const port = await freePort();
      const app = await start({ PORT: String(port), CONFIG_FILE: join(folder, '.rr.yaml') });
      expect([app.port, app.workers.length]).toEqual([port, 2]);
      app.write('where');
      const [, pid] = await app.printed(/^progress \{"pid":(\d+)\}$/m);
      expect(app.workers).toContain(Number(pid));
      await app.printed(/^completed where$/m);
    },
    TIMEOUT_MS,
  );

  it(
    'runs the jobs of a pipeline in the pool that it chooses',
    async () => {
      const app = await start({ WORKERS: '1', POOLS: 'yes' });
      app.write('where');
      app.write('elsewhere');
      const [, fast] = await app.printed(/^progress \{"pid":(\d+)\}$/m);
      const [, slow] = await app.printed(/^progress \{"elsewhere":(\d+)\}$/m);
      expect([Number(fast), Number(slow)]).toEqual(app.workers); // in the order of their pools
    },
    TIMEOUT_MS,
  );

  it(
    'pushes from the handler of a worker, whose stray output does no harm',
    async () => {
      const app = await start({ WORKERS: '1' });
      app.write('chain');
      await app.printed(/^completed where$/m);
      expect((await app.printed(/^(?:completed|failed) chain/m))[0]).toBe('completed chain');
    },
    TIMEOUT_MS,
  );

  it(
    'makes request-scoped providers for every job of a worker, and runs finalizers after each',
    async () => {
      const app = await start({ WORKERS: '1' });
      for (const name of ['scoped', 'scoped', 'final']) {
        const before = app.output.split(`completed ${name}`).length;
        app.write(name);
        await until(() => app.output.split(`completed ${name}`).length > before, 5_000);
      }
      expect(app.output.match(/^progress .*$/gm)).toEqual(['progress {"scoped":1}', 'progress {"scoped":2}', 'progress {"finalized":2}']);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps the error of a handler in the failed store of the kernel',
    async () => {
      const app = await start({ WORKERS: '1' });
      app.write('fail');
      expect((await app.printed(/^failed fail .*$/m))[0]).toBe('failed fail TypeError It is broken.');
    },
    TIMEOUT_MS,
  );

  it(
    'runs a module alone, without the file that starts the application, where the pool says so',
    async () => {
      const program = new RunningProgram([process.execPath, join(process.cwd(), 'test/e2e/support/worker-module.mjs')]);
      running.push(program);
      const [, pid] = await program.printed(/^progress \{"pid":(\d+),"hasMain":false\}$/m);
      expect(Number(pid)).not.toBe(program.pid);
      expect(await program.end()).toBe('SIGTERM');
    },
    TIMEOUT_MS,
  );

  it(
    'replaces a worker that is killed and goes on',
    async () => {
      const app = await start({ WORKERS: '1' });
      process.kill(app.workers[0]!, 'SIGKILL');
      app.write('where');
      const [, pid] = await app.printed(/^progress \{"pid":(\d+)\}$/m);
      expect(Number(pid)).not.toBe(app.workers[0]);
    },
    TIMEOUT_MS,
  );

  it(
    'ends at SIGTERM at once while it is idle, and leaves no worker',
    async () => {
      const app = await start({ WORKERS: '2' });
      const from = performance.now();
      expect(await app.end()).toBe('SIGTERM');
      expect(performance.now() - from).toBeLessThan(5_000); // measured: 40 ms; a busy machine takes longer
      expect(app.workers.filter(isAlive)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'ends within its grace while a handler does not end, and leaves no worker',
    async () => {
      const app = await start({ WORKERS: '2', SHUTDOWN: '0.2' });
      app.write('busy');
      await app.printed(/^active busy$/m);
      const from = performance.now();
      expect(await app.end()).toBe('SIGTERM');
      expect(performance.now() - from).toBeLessThan(5_000); // 0.2 s, then 1 s of grace
      expect(app.workers.filter(isAlive)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'ends as at a signal when one of its services cannot go on: running jobs first, then the hooks',
    async () => {
      const app = await start({ WORKERS: '1', SHUTDOWN: '20' });
      app.write('brief');
      await app.printed(/^active brief$/m);
      const exited = once(app.child, 'exit');
      app.write('!break');
      expect(await exited).toEqual([null, 'SIGTERM']);
      await app.printed(
        /Service "meter" failed: the device is gone\. The application ends when its running jobs have ended\.[^]*^completed brief$[^]*^closed in /m,
      );
      expect(app.output).toContain('meter stopped');
      expect(app.workers.filter(isAlive)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'ends with 1 when one of its services cannot go on and it listens to no signal; the hooks run all the same',
    async () => {
      const app = await start({ WORKERS: '1', HOOKS: 'off' });
      const exited = once(app.child, 'exit');
      app.write('!break');
      expect(await exited).toEqual([1, null]);
      await app.printed(/Service "meter" failed: the device is gone\.[^]*^closed in /m);
      expect(app.workers.filter(isAlive)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'ends while its workers are starting, and leaves none',
    async () => {
      const app = run({ WORKERS: '4' });
      await until(() => app.hasEnded, 700);
      const before = app.output;
      await app.end('SIGTERM');
      expect(before).not.toContain('ready 0');
      expect(app.hasEnded).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    'says nothing of the boot of its workers, and what their handlers log',
    async () => {
      const app = await start({ WORKERS: '2', LOGS: 'all' });
      app.write('log');
      await app.printed(/Worker \d+: .*a line of a handler/);
      expect(app.output.match(/Starting Nest application|a line of the boot/g)).toEqual(['Starting Nest application', 'a line of the boot']);
    },
    TIMEOUT_MS,
  );

  it(
    'ends with one error when its workers cannot boot, which has their last words',
    async () => {
      const app = run({ WORKERS: '2', LOGS: 'all', BROKEN: 'yes' });
      expect(await app.ended()).toBe(1);
      expect(app.output).toMatch(/It ended with exit code 1\. It wrote last: [^]*There is no database\./);
      expect(app.output).not.toMatch(/Worker \d+:/);
      expect(app.output.match(/The worker ".*" did not start/g)).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  it(
    'does not say that it has started when a signal ends it meanwhile',
    async () => {
      const app = run({ WORKERS: '2', LOGS: 'all' });
      await app.printed(/RoutesResolver|JobsModule dependencies initialized/);
      expect(await app.end('SIGINT')).toBe('SIGINT');
      await app.ended();
      expect(app.output).not.toMatch(/successfully started|worker process|ready \d/);
    },
    TIMEOUT_MS,
  );

  it(
    'leaves no worker when it is killed, also a busy one',
    async () => {
      const app = await start({ WORKERS: '2' });
      app.write('busy');
      await app.printed(/^active busy$/m);
      await app.end('SIGKILL');
      expect(await until(() => !app.workers.some(isAlive), 5_000)).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    'serves with the dispatcher of the mode it was spawned for, runs the hooks and ends',
    async () => {
      const program = run({ RR_MODE: 'other', RR_RELAY: 'pipes' });
      await program.printed(/other is served\nclosed in \d+/);
      await until(() => program.hasEnded, 5_000);
      expect(program.child.exitCode).toBe(0);
      expect(program.output).not.toContain('keeps no failed jobs'); // it runs none
    },
    TIMEOUT_MS,
  );

  it.each([
    [{}, true],
    [{ ON_FAILURE: 'queue:dead' }, false],
  ])(
    'warns under a kernel without a failed store of the handlers whose failed jobs go nowhere (%j)',
    async (env, warns) => {
      const program = run({ RR_MODE: 'jobs', RR_RELAY: 'pipes', ...env });
      program.child.stdin!.end(); // the kernel is gone
      await program.printed(/closed in \d+/);
      expect(program.output.includes('keeps no failed jobs: those of Handlers.where(), Handlers.elsewhere()')).toBe(warns);
    },
    TIMEOUT_MS,
  );

  it(
    'ends with 1 and says what was asked when no dispatcher serves the mode',
    async () => {
      const program = run({ RR_MODE: 'strange', RR_RELAY: 'pipes' });
      await program.printed(/This worker cannot serve: No dispatcher can serve RR_MODE "strange"; asked were Other, JobsServer/);
      await until(() => program.hasEnded, 5_000);
      expect(program.child.exitCode).toBe(1);
    },
    TIMEOUT_MS,
  );
});
