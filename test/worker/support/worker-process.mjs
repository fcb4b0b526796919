// A worker of the built library. The first argument says what it is; what its jobs do stands in their name.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker as Thread } from 'node:worker_threads';

const [, , kind, dist] = process.argv;
const { Consumer, Worker, WorkerEnvironment, createRelay } = await import(`${dist}/runtime/worker.js`);

/** @type {Record<string, (task: { text(): string }) => unknown>} */
const JOBS = {
  print: () => {
    console.log('stray log');
    process.stdout.write('stray write\n');
    console.error('to stderr');
  },
  'print.descriptor': () => writeSync(1, 'stray descriptor\n'),
  'print.child': () => spawnSync(process.execPath, ['-e', 'console.log("stray child")'], { stdio: 'inherit' }),
  'print.thread': () => once(new Thread('console.log("stray thread")', { eval: true }), 'exit'),
  sleep: (task) => sleep(Number(task.text())),
  work: () => {},
};

async function consume() {
  for await (const task of new Consumer()) {
    await JOBS[task.name](task);
    await task.complete();
  }
}

async function loop() {
  const { WorkerLoop } = await import(`${dist}/worker/worker-loop.js`);
  const { HandlerExecutor } = await import(`${dist}/runtime/index.js`);
  const { SnoozeJobError } = await import(`${dist}/contract/job-errors.js`);
  const environment = WorkerEnvironment.fromProcess();
  const executor = new HandlerExecutor();
  for (const [name, run] of Object.entries(JOBS)) executor.add(name, run);
  executor.add('throw', () => Promise.reject(new RangeError('boom')), { attempts: 2, backoff: () => 0 });
  const noBackoff = () => {
    throw new TypeError('no backoff');
  };
  executor.add('throw.backoff', () => Promise.reject(new RangeError('boom')), { attempts: 9, backoff: noBackoff });
  executor.add('snooze.never', () => Promise.reject(new SnoozeJobError(Number.NaN)), { attempts: 2, backoff: () => 0 });
  executor.add('put.back', async (context) => {
    if (!context.hasHeader('seen')) await context.requeue('once more', { headers: { seen: 'yes' } });
  });
  executor.add('until.abort', ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))));
  const relay = createRelay(environment.relayAddress, { descriptor: environment.relayDescriptor });
  const retryOf = () => ({ attempts: 1, backoff: () => 0, onFailure: 'drop' });
  const end = await new WorkerLoop({ relay, executor, window: environment.window, foreign: { retryOf } }).run();
  process.stderr.write(`ended: ${end}\n`);
}

async function late() {
  console.log('said before there was a guard');
  await new Promise((resolve) => setImmediate(resolve));
  const worker = Worker.create();
  while ((await worker.waitPayload()) !== undefined);
}

await { consume, loop, late }[kind]();
