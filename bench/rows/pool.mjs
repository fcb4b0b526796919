// Jobs in worker processes: the smallest pool there is, a model in Go where Go is installed, and the library.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Jobs } from 'nestjs-roadrunner/client';
import { createKernel } from 'nestjs-roadrunner/kernel';
import { openPool } from '../limits/node-pool.mjs';
import { MEMORY, QUEUE } from '../support/kernel.mjs';

const PLAIN_WORKER = fileURLToPath(new URL('../limits/pool-worker.mjs', import.meta.url));
const OWN_WORKER = fileURLToPath(new URL('../support/own-worker.mjs', import.meta.url));
const GO_MODEL = fileURLToPath(new URL('../limits/go-model', import.meta.url));
const PAYLOAD = Buffer.alloc(100, 'x');
/** One job in flight takes ten times as long as 32. */
const FEW = 40_000;
const MANY = 200_000;
const WARM_UP = 5_000;

const nothing = () => {};
const hasGo = spawnSync('go', ['version']).status === 0;

/** @type {Record<string, () => Promise<Record<string, number>>>} */
export const rows = {
  'node pool, 1 in flight, 1 worker': () => nodePool(1, 1, FEW),
  'library, a plain worker': () => library(1, PLAIN_WORKER, FEW),
  ...(hasGo ? { 'go model, 1 worker': () => goModel(1) } : {}),
  'node pool, 1 in flight, 2 workers': () => nodePool(2, 1, FEW),
  'library, 2 plain workers': () => library(2, PLAIN_WORKER, FEW),
  ...(hasGo ? { 'go model, 2 workers': () => goModel(2) } : {}),
  'node pool, 32 in flight, 1 worker': () => nodePool(1, 32, MANY),
  'library, a worker of its own': () => library(1, OWN_WORKER, MANY),
  'node pool, 32 in flight, 2 workers': () => nodePool(2, 32, MANY),
  'library, 2 workers of its own': () => library(2, OWN_WORKER, MANY),
  'library, idle push to answer': () => idle(PLAIN_WORKER),
};

/**
 * @param {number} workers
 * @param {number} window
 * @param {number} jobs
 */
async function nodePool(workers, window, jobs) {
  const pool = await openPool(workers, window);
  pool.fill(listOf(WARM_UP));
  await pool.work();
  pool.fill(listOf(jobs));
  const startedAt = performance.now();
  await pool.work();
  const wallNs = ((performance.now() - startedAt) * 1_000_000) / jobs;
  pool.close();
  return { wallNs };
}

/** @param {number} count */
function listOf(count) {
  return Array.from({ length: count }, (_, index) => ({ id: `id-${index}`, name: 'echo', payload: PAYLOAD }));
}

/**
 * Built each time: the cache of Go makes that a second.
 *
 * @param {number} workers
 */
async function goModel(workers) {
  const folder = mkdtempSync(join(tmpdir(), 'nrr-go-model-'));
  try {
    const program = join(folder, 'model');
    execFileSync('go', ['build', '-o', program, '.'], { cwd: GO_MODEL });
    return { wallNs: Number(execFileSync(program, [PLAIN_WORKER, String(workers), String(FEW)], { encoding: 'utf8' })) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {number} workers
 * @param {string} program
 */
async function open(workers, program) {
  const kernel = await createKernel({
    pipelines: { [QUEUE]: MEMORY },
    consume: [],
    numPollers: 1_024,
    pool: { numWorkers: workers, command: [process.execPath, program] },
  });
  await kernel.start();
  const queue = new Jobs(kernel).queue(QUEUE);
  return { kernel, push: () => queue.push('echo', PAYLOAD) };
}

/**
 * A paused pipeline is filled, then resumed: the clock runs from there to the last acknowledgement.
 *
 * @param {number} workers
 * @param {string} program
 * @param {number} jobs
 */
async function library(workers, program, jobs) {
  const { kernel, push } = await open(workers, program);
  let completed = 0;
  const drain = async (/** @type {number} */ count) => {
    for (let index = 0; index < count; index++) void push();
    completed += count;
    const startedAt = performance.now();
    await kernel.resume(QUEUE);
    while ((await kernel.admin.counters()).completed < completed) await new Promise((resolve) => setTimeout(resolve, 1));
    const wallMs = performance.now() - startedAt;
    await kernel.pause(QUEUE);
    return wallMs;
  };
  await drain(WARM_UP);
  const wallNs = ((await drain(jobs)) * 1_000_000) / jobs;
  await kernel.close();
  return { wallNs };
}

/**
 * One job at a time: from the push to the acknowledgement.
 *
 * @param {string} program
 */
async function idle(program) {
  const { kernel, push } = await open(1, program);
  await kernel.resume(QUEUE);
  /** @type {number[]} */
  const times = [];
  let answered = nothing;
  kernel.events.on('completed', () => answered());
  for (let index = 0; index < 2_000; index++) {
    const startedAt = performance.now();
    const done = new Promise((resolve) => (answered = () => resolve(undefined)));
    await push();
    await done;
    if (index >= 500) times.push((performance.now() - startedAt) * 1_000);
  }
  await kernel.close();
  times.sort((a, b) => a - b);
  return { p50: times[Math.floor(times.length / 2)] ?? Number.NaN, p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN };
}
