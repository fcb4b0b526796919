// The goals of the library, each a ratio of two rows of one run. CPU time decides where both rows run in one process, wall time where they wait for a disk
// or for each other.
import { brokerClaims } from './broker-goals.mjs';
import {
  faster,
  inTurns,
  scale,
  plainScale,
  atLeast,
  fasterByWall,
  thousandsPerSecond,
  atMost,
  within,
  absent,
  ratios,
  medianOf,
} from './claims.mjs';
import { rows as bullmq } from './rows/bullmq.mjs';
import { rows as pool } from './rows/pool.mjs';

/** @typedef {import('./claims.mjs').Claim} Claim */
/** @typedef {import('./claims.mjs').Read} Read */

const PLAIN = 'kernel: plain handler';
const PROTOTYPE = 'limits: prototype, async handler';
const BURST = 'kernel: burst, plain handler';
const POLLERS = [PLAIN, 'kernel: 1 poller', 'kernel: 8 pollers', 'kernel: 256 pollers'];
const NO_REDIS = 'peer absent: it needs a Redis server';
const NO_GO = 'peer absent: Go is not installed';
const IDLE_GO = 'pool: go model, idle push to answer';
const IDLE_NODE = 'pool: node pool, idle push to answer';
const hasGoModel = Object.hasOwn(pool, 'go model, 1 worker');

/** @type {readonly Claim[]} */
export const CLAIMS = [
  faster('1', 'plain handler, against the prototype', PLAIN, PROTOTYPE, 0.6),
  faster('1', 'plain handler, against fastq (promise)', PLAIN, 'peers: fastq, promise API', 4),
  faster('1', 'plain handler, against fastq (callback)', PLAIN, 'peers: fastq, callback API', 1.4),
  absent('1', 'plain handler, against BullMQ addBulk 100', '≥ 300', NO_REDIS),
  faster('1', 'JSON-decoding handler, against the plain one', 'kernel: JSON-decoding handler', PLAIN, 0.35),
  scale('1', 'plain handler, against p-queue 9', PLAIN, 'peers: p-queue 9'),
  scale('1', 'plain handler, against a raw loop', PLAIN, 'limits: raw loop'),
  scale('1', 'a burst into a running pipeline, against the prototype', BURST, PROTOTYPE),
  faster('2', 'sync handler, against the plain one', 'kernel: sync handler', PLAIN, 1.4),
  scale('2', 'the prototype: sync handler, against the async one', 'limits: prototype, sync handler', PROTOTYPE),
  faster(
    '3',
    '@JobHandler, no enhancer, against pipeline + Nest caller',
    'nest: JobsModule, no enhancer',
    'nest: pipeline + Nest caller, no enhancer',
    2,
  ),
  faster('3', '@JobHandler, guard + pipe, against pipeline + Nest caller', ...bothNest('one guard and one pipe'), 1.5),
  scale('3', '@JobHandler, payload + pipe, against pipeline + Nest caller', ...bothNest('payload and one pipe')),
  scale('3', '@JobHandler, interceptor, against pipeline + Nest caller', ...bothNest('one interceptor')),
  faster('3', 'one call, one interceptor (async), against Nest caller', ...bothCalls('one interceptor, async'), 4),
  faster('3', 'one call, one interceptor (sync), against Nest caller', ...bothCalls('one interceptor, sync'), 4),
  scale('3', 'one call, guard + pipe + interceptor, against Nest caller', ...bothCalls('guard, pipe and interceptor, async')),
  scale('3', 'one call, guard + pipe, against Nest caller', ...bothCalls('one guard and one pipe, async')),
  scale('3', 'one call, payload + context, against Nest caller', ...bothCalls('payload and context, async')),
  faster(
    '4',
    'plain jobs where all features were used before, against none',
    'kernel: jobs of all features before',
    'kernel: plain jobs before',
    0.95,
  ),
  faster('4', 'with a listener of "completed", against none', 'kernel: a listener of "completed"', PLAIN, 0.85),
  scale('4', 'with a header on every job, against none', 'kernel: a header on every job', PLAIN),
  inTurns('10', 'durable, 1000 at once, against raw lmdb with the same writes', 'embedded: 1000 at once', 0.9),
  plainScale('10', 'the same, by CPU time', (read) => read('embedded: 1000 at once', 'cpuRatio')),
  thousandsPerSecond('10', 'the same, thousand jobs per second', 100, 'embedded: 1000 at once'),
  Object.keys(bullmq).length === 0
    ? absent('10', 'the same, against BullMQ with fsync always', '≥ 30', 'peer absent: NRR_BENCH_BULLMQ and NRR_BENCH_REDIS_PORT are not set')
    : atLeast('10', 'the same, against BullMQ with fsync always', 30, (read) =>
        ratios(read('bullmq: addBulk, 1000 at once', 'wallNs'), read('embedded: 1000 at once', 'wallNs')),
      ),
  absent('10', 'the same, against better-sqlite3 WAL FULL', '', 'peer absent: its native part comes by an install script'),
  inTurns('11', 'durable, one at a time, against raw lmdb', 'embedded: one at a time', 0.9),
  plainScale('11', 'the same, by CPU time', (read) => read('embedded: one at a time', 'cpuRatio')),
  atMost('10', 'a job of a backlog of 1 M after a restart, against one of 1 k', 1.5, '', (read) =>
    ratios(read('embedded: backlog of 1 M', 'cpuNs'), read('embedded: backlog of 1 k', 'cpuNs')),
  ),
  plainScale('10', 'the same, against one of 100 k', (read) =>
    ratios(read('embedded: backlog of 1 M', 'cpuNs'), read('embedded: backlog of 100 k', 'cpuNs')),
  ),
  atMost('10', 'start with a backlog of 1 M', 10_000, 'ms', (read) => read('embedded: backlog of 1 M', 'startMs')),
  atMost('15', 'idle push → handler start, p50', 25, 'µs', (read) => read('latency: idle push, library', 'p50')),
  atMost('15', 'its p99, against the p99 of a trip through the loop', 2, '', (read) =>
    ratios(read('latency: idle push, library', 'p99'), read('latency: idle push, library', 'loopP99')),
  ),
  absent('15', 'p50, against BullMQ', '≤ 1/50', NO_REDIS),
  atMost('17', 'queued job beyond its payload, 100 k paused', 130, 'B', (read) => read('memory: queued in a paused pipeline, 100 k', 'bytes')),
  atMost('17', 'the same behind busy handlers', 130, 'B', (read) => read('memory: queued behind busy handlers, 100 k', 'bytes')),
  atMost('17', 'the same, against fastq (promise)', 0.2, '', (read) =>
    ratios(read('memory: queued in a paused pipeline, 100 k', 'bytes'), read('memory: queued in fastq, promise API, 100 k', 'bytes')),
  ),
  absent('17', 'the same, against BullMQ in Redis', '≤ 1/5', NO_REDIS),
  within('17', '1 M queued, against 100 k, paused', 0.15, (read) =>
    ratios(read('memory: queued in a paused pipeline, 1 M', 'bytes'), read('memory: queued in a paused pipeline, 100 k', 'bytes')),
  ),
  within('17', '1 M queued, against 100 k, behind busy handlers', 0.15, (read) =>
    ratios(read('memory: queued behind busy handlers, 1 M', 'bytes'), read('memory: queued behind busy handlers, 100 k', 'bytes')),
  ),
  atMost('18', 'pop of the priority queue, 1 M deep, against 1 k', 1.5, '', (read) =>
    ratios(read('depth: priority queue, 1 M deep', 'popNs'), read('depth: priority queue, 1 k deep', 'popNs')),
  ),
  atMost('18', 'pop and push in turn, 1 M deep, against 1 k', 1.5, '', (read) =>
    ratios(read('depth: priority queue, 1 M deep', 'steadyCpuNs'), read('depth: priority queue, 1 k deep', 'steadyCpuNs')),
  ),
  plainScale('18', 'a job worked through the kernel, 1 M deep, against 1 k (CPU)', (read) =>
    ratios(read('depth: kernel, 1 M deep', 'workCpuNs'), read('depth: kernel, 1 k deep', 'workCpuNs')),
  ),
  faster('18', '1000 pipelines, against one (burst)', 'kernel: burst, 1000 pipelines', BURST, 0.7),
  atLeast('18', '64 pollers, against the best of 1, 8, 64, 256', 0.9, bestOfPollers),
  faster('19', '1 MiB payloads, against the prototype with one copy', 'kernel: 1 MiB payloads', 'limits: prototype, one copy of 1 MiB', 0.9),
  atMost('20', 'JobsModule with a memory pipeline adds to a Nest context', 60, 'ms', (read) => read('start-up: a Nest context', 'addedMs')),
  absent('20', 'the same, against what @nestjs/bullmq adds', '≤ 30 %', 'peer absent: it is not installed'),
  atMost('21', 'idle close of a kernel', 50, 'ms', (read) => read('stop: idle close, kernel', 'wallMs')),
  atMost('21', 'idle close of a Nest application', 50, 'ms', (read) => read('stop: idle close, Nest application', 'wallMs')),
  atLeast('21', 'rate of 100 k no-op jobs during a stop, against without', 0.9, (read) =>
    ratios(read('stop: 100 k jobs, not stopped', 'workCpuNs'), read('stop: 100 k jobs, stopped at once', 'workCpuNs')),
  ),
  atMost('21', 'idle close with 2 workers', 150, 'ms', (read) => read('stop: idle close, kernel with 2 workers', 'wallMs')),
  ...againstPool('7', 'a plain worker', 'pool: library, a plain worker', 'pool: node pool, 1 in flight, 1 worker', 0.85),
  ...againstPool('7', '2 plain workers', 'pool: library, 2 plain workers', 'pool: node pool, 1 in flight, 2 workers', 0.85),
  againstGo('7', 'a plain worker', 'pool: library, a plain worker', '1 worker', 0.7),
  againstGo('7', '2 plain workers', 'pool: library, 2 plain workers', '2 workers', 0.7),
  ...againstPool('8', 'a worker of its own', 'pool: library, a worker of its own', 'pool: node pool, 32 in flight, 1 worker', 0.75),
  ...againstPool('8', '2 workers of its own', 'pool: library, 2 workers of its own', 'pool: node pool, 32 in flight, 2 workers', 0.75),
  againstGo('8', 'a worker of its own', 'pool: library, a worker of its own', '1 worker', 3),
  againstGo('8', '2 workers of its own', 'pool: library, 2 workers of its own', '2 workers', 3),
  hasGoModel
    ? atMost('16', 'idle push → answer of a worker, p50, against the model in Go', 0.7, '', (read) => idleRatios(read, IDLE_GO, 'p50'))
    : absent('16', 'idle push → answer of a worker, p50, against the model in Go', '≤ 0.7', NO_GO),
  ...(hasGoModel
    ? [
        atMost('16', 'the same, p99', 1, '', (read) => idleRatios(read, IDLE_GO, 'p99')),
        plainScale('16', 'the same, p50 of jobs in a row', (read) => idleRatios(read, IDLE_GO, 'rowP50')),
        plainScale('16', 'the same, p50 of the first 2,000 jobs', (read) => idleRatios(read, IDLE_GO, 'freshP50')),
      ]
    : []),
  plainScale('16', 'idle push → answer of a worker, p50, against the smallest pool', (read) => idleRatios(read, IDLE_NODE, 'p50')),
  plainScale('16', 'the same, p50 of jobs in a row', (read) => idleRatios(read, IDLE_NODE, 'rowP50')),
  plainScale('16', 'the same, p50 of the first 2,000 jobs', (read) => idleRatios(read, IDLE_NODE, 'freshP50')),
  fasterByWall(
    '5',
    'PushBatch of 1000 over RPC to a handler, against an RPC server that keeps nothing',
    'rpc: library, PushBatch of 1000 to a handler',
    'rpc: limit, PushBatch of 1000',
    0.8,
  ),
  thousandsPerSecond('5', 'the same, thousand jobs per second', 300, 'rpc: library, PushBatch of 1000 to a handler'),
  fasterByWall(
    '6',
    'Push over RPC, 32 in flight, against an RPC server that keeps nothing',
    'rpc: library, Push with 32 in flight',
    'rpc: limit, Push with 32 in flight',
    0.8,
  ),
  thousandsPerSecond('6', 'the same, thousand jobs per second', 100, 'rpc: library, Push with 32 in flight'),
  ...brokerClaims(),
  absent('22', 'no AsyncLocalStorage, AbortSignal, timer or UUID per plain job', 'none', 'counted by test/kernel/hot-path.spec.ts'),
  absent('1–23', 'clauses against real RoadRunner', '', 'peer absent: it needs NRR_RR_BIN, and the wire'),
];

/**
 * @param {string} equipment
 * @returns {[string, string]}
 */
function bothNest(equipment) {
  return [`nest: JobsModule, ${equipment}`, `nest: pipeline + Nest caller, ${equipment}`];
}

/**
 * @param {string} handler
 * @returns {[string, string]}
 */
function bothCalls(handler) {
  return [`handler-call: our chain, ${handler}`, `handler-call: Nest caller, ${handler}`];
}

/**
 * Medians are compared, as the best of four single values would be the luckiest.
 *
 * @type {(read: Read) => readonly number[]}
 */
function bestOfPollers(read) {
  const costs = POLLERS.map((row) => medianOf(read(row, 'cpuNs')));
  return [Math.min(...costs) / medianOf(read(PLAIN, 'cpuNs'))];
}

/**
 * The goal by wall time, and by the CPU time of all processes for scale.
 *
 * @param {string} goal
 * @param {string} what
 * @param {string} row
 * @param {string} other
 * @param {number} least
 * @returns {Claim[]}
 */
function againstPool(goal, what, row, other, least) {
  return [fasterByWall(goal, `${what}, against the smallest pool`, row, other, least), scale(goal, 'the same, by CPU time', row, other)];
}

/**
 * @param {string} goal
 * @param {string} what
 * @param {string} row
 * @param {string} workers
 * @param {number} least
 * @returns {Claim}
 */
function againstGo(goal, what, row, workers, least) {
  const text = `${what}, against the model in Go`;
  return hasGoModel ? fasterByWall(goal, text, row, `pool: go model, ${workers}`, least) : absent(goal, text, `≥ ${least}`, NO_GO);
}

/**
 * @param {Read} read
 * @param {string} other
 * @param {string} metric
 */
function idleRatios(read, other, metric) {
  return ratios(read('pool: library, idle push to answer', metric), read(other, metric));
}
