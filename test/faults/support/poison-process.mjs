// A process with one job that kills whatever runs it, among jobs that do no harm.
import { createKernel, HandlerExecutor } from 'nestjs-roadrunner/kernel';
import { Jobs } from 'nestjs-roadrunner/client';

const { dataDir, push, maxCrashes } = JSON.parse(process.argv[2]);
const handlers = new HandlerExecutor();
handlers.add('poison', () => process.kill(process.pid, 'SIGKILL'));
handlers.add('harmless', ({ id, attempt }) => void process.stdout.write(`ran ${id} attempt ${attempt}\n`));
const kernel = await createKernel({ dataDir, maxCrashes, numPollers: 4, pipelines: { q: { driver: 'embedded' } } }, { executor: handlers });
const queue = new Jobs(kernel).connect('q');
if (push) {
  await queue.push('poison', 'drink me');
  for (let index = 0; index < 20; index++) await queue.push('harmless', '');
}
await kernel.start();
for (;;) {
  const [stat] = await kernel.stat();
  if (stat.active + stat.reserved + stat.delayed === 0) break;
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const { jobs } = await kernel.admin.failed.list();
process.stdout.write(
  `failed ${JSON.stringify(jobs.map(({ name, reason, attempts, error }) => ({ name, reason, attempts, error: error.message })))}\n`,
);
await kernel.close();
