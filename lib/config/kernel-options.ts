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
  /**
   * RoadRunner's wire. `listen` opens this kernel to other processes: to PHP and Go clients of RoadRunner, to producers of this library, to
   * the command line. `connect`, or the text of an address alone, pushes to a kernel elsewhere, ours or RoadRunner; `pipelines` and `consume`
   * have no place beside it.
   *
   * Default: the kernel is alone in its process.
   */
  readonly rpc?: string | RpcOptions;
  /** Where the `amqp` pipelines find their broker. */
  readonly amqp?: AmqpBrokerOptions;
  /** Where the `beanstalk` pipelines find their server. */
  readonly beanstalk?: BeanstalkBrokerOptions;
  /** Where the `sqs` pipelines find their service. Default: what the AWS SDK finds in its environment. */
  readonly sqs?: SqsBrokerOptions;
  /** Where the `kafka` pipelines find their brokers. */
  readonly kafka?: KafkaBrokerOptions;
  /**
   * Runs the jobs in worker processes instead of this one: by default the same program again, with `RR_MODE=jobs`, where it opens no ports and
   * serves jobs. `{}` is one worker per processor. Not with `rpc.connect`.
   *
   * Default: jobs run in this process.
   */
  readonly pool?: PoolOptions;
  /**
   * Several pools by name, instead of `pool`: jobs that are slow or take much memory get workers of their own. The key `pool` of a pipeline
   * chooses one; pipelines that choose none have the first. A pool is made as `pool` is. Not with `rpc.connect`.
   *
   * Default: none.
   */
  readonly pools?: Readonly<Record<string, PoolOptions>>;
}

/** @publicApi */
export interface AmqpBrokerOptions {
  /** `amqp://user:password@host:port/vhost`; `amqps://` is TLS. Default: `amqp://guest:guest@127.0.0.1:5672/`. */
  readonly addr?: string;
  /** Its presence switches TLS on, also at every new connect. */
  readonly tls?: BrokerTlsOptions;
}

/** @publicApi */
export interface BeanstalkBrokerOptions {
  /** `tcp://host:port` or `unix://path`. Default: `tcp://127.0.0.1:11300`. */
  readonly addr?: string;
  /** How long a connect may take, and the time to run of every job. Unit: seconds, or duration text. Range: 0 or more. Default: `30`. */
  readonly timeout?: number | string;
}

/** @publicApi */
export interface SqsBrokerOptions {
  /** The access key; used together with `secret` only. */
  readonly key?: string;
  /** The secret of the access key. */
  readonly secret?: string;
  /** The token of a session. */
  readonly sessionToken?: string;
  /** The region. */
  readonly region?: string;
  /** The address of a server of your own. */
  readonly endpoint?: string;
}

/** @publicApi */
export interface KafkaBrokerOptions {
  /** Host and port of each broker. */
  readonly brokers?: readonly string[];
  /** The look for the brokers at boot. */
  readonly ping?: {
    /** How long it may take. Unit: seconds, or duration text. Range: 0 or more. Default: `10`. */
    readonly timeout?: number | string;
  };
  /** On when `key` and `cert`, or `rootCa`, are given. */
  readonly tls?: BrokerTlsOptions & {
    /** How long a connect may take. Unit: seconds, or duration text. Range: 0 or more. Default: `10`. */
    readonly timeout?: number | string;
  };
  /** How this side proves who it is. */
  readonly sasl?: Readonly<Record<string, unknown>>;
}

/** Certificates as paths of PEM files. @publicApi */
export interface BrokerTlsOptions {
  /** The private key of `cert`. */
  readonly key?: string;
  /** The certificate of this side. */
  readonly cert?: string;
  /** Who is trusted besides the authorities of the machine. */
  readonly rootCa?: string;
}

/**
 * Worker processes. Of `command`, `entry` and `module` at most one is given. All durations: seconds, or duration text.
 *
 * @publicApi
 */
export interface PoolOptions {
  /** Processes. Range: 0 to 500; 0 is one per processor. Default: `0`. */
  readonly numWorkers?: number;
  /** The file that the workers run, with the flags of this process. Default: the file that this process runs. */
  readonly entry?: string;
  /**
   * A module of Nest that the workers run, without the file of this process: its URL or path, `#`, and the name of its export.
   *
   * @example
   * new URL('./app.module.js#AppModule', import.meta.url).href
   */
  readonly module?: string;
  /** A program of any language and its arguments; a text is split at every single space. */
  readonly command?: string | readonly string[];
  /** More variables for the workers; names become upper case. Default: none. */
  readonly env?: Readonly<Record<string, string | number | boolean>>;
  /** A worker that ran so many jobs is replaced. 0: never. Default: `0`. */
  readonly maxJobs?: number;
  /** Jobs that wait or run inside the pool. 0: no limit. Default: `0`. */
  readonly maxQueueSize?: number;
  /** How long the start of a process may take. Default: `60`. */
  readonly allocateTimeout?: number | string;
  /** How long the removal of a worker waits for its job; a stop keeps to the limits of `shutdown`. Default: `60`. */
  readonly destroyTimeout?: number | string;
  /** How long a reset waits for busy workers. Default: `60`. */
  readonly resetTimeout?: number | string;
  /** Not used by jobs. Default: `60`. */
  readonly streamTimeout?: number | string;
  /** A new process for every job. Default: `false`. */
  readonly debug?: boolean;
  /** Limits of one worker. Default: nothing is watched. */
  readonly supervisor?: PoolSupervisorOptions;
  /** More workers while none is free. Default: their number is fixed. */
  readonly dynamicAllocator?: PoolAllocatorOptions;
}

/** Limits of one worker; 0 is none. @publicApi */
export interface PoolSupervisorOptions {
  /** Between two looks at all workers. Unit: seconds, or duration text. Default: `5`. */
  readonly watchTick?: number | string;
  /** A worker older than this is replaced. Unit: seconds, or duration text. Default: `0`. */
  readonly ttl?: number | string;
  /** A worker without a job for so long is replaced. Unit: seconds, or duration text. Default: `0`. */
  readonly idleTtl?: number | string;
  /** The longest run of a job; then the worker is killed. Unit: seconds, or duration text. Default: `0`. */
  readonly execTtl?: number | string;
  /** A worker with more resident memory is replaced. Unit: MiB. Default: `0`. */
  readonly maxWorkerMemory?: number;
}

/** Workers beyond `numWorkers`. @publicApi */
export interface PoolAllocatorOptions {
  /** Range: 0 to 100; 0 is the default. Default: `10`. */
  readonly maxWorkers?: number;
  /** Workers started at once. Range: 0 to 100; 0 is the default. Default: `5`. */
  readonly spawnRate?: number;
  /** Extra workers without a job for so long end. Unit: seconds, or duration text. Default: `60`. */
  readonly idleTimeout?: number | string;
}

/** RoadRunner's wire: one of `connect` and `listen`. @publicApi */
export interface RpcOptions {
  /** The kernel to push to: `tcp://host:port` or `unix://path`. Not for `createKernel`. */
  readonly connect?: string;
  /** Where this kernel is called: `tcp://host:port`, port 0 for a free one, or `unix://path`. */
  readonly listen?: string;
  /** A secret that both sides know: the first call of a connection has to bring it. Clients other than ours cannot. Default: none is asked for. */
  readonly token?: string;
  /**
   * TLS 1.2 or newer. `listen` needs `cert` and `key`; `connect: …, tls: true` trusts the certificate authorities of the machine.
   *
   * Default: plain bytes.
   */
  readonly tls?: true | RpcTlsOptions;
  /**
   * With `connect`: how long a call may take, its connect included.
   *
   * Unit: seconds, or duration text. Range: more than 0. Default: `60`.
   */
  readonly timeout?: number | string;
  /**
   * With `listen`: an address that other machines can reach is opened without `tls` and `token` too.
   *
   * Default: `false`.
   */
  readonly allowInsecure?: boolean;
  /**
   * With `listen`: programs on other machines may declare pipelines, which name drivers and files. Those of this machine always may.
   *
   * Default: `false`.
   */
  readonly allowDeclare?: boolean;
  /** With `listen`: what clients may use. */
  readonly limits?: RpcLimitOptions;
}

/** Certificates. A text that begins with `-----BEGIN` is the PEM itself, any other the path of a PEM file. @publicApi */
export interface RpcTlsOptions {
  /** The certificate of this side. */
  readonly cert?: string;
  /** The private key of `cert`. */
  readonly key?: string;
  /** Who is trusted. With `listen`: clients have to show a certificate that it signed. Default: the authorities of the machine. */
  readonly ca?: string;
  /** With `connect`: the name that the certificate must carry. Default: the host of the address. */
  readonly serverName?: string;
}

/** What the clients of a kernel may use. @publicApi */
export interface RpcLimitOptions {
  /** Unit: connections. Range: 1 or more. Default: `1_024`. */
  readonly maxConnections?: number;
  /** Calls of one connection that run at once; more wait in its socket. Unit: calls. Range: 1 or more. Default: `1_000`. */
  readonly maxInFlight?: number;
  /** One frame. Unit: bytes. Range: 1 or more. Default: `67_108_864` (64 MiB). */
  readonly maxFrame?: number;
  /** Frames that are half received, over all connections; the one that goes beyond it is ended. Unit: bytes. Range: 1 or more. Default: `268_435_456` (256 MiB). */
  readonly maxHeld?: number;
  /** For the header of a frame, the token and the TLS handshake. Unit: seconds, or duration text. Range: more than 0. Default: `10`. */
  readonly headerTimeout?: number | string;
  /** Between two arrivals of bytes inside one frame. Unit: seconds, or duration text. Range: more than 0. Default: `60`. */
  readonly progressTimeout?: number | string;
  /** Answers that a client has not read; beyond it no call of this client is read. Unit: bytes. Range: 1 or more. Default: `1_048_576` (1 MiB). */
  readonly maxUnsent?: number;
  /** How long a client may stay over `maxUnsent`. Unit: seconds, or duration text. Range: more than 0. Default: `30`. */
  readonly drainTimeout?: number | string;
  /** Jobs of one batch. Unit: jobs. Range: 1 or more. Default: `10_000`. */
  readonly maxBatch?: number;
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
  /** The name of one of `pools`, whose workers run its jobs. Default: the first of them. */
  readonly pool?: string;
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
