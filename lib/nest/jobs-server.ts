import { Logger } from '@nestjs/common';
import { RpcException, Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { unknownKeyMessage } from '../config/issues.js';
import { JobsArgumentError } from '../contract/errors.js';
import { HandlerConflictError } from '../contract/job-errors.js';
import type { JobsEventMap, JobsEventName } from '../contract/jobs-events.js';
import type { KernelEnvironment } from '../contract/kernel-environment.js';
import type { KernelDispatcher } from '../contract/service.js';
import { messageOf } from '../contract/thrown.js';
import type { Kernel } from '../kernel/kernel.js';
import type { JobContext } from '../runtime/job-context.js';
import type { JobHandlerOptions } from './decorators/job-handler.decorator.js';
import { OPTION_NAMES } from './job-explorer.js';
import type { JobsKernel } from './jobs-kernel.js';
import { oneLine } from './nest-logger.js';
import { followToEnd } from './result-stream.js';
import { JOBS_TRANSPORT } from './tokens.js';

/** Which jobs a pattern means. */
interface PatternRoute {
  readonly job: string;
  readonly queue: string | undefined;
}

/** What of a handler's settings may stand as extras of a pattern. */
type JobPatternExtras = Omit<JobHandlerOptions, 'queue' | 'default' | 'kernel'>;
const NO_EXTRAS: ReadonlySet<string> = new Set(['queue', 'default', 'kernel'] satisfies Exclude<keyof JobHandlerOptions, keyof JobPatternExtras>[]);

/** The handlers of one route: one for messages, any number for events. */
interface PatternHandlers {
  readonly label: string;
  readonly isEvent: boolean;
  readonly callbacks: MessageHandler[];
}

/**
 * The kernel as a transport of Nest, for `@EventPattern()` and `@MessagePattern()` of {@link JOBS_TRANSPORT}:
 * `app.connectMicroservice({ strategy: app.get(JobsServer) })`. Handlers marked with `@JobHandler()` need no such line,
 * and are bound once all the same. A pattern is the name of a job, or `{ job, queue }`; both may have wildcards. The extras of a pattern are
 * settings of the handler, as `@JobHandler()` has them; of several event handlers of one pattern those of the first count.
 *
 * Nest hides the errors of these handlers from a transport: it logs the error itself, and the failed job says "Internal server error"
 * unless the handler throws a `RpcException`. `@JobHandler()` keeps the error.
 *
 * It consumes when the application is ready, not at `listen`, which a hybrid application calls too early. It is also the dispatcher that serves
 * jobs in a process that a kernel spawned for them.
 *
 * @publicApi
 */
export class JobsServer extends Server implements CustomTransportStrategy, KernelDispatcher {
  override readonly transportId = JOBS_TRANSPORT;
  /** Nest 12 leaves the errors of event handlers to us: they decide whether the job runs again. */
  override readonly propagatesEventHandlerErrors = true;
  readonly #kernel: JobsKernel;
  readonly #handlers = new Map<string, PatternHandlers>();

  constructor(kernel: JobsKernel) {
    super();
    this.#kernel = kernel;
  }

  /**
   * Called by Nest for every pattern of this transport, and for those that name no transport.
   *
   * @throws HandlerConflictError when two handlers claim the same jobs and not both are event handlers.
   * @throws JobsArgumentError when the pattern names no job.
   */
  override addHandler(pattern: unknown, callback: MessageHandler, isEventHandler = false, extras: Record<string, unknown> = {}): void {
    const route = routeOf(pattern);
    if (route === undefined) return this.#passOver(pattern);
    const label = `@${isEventHandler ? 'EventPattern' : 'MessagePattern'}(${JSON.stringify(pattern)})`;
    const key = JSON.stringify([route.job, route.queue]);
    const known = this.#handlers.get(key);
    if (known === undefined) {
      super.addHandler(pattern, callback, isEventHandler, extras);
      const handlers = { label, isEvent: isEventHandler, callbacks: [callback] };
      this.#handlers.set(key, handlers);
      this.#warnOfUnknown(extras, label);
      this.#bind(route, handlers, extras);
    } else if (known.isEvent && isEventHandler) {
      // Not chained by `next`, as the base class does: a chain loses the failure of one handler when the other returns an empty stream.
      known.callbacks.push(Object.assign(callback, { isEventHandler, extras }));
    } else {
      throw new HandlerConflictError(`job "${route.job}"`, route.queue, known.label, label);
    }
  }

  /** True in a process that was spawned to run jobs: `RR_MODE=jobs`. */
  canServe(environment: KernelEnvironment): boolean {
    return environment.isSpawnedFor('jobs');
  }

  /** Runs the handlers of this process for the kernel that spawned it, until it asks to stop or is gone. */
  serve(): Promise<unknown> {
    return this.#kernel.serveJobs();
  }

  listen(callback: (...optionalParams: unknown[]) => unknown): void {
    callback();
  }

  // Draining and closing belong to the module, which outlives the transport.
  close(): void {}

  /** Listens to an event of the kernel, `completed` for instance. */
  on<E extends string = JobsEventName>(event: E, callback: unknown): void {
    this.#kernel.events.on(event as JobsEventName, callback as (event: JobsEventMap[JobsEventName]) => void);
  }

  /** The kernel without Nest; `undefined` where pushes go to a kernel elsewhere. */
  unwrap<T = Kernel | undefined>(): T {
    return this.#kernel.kernel as T;
  }

  // An application with several transports offers to each of them what names none.
  #passOver(pattern: unknown): void {
    new Logger('JobsModule').warn(
      `The pattern ${JSON.stringify(pattern)} names no job and is left to other transports. Name the transport it belongs to; for a job, write { job }.`,
    );
  }

  // Told and no more: a pattern that names no transport may have extras of another one.
  #warnOfUnknown(extras: object, label: string): void {
    const known = OPTION_NAMES.filter((name) => !NO_EXTRAS.has(name));
    for (const name of Object.keys(extras).filter((one) => !known.includes(one))) {
      new Logger('JobsModule').warn(oneLine(`The extras of ${label} are settings of a handler of jobs. ${unknownKeyMessage(name, known)}`));
    }
  }

  #bind({ job, queue }: PatternRoute, { label, callbacks }: PatternHandlers, { declaredLater = false, ...extras }: JobPatternExtras): void {
    this.#kernel.add({
      name: job,
      options: { ...extras, queue },
      declaredLater,
      label,
      handle: (context) => this.#handle(callbacks, context),
    });
  }

  // Between the hooks that tracing sets. Not `handleEvent`: it hides whether the handler failed.
  #handle(callbacks: readonly MessageHandler[], context: JobContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        await runAll(callbacks, context).then(resolve, reject);
        await this.#end(context);
      };
      // Hooks may be async. One that rejects before the run has begun is the failure of the job, which would wait for ever.
      const started: unknown = this.onProcessingStartHook(JOBS_TRANSPORT, context as never, run);
      Promise.resolve(started).catch(reject);
    });
  }

  // The job is settled, and nobody awaits this: what a hook throws here is told, and ends no process.
  async #end(context: JobContext): Promise<void> {
    try {
      await (this.onProcessingEndHook?.(JOBS_TRANSPORT, context as never) as unknown);
    } catch (error) {
      new Logger('JobsModule').error(oneLine(`The hook at the end of job "${context.name}" (${context.id}) failed: ${messageOf(error)}`));
    }
  }
}

/** Runs all to their end. The first failure is that of the job, which runs all of them again. */
async function runAll(callbacks: readonly MessageHandler[], context: JobContext): Promise<void> {
  const payload = context.value();
  const results = await Promise.allSettled(callbacks.map(async (callback) => followToEnd(await callback(payload, context as never), context)));
  const failure = results.find((result) => result.status === 'rejected');
  // What a transport gets to see is a plain object.
  if (failure !== undefined) throw failure.reason instanceof Error ? failure.reason : new RpcException(failure.reason as object);
}

/** @throws JobsArgumentError when it has the form of ours and cannot be used. */
function routeOf(pattern: unknown): PatternRoute | undefined {
  if (typeof pattern === 'string' && pattern !== '') return { job: pattern, queue: undefined };
  if (typeof pattern !== 'object' || pattern === null || !('job' in pattern)) return undefined;
  const { job, queue } = pattern as { readonly job: unknown; readonly queue?: unknown };
  if (typeof job === 'string' && job !== '' && (queue === undefined || (typeof queue === 'string' && queue !== ''))) return { job, queue };
  throw new JobsArgumentError(`A handler of jobs has the pattern ${JSON.stringify(pattern)}. Use the name of a job, or { job, queue }.`);
}
