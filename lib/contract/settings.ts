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
  /** What all pipelines of a driver share, by the driver's name. Absent: nothing was given. */
  readonly brokers?: BrokerSections;
}

/** Settings of brokers by driver, each by camelCase name; checked and complete. */
export type BrokerSections = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

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
  /** The name of the pool whose workers run its jobs; `undefined` is the first one. */
  readonly pool?: string;
  readonly retry: RetryOptions;
  /** What the driver declares in its `options`, by camelCase name. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Settings of the RPC server, checked and complete. */
export interface RpcSettings {
  /** `tcp://host:port` or `unix://path`. */
  readonly listen: string;
  /** Present: TLS, 1.2 or newer. */
  readonly tls?: RpcTlsSettings;
  /** Present: the first call of a connection has to be `rpc.Auth` with it. */
  readonly token?: string;
  /** Without it an address that other machines can reach needs `tls` and `token`. */
  readonly allowInsecure: boolean;
  /** Present and true: programs on other machines may declare pipelines, too. */
  readonly allowDeclare?: boolean;
  readonly limits: RpcLimits;
}

/** The kernel that a producer pushes to, checked and complete. */
export interface RpcTargetSettings {
  /** `tcp://host:port` or `unix://path`. */
  readonly connect: string;
  /** Present: the connection has to be TLS. */
  readonly tls?: RpcTlsSettings;
  readonly token?: string;
  /** How long a call may take, its connect included. */
  readonly timeoutMs: number;
}

/** Certificates of one side. A text that begins with `-----BEGIN` is the PEM itself, any other the path of a PEM file. */
export interface RpcTlsSettings {
  /** Required on the listening side. */
  readonly cert?: string;
  readonly key?: string;
  /** Who is trusted; at the listening side: clients have to show a certificate of theirs. */
  readonly ca?: string;
  /** At the connecting side: the name that the certificate must carry. Absent: the host of the address. */
  readonly serverName?: string;
}

/** What one server and one connection may use. All finite. */
export interface RpcLimits {
  readonly maxConnections: number;
  /** Calls of one connection that run at once; more wait in its socket. Also when those that run hold `maxFrameBytes` or more. */
  readonly maxInFlight: number;
  /** Bytes of one payload. */
  readonly maxFrameBytes: number;
  /** Bytes of payloads that are half received, over all connections; the one that goes beyond it is ended. */
  readonly maxHeldBytes: number;
  /** From the first byte of a header to its last; also for `rpc.Auth` and the TLS handshake. */
  readonly headerTimeoutMs: number;
  /** Between two arrivals of bytes inside one frame. */
  readonly progressTimeoutMs: number;
  /** Bytes of answers that a client has not read; over it no call of this client is read. */
  readonly maxUnsentBytes: number;
  /** How long a client may stay over `maxUnsentBytes`. */
  readonly drainTimeoutMs: number;
  /** Jobs of one batch. */
  readonly maxBatchJobs: number;
}

export const DEFAULT_RPC_LIMITS: RpcLimits = {
  maxConnections: 1_024,
  maxInFlight: 1_000,
  maxFrameBytes: 64 * 1024 * 1024,
  maxHeldBytes: 256 * 1024 * 1024,
  headerTimeoutMs: 10_000,
  progressTimeoutMs: 60_000,
  maxUnsentBytes: 1024 * 1024,
  drainTimeoutMs: 30_000,
  maxBatchJobs: 10_000,
};

/** The processes that run jobs, checked and complete. */
export interface PoolSettings {
  /** A new process for every job. Then `numWorkers` and `maxQueueSize` are 0 and `maxJobs` is 1. */
  readonly debug: boolean;
  /** Program and arguments; absent: those of {@link ServerSettings}. */
  readonly command?: readonly string[];
  /** At most 500. Absent: one per processor of the machine. */
  readonly numWorkers?: number;
  /** Jobs after which a worker is replaced; 0 is never. */
  readonly maxJobs: number;
  /** Jobs that wait or run inside the pool; 0 is no limit. */
  readonly maxQueueSize: number;
  /** How long the start of a process may take. */
  readonly allocateTimeoutMs: number;
  /** How long the removal of a worker waits for its job. */
  readonly destroyTimeoutMs: number;
  /** How long a reset waits for workers that are busy. */
  readonly resetTimeoutMs: number;
  readonly streamTimeoutMs: number;
  /** Absent: nothing is watched. */
  readonly supervisor?: SupervisorSettings;
  /** Absent: the number of workers is fixed. */
  readonly dynamicAllocator?: DynamicAllocatorSettings;
}

/** Limits of one worker; 0 is no limit. */
export interface SupervisorSettings {
  /** Between two looks at all workers. */
  readonly watchTickMs: number;
  readonly ttlMs: number;
  readonly idleTtlMs: number;
  /** The longest run of a job; then the worker is killed. */
  readonly execTtlMs: number;
  /** Resident memory. Unit: MiB. */
  readonly maxWorkerMemoryMb: number;
}

/** Workers beyond `numWorkers`, while none is free. */
export interface DynamicAllocatorSettings {
  /** At most 100. */
  readonly maxWorkers: number;
  /** Workers started at once, at most 100. */
  readonly spawnRate: number;
  readonly idleTimeoutMs: number;
}

/** How worker processes are started, checked and complete. */
export interface ServerSettings {
  /** Program and arguments, at least one element. */
  readonly command: readonly string[];
  /** The name of the user whose rights they get. */
  readonly user?: string;
  /** Added to the environment of this process. Names are in upper case. */
  readonly env: Readonly<Record<string, string>>;
  /** `pipes`, `tcp://host:port` or `unix://path`. */
  readonly relay: string;
  readonly onInit?: OnInitSettings;
}

/** A program that runs once before the workers start. */
export interface OnInitSettings {
  readonly command: readonly string[];
  /** Then it is killed. */
  readonly execTimeoutMs: number;
  /** A failure ends the start; otherwise it is only logged. */
  readonly exitOnError: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly user?: string;
}

/** What is logged, where and how, checked and complete. */
export interface LogSettings extends LogChannelSettings {
  /** By name of a part, such as `jobs` or `server`: what holds there instead. */
  readonly channels: ReadonlyMap<string, LogChannelSettings>;
}

export interface LogChannelSettings {
  readonly mode: 'development' | 'production' | 'raw' | 'off' | 'none';
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'panic';
  /** Absent: what suits the mode. */
  readonly encoding?: 'console' | 'json';
  /** `stdout`, `stderr` or paths of files. */
  readonly output: readonly string[];
  /** Where the errors of logging itself go. */
  readonly errOutput: readonly string[];
  readonly lineEnding: string;
  /** Present: also into a file that is rotated. */
  readonly file?: LogFileSettings;
}

export interface LogFileSettings {
  readonly path: string;
  /** Unit: MiB. */
  readonly maxSizeMb: number;
  readonly maxAgeDays: number;
  readonly maxBackups: number;
  readonly compress: boolean;
}
