import type { KernelOptions } from '../../lib/config/kernel-options.js';
import type { JobsLogger } from '../../lib/contract/logger.js';
import type { Kernel } from '../../lib/kernel/kernel.js';
import { Jobs } from '../../lib/client/jobs.js';
import { createKernel, type CreateKernelParts } from '../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../lib/runtime/handler-executor.js';
import type { HandlerFunction, HandlerOptions } from '../../lib/runtime/handler.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

/** One line of a log. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that remembers. */
export function createLog(): JobsLogger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write =
    (level: LogLine['level']) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      lines.push({ level, message, fields });
    };
  return { lines, debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

export interface OpenedKernel {
  readonly kernel: Kernel;
  readonly jobs: Jobs;
  readonly handlers: HandlerExecutor;
  readonly clock: VirtualClock;
  readonly log: ReturnType<typeof createLog>;
  on(name: string | undefined, handle: HandlerFunction, options?: HandlerOptions): void;
}

const opened: { readonly kernel: Kernel; readonly clock: VirtualClock | undefined }[] = [];

/** A kernel of real parts on a virtual clock, with one memory pipeline `q` unless the test says otherwise. Started. */
export async function openKernel(options: KernelOptions = {}, parts: CreateKernelParts = {}): Promise<OpenedKernel> {
  const clock = new VirtualClock();
  const log = createLog();
  const handlers = new HandlerExecutor({ logger: log });
  const kernel = await createKernel({ pipelines: { q: { driver: 'memory' } }, ...options }, { executor: handlers, clock, logger: log, ...parts });
  opened.push({ kernel, clock: parts.clock === undefined ? clock : parts.clock instanceof VirtualClock ? parts.clock : undefined });
  await kernel.start();
  return { kernel, jobs: new Jobs(kernel), handlers, clock, log, on: (name, handle, given) => void handlers.add(name, handle, given) };
}

/** To be called after each test. */
export async function closeKernels(): Promise<void> {
  await Promise.all(
    opened.splice(0).map(async ({ kernel, clock }) => {
      const closing = kernel.close({ timeoutMs: 0, graceMs: 0 });
      // For handlers that a test left behind.
      await clock?.advance(1);
      await closing;
    }),
  );
}

/** A promise with its settlers. */
export function deferred<T = void>(): { readonly promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}

/** Lets everything happen that needs no time. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
