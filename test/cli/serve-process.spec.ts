import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectJobs, type JobsConnection } from '../../lib/runtime/connect-jobs.js';
import { RunningProgram, until } from '../e2e/support/running-program.js';
import { createTempFolder } from '../support/temp-folder.js';

const ROOT = process.cwd();
const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: string };
const WORKER = join(ROOT, 'test/pool/workers/hostile.mjs');
const STUBBORN = `${WORKER} ignore-stop ignore-signals ignore-eof`;
const TIMEOUT_MS = 60_000;
const DEADLINE_MS = 20_000;

interface Served {
  readonly program: RunningProgram;
  readonly connection: JobsConnection;
  /** Of the workers. */
  readonly pids: readonly number[];
  /** Where its temporary files are. */
  readonly temporary: string;
}

const running: { readonly program: RunningProgram; readonly connection?: JobsConnection }[] = [];

afterEach(async () => {
  for (const { program, connection } of running.splice(0)) {
    await program.end('SIGKILL');
    await connection?.close();
  }
});

/** The built program in a process of its own, with one worker. */
async function serve({ worker = WORKER, folder = createTempFolder(), yaml = '', args = [] as readonly string[] } = {}): Promise<Served> {
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true });
  writeFileSync(
    join(folder, '.rr.yaml'),
    `version: "3"
rpc: { listen: "tcp://127.0.0.1:0" }
server: { command: "${process.execPath} ${worker}" }
jobs: { consume: [q], pool: { num_workers: 1 }, pipelines: { q: { driver: memory } } }
${yaml}`,
  );
  const program = new RunningProgram([process.execPath, join(ROOT, bin), 'serve', ...args], { cwd: folder, env: { TMPDIR: temporary } });
  running.push({ program });
  const [, address = ''] = await program.printed(/^Ready at (\S+)\./m);
  const connection = connectJobs(address);
  running.push({ program, connection });
  const pids = (await connection.admin.workers()).map(({ pid }) => pid);
  return { program, connection, pids, temporary };
}

/** Gives the worker a job and answers when it has it. */
async function occupy({ connection }: Served, name: string, payload = ''): Promise<void> {
  await connection.jobs.connect('q').push(name, payload);
  while (!(await connection.admin.workers()).some(({ status }) => status === 'working')) await new Promise((resolve) => setImmediate(resolve));
}

/** Processes of these groups that live. */
function living(groups: readonly number[]): number {
  const rows = execFileSync('ps', ['-eo', 'pgid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return rows.map((row) => row.trim().split(/\s+/)).filter(([group, stat]) => groups.includes(Number(group)) && !stat.startsWith('Z')).length;
}

const foldersIn = (temporary: string): string[] => readdirSync(temporary).filter((name) => name.startsWith('nrr-'));

describe('nestjs-roadrunner serve', () => {
  it(
    'waits for running jobs at the first signal, and at the second ends at once with its workers and with 1',
    async () => {
      const served = await serve({ worker: STUBBORN });
      await occupy(served, 'silence');
      const { program, pids, temporary } = served;
      expect(foldersIn(temporary)).toHaveLength(1);
      program.child.kill('SIGINT');
      await program.printed(/^SIGINT: stopping\. Once more ends it at once\.$/m);
      expect([program.hasEnded, living(pids)]).toEqual([false, 1]);
      // Those that come within a second are taken for the first one.
      const isForced = (): boolean => program.hasEnded || (program.child.kill('SIGTERM'), program.hasEnded);
      expect(await until(isForced, DEADLINE_MS)).toBe(true); // a stop would wait 25 s for the job
      expect(program.child.exitCode).toBe(1);
      expect(program.output).toMatch(/^SIGTERM once more: ended at once, workers included\./m);
      expect(await until(() => living(pids) === 0, DEADLINE_MS)).toBe(true);
      expect(foldersIn(temporary)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'stops as at a signal, with 1, when a service says that it cannot go on',
    async () => {
      const folder = createTempFolder();
      const source = `export class Meter {
        name = 'meter';
        init() {}
        serve(onError) { process.once('SIGUSR2', () => onError(new Error('the device is gone'))); }
        async stop() { console.error('meter stopped'); }
      }`;
      writeFileSync(join(folder, 'meter.mjs'), source);
      const served = await serve({ folder, yaml: 'meter: {}\n', args: ['--service', './meter.mjs#Meter'] });
      const { program, pids, connection } = served;
      await occupy(served, 'ack-later', '500');
      expect(await program.end('SIGUSR2')).toBe(1);
      expect(program.output).toContain('ERROR Service "meter" failed: the device is gone');
      expect(program.output.trimEnd().split('\n').at(-1)).toBe('Service "meter" failed: the device is gone');
      expect(program.output).toContain('meter stopped');
      expect(program.output).not.toContain('lost'); // the job was waited for
      expect(living(pids)).toBe(0);
      await connection.close();
    },
    TIMEOUT_MS,
  );

  it(
    'removes what a killed kernel left for its workers, and leaves what a living one has',
    async () => {
      const folder = createTempFolder();
      const first = await serve({ folder });
      const [killed] = foldersIn(first.temporary);
      await first.program.end('SIGKILL');
      expect(foldersIn(first.temporary)).toEqual([killed]);
      const second = await serve({ folder });
      expect(await until(() => !foldersIn(second.temporary).includes(killed!), DEADLINE_MS)).toBe(true);
      const [alive] = foldersIn(second.temporary);
      const third = await serve({ folder });
      expect(await third.program.end('SIGTERM')).toBe(0); // its sweep is over
      expect(foldersIn(second.temporary)).toEqual([alive]);
    },
    TIMEOUT_MS,
  );
});
