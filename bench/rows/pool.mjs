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
import { quantile } from '../support/measure.mjs';
import { cpuOfAll } from '../support/processes.mjs';

const PLAIN_WORKER = fileURLToPath(new URL('../limits/pool-worker.mjs', import.meta.url));
const OWN_WORKER = fileURLToPath(new URL('../support/own-worker.mjs', import.meta.url));
const GO_MODEL = fileURLToPath(new URL('../limits/go-model', import.meta.url));
const PAYLOAD = Buffer.alloc(100, 'x');
/** One job in flight takes ten times as long as 32. */
const FEW = 40_000;
const MANY = 200_000;
const WARM_UP = 5_000;
/** Of the jobs that are pushed one at a time. V8 has compiled their way after some thousand of them: the first ones are told apart. */
const FRESH = { from: 500, to: 2_000 };
const IN_A_ROW = { from: 15_000, to: 20_000 };
/** With a pause before each. */
const PAUSED = { from: 20_000, to: 21_000 };
const PAUSE_MS = 1;

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
  'node pool, idle push to answer': idleNodePool,
  'library, idle push to answer': () => idle(PLAIN_WORKER),
  'library, idle push to answer, a worker of its own': () => idle(OWN_WORKER),
  ...(hasGo ? { 'go model, idle push to answer': idleGoModel } : {}),
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
  const cpuBefore = cpuOfAll(pool.pids);
  const startedAt = performance.now();
  await pool.work();
  const wallNs = ((performance.now() - startedAt) * 1_000_000) / jobs;
  const cpuNs = (cpuOfAll(pool.pids) - cpuBefore) / jobs;
  pool.close();
  return { wallNs, cpuNs };
}

/** @param {number} count */
function listOf(count) {
  return Array.from({ length: count }, (_, index) => ({ id: `id-${index}`, name: 'echo', payload: PAYLOAD }));
}

/** @param {number} workers */
async function goModel(workers) {
  return { wallNs: Number(runGoModel([String(workers), String(FEW)])) };
}

async function idleGoModel() {
  const lines = runGoModel(['1', String(PAUSED.to), String(PAUSED.to - PAUSED.from)]);
  return phasesOf(
    lines
      .trim()
      .split('\n')
      .map((line) => Number(line) / 1_000),
  );
}

/**
 * Built each time: the cache of Go makes that a second.
 *
 * @param {readonly string[]} options
 */
function runGoModel(options) {
  const folder = mkdtempSync(join(tmpdir(), 'nrr-go-model-'));
  try {
    const program = join(folder, 'model');
    execFileSync('go', ['build', '-o', program, '.'], { cwd: GO_MODEL });
    return execFileSync(program, [PLAIN_WORKER, ...options], { encoding: 'utf8' });
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
  const pids = (await kernel.admin.workers()).map(({ pid }) => pid);
  let completed = 0;
  const drain = async (/** @type {number} */ count) => {
    for (let index = 0; index < count; index++) void push();
    completed += count;
    const cpuBefore = cpuOfAll(pids);
    const startedAt = performance.now();
    await kernel.resume(QUEUE);
    while ((await kernel.admin.counters()).completed < completed) await new Promise((resolve) => setTimeout(resolve, 1));
    const wallNs = (performance.now() - startedAt) * 1_000_000;
    const cpuNs = cpuOfAll(pids) - cpuBefore;
    await kernel.pause(QUEUE);
    return { wallNs: wallNs / count, cpuNs: cpuNs / count };
  };
  await drain(WARM_UP);
  const costs = await drain(jobs);
  await kernel.close();
  return costs;
}

/**
 * One job at a time, first in a row, then after pauses: from the push to the acknowledgement.
 *
 * @param {string} program
 */
async function idle(program) {
  const { kernel, push } = await open(1, program);
  await kernel.resume(QUEUE);
  let answered = nothing;
  kernel.events.on('completed', () => answered());
  const times = await timesOf(async () => {
    const done = new Promise((resolve) => (answered = () => resolve(undefined)));
    await push();
    await done;
  });
  await kernel.close();
  return times;
}

async function idleNodePool() {
  const pool = await openPool(1, 1);
  const jobs = listOf(1);
  const times = await timesOf(() => {
    pool.fill(jobs);
    return pool.work();
  });
  pool.close();
  return times;
}

/** @param {() => Promise<unknown>} runOne */
async function timesOf(runOne) {
  /** @type {number[]} */
  const times = [];
  for (let index = 0; index < PAUSED.to; index++) {
    if (index >= PAUSED.from) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const startedAt = performance.now();
    await runOne();
    times.push((performance.now() - startedAt) * 1_000);
  }
  return phasesOf(times);
}

/**
 * Unit: microseconds.
 *
 * @param {readonly number[]} times - Of all jobs, in order.
 */
function phasesOf(times) {
  const of = (/** @type {{ from: number, to: number }} */ { from, to }, /** @type {number} */ share) => quantile(times.slice(from, to), share);
  return { p50: of(PAUSED, 0.5), p99: of(PAUSED, 0.99), rowP50: of(IN_A_ROW, 0.5), rowP99: of(IN_A_ROW, 0.99), freshP50: of(FRESH, 0.5) };
}
