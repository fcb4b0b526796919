import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { jest } from '@jest/globals';
import { Jobs } from '../../lib/client/jobs.js';
import { systemClock, type Clock } from '../../lib/contract/clock.js';
import { JobRecord, NO_HEADERS } from '../../lib/contract/job.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../lib/runtime/handler-executor.js';
import type { HandlerFunction, HandlerOptions } from '../../lib/runtime/handler.js';
import { settled } from '../support/kernel.js';

const JOBS = 1_000;
/** What may be made once per burst, not per job. */
const FEW = 20;

/** What was made while `work` ran. */
interface Counted {
  /** Asynchronous resources by their type: PROMISE, Timeout, Immediate … */
  readonly resources: Readonly<Record<string, number>>;
  readonly storageCalls: number;
  readonly abortControllers: number;
  readonly ids: number;
  readonly timers: number;
}

async function count(
  work: (kernel: Awaited<ReturnType<typeof open>>) => Promise<void> | void,
  given: Parameters<typeof open>[0] = {},
): Promise<Counted> {
  const kernel = await open(given);
  // Once before, so that what is made at the first job is not counted.
  await work(kernel);
  await settled();
  const resources: Record<string, number> = Object.create(null) as Record<string, number>;
  const hook = createHook({ init: (_id, type) => void (resources[type] = (resources[type] ?? 0) + 1) });
  const run = jest.spyOn(AsyncLocalStorage.prototype, 'run');
  const enterWith = jest.spyOn(AsyncLocalStorage.prototype, 'enterWith');
  const ids = jest.spyOn(globalThis.crypto, 'randomUUID');
  const { AbortController: Original } = globalThis;
  let abortControllers = 0;
  globalThis.AbortController = class extends Original {
    constructor() {
      super();
      abortControllers++;
    }
  };
  const timersBefore = kernel.timers();
  hook.enable();
  try {
    await work(kernel);
  } finally {
    hook.disable();
    globalThis.AbortController = Original;
  }
  const counted = {
    resources,
    storageCalls: run.mock.calls.length + enterWith.mock.calls.length,
    abortControllers,
    ids: ids.mock.calls.length,
    timers: kernel.timers() - timersBefore,
  };
  jest.restoreAllMocks();
  await kernel.close();
  return counted;
}

async function open({ handle = () => undefined, options = {} }: { handle?: HandlerFunction; options?: HandlerOptions } = {}) {
  let timers = 0;
  const clock: Clock = {
    ...systemClock,
    setTimer: (delayMs, callback) => {
      timers++;
      return systemClock.setTimer(delayMs, callback);
    },
  };
  const executor = new HandlerExecutor().add('job', handle, options);
  const kernel = await createKernel({ pipelines: { q: { driver: 'memory' } } }, { executor, clock });
  await kernel.start();
  const jobs = new Jobs(kernel);
  return { kernel, queue: jobs.connect('q'), timers: () => timers, close: () => kernel.close() };
}

type Opened = Awaited<ReturnType<typeof open>>;

/** A thousand plain jobs, pushed and handled. */
async function runAll({ kernel, queue }: Opened): Promise<void> {
  const before = (await kernel.admin.counters()).completed;
  for (let index = 0; index < JOBS; index++) void queue.push('job', 'payload');
  while ((await kernel.admin.counters()).completed < before + JOBS) await new Promise((resolve) => setImmediate(resolve));
}

describe('A plain job', () => {
  it('touches no AsyncLocalStorage', async () => {
    expect((await count(runAll)).storageCalls).toBe(0);
    const storage = new AsyncLocalStorage<number>();
    expect((await count(runAll, { handle: () => storage.run(1, () => undefined) })).storageCalls).toBe(JOBS);
  });

  it('makes no AbortController, unless its handler reads the signal', async () => {
    expect((await count(runAll)).abortControllers).toBe(0);
    expect((await count(runAll, { handle: (context) => void context.signal })).abortControllers).toBe(JOBS);
  });

  it('makes no id, unless somebody reads it', async () => {
    expect((await count(runAll)).ids).toBe(0);
    expect((await count(runAll, { handle: (context) => void context.id })).ids).toBe(JOBS);
  });

  it('sets no timer, also with a time-out', async () => {
    expect((await count(runAll)).timers).toBe(0);
    expect((await count(runAll, { options: { timeout: 60 } })).timers).toBe(0);
    let delay = 1_000;
    const sooner = ({ queue }: Opened): void => {
      for (let index = 0; index < 100; index++) void queue.push('job', 'payload', { delay: delay-- });
    };
    expect((await count(sooner)).timers).toBe(100);
  });

  it('keeps no promise while it is queued: a push into the kernel makes none', async () => {
    const pushAll = ({ kernel }: Opened): void => {
      for (let index = 0; index < JOBS; index++) void kernel.push(new JobRecord('job', 'q', 'payload', NO_HEADERS, 0, 0, false, undefined));
    };
    expect((await count(pushAll)).resources['PROMISE'] ?? 0).toBeLessThanOrEqual(FEW);
    const pushAwaited = ({ kernel }: Opened): void => {
      for (let index = 0; index < JOBS; index++) {
        void kernel.push(new JobRecord('job', 'q', 'payload', NO_HEADERS, 0, 0, false, undefined)).then(() => undefined);
      }
    };
    expect((await count(pushAwaited)).resources['PROMISE']).toBeGreaterThanOrEqual(JOBS);
  });

  it('makes one promise at the push through a queue, for its caller, and none after it when its handler is synchronous', async () => {
    expect((await count(runAll)).resources['PROMISE']).toBeLessThanOrEqual(JOBS + 10 * FEW);
    expect((await count(runAll, { handle: () => Promise.resolve() })).resources['PROMISE']).toBeGreaterThanOrEqual(2 * JOBS);
  });

  it('makes no asynchronous resource of another kind', async () => {
    const { resources } = await count(runAll);
    for (const [type, made] of Object.entries(resources)) if (type !== 'PROMISE') expect([type, made <= FEW]).toEqual([type, true]);
    const timed = await count(runAll, { handle: () => void setTimeout(() => undefined, 0) });
    expect(timed.resources['Timeout']).toBeGreaterThanOrEqual(JOBS);
  });
});
