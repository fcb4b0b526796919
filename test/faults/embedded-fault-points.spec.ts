import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../lib/contract/clock.js';
import { UnrecoverableJobError } from '../../lib/contract/job-errors.js';
import type { Kernel } from '../../lib/kernel/kernel.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../lib/runtime/handler-executor.js';
import { EmbeddedStore } from '../../lib/store/embedded.store.js';
import { createTempFolder } from '../support/temp-folder.js';
import { after, endProcesses, startProcess } from './support/processes.js';

afterEach(endProcesses);

/** Processes at once. */
const AT_ONCE = 2;
const MAX_STEPS = 500;
/** The job with autoAck. */
const AT_MOST_ONCE = 'once';

/** What a process left behind that died at one step, and what became of it after a restart. */
interface Aftermath {
  readonly step: string;
  readonly accepted: readonly string[];
  /** Runs that had begun and neither finished nor failed. */
  readonly interrupted: readonly string[];
  readonly finished: readonly string[];
  /** Attempt numbers of the runs after the restart, by job. */
  readonly rerun: ReadonlyMap<string, readonly number[]>;
  readonly failed: readonly string[];
}

/** Undefined when the process ended before the step. */
async function dieAt(step: number): Promise<Aftermath | undefined> {
  const folder = createTempFolder();
  const dataDir = join(folder, 'data');
  const ledger = join(folder, 'ledger');
  const victim = startProcess('fault-process.mjs', { dataDir, ledger, dieAt: step });
  const { code, signal } = await victim.ended;
  if (code === 0) return undefined;
  expect({ signal, output: victim.output() }).toEqual({ signal: 'SIGKILL', output: '' });
  const lines = readFileSync(ledger, 'utf8').trim().split('\n');
  const jobsOf = (kind: string): string[] => lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.split(' ')[2]!);
  const last = new Map(lines.filter((line) => /^[SFX] /.test(line)).map((line) => [line.split(' ')[2]!, line[0]!]));
  return {
    step: lines.find((line) => line.startsWith('K '))!.slice(2),
    accepted: jobsOf('A'),
    interrupted: [...last].filter(([, kind]) => kind === 'S').map(([job]) => job),
    finished: jobsOf('F'),
    ...(await restart(dataDir)),
  };
}

async function restart(dataDir: string): Promise<Pick<Aftermath, 'rerun' | 'failed'>> {
  const rerun = new Map<string, number[]>();
  const handlers = new HandlerExecutor();
  handlers.add(undefined, ({ id, name, attempt }) => {
    rerun.set(id, [...(rerun.get(id) ?? []), attempt]);
    if (name === 'final') throw new UnrecoverableJobError('It never works.');
  });
  const store = await EmbeddedStore.open({ dataDir, clock: systemClock });
  const kernel = await createKernel({ dataDir, maxCrashes: 1_000, pipelines: { q: { driver: 'embedded' } } }, { executor: handlers, store });
  await kernel.start();
  while ((await left(kernel)) > 0) await after(1);
  const failed = (await kernel.admin.failed.list()).jobs.map(({ id }) => id);
  await kernel.close();
  return { rerun, failed };
}

async function left(kernel: Kernel): Promise<number> {
  const [stat] = await kernel.stat();
  return stat!.active + stat!.reserved + stat!.delayed;
}

describe('A process that dies between two steps of a push, a start, an ack, a requeue or a failure', () => {
  it('leaves every accepted job done, failed and recorded, or there to be run once more; with autoAck it runs at most once', async () => {
    const aftermaths: Aftermath[] = [];
    for (let step = 0; step < MAX_STEPS; step += AT_ONCE) {
      const found = await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => dieAt(step + index)));
      aftermaths.push(...found.filter((aftermath) => aftermath !== undefined));
      if (found.includes(undefined)) break;
    }
    const wrong: string[] = [];
    for (const { step, accepted, interrupted, finished, rerun, failed } of aftermaths) {
      const isOver = (job: string): boolean => finished.includes(job) || failed.includes(job) || rerun.has(job);
      const lost = accepted.filter((job) => job !== AT_MOST_ONCE && !isOver(job));
      if (lost.length > 0) wrong.push(`${step}: ${lost.join(', ')} lost`);
      for (const [job, attempts] of rerun) if (attempts.length > 1) wrong.push(`${step}: ${job} ran ${attempts.length} times after the restart`);
      // Its first attempt is the interrupted one.
      const began = [...interrupted, ...finished];
      if (began.includes(AT_MOST_ONCE) && rerun.has(AT_MOST_ONCE)) wrong.push(`${step}: the job with autoAck ran again`);
      for (const job of interrupted.filter((one) => one !== AT_MOST_ONCE))
        if ((rerun.get(job)?.[0] ?? 2) < 2) wrong.push(`${step}: the interrupted run of ${job} was not counted`);
      if (accepted.includes('final') && !failed.includes('final')) wrong.push(`${step}: the failure was not recorded`);
    }
    expect(wrong).toEqual([]);

    // Until it leaves the disk it is as safe as the others; from then on a death may lose it.
    const kept = aftermaths.filter(({ accepted, rerun }) => accepted.includes(AT_MOST_ONCE) && rerun.has(AT_MOST_ONCE));
    const lost = aftermaths.filter(
      ({ accepted, finished, rerun }) => accepted.includes(AT_MOST_ONCE) && !finished.includes(AT_MOST_ONCE) && !rerun.has(AT_MOST_ONCE),
    );
    expect({ kept: kept.length > 0, lost: lost.length > 0 }).toEqual({ kept: true, lost: true });

    const steps = new Set(aftermaths.map(({ step }) => step));
    for (const name of ['put', 'remove']) {
      expect(steps).toContain(`before database.${name}`);
      expect(steps).toContain(`after database.${name}`);
      expect(steps).toContain(`committed database.${name}`);
    }
    expect([...steps].some((step) => step.startsWith('committed store.'))).toBe(true);
    for (const name of ['take', 'write', 'giveBack']) expect(steps).toContain(`after starts.${name}`);
    // Jobs end in another order from process to process, so not every end is met.
    expect([...steps].filter((step) => step.startsWith('end of ')).length).toBeGreaterThanOrEqual(2);
    process.stdout.write(`Died at ${aftermaths.length} steps: ${[...steps].join(', ')}.\n`);
  }, 600_000);
});
