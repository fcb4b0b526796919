import type { JobControl } from '../../lib/contract/executor.js';
import { JobsArgumentError } from '../../lib/contract/errors.js';
import { JobAlreadySettledError, JobValidationError } from '../../lib/contract/job-errors.js';
import { JobRecord, NO_HEADERS, type Job } from '../../lib/contract/job.js';
import { ReceivedTask, type TaskControl } from '../../lib/client/received-task.js';
import { aJob, headers, receive, ScriptedControl } from './support.js';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';

describe('ReceivedTask: what it shows', () => {
  it('shows id, name and pipeline of the job, and driver and queue of the run', () => {
    const { task } = receive(aJob({ id: UUID }));
    expect({ id: task.id, name: task.name, pipeline: task.pipeline }).toEqual({ id: UUID, name: 'email.send', pipeline: 'emails' });
    expect({ driver: task.driver, queue: task.queue }).toEqual({ driver: 'memory', queue: 'broker-queue' });
  });

  it('gives the 16 bytes of a UUID in the order of its text', () => {
    const { task } = receive(aJob({ id: UUID.toUpperCase() }));
    expect([...(task.idBytes ?? [])]).toEqual([0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
  });

  it.each(['order-7', '', `${UUID}0`, UUID.replaceAll('-', ''), UUID.replace('0', 'g')])('has no bytes of the id %j, which is no UUID', (id) => {
    expect(receive(aJob({ id })).task.idBytes).toBeUndefined();
  });

  it('hands over the bytes of a payload without a copy', () => {
    const payload = new Uint8Array([0, 255, 10]);
    expect(receive(aJob({ payload })).task.payload).toBe(payload);
  });

  it('encodes text once and shares it with its copies', () => {
    const { task } = receive(aJob({ payload: 'grüße' }));
    expect([...task.payload]).toEqual([103, 114, 195, 188, 195, 159, 101]);
    expect(task.payload).toBe(task.payload);
    expect(task.withDelay(1).payload).toBe(task.payload);
  });

  it('reads text of a part of a larger buffer', () => {
    const whole = new TextEncoder().encode('..grüße..');
    expect(receive(aJob({ payload: whole.subarray(2, 9) })).task.text()).toBe('grüße');
  });

  it('turns bytes that are no UTF-8 into U+FFFD', () => {
    expect(receive(aJob({ payload: new Uint8Array([0x61, 0xff]) })).task.text()).toBe('a\uFFFD');
  });

  it.each(['{"to":"ann"}', new TextEncoder().encode('{"to":"ann"}')])('parses JSON anew at every call', (payload) => {
    const { task } = receive(aJob({ payload }));
    const first = task.json<{ to: string }>();
    expect(first).toEqual({ to: 'ann' });
    expect(task.json()).not.toBe(first);
  });

  it.each(['', 'plain', '{"to":'])('says by name that the payload %j is no JSON', (payload) => {
    const { task } = receive(aJob({ payload }));
    expect(() => task.json()).toThrow(JobValidationError);
    expect(() => task.json()).toThrow(/"email\.send".*is no JSON/);
  });

  it('shows where a Kafka job came from', () => {
    const kafka = { topic: 'orders', partition: 3, offset: 7n, metadata: '' };
    const { task } = receive(new JobRecord('n', 'p', '', NO_HEADERS, 0, 0, false, UUID, kafka));
    expect(task.kafka).toEqual(kafka);
    expect(receive().task.kafka).toBeUndefined();
  });

  it('makes no id until it is asked for', () => {
    let reads = 0;
    const job = Object.defineProperty(aJob(), 'id', {
      get: () => {
        reads++;
        return UUID;
      },
    });
    const { task } = receive(job);
    void task.ack();
    expect(reads).toBe(0);
    expect(task.id).toBe(UUID);
  });
});

describe('ReceivedTask: headers', () => {
  const given = headers({ 'X-A': ['one', 'two'], 'x-a': ['lower'], blank: [''], empty: [], 'nrr-attempt': ['2'] });

  it('shows all headers but ours', () => {
    const { task } = receive(aJob({ given }));
    expect({ ...task.headers }).toEqual({ 'X-A': ['one', 'two'], 'x-a': ['lower'], blank: [''], empty: [] });
    expect(task.header('nrr-attempt')).toEqual([]);
    expect(task.hasHeader('nrr-attempt')).toBe(false);
  });

  it('compares names exactly', () => {
    const { task } = receive(aJob({ given }));
    expect([task.header('X-A'), task.header('x-a'), task.header('X-a')]).toEqual([['one', 'two'], ['lower'], []]);
  });

  it('has a header when there is at least one value, an empty text too', () => {
    const { task } = receive(aJob({ given }));
    expect(['X-A', 'blank', 'empty', 'absent'].map((name) => task.hasHeader(name))).toEqual([true, true, false, false]);
  });

  it('joins values with a comma and no space', () => {
    const { task } = receive(aJob({ given }));
    expect(['X-A', 'blank', 'empty', 'absent'].map((name) => task.headerLine(name))).toEqual(['one,two', '', '', '']);
  });

  it('takes names of Object.prototype for absent', () => {
    const { task } = receive();
    expect(task.header('constructor')).toEqual([]);
    expect(task.withHeader('__proto__', 'data').header('__proto__')).toEqual(['data']);
  });

  it('changes headers on a copy only', () => {
    const { task } = receive(aJob({ given }));
    const copy = task.withHeader('x-a', 'new').withAddedHeader('X-A', ['two', 'three']).withAddedHeader('fresh', 'first').withoutHeader('blank');
    expect({ ...copy.headers }).toEqual({ 'X-A': ['one', 'two', 'two', 'three'], 'x-a': ['new'], fresh: ['first'], empty: [] });
    expect(task.headerLine('x-a')).toBe('lower');
    expect(task.hasHeader('blank')).toBe(true);
  });

  it('stays the same object when a header to remove is absent', () => {
    const { task } = receive(aJob({ given }));
    expect(task.withoutHeader('absent')).toBe(task);
    expect(task.withoutHeader('nrr-attempt')).toBe(task);
  });
});

describe('ReceivedTask: settling', () => {
  it.each(['ack', 'complete'] as const)('acknowledges by %s()', async (call) => {
    const { task, control } = receive();
    await task[call]();
    expect(control.outcome).toEqual({ kind: 'done' });
    expect([task.isCompleted, task.isSuccessful, task.isFailed, task.isFails]).toEqual([true, true, false, false]);
  });

  it('is open before it is settled', () => {
    const { task } = receive();
    expect([task.isCompleted, task.isSuccessful, task.isFailed]).toEqual([false, false, false]);
  });

  it.each([[], [false], [{}], [{ requeue: false }]] as const)('fails for good without requeue: %j', async (...options) => {
    const { task, control } = receive();
    await task.fail(new TypeError('broken'), ...options);
    expect(control.outcome).toMatchObject({ kind: 'rejected', error: { type: 'TypeError', message: 'broken' } });
    expect([task.isCompleted, task.isSuccessful, task.isFailed, task.isFails]).toEqual([true, false, true, true]);
  });

  it.each([true, { requeue: true }])('puts the job back by fail() with %j and spends no attempt', async (options) => {
    const given = headers({ 'x-a': ['1'], 'nrr-attempt': ['2'] });
    const { task, control } = receive(aJob({ given }));
    await task.withDelay(1.5).fail('later', options);
    expect(control.outcome).toEqual({ kind: 'requeue', headers: given, delayMs: 1_500, reason: 'later', spendsAttempt: false });
    expect(task.isFailed).toBe(true);
  });

  it('puts the job back with the changed headers, without empty ones, and with ours', async () => {
    const { task, control } = receive(aJob({ given: headers({ 'x-a': ['1'], gone: ['1'], 'nrr-attempt': ['2'] }) }));
    await task.withHeader('x-b', ['2', '3']).withHeader('x-c', []).withoutHeader('gone').withDelay('42m').requeue(new Error('busy'));
    expect(control.outcome).toEqual({
      kind: 'requeue',
      headers: headers({ 'nrr-attempt': ['2'], 'x-a': ['1'], 'x-b': ['2', '3'] }),
      delayMs: 42 * 60_000,
      reason: 'busy',
      spendsAttempt: false,
    });
  });

  it('puts headers and delay of the call over those of the task', async () => {
    const { task, control } = receive(aJob({ given: headers({ 'x-a': ['1'], 'x-b': ['1'], 'nrr-group': ['g'] }) }));
    await task.withDelay(60).requeue('busy', { delay: 0, headers: { 'x-b': '2', 'x-c': ['3'] } });
    expect(control.outcome).toMatchObject({
      headers: headers({ 'nrr-group': ['g'], 'x-a': ['1'], 'x-b': ['2'], 'x-c': ['3'] }),
      delayMs: 0,
    });
  });

  it('hands over the very headers of the job when none were changed', async () => {
    const job = aJob({ given: headers({ 'x-a': ['1'] }) });
    const { task, control } = receive(job);
    await task.requeue('busy');
    expect((control.outcome as { headers: unknown }).headers).toBe(job.headers);
  });

  it.each([
    [{}, { requeue: false, delayMs: 0 }],
    [{ redelivery: true }, { requeue: true, delayMs: 0 }],
    [
      { redelivery: true, delay: '500ms' },
      { requeue: true, delayMs: 500 },
    ],
  ])('tells the broker by nack() with %j', async (options, expected) => {
    const { task, control } = receive();
    await task.withHeader('x-a', 'not sent').nack('not mine', options);
    expect(control.outcome).toEqual({ kind: 'nacked', ...expected, reason: 'not mine' });
    expect([task.isCompleted, task.isFailed]).toEqual([true, true]);
  });

  it('nacks after the delay of the task', async () => {
    const { task, control } = receive();
    await task.withDelay(3).nack('not mine', { redelivery: true });
    expect(control.outcome).toMatchObject({ delayMs: 3_000 });
  });

  it('takes a moment as a delay', async () => {
    const { task, control } = receive();
    await task.withDelay(new Date(Date.now() + 60_000)).requeue('later');
    const { delayMs } = control.outcome as { delayMs: number };
    expect(delayMs).toBeGreaterThan(55_000);
    expect(delayMs).toBeLessThanOrEqual(60_000);
  });

  it.each([-1, Number.NaN, 'soon'])('refuses the delay %j', (delay) => {
    expect(() => receive().task.withDelay(delay)).toThrow(JobsArgumentError);
  });

  it('keeps the delay when headers change afterwards, and the headers when the delay does', async () => {
    const { task, control } = receive();
    await task.withHeader('x-a', '1').withDelay(5).withHeader('x-b', '2').requeue('later');
    expect(control.outcome).toMatchObject({ delayMs: 5_000, headers: headers({ 'x-a': ['1'], 'x-b': ['2'] }) });
  });

  it.each(['ack', 'complete', 'fail', 'nack', 'requeue'] as const)('rejects a second settlement by %s() and keeps the first', async (call) => {
    const { task, control } = receive(aJob({ id: UUID }));
    await task.ack();
    await expect(task[call]('again')).rejects.toThrow(JobAlreadySettledError);
    await expect(task[call]('again')).rejects.toMatchObject({ code: 'JOB_ALREADY_SETTLED', jobId: UUID, job: 'email.send' });
    expect(control.outcomes).toHaveLength(1);
    expect(task.isSuccessful).toBe(true);
  });

  it('shares the settlement with copies made before', async () => {
    const { task, control } = receive();
    const copy = task.withDelay(1);
    await copy.fail('broken');
    expect([task.isCompleted, task.isFailed]).toEqual([true, true]);
    await expect(task.ack()).rejects.toThrow(JobAlreadySettledError);
    expect(control.outcomes).toHaveLength(1);
  });

  it('rejects after the kernel has settled the job, and ends no process when nobody awaits it', async () => {
    const { task, control } = receive();
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    control.isSettled = true;
    void task.ack();
    await expect(task.ack()).rejects.toThrow(JobAlreadySettledError);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
    expect([task.isCompleted, task.isSuccessful, task.isFailed]).toEqual([true, false, false]);
    expect(control.outcomes).toEqual([]);
  });

  it('resolves when the driver has taken it, not before', async () => {
    const { task, control } = receive();
    const steps: string[] = [];
    let taken = () => {};
    control.onSettle = () => new Promise<void>((resolve) => (taken = resolve)).then(() => void steps.push('taken'));
    const settled = task.ack().then(() => steps.push('settled'));
    taken();
    await settled;
    expect(steps).toEqual(['taken', 'settled']);
  });

  it('rejects when the driver does', async () => {
    const { task, control } = receive();
    control.onSettle = () => Promise.reject(new Error('connection lost'));
    await expect(task.ack()).rejects.toThrow('connection lost');
  });

  it('stays open when an argument cannot be used', async () => {
    const { task, control } = receive();
    await expect(task.requeue('later', { delay: -1 })).rejects.toThrow(JobsArgumentError);
    await expect(task.requeue('later', { headers: { 'nrr-attempt': '0' } })).rejects.toThrow(/reserved/);
    expect(task.isCompleted).toBe(false);
    await task.ack();
    expect(control.outcome).toEqual({ kind: 'done' });
  });

  it('stays open when the run throws', async () => {
    const { task, control } = receive();
    control.onSettle = () => {
      control.isSettled = false;
      throw new Error('cannot be sent');
    };
    await expect(task.ack()).rejects.toThrow('cannot be sent');
    expect(task.isCompleted).toBe(false);
  });

  it.each([
    [new RangeError('too far'), 'too far'],
    ['plain', 'plain'],
    [{ code: 7 }, '{"code":7}'],
    [undefined, 'undefined'],
  ])('takes %p as a reason', async (message, reason) => {
    const { task, control } = receive();
    await task.nack(message);
    expect(control.outcome).toMatchObject({ reason });
  });
});

describe('ReceivedTask: subclasses', () => {
  class Context extends ReceivedTask {
    #seen = 1;

    get seen(): number {
      return this.#seen++;
    }
  }

  class Wide extends ReceivedTask {
    declare protected readonly control: JobControl;
    readonly #tenant: string;

    constructor(job: Job, control: TaskControl, tenant: string) {
      super(job, control);
      this.#tenant = tenant;
    }

    get tenant(): string {
      return this.#tenant;
    }

    protected override copy(): this {
      const Task = this.constructor as new (job: Job, control: TaskControl, tenant: string) => this;
      return new Task(this.job, this.control, this.#tenant);
    }
  }

  it('copies to the same class, with its private fields', () => {
    const copy = new Context(aJob(), new ScriptedControl()).withHeader('x-a', '1');
    expect(copy).toBeInstanceOf(Context);
    expect([copy.seen, copy.seen]).toEqual([1, 2]);
    expect(copy.headerLine('x-a')).toBe('1');
  });

  it('lets a subclass with another constructor make its own copies', async () => {
    const control = new ScriptedControl();
    const task = new Wide(aJob(), control, 'acme');
    const copy = task.withDelay(1).withHeader('x-a', '1');
    expect(copy.tenant).toBe('acme');
    await copy.requeue('later');
    expect(control.outcome).toMatchObject({ delayMs: 1_000, headers: headers({ 'x-a': ['1'] }) });
    expect(task.isFailed).toBe(true);
  });
});
