import { readdirSync } from 'node:fs';
import type { WorkerStat } from '../../lib/contract/kernel-admin.js';
import { readPipelines, readStats } from '../../lib/wire/jobs-messages.js';
import { openRecordedKernel, readRpcRecording, type RecordedKernel, type RecordedRpcFrame, type RpcRecording } from './support/recorded-kernel.js';

// Every recorded request is sent byte for byte to a kernel in the recorded state, whose answer has to be the recorded one byte for byte.
// Left out of the comparison: process ids, times and loads of worker processes, and the order of pipelines, which is no promise.

/** Frames that are none, and what ends a real server on the level of frames: tested where frames are. */
const NO_CALLS = /^rpc-(?:broken-|crash-(?:options|method-length|duplicate-seq))/;
const RECORDINGS = readdirSync('test/fixtures/goridge')
  .filter((file) => file.startsWith('rpc-') && file.endsWith('.json') && !NO_CALLS.test(file))
  .map((file) => file.replace('.json', ''));

/** Answers that differ on purpose, by recording and number of the answer's frame. */
interface Difference {
  readonly reason: string;
  /** The text of an error answer, or a part of it; */
  readonly error?: string;
  /** what jobs.Stat says of some pipelines. */
  readonly stats?: readonly {
    readonly pipeline: string;
    readonly active?: number;
    readonly reserved?: number;
    readonly ready?: boolean;
    readonly priority?: number;
  }[];
}

const DECLARE = 'rpc_declare_pipeline:\n\tjobs_plugin_declare: ';
const HELD_JOBS = 'jobs of a paused pipeline count as reserved, not nowhere';
const PAUSE_RETURNS = 'pause gives waiting jobs back to the driver: active counts what runs, reserved what waits';
const OUT_OF_RANGE = 'give a whole number from -9007199254740991 to 9007199254740991';
const INT64 = 'a priority that no number of JavaScript can hold is refused instead of being stored as another one';

const DIFFERENCES: Readonly<Record<string, Readonly<Record<number, Difference>>>> = {
  'rpc-php-stat-paused': {
    11: { reason: HELD_JOBS, stats: [{ pipeline: 'held', reserved: 3 }] },
    13: { reason: HELD_JOBS, stats: [{ pipeline: 'held', reserved: 3 }] },
  },
  'rpc-php-stat-active': {
    15: { reason: PAUSE_RETURNS, stats: [{ pipeline: 'first', active: 1, reserved: 4, ready: false }] },
    19: { reason: PAUSE_RETURNS, stats: [{ pipeline: 'first', active: 1, reserved: 5, ready: false }] },
    21: { reason: PAUSE_RETURNS, stats: [{ pipeline: 'first', active: 0, reserved: 5, ready: false }] },
    25: { reason: PAUSE_RETURNS, stats: [{ pipeline: 'first', active: 5, ready: true }] },
  },
  'rpc-php-push-int64-edges': {
    3: { reason: INT64, error: `rpc_push: priority 9223372036854775807 is out of range, ${OUT_OF_RANGE}` },
    5: { reason: INT64, error: `rpc_push: priority -9223372036854775808 is out of range, ${OUT_OF_RANGE}` },
  },
  'rpc-php-declare-errors': {
    3: { reason: 'a pipeline without a name is refused: nobody could mean it', error: `${DECLARE}pipeline.name: ` },
    5: {
      reason: 'a priority that is no number is refused instead of becoming another one',
      error: `${DECLARE}strconv.ParseInt: parsing "ten": invalid syntax`,
    },
    11: {
      reason: 'a driver that nobody has is an error instead of a success that creates nothing',
      error: `${DECLARE}no constructor registered for driver: unheard-of, pipeline: d4`,
    },
    15: { reason: 'only what was declared is there', stats: [{ pipeline: 'by-queue', priority: 10, ready: false }] },
  },
  'rpc-crash-proto-empty': {
    1: {
      reason: 'an empty protobuf body where none belongs is an error instead of the end of the server',
      error: 'goridge_read_request_body: message type is not a proto',
    },
  },
};

/** What has to happen before a request is sent. */
const BEFORE: Readonly<Record<string, Readonly<Record<number, (recorded: RecordedKernel) => Promise<void>>>>> = {
  // The worker had done its job by then.
  'rpc-json-jobs': { 10: (recorded) => recorded.slot.release() },
  'rpc-php-stat-active': { 20: (recorded) => recorded.slot.release() },
  'rpc-status': {
    10: async ({ kernel }) => {
      await kernel.declare({ name: 'bolt-full', driver: 'boltdb', priority: '6' });
      await kernel.declare({ name: 'bolt-defaults', driver: 'boltdb' });
    },
  },
  'rpc-php-json': { 4: ({ kernel }) => kernel.declare({ name: 'defaults', driver: 'memory' }) },
  'rpc-cli-workers': {
    4: async ({ kernel }) => {
      await kernel.destroy('held');
      await kernel.pause('second');
    },
  },
};

/** In which order gob names the pipelines: it cannot be sorted from outside. */
const ORDER: Readonly<Record<string, readonly string[]>> = { 'rpc-cli-workers': ['second', 'first'] };

describe('answers to recorded requests', () => {
  let recorded: RecordedKernel | undefined;

  afterEach(async () => {
    await recorded?.close();
    recorded = undefined;
  });

  async function replay(name: string): Promise<Exchange[]> {
    const recording = readRpcRecording(name);
    recorded = await openRecordedKernel(recording, { ...configOf(recording), order: ORDER[name] ?? [] });
    const clients = new Map<number, Awaited<ReturnType<RecordedKernel['client']>>>();
    const exchanges: Exchange[] = [];
    for (const { request, answer } of pairs(recording)) {
      const conn = request.conn ?? 0;
      const client = clients.get(conn) ?? (await recorded.client());
      clients.set(conn, client);
      await BEFORE[name]?.[request.n]?.(recorded);
      recorded.workers.splice(0, Infinity, ...workersOf(answer));
      exchanges.push({
        n: answer?.n ?? request.n + 1,
        method: request.decoded.method ?? '',
        expected: answer?.bytes,
        got: await client.exchange(request.bytes),
      });
    }
    return exchanges;
  }

  it.each(RECORDINGS)('%s', async (name) => {
    const exchanges = await replay(name);
    const same = exchanges.filter(({ n }) => DIFFERENCES[name]?.[n] === undefined);

    expect(same.map(({ n, got }) => `${n} ${comparable(got)}`)).toEqual(same.map(({ n, expected }) => `${n} ${comparable(expected!)}`));
  });

  const differences = Object.entries(DIFFERENCES).flatMap(([name, list]) =>
    Object.entries(list).map(([n, difference]) => ({ name, n, ...difference })),
  );

  it.each(differences)('$name, frame $n: $reason', async ({ name, n, error, stats }) => {
    const { got, expected } = (await replay(name)).find((exchange) => exchange.n === Number(n))!;

    expect(got).not.toEqual(expected);
    if (error !== undefined)
      expect({ flags: got[1]! & 0x40, text: bodyOf(got).toString() }).toEqual({ flags: 0x40, text: expect.stringContaining(error) as string });
    else expect(readStats(bodyOf(got))).toEqual(expect.arrayContaining(stats!.map((stat) => expect.objectContaining(stat) as object)));
  });

  it('leaves out of the comparison only recordings that hold no call', () => {
    expect(RECORDINGS).toHaveLength(57);
  });
});

interface Exchange {
  /** Of the answer. */
  readonly n: number;
  readonly method: string;
  readonly expected: Buffer | undefined;
  readonly got: Buffer;
}

/** Each request with its answer: the next one of its connection with its id. */
function pairs({ frames }: RpcRecording): { request: RecordedRpcFrame; answer: RecordedRpcFrame | undefined }[] {
  const answers = frames.filter(({ from }) => from === 'server');
  return frames
    .filter(({ from }) => from === 'client')
    .map((request) => {
      const index = answers.findIndex((answer) => answer.conn === request.conn && answer.decoded.options[0] === request.decoded.options[0]);
      return { request, answer: index === -1 ? undefined : answers.splice(index, 1)[0] };
    });
}

/** The configuration that the recorded server showed, with its ports. */
function configOf({ frames }: RpcRecording): { config?: unknown } {
  const raw = frames.find(({ from, decoded, bytes }) => from === 'server' && decoded.method === 'rpc.Config' && bytes[1] === 0x04);
  return raw === undefined ? {} : { config: JSON.parse(bodyOf(raw.bytes).toString()) as unknown };
}

function workersOf(answer: RecordedRpcFrame | undefined): WorkerStat[] {
  if (answer?.decoded.method?.startsWith('status.') === true) return [A_WORKER];
  if (answer?.decoded.method !== 'informer.Workers') return [];
  const list = (answer.decoded.body as { workers?: readonly Record<string, number | string>[] | null } | undefined)?.workers;
  if (list === undefined || list === null) return [A_WORKER];
  return list.map(({ pid, statusStr, numExecs, created, memoryUsage, CPUPercent }) => ({
    pid: pid as number,
    status: statusStr as string,
    jobs: numExecs as number,
    createdAt: Math.floor((created as number) / 1e6),
    memoryBytes: memoryUsage as number,
    cpuPercent: CPUPercent as number,
  }));
}

/** Ready. The one of rpc-cli-workers, read from its bytes. */
const A_WORKER: WorkerStat = {
  pid: 28532,
  status: 'ready',
  jobs: 0,
  createdAt: Number(0x31d46daaa92f3c3en >> 1n) / 1e6,
  memoryBytes: 0x02b5a000,
  cpuPercent: Buffer.from('ed7d8febdb932540', 'hex').readDoubleLE(),
};

function bodyOf(frame: Buffer): Buffer {
  return frame.subarray((frame[0]! & 0x0f) * 4 + frame.readUInt32LE(16));
}

/** The frame as text, without what may differ. */
function comparable(frame: Buffer): string {
  const start = (frame[0]! & 0x0f) * 4;
  const nameEnd = start + frame.readUInt32LE(16);
  const method = frame.toString('latin1', start, nameEnd);
  const body = frame.subarray(nameEnd);
  const head = `${frame.toString('hex', 0, 2)} ${frame.toString('hex', 12, nameEnd)}`; // without the length, which a time may change
  if ((frame[1]! & 0x40) !== 0) return `${frame.toString('hex', 0, nameEnd)} ${body.toString()}`;
  if (method === 'informer.Workers') return `${head} ${withoutTimes(body)}`;
  if (frame[1] === 0x80 && (method === 'jobs.List' || method === 'jobs.Destroy'))
    return `${head} ${readPipelines(body, 0x80).sort().join()} ${body.length}`;
  if (frame[1] === 0x80 && method === 'jobs.Stat') return `${head} ${JSON.stringify(readStats(body).sort(byPipeline))} ${body.length}`;
  if (frame[1] === 0x08 && /^(?:jobs\.(?:List|Stat)|informer\.Jobs)$/.test(method)) return `${head} ${sortedJson(body.toString())}`;
  if (frame[1] === 0x10 && method === 'jobs.List') return `${head} ${body.length}`;
  return frame.toString('hex');
}

function byPipeline(a: { readonly pipeline: string }, b: { readonly pipeline: string }): number {
  return a.pipeline < b.pipeline ? -1 : 1;
}

function withoutTimes(body: Buffer): string {
  const text = body.toString('latin1');
  if (text.startsWith('{')) return text.replace(/"created":\d+/g, '"created":…');
  // 0xf8 and 8 bytes are a large number: the first one is the time.
  return body.toString('hex').replace(/0[12]f8(?:[0-9a-f]{2}){8}/, '…');
}

/** Keys stay in their order, entries of lists are sorted. */
function sortedJson(text: string): string {
  return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
    Array.isArray(value) ? [...(value as unknown[])].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : value,
  );
}
