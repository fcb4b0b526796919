import { JobsArgumentError, JobsError } from '../../contract/errors.js';
import type { FailedJobQuery, JobQuery, KernelAdmin, ReplayOptions } from '../../contract/kernel-admin.js';
import { messageOf } from '../../contract/thrown.js';
import { AnswerError } from '../../wire/answer-error.js';
import { FrameFlag } from '../../wire/frame.js';
import { parseJson } from '../../wire/go-json.js';
import type { RpcMethod, RpcMethods } from '../rpc-method.js';
import { writeNrr } from './nrr-values.js';

// What our kernel can do and a RoadRunner cannot: KernelAdmin over RPC, without the worker processes, which informer and resetter show
// and manage. Body: a JSON array of the arguments; answer: JSON. An error reads `CODE: message`, with the code of its class.

/** What a method does with its arguments. */
export type Act = (args: readonly unknown[]) => Promise<unknown>;

/** The methods of `nrr`. */
export function nrrMethods(admin: KernelAdmin, version: string): RpcMethods {
  const { failed } = admin;
  const acts: Readonly<Record<string, Act>> = {
    Version: async () => version,
    Counters: () => admin.counters(),
    Running: async () => (await admin.running()).map((job) => ({ ...job, progress: plainOf(job.progress) })),
    Cancel: ([id, reason]) => admin.cancel(text(id, 'id'), optionalText(reason, 'reason')),
    Browse: ([pipeline, query]) => admin.browse(text(pipeline, 'pipeline'), fields<JobQuery>(query, 'query')),
    Remove: ([pipeline, id]) => admin.remove(text(pipeline, 'pipeline'), text(id, 'id')),
    Promote: ([pipeline, id]) => admin.promote(text(pipeline, 'pipeline'), text(id, 'id')),
    Purge: ([pipeline, query]) => admin.purge(text(pipeline, 'pipeline'), fields<JobQuery>(query, 'query')),
    FailedList: ([query]) => failed.list(fields<FailedJobQuery>(query, 'query')),
    FailedGet: ([id]) => failed.get(text(id, 'id')),
    FailedCount: ([query]) => failed.count(fields<FailedJobQuery>(query, 'query')),
    FailedReplay: async ([which, options]) => {
      const { replayed, errors } = await failed.replay(failedJobs(which), fields<ReplayOptions>(options, 'options'));
      return { replayed, errors: errors.map(({ id, error }) => ({ id, error: textOf(error) })) };
    },
    FailedRemove: ([which]) => failed.remove(failedJobs(which)),
  };
  return new Map(Object.entries(acts).map(([name, act]) => [`nrr.${name}`, answering(act)]));
}

/** A method whose body is a JSON array of its arguments and whose answer is JSON. */
export function answering(act: Act): RpcMethod {
  return async (body, codec) => {
    if (codec !== FrameFlag.json) throw new AnswerError('INVALID_ARGUMENT: nrr methods take JSON only.');
    try {
      return writeNrr(await act(argumentsOf(body)));
    } catch (error) {
      throw error instanceof AnswerError ? error : new AnswerError(textOf(error), { cause: error });
    }
  };
}

function argumentsOf(body: Uint8Array): readonly unknown[] {
  const args = body.length === 0 ? [] : parseJson(body, 'slice');
  if (Array.isArray(args)) return args as readonly unknown[];
  throw new JobsArgumentError('The body is no JSON array. Send the arguments of the method as one.');
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new JobsArgumentError(`"${what}" is ${typeof value}. Give a text.`);
}

function optionalText(value: unknown, what: string): string | undefined {
  return value === undefined || value === null ? undefined : text(value, what);
}

function fields<T extends object>(value: unknown, what: string): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return { ...value } as T;
  throw new JobsArgumentError(`"${what}" is ${typeof value}. Give an object.`);
}

function failedJobs(which: unknown): string | readonly string[] | FailedJobQuery {
  if (typeof which === 'string') return which;
  if (Array.isArray(which)) return which.map((id) => text(id, 'id'));
  const query = fields<FailedJobQuery>(which, 'which');
  if (query === undefined) throw new JobsArgumentError('It is not said which jobs. Give an id, several ids, or a query; an empty query is all.');
  return query;
}

/** A handler may report what JSON cannot say. */
function plainOf(progress: unknown): unknown {
  try {
    JSON.stringify(progress);
    return progress;
  } catch {
    return String(progress);
  }
}

function textOf(error: unknown): string {
  if (error instanceof JobsError) return `${error.code}: ${error.message}`;
  return messageOf(error);
}
