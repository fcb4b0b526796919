// A process with a pipeline, an embedded one unless it is told otherwise, that pushes and handles jobs until it is killed, or until nothing is left.
// Every line of its ledger is one write of its own: it is in the file when the process dies in the next instruction.
//
//     B <round> - <ms>             the library is loaded, nothing else has happened
//     T <round> <job> <ms> <due>   a push is tried          A  it was accepted
//     S <round> <job> <ms>         a run starts             F  it finished       X  it failed and is to run again
import { openSync, writeSync } from 'node:fs';
import { createKernel, HandlerExecutor, JobRecord, NO_HEADERS } from 'nestjs-roadrunner/kernel';

const given = JSON.parse(process.argv[2]);
const { dataDir, ledger, round, seed, push, numPollers, isLast, pauseMs = 0, pipeline = { driver: 'embedded' }, kernelOptions = {} } = given;
const PIPELINE = 'q';
const handle = openSync(ledger, 'a');
const note = (kind, job, more = '') => writeSync(handle, `${kind} ${round} ${job} ${Date.now()} ${more}\n`);
note('B', '-');
const random = createRandom(seed);
let finished = 0;

const handlers = new HandlerExecutor();
handlers.add(undefined, async (context) => {
  const job = context.id;
  note('S', job);
  if (context.name === 'slow') await new Promise((resolve) => setTimeout(resolve, random() * 6));
  if (context.name === 'turn') await new Promise((resolve) => setImmediate(resolve));
  if (context.name === 'retried' && context.attempt === 1) {
    note('X', job);
    throw new Error('The first run of this job fails.');
  }
  note('F', job);
  if (finished++ === 0) process.stdout.write('works\n');
});

const kernel = await createKernel(
  {
    dataDir,
    numPollers,
    maxCrashes: 1_000,
    retry: { attempts: 1_000, backoff: { type: 'fixed', delay: 0.02, jitter: 'none' } },
    pipelines: { [PIPELINE]: pipeline },
    ...kernelOptions,
  },
  { executor: handlers },
);
await kernel.start();
process.stdout.write('ready\n');

const ids = Array.from({ length: push }, (_, index) => `${round}-${index}`);
while (ids.length > 0) {
  await Promise.all(ids.splice(0, 1 + Math.floor(random() * 60)).map(pushOne));
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
}

if (isLast) {
  while ((await left()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await kernel.close();
}

async function pushOne(id) {
  const name = pick(['slow', 'slow', 'turn', 'plain', 'retried']);
  const delayMs = random() < 0.25 ? 1 + Math.floor(random() * 200) : 0;
  const priority = Math.floor(random() * 7) - 3;
  note('T', id, Date.now() + delayMs);
  await kernel.push(new JobRecord(name, PIPELINE, `payload of ${id}`, NO_HEADERS, priority, delayMs, false, id));
  note('A', id);
}

async function left() {
  const [stat] = await kernel.stat();
  return stat.active + stat.reserved + stat.delayed;
}

function pick(names) {
  return names[Math.floor(random() * names.length)];
}

/** The same numbers for the same seed. */
function createRandom(start) {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
