import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { JobsArgumentError } from '../contract/errors.js';
import type { JobsEventMap, JobsEventName } from '../contract/jobs-events.js';
import type { Kernel } from '../kernel/kernel.js';
import type { JobContext } from '../runtime/job-context.js';
import type { JobsKernel } from './jobs-kernel.js';
import { followToEnd } from './result-stream.js';
import { JOBS_TRANSPORT } from './tokens.js';

/** What a pattern may say: the name of a job, or that and its queue. */
interface JobPattern {
  readonly job: string;
  readonly queue?: string;
}

/**
 * The kernel as a transport of Nest, for `@EventPattern()` and `@MessagePattern()` of {@link JOBS_TRANSPORT}:
 * `app.connectMicroservice({ strategy: app.get(JobsServer) })`. Handlers marked with `@JobHandler()` need no such line,
 * and are bound once all the same. A pattern is the name of a job, or `{ job, queue }`.
 *
 * It consumes when the application is ready, not at `listen`, which a hybrid application calls too early.
 *
 * @publicApi
 */
export class JobsServer extends Server implements CustomTransportStrategy {
  override readonly transportId = JOBS_TRANSPORT;
  /** Nest 12 leaves the errors of event handlers to us: they decide whether the job runs again. */
  override readonly propagatesEventHandlerErrors = true;
  readonly #kernel: JobsKernel;

  constructor(kernel: JobsKernel) {
    super();
    this.#kernel = kernel;
  }

  override addHandler(pattern: unknown, callback: MessageHandler, isEventHandler = false, extras: Record<string, unknown> = {}): void {
    const { job, queue } = patternOf(pattern);
    const route = `${job} of ${queue ?? 'every queue'}`;
    const isKnown = this.messageHandlers.has(this.normalizePattern(pattern as never));
    super.addHandler(pattern, callback, isEventHandler, extras);
    if (isKnown) return;
    this.#kernel.bindNow({
      name: job,
      options: queue === undefined ? {} : { queue },
      declaredLater: true,
      label: `The pattern handler of ${route}`,
      handle: (context) => this.#handle(pattern, context),
    });
  }

  listen(callback: (...optionalParams: unknown[]) => unknown): void {
    callback();
  }

  // Draining and closing belong to the module, which outlives the transport.
  close(): void {}

  /** Listens to an event of the kernel, `completed` for instance. */
  on<E extends string = JobsEventName>(event: E, callback: unknown): void {
    this.#kernel.kernel.events.on(event as JobsEventName, callback as (event: JobsEventMap[JobsEventName]) => void);
  }

  /** The kernel without Nest. */
  unwrap<T = Kernel>(): T {
    return this.#kernel.kernel as T;
  }

  // Not `handleEvent`: it hides whether the handler failed. Every handler of the pattern is followed to its end.
  async #handle(pattern: unknown, context: JobContext): Promise<unknown> {
    let handler = this.messageHandlers.get(this.normalizePattern(pattern as never)) as MessageHandler | undefined;
    let result: unknown;
    for (; handler !== undefined; handler = handler.next as MessageHandler | undefined) result = await followToEnd(await handler(context.value(), context));
    return result;
  }
}

function patternOf(pattern: unknown): JobPattern {
  if (typeof pattern === 'string' && pattern !== '') return { job: pattern };
  if (typeof pattern === 'object' && pattern !== null) {
    const { job, queue } = pattern as Partial<JobPattern>;
    if (typeof job === 'string' && job !== '' && (queue === undefined || typeof queue === 'string')) return queue === undefined ? { job } : { job, queue };
  }
  throw new JobsArgumentError(`A handler of jobs has the pattern ${JSON.stringify(pattern)}. Use the name of a job, or { job, queue }.`);
}
