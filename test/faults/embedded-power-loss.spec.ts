import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '../../lib/kernel/kernel.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { itUnless } from '../support/skipped.js';
import { createTempFolder } from '../support/temp-folder.js';
import { readLedger } from './support/ledger.js';
import { after, endProcesses, startProcess } from './support/processes.js';
import { chosenSeed, createRandom } from './support/random.js';

afterEach(endProcesses);

const ROUNDS = 25;
const JOBS = 50_000;
const LONGEST_PAUSE_MS = 60;
/** Of a list of what went wrong. */
const SHOWN = 20;
/** What holds jobs and failures; the locks of a dead machine are gone. */
const FILES = ['rr.db', 'rr.db.starts', 'state.db'];
const itFreezes = itUnless(existsSync('/proc/self/stat') ? undefined : 'no /proc here');

describe('A process with an embedded pipeline that is frozen at any moment', () => {
  itFreezes(
    `has every accepted job in a copy of its files, unless it was done, in ${ROUNDS} moments`,
    async () => {
      const seed = chosenSeed();
      const random = createRandom(seed);
      const folder = createTempFolder();
      const dataDir = join(folder, 'data');
      const ledger = join(folder, 'ledger');
      const running = startProcess('job-process.mjs', { dataDir, ledger, round: 0, seed, push: JOBS, numPollers: 8, isLast: false });
      await running.line('ready');

      const wrong: string[] = [];
      let checked = 0;
      for (let round = 0; round < ROUNDS; round++) {
        await after(random() * LONGEST_PAUSE_MS);
        running.kill('SIGSTOP');
        await frozen(running.pid);
        const copy = join(folder, `copy-${round}`);
        mkdirSync(copy);
        for (const file of FILES) if (existsSync(join(dataDir, file))) copyFileSync(join(dataDir, file), join(copy, file));
        const lines = readLedger(ledger);
        running.kill('SIGCONT');

        const finished = new Set(lines.filter(({ kind }) => kind === 'F').map(({ job }) => job));
        const owed = lines.filter(({ kind, job }) => kind === 'A' && !finished.has(job)).map(({ job }) => job);
        const stored = await storedIn(copy);
        checked += owed.length;
        for (const job of owed) if (stored.get(job) !== 1) wrong.push(`copy ${round}: ${job} is there ${stored.get(job) ?? 0} times`);
      }
      process.stdout.write(`${ROUNDS} copies, seed ${seed}: ${checked} accepted jobs were looked for and ${wrong.length} missed.\n`);
      expect(wrong.slice(0, SHOWN)).toEqual([]);
      expect(checked).toBeGreaterThan(ROUNDS);
    },
    120_000,
  );
});

/** SIGSTOP is taken by each thread on its own: waits until the last of them stands still. */
async function frozen(pid: number): Promise<void> {
  const isStopped = (): boolean => /^\d+ \(.*\) [Tt] /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (!isStopped()) await after(1);
  // A write that was under way in the system ends before its thread stops.
  await after(5);
}

/** How often each job waits in the files of `dataDir`. */
async function storedIn(dataDir: string): Promise<Map<string, number>> {
  const kernel = await createKernel({ dataDir, consume: [], pipelines: { q: { driver: 'embedded' } } });
  const found = new Map<string, number>();
  for await (const id of idsOf(kernel)) found.set(id, (found.get(id) ?? 0) + 1);
  await kernel.close();
  return found;
}

async function* idsOf({ admin }: Kernel): AsyncIterable<string> {
  for (let last: string | undefined; ;) {
    const page = await admin.browse('q', { limit: 1_000, ...(last === undefined ? {} : { after: last }) });
    for (const { id } of page.jobs) yield id;
    last = page.next;
    if (last === undefined) return;
  }
}
