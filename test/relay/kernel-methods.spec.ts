import type { JobsApi } from '../../lib/contract/jobs-api.js';
import type { KernelAdmin } from '../../lib/contract/kernel-admin.js';
import { PipelineFullError, PushUncertainError } from '../../lib/contract/pipeline-errors.js';
import { kernelMethods, type KernelMethodsParts } from '../../lib/relay/methods/kernel-methods.js';
import { FrameFlag } from '../../lib/wire/frame.js';
import { decodeMsgpack, encodeMsgpack } from '../../lib/wire/msgpack.js';
import { readStats } from '../../lib/wire/jobs-messages.js';
import { encodePush, encodePushBatch } from '../../lib/wire/push-writer.js';
import { ScriptedApi } from '../client/support.js';
import { aJob, bytesOf } from '../support/jobs.js';
import { closeKernels, openKernel } from '../support/kernel.js';

const { gob, json, msgpack, proto, raw } = FrameFlag;
const PEER = { name: 'test', isLoopback: true };
const NO_BYTES = new Uint8Array(0);

type Call = (method: string, body: Uint8Array | string, codec?: number) => Promise<Buffer>;

function callerOf(parts: Partial<KernelMethodsParts> & { jobs: JobsApi; admin: KernelAdmin }): Call {
  const methods = kernelMethods({ version: '1.2.3', config: () => ({}), ...parts });
  return async (method, body, codec = proto) => Buffer.from(await methods.get(method)!(Buffer.from(body), codec, PEER));
}

async function open(options: Parameters<typeof openKernel>[0] = {}, parts: Partial<KernelMethodsParts> = {}) {
  const opened = await openKernel(options);
  return { ...opened, call: callerOf({ jobs: opened.kernel, admin: opened.kernel.admin, ...parts }) };
}

/** The methods over an API that says what the test wants. */
function openScripted() {
  const api = new ScriptedApi();
  api.names = ['q'];
  return { api, call: callerOf({ jobs: api, admin: { failed: {} } as unknown as KernelAdmin }) };
}

describe('jobs methods', () => {
  afterEach(closeKernels);

  it('hands a pushed job to its handler, byte for byte', async () => {
    const { call, on } = await open();
    const seen: unknown[] = [];
    on('job', (ctx) => void seen.push(ctx.id, [...ctx.payload], { ...ctx.headers }));

    expect(
      await call('jobs.Push', encodePush(aJob({ pipeline: 'q', id: 'x', payload: new Uint8Array([0, 255]), headers: { h: ['1', '2'] } }))),
    ).toHaveLength(0);
    await new Promise((resolve) => setImmediate(resolve));

    expect(seen).toEqual(['x', [0, 255], { h: ['1', '2'] }]);
  });

  it('answers a push that the kernel takes at once in the same turn', async () => {
    const { kernel } = await open();
    const methods = kernelMethods({ jobs: kernel, admin: kernel.admin, version: '', config: () => ({}) });

    expect(methods.get('jobs.Push')!(encodePush(aJob({ pipeline: 'q', id: 'x' })), proto, PEER)).toBeInstanceOf(Uint8Array);
  });

  it('keeps a job whose call has been overwritten by the next one', async () => {
    const { kernel, call } = await open({ consume: [] });
    const body = Buffer.from(encodePush(aJob({ pipeline: 'q', id: 'x', payload: new Uint8Array([1, 2, 3]) })));

    const methods = kernelMethods({ jobs: kernel, admin: kernel.admin, version: '', config: () => ({}) });
    void methods.get('jobs.Push')!(body, proto, PEER);
    body.fill(0);

    const page = JSON.parse((await call('nrr.Browse', '["q"]', json)).toString()) as { jobs: unknown[] };
    expect(page.jobs).toEqual([expect.objectContaining({ id: 'x', payload: { base64: 'AQID' } })]);
  });

  it('stores no job of a batch with a pipeline that is not there', async () => {
    const { call } = await open({ consume: [] });
    const jobs = ['q', 'missing', 'q'].map((pipeline, i) => aJob({ pipeline, id: String(i) }));

    await expect(call('jobs.PushBatch', encodePushBatch(jobs))).rejects.toThrow(
      'rpc_push_batch:\n\tjobs_plugin_push_batch: no such pipeline, requested: missing',
    );
    expect(readStats(await call('jobs.Stat', NO_BYTES))).toMatchObject([{ reserved: 0 }]);
  });

  it('says which jobs of a batch were not stored, and why the first was not', async () => {
    const { api, call } = openScripted();
    const full = new PipelineFullError('q', 10, 0);
    api.onPushMany = async (jobs) => jobs.map((_, i) => ([1, 3, 4].includes(i) ? { ok: false, error: full } : { ok: true, receipt: {} }));

    await expect(call('jobs.PushBatch', encodePushBatch([0, 1, 2, 3, 4].map((i) => aJob({ pipeline: 'q', id: String(i) }))))).rejects.toMatchObject({
      message:
        'rpc_push_batch:\n\tjobs_plugin_push_batch: local pipeline is full, consider to increase prefetch number, current limit: 10, ' +
        'context error: context deadline exceeded; 3 of 5 jobs were not stored: 1, 3-4',
    });
  });

  it('tells of a batch first what is not known: the caller must not take it for refused', async () => {
    const { api, call } = openScripted();
    const [full, uncertain] = [new PipelineFullError('q', 10, 0), new PushUncertainError('q', 'x', 5)];
    api.onPushMany = async () => [full, uncertain, full].map((error) => ({ ok: false, error }));

    await expect(call('jobs.PushBatch', encodePushBatch([0, 1, 2].map((i) => aJob({ pipeline: 'q', id: String(i) }))))).rejects.toThrow(
      /Job x may or may not be stored.*; 3 of 3 jobs were not stored: 0-2$/,
    );
  });

  it.each([
    ['protobuf', proto, encodePushBatch([1, 2, 3].map((i) => aJob({ pipeline: 'q', id: String(i) })))],
    ['JSON', json, '{"jobs":[{},{},{}]}'],
    ['MessagePack', msgpack, encodeMsgpack({ Jobs: [{}, {}, {}] })],
  ])('refuses a batch of more jobs than allowed in %s', async (_, codec, body) => {
    const { kernel } = await open();
    const call = callerOf({ jobs: kernel, admin: kernel.admin, maxBatchJobs: 2 });

    await expect(call('jobs.PushBatch', body, codec)).rejects.toThrow('rpc_push_batch: the batch has more jobs than the limit of 2');
  });

  // Decoded, each of them takes a hundred times its byte or two: a frame of 64 MiB would end the process.
  it.each([
    ['JSON', json, Buffer.from(`{"x":[${'[],'.repeat(1_100_000)}[]]}`), 'json: the body has more than 2097152 values'],
    [
      'MessagePack',
      msgpack,
      Buffer.concat([Buffer.from('81a178dd00280000', 'hex'), Buffer.alloc(0x280000, 0x80)]),
      'msgpack: the body has more than 2097152 values',
    ],
  ])('refuses a body of millions of values in %s', async (_, codec, body, message) => {
    const { call } = openScripted();

    await expect(async () => call('jobs.Push', body, codec)).rejects.toThrow(message);
  });

  it('counts the values of a header, also empty ones, in JSON', async () => {
    const { call } = openScripted();
    const headers = { a: { value: Array.from({ length: 70_000 }, () => '') } };

    await expect(async () => call('jobs.Push', JSON.stringify({ job: { id: 'x', headers } }), json)).rejects.toThrow('the headers have 70001 bytes');
  });

  it('takes a push as MessagePack, under the names of the Go structs', async () => {
    const { api, call } = openScripted();
    const options = { Pipeline: 'q', Priority: 3, Delay: 2, AutoAck: true, Topic: 't', Offset: 5, Partition: 1 };
    const body = encodeMsgpack({ Job: { Job: 'a', Id: 'x', Payload: new Uint8Array([1, 255]), Headers: { h: { Value: ['v'] } }, Options: options } });

    expect(decodeMsgpack(await call('jobs.Push', body, msgpack))).toEqual({});
    expect({ ...api.job, headers: { ...api.job.headers }, id: api.job.id, payload: bytesOf(api.job.payload) }).toMatchObject({
      ...{ name: 'a', id: 'x', payload: [1, 255], headers: { h: ['v'] }, pipeline: 'q', priority: 3, delayMs: 2_000, autoAck: true },
      kafka: { topic: 't', offset: 5n, partition: 1, metadata: '' },
    });
  });

  it.each([
    ['a job that is a list', '{"job":[]}', 'json: cannot unmarshal array into Go struct field Job of type struct'],
    ['a name that is a number', '{"job":{"id":"x","job":1}}', 'json: cannot unmarshal number 1 into Go struct field Job.job of type string'],
    ['a payload that is no base64', '{"job":{"id":"x","payload":"?"}}', 'json: illegal base64 data in Job.payload'],
    ['a priority beyond 2^53', '{"job":{"id":"x","options":{"priority":9007199254740993}}}', 'Options.priority of type int64'],
    [
      'a priority that is text',
      '{"job":{"id":"x","options":{"priority":"1"}}}',
      'json: cannot unmarshal string into Go struct field Options.priority of type int64',
    ],
    ['something else', '[', 'json: struct unexpected end of JSON input'],
    ['a value that is none', '{"job":x}', "invalid character 'x' looking for beginning of value"],
    ['a text without an end', '{"job":"', 'json: struct unexpected end of JSON input'],
    ['too many brackets', '['.repeat(101), 'json: exceeded max depth'],
    ['a job without an id', '{"job":{}}', 'rpc_push: empty ID field not allowed'],
  ])('refuses %s in JSON', async (_, body, message) => {
    const { api, call } = openScripted();

    await expect(async () => call('jobs.Push', body, json)).rejects.toThrow(message);
    expect(api.jobs).toEqual([]);
  });

  it('keeps header names such as __proto__ of JSON as data', async () => {
    const { api, call } = openScripted();
    await call('jobs.Push', '{"job":{"id":"x","headers":{"__proto__":{"value":["1"]}},"options":{"pipeline":"q"}}}', json);

    expect(Object.entries(api.job.headers)).toEqual([['__proto__', ['1']]]);
  });

  it.each([
    ['raw', raw, 'unknown Raw payload type'],
    ['gob', gob, 'gob: this method takes protobuf, JSON or MessagePack'],
  ])('does nothing for a call in %s', async (_, codec, message) => {
    const { api, call } = openScripted();

    await expect(call('jobs.Destroy', NO_BYTES, codec)).rejects.toThrow(message);
    expect(api.calls).toEqual([]);
  });

  it('writes statistics in MessagePack under the names of the Go structs, also a priority below 0', async () => {
    const { api, call } = openScripted();
    api.stats = [{ pipeline: 'q', driver: 'memory', queue: 'q', active: 1, delayed: 0, reserved: 2, ready: true, priority: -1 }];

    expect(decodeMsgpack(await call('jobs.Stat', NO_BYTES, msgpack))).toEqual({
      Stats: [{ Pipeline: 'q', Driver: 'memory', Queue: 'q', Active: 1, Delayed: 0, Reserved: 2, Ready: true, Priority: Number(2n ** 64n - 1n) }],
    });
    expect((await call('jobs.Stat', NO_BYTES, json)).toString()).toContain('"priority":18446744073709551615');
    expect(readStats(await call('jobs.Stat', NO_BYTES))).toEqual(api.stats);
  });
});

describe('methods of the services', () => {
  afterEach(closeKernels);

  it('answers for workers as an empty pool would where handlers run in the kernel itself', async () => {
    const { call } = await open();

    expect((await call('informer.Workers', '"jobs"', json)).toString()).toBe('{"workers":[]}');
    expect((await call('informer.AddWorker', '"jobs"', json)).toString()).toBe('false');
    expect((await call('resetter.Reset', '"jobs"', json)).toString()).toBe('true');
    expect((await call('status.Ready', '{"plugin":"jobs"}', json)).toString()).toBe('{"code":200}');
  });

  it('asks the service that is named, and lists for a reset only those that can be', async () => {
    const resets: string[] = [];
    const services = new Map([
      ['ticker', { workers: async () => [], resetWorkers: async () => void resets.push('ticker') }],
      ['plain', { workers: async () => [] }],
    ]);
    const { call } = await open({}, { services });

    expect((await call('informer.List', 'true', json)).toString()).toBe('["jobs","ticker","plain"]');
    expect((await call('resetter.List', 'true', json)).toString()).toBe('["jobs","ticker"]');
    await call('resetter.Reset', '"ticker"', json);
    await expect(call('resetter.Reset', '"plain"', json)).rejects.toThrow(
      'resetter_rpc_reset:\n\tresetter_plugin_reset_by_name: no such plugin: plain',
    );
    expect(resets).toEqual(['ticker']);
  });

  it('says 503 when no worker of a pool is ready', async () => {
    const services = new Map([['ticker', { workers: async () => [{ pid: 1, status: 'working', jobs: 0, createdAt: 0, memoryBytes: 0 }] }]]);
    const { call } = await open({}, { services });

    expect((await call('status.Status', '{"plugin":"ticker"}', json)).toString()).toBe('{"code":200}');
    expect((await call('status.Ready', '{"plugin":"ticker"}', json)).toString()).toContain('"code":503');
  });

  it.each([
    ['json', json, '1', "invalid character '1' looking for beginning of value"],
    ['gob of another type', gob, Buffer.from('03020001', 'hex'), 'gob: the body has type 1 where string was expected'],
    ['gob that is cut', gob, Buffer.from('070c0004', 'hex'), 'gob: the body has a length that is not that of the body'],
    ['gob with a claimed length', gob, Buffer.from('fc7fffffff', 'hex'), 'gob: the body has a length'],
    ['MessagePack with a claimed length', msgpack, Buffer.from('ddffffffff', 'hex'), 'msgpack: the body cannot be decoded'],
    ['MessagePack nested too deep', msgpack, Buffer.concat([Buffer.alloc(200, 0x91), Buffer.from([0xc0])]), 'msgpack: the body cannot be decoded'],
  ])('refuses a name in %s', async (_, codec, body, message) => {
    const { call } = await open();

    await expect(call('informer.Workers', body, codec)).rejects.toThrow(message);
  });
});

describe('rpc.Config', () => {
  afterEach(closeKernels);

  it('shows no secret, whatever its key, and sorts the keys', async () => {
    const config = {
      z: 1,
      amqp: { addr: 'amqp://guest:hunter2@localhost:5672/%2f?a=1' },
      rpc: { token: 'hunter2', tls: { key: 'hunter2', cert: 'public' }, listen: 'tcp://127.0.0.1:6001' },
      sqs: { secret: 'hunter2', sessionToken: 'hunter2', key: 'hunter2', accessKeyId: 'hunter2', endpoint: 'http://x' },
      server: {
        command: 'php worker.php --password=hunter2',
        env: { DB_PASSWORD: 'hunter2', list: [{ apiKey: 'hunter2' }] },
        empty: { password: '' },
      },
      kafka: { brokers: ['kafka://me:p@hunter2@one:9092,kafka://you:hunter2@two:9092', `https://me:${'hunter2'.repeat(100)}@three`] },
      jobs: { message_group_id: 'kept', routing_key: 'kept', prefetch: 10 },
    };
    const { call } = await open({}, { config: () => config });
    const text = (await call('rpc.Config', NO_BYTES, raw)).toString();

    expect(text).not.toContain('hunter2');
    expect(Object.keys(JSON.parse(text) as object)).toEqual(['amqp', 'jobs', 'kafka', 'rpc', 'server', 'sqs', 'z']);
    expect(JSON.parse(text)).toMatchObject({
      amqp: { addr: 'amqp://***@localhost:5672/%2f?a=1' },
      rpc: { listen: 'tcp://127.0.0.1:6001', tls: { cert: 'public' } },
      server: { empty: { password: '' } },
      jobs: { message_group_id: 'kept', routing_key: 'kept', prefetch: 10 },
    });
  });
});
