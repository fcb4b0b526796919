import { JobsArgumentError, NotSupportedByKernelError } from '../contract/errors.js';
import type {
  FailedJob,
  FailedJobPage,
  FailedJobQuery,
  FailedJobs,
  JobPage,
  JobQuery,
  KernelAdmin,
  KernelCounters,
  ReplayOptions,
  ReplayResult,
  RunningJob,
  WorkerStat,
} from '../contract/kernel-admin.js';
import { NotSupportedByDriverError, PipelineNotFoundError } from '../contract/pipeline-errors.js';
import { CodecError, ServiceError } from '../contract/rpc-errors.js';
import { FrameFlag } from '../wire/frame.js';
import { NO_NRR } from './methods/error-texts.js';
import { withPayload, withPayloads, writeNrr } from './methods/nrr-values.js';
import type { RpcSender } from './rpc-sender.js';

const JOBS = 'jobs';
const NANOSECONDS_PER_MS = 1_000_000;
const CODED = /^([A-Z_]+): (.*)$/s;
const DRIVER_REFUSAL = /^Driver "(.*)" does not support (.*?)\. (.*)$/s;

/** A worker process as `informer.Workers` shows it. */
interface InformerWorker {
  readonly pid: number;
  readonly statusStr: string;
  readonly numExecs: number;
  /** Unit: Unix nanoseconds; rounded by JSON. */
  readonly created: number;
  readonly memoryUsage: number;
  readonly CPUPercent: number;
}

type WireFailure = { readonly id: string; readonly error: string };

/**
 * The administration of a kernel in another process. Worker processes are those of any RoadRunner; the rest needs a kernel of this
 * library and is a {@link NotSupportedByKernelError} elsewhere.
 */
export class RemoteKernelAdmin implements KernelAdmin {
  readonly failed: FailedJobs;
  readonly #calls: NrrCalls;

  constructor(rpc: RpcSender) {
    this.#calls = new NrrCalls(rpc);
    this.failed = new RemoteFailedJobs(this.#calls);
  }

  async counters(): Promise<KernelCounters> {
    return (await this.#calls.nrr('Counters', 'counters')) as KernelCounters;
  }

  async running(): Promise<RunningJob[]> {
    return (await this.#calls.nrr('Running', 'a list of running jobs')) as RunningJob[];
  }

  async workers(pool?: string): Promise<WorkerStat[]> {
    const { workers } = (await this.#calls.json('informer.Workers', pluginOf(pool))) as { readonly workers: readonly InformerWorker[] | null };
    return (workers ?? []).map(({ pid, statusStr, numExecs, created, memoryUsage, CPUPercent }) => ({
      pid,
      status: statusStr,
      jobs: numExecs,
      createdAt: Math.floor(created / NANOSECONDS_PER_MS),
      memoryBytes: memoryUsage,
      cpuPercent: CPUPercent,
    }));
  }

  async cancel(id: string, reason?: string): Promise<boolean> {
    return (await this.#calls.nrr('Cancel', 'cancelling a job', [id, reason])) as boolean;
  }

  async browse(pipeline: string, query?: JobQuery): Promise<JobPage> {
    return withPayloads((await this.#calls.nrr('Browse', 'browsing a pipeline', [pipeline, query])) as JobPage);
  }

  async remove(pipeline: string, id: string): Promise<boolean> {
    return (await this.#calls.nrr('Remove', 'removing a job', [pipeline, id])) as boolean;
  }

  async promote(pipeline: string, id: string): Promise<boolean> {
    return (await this.#calls.nrr('Promote', 'promoting a delayed job', [pipeline, id])) as boolean;
  }

  async purge(pipeline: string, query?: JobQuery): Promise<number> {
    return (await this.#calls.nrr('Purge', 'purging a pipeline', [pipeline, query])) as number;
  }

  async addWorker(pool?: string): Promise<void> {
    await this.#calls.json('informer.AddWorker', pluginOf(pool));
  }

  async removeWorker(pool?: string): Promise<void> {
    await this.#calls.json('informer.RemoveWorker', pluginOf(pool));
  }

  async resetWorkers(pool?: string): Promise<void> {
    await this.#calls.json('resetter.Reset', pluginOf(pool));
  }
}

/** What informer and resetter call a pool of jobs, or all of them. */
function pluginOf(pool: string | undefined): string {
  return pool === undefined ? JOBS : `${JOBS}.${pool}`;
}

class RemoteFailedJobs implements FailedJobs {
  readonly #calls: NrrCalls;

  constructor(calls: NrrCalls) {
    this.#calls = calls;
  }

  async list(query?: FailedJobQuery): Promise<FailedJobPage> {
    return withPayloads((await this.#nrr('FailedList', [query])) as FailedJobPage);
  }

  async get(id: string): Promise<FailedJob | undefined> {
    const job = (await this.#nrr('FailedGet', [id])) as FailedJob | null;
    return job === null ? undefined : withPayload(job);
  }

  async count(query?: FailedJobQuery): Promise<number> {
    return (await this.#nrr('FailedCount', [query])) as number;
  }

  async replay(which: string | readonly string[] | FailedJobQuery, options?: ReplayOptions): Promise<ReplayResult> {
    const { replayed, errors } = (await this.#nrr('FailedReplay', [which, options])) as { replayed: number; errors: readonly WireFailure[] };
    return { replayed, errors: errors.map(({ id, error }) => ({ id, error: this.#calls.errorOf('nrr.FailedReplay', error, '') })) };
  }

  async remove(which: string | readonly string[] | FailedJobQuery): Promise<number> {
    return (await this.#nrr('FailedRemove', [which])) as number;
  }

  #nrr(method: string, args: readonly unknown[]): Promise<unknown> {
    return this.#calls.nrr(method, 'a failed store', args);
  }
}

/** Calls with JSON there and back. */
class NrrCalls {
  readonly #rpc: RpcSender;

  constructor(rpc: RpcSender) {
    this.#rpc = rpc;
  }

  /** @param feature - What cannot be done where the method is unknown. */
  async nrr(method: string, feature: string, args: readonly unknown[] = []): Promise<unknown> {
    try {
      return await this.json(`nrr.${method}`, args);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.text.startsWith(NO_NRR)) throw new NotSupportedByKernelError(feature, 'Use a kernel of this library.', { cause: error });
      throw this.errorOf(error.method, error.text, typeof args[0] === 'string' ? args[0] : '', error);
    }
  }

  async json(method: string, value: unknown): Promise<unknown> {
    const body = await this.#rpc.send(method, writeNrr(value), FrameFlag.json);
    try {
      return JSON.parse(Buffer.from(body).toString('utf8')) as unknown;
    } catch (cause) {
      throw new CodecError(`The answer of ${method} on ${this.#rpc.address} is no JSON. Is another program listening there?`, { cause });
    }
  }

  /** The error of a text `CODE: message`. */
  errorOf(method: string, text: string, pipeline: string, cause?: ServiceError): Error {
    const options: ErrorOptions = cause === undefined ? {} : { cause };
    const [, code, message = ''] = CODED.exec(text) ?? [];
    if (code === 'PIPELINE_NOT_FOUND') return new PipelineNotFoundError(pipeline || (/"(.*?)"/s.exec(message)?.[1] ?? ''), undefined, options);
    if (code === 'INVALID_ARGUMENT') return new JobsArgumentError(message, options);
    const refusal = code === 'NOT_SUPPORTED_BY_DRIVER' ? DRIVER_REFUSAL.exec(message) : null;
    if (refusal !== null) return new NotSupportedByDriverError(refusal[1]!, refusal[2]!, refusal[3]!, options);
    return cause ?? new ServiceError(method, this.#rpc.address, text);
  }
}
