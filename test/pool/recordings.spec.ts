import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from '../../lib/contract/executor.js';
import type { JobHeaders } from '../../lib/contract/job.js';
import type { PoolSettings } from '../../lib/contract/settings.js';
import { createTempFolder } from '../support/temp-folder.js';
import { closePools, createRun, openPool, supervisor, workerCommand, type OpenedPool } from './support.js';
import { frame } from './workers/frames.mjs';

afterEach(closePools);

const FIXTURES = join(process.cwd(), 'test/fixtures/goridge');
/** How long the last frames of a replay may take. Unit: milliseconds. */
const PATIENCE_MS = 4_000;

interface RecordedFrame {
  readonly from: 'kernel' | 'worker';
  readonly worker?: number;
  readonly conn?: number;
  readonly hex?: string;
  readonly hexParts?: readonly (string | { readonly omitted: { readonly length: number; readonly sha256: string } })[];
  readonly decoded: { readonly kind: string; readonly context?: RecordedContext };
}

interface RecordedContext {
  readonly id: string;
  readonly job: string;
  readonly driver: string;
  readonly headers: Record<string, string[]> | null;
  readonly pipeline: string;
  readonly queue?: string;
}

interface Recording {
  readonly config: string;
  readonly frames: readonly RecordedFrame[];
}

interface Replay {
  readonly name: string;
  /** Of the jobs, in the order they were recorded. */
  readonly outcomes: readonly unknown[];
  readonly settings?: Partial<PoolSettings>;
  readonly afterwards?: (opened: OpenedPool) => Promise<void>;
  readonly isTogether?: boolean;
}

const DONE = { kind: 'done' };
const nacked = (requeue: boolean, delayMs = 0) => expect.objectContaining({ kind: 'nacked', requeue, delayMs });
const requeued = (delayMs: number) => expect.objectContaining({ kind: 'requeue', delayMs, spendsAttempt: false });
const crashed = (reason: string) => expect.objectContaining({ kind: 'crashed', reason });
const rejected = expect.objectContaining({ kind: 'rejected' });
const failed = expect.objectContaining({ kind: 'failed' });
const all = (count: number, outcome: unknown = DONE): unknown[] => Array.from({ length: count }, () => outcome);
const stop = (opened: OpenedPool): Promise<void> => opened.stop();

/** The kernel's bytes are the same. */
const SAME: readonly Replay[] = [
  { name: 'worker-node-big-option', outcomes: [crashed('protocol')] },
  { name: 'worker-node-pid-with-codec', outcomes: [DONE] },
  { name: 'worker-node-response-context', outcomes: [DONE] },
  { name: 'worker-node-split', outcomes: [DONE] },
  { name: 'worker-node-noise', outcomes: [crashed('protocol')] },
  { name: 'worker-php-1mib-body', outcomes: [DONE] },
  { name: 'worker-php-ack', outcomes: [DONE] },
  { name: 'worker-php-binary-body', outcomes: [DONE] },
  { name: 'worker-php-boltdb', outcomes: [DONE, nacked(true), DONE] },
  { name: 'worker-php-complete', outcomes: [DONE] },
  { name: 'worker-php-debug-mode', outcomes: all(2), settings: { debug: true } },
  { name: 'worker-php-delay', outcomes: all(2) },
  { name: 'worker-php-empty-body', outcomes: [DONE] },
  { name: 'worker-php-error-frame', outcomes: [crashed('protocol'), DONE] },
  { name: 'worker-php-exec-ttl', outcomes: [crashed('timeout')], settings: { supervisor: supervisor({ execTtlMs: 200 }) } },
  { name: 'worker-php-exit', outcomes: [crashed('exit'), DONE] },
  { name: 'worker-php-fail-requeue', outcomes: [requeued(1_000), DONE] },
  { name: 'worker-php-many', outcomes: all(10) },
  { name: 'worker-php-max-jobs', outcomes: all(5), settings: { maxJobs: 2 } },
  { name: 'worker-php-nack', outcomes: [nacked(false)] },
  { name: 'worker-php-nack-requeue', outcomes: [nacked(true), DONE] },
  { name: 'worker-php-nack-requeue-delay', outcomes: [nacked(true, 1_000), DONE] },
  { name: 'worker-php-no-headers', outcomes: [DONE] },
  { name: 'worker-php-output', outcomes: [DONE] },
  { name: 'worker-php-priority', outcomes: all(6) },
  { name: 'worker-php-requeue', outcomes: [requeued(1_000), DONE] },
  { name: 'worker-php-requeue-merge', outcomes: [requeued(0), DONE] },
  { name: 'worker-php-requeue-plain', outcomes: [requeued(0), DONE] },
  { name: 'worker-php-start-stop', outcomes: [], afterwards: stop },
  { name: 'worker-php-stop-busy', outcomes: all(3), afterwards: stop },
  { name: 'worker-php-unicode', outcomes: [DONE] },
  {
    name: 'worker-php-add-remove',
    outcomes: [],
    afterwards: async ({ pool }) => {
      await pool.addWorker();
      await pool.removeWorker();
    },
  },
];

const PARALLEL: Replay = { name: 'worker-php-parallel', outcomes: all(4), settings: { numWorkers: 2 }, isTogether: true };
const RESET: Replay = { name: 'worker-php-reset', outcomes: [DONE], settings: { numWorkers: 2 } };
const TCP: Replay = { name: 'worker-php-tcp-relay', outcomes: [DONE, requeued(0), DONE], afterwards: ({ pool }) => pool.reset() };

function read(name: string): Recording {
  return JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8')) as Recording;
}

function bytesOf({ hex, hexParts = [] }: RecordedFrame): Buffer {
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  return Buffer.concat(
    hexParts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : pattern(part.omitted.length, part.omitted.sha256))),
  );
}

function pattern(length: number, sha256: string): Buffer {
  const bytes = Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7 + 11) & 255));
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
  return bytes;
}

/** Two things are ours to differ in: the process id of the kernel, and the trace headers that RoadRunner's drivers add at the push. */
function masked(bytes: Buffer): string {
  const start = (bytes[0] & 15) * 4;
  const flags = bytes[1];
  const payload = bytes.subarray(start);
  if (start === 12) return frame(payload.toString().replace(/"pid":[0-9]+/, '"pid":1'), { flags }).toString('hex');
  const contextBytes = bytes.readUInt32LE(12);
  const context = payload
    .subarray(0, contextBytes)
    .toString()
    .replace(/"(?:Traceparent|Uber-Trace-Id)":\["[^"]*"\],?/g, '')
    .replace(',}', '}');
  const options = [Buffer.byteLength(context), ...Array.from({ length: (start - 16) / 4 }, (_, index) => bytes.readUInt32LE(16 + index * 4))];
  return frame(Buffer.concat([Buffer.from(context), payload.subarray(contextBytes)]), { flags, options }).toString('hex');
}

function byText(one: unknown, other: unknown): number {
  return String(one) < String(other) ? -1 : 1;
}

/** What the kernel said to each process. */
function recordedTalks({ frames }: Recording): string[][] {
  const talks = new Map<number, string[]>();
  for (const one of frames) {
    const process = one.worker ?? one.conn ?? 1;
    const talk = talks.get(process) ?? [];
    talks.set(process, talk);
    if (one.from === 'kernel') talk.push(masked(bytesOf(one)));
  }
  return [...talks.values()].sort(byText);
}

function ownTalks(folder: string): string[][] {
  const files = readdirSync(folder).filter((file) => file.startsWith('frames-'));
  return files
    .map((file) =>
      readFileSync(join(folder, file), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => masked(Buffer.from(line, 'hex'))),
    )
    .sort(byText);
}

interface JobToRun {
  readonly context: RecordedContext;
  readonly body: Buffer;
}

function jobsOf({ frames }: Recording): JobToRun[] {
  const asked = frames.filter(({ from, decoded }) => from === 'kernel' && decoded.kind === 'job');
  return asked.map((one) => {
    const bytes = bytesOf(one);
    return { context: one.decoded.context!, body: bytes.subarray(16 + bytes.readUInt32LE(12)) };
  });
}

/** Without what the kernel of the recording added. */
function plainHeaders({ headers }: RecordedContext): JobHeaders {
  const names = Object.keys(headers ?? {}).filter((name) => name !== 'Traceparent' && name !== 'Uber-Trace-Id');
  return Object.assign(Object.create(null) as Record<string, string[]>, Object.fromEntries(names.map((name) => [name, headers![name]])));
}

async function replay(
  { name, settings, isTogether, afterwards }: Replay,
  relay = 'pipes',
): Promise<{ outcomes: Outcome[]; folder: string; recording: Recording; opened: OpenedPool }> {
  const recording = read(name);
  const folder = createTempFolder();
  const command = workerCommand('scripted.mjs', [join(FIXTURES, `${name}.json`), folder]);
  const opened = await openPool({ command, server: { relay }, settings: settings ?? {} });
  const outcomes: Outcome[] = [];
  const headers = new Map<string, JobHeaders>();
  const run = async ({ context, body }: JobToRun): Promise<Outcome> => {
    const { id, job, driver, queue } = context;
    const given = headers.get(id) ?? plainHeaders(context);
    const { delivery, control } = createRun(job, body, { id, headers: given, driver, queue: queue ?? '' });
    const outcome = await opened.pool.execute(delivery, control);
    // What comes back goes out again with the headers that the answer left.
    if (outcome.kind === 'requeue') headers.set(id, outcome.headers);
    return outcome;
  };
  const jobs = jobsOf(recording);
  if (isTogether === true) {
    for (let at = 0; at < jobs.length; at += 2) outcomes.push(...(await Promise.all(jobs.slice(at, at + 2).map(run))));
  } else {
    for (const job of jobs) outcomes.push(await run(job));
  }
  await afterwards?.(opened);
  return { outcomes, folder, recording, opened };
}

async function expectTalks(folder: string, talks: string[][]): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  while (JSON.stringify(ownTalks(folder)) !== JSON.stringify(talks) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(ownTalks(folder)).toEqual(talks);
}

describe('A recorded worker', () => {
  it.each(SAME.map((one) => [one.name, one] as const))(
    'of %s gets the bytes that RoadRunner sent, apart from process ids and trace headers',
    async (_name, one) => {
      const { outcomes, folder, recording } = await replay(one);
      expect(outcomes).toEqual(one.outcomes);
      await expectTalks(folder, recordedTalks(recording));
    },
  );

  it('over tcp gets the same bytes; a reset starts the new one before the old one stops', async () => {
    const { outcomes, folder, recording } = await replay(TCP, 'tcp://127.0.0.1:0');
    expect(outcomes).toEqual(TCP.outcomes);
    await expectTalks(folder, recordedTalks(recording));
  });

  // Which of two workers is free first is chance.
  it.each([PARALLEL, RESET].map((one) => [one.name, one] as const))('of %s gets, all processes together, the same frames', async (_name, one) => {
    const { outcomes, folder, recording, opened } = await replay(one);
    expect(outcomes).toEqual(one.outcomes);
    if (one === RESET) await opened.pool.reset();
    expect(ownTalks(folder).flat().sort(byText)).toEqual(recordedTalks(recording).flat().sort(byText));
    expect(ownTalks(folder)).toHaveLength(recordedTalks(recording).length);
  });
});

describe('Where RoadRunner acknowledges what it did not understand, this kernel', () => {
  it('fails the job and replaces the worker: an unknown type, data as a list, no JSON, an empty body', async () => {
    const { outcomes, folder, recording } = await replay({ name: 'worker-php-bad-answers', outcomes: [] });
    expect(outcomes).toEqual(all(4, failed));
    const [[pidRequest, ...jobs]] = recordedTalks(recording);
    const sent = ownTalks(folder).flat();
    expect(sent.filter((one) => one !== pidRequest && !Buffer.from(one, 'hex').includes('"stop"'))).toEqual(expect.arrayContaining(jobs));
    expect(sent.filter((one) => one === pidRequest).length).toBeGreaterThanOrEqual(4);
  });

  it('keeps what RoadRunner rejects apart from what it takes: answers of other shapes', async () => {
    const { outcomes } = await replay({ name: 'worker-node-answer-shapes', outcomes: [] });
    const kept = expect.objectContaining({ kind: 'requeue', headers: { keep: ['me'] } });
    expect(outcomes).toEqual([failed, failed, nacked(true), kept, failed, failed, ...all(6)]);
  });

  it('counts an answer without the option word as a crash, and kills the worker instead of asking it to stop', async () => {
    const { outcomes, folder, recording } = await replay({ name: 'worker-node-no-option', outcomes: [] });
    expect(outcomes).toEqual([crashed('protocol')]);
    await expectTalks(
      folder,
      recordedTalks(recording)
        .map((talk) => talk.filter((one) => !Buffer.from(one, 'hex').includes('"stop"')))
        .sort(byText),
    );
  });

  it('replaces a worker that answers with a stream, where RoadRunner loses the slot', async () => {
    const { outcomes, folder, recording } = await replay({ name: 'worker-node-stream', outcomes: [] });
    expect(outcomes).toEqual([crashed('protocol')]);
    const [[pidRequest, job]] = recordedTalks(recording);
    await expectTalks(folder, [[pidRequest], [pidRequest, job]].sort(byText));
  });

  it('ends a job whose answer is an error without requeue in the failed store', async () => {
    const { outcomes, folder, recording } = await replay({ name: 'worker-php-fail', outcomes: [] });
    expect(outcomes).toEqual([rejected]);
    await expectTalks(folder, recordedTalks(recording));
  });

  it('gives a job to another worker when one asks to be replaced; the delivery is recorded twice and is one run here', async () => {
    const recording = read('worker-php-restart-request');
    const folder = createTempFolder();
    const command = workerCommand('scripted.mjs', [join(FIXTURES, 'worker-php-restart-request.json'), folder]);
    const opened = await openPool({ command });
    const [{ context, body }] = jobsOf(recording);
    const { delivery, control } = createRun(context.job, body, { id: context.id, headers: plainHeaders(context) });
    expect(await opened.pool.execute(delivery, control)).toEqual(DONE);
    await expectTalks(folder, recordedTalks(recording));
  });
});

describe('The recordings', () => {
  it('are all replayed', () => {
    const files = readdirSync(FIXTURES).filter((file) => file.startsWith('worker-'));
    const replayed = [...SAME, PARALLEL, RESET, TCP].map(({ name }) => name);
    const apart = [
      'worker-php-bad-answers',
      'worker-node-answer-shapes',
      'worker-node-no-option',
      'worker-node-stream',
      'worker-php-fail',
      'worker-php-restart-request',
    ];
    expect(files.map((file) => file.replace('.json', '')).sort(byText)).toEqual([...replayed, ...apart].sort(byText));
  });
});
