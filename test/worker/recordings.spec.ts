import type { ReceivedTask } from '../../lib/client/received-task.js';
import { Consumer } from '../../lib/worker/consumer.js';
import { Payload } from '../../lib/worker/payload.js';
import { Worker } from '../../lib/worker/worker.js';
import { FakeKernel, recordedWorkers, recordings, type Recorded } from './support/fake-kernel.js';

interface RecordedAnswer {
  readonly type: number;
  readonly data: { message: string; requeue?: boolean; delay_seconds: number; headers?: Record<string, string[]> };
}

const WORKERS = recordings(/^worker-(php|node-(pid|response|split))/).flatMap((name) =>
  recordedWorkers(name).map((frames, index) => ({ name: `${name}, worker ${index + 1}`, frames })),
);
/** Answers that no method of a task makes; they are sent as they were recorded. */
const RAW = /bad-answers|node-/;

/** Gives the task what the recorded answer says, by the method that means it. */
async function settle(task: ReceivedTask, { decoded }: Recorded): Promise<void> {
  const { type, data } = decoded.body as RecordedAnswer;
  if (type === 0) return task.complete();
  if (type === 2) return task.ack();
  let changed = task.withDelay(data.delay_seconds);
  for (const name of Object.keys(task.headers)) if (data.headers?.[name] === undefined) changed = changed.withoutHeader(name);
  for (const [name, values] of Object.entries(data.headers ?? {})) {
    if (JSON.stringify(changed.header(name)) !== JSON.stringify(values)) changed = changed.withHeader(name, values);
  }
  if (type === 1) return changed.fail(data.message, { requeue: data.requeue === true });
  if (type === 3) return task.withDelay(data.delay_seconds).nack(data.message, { redelivery: data.requeue === true });
  return changed.requeue(data.message);
}

/** Does what the recorded worker did, answer by answer, until it is told to stop. */
async function replay(worker: Worker, name: string, answers: readonly Recorded[]): Promise<void> {
  const consumer = new Consumer(worker);
  for (const answer of answers) {
    if (answer.kind === 'error') {
      await worker.waitPayload();
      await worker.error(answer.decoded.errorText!);
    } else if (answer.kind === 'restart-request') {
      await worker.waitPayload();
      await worker.stop();
    } else if (RAW.test(name)) {
      await worker.waitPayload();
      await worker.respond(new Payload(bodyOf(answer), JSON.stringify(answer.decoded.context ?? undefined)));
    } else {
      await settle((await consumer.waitTask())!, answer);
    }
  }
}

function bodyOf({ bytes }: Recorded): Uint8Array {
  const headerBytes = (bytes[0] & 15) * 4;
  return bytes.subarray(headerBytes + bytes.readUInt32LE(12));
}

/** Frames but for two differences: the process id, and flags that a hand-made worker set. */
function comparable(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/\{"pid":\d+\}/, '{"pid":0}');
}

function compared(received: Buffer, answers: readonly Recorded[]): { readonly actual: string; readonly recorded: string } {
  const expected = Buffer.concat(answers.map(({ bytes }) => bytes));
  const [pid = 0] = received.toString('latin1').match(/(?<=\{"pid":)\d+/) ?? [];
  const [recordedPid = 0] = expected.toString('latin1').match(/(?<=\{"pid":)\d+/) ?? [];
  // The header of the pid answer depends on the number of its digits.
  const skipped = (bytes: Buffer, digits: number): Buffer => bytes.subarray(12 + '{"pid":}'.length + digits);
  return { actual: comparable(skipped(received, String(pid).length)), recorded: comparable(skipped(expected, String(recordedPid).length)) };
}

async function replayed(name: string, frames: readonly Recorded[], chunks: readonly Uint8Array[]): Promise<FakeKernel> {
  const kernel = new FakeKernel();
  const worker = new Worker(kernel.relay);
  const answers = frames.filter(({ from, kind }) => from === 'worker' && kind !== 'pid-reply');
  const done = replay(worker, name, answers);
  for (const chunk of chunks) kernel.send(chunk);
  await done;
  await kernel.answers(answers.length + 1);
  await worker.close();
  return kernel;
}

const kernelBytes = (frames: readonly Recorded[]): Buffer => Buffer.concat(frames.filter(({ from }) => from === 'kernel').map(({ bytes }) => bytes));
const answersOf = (frames: readonly Recorded[]): Recorded[] => frames.filter(({ from }) => from === 'worker');
/** What a hand-made worker said where the SDK says it otherwise: its pid with a codec, an answer with the flag RAW. */
const sameAsSdk = ({ name }: { name: string }): boolean => !name.includes('pid-with-codec');

describe('A worker under a recorded kernel answers byte for byte as the recorded worker', () => {
  it.each(WORKERS.filter(sameAsSdk))('$name', async ({ name, frames }) => {
    const kernel = await replayed(
      name,
      frames,
      frames.filter(({ from }) => from === 'kernel').map(({ bytes }) => bytes),
    );
    const { actual, recorded } = compared(kernel.received, answersOf(frames));
    expect(actual).toBe(recorded);
  });

  it('and answers the process id with the flag CONTROL alone', async () => {
    const kernel = new FakeKernel();
    const worker = new Worker(kernel.relay);
    kernel.control({ pid: 1 });
    const [answer] = await kernel.answers(1);
    expect(answer).toMatchObject({ flags: 1, stream: 0, options: [] });
    expect(JSON.parse(Buffer.from(answer.payload).toString())).toEqual({ pid: process.pid });
    await worker.close();
  });

  it.each(WORKERS.filter((worker) => sameAsSdk(worker) && !worker.name.includes('1mib')))(
    '$name, when the bytes come one by one',
    async ({ name, frames }) => {
      const bytes = kernelBytes(frames);
      const kernel = await replayed(
        name,
        frames,
        Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)),
      );
      const { actual, recorded } = compared(kernel.received, answersOf(frames));
      expect(actual).toBe(recorded);
    },
  );

  it.each(WORKERS.filter(({ name }) => /fail-requeue|tcp-relay|error-frame/.test(name)))(
    '$name, cut in two at every offset',
    async ({ name, frames }) => {
      const bytes = kernelBytes(frames);
      for (let offset = 1; offset < bytes.length; offset++) {
        const kernel = await replayed(name, frames, [bytes.subarray(0, offset), bytes.subarray(offset)]);
        const { actual, recorded } = compared(kernel.received, answersOf(frames));
        expect([offset, actual]).toEqual([offset, recorded]);
      }
    },
  );
});

describe('A recorded job', () => {
  const [frames] = recordedWorkers('worker-php-unicode');
  const [boltdb] = recordedWorkers('worker-php-boltdb');
  const [binary] = recordedWorkers('worker-php-binary-body');

  async function firstTask(recorded: readonly Recorded[]): Promise<ReceivedTask> {
    const kernel = new FakeKernel();
    const worker = new Worker(kernel.relay);
    kernel.send(kernelBytes(recorded));
    const task = await new Consumer(worker).waitTask();
    await worker.close();
    return task!;
  }

  it('keeps every character of names, headers and payload', async () => {
    const task = await firstTask(frames);
    const { decoded } = frames.find(({ kind }) => kind === 'job')!;
    expect(task.name).toBe('Ελληνικά/日本 🚀');
    expect(task.text()).toBe(decoded.bodyText);
    expect({ ...task.headers }).toEqual(decoded.context!.headers);
  });

  it('keeps every byte of its payload', async () => {
    const task = await firstTask(binary);
    expect([...task.payload.subarray(0, 256)]).toEqual(Array.from({ length: 256 }, (_, index) => index));
  });

  it('of a driver that names no queue has the queue "unknown", as in the PHP client', async () => {
    expect((await firstTask(frames)).queue).toBe('unknown');
  });

  it('of boltdb says the queue of its broker', async () => {
    expect(await firstTask(boltdb)).toMatchObject({ queue: 'push', driver: 'boltdb' });
  });
});
