import { execFileSync } from 'node:child_process';
import { after, endProcesses, startProcess, type FaultProcess } from './support/processes.js';

afterEach(endProcesses);

/** Within it nothing of a dead kernel may be left. Unit: milliseconds. */
const ORPHANS_END_MS = 2_000;
const GRACE_MS = 2_000;
/** What a busy machine may take on top. Unit: milliseconds. */
const SLACK_MS = 1_500;

interface Options {
  readonly args?: readonly string[];
  readonly jobs?: readonly string[];
  readonly workers?: number;
  readonly allocateTimeoutMs?: number;
}

function start({ args = [], jobs = [], workers = 2, ...more }: Options = {}): FaultProcess {
  return startProcess('pool-process.mjs', { args, jobs, workers, graceMs: GRACE_MS, ...more });
}

/** Processes of these groups that live; zombies do not. */
function living(groups: readonly number[]): number[] {
  const rows = execFileSync('ps', ['-eo', 'pgid=,pid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  const found = rows.map((row) => row.trim().split(/\s+/)).filter(([group, , stat]) => groups.includes(Number(group)) && !stat.startsWith('Z'));
  return found.map(([, pid]) => Number(pid));
}

async function pidsOf(kernel: FaultProcess): Promise<number[]> {
  const line = await kernel.line('ready');
  return line.split(' ').slice(1).map(Number);
}

describe('A kernel that is killed with SIGKILL', () => {
  it.each([
    ['that are idle', {}],
    ['that have a job', { jobs: ['silence', 'silence'] }],
    ['that compute for ever', { jobs: ['loop', 'loop'] }],
    ['that ignore signals and the end of their input', { args: ['ignore-signals', 'ignore-eof'] }],
    ['that started processes of their own', { args: ['ignore-eof', 'grandchild'] }],
  ])('leaves no worker %s, and no guard', async (_title, options) => {
    const kernel = start(options);
    const pids = await pidsOf(kernel);
    expect(living(pids).length).toBeGreaterThanOrEqual(pids.length);
    const at = Date.now();
    kernel.kill('SIGKILL');
    await kernel.ended;
    while (living(pids).length > 0 && Date.now() - at < ORPHANS_END_MS * 2) await after(20);
    expect(living(pids)).toEqual([]);
    expect(Date.now() - at).toBeLessThan(ORPHANS_END_MS + SLACK_MS);
  });
});

describe('SIGTERM', () => {
  it.each([
    ['while all workers are idle', {}, []],
    ['while workers have jobs', { jobs: ['silence'] }, ['outcome unstarted']],
    ['while a worker computes for ever', { jobs: ['loop'] }, ['outcome unstarted']],
    ['while workers ignore the stop frame', { args: ['ignore-stop'] }, []],
    ['while workers ignore everything', { args: ['ignore-stop', 'ignore-signals', 'ignore-eof'] }, []],
    ['during a reset', { args: ['restarts'] }, []],
  ])('%s ends the kernel within its grace, with every job accounted for', async (_title, options, outcomes) => {
    const kernel = start(options);
    const pids = await pidsOf(kernel);
    const at = Date.now();
    kernel.kill('SIGTERM');
    expect(await kernel.ended).toEqual({ code: 0, signal: null });
    expect(Date.now() - at).toBeLessThan(GRACE_MS + SLACK_MS);
    expect(living(pids)).toEqual([]);
    const lines = kernel.output().split('\n');
    expect(lines.filter((line) => line.startsWith('outcome'))).toEqual(outcomes);
    process.stdout.write(`SIGTERM ${_title}: ${lines.find((line) => line.startsWith('stopped'))} ms\n`);
  });

  it('while workers start ends the kernel within its grace', async () => {
    const kernel = start({ args: ['silent'], allocateTimeoutMs: 30_000 });
    await kernel.line('starting');
    await after(200);
    const at = Date.now();
    kernel.kill('SIGTERM');
    expect(await kernel.ended).toEqual({ code: 0, signal: null });
    expect(Date.now() - at).toBeLessThan(GRACE_MS + SLACK_MS);
  });
});
