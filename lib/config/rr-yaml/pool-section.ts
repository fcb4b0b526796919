import * as v from 'valibot';
import type { DynamicAllocatorSettings, PoolSettings, SupervisorSettings } from '../../contract/settings.js';
import { about, closed, flag, integer, type Schema } from '../schema.js';
import { goDuration, type Span } from './go-duration.js';
import { command } from './values.js';

/** How a duration is written: as RoadRunner does, or as the options of this library. */

const MAX_WORKERS = 500;
const DEFAULT_TIMEOUT = '60s';
const DEFAULT_WATCH_TICK = '5s';
const NO_LIMIT = '0s';
const DEFAULT_EXTRA_WORKERS = 10;
const DEFAULT_SPAWN_RATE = 5;
/** Of extra workers and of workers started at once; RoadRunner counts more as this. */
const MAX_EXTRA = 100;
const MIN_IDLE_TIMEOUT_MS = 1_000;
const DEFAULT_IDLE_TIMEOUT_MS = 60_000;

/** The section `jobs.pool`, and each of `jobs.pools`. */
export function poolSection(): Schema<PoolSettings> {
  return v.pipe(closed(poolEntries(goDuration)), v.transform(poolSettingsOf));
}

/** The options of a pool. */
export type PoolEntries = ReturnType<typeof entriesOf>;

/** What {@link poolSettingsOf} takes. */
export type PoolValues = v.InferOutput<v.ObjectSchema<PoolEntries, undefined>>;

/** @param span - How durations are written. */
export function poolEntries(span: Span): PoolEntries {
  return entriesOf(span);
}

/** One line per option of a pool. */
function entriesOf(span: Span) {
  return {
    debug: v.optional(about('A new process for every job; `num_workers`, `max_jobs` and `max_queue_size` have no effect then.', flag()), false),
    command: v.optional(about('Program and arguments, instead of those of `server`.', command())),
    numWorkers: number('workers', 0, 'Processes. 0: one per processor of the machine.', MAX_WORKERS),
    maxJobs: number('jobs', 0, 'A worker that ran so many is replaced. 0: never.'),
    maxQueueSize: number('jobs', 0, 'Jobs that wait or run inside the pool. 0: no limit.'),
    allocateTimeout: time(span, DEFAULT_TIMEOUT, 'How long the start of a process may take.'),
    destroyTimeout: time(span, DEFAULT_TIMEOUT, 'How long the removal of a worker waits for its job. A stop keeps to `shutdown`.'),
    resetTimeout: time(span, DEFAULT_TIMEOUT, 'How long a reset waits for busy workers.'),
    streamTimeout: time(span, DEFAULT_TIMEOUT, 'Not used by jobs.'),
    supervisor: v.optional(about('Limits of one worker. Without the section nothing is watched.', supervisorSection(span))),
    dynamicAllocator: v.optional(about('More workers while none is free. Without the section their number is fixed.', allocatorSection(span))),
  };
}

/** In the units of the pool. */
export function poolSettingsOf({ debug, command: program, numWorkers, supervisor, dynamicAllocator, ...pool }: PoolValues): PoolSettings {
  return {
    debug,
    ...(program === undefined ? {} : { command: program }),
    ...(debug ? { numWorkers: 0 } : numWorkers === 0 ? {} : { numWorkers }),
    maxJobs: debug ? 1 : pool.maxJobs,
    maxQueueSize: debug ? 0 : pool.maxQueueSize,
    allocateTimeoutMs: pool.allocateTimeout,
    destroyTimeoutMs: pool.destroyTimeout,
    resetTimeoutMs: pool.resetTimeout,
    streamTimeoutMs: pool.streamTimeout,
    ...(supervisor === undefined ? {} : { supervisor }),
    ...(dynamicAllocator === undefined ? {} : { dynamicAllocator }),
  };
}

function supervisorSection(span: Span): Schema<SupervisorSettings> {
  const section = closed({
    watchTick: time(span, DEFAULT_WATCH_TICK, 'Between two looks at all workers.'),
    ttl: time(span, NO_LIMIT, 'A worker older than this is replaced. 0: never.'),
    idleTtl: time(span, NO_LIMIT, 'A worker without a job for so long is replaced. 0: never.'),
    execTtl: time(span, NO_LIMIT, 'The longest run of a job; then the worker is killed. 0: no limit.'),
    maxWorkerMemory: number('MiB', 0, 'A worker with more resident memory is replaced. 0: no limit.'),
  });
  return v.pipe(
    section,
    v.transform(({ watchTick, ttl, idleTtl, execTtl, maxWorkerMemory }) => ({
      watchTickMs: watchTick,
      ttlMs: ttl,
      idleTtlMs: idleTtl,
      execTtlMs: execTtl,
      maxWorkerMemoryMb: maxWorkerMemory,
    })),
  );
}

function allocatorSection(span: Span): Schema<DynamicAllocatorSettings> {
  const section = closed({
    maxWorkers: number(
      'workers',
      DEFAULT_EXTRA_WORKERS,
      `Workers beyond \`num_workers\`. 0: ${DEFAULT_EXTRA_WORKERS}; more than ${MAX_EXTRA} count as ${MAX_EXTRA}.`,
    ),
    spawnRate: number(
      'workers',
      DEFAULT_SPAWN_RATE,
      `Workers started at once. 0: ${DEFAULT_SPAWN_RATE}; more than ${MAX_EXTRA} count as ${MAX_EXTRA}.`,
    ),
    idleTimeout: time(span, '60s', 'Extra workers without a job for so long end. Under a second: 60s.'),
  });
  return v.pipe(
    section,
    v.transform(({ maxWorkers, spawnRate, idleTimeout }) => ({
      maxWorkers: Math.min(maxWorkers || DEFAULT_EXTRA_WORKERS, MAX_EXTRA),
      spawnRate: Math.min(spawnRate || DEFAULT_SPAWN_RATE, MAX_EXTRA),
      idleTimeoutMs: idleTimeout < MIN_IDLE_TIMEOUT_MS ? DEFAULT_IDLE_TIMEOUT_MS : idleTimeout,
    })),
  );
}

function number(unit: string, fallback: number, meaning: string, max?: number) {
  return v.optional(about(meaning, integer({ min: 0, unit, default: fallback, ...(max === undefined ? {} : { max }) })), fallback);
}

function time(span: Span, fallback: string, meaning: string) {
  return v.optional(about(meaning, span()), fallback);
}
