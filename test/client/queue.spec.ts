import { createHook } from 'node:async_hooks';
import { JobsArgumentError } from '../../lib/contract/errors.js';
import { JobValidationError } from '../../lib/contract/job-errors.js';
import { JobRecord, NO_HEADERS, type Job } from '../../lib/contract/job.js';
import { PipelineFullError, PipelineNotFoundError, PushBatchError } from '../../lib/contract/pipeline-errors.js';
import type { StandardSchema } from '../../lib/contract/standard-schema.js';
import { defineJob } from '../../lib/client/define-job.js';
import { JobOptions, type JobOptionsInput } from '../../lib/client/job-options.js';
import { KafkaOptions } from '../../lib/client/kafka-options.js';
import { PreparedTask } from '../../lib/client/prepared-task.js';
import { QueuedTask } from '../../lib/client/queued-task.js';
import { Queue } from '../../lib/client/queue.js';
import { headers, recorded, ScriptedApi } from './support.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function connect(options?: JobOptionsInput): { api: ScriptedApi; queue: Queue } {
  const api = new ScriptedApi();
  return { api, queue: new Queue(api, 'emails', options) };
}

/** A schema that trims `to` and wants it not to be empty. */
function mailSchema(answer: <T>(result: T) => T | Promise<T> = (result) => result): StandardSchema<{ to: string }> {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        const to = (value as { to?: unknown }).to;
        if (typeof to === 'string' && to.trim() !== '') return answer({ value: { to: to.trim() } });
        return answer({ issues: [{ message: 'must not be empty', path: ['to', { key: 0 }] }, { message: 'is wrong' }] });
      },
    },
  };
}

/** How many promises are made while `run` runs. */
function promisesIn(run: () => void): number {
  let count = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') count++;
    },
  });
  hook.enable();
  run();
  hook.disable();
  return count;
}

/** Counts the UUIDs that are made until `stop`. */
function countUuids(): { made: () => number; stop: () => void } {
  let count = 0;
  const original = crypto.randomUUID.bind(crypto);
  const randomUUID = () => {
    count++;
    return original();
  };
  Object.defineProperty(crypto, 'randomUUID', { value: randomUUID, configurable: true });
  return { made: () => count, stop: () => Reflect.deleteProperty(crypto, 'randomUUID') };
}

/** A recorded push as a job has it. */
interface RecordedJob {
  readonly job: string;
  readonly id: string;
  readonly payload: string;
  readonly headers?: Record<string, { value: string[] }>;
  readonly options: Record<string, unknown>;
}

function asRecorded(job: Job): RecordedJob {
  const options = {
    priority: String(job.priority),
    pipeline: job.pipeline,
    delay: String(Math.ceil(job.delayMs / 1_000)),
    auto_ack: job.autoAck,
    topic: job.kafka?.topic ?? '',
    metadata: job.kafka?.metadata ?? '',
    offset: String(job.kafka?.offset ?? 0),
    partition: job.kafka?.partition ?? 0,
  };
  // Only what differs from zero is on the wire.
  const sent = Object.fromEntries(Object.entries(options).filter(([, value]) => ![0, '0', '', false].includes(value)));
  const values = Object.entries(job.headers).map(([name, value]) => [name, { value: [...value] }]);
  return {
    job: job.name,
    id: job.id,
    payload: Buffer.from(job.payload).toString('base64'),
    ...(values.length === 0 ? {} : { headers: Object.fromEntries(values) as Record<string, { value: string[] }> }),
    options: sent,
  };
}

describe('Queue: push', () => {
  it('pushes a job with everything at its default', async () => {
    const { api, queue } = connect();
    await queue.push('email.send', '{"to":"ann"}');
    const { name, pipeline, payload, headers: given, priority, delayMs, autoAck, kafka } = api.job;
    expect({ name, pipeline, payload, priority, delayMs, autoAck, kafka }).toEqual({
      name: 'email.send',
      pipeline: 'emails',
      payload: '{"to":"ann"}',
      priority: 0,
      delayMs: 0,
      autoAck: false,
      kafka: undefined,
    });
    expect(given).toBe(NO_HEADERS);
  });

  it('answers the queued task, with a UUID of 16 bytes', async () => {
    const { api, queue } = connect();
    const task = await queue.push('email.send', 'x', { headers: { 'x-a': ['1', '2'] }, attempts: 2 });
    expect(task).toBeInstanceOf(QueuedTask);
    expect(task.id).toMatch(UUID);
    expect(task.id).toBe(api.job.id);
    expect(Buffer.from(task.idBytes ?? []).toString('hex')).toBe(task.id.replaceAll('-', ''));
    expect([task.name, task.pipeline, task.payload]).toEqual(['email.send', 'emails', 'x']);
    expect(task.headers).toEqual(headers({ 'x-a': ['1', '2'] }));
    expect([task.hasHeader('x-a'), task.header('x-a'), task.headerLine('x-a')]).toEqual([true, ['1', '2'], '1,2']);
    expect([task.hasHeader('nrr-max-attempts'), task.header('absent'), task.deduplicatedBy]).toEqual([false, [], undefined]);
    expect(JSON.parse(JSON.stringify(task))).toEqual({ id: task.id, name: 'email.send', pipeline: 'emails' });
  });

  it('makes a new id at every push', async () => {
    const { queue } = connect();
    const [one, two] = await Promise.all([queue.push('a', ''), queue.push('a', '')]);
    expect(one.id).not.toBe(two.id);
  });

  it('makes no UUID until the id is read', async () => {
    const { api, queue } = connect();
    const uuids = countUuids();
    const task = await queue.push('email.send', 'x');
    expect(uuids.made()).toBe(0);
    expect(task.id).toBe(api.job.id);
    expect(uuids.made()).toBe(1);
    uuids.stop();
  });

  it('makes no promise beside the one it answers', () => {
    const { queue } = connect({ priority: 3, headers: { 'x-a': '1' } });
    const definition = defineJob<string>('email.send', { delay: 5 });
    expect(promisesIn(() => void queue.push('email.send', 'x'))).toBe(1);
    expect(promisesIn(() => void queue.push('email.send', 'x', { delay: 5 }))).toBe(1);
    expect(promisesIn(() => void queue.push(definition, 'x'))).toBe(1);
    expect(promisesIn(() => void queue.dispatch(queue.create('email.send', 'x')))).toBe(1);
  });

  it('shares the headers of its default options among all jobs', async () => {
    const { api, queue } = connect({ headers: { 'x-a': '1' } });
    await queue.push('a', '');
    await queue.push('b', '');
    expect(api.jobs[0]?.headers).toBe(api.jobs[1]?.headers);
    expect(api.jobs[0]?.headers).toEqual(headers({ 'x-a': ['1'] }));
  });

  it('takes every option', async () => {
    const { api, queue } = connect();
    const before = Date.now();
    await queue.push('email.send', 'x', {
      id: 'order-7',
      delay: '1500ms',
      priority: 300,
      autoAck: true,
      attempts: 5,
      timeout: '1s',
      expiresIn: 60,
      headers: { h: ['a', 'b'] },
    });
    const { id, delayMs, priority, autoAck, headers: given } = api.job;
    expect({ id, delayMs, priority, autoAck }).toEqual({ id: 'order-7', delayMs: 1_500, priority: 300, autoAck: true });
    const { 'nrr-expires-at': expiresAt, ...rest } = given;
    expect(rest).toEqual({ h: ['a', 'b'], 'nrr-max-attempts': ['5'], 'nrr-timeout': ['1000'] });
    expect(Number(expiresAt?.[0])).toBeGreaterThanOrEqual(before + 60_000);
    expect(Number(expiresAt?.[0])).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(Object.getPrototypeOf(given)).toBeNull();
  });

  it('rounds a timeout up to whole milliseconds', async () => {
    const { api, queue } = connect();
    await queue.push('a', '', { timeout: 0.0001 });
    expect(api.job.headers['nrr-timeout']).toEqual(['1']);
  });

  it('counts default options that name a moment from each push', async () => {
    const { api, queue } = connect({ delay: new Date(Date.now() + 60_000), expiresIn: new Date(2_000_000_000_000) });
    await queue.push('a', '');
    expect(api.job.delayMs).toBeGreaterThan(50_000);
    expect(api.job.delayMs).toBeLessThanOrEqual(60_000);
    expect(Math.abs(Number(api.job.headers['nrr-expires-at']) - 2_000_000_000_000)).toBeLessThan(1_000);
  });

  it('does not send a header with an empty list', async () => {
    const { api, queue } = connect();
    await queue.push('a', '', { headers: { empty: [], blank: '' } });
    expect(api.job.headers).toEqual(headers({ blank: [''] }));
    await queue.push('a', '', { headers: { empty: [] } });
    expect(api.jobs[1]?.headers).toBe(NO_HEADERS);
  });

  it('tells the id of the job that took its place', async () => {
    const { api, queue } = connect();
    api.onPush = async () => ({ deduplicatedBy: 'older' });
    expect((await queue.push('a', '')).deduplicatedBy).toBe('older');
  });

  it('resolves when the kernel has accepted the job, not before', async () => {
    const { api, queue } = connect();
    const steps: string[] = [];
    let accept = () => {};
    api.onPush = () => new Promise((resolve) => (accept = () => resolve({})));
    const pushed = queue.push('a', '').then(() => steps.push('pushed'));
    await new Promise((resolve) => setImmediate(resolve));
    steps.push('accepted');
    accept();
    await pushed;
    expect(steps).toEqual(['accepted', 'pushed']);
  });

  it("rejects with the kernel's own error", async () => {
    const { api, queue } = connect();
    const full = new PipelineFullError('emails', 10, 0);
    api.onPush = () => Promise.reject(full);
    await expect(queue.push('a', '')).rejects.toBe(full);
  });

  it('never throws, also when the kernel does', async () => {
    const { api, queue } = connect();
    api.onPush = () => {
      throw new PipelineNotFoundError('emails');
    };
    await expect(queue.push('a', '')).rejects.toThrow(PipelineNotFoundError);
  });

  it.each<[string, () => [unknown, unknown, unknown]]>([
    ['an empty name', () => ['', 'x', undefined]],
    ['a name of 256 bytes', () => ['x'.repeat(256), 'x', undefined]],
    ['a name that is a number', () => [7, 'x', undefined]],
    ['no name', () => [undefined, 'x', undefined]],
    ['null as a name', () => [null, 'x', undefined]],
    ['a class without jobName', () => [class Mail {}, {}, undefined]],
    ['undefined as a payload', () => ['a', undefined, undefined]],
    ['a function as a payload', () => ['a', () => 1, undefined]],
    ['a symbol as a payload', () => ['a', Symbol('s'), undefined]],
    ['a bigint as a payload', () => ['a', { total: 1n }, undefined]],
    ['an ArrayBuffer as a payload', () => ['a', new ArrayBuffer(1), undefined]],
    ['other numbers than bytes as a payload', () => ['a', new Float64Array(1), undefined]],
    ['a wrong option', () => ['a', '', { delay: -1 }]],
    ['options that are no object', () => ['a', '', 5]],
    ['null as options', () => ['a', '', null]],
    ['a reserved header', () => ['a', '', { headers: { 'nrr-attempt': '1' } }]],
  ])('rejects %s and stores nothing', async (_, make) => {
    const { api, queue } = connect();
    const [name, payload, options] = make();
    await expect(queue.push(name as string, payload, options as JobOptionsInput)).rejects.toThrow(JobsArgumentError);
    expect(api.jobs).toEqual([]);
  });

  it('keeps why a payload cannot be written', async () => {
    const { queue } = connect();
    const circle: { self?: object } = {};
    circle.self = circle;
    await expect(queue.push('email.send', circle)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^The payload of job "email\.send" cannot be written as JSON \(.*\)\. Give plain data/) as string,
      cause: expect.any(TypeError) as Error,
    });
  });
});

describe('Queue: payloads', () => {
  it.each<[unknown, unknown]>([
    ['text', 'text'],
    ['', ''],
    [{ to: 'ann' }, '{"to":"ann"}'],
    [[1, 2], '[1,2]'],
    [null, 'null'],
    [0, '0'],
    [false, 'false'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ])('stores %j as %j', async (payload, stored) => {
    const { api, queue } = connect();
    const task = await queue.push('a', payload);
    expect(api.job.payload).toBe(stored);
    expect(task.payload).toBe(stored);
  });

  it.each([new Uint8Array([0, 255]), Buffer.from([0, 255])])('stores bytes without a copy', async (payload) => {
    const { api, queue } = connect();
    await queue.push('a', payload);
    expect(api.job.payload).toBe(payload);
  });

  it('writes JSON also of a text when the name is a definition or a class', async () => {
    class Note {
      static readonly jobName = 'note';
      constructor(readonly text: string) {}
    }
    const { api, queue } = connect();
    await queue.push(defineJob<string>('greet'), 'ann');
    await queue.push(Note, new Note('hi'));
    expect(api.jobs.map(({ name, payload }) => [name, payload])).toEqual([
      ['greet', '"ann"'],
      ['note', '{"text":"hi"}'],
    ]);
  });

  it('refuses bytes for a definition, which JSON cannot hold', async () => {
    const { queue } = connect();
    await expect(queue.push(defineJob<Uint8Array>('raw'), new Uint8Array(1))).rejects.toThrow(/"raw" is Uint8Array/);
  });
});

describe('Queue: definitions', () => {
  it('pushes to this queue, whatever the definition names', async () => {
    const { api, queue } = connect();
    await queue.push(defineJob('a', { queue: 'other' }), {});
    expect(api.job.pipeline).toBe('emails');
  });

  it('puts options of the definition over those of the queue, and those of the call over both', async () => {
    const { api, queue } = connect({ delay: 1, priority: 1, autoAck: true, headers: { 'x-queue': '1' } });
    const definition = defineJob('a', { priority: 2, attempts: 2, timeout: '2s' });
    await queue.push(definition, {});
    await queue.push(definition, {}, { priority: 0, attempts: 3, autoAck: false, headers: { 'x-call': '1' } });
    expect(api.jobs.map(({ delayMs, priority, autoAck, headers: given }) => ({ delayMs, priority, autoAck, given: { ...given } }))).toEqual([
      { delayMs: 1_000, priority: 2, autoAck: true, given: { 'x-queue': ['1'], 'nrr-max-attempts': ['2'], 'nrr-timeout': ['2000'] } },
      { delayMs: 1_000, priority: 0, autoAck: false, given: { 'x-call': ['1'], 'nrr-max-attempts': ['3'], 'nrr-timeout': ['2000'] } },
    ]);
  });

  it('works the options of a definition out once', async () => {
    const { api, queue } = connect();
    const definition = defineJob('a', { headers: { 'x-a': '1' } });
    await queue.push(definition, {});
    await queue.push(definition, {});
    expect(api.jobs[0]?.headers).toBe(api.jobs[1]?.headers);
  });

  it.each([
    ['at once', mailSchema()],
    ['by promise', mailSchema(async (result) => result)],
  ])('stores the output of a schema that answers %s', async (_, schema) => {
    const { api, queue } = connect();
    await queue.push(defineJob('email.send', { schema }), { to: '  ann ' });
    expect(api.job.payload).toBe('{"to":"ann"}');
  });

  it.each([
    ['at once', mailSchema()],
    ['by promise', mailSchema(async (result) => result)],
  ])('rejects what a schema refuses %s, with path and reason, and stores nothing', async (_, schema) => {
    const { api, queue } = connect();
    await expect(queue.push(defineJob('email.send', { schema }), { to: ' ' })).rejects.toMatchObject({
      constructor: JobValidationError,
      job: 'email.send',
      issues: [
        { path: 'to.0', message: 'must not be empty' },
        { path: '', message: 'is wrong' },
      ],
    });
    expect(api.jobs).toEqual([]);
  });

  it('creates a checked task', () => {
    const { queue } = connect();
    const definition = defineJob('email.send', { schema: mailSchema(), priority: 4 });
    const task = queue.create(definition, { to: ' ann ' });
    expect([task.name, task.payload, task.priority]).toEqual(['email.send', '{"to":"ann"}', 4]);
    expect(() => queue.create(definition, { to: '' })).toThrow(JobValidationError);
  });

  it('creates no task when the schema answers by promise, and ends no process by its refusal', async () => {
    const { queue } = connect();
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const definition = defineJob('email.send', { schema: mailSchema(async (result) => result) });
    expect(() => queue.create(definition, { to: '' })).toThrow(/answers by promise.*queue\.push\(\)/);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});

describe('Queue: default options', () => {
  it('uses them for tasks that give none', async () => {
    const { api, queue } = connect({ delay: 2, priority: 3, autoAck: true, headers: { 'x-a': '1' }, attempts: 4 });
    await queue.push('a', '');
    expect(api.job).toMatchObject({ delayMs: 2_000, priority: 3, autoAck: true });
    expect(api.job.headers).toEqual(headers({ 'x-a': ['1'], 'nrr-max-attempts': ['4'] }));
  });

  it('merges the options of a task into them; a given 0 or false counts', async () => {
    const { api, queue } = connect({ delay: 2, priority: 3, autoAck: true, headers: { 'x-a': '1' } });
    await queue.push('a', '', { delay: 0, autoAck: false });
    expect(api.job).toMatchObject({ delayMs: 0, priority: 3, autoAck: false });
    expect(api.job.headers).toEqual(headers({ 'x-a': ['1'] }));
  });

  it('replaces them as a whole on a copy of the queue', async () => {
    const { api, queue } = connect({ delay: 2 });
    const other = queue.withDefaultOptions({ priority: 3 });
    await other.push('a', '');
    expect([other.name, api.job.delayMs, api.job.priority, queue.defaultOptions.delay]).toEqual(['emails', 0, 3, 2]);
    expect(queue.withDefaultOptions().defaultOptions).toBe(JobOptions.defaults);
  });

  it('does not touch tasks that were created before', async () => {
    const { api, queue } = connect({ delay: 2 });
    const task = queue.create('a', '');
    await queue.withDefaultOptions({ delay: 9 }).dispatch(task);
    expect(api.job.delayMs).toBe(2_000);
  });

  it('refuses an id, which no two jobs share', () => {
    expect(() => connect({ id: 'order-7' })).toThrow(/id/);
  });

  it.each(['', 'x'.repeat(256), 7])('refuses the queue name %p', (name) => {
    expect(() => new Queue(new ScriptedApi(), name as string)).toThrow(JobsArgumentError);
  });
});

describe('Queue: Kafka', () => {
  it('honours the place of a task on a queue with plain options', async () => {
    const { api, queue } = connect({ priority: 3 });
    await queue.push('a', '', new KafkaOptions({ topic: 'orders', partition: 2, offset: 5, metadata: 'm' }));
    expect(api.job.kafka).toEqual({ topic: 'orders', partition: 2, offset: 5n, metadata: 'm' });
    expect(api.job.priority).toBe(3);
  });

  it('honours a plain object with a topic', async () => {
    const { api, queue } = connect();
    await queue.push('a', '', { topic: 'orders' });
    expect(api.job.kafka).toEqual({ topic: 'orders', partition: 0, offset: 0n, metadata: '' });
  });

  it('keeps the place of the queue for tasks that give none', async () => {
    const { api, queue } = connect(new KafkaOptions({ topic: 'orders', partition: 2 }));
    await queue.push('a', '');
    await queue.push('a', '', { priority: 4 });
    await queue.dispatch(queue.create('a', '', { topic: 'refunds' }));
    expect(api.jobs.map(({ kafka, priority }) => [kafka?.topic, kafka?.partition, priority])).toEqual([
      ['orders', 2, 0],
      ['orders', 2, 4],
      ['refunds', 2, 0],
    ]);
  });
});

describe('Queue: against recorded pushes', () => {
  it('makes the jobs of the Kafka recording', async () => {
    const api = new ScriptedApi();
    const queue = new Queue(api, 'first', new KafkaOptions({ topic: 'orders' }));
    const expected = recorded<RecordedJob>('rpc-php-push-kafka-options', 'job');
    const options = [
      new KafkaOptions({ topic: 'refunds', metadata: 'trace=abc', offset: 2n ** 53n + 1n, partition: 7, priority: 3 }),
      {},
      new JobOptions({ priority: 4 }),
    ];
    for (const [at, given] of options.entries()) await queue.dispatch(queue.create('to.kafka', 'x', given).withId(expected[at]?.id ?? ''));
    expect(api.jobs.map(asRecorded)).toEqual(expected);
  });

  it('makes the job of the recording with all options', async () => {
    const api = new ScriptedApi();
    const [expected] = recorded<RecordedJob>('rpc-php-push-all-options', 'job');
    await new Queue(api, 'first').push('all', 'body', { id: expected?.id, delay: 1, priority: 300, autoAck: true, headers: { h: ['a', 'b'] } });
    expect(asRecorded(api.job)).toEqual(expected);
  });

  it('makes the job of the recording with headers', async () => {
    const api = new ScriptedApi();
    const [expected] = recorded<RecordedJob>('rpc-php-push-headers', 'job');
    const queue = new Queue(api, 'first');
    const task = queue
      .create('headers', new Uint8Array([0x78]), { id: expected?.id })
      .withHeader('multi', ['one', 'two'])
      .withAddedHeader('multi', ['two', 'three'])
      .withHeader('blank', '')
      .withHeader('X-Case', 'upper')
      .withHeader('x-case', 'lower')
      .withHeader('sp ace', ' lead and trail ')
      .withHeader('nothing', []);
    await queue.dispatch(task);
    expect(asRecorded(api.job)).toEqual(expected);
  });
});

describe('PreparedTask', () => {
  it('shows name, queue, payload, options and headers', () => {
    const { queue } = connect({ priority: 3 });
    const task = queue.create('email.send', { to: 'ann' }, { delay: '42m', headers: { 'x-a': '1' } });
    expect(task).toBeInstanceOf(PreparedTask);
    expect([task.name, task.queue, task.payload]).toEqual(['email.send', 'emails', '{"to":"ann"}']);
    expect([task.delay, task.priority, task.autoAck]).toEqual(['42m', 3, false]);
    expect(task.headers).toEqual(headers({ 'x-a': ['1'] }));
    expect(task.options).toMatchObject({ delay: '42m', priority: 3 });
  });

  it('has defaults where nothing is given', () => {
    const task = connect().queue.create('a', '');
    expect([task.delay, task.priority, task.autoAck]).toEqual([0, 0, false]);
    expect(task.headers).toBe(NO_HEADERS);
  });

  it('never changes', () => {
    const task = connect().queue.create('a', '');
    expect(() => Object.assign(task, { name: 'b' })).toThrow(TypeError);
  });

  it('pushes nothing when it is created', () => {
    const { api, queue } = connect();
    queue.create('a', '');
    expect(api.jobs).toEqual([]);
  });

  it('throws at once what push rejects', () => {
    const { queue } = connect();
    expect(() => queue.create('', '')).toThrow(JobsArgumentError);
    expect(() => queue.create('a', undefined)).toThrow(JobsArgumentError);
    expect(() => queue.create('a', '', { delay: -1 })).toThrow(JobsArgumentError);
  });

  it('changes copies only', () => {
    const task = connect().queue.create('a', '', { headers: { 'x-a': '1' } });
    const copy = task
      .withDelay(5)
      .withPriority(7)
      .withAutoAck()
      .withHeader('x-a', ['2'])
      .withAddedHeader('x-a', '3')
      .withAddedHeader('x-b', '4')
      .withoutHeader('x-c');
    expect([copy.delay, copy.priority, copy.autoAck]).toEqual([5, 7, true]);
    expect([copy.header('x-a'), copy.headerLine('x-a'), copy.hasHeader('x-b'), copy.hasHeader('x-c')]).toEqual([['2', '3'], '2,3', true, false]);
    expect(copy.withAutoAck(false).autoAck).toBe(false);
    expect([task.delay, task.priority, task.autoAck, task.headerLine('x-a')]).toEqual([0, 0, false, '1']);
  });

  it('stays the same object when a header to remove is absent', () => {
    const task = connect().queue.create('a', '');
    expect(task.withoutHeader('absent')).toBe(task);
  });

  it('replaces options as a whole, and keeps its own headers', async () => {
    const { api, queue } = connect();
    const task = queue.create('a', '', { delay: 5, priority: 3, headers: { 'x-a': '1' } });
    await queue.dispatch(task.withOptions({ priority: 9, headers: { 'x-b': '2' } }));
    expect(api.job).toMatchObject({ delayMs: 0, priority: 9 });
    expect(api.job.headers).toEqual(headers({ 'x-a': ['1'] }));
  });

  it('keeps the topic when only the delay changes', async () => {
    const { api, queue } = connect();
    await queue.dispatch(queue.create('a', '', { topic: 'orders' }).withDelay(1).withPriority(2).withAutoAck());
    expect(api.job).toMatchObject({ delayMs: 1_000, priority: 2, autoAck: true, kafka: { topic: 'orders' } });
  });

  it('refuses in a copy what it refuses when it is created', () => {
    const task = connect().queue.create('a', '');
    expect(() => task.withDelay(-1)).toThrow(JobsArgumentError);
    expect(() => task.withPriority(0.5)).toThrow(JobsArgumentError);
    expect(() => task.withHeader('nrr-group', '1')).toThrow(JobsArgumentError);
    expect(() => task.withId('')).toThrow(JobsArgumentError);
  });
});

describe('Queue: dispatch', () => {
  it('makes a new job with a new id each time', async () => {
    const { api, queue } = connect();
    const task = queue.create('a', 'x');
    const [one, two] = [await queue.dispatch(task), await queue.dispatch(task)];
    expect(one.id).not.toBe(two.id);
    expect(api.jobs).toHaveLength(2);
    expect(api.jobs[0]).not.toBe(api.jobs[1]);
  });

  it('repeats the id that was given', async () => {
    const { queue } = connect();
    const task = queue.create('a', 'x').withId('order-7');
    expect([(await queue.dispatch(task)).id, (await queue.dispatch(task)).id]).toEqual(['order-7', 'order-7']);
  });

  it('counts a moment from the dispatch, not from the creation', async () => {
    const { api, queue } = connect();
    const task = queue.create('a', '', { delay: new Date(Date.now() - 1_000) });
    await queue.dispatch(task);
    expect(api.job.delayMs).toBe(0);
  });

  it('sends a task of another queue to this one', async () => {
    const { api, queue } = connect();
    await queue.dispatch(new Queue(api, 'other').create('a', ''));
    expect(api.job.pipeline).toBe('emails');
  });

  it.each(['email.send', undefined, { name: 'a', payload: '' }])('rejects %j, which is no prepared task', async (task) => {
    const { queue } = connect();
    await expect(queue.dispatch(task as unknown as PreparedTask)).rejects.toThrow(/queue\.create\(name, payload\)/);
  });
});

describe('Queue: dispatchMany', () => {
  it('pushes all in one call and answers in the same order', async () => {
    const { api, queue } = connect();
    const tasks = await queue.dispatchMany(queue.create('a', '1'), queue.create('b', '2', { delay: 1 }), queue.create('a', '3'));
    expect(tasks.map(({ name, payload }) => [name, payload])).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ]);
    expect(tasks.map(({ id }) => id)).toEqual(api.jobs.map(({ id }) => id));
    expect(api.jobs.map(({ delayMs }) => delayMs)).toEqual([0, 1_000, 0]);
    expect(api.calls).toEqual([['pushMany', 3]]);
  });

  it.each<[string, (tasks: PreparedTask[]) => Iterable<PreparedTask>]>([
    ['a list', (tasks) => tasks],
    ['a set', (tasks) => new Set(tasks)],
    ['a generator', (tasks) => tasks.values()],
  ])('takes %s', async (_, iterable) => {
    const { queue } = connect();
    const tasks = await queue.dispatchMany(iterable([queue.create('a', '1'), queue.create('a', '2')]));
    expect(tasks.map(({ payload }) => payload)).toEqual(['1', '2']);
  });

  it('makes no call for none', async () => {
    const { api, queue } = connect();
    expect(await queue.dispatchMany()).toEqual([]);
    expect(await queue.dispatchMany([])).toEqual([]);
    expect(api.calls).toEqual([]);
  });

  it('rejects with the outcome of each when one was not stored', async () => {
    const { api, queue } = connect();
    const error = new PipelineFullError('emails', 1, 0);
    api.onPushMany = async () => [
      { ok: true, receipt: {} },
      { ok: false, error },
    ];
    const pushed = queue.dispatchMany(queue.create('a', '1'), queue.create('a', '2'));
    await expect(pushed).rejects.toBeInstanceOf(PushBatchError);
    await expect(pushed).rejects.toMatchObject({
      outcomes: [
        { ok: true, receipt: {} },
        { ok: false, error },
      ],
    });
  });

  it('tells the ids of the jobs that took their place', async () => {
    const { api, queue } = connect();
    api.onPushMany = async () => [
      { ok: true, receipt: { deduplicatedBy: 'older' } },
      { ok: true, receipt: {} },
    ];
    const tasks = await queue.dispatchMany(queue.create('a', '1'), queue.create('a', '2'));
    expect(tasks.map(({ deduplicatedBy }) => deduplicatedBy)).toEqual(['older', undefined]);
  });

  it('pushes none when one of them is no task', async () => {
    const { api, queue } = connect();
    await expect(queue.dispatchMany(queue.create('a', '1'), 'b' as unknown as PreparedTask)).rejects.toThrow(JobsArgumentError);
    await expect(queue.dispatchMany('ab' as unknown as PreparedTask)).rejects.toThrow(JobsArgumentError);
    expect(api.jobs).toEqual([]);
  });
});

describe('Queue: the pipeline', () => {
  const stat = { pipeline: 'emails', driver: 'memory', queue: '', active: 1, delayed: 2, reserved: 3, ready: true, priority: 10 };

  it('pauses and resumes', async () => {
    const { api, queue } = connect();
    await queue.pause();
    await queue.resume();
    expect(api.calls).toEqual([
      ['pause', 'emails'],
      ['resume', 'emails'],
    ]);
  });

  it('answers the state of its own pipeline', async () => {
    const { api, queue } = connect();
    api.stats = [{ ...stat, pipeline: 'other' }, stat];
    expect(await queue.stat()).toEqual(stat);
    api.stats = [];
    expect(await queue.stat()).toBeUndefined();
  });

  it.each([
    [[stat], false],
    [[{ ...stat, ready: false }], true],
    [[{ ...stat, ready: false, pipeline: 'other' }], false],
    [[], false],
  ])('is paused only when it is there and not ready', async (stats, paused) => {
    const { api, queue } = connect();
    api.stats = stats;
    expect(await queue.isPaused()).toBe(paused);
  });
});

describe('JobRecord of a push', () => {
  it('is a record, which memory keeps as its own delivery', async () => {
    const { api, queue } = connect();
    await queue.push('a', '');
    expect(api.job).toBeInstanceOf(JobRecord);
  });
});
