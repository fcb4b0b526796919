import type { RetryOptions } from '../contract/retry-policy.js';

/**
 * Settings of a kernel, as users write them. Every key may be left out. Whole numbers and durations may be decimal text,
 * as environment variables are.
 *
 * @publicApi
 */
export interface KernelOptions {
  /** The pipelines by name. A name has 1 to 255 bytes; dots and upper case are kept. Default: none. */
  readonly pipelines?: Readonly<Record<string, PipelineOptions>>;
  /**
   * The pipelines whose jobs this kernel runs; the others are only pushed to. `[]` runs none.
   *
   * A name that `pipelines` does not have is an error, unless it is written `{ name, declaredLater: true }`: such a
   * pipeline consumes as soon as it is declared.
   *
   * Default: every pipeline of `pipelines`.
   */
  readonly consume?: readonly (string | ConsumeOption)[];
  /**
   * Jobs handled at once over all pipelines.
   *
   * Unit: jobs. Range: 1 or more. Default: `64`.
   */
  readonly numPollers?: number;
  /**
   * How long a push or the end of a pipeline may take. A push that finds its pipeline full waits this long
   * for room; with `0` it is refused at once.
   *
   * Unit: seconds, or duration text such as `'500ms'`. Range: 0 or more. Default: `60`.
   */
  readonly timeout?: number | string;
  /**
   * Jobs in the priority queue, over all pipelines. When it is full, drivers stop reading from their brokers.
   *
   * Unit: jobs. Range: 1 or more. Default: `1_000_000`.
   */
  readonly pipelineSize?: number;
  /**
   * Payloads and headers in the priority queue and in running jobs. When it is full, drivers stop reading.
   *
   * Unit: bytes. Range: 1 or more. Default: `268_435_456` (256 MiB).
   */
  readonly maxBytes?: number;
  /**
   * The largest payload of a job; a larger one is refused at the push.
   *
   * Unit: bytes. Range: 1 or more. Default: `16_777_216` (16 MiB).
   */
  readonly maxPayload?: number;
  /**
   * Deaths of its process at which one job may run before it goes to the failed store. For drivers that count starts, such as
   * `embedded`, and for worker processes.
   *
   * Unit: crashes. Range: 1 or more. Default: `3`.
   */
  readonly maxCrashes?: number;
  /**
   * Between the abort of a timed out job's signal and the moment its slot is given to the next job.
   *
   * Unit: seconds, or duration text. Range: 0 or more. Default: `1`.
   */
  readonly grace?: number | string;
  /** What happens to jobs that fail, where neither handler nor pipeline says it. Default: 3 runs, then the failed store. */
  readonly retry?: RetryOptions;
  /** Where failed jobs are kept, and how many. */
  readonly failed?: FailedOptions;
  /** How much time a stop may take. */
  readonly shutdown?: ShutdownOptions;
  /**
   * The folder of the files of embedded pipelines and of the state. It is made with mode 0700.
   *
   * Default: the environment variable `NRR_DATA_DIR`, or `.nrr` in the working directory.
   */
  readonly dataDir?: string;
}

/** A pipeline that is consumed. @publicApi */
export interface ConsumeOption {
  readonly name: string;
  /** True when the pipeline is declared at run time and missing from `pipelines`. Default: `false`. */
  readonly declaredLater?: boolean;
}

/**
 * Settings of one pipeline. Beside the keys listed here it takes the options of its driver, `maxJobs` or `max_jobs` alike;
 * an unknown key is an error. All but `driver` may also stand under `config`, as in `.rr.yaml`; the key beside `driver` wins.
 *
 * `attempts`, `backoff` and `onFailure` hold for jobs of this pipeline where the handler does not say otherwise.
 *
 * @publicApi
 */
export interface PipelineOptions extends RetryOptions {
  /** The name of the driver: `memory`, or `embedded` (alias `boltdb`). */
  readonly driver: string;
  /**
   * Of jobs that come without one: lower runs earlier. 0 means the default.
   *
   * Range: safe integers. Default: `10`.
   */
  readonly priority?: number;
  /**
   * Jobs lent to the kernel at once, running ones included. 0 means the default.
   *
   * Unit: jobs. Range and default: those of the driver; `100_000` for `memory`, `1_000` for `embedded`.
   */
  readonly prefetch?: number;
  /**
   * Handlers of this pipeline at once.
   *
   * Unit: handlers. Range: 1 or more. Default: no limit beside `numPollers`.
   */
  readonly concurrency?: number;
  /**
   * The longest run of a handler; then its signal aborts and the run counts as failed.
   *
   * Unit: seconds, or duration text. Range: more than 0. Default: no limit.
   */
  readonly timeout?: number | string;
  /** The same options in the nested form of `.rr.yaml`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Options of the driver. */
  readonly [option: string]: unknown;
}

/** @publicApi */
export interface FailedOptions {
  /**
   * `memory`: they end with the process. `embedded`: they are kept in the file `state.db` of `dataDir`, which several kernels
   * of one machine may share; needs the package `lmdb`.
   *
   * Default: `embedded` as soon as one consumed pipeline of the configuration is durable, `memory` otherwise.
   */
  readonly store?: 'memory' | 'embedded';
  /**
   * How many are kept; beyond it the oldest go.
   *
   * Unit: jobs. Range: 1 or more. Default: `10_000`.
   */
  readonly count?: number;
  /**
   * How long one is kept.
   *
   * Unit: seconds, or duration text. Range: more than 0. Default: `'7d'`.
   */
  readonly age?: number | string;
}

/** @publicApi */
export interface ShutdownOptions {
  /**
   * How long running jobs may go on after a stop began.
   *
   * Unit: seconds, or duration text. Range: 0 or more. Default: `25`.
   */
  readonly timeout?: number | string;
  /**
   * Between the abort of the signals of jobs that still run and the return of those jobs to their brokers.
   *
   * Unit: seconds, or duration text. Range: 0 or more. Default: `1`.
   */
  readonly grace?: number | string;
}
