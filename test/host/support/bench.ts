import { KernelEnvironment } from '../../../lib/contract/kernel-environment.js';
import { silentLogger, type JobsLogger } from '../../../lib/contract/logger.js';
import type { KernelServiceContext } from '../../../lib/contract/service.js';
import type { WorkerPayload, WorkerPool, WorkerPoolFactory, WorkerPoolRequest, WorkerState } from '../../../lib/contract/worker.js';
import { VirtualClock } from '../../../lib/testing/virtual-clock.js';

/** A pool whose answers a test gives. */
export class ScriptedPool implements WorkerPool {
  /** What it was given, as text. */
  readonly given: { readonly context: string; readonly body: string }[] = [];
  readonly calls: string[] = [];
  states: WorkerState[] = [];
  /** False: answers wait for {@link answer}. */
  answersAtOnce = true;
  readonly #waiting: { resolve(payload: WorkerPayload): void; reject(error: Error): void }[] = [];

  execute({ context, body }: WorkerPayload): Promise<WorkerPayload> {
    this.given.push({ context: Buffer.from(context).toString(), body: Buffer.from(body).toString() });
    if (this.answersAtOnce) return Promise.resolve({ context: new Uint8Array(0), body: new Uint8Array(0) });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  answer(): void {
    this.#waiting.shift()!.resolve({ context: new Uint8Array(0), body: new Uint8Array(0) });
  }

  fail(error: Error): void {
    this.#waiting.shift()!.reject(error);
  }

  workers(): WorkerState[] {
    return this.states;
  }

  addWorker(): Promise<void> {
    return this.#note('add');
  }

  removeWorker(): Promise<void> {
    return this.#note('remove');
  }

  reset(): Promise<void> {
    return this.#note('reset');
  }

  stop(): Promise<void> {
    return this.#note('stop');
  }

  #note(call: string): Promise<void> {
    this.calls.push(call);
    return Promise.resolve();
  }
}

export interface HostBench {
  readonly clock: VirtualClock;
  readonly pool: ScriptedPool;
  readonly requests: WorkerPoolRequest[];
  readonly lines: string[];
  readonly context: KernelServiceContext;
}

/** What a service finds around it, made for a test. */
export function createBench(pools?: WorkerPoolFactory): HostBench {
  const clock = new VirtualClock();
  const pool = new ScriptedPool();
  const requests: WorkerPoolRequest[] = [];
  const lines: string[] = [];
  const line = (message: string): void => void lines.push(message);
  const logger: JobsLogger = { ...silentLogger, warn: line, error: line };
  const scripted: WorkerPoolFactory = {
    create: (request) => {
      requests.push(request);
      return Promise.resolve(pool);
    },
  };
  return { clock, pool, requests, lines, context: { environment: new KernelEnvironment({}), pools: pools ?? scripted, clock, logger } };
}

export function workerState(status: WorkerState['status']): WorkerState {
  return { pid: 7, status, executions: 0, inFlight: 0, window: 1, createdAt: 0, memoryBytes: 0 };
}
