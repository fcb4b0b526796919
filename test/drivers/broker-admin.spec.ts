import type { KernelOptions } from '../../lib/config/kernel-options.js';
import type { JobQuery, KernelAdmin } from '../../lib/contract/kernel-admin.js';
import { Jobs } from '../../lib/client/jobs.js';
import { connectJobs } from '../../lib/runtime/connect-jobs.js';
import { createKernel } from '../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../lib/runtime/handler-executor.js';
import { broker, type TestBroker } from '../support/brokers.js';
import { createLog, deferred } from '../support/kernel.js';
import { createTempFolder } from '../support/temp-folder.js';

const WAYS = ['in process', 'over RPC'] as const;
type Way = (typeof WAYS)[number];

/** Brokers, and what is made of them, take their time. */
const TEST_MS = 30_000;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Waits for a state that comes by itself. */
async function until(isMet: () => Promise<boolean>): Promise<void> {
  while (!(await isMet())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** One job runs, one waits in the kernel, two at the broker, one is delayed; the same administration in process and over RPC. */
async function openBusy(
  options: KernelOptions,
): Promise<{ admins: Readonly<Record<Way, KernelAdmin>>; ran: string[]; release(): void; left(): Promise<number> }> {
  const handlers = new HandlerExecutor();
  const kernel = await createKernel(
    { numPollers: 1, pipelineSize: 1, rpc: { listen: 'tcp://127.0.0.1:0' }, dataDir: createTempFolder(), failed: { store: 'memory' }, ...options },
    { executor: handlers, logger: createLog() },
  );
  closers.push(() => kernel.close({ timeoutMs: 0, graceMs: 0 }));
  const { promise, resolve } = deferred();
  const ran: string[] = [];
  handlers.add('*', async ({ name }) => {
    ran.push(name);
    await promise;
  });
  await kernel.start();
  const remote = connectJobs(kernel.rpcAddress!);
  closers.push(() => remote.close());
  const queue = new Jobs(kernel).connect('q');
  await queue.push('running', '');
  await until(async () => ran.length === 1);
  for (const name of ['waiting-1', 'waiting-2', 'waiting-3']) await queue.push(name, name);
  await until(async () => (await kernel.admin.browse('q', { state: 'waiting', name: 'waiting-1' })).jobs.length === 1);
  await queue.push('later', 'later', { delay: 600 });
  const left = async () => (await kernel.stat()).reduce((sum, { active, reserved, delayed }) => sum + active + reserved + delayed, 0);
  return {
    admins: { 'in process': kernel.admin, 'over RPC': remote.admin },
    ran,
    release: resolve,
    left,
  };
}

const names = async (admin: KernelAdmin, query?: JobQuery) => (await admin.browse('q', query)).jobs.map(({ name, state }) => `${name} ${state}`);

const describeAdmin = (server: TestBroker, driver: string, pipelineOf: () => KernelOptions): void =>
  server.suite(`KernelAdmin with the driver ${driver}`, () => {
    it.each(WAYS)(
      'purges what waits in the kernel and at the broker, and nothing that runs (%s)',
      async (way) => {
        const { admins, ran, release, left } = await openBusy(pipelineOf());
        const admin = admins[way];
        expect(await admin.purge('q')).toBe(4);
        expect(await names(admin)).toEqual(['running running']);
        release();
        await until(async () => (await left()) === 0);
        expect(ran).toEqual(['running']);
      },
      TEST_MS,
    );

    if (driver === 'beanstalk') return;

    it.each(WAYS)(
      'says what the broker cannot do (%s)',
      async (way) => {
        const { admins } = await openBusy(pipelineOf());
        const admin = admins[way];
        const unsupported = { code: 'NOT_SUPPORTED_BY_DRIVER' };
        await expect(admin.purge('q', { name: 'waiting-3' })).rejects.toMatchObject(unsupported);
        await expect(admin.promote('q', 'any')).rejects.toMatchObject(unsupported);
        await expect(admin.remove('q', 'any')).rejects.toMatchObject(unsupported);
        expect(await names(admin, { state: 'delayed' })).toEqual([]);
      },
      TEST_MS,
    );
  });

const unique = () => `admin-${crypto.randomUUID()}`;
const rabbit = await broker('amqp');
const sqs = await broker('sqs');
const beanstalkd = await broker('beanstalk');
const beanstalkOptions = (): KernelOptions => ({ beanstalk: { addr: beanstalkd.url }, pipelines: { q: { driver: 'beanstalk', tube: unique() } } });

describeAdmin(rabbit, 'amqp', () => ({ amqp: { addr: rabbit.url }, pipelines: { q: { driver: 'amqp', queue: unique(), exchange: unique() } } }));
describeAdmin(sqs, 'sqs', () => ({
  sqs: { endpoint: sqs.url, region: 'elasticmq', key: 'x', secret: 'x' },
  pipelines: { q: { driver: 'sqs', queue: unique(), waitTimeSeconds: 1, prefetch: 2 } },
}));
describeAdmin(beanstalkd, 'beanstalk', beanstalkOptions);

beanstalkd.suite('KernelAdmin with the driver beanstalk, job by job', () => {
  it.each(WAYS)(
    'browses, promotes, removes and purges (%s)',
    async (way) => {
      const { admins, ran, release, left } = await openBusy(beanstalkOptions());
      const admin = admins[way];
      const { jobs } = await admin.browse('q');
      expect(jobs.map(({ name, state }) => `${name} ${state}`)).toEqual([
        'running running',
        'waiting-1 waiting',
        'waiting-2 waiting',
        'waiting-3 waiting',
        'later delayed',
      ]);
      const idOf = (name: string) => jobs.find((job) => job.name === name)!.id;
      expect(Buffer.from(jobs[4]!.payload).toString()).toBe('later');
      expect(await admin.promote('q', idOf('later'))).toBe(true);
      expect(await admin.remove('q', idOf('waiting-2'))).toBe(true);
      expect(await admin.remove('q', idOf('waiting-1'))).toBe(true);
      expect(await admin.purge('q', { name: 'waiting-3' })).toBe(1);
      release();
      await until(async () => (await left()) === 0);
      expect(ran).toEqual(['running', 'later']);
    },
    TEST_MS,
  );
});
