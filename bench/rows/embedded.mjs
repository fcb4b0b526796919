// Durable jobs: pushed, handled and acknowledged, every push waiting for the disk, beside LMDB alone with the same writes.
// Both take turns in one process: the disk of a shared machine changes its speed within seconds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { open } from 'lmdb';
import { PAYLOAD } from '../support/drain.mjs';
import { openKernel, QUEUE } from '../support/kernel.mjs';
import { costOf, median } from '../support/measure.mjs';

const AT_ONCE = 1_000;
const MANY = 10_000;
const FEW = 250;
const TURNS = 9;
/** Between the turns: the last removals are written then, at nobody's cost. */
const SETTLE_MS = 20;
const MILLION = 1_000_000;
const HUNDRED_THOUSAND = 100_000;
const THOUSAND = 1_000;
/** What a job of this bench takes in the file: fixed part, name, id, payload; and its key. Unit: bytes. */
const HEAD_BYTES = 18 + 'echo'.length + 36;
const RECORD_BYTES = HEAD_BYTES + PAYLOAD.length;
const KEY_BYTES = 14;
const PRIORITY_MAJOR = 2 ** 47 + 10;
/** V8 needs about 50,000 jobs to settle; a few hundred, one at a time, would run cold to their end. */
const WARM_UP = 40_000;
/** In the row's own way: what runs after each commit is compiled apart. */
const WARM_UP_COMMITS = 2_000;

export const rows = {
  '1000 at once': () => measureInTurns(MANY, AT_ONCE),
  'one at a time': () => measureInTurns(FEW, 1),
  'backlog of 1 k': () => measureBacklogWarm(THOUSAND),
  'backlog of 100 k': () => measureBacklogWarm(HUNDRED_THOUSAND),
  'backlog of 1 M': () => measureBacklogWarm(MILLION),
};

/**
 * Nanoseconds per job of the library and of LMDB, and how many times as fast as LMDB the library is: medians of the turns.
 *
 * @param {number} jobs - Of one turn.
 * @param {number} atOnce
 */
async function measureInTurns(jobs, atOnce) {
  return inFolder(async (folder) => {
    const library = await openLibrary(folder);
    const lmdb = openLmdb(folder);
    for (const { run } of [library, lmdb]) {
      await run(WARM_UP, AT_ONCE);
      await run(Math.max(jobs, atOnce === 1 ? WARM_UP_COMMITS : 0), atOnce);
    }
    const turns = [];
    for (let turn = 0; turn < TURNS; turn++) {
      await sleep(SETTLE_MS);
      const ours = perJob(await costOf(() => library.run(jobs, atOnce)), jobs);
      await sleep(SETTLE_MS);
      const raw = perJob(await costOf(() => lmdb.run(jobs, atOnce)), jobs);
      const ratios = { cpuRatio: raw.cpuNs / ours.cpuNs, wallRatio: raw.wallNs / ours.wallNs };
      turns.push({ ...ours, lmdbCpuNs: raw.cpuNs, lmdbWallNs: raw.wallNs, ...ratios });
    }
    await library.close();
    await lmdb.close();
    return Object.fromEntries(Object.keys(turns[0] ?? {}).map((metric) => [metric, median(turns.map((turn) => Reflect.get(turn, metric)))]));
  });
}

/** @param {string} folder */
async function openLibrary(folder) {
  const { kernel, queue, countdown } = await openEmbedded(folder);
  await kernel.resume(QUEUE);
  return {
    run: async (/** @type {number} */ jobs, /** @type {number} */ atOnce) => {
      countdown.start(jobs);
      for (let pushed = 0; pushed < jobs; pushed += atOnce) await Promise.all(Array.from({ length: atOnce }, () => queue.push('echo', PAYLOAD)));
      await countdown.done;
    },
    close: () => kernel.close(),
  };
}

/**
 * The same puts and removes: keys and records of the same size, as many in a commit, in a file that is opened as the driver
 * opens its own. A removal rides with the next puts.
 *
 * @param {string} folder
 */
function openLmdb(folder) {
  const database = open({
    path: join(folder, 'raw.db'),
    noSubdir: true,
    encoding: 'binary',
    cache: false,
    compression: false,
    overlappingSync: false,
    maxDbs: 1,
    keyEncoder: { writeKey, readKey },
  });
  let sequence = 0;
  return {
    run: async (/** @type {number} */ jobs, /** @type {number} */ atOnce) => {
      for (let put = 0; put < jobs; put += atOnce) {
        const keys = Array.from({ length: atOnce }, () => keyOf(++sequence));
        await Promise.all(keys.map((key) => database.put(key, recordOf())));
        for (const key of keys) void database.remove(key);
      }
    },
    close: async () => {
      await database.flushed;
      await database.close();
    },
  };
}

/** @param {number} sequence */
function keyOf(sequence) {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key.writeUInt16BE(0x01_01, 0);
  key.writeUIntBE(PRIORITY_MAJOR, 2, 6);
  key.writeUIntBE(sequence, 8, 6);
  return key;
}

// Each record is made anew, as each job is; from the pool of Node, as the driver does.
function recordOf() {
  const record = Buffer.allocUnsafe(RECORD_BYTES);
  record.fill(0, 0, HEAD_BYTES);
  record.write(PAYLOAD, HEAD_BYTES);
  return record;
}

/**
 * @param {Buffer} key
 * @param {Buffer} target
 * @param {number} position
 */
function writeKey(key, target, position) {
  target.set(key, position);
  return position + key.length;
}

/**
 * @param {Buffer} source
 * @param {number} start
 * @param {number} end
 */
function readKey(source, start, end) {
  return Buffer.from(source.subarray(start, end));
}

// A thousand jobs alone would tell of a cold process, and nothing of growth.
/** @param {number} jobs */
async function measureBacklogWarm(jobs) {
  await measureBacklog(WARM_UP);
  return measureBacklog(jobs);
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
