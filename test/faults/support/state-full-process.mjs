// A process whose failed jobs fill the disk of its state store; its jobs lie on another one. It says what it sees, and goes on
// when it is told that there is space.
import { createKernel, HandlerExecutor, UnrecoverableJobError } from 'nestjs-roadrunner/kernel';
import { Jobs } from 'nestjs-roadrunner/client';

const { dataDir, file } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${line}\n`);
const isSpace = new Promise((resolve) => process.once('SIGUSR2', resolve));
/** What was seen: runs of the quick job, and the first error of the log. */
const seen = { quick: 0, refused: undefined };
const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: (message, { error } = {}) => (seen.refused ??= error && { message, error }) };

const handlers = new HandlerExecutor();
handlers.add('hopeless', () => {
  throw new UnrecoverableJobError('It never works.');
});
handlers.add('quick', () => void seen.quick++);
const kernel = await createKernel({ dataDir, pipelines: { q: { driver: 'embedded', file } } }, { executor: handlers, logger });
await kernel.start();
const queue = new Jobs(kernel).connect('q');
const isEmpty = async () => (await kernel.stat()).every(({ active, reserved, delayed }) => active + reserved + delayed === 0);
const turn = () => new Promise((resolve) => setTimeout(resolve, 2));

const pushed = [];
while (seen.refused === undefined) {
  pushed.push((await queue.push('hopeless', Buffer.alloc(20_000))).id);
  while (seen.refused === undefined && !(await isEmpty())) await turn();
}
const { message, error } = seen.refused;
say(`full ${JSON.stringify({ message, code: error.code, reason: error.message, readable: await kernel.admin.failed.count() })}`);
await queue.push('quick', '');
while (seen.quick === 0) await turn();
say(`went on ${JSON.stringify({ quick: seen.quick, pushed: pushed.length })}`);

const alive = setInterval(() => {}, 1_000);
await isSpace;
clearInterval(alive);
while (!(await isEmpty())) await turn();
const records = [];
for (let after; ;) {
  const page = await kernel.admin.failed.list({ limit: 1_000, ...(after === undefined ? {} : { after }) });
  records.push(...page.jobs.map(({ id }) => id));
  after = page.next;
  if (after === undefined) break;
}
const lost = pushed.filter((id) => !records.includes(id)).length;
await kernel.close();
say(`done ${JSON.stringify({ pushed: pushed.length, lost, twice: records.length - new Set(records).size })}`);
