import { JobsConfigError } from '../../contract/errors.js';
import type { Job } from '../../contract/job.js';
import { ACCEPTED, type JobsApi, type PushOutcome } from '../../contract/jobs-api.js';
import { PipelineNotFoundError, PushUncertainError } from '../../contract/pipeline-errors.js';
import { AnswerError } from '../../wire/answer-error.js';
import { FrameFlag } from '../../wire/frame.js';
import { readDeclare, readEmpty, readPipelines, writeEmpty, writePipelines, writeStats } from '../../wire/jobs-messages.js';
import { readPlainBatch, readPlainPush } from '../../wire/plain-jobs.js';
import { PushReader } from '../../wire/push-reader.js';
import type { RpcMethod, RpcMethods } from '../rpc-method.js';
import { answerError, answerErrorOf } from './error-texts.js';
import { rangesOf } from './ranges.js';

/** Options of Declare whose text has to be a whole number in RoadRunner's own words. */
const GO_INTEGERS = ['priority', 'prefetch'];
const GO_INTEGER = /^[+-]?\d+$/;

/** The methods of `jobs`. */
export function jobsMethods(api: JobsApi, maxBatchJobs: number): RpcMethods {
  return new Map<string, RpcMethod>([
    ['jobs.Push', pushMethod(api)],
    ['jobs.PushBatch', pushBatchMethod(api, maxBatchJobs)],
    ['jobs.Pause', onPipelines('jobs.Pause', (names) => api.pause(...names))],
    ['jobs.Resume', onPipelines('jobs.Resume', (names) => api.resume(...names))],
    ['jobs.List', answering('jobs.List', (body, codec) => (readEmpty(body, codec), api.list()), writePipelines)],
    [
      'jobs.Declare',
      answering(
        'jobs.Declare',
        (body, codec) => declare(api, readDeclare(body, codec)),
        (_, codec) => writeEmpty(codec),
      ),
    ],
    ['jobs.Destroy', answering('jobs.Destroy', (body, codec) => api.destroy(...readPipelines(body, codec)), writePipelines)],
    ['jobs.Stat', answering('jobs.Stat', (body, codec) => (readEmpty(body, codec), api.stat()), writeStats)],
  ]);
}

// No `async`: a job that is accepted at once is answered in the same turn.
function pushMethod(api: JobsApi): RpcMethod {
  const reader = new PushReader();
  return (body, codec) => {
    const job = codec === FrameFlag.proto ? reader.readPush(Buffer.from(body)) : readPlainPush(body, codec);
    if (job === undefined) throw new AnswerError('rpc_push: empty ID field not allowed');
    const pushed = api.push(job);
    if (pushed === ACCEPTED) return writeEmpty(codec);
    return pushed.then(
      () => writeEmpty(codec),
      (error: unknown) => {
        throw answerErrorOf('jobs.Push', error);
      },
    );
  };
}

function pushBatchMethod(api: JobsApi, maxBatchJobs: number): RpcMethod {
  const reader = new PushReader();
  return async (body, codec) => {
    const jobs = codec === FrameFlag.proto ? reader.readBatch(bufferOf(body), maxBatchJobs) : readPlainBatch(body, codec, maxBatchJobs);
    if (jobs.length === 0) return writeEmpty(codec);
    await checkPipelines(api, jobs);
    throwFailed(await api.pushMany(jobs));
    return writeEmpty(codec);
  };
}

function bufferOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** All or nothing, as far as it can be known before: a batch with a name that is wrong stores no job. */
async function checkPipelines(api: JobsApi, jobs: readonly Job[]): Promise<void> {
  const known = new Set(await api.list());
  let last: string | undefined;
  for (const { pipeline } of jobs) {
    if (pipeline === last) continue;
    if (!known.has(pipeline)) throw answerErrorOf('jobs.PushBatch', new PipelineNotFoundError(pipeline, [...known]));
    last = pipeline;
  }
}

function throwFailed(outcomes: readonly PushOutcome[]): void {
  const failed: number[] = [];
  let first: Error | undefined;
  for (let index = 0; index < outcomes.length; index++) {
    const outcome = outcomes[index]!;
    if (outcome.ok) continue;
    // One text stands for all: where the fate of one is not known, none is called refused.
    if (first === undefined || outcome.error instanceof PushUncertainError) first = outcome.error;
    failed.push(index);
  }
  if (first === undefined) return;
  const { message } = answerErrorOf('jobs.PushBatch', first);
  throw new AnswerError(`${message}; ${failed.length} of ${outcomes.length} jobs were not stored: ${rangesOf(failed)}`, { cause: first });
}

async function declare(api: JobsApi, pipeline: Readonly<Record<string, string>>): Promise<void> {
  const { driver = '', name = '' } = pipeline;
  if (driver === '') throw answerError('jobs.Declare', `no associated driver with the pipeline, pipeline name: ${name}`);
  try {
    await api.declare({ ...pipeline, name, driver });
  } catch (error) {
    if (error instanceof JobsConfigError) {
      const key = GO_INTEGERS.find((one) => pipeline[one] !== undefined && pipeline[one] !== '' && !GO_INTEGER.test(pipeline[one]));
      if (key !== undefined) throw answerError('jobs.Declare', `strconv.ParseInt: parsing ${JSON.stringify(pipeline[key])}: invalid syntax`, error);
    }
    throw error;
  }
}

function onPipelines(method: string, act: (names: readonly string[]) => Promise<void>): RpcMethod {
  return answering(
    method,
    (body, codec) => act(readPipelines(body, codec)),
    (_, codec) => writeEmpty(codec),
  );
}

/** A method that reads its body at once, acts and writes what came of it. */
function answering<T>(
  method: string,
  act: (body: Uint8Array, codec: number) => Promise<T>,
  write: (value: T, codec: number) => Uint8Array,
): RpcMethod {
  return async (body, codec) => {
    try {
      return write(await act(body, codec), codec);
    } catch (error) {
      throw answerErrorOf(method, error);
    }
  };
}
