import { JobsArgumentError, NotSupportedByKernelError } from '../../lib/contract/errors.js';
import { deadlineAfter, systemClock } from '../../lib/contract/clock.js';
import type { KernelAdmin, WorkerStat } from '../../lib/contract/kernel-admin.js';
import {
  DriverNotAvailableError,
  NotSupportedByDriverError,
  PayloadTooLargeError,
  PipelineAlreadyPausedError,
  PipelineAlreadyRunningError,
  PipelineExistsError,
  PipelineFullError,
  PipelineNotFoundError,
  PushUncertainError,
} from '../../lib/contract/pipeline-errors.js';
import { RpcUncertainError, RpcUnreachableError, ServiceError } from '../../lib/contract/rpc-errors.js';
import { DEFAULT_RPC_LIMITS } from '../../lib/contract/settings.js';
import { Jobs } from '../../lib/client/jobs.js';
import { kernelMethods } from '../../lib/relay/methods/kernel-methods.js';
import { RemoteJobsApi } from '../../lib/relay/remote-jobs-api.js';
import { RemoteKernelAdmin } from '../../lib/relay/remote-kernel-admin.js';
import { RpcClient } from '../../lib/relay/rpc-client.js';
import type { RpcSender } from '../../lib/relay/rpc-sender.js';
import { RpcServer } from '../../lib/relay/rpc-server.js';
import { readDeclare } from '../../lib/wire/jobs-messages.js';
import { PushReader } from '../../lib/wire/push-reader.js';
import { aJob, bytesOf } from '../support/jobs.js';
import { closeKernels, deferred, openKernel } from '../support/kernel.js';

const closers: (() => Promise<void>)[] = [];

/** A kernel behind a real server, and a client of it. */
async function open(options: Parameters<typeof openKernel>[0] = {}, change: (admin: KernelAdmin) => KernelAdmin = (admin) => admin) {
  const opened = await openKernel(options);
  const server = new RpcServer({
    settings: { listen: 'tcp://127.0.0.1:0', allowInsecure: false, limits: DEFAULT_RPC_LIMITS },
    methods: kernelMethods({ jobs: opened.kernel, admin: change(opened.kernel.admin), version: '1.2.3', config: () => ({}) }),
  });
  const { address } = await server.listen();
  const rpc = RpcClient.connect(address);
  closers.push(async () => {
    await rpc.close();
    await server.close(deadlineAfter(systemClock, 0));
  });
  return { ...opened, rpc, api: new RemoteJobsApi(rpc), admin: new RemoteKernelAdmin(rpc) };
}

/** Another side that answers what the test says; a text is an error answer. */
class ScriptedSender implements RpcSender {
  readonly address = 'tcp://127.0.0.1:1';
  readonly calls: { readonly method: string; readonly body: Uint8Array }[] = [];

  constructor(readonly answers: Record<string, string | Error | Uint8Array>) {}

  send(method: string, body: Uint8Array): Promise<Uint8Array> {
    this.calls.push({ method, body });
    const answer = this.answers[method] ?? new Uint8Array(0);
    if (answer instanceof Uint8Array) return Promise.resolve(answer);
    return Promise.reject(typeof answer === 'string' ? new ServiceError(method, this.address, answer) : answer);
  }
}

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
  await closeKernels();
});

describe('pipelines of another process', () => {
  it('runs a job that was pushed from there, with everything it carries', async () => {
    const { api, on } = await open();
    const ran = deferred<unknown>();
    on('job', (ctx) => ran.resolve({ id: ctx.id, payload: bytesOf(ctx.payload), headers: { ...ctx.headers } }));

    await api.push(aJob({ pipeline: 'q', id: 'x', payload: new Uint8Array([0, 255]), headers: { λ: ['1', ''] } }));

    expect(await ran.promise).toEqual({ id: 'x', payload: [0, 255], headers: { λ: ['1', ''] } });
  });

  it('serves the producer surface: create, push, stat, pause, resume, destroy', async () => {
    const { api } = await open();
    const jobs = new Jobs(api);
    const queue = await jobs.create({ name: 'made', driver: 'memory', maxJobs: 5, priority: 7 } as never);

    await queue.push('job', { a: 1 });

    expect(await queue.stat()).toMatchObject({ pipeline: 'made', ready: false, reserved: 1, priority: 7 });
    await queue.resume();
    expect(await queue.isPaused()).toBe(false);
    await queue.pause();
    expect((await jobs.names()).sort()).toEqual(['made', 'q']);
    expect(await jobs.destroy('made')).toEqual(['made']);
  });

  it.each<readonly [string, (api: RemoteJobsApi) => Promise<unknown>, new (...args: never[]) => Error, object]>([
    ['an unknown pipeline', (api) => api.push(aJob({ pipeline: 'nope' })), PipelineNotFoundError, { pipeline: 'nope' }],
    ['an unknown pipeline to pause', (api) => api.pause('q', 'nope'), PipelineNotFoundError, { pipeline: 'nope' }],
    ['one that is paused already', (api) => api.pause('q').then(() => api.pause('q')), PipelineAlreadyPausedError, { pipeline: 'q' }],
    ['one that runs already', (api) => api.resume('q'), PipelineAlreadyRunningError, { pipeline: 'q', driver: 'memory' }],
    ['a name that is taken', (api) => api.declare({ name: 'q', driver: 'memory' }), PipelineExistsError, { pipeline: 'q', driver: 'memory' }],
    ['an unknown driver', (api) => api.declare({ name: 'x', driver: 'nope' }), DriverNotAvailableError, { pipeline: 'x', driver: 'nope' }],
    [
      'a payload that is too large',
      (api) => api.push(aJob({ pipeline: 'q', payload: 'x'.repeat(101) })),
      PayloadTooLargeError,
      { payloadBytes: 101 },
    ],
  ])('gives the typed error of %s, with the answer as its cause', async (_, act, type, facts) => {
    const { api } = await open({ maxPayload: 100 });
    const error = await act(api).then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );

    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject(facts);
    expect(error?.cause).toBeInstanceOf(ServiceError);
  });

  it('names no pipelines and no drivers that it does not know', async () => {
    const { api } = await open();

    await expect(api.push(aJob({ pipeline: 'nope' }))).rejects.toThrow(/^No pipeline is called "nope"\. Configure it/);
    await expect(api.declare({ name: 'x', driver: 'nope' })).rejects.toThrow(/"nope", which is not available\.$/);
  });

  it('says of each job of a batch what became of it', async () => {
    const { api } = await open({ pipelines: { q: { driver: 'memory', maxJobs: 2 } }, consume: [], timeout: 0 });

    const outcomes = await api.pushMany([1, 2, 3, 4].map((i) => aJob({ pipeline: 'q', id: String(i) })));

    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, false]);
    expect(outcomes[2]).toMatchObject({ error: expect.any(PipelineFullError) as Error });
  });

  it('says that no job of a batch was stored when one pipeline is missing', async () => {
    const { api } = await open({ consume: [] });

    const outcomes = await api.pushMany(['q', 'nope', 'q'].map((pipeline, i) => aJob({ pipeline, id: String(i) })));

    expect(outcomes).toMatchObject([1, 2, 3].map(() => ({ ok: false, error: { code: 'PIPELINE_NOT_FOUND', pipeline: 'nope' } })));
    expect(await api.stat()).toMatchObject([{ reserved: 0 }]);
  });

  it('keeps unknown texts as they are', async () => {
    const api = new RemoteJobsApi(new ScriptedSender({ 'jobs.Push': 'rpc_push:\n\tjobs_plugin_push: something new' }));

    await expect(api.push(aJob())).rejects.toMatchObject({ code: 'RPC_SERVICE', text: 'rpc_push:\n\tjobs_plugin_push: something new' });
  });

  it('names the job whose fate is not known', async () => {
    const lost = new RpcUncertainError('jobs.Push', 'tcp://127.0.0.1:1', 'lost');
    const api = new RemoteJobsApi(new ScriptedSender({ 'jobs.Push': lost }));

    await expect(api.push(aJob({ pipeline: 'q', id: 'x' }))).rejects.toMatchObject({
      code: 'PUSH_UNCERTAIN',
      jobId: 'x',
      pipeline: 'q',
      cause: lost,
    });
  });

  it('says of a job that never left that it was not sent', async () => {
    const unsent = new RpcUnreachableError('jobs.Push', 'tcp://127.0.0.1:1', 'connect');

    await expect(new RemoteJobsApi(new ScriptedSender({ 'jobs.Push': unsent })).push(aJob())).rejects.toBe(unsent);
  });

  it('sends a large batch in parts, and none behind one that was lost', async () => {
    const sender = new ScriptedSender({});
    await new RemoteJobsApi(sender).pushMany(Array.from({ length: 10_001 }, () => aJob()));
    expect(sender.calls.map(({ body }) => new PushReader().readBatch(Buffer.from(body)).length)).toEqual([5_000, 5_000, 1]);

    const lost = new ScriptedSender({ 'jobs.PushBatch': new RpcUncertainError('jobs.PushBatch', 'x', 'timeout') });
    const outcomes = await new RemoteJobsApi(lost).pushMany(Array.from({ length: 5_001 }, () => aJob()));
    expect(lost.calls).toHaveLength(1);
    expect([outcomes[4_999], outcomes[5_000]]).toMatchObject([{ error: { code: 'PUSH_UNCERTAIN' } }, { error: { code: 'RPC_UNREACHABLE' } }]);
  });

  it('counts the headers, too, where it parts a batch', async () => {
    const sender = new ScriptedSender({});
    await new RemoteJobsApi(sender).pushMany(Array.from({ length: 400 }, () => aJob({ headers: { h: ['x'.repeat(60_000)] } })));

    expect(sender.calls.length).toBeGreaterThan(1);
    expect(Math.max(...sender.calls.map(({ body }) => body.length))).toBeLessThan(17 * 1024 * 1024);
  });

  it('says why the later parts of a batch were not sent', async () => {
    const sender = new ScriptedSender({ 'jobs.PushBatch': new RpcUnreachableError('jobs.PushBatch', 'x', 'full') });
    const outcomes = await new RemoteJobsApi(sender).pushMany(Array.from({ length: 5_001 }, () => aJob()));

    expect(outcomes[5_000]).toMatchObject({ error: { code: 'RPC_UNREACHABLE', reason: 'full' } });
  });

  it('sends the later parts of a batch when one is too large for a frame', async () => {
    const sender = new ScriptedSender({ 'jobs.PushBatch': new RpcUnreachableError('jobs.PushBatch', 'x', 'size') });
    await new RemoteJobsApi(sender).pushMany(Array.from({ length: 5_001 }, () => aJob()));

    expect(sender.calls).toHaveLength(2);
  });

  it('names each job of a batch whose fate is not known', async () => {
    const text = 'Pipeline "q" gave no answer within 5 ms. Job a may or may not be stored: push it again with the same id.';
    const api = new RemoteJobsApi(new ScriptedSender({ 'jobs.PushBatch': `rpc_push_batch:\n\tx: ${text}; 2 of 3 jobs were not stored: 0, 2` }));

    const outcomes = await api.pushMany(['a', 'b', 'c'].map((id) => aJob({ pipeline: 'q', id })));

    expect(outcomes).toMatchObject([
      { error: { code: 'PUSH_UNCERTAIN', jobId: 'a' } },
      { ok: true },
      { error: { code: 'PUSH_UNCERTAIN', jobId: 'c' } },
    ]);
  });

  it('says of a kernel that stops that it took nothing, of a push and of a batch', async () => {
    const text = 'rpc: the server is stopping; the call was not run';
    const api = new RemoteJobsApi(new ScriptedSender({ 'jobs.Push': text, 'jobs.PushBatch': text, 'nrr.Version': text }));

    await expect(api.push(aJob({ pipeline: 'q' }))).rejects.toMatchObject({ code: 'KERNEL_STOPPING', pipeline: 'q' });
    expect(await api.pushMany([aJob(), aJob()])).toMatchObject([{ error: { code: 'KERNEL_STOPPING' } }, { error: { code: 'KERNEL_STOPPING' } }]);
  });

  it('asks anew whether a kernel of this library is there: another program may listen since the last time', async () => {
    const text = 'rpc_push_batch:\n\tjobs_plugin_push_batch: no such pipeline, requested: nope';
    const sender = new ScriptedSender({ 'jobs.PushBatch': text, 'nrr.Version': "rpc: can't find service nrr.Version" });
    const api = new RemoteJobsApi(sender);
    const jobs = ['q', 'nope'].map((pipeline) => aJob({ pipeline }));
    expect((await api.pushMany(jobs)).map(({ ok }) => ok)).toEqual([true, false]);

    sender.answers['nrr.Version'] = Buffer.from('"1.2.3"');

    expect((await api.pushMany(jobs)).map(({ ok }) => ok)).toEqual([false, false]);
  });

  it('calls the whole batch uncertain when nobody says what listens there', async () => {
    const text = 'rpc_push_batch:\n\tjobs_plugin_push_batch: no such pipeline, requested: nope';
    const gone = new RpcUnreachableError('nrr.Version', 'x', 'connect');
    const api = new RemoteJobsApi(new ScriptedSender({ 'jobs.PushBatch': text, 'nrr.Version': gone }));

    const outcomes = await api.pushMany(['q', 'nope'].map((pipeline) => aJob({ pipeline })));

    expect(outcomes).toMatchObject([{ error: { code: 'PUSH_UNCERTAIN' } }, { error: { code: 'PUSH_UNCERTAIN' } }]);
  });

  it('knows of a RoadRunner which jobs stand before the missing pipeline', async () => {
    const text = 'rpc_push_batch:\n\tjobs_plugin_push_batch: no such pipeline, requested: nope';
    const api = new RemoteJobsApi(new ScriptedSender({ 'jobs.PushBatch': text, 'nrr.Version': "rpc: can't find service nrr.Version" }));

    const outcomes = await api.pushMany(['q', 'nope', 'q'].map((pipeline) => aJob({ pipeline })));

    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, false]);
  });

  it('calls the whole batch uncertain where a RoadRunner does not tell which job failed', async () => {
    const api = new RemoteJobsApi(
      new ScriptedSender({ 'jobs.PushBatch': 'rpc_push_batch:\n\tx: broken', 'nrr.Version': "rpc: can't find service nrr.Version" }),
    );

    const outcomes = await api.pushMany([aJob({ id: 'a' }), aJob({ id: 'b' })]);

    expect(outcomes).toMatchObject(['a', 'b'].map((jobId) => ({ ok: false, error: { code: 'PUSH_UNCERTAIN', jobId } })));
    expect(outcomes[0]).toMatchObject({ error: expect.any(PushUncertainError) as Error });
  });

  it('declares with text only: keys of .rr.yaml, maps as JSON, what is under config too', async () => {
    const sender = new ScriptedSender({});
    await new RemoteJobsApi(sender).declare({
      name: 'a',
      driver: 'amqp',
      maxJobs: 5,
      durable: true,
      none: undefined,
      config: { queueHeaders: { x: 1 }, maxJobs: 9 },
    });

    expect({ ...readDeclare(sender.calls[0]!.body, 0x80) }).toEqual({
      name: 'a',
      driver: 'amqp',
      max_jobs: '5',
      durable: 'true',
      queue_headers: '{"x":1}',
    });
    await expect(new RemoteJobsApi(sender).declare({ name: 'a', driver: 'b', bad: () => {} })).rejects.toThrow(JobsArgumentError);
  });

  it('says so when the answer is no message', async () => {
    const api = new RemoteJobsApi(new ScriptedSender({ 'jobs.List': Buffer.from('nonsense') }));

    await expect(api.list()).rejects.toMatchObject({ code: 'RPC_CODEC' });
  });
});

describe('administration of another process', () => {
  it('browses, promotes, removes and purges waiting jobs', async () => {
    const { api, admin } = await open({ consume: [] });
    for (const id of ['a', 'b', 'c'])
      await api.push(aJob({ pipeline: 'q', id, payload: new Uint8Array([1, 255]), delayMs: id === 'c' ? 60_000 : 0 }));

    expect((await admin.browse('q', { limit: 1 })).jobs).toMatchObject([{ id: 'a', payload: new Uint8Array([1, 255]), state: 'waiting' }]);
    expect(await admin.promote('q', 'c')).toBe(true);
    expect(await admin.remove('q', 'b')).toBe(true);
    expect(await admin.purge('q')).toBe(2);
  });

  it('shows counters and running jobs, and cancels one of them', async () => {
    const { api, admin, on } = await open();
    const begun = deferred();
    const cancelled = deferred<unknown>();
    on('job', (ctx) => {
      ctx.signal.addEventListener('abort', () => cancelled.resolve((ctx.signal.reason as Error).message));
      ctx.progress(5n);
      begun.resolve();
      return cancelled.promise as Promise<void>;
    });
    await api.push(aJob({ pipeline: 'q', id: 'x' }));
    await begun.promise;

    expect(await admin.counters()).toMatchObject({ pushed: 1, started: 1 });
    expect(await admin.running()).toMatchObject([{ id: 'x', name: 'job', progress: '5' }]);
    expect(await admin.cancel('x', 'enough')).toBe(true);
    expect(await cancelled.promise).toContain('enough');
    expect(await admin.cancel('nope')).toBe(false);
  });

  it('lists, replays and removes failed jobs', async () => {
    const { api, admin, kernel } = await open({ retry: { attempts: 1 } });
    const failed = deferred();
    kernel.events.on('failed', () => failed.resolve());
    await api.push(aJob({ pipeline: 'q', id: 'x', name: 'unknown', payload: new Uint8Array([9]) }));
    await failed.promise;

    expect((await admin.failed.list()).jobs).toMatchObject([{ id: 'x', payload: new Uint8Array([9]), reason: 'unknown' }]);
    expect(await admin.failed.get('x')).toMatchObject({ id: 'x', payload: new Uint8Array([9]) });
    expect([await admin.failed.get('nope'), await admin.failed.count({ name: 'unknown' })]).toEqual([undefined, 1]);
    expect(await admin.failed.replay('x', { to: 'nope' })).toMatchObject({
      replayed: 0,
      errors: [{ id: 'x', error: { code: 'PIPELINE_NOT_FOUND' } }],
    });
    expect(await admin.failed.remove(['x'])).toBe(1);
  });

  it('removes no failed job when it is not said which', async () => {
    const { rpc } = await open();

    await expect(rpc.call('nrr.FailedRemove', [])).rejects.toMatchObject({ text: expect.stringContaining('INVALID_ARGUMENT: ') as string });
  });

  it('gives typed errors', async () => {
    const { admin } = await open({}, (inner) => ({
      ...stub(inner),
      promote: () => Promise.reject(new NotSupportedByDriverError('kafka', 'promoting a delayed job', "Use the broker's own tools.")),
    }));

    await expect(admin.browse('nope')).rejects.toMatchObject({ code: 'PIPELINE_NOT_FOUND', pipeline: 'nope' });
    await expect(admin.browse(5 as never)).rejects.toThrow(JobsArgumentError);
    await expect(admin.promote('q', 'x')).rejects.toMatchObject({
      code: 'NOT_SUPPORTED_BY_DRIVER',
      driver: 'kafka',
      capability: 'promoting a delayed job',
    });
  });

  it('shows and manages worker processes', async () => {
    const worker: WorkerStat = { pid: 5, status: 'working', jobs: 3, createdAt: 1_700_000_000_000, memoryBytes: 1024, cpuPercent: 1.5 };
    const done: string[] = [];
    const note = (name: string) => async () => void done.push(name);
    const { admin } = await open({}, (inner) => ({
      ...stub(inner),
      workers: async () => [worker],
      addWorker: note('add'),
      removeWorker: note('remove'),
      resetWorkers: note('reset'),
    }));

    expect(await admin.workers()).toEqual([worker]);
    await admin.addWorker();
    await admin.removeWorker();
    await admin.resetWorkers();
    expect(done).toEqual(['add', 'remove', 'reset']);
  });

  it('says of a RoadRunner what it cannot do, and still shows its workers', async () => {
    const text = "rpc: can't find service nrr.Counters";
    const admin = new RemoteKernelAdmin(new ScriptedSender({ 'nrr.Counters': text, 'informer.Workers': Buffer.from('{"workers":null}') }));

    await expect(admin.counters()).rejects.toThrow(NotSupportedByKernelError);
    expect(await admin.workers()).toEqual([]);
  });
});

/** The same administration as a plain object, so that a part of it can be replaced. */
function stub(admin: KernelAdmin): KernelAdmin {
  return {
    failed: admin.failed,
    counters: () => admin.counters(),
    running: () => admin.running(),
    workers: () => admin.workers(),
    cancel: (id, reason) => admin.cancel(id, reason),
    browse: (pipeline, query) => admin.browse(pipeline, query),
    remove: (pipeline, id) => admin.remove(pipeline, id),
    promote: (pipeline, id) => admin.promote(pipeline, id),
    purge: (pipeline, query) => admin.purge(pipeline, query),
  };
}
