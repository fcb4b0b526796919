import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { deadlineAfter, systemClock, type Clock } from '../../lib/contract/clock.js';
import type { Delivery } from '../../lib/contract/driver.js';
import type { JobControl, Outcome, PendingOutcome } from '../../lib/contract/executor.js';
import { JobRecord, NO_HEADERS, type JobHeaders } from '../../lib/contract/job.js';
import type { RetryPolicy } from '../../lib/contract/retry-policy.js';
import type { PoolSettings, ServerSettings } from '../../lib/contract/settings.js';
import { ProcessPool } from '../../lib/pool/process-pool.js';
import { WorkerHost, type WorkerHostOptions } from '../../lib/pool/worker-host.js';
import { createLog } from '../support/kernel.js';

const WORKERS = join(process.cwd(), 'test/pool/workers');

export interface PoolOptions {
  /** A file of `workers/`. Default: `hostile.mjs`. */
  readonly script?: string;
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly settings?: Partial<PoolSettings>;
  readonly server?: Partial<ServerSettings>;
  readonly host?: Partial<WorkerHostOptions>;
  readonly random?: () => number;
  readonly clock?: Clock;
}

/** One run of a job, seen from outside. */
export interface StartedRun {
  readonly outcome: Promise<Outcome>;
  readonly retries: Partial<RetryPolicy>[];
  abort(reason: Error): void;
}

export interface OpenedPool {
  readonly pool: ProcessPool;
  readonly host: WorkerHost;
  readonly log: ReturnType<typeof createLog>;
  /** Process ids of all workers that were ever seen. */
  readonly seen: Set<number>;
  /** The ids of the workers that are there. */
  pids(): Promise<number[]>;
  run(name: string, body?: string | Uint8Array, more?: Partial<{ headers: JobHeaders; starts: number; attempt: number; id: string }>): StartedRun;
  /** Resolves when so many workers are there and take jobs. */
  ready(count?: number): Promise<void>;
  stop(graceMs?: number): Promise<void>;
}

const opened: OpenedPool[] = [];

/** Settings as `.rr.yaml` would give them, with shorter times. */
export function poolSettings(more: Partial<PoolSettings> = {}): PoolSettings {
  return {
    debug: false,
    numWorkers: 1,
    maxJobs: 0,
    maxQueueSize: 0,
    allocateTimeoutMs: 10_000,
    destroyTimeoutMs: 5_000,
    resetTimeoutMs: 5_000,
    streamTimeoutMs: 5_000,
    ...more,
  };
}

export function supervisor(more: Partial<NonNullable<PoolSettings['supervisor']>>): NonNullable<PoolSettings['supervisor']> {
  return { watchTickMs: 50, ttlMs: 0, idleTtlMs: 0, execTtlMs: 0, maxWorkerMemoryMb: 0, ...more };
}

export function workerCommand(script: string, args: readonly string[] = []): string[] {
  return [process.execPath, join(WORKERS, script), ...args];
}

/** A pool that is not started. */
export function createPool(options: PoolOptions = {}): OpenedPool {
  const { script = 'hostile.mjs', args = [], command = workerCommand(script, args), clock = systemClock } = options;
  const log = createLog();
  const server: ServerSettings = { command, relay: 'pipes', env: {}, ...options.server };
  const host = new WorkerHost({ server, version: '2025.1.15', clock, logger: log, graceMs: 100, ...options.host });
  const settings = poolSettings(options.settings);
  const pool = new ProcessPool({ name: 'test', host, settings, clock, logger: log, random: options.random ?? (() => 0) });
  const seen = new Set<number>();
  const pids = async (): Promise<number[]> => {
    const found = (await pool.workers()).map(({ pid }) => pid);
    for (const pid of found) seen.add(pid);
    return found;
  };
  const one: OpenedPool = {
    pool,
    host,
    log,
    seen,
    pids,
    run: (name, body = '', more = {}) => {
      const { delivery, control, retries, abort } = createRun(name, body, more);
      return { outcome: outcomeOf(pool.execute(delivery, control)), retries, abort };
    },
    ready: async (count = 1) => {
      while (pool.capacity() < count) await new Promise((resolve) => setTimeout(resolve, 5));
      await pids();
    },
    stop: async (graceMs = 5_000) => {
      await pids();
      await pool.stop(deadlineAfter(clock, graceMs));
      await host.close();
    },
  };
  opened.push(one);
  return one;
}

async function outcomeOf(pending: PendingOutcome): Promise<Outcome> {
  return pending;
}

export async function openPool(options: PoolOptions = {}): Promise<OpenedPool> {
  const one = createPool(options);
  await one.host.runOnInit();
  await one.pool.start();
  await one.pids();
  return one;
}

/** To be called after each test: nothing of a pool may be left. */
export async function closePools(): Promise<void> {
  for (const one of opened.splice(0)) {
    await one.stop(1_000);
    const groups = livingGroups();
    expect([...one.seen].filter((pid) => groups.has(pid))).toEqual([]);
  }
}

/** The process groups that live. Zombies do not: nobody may wait for what a dead parent left. */
function livingGroups(): Set<number> {
  const rows = execFileSync('ps', ['-eo', 'pgid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return new Set(rows.filter((row) => !/\sZ/.test(row)).map((row) => Number.parseInt(row, 10)));
}

/** A process of this group lives. */
export function hasGroup(pid: number): boolean {
  return livingGroups().has(pid);
}

export function isAlive(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('Z');
  } catch {
    return false;
  }
}

interface Run {
  readonly delivery: Delivery;
  readonly control: JobControl;
  readonly retries: Partial<RetryPolicy>[];
  abort(reason: Error): void;
}

let ids = 0;

/** A job lent to a run, as the kernel would do it. */
export function createRun(
  name: string,
  body: string | Uint8Array,
  more: Partial<{ headers: JobHeaders; starts: number; attempt: number; id: string; driver: string; queue: string }> = {},
): Run {
  const job = new JobRecord(name, 'first', body, more.headers ?? NO_HEADERS, 10, 0, false, more.id ?? `id-${++ids}`);
  const aborter = new AbortController();
  const retries: Partial<RetryPolicy>[] = [];
  let listener: (reason: Error) => void = () => {};
  return {
    delivery: {
      job,
      ...(more.starts === undefined ? {} : { starts: more.starts }),
      ack: () => {},
      nack: () => {},
      requeue: () => {},
    },
    control: {
      signal: aborter.signal,
      deadline: Infinity,
      attempt: more.attempt ?? 1,
      isSettled: false,
      driver: more.driver ?? 'memory',
      queue: more.queue ?? 'first',
      limit: () => {},
      retryBy: (policy) => void retries.push(policy),
      onAbort: (given) => {
        listener = given;
      },
      settle: () => {},
      progress: () => {},
    },
    retries,
    abort: (reason) => {
      aborter.abort(reason);
      listener(reason);
    },
  };
}
