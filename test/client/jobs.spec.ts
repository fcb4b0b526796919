import { JobsArgumentError } from '../../lib/contract/errors.js';
import { PipelineExistsError, PipelineNotFoundError } from '../../lib/contract/pipeline-errors.js';
import { MemoryCreateInfo } from '../../lib/client/create-info.js';
import { defineJob } from '../../lib/client/define-job.js';
import { JobOptions } from '../../lib/client/job-options.js';
import { Jobs } from '../../lib/client/jobs.js';
import { KafkaCreateInfo } from '../../lib/client/kafka-create-info.js';
import { KafkaOptions } from '../../lib/client/kafka-options.js';
import { Queue } from '../../lib/client/queue.js';
import { ScriptedApi } from './support.js';

function open(): { api: ScriptedApi; jobs: Jobs } {
  const api = new ScriptedApi();
  return { api, jobs: new Jobs(api) };
}

describe('Jobs: queues', () => {
  it.each(['connect', 'queue'] as const)('gives a queue by %s() without a call', (method) => {
    const { api, jobs } = open();
    const queue = jobs[method]('emails', { delay: 5 });
    expect(queue).toBeInstanceOf(Queue);
    expect([queue.name, queue.defaultOptions.delay]).toEqual(['emails', 5]);
    expect(jobs[method]('emails').defaultOptions).toBe(JobOptions.defaults);
    expect(api.calls).toEqual([]);
  });

  it('refuses an empty name', () => {
    expect(() => open().jobs.connect('')).toThrow(JobsArgumentError);
  });

  it('declares a pipeline as text and gives its queue', async () => {
    const { api, jobs } = open();
    const queue = await jobs.create(new MemoryCreateInfo({ name: 'emails', prefetch: 25 }), { priority: 3 });
    expect(api.calls).toEqual([['declare', { name: 'emails', driver: 'memory', priority: '10', prefetch: '25' }]]);
    expect([queue.name, queue.defaultOptions.priority]).toEqual(['emails', 3]);
  });

  it('declares a plain object', async () => {
    const { api, jobs } = open();
    expect((await jobs.create({ driver: 'memory', name: 'emails', maxJobs: 5 })).defaultOptions).toBe(JobOptions.defaults);
    expect(api.calls).toEqual([['declare', { name: 'emails', driver: 'memory', max_jobs: '5' }]]);
  });

  it('gives a Kafka queue the topic "default" unless options are given', async () => {
    const { jobs } = open();
    const plain = await jobs.create(new KafkaCreateInfo({ name: 'orders' }));
    expect(plain.defaultOptions).toEqual(new KafkaOptions({ topic: 'default' }));
    const given = await jobs.create(new KafkaCreateInfo({ name: 'orders' }), { topic: 'refunds' });
    expect(given.defaultOptions).toEqual(new KafkaOptions({ topic: 'refunds' }));
  });

  it("rejects with the kernel's own error", async () => {
    const { api, jobs } = open();
    const error = new PipelineExistsError('emails', 'memory');
    api.declare = () => Promise.reject(error);
    await expect(jobs.create(new MemoryCreateInfo({ name: 'emails' }))).rejects.toBe(error);
  });

  it('declares nothing when an option of the queue is wrong', async () => {
    const { api, jobs } = open();
    await expect(jobs.create(new MemoryCreateInfo({ name: 'emails' }), { delay: -1 })).rejects.toThrow(JobsArgumentError);
    expect(api.calls).toEqual([]);
  });

  it.each(['pause', 'resume', 'destroy'] as const)('%ss queues by name and by object in one call, in order', async (method) => {
    const { api, jobs } = open();
    await jobs[method]('one', jobs.connect('two'), 'three');
    expect(api.calls).toEqual([[method, 'one', 'two', 'three']]);
  });

  it('answers the names that were destroyed', async () => {
    const { api, jobs } = open();
    api.destroy = async () => ['one'];
    expect(await jobs.destroy('one', 'two')).toEqual(['one']);
  });

  it("hands on the kernel's refusal to pause", async () => {
    const { api, jobs } = open();
    api.pause = () => Promise.reject(new PipelineNotFoundError('one'));
    await expect(jobs.pause('one')).rejects.toThrow(PipelineNotFoundError);
  });

  it('counts and names pipelines, asking each time', async () => {
    const { api, jobs } = open();
    api.names = ['one', 'two'];
    expect([await jobs.count(), await jobs.names()]).toEqual([2, ['one', 'two']]);
    api.names = [];
    expect(await jobs.count()).toBe(0);
    expect(api.calls).toHaveLength(3);
  });

  it('answers the state of all pipelines', async () => {
    const { api, jobs } = open();
    api.stats = [{ pipeline: 'one', driver: 'memory', queue: '', active: 0, delayed: 0, reserved: 0, ready: false, priority: 10 }];
    expect(await jobs.stat()).toEqual(api.stats);
  });

  it('walks the queues, asking at the first step', async () => {
    const { api, jobs } = open();
    api.names = ['one', 'two'];
    const walk = jobs[Symbol.asyncIterator]();
    expect(api.calls).toEqual([]);
    await walk.next();
    expect(api.calls).toEqual([['list']]);
    const names: string[] = [];
    for await (const queue of jobs) names.push(queue.name);
    expect(names).toEqual(['one', 'two']);
  });

  it('fails at the first step of a walk when the kernel does not answer', async () => {
    const { api, jobs } = open();
    api.onList = () => Promise.reject(new Error('no connection'));
    await expect(jobs[Symbol.asyncIterator]().next()).rejects.toThrow('no connection');
  });

  it('is available when the kernel answers', async () => {
    const { api, jobs } = open();
    expect(await jobs.isAvailable()).toBe(true);
    api.onList = () => Promise.reject(new Error('no connection'));
    expect(await jobs.isAvailable()).toBe(false);
  });
});

describe('Jobs: push', () => {
  const SendEmail = defineJob<{ to: string }>('email.send', { queue: 'emails', priority: 4 });

  it('pushes to the queue of the definition', async () => {
    const { api, jobs } = open();
    const task = await jobs.push(SendEmail, { to: 'ann' });
    expect(api.job).toMatchObject({ name: 'email.send', pipeline: 'emails', payload: '{"to":"ann"}', priority: 4 });
    expect(task.pipeline).toBe('emails');
  });

  it('takes options, also a topic', async () => {
    const { api, jobs } = open();
    await jobs.push(SendEmail, { to: 'ann' }, { delay: '42m', priority: 0 });
    await jobs.push(SendEmail, { to: 'ann' }, new KafkaOptions({ topic: 'orders' }));
    expect(api.jobs.map(({ delayMs, priority, kafka }) => [delayMs, priority, kafka?.topic])).toEqual([
      [42 * 60_000, 0, undefined],
      [0, 4, 'orders'],
    ]);
  });

  it('pushes to the queue of the options before that of the definition', async () => {
    const { api, jobs } = open();
    await jobs.push(SendEmail, { to: 'ann' }, { queue: 'urgent' });
    expect(api.job.pipeline).toBe('urgent');
  });

  it('pushes a name in text, and a class, to the queue of the options', async () => {
    class Note {
      static readonly jobName = 'note';
      readonly text = 'hi';
    }
    const { api, jobs } = open();
    await jobs.push('plain', 'text', { queue: 'emails' });
    await jobs.push(Note, new Note(), { queue: 'emails' });
    expect(api.jobs.map(({ name, pipeline, payload }) => [name, pipeline, payload])).toEqual([
      ['plain', 'emails', 'text'],
      ['note', 'emails', '{"text":"hi"}'],
    ]);
  });

  it.each<[string, unknown]>([
    ['text', 'email.send'],
    ['a definition', defineJob('email.send')],
    ['a class', Object.assign(class {}, { jobName: 'email.send' })],
  ])('rejects %s without a queue, with what to do', async (_, name) => {
    const { api, jobs } = open();
    await expect(jobs.push(name as string, {})).rejects.toThrow(/^Job "email\.send" has no queue\. .*defineJob\('email\.send', \{ queue: '…' \}\)/);
    expect(api.jobs).toEqual([]);
  });

  it.each([null, undefined, 5, ''])('rejects the name %p', async (name) => {
    await expect(open().jobs.push(name as unknown as string, {})).rejects.toThrow(JobsArgumentError);
  });

  it('rejects an empty queue', async () => {
    await expect(open().jobs.push(SendEmail, { to: 'ann' }, { queue: '' })).rejects.toThrow(JobsArgumentError);
  });
});

describe('Jobs: prepared tasks', () => {
  it('dispatches a task to the queue that made it', async () => {
    const { api, jobs } = open();
    const task = jobs.connect('emails').create('a', 'x', { delay: 1 });
    expect((await jobs.dispatch(task)).id).not.toBe((await jobs.dispatch(task)).id);
    expect(api.jobs.map(({ pipeline, delayMs }) => [pipeline, delayMs])).toEqual([
      ['emails', 1_000],
      ['emails', 1_000],
    ]);
  });

  it('dispatches tasks of several queues in one call', async () => {
    const { api, jobs } = open();
    const tasks = [jobs.queue('one').create('a', '1'), jobs.queue('two').create('b', '2')];
    expect((await jobs.dispatchMany(...tasks)).map(({ pipeline }) => pipeline)).toEqual(['one', 'two']);
    expect((await jobs.dispatchMany(tasks)).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(api.calls).toEqual([
      ['pushMany', 2],
      ['pushMany', 2],
    ]);
  });

  it('rejects what is no prepared task', async () => {
    const { jobs } = open();
    await expect(jobs.dispatch('a' as never)).rejects.toThrow(JobsArgumentError);
    await expect(jobs.dispatchMany(['a'] as never)).rejects.toThrow(JobsArgumentError);
  });
});
