// BullMQ on a Redis that syncs every write, 1000 jobs at once: pushed, handled and acknowledged, beside the embedded driver.
// It runs where NRR_BENCH_BULLMQ names a folder with the packages bullmq and ioredis in its node_modules, and NRR_BENCH_REDIS_PORT
// a Redis of this machine with "appendonly yes" and "appendfsync always". The row flushes the database 15 of that Redis.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Countdown, PAYLOAD } from '../support/drain.mjs';
import { costOf } from '../support/measure.mjs';

const AT_ONCE = 1_000;
const JOBS = 10_000;
const WARM_UP = 5_000;
const CONCURRENCY = 100;
const DATABASE = 15;
const QUEUE = 'bench';

const { NRR_BENCH_BULLMQ: folder, NRR_BENCH_REDIS_PORT: port } = process.env;

/** @type {Record<string, () => Promise<Record<string, number>>>} */
export const rows = folder === undefined || port === undefined ? {} : { 'addBulk, 1000 at once': () => measureBullMq(folder, Number(port)) };

/**
 * Nanoseconds per job; the processor time of Redis is not in them.
 *
 * @param {string} packages
 * @param {number} redisPort
 */
async function measureBullMq(packages, redisPort) {
  const resolveFrom = createRequire(join(packages, 'package.json'));
  const { Queue, Worker } = (await import(pathToFileURL(resolveFrom.resolve('bullmq')).href)).default;
  const { Redis } = (await import(pathToFileURL(resolveFrom.resolve('ioredis')).href)).default;
  const connection = { host: '127.0.0.1', port: redisPort, db: DATABASE, maxRetriesPerRequest: null };
  const redis = new Redis(connection);
  const [, sync] = await redis.config('GET', 'appendfsync');
  const [, log] = await redis.config('GET', 'appendonly');
  if (sync !== 'always' || log !== 'yes') {
    throw new Error(`Redis on port ${redisPort} has appendonly ${log}, appendfsync ${sync}. Start it with "--appendonly yes --appendfsync always".`);
  }
  await redis.flushdb();
  const countdown = new Countdown();
  const queue = new Queue(QUEUE, { connection, defaultJobOptions: { removeOnComplete: true } });
  const handle = async (/** @type {{ data: { body: string } }} */ job) => countdown.handled(job.data.body.length);
  const worker = new Worker(QUEUE, handle, { connection, concurrency: CONCURRENCY });
  await worker.waitUntilReady();
  // BullMQ writes the JSON itself.
  const data = JSON.parse(PAYLOAD);
  const run = async (/** @type {number} */ jobs) => {
    countdown.start(jobs);
    for (let pushed = 0; pushed < jobs; pushed += AT_ONCE) await queue.addBulk(Array.from({ length: AT_ONCE }, () => ({ name: 'echo', data })));
    await countdown.done;
  };
  await run(WARM_UP);
  const { cpuNs, wallNs } = await costOf(() => run(JOBS));
  await worker.close();
  await queue.close();
  await redis.flushdb();
  redis.disconnect();
  return { cpuNs: cpuNs / JOBS, wallNs: wallNs / JOBS };
}
