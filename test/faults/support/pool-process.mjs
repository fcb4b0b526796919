// A process with a pool of workers: says its pids when it is ready, gives the workers jobs, stops the pool at SIGTERM.
import { join } from 'node:path';
import { deadlineAfter, systemClock } from '../../../dist/contract/clock.js';
import { JobRecord, NO_HEADERS } from '../../../dist/contract/job.js';
import { ProcessPool } from '../../../dist/pool/process-pool.js';
import { WorkerHost } from '../../../dist/pool/worker-host.js';

const { workers, args, jobs, graceMs, allocateTimeoutMs = 10_000 } = JSON.parse(process.argv[2] ?? '{}');
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const server = {
  command: [process.execPath, join(import.meta.dirname, '../../pool/workers/hostile.mjs'), ...args],
  relay: 'pipes',
  env: {},
};
const host = new WorkerHost({ server, version: '0', clock: systemClock, logger });
const pool = new ProcessPool({
  name: 'faults',
  host,
  settings: {
    debug: false,
    numWorkers: workers,
    maxJobs: 0,
    maxQueueSize: 0,
    allocateTimeoutMs,
    destroyTimeoutMs: 1_000,
    resetTimeoutMs: 60_000,
    streamTimeoutMs: 1_000,
  },
  clock: systemClock,
  logger,
  random: () => 0,
});

process.on('SIGTERM', () => {
  const at = performance.now();
  void pool.stop(deadlineAfter(systemClock, graceMs)).then(async () => {
    await host.close();
    process.stdout.write(`stopped ${Math.round(performance.now() - at)}\n`);
  });
});

const starting = pool.start().catch(() => {});
if (args.includes('silent')) process.stdout.write('starting\n');
await starting;
const pids = (await pool.workers()).map(({ pid }) => pid);
for (const name of jobs) {
  const job = new JobRecord(name, 'q', '', NO_HEADERS, 10, 0, false, undefined);
  const control = { signal: new AbortController().signal, attempt: 1, driver: 'memory', queue: 'q', retryBy() {}, onAbort() {} };
  void pool.execute({ job, ack() {}, nack() {}, requeue() {} }, control).then(({ kind }) => process.stdout.write(`outcome ${kind}\n`));
}
if (args.includes('restarts')) void pool.reset().catch(() => {});
process.stdout.write(`ready ${[...pids, host.guardPid].join(' ')}\n`);
