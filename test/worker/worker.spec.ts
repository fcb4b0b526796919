import { encodeFrame, FrameFlag } from '../../lib/wire/frame.js';
import { Consumer } from '../../lib/worker/consumer.js';
import { Payload } from '../../lib/worker/payload.js';
import { createRelay } from '../../lib/worker/relay.js';
import { RoadRunnerMode, WorkerEnvironment } from '../../lib/worker/worker-environment.js';
import { Worker } from '../../lib/worker/worker.js';
import { answerOf, FakeKernel, jobFrame, textOf } from './support/fake-kernel.js';

function open(): { kernel: FakeKernel; worker: Worker } {
  const kernel = new FakeKernel();
  return { kernel, worker: new Worker(kernel.relay) };
}

describe('The environment of a worker', () => {
  it('says what the kernel told', () => {
    const environment = WorkerEnvironment.fromProcess({
      RR_MODE: 'jobs',
      RR_RELAY: 'unix:///tmp/rr.sock',
      RR_RPC: 'tcp://127.0.0.1:7001',
      RR_VERSION: '2025.1.15',
      NRR_WINDOW: '32',
    });
    expect(environment.mode).toBe(RoadRunnerMode.Jobs);
    expect(environment.relayAddress).toBe('unix:///tmp/rr.sock');
    expect(environment.rpcAddress).toBe('tcp://127.0.0.1:7001');
    expect(environment.version).toBe('2025.1.15');
    expect(environment.window).toBe(32);
  });

  it('has the defaults of the PHP worker SDK', () => {
    const environment = WorkerEnvironment.fromProcess({});
    expect(environment.mode).toBe('');
    expect(environment.relayAddress).toBe('pipes');
    expect(environment.rpcAddress).toBe('tcp://127.0.0.1:6001');
  });

  it('reads the variables of this process when it is given none', () => {
    expect(WorkerEnvironment.fromProcess().mode).toBe(process.env['RR_MODE'] ?? '');
  });

  it.each(['', '0', '-1', 'many', '1.5'])('knows no window in NRR_WINDOW=%p', (NRR_WINDOW) => {
    expect(new WorkerEnvironment({ NRR_WINDOW }).window).toBeUndefined();
  });
});

describe('createRelay', () => {
  it.each(['', 'tcp', 'udp://127.0.0.1:1', 'tcp://127.0.0.1', 'unix://', 'pipes://0:1'])('refuses the address %p', (address) => {
    expect(() => createRelay(address)).toThrow(expect.objectContaining({ code: 'RELAY' }));
  });

  it('refuses a descriptor that is not open', () => {
    expect(() => createRelay('pipes', { descriptor: 999 })).toThrow(expect.objectContaining({ code: 'RELAY' }));
  });

  it('tells whoever waits that nothing listens there', async () => {
    const worker = new Worker(createRelay('unix:///nowhere/relay.sock'));
    await expect(worker.waitPayload()).rejects.toMatchObject({ code: 'RELAY', address: 'unix:///nowhere/relay.sock' });
    expect(await worker.waitPayload()).toBeUndefined();
  });
});

describe('A worker', () => {
  it('sees that its kernel was gone before it began to wait', async () => {
    const { kernel } = open();
    const { input } = kernel.relay;
    input.destroy();
    await new Promise((resolve) => input.once('close', resolve));
    expect(await new Worker(kernel.relay).waitPayload()).toBeUndefined();
  });

  it('gives each caller that waits a payload of its own, in order', async () => {
    const { kernel, worker } = open();
    const waiting = [worker.waitPayload(), worker.waitPayload()];
    kernel.send(jobFrame({}, 'first'), jobFrame({}, 'second'));
    const payloads = await Promise.all(waiting);
    expect(payloads.map((payload) => payload?.text())).toEqual(['first', 'second']);
    await worker.close();
  });

  it('splits header and body', async () => {
    const { kernel, worker } = open();
    kernel.job({ id: 'id-9' }, 'body');
    const payload = await worker.waitPayload();
    expect(JSON.parse(payload!.headerText())).toMatchObject({ id: 'id-9' });
    expect(payload!.text()).toBe('body');
    await worker.close();
  });

  it('answers with header and body', async () => {
    const { kernel, worker } = open();
    await worker.respond(new Payload('body', 'head'));
    const [frame] = await kernel.answers(1);
    expect([frame.flags, frame.stream, frame.options, textOf(frame)]).toEqual([0, 0, [4], 'headbody']);
    await worker.close();
  });

  it('sets the stream bit when more answers follow', async () => {
    const { kernel, worker } = open();
    await worker.respond(new Payload('part', '', false));
    const [frame] = await kernel.answers(1);
    expect(frame.stream).toBe(1);
    await worker.close();
  });

  it('answers the process id while nobody waits, and in the midst of jobs', async () => {
    const { kernel, worker } = open();
    kernel.control({ pid: 1 });
    kernel.job({});
    kernel.control({ pid: 1 });
    const frames = await kernel.answers(2);
    expect(frames.map(textOf)).toEqual([`{"pid":${process.pid}}`, `{"pid":${process.pid}}`]);
    await worker.close();
  });

  it('skips pong and stream stop frames', async () => {
    const { kernel, worker } = open();
    kernel.send(encodeFrame({ flags: 0, stream: 8 }), encodeFrame({ flags: 0, stream: 2 }));
    kernel.job({}, 'next');
    expect((await worker.waitPayload())?.text()).toBe('next');
    await worker.close();
  });

  it('ends at a stop request and closes the relay', async () => {
    const { kernel, worker } = open();
    const waiting = worker.waitPayload();
    kernel.control({ stop: true });
    expect(await waiting).toBeUndefined();
    await kernel.closed();
    expect(await worker.waitPayload()).toBeUndefined();
  });

  it('still answers what it has in hand when the stop request came', async () => {
    const { kernel, worker } = open();
    kernel.job({}, 'last');
    const payload = await worker.waitPayload();
    kernel.control({ stop: true });
    kernel.control({ pid: 1 }); // comes behind the stop: its answer shows that the stop was read
    await kernel.answers(1);
    await worker.respond(payload!);
    await kernel.answers(2);
    expect(await worker.waitPayload()).toBeUndefined();
    await kernel.closed();
  });

  it('gives out the payloads that came before the stop request', async () => {
    const { kernel, worker } = open();
    kernel.job({}, 'a');
    kernel.control({ stop: true });
    expect((await worker.waitPayload())?.text()).toBe('a');
    expect(await worker.waitPayload()).toBeUndefined();
  });

  it('ends when the kernel is gone, and refuses to answer then', async () => {
    const { kernel, worker } = open();
    const waiting = [worker.waitPayload(), worker.waitPayload()];
    kernel.end();
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    await expect(worker.respond(new Payload())).rejects.toMatchObject({ code: 'RELAY' });
    await expect(worker.error('no')).rejects.toMatchObject({ code: 'RELAY' });
  });

  it.each([
    ['bytes that are no frame', Buffer.from('PHP Warning: something'), 'RPC_FRAME'],
    ['a control frame that is no JSON', encodeFrame({ flags: 9, payload: Buffer.from('{"pid"') }), 'KERNEL_PROTOCOL'],
    ['a control frame that is no object', encodeFrame({ flags: 9, payload: Buffer.from('7') }), 'KERNEL_PROTOCOL'],
    ['a control frame that asks for nothing known', encodeFrame({ flags: 9, payload: Buffer.from('{"dance":1}') }), 'KERNEL_PROTOCOL'],
    ['a job without the length of its context', encodeFrame({ flags: FrameFlag.raw, payload: Buffer.from('{}') }), 'KERNEL_PROTOCOL'],
    ['a job whose context is longer than the frame', encodeFrame({ flags: 4, options: [9], payload: Buffer.from('{}') }), 'KERNEL_PROTOCOL'],
  ])('tells one caller of %s, and has ended then', async (_, bytes, code) => {
    const { kernel, worker } = open();
    const waiting = [worker.waitPayload(), worker.waitPayload()];
    kernel.send(bytes);
    await expect(waiting[0]).rejects.toMatchObject({ code });
    expect(await waiting[1]).toBeUndefined();
    expect(await worker.waitPayload()).toBeUndefined();
  });

  it('keeps an error for the next caller when nobody waits', async () => {
    const { kernel, worker } = open();
    kernel.control({ pid: 1 });
    kernel.send(Buffer.from('no frame at all, only text'));
    await kernel.answers(1);
    await expect(worker.waitPayload()).rejects.toMatchObject({ code: 'RPC_FRAME' });
  });

  it('reports a frame that was cut off', async () => {
    const { kernel, worker } = open();
    kernel.send(jobFrame({}, 'half').subarray(0, 20));
    kernel.end();
    await expect(worker.waitPayload()).rejects.toMatchObject({ code: 'RPC_FRAME', kind: 'cut' });
  });

  it('stops to read when nobody takes what came', async () => {
    const { kernel, worker } = open();
    for (let index = 0; index < 40; index++) kernel.job({}, String(index));
    await new Promise((resolve) => setImmediate(resolve));
    expect(kernel.relay.input.isPaused()).toBe(true);
    const texts: (string | undefined)[] = [];
    for (let index = 0; index < 40; index++) texts.push((await worker.waitPayload())?.text());
    expect(texts).toEqual(Array.from({ length: 40 }, (_, index) => String(index)));
    await worker.close();
  });

  it('waits with its answer until the kernel has room', async () => {
    const { kernel, worker } = open();
    const output = kernel.relay.output as import('node:stream').PassThrough;
    output.pause();
    let isTaken = false;
    const responded = worker.respond(new Payload(new Uint8Array(1024 * 1024))).then(() => (isTaken = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isTaken).toBe(false);
    output.resume();
    await responded;
    expect((await kernel.answers(1))[0].payload).toHaveLength(1024 * 1024);
    await worker.close();
  });

  it('closes twice without harm', async () => {
    const { worker } = open();
    const waiting = worker.waitPayload();
    await Promise.all([worker.close(), worker.close()]);
    expect(await waiting).toBeUndefined();
  });
});

describe('A consumer', () => {
  it('iterates over the jobs until the stop request', async () => {
    const { kernel, worker } = open();
    kernel.send(jobFrame({}, 'a'), jobFrame({}, 'b'));
    kernel.control({ stop: true });
    const seen: string[] = [];
    for await (const task of new Consumer(worker)) {
      seen.push(task.text());
      await task.ack();
    }
    expect(seen).toEqual(['a', 'b']);
    expect(kernel.frames.map(textOf)).toEqual(['{"type":2,"data":[]}', '{"type":2,"data":[]}']);
  });

  it('reads what a Kafka driver says, an offset of 64 bits included', async () => {
    const { kernel, worker } = open();
    const context =
      '{"id":"1","job":"j","driver":"kafka","headers":{"offset":["1"],"x":[",\\"offset\\":7"]},"pipeline":"p","queue":"t","topic":"t","partition":3,"offset":9007199254740995}';
    kernel.send(encodeFrame({ flags: 4, options: [context.length], payload: Buffer.from(context) }));
    const task = await new Consumer(worker).waitTask();
    expect(task).toMatchObject({ driver: 'kafka', queue: 't', kafka: { topic: 't', partition: 3, offset: 9007199254740995n } });
    await worker.close();
  });

  it('fills what a context leaves out as the PHP client does', async () => {
    const { kernel, worker } = open();
    kernel.send(encodeFrame({ flags: 4, options: [2], payload: Buffer.from('{}payload') }));
    const task = await new Consumer(worker).waitTask();
    expect(task).toMatchObject({ id: '', name: '', pipeline: 'unknown', queue: 'unknown', driver: 'unknown' });
    expect(Object.keys(task!.headers)).toEqual([]);
    expect(task!.text()).toBe('payload');
    await worker.close();
  });

  it.each([
    ['without a context', encodeFrame({ flags: 4, options: [0], payload: Buffer.from('x') })],
    ['whose context is no JSON', encodeFrame({ flags: 4, options: [1], payload: Buffer.from('{x') })],
    ['whose context is a list', encodeFrame({ flags: 4, options: [2], payload: Buffer.from('[]') })],
  ])('tells the kernel of a job %s, rejects once and goes on', async (_, bytes) => {
    const { kernel, worker } = open();
    const consumer = new Consumer(worker);
    kernel.send(bytes, jobFrame({}, 'fine'));
    await expect(consumer.waitTask()).rejects.toMatchObject({ code: 'KERNEL_PROTOCOL' });
    const [refused] = await kernel.answers(1);
    expect(refused.flags).toBe(FrameFlag.error);
    expect((await consumer.waitTask())?.text()).toBe('fine');
    await worker.close();
  });

  it('makes tasks with the factory that it is given', async () => {
    const { kernel, worker } = open();
    const task = { name: 'own' };
    const consumer = new Consumer(worker, { factory: { create: () => task as never } });
    kernel.job({});
    expect(await consumer.waitTask()).toBe(task);
    await worker.close();
  });

  it('settles a task once, copies included', async () => {
    const { kernel, worker } = open();
    kernel.job({});
    const task = (await new Consumer(worker).waitTask())!;
    const copy = task.withHeader('attempts', '1').withDelay(2);
    await copy.fail(new Error('boom'), true);
    expect([task.isCompleted, task.isFailed, copy.isFails, task.isSuccessful]).toEqual([true, true, true, false]);
    await expect(task.ack()).rejects.toMatchObject({ code: 'JOB_ALREADY_SETTLED' });
    const [frame] = await kernel.answers(1);
    expect(answerOf(frame)).toEqual({ type: 1, data: { message: 'boom', requeue: true, delay_seconds: 2, headers: { attempts: ['1'] } } });
    await worker.close();
  });

  it('rounds a delay up to whole seconds', async () => {
    const { kernel, worker } = open();
    kernel.job({});
    await (await new Consumer(worker).waitTask())!.withDelay(0.2).requeue('later');
    const [frame] = await kernel.answers(1);
    expect(answerOf(frame).data).toMatchObject({ delay_seconds: 1 });
    await worker.close();
  });
});
