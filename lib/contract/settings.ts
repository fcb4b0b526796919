import type { RetryOptions } from './retry-policy.js';

/** Settings of a kernel, checked and complete: `config/` makes them, `kernel/` uses them. */
export interface KernelSettings {
  /** Jobs handled at once over all pipelines of one executor. */
  readonly numPollers: number;
  /** How long a push or the end of a pipeline may take. 0 refuses at once instead of waiting for room. */
  readonly timeoutMs: number;
  /** Jobs in the priority queue, over all pipelines. */
  readonly pipelineSize: number;
  /** Bytes of payloads and headers in the priority queue and in running jobs. */
  readonly maxBytes: number;
  /** Bytes of one payload. */
  readonly maxPayloadBytes: number;
  /** Deaths of worker processes that one job may cause. */
  readonly maxCrashes: number;
  /** Between the abort of a timed out job and the moment its slot is given away. */
  readonly graceMs: number;
  readonly retry: RetryOptions;
  readonly failed: FailedStoreSettings;
  readonly shutdown: ShutdownSettings;
  /** The folder of files. */
  readonly dataDir: string;
}

export interface FailedStoreSettings {
  /** Absent: `embedded` as soon as one consumed pipeline is durable, else `memory`. */
  readonly store?: 'memory' | 'embedded';
  /** The oldest go when there are more. */
  readonly count: number;
  readonly ageMs: number;
}

export interface ShutdownSettings {
  /** How long running jobs may go on. */
  readonly timeoutMs: number;
  /** Between the abort signal and the return of the job. */
  readonly graceMs: number;
}

/** Settings of one pipeline, checked and complete. */
export interface PipelineSettings {
  readonly name: string;
  /** As it was written: an alias stays an alias. */
  readonly driver: string;
  /** Of jobs that come without one. */
  readonly priority: number;
  /** Jobs lent to the kernel at once, running ones included. */
  readonly prefetch: number;
  /** Handlers of this pipeline at once; `undefined` is no limit of its own. */
  readonly concurrency?: number;
  /** The longest run of a handler; `undefined` is no limit. */
  readonly timeoutMs?: number;
  readonly retry: RetryOptions;
  /** What the driver declares in its `options`, by camelCase name. */
  readonly options: Readonly<Record<string, unknown>>;
}
