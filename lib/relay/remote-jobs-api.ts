import { systemClock, type Clock } from '../contract/clock.js';
import { KernelStoppingError } from '../contract/errors.js';
import { sizeOf, type Job } from '../contract/job.js';
import type { JobsApi, PipelineDeclaration, PipelineStat, PushOutcome, PushReceipt } from '../contract/jobs-api.js';
import { PipelineNotFoundError, PushUncertainError } from '../contract/pipeline-errors.js';
import { CodecError, RpcUncertainError, RpcUnreachableError, ServiceError } from '../contract/rpc-errors.js';
import { FrameFlag } from '../wire/frame.js';
import { readPipelines, readStats, writeDeclare, writePipelines } from '../wire/jobs-messages.js';
import { encodePush, encodePushBatch } from '../wire/push-writer.js';
import { declareTexts } from './declare-map.js';
import { NO_NRR, typedErrorOf } from './methods/error-texts.js';
import { readRanges } from './methods/ranges.js';
import type { RpcSender } from './rpc-sender.js';

export interface RemoteJobsApiOptions {
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
}

/** One call holds at most so many jobs and bytes of payload and headers; a kernel takes twice as many and four times as much. */
const MAX_BATCH_JOBS = 5_000;
const MAX_BATCH_BYTES = 16 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);
const RECEIPT: PushReceipt = Object.freeze({});
const STORED: PushOutcome = Object.freeze({ ok: true, receipt: RECEIPT });
/** What a kernel of this library adds when it stored a part of a batch. */
const PARTIAL = /; \d+ of \d+ jobs were not stored: ([\d, -]+)$/;

const received = (): PushReceipt => RECEIPT;

/**
 * The pipelines of a kernel in another process: one of this library, or a RoadRunner.
 *
 * A push is one call, never joined with others: a RoadRunner tells of a batch that failed only that it did. Delays are rounded up to
 * whole seconds.
 */
export class RemoteJobsApi implements JobsApi {
  readonly #rpc: RpcSender;
  readonly #clock: Clock;

  constructor(rpc: RpcSender, options: RemoteJobsApiOptions = {}) {
    this.#rpc = rpc;
    this.#clock = options.clock ?? systemClock;
  }

  push(job: Job): Promise<PushReceipt> {
    const startedAt = this.#clock.monotonic();
    return this.#rpc.send('jobs.Push', encodePush(job), FrameFlag.proto).then(received, (error: unknown) => {
      throw this.#pushError(error, job, startedAt);
    });
  }

  async pushMany(jobs: readonly Job[]): Promise<PushOutcome[]> {
    const outcomes: PushOutcome[] = [];
    let lost: LostError | undefined;
    // One after another: a RoadRunner runs calls side by side, in any order.
    for (const batch of batchesOf(jobs)) {
      if (lost !== undefined) {
        for (const _ of batch) outcomes.push(this.#unsent(lost));
        continue;
      }
      const result = await this.#pushBatch(batch);
      for (const outcome of result.outcomes) outcomes.push(outcome);
      lost = result.lost;
    }
    return outcomes;
  }

  async declare(pipeline: PipelineDeclaration): Promise<void> {
    await this.#call('jobs.Declare', writeDeclare(declareTexts(pipeline), FrameFlag.proto), [pipeline.name]);
  }

  destroy(...names: string[]): Promise<string[]> {
    return this.#read('jobs.Destroy', writePipelines(names, FrameFlag.proto), names, (body) => readPipelines(body, FrameFlag.proto));
  }

  async pause(...names: string[]): Promise<void> {
    await this.#call('jobs.Pause', writePipelines(names, FrameFlag.proto), names);
  }

  async resume(...names: string[]): Promise<void> {
    await this.#call('jobs.Resume', writePipelines(names, FrameFlag.proto), names);
  }

  list(): Promise<string[]> {
    return this.#read('jobs.List', NO_BYTES, [], (body) => readPipelines(body, FrameFlag.proto));
  }

  stat(): Promise<PipelineStat[]> {
    return this.#read('jobs.Stat', NO_BYTES, [], readStats);
  }

  async #call(method: string, body: Uint8Array, pipelines: readonly string[]): Promise<Uint8Array> {
    const startedAt = this.#clock.monotonic();
    try {
      return await this.#rpc.send(method, body, FrameFlag.proto);
    } catch (error) {
      throw this.#typed(error, pipelines, startedAt);
    }
  }

  async #read<T>(method: string, body: Uint8Array, pipelines: readonly string[], read: (body: Uint8Array) => T): Promise<T> {
    const answer = await this.#call(method, body, pipelines);
    try {
      return read(answer);
    } catch (cause) {
      throw new CodecError(`The answer of ${method} on ${this.#rpc.address} cannot be read. Is another program listening there?`, { cause });
    }
  }

  async #pushBatch(jobs: readonly Job[]): Promise<{ outcomes: PushOutcome[]; lost?: LostError }> {
    const startedAt = this.#clock.monotonic();
    try {
      await this.#rpc.send('jobs.PushBatch', encodePushBatch(jobs), FrameFlag.proto);
      return { outcomes: jobs.map(() => STORED) };
    } catch (error) {
      if (error instanceof ServiceError) return { outcomes: await this.#outcomesOf(error, jobs, startedAt) };
      const outcomes = jobs.map((job) => failed(this.#pushError(error, job, startedAt)));
      return isLost(error) ? { outcomes, lost: error } : { outcomes };
    }
  }

  async #outcomesOf(error: ServiceError, jobs: readonly Job[], startedAt: number): Promise<PushOutcome[]> {
    const partial = PARTIAL.exec(error.text);
    const unstored = partial === null ? undefined : readRanges(partial[1]!, jobs.length);
    const text = unstored === undefined ? error.text : error.text.slice(0, partial!.index);
    const errorFor = (job: Job): Error => {
      const typed = this.#typedText(text, error, [job.pipeline], startedAt);
      return typed instanceof PushUncertainError ? new PushUncertainError(job.pipeline, job.id, typed.waitedMs, { cause: error }) : typed;
    };
    if (unstored !== undefined) return jobs.map((job, index) => (unstored.has(index) ? failed(errorFor(job)) : STORED));
    const reason = errorFor(jobs[0]!);
    const isOurs = reason instanceof KernelStoppingError || (await this.#isOurs());
    if (isOurs === undefined) return jobs.map((job) => failed(this.#uncertain(job, startedAt, reason)));
    if (isOurs) return jobs.map((job) => failed(errorFor(job))); // it was refused before a job was stored
    return this.#roadRunnerOutcomes(errorFor, jobs, startedAt);
  }

  /** A RoadRunner stops at the first job that fails; which one it was, only the name of a missing pipeline tells. */
  #roadRunnerOutcomes(errorFor: (job: Job) => Error, jobs: readonly Job[], startedAt: number): PushOutcome[] {
    const reason = errorFor(jobs[0]!);
    const stop = reason instanceof PipelineNotFoundError ? jobs.findIndex(({ pipeline }) => pipeline === reason.pipeline) : -1;
    if (stop === -1) return jobs.map((job) => failed(this.#uncertain(job, startedAt, reason)));
    return jobs.map((job, index) => (index < stop ? STORED : failed(errorFor(job))));
  }

  #unsent(cause: LostError): PushOutcome {
    const reason = cause instanceof RpcUnreachableError ? cause.reason : 'connect';
    return failed(new RpcUnreachableError('jobs.PushBatch', this.#rpc.address, reason, { cause }));
  }

  /**
   * True for a kernel of this library, false for a RoadRunner, `undefined` when it is not said. Asked at each batch that fails: what listens may be
   * another program than the last time, and to take one for the other would call jobs stored that are not.
   */
  async #isOurs(): Promise<boolean | undefined> {
    try {
      await this.#rpc.send('nrr.Version', NO_BYTES, FrameFlag.json);
      return true;
    } catch (error) {
      return error instanceof ServiceError && error.text.startsWith(NO_NRR) ? false : undefined;
    }
  }

  #pushError(error: unknown, job: Job, startedAt: number): Error {
    return error instanceof RpcUncertainError ? this.#uncertain(job, startedAt, error) : this.#typed(error, [job.pipeline], startedAt);
  }

  #uncertain(job: Job, startedAt: number, cause: Error): PushUncertainError {
    return new PushUncertainError(job.pipeline, job.id, this.#since(startedAt), { cause });
  }

  #typed(error: unknown, pipelines: readonly string[], startedAt: number): Error {
    return error instanceof ServiceError ? this.#typedText(error.text, error, pipelines, startedAt) : (error as Error);
  }

  #typedText(text: string, error: ServiceError, pipelines: readonly string[], startedAt: number): Error {
    return typedErrorOf(text, { pipelines, waitedMs: this.#since(startedAt) }, error) ?? error;
  }

  #since(startedAt: number): number {
    return Math.round(this.#clock.monotonic() - startedAt);
  }
}

type LostError = RpcUncertainError | RpcUnreachableError;

/** The other side is gone: what comes behind would be lost, too. */
function isLost(error: unknown): error is LostError {
  return error instanceof RpcUncertainError || (error instanceof RpcUnreachableError && error.reason !== 'size');
}

function failed(error: Error): PushOutcome {
  return { ok: false, error };
}

function* batchesOf(jobs: readonly Job[]): Iterable<readonly Job[]> {
  let start = 0;
  let bytes = 0;
  for (let index = 0; index < jobs.length; index++) {
    const size = sizeOf(jobs[index]!);
    if (index > start && (index - start === MAX_BATCH_JOBS || bytes + size > MAX_BATCH_BYTES)) {
      yield jobs.slice(start, index);
      start = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < jobs.length) yield start === 0 ? jobs : jobs.slice(start);
}
