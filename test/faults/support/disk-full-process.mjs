// A process whose disk is filled by its own pushes. It says what it sees, and goes on when it is told that there is space.
import { createKernel, HandlerExecutor } from 'nestjs-roadrunner/kernel';
import { Jobs } from 'nestjs-roadrunner/client';

const { dataDir, failed = {} } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${line}\n`);
const isSpace = new Promise((resolve) => process.once('SIGUSR2', resolve));
const runs = { held: 0, quick: 0 };
const stock = new Map();
let letGo;
const isLetGo = new Promise((resolve) => (letGo = resolve));

const handlers = new HandlerExecutor();
handlers.add('held', async () => {
  if (++runs.held > 1) return;
  say('running');
  await isLetGo;
  throw new Error('It has to be put back while the disk is full.');
});
handlers.add('quick', () => void runs.quick++);
handlers.add('stock', ({ id }) => void stock.set(id, (stock.get(id) ?? 0) + 1));

const kernel = await createKernel(
  {
    dataDir,
    failed,
    retry: { backoff: { type: 'fixed', delay: 0.01, jitter: 'none' } },
    pipelines: { q: { driver: 'embedded' }, stock: { driver: 'embedded' } },
    consume: ['q'],
  },
  { executor: handlers },
);
await kernel.start();
const jobs = new Jobs(kernel);
// Too large for a gap in the file: its requeue needs new space.
await jobs.connect('q').push('held', Buffer.alloc(20_000));
await jobs.connect('q').push('quick', '');

const accepted = [];
let error;
while (error === undefined) {
  try {
    accepted.push((await jobs.connect('stock').push('stock', Buffer.alloc(20_000))).id);
  } catch (cause) {
    error = cause;
  }
}
say(`full ${JSON.stringify({ code: error.code, message: error.message, isRetriable: error.retriable })}`);
letGo();
// The requeue fails on the full disk, and is tried again.
await new Promise((resolve) => setTimeout(resolve, 100));
say(`went on ${JSON.stringify(runs)}`);

const alive = setInterval(() => {}, 1_000);
await isSpace;
clearInterval(alive);
accepted.push((await jobs.connect('stock').push('stock', 'there is space')).id);
say('accepts again');
await kernel.resume('stock');
for (;;) {
  const stats = await kernel.stat();
  if (runs.held > 1 && stats.every(({ active, reserved, delayed }) => active + reserved + delayed === 0)) break;
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const lost = accepted.filter((id) => !stock.has(id)).length;
const twice = [...stock.values()].filter((count) => count > 1).length;
await kernel.close();
say(`done ${JSON.stringify({ accepted: accepted.length, lost, twice, ...runs })}`);
