// A process that kills itself at the n-th step of what it writes: before and after each call that changes the file of jobs,
// its file of starts or the state store, after each commit, and at the begin and end of each run. It ends well when it has
// fewer steps. Its ledger has the lines of `job-process.mjs`, and `K <step>` for the step at which it died.
import { openSync, writeSync } from 'node:fs';
import { createKernel, HandlerExecutor, JobRecord, NO_HEADERS, systemClock, UnrecoverableJobError } from 'nestjs-roadrunner/kernel';
import * as embedded from 'nestjs-roadrunner/drivers/embedded';
import { EmbeddedStore } from '../../../dist/store/embedded.store.js';

const { dataDir, ledger, dieAt } = JSON.parse(process.argv[2]);
const JOBS = [
  { name: 'plain', delayMs: 0, autoAck: false },
  { name: 'delayed', delayMs: 5, autoAck: false },
  { name: 'retried', delayMs: 0, autoAck: false },
  { name: 'once', delayMs: 0, autoAck: true },
  { name: 'final', delayMs: 0, autoAck: false },
];
const handle = openSync(ledger, 'a');
const note = (line) => writeSync(handle, `${line}\n`);
let steps = 0;

function step(name) {
  if (steps++ !== dieAt) return;
  note(`K ${name}`);
  process.kill(process.pid, 'SIGKILL');
}

/** The object itself, with a step before and after each call of `methods`, and one when its promise resolves. */
function stepped(object, label, methods, replaced = {}) {
  return new Proxy(object, {
    get(target, property) {
      if (Object.hasOwn(replaced, property)) return replaced[property];
      const value = target[property];
      if (typeof value !== 'function') return value;
      if (!methods.includes(property)) return value.bind(target);
      const call = `${label}.${String(property)}`;
      return (...args) => {
        step(`before ${call}`);
        const result = value.apply(target, args);
        step(`after ${call}`);
        // Before the driver's own listener, and without changing the promise: the driver compares it.
        if (typeof result?.then === 'function') result.then(() => step(`committed ${call}`));
        return result;
      };
    },
  });
}

function withSteps(resources) {
  return {
    release: (key) => resources.release(key),
    share: async (key, open) => {
      const file = await resources.share(key, open);
      return stepped(file, 'file', ['pipelineNumber', 'nextSequence'], {
        database: stepped(file.database, 'database', ['put', 'remove']),
        starts: stepped(file.starts, 'starts', ['take', 'write', 'erase', 'giveBack']),
      });
    },
  };
}

const module = {
  ...embedded,
  createDriver: (context) => {
    const driver = embedded.createDriver({ ...context, resources: withSteps(context.resources) });
    return stepped(driver, 'driver', ['push', 'starting']);
  },
};

const handlers = new HandlerExecutor();
let ended = 0;
handlers.add(undefined, async ({ id, name, attempt }) => {
  step(`run of ${name}`);
  note(`S 0 ${id} ${Date.now()}`);
  await Promise.resolve();
  step(`end of ${name}`);
  if (name === 'final') {
    note(`X 0 ${id} ${Date.now()}`);
    throw new UnrecoverableJobError('It never works.');
  }
  if (name === 'retried' && attempt === 1) {
    note(`X 0 ${id} ${Date.now()}`);
    throw new Error('The first run of this job fails.');
  }
  note(`F 0 ${id} ${Date.now()}`);
  ended++;
});

const store = await EmbeddedStore.open({ dataDir, clock: systemClock });
const kernel = await createKernel(
  { dataDir, maxCrashes: 1_000, retry: { backoff: { type: 'fixed', delay: 0.005, jitter: 'none' } }, pipelines: { q: { driver: 'embedded' } } },
  {
    executor: handlers,
    drivers: { embedded: () => Promise.resolve(module) },
    store: stepped(store, 'store', ['put', 'delete', 'transaction']),
  },
);
kernel.events.on('failed', ({ id }) => {
  step('failed');
  note(`D 0 ${id} ${Date.now()}`);
  ended++;
});
await kernel.start();
for (const { name, delayMs, autoAck } of JOBS) {
  note(`T 0 ${name} ${Date.now()} ${Date.now() + delayMs}`);
  await kernel.push(new JobRecord(name, 'q', name, NO_HEADERS, 0, delayMs, autoAck, name));
  note(`A 0 ${name} ${Date.now()}`);
}
while (ended < JOBS.length) await new Promise((resolve) => setTimeout(resolve, 2));
await kernel.close();
