// Durable jobs: pushed, handled and acknowledged, every push waiting for the disk, beside LMDB alone with the same writes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { PAYLOAD } from '../support/drain.mjs';
import { openKernel, QUEUE } from '../support/kernel.mjs';
import { costOf } from '../support/measure.mjs';

const AT_ONCE = 1_000;
const MANY = 40_000;
const FEW = 600;
const MILLION = 1_000_000;
const THOUSAND = 1_000;
/** About what a job takes in the file. Unit: bytes. */
const RECORD_BYTES = 170;

export const rows = {
  'library, 1000 at once': () => measureLibrary(MANY, AT_ONCE),
  'lmdb, 1000 at once': () => measureLmdb(MANY, AT_ONCE),
  'library, one at a time': () => measureLibrary(FEW, 1),
  'lmdb, one at a time': () => measureLmdb(FEW, 1),
  'backlog of 1 k': () => measureBacklog(THOUSAND),
  'backlog of 1 M': () => measureBacklog(MILLION),
};

/**
 * Nanoseconds per job.
 *
 * @param {number} jobs
 * @param {number} atOnce
 */
async function measureLibrary(jobs, atOnce) {
  return inFolder(async (folder) => {
    const { kernel, queue, countdown } = await openEmbedded(folder);
    await kernel.resume(QUEUE);
    const run = async () => {
      countdown.start(jobs);
      for (let pushed = 0; pushed < jobs; pushed += atOnce) await Promise.all(Array.from({ length: atOnce }, () => queue.push('echo', PAYLOAD)));
      await countdown.done;
    };
    await run();
    const cost = await costOf(run);
    await kernel.close();
    return perJob(cost, jobs);
  });
}

/**
 * @param {number} jobs
 * @param {number} atOnce
 */
async function measureLmdb(jobs, atOnce) {
  return inFolder(async (folder) => {
    const database = open({
      path: join(folder, 'raw.db'),
      noSubdir: true,
      encoding: 'binary',
      cache: false,
      compression: false,
      overlappingSync: false,
    });
    let sequence = 0;
    const run = async () => {
      for (let put = 0; put < jobs; put += atOnce) {
        const first = sequence;
        // Each record is made anew, as each job is.
        const writes = Array.from({ length: atOnce }, () => database.put(++sequence, Buffer.alloc(RECORD_BYTES, PAYLOAD)));
        await Promise.all(writes);
        for (let key = first + 1; key <= sequence; key++) void database.remove(key);
      }
    };
    await run();
    const cost = await costOf(run);
    await database.flushed;
    await database.close();
    return perJob(cost, jobs);
  });
}

/**
 * A restart with jobs in the file, then all of them are worked.
 *
 * @param {number} jobs
 */
async function measureBacklog(jobs) {
  return inFolder(async (folder) => {
    const first = await openEmbedded(folder);
    for (let pushed = 0; pushed < jobs; pushed += AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, () => first.queue.push('echo', PAYLOAD)));
    await first.kernel.close();
    const start = await costOf(async () => (await openEmbedded(folder)).kernel.close());
    const { kernel, countdown } = await openEmbedded(folder);
    countdown.start(jobs);
    const work = await costOf(async () => {
      await kernel.resume(QUEUE);
      await countdown.done;
    });
    await kernel.close();
    return { startMs: start.wallNs / 1_000_000, ...perJob(work, jobs) };
  });
}

/** @param {string} folder */
function openEmbedded(folder) {
  return openKernel((/** @type {import('../support/drain.mjs').Countdown} */ countdown) => (context) => countdown.handled(context.text().length), {
    dataDir: folder,
    pipelines: { [QUEUE]: { driver: 'embedded' } },
    failed: { store: 'memory' },
  });
}

/**
 * @template T
 * @param {(folder: string) => Promise<T>} work
 */
async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'nrr-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import('../support/measure.mjs').Cost} cost
 * @param {number} jobs
 */
function perJob({ cpuNs, wallNs }, jobs) {
  return { cpuNs: cpuNs / jobs, wallNs: wallNs / jobs };
}
