import type { Outcome } from '../../lib/contract/executor.js';
import { closePools, hasGroup, isAlive, openPool, supervisor, type OpenedPool, type PoolOptions } from './support.js';

afterEach(closePools);

interface Behaviour {
  /** What the job makes its worker do, and what the test is called. */
  readonly job: string;
  readonly title: string;
  readonly body?: string;
  readonly headers?: Record<string, string[]>;
  readonly options?: PoolOptions;
  readonly outcome: unknown;
  /** The worker lives on. */
  readonly isKept?: boolean;
  /** The end of the worker is seen only after its answer. */
  readonly endsLater?: boolean;
  /** It hears of no job after this one. */
  readonly isDeaf?: boolean;
}

const DONE = { kind: 'done' };
const crashed = (reason: 'exit' | 'timeout' | 'memory' | 'protocol', detail: RegExp) => ({
  kind: 'crashed',
  reason,
  detail: expect.stringMatching(detail),
});
const failed = (message: RegExp) => ({ kind: 'failed', error: expect.objectContaining({ message: expect.stringMatching(message) }) });
const short: PoolOptions = { settings: { supervisor: supervisor({ execTtlMs: 200 }) } };

const BEHAVIOURS: readonly Behaviour[] = [
  { job: 'exit-3', title: 'ends with a code', outcome: crashed('exit', /ended with exit code 3 while it had the payload.*out of luck/) },
  { job: 'exit-0', title: 'ends with code 0 without an answer', outcome: crashed('exit', /exit code 0/) },
  { job: 'sigkill', title: 'is killed by the system', outcome: crashed('exit', /signal SIGKILL/) },
  { job: 'abort', title: 'aborts, as a fault in native code does', outcome: crashed('exit', /signal SIGABRT/) },
  { job: 'throw', title: 'throws what nobody catches', outcome: crashed('exit', /exit code 1.*not caught/s) },
  { job: 'ack-and-exit', title: 'answers and ends in the same moment', outcome: DONE, endsLater: true },
  { job: 'grandchild-and-exit', title: 'ends while a process that it started holds its pipes', outcome: crashed('exit', /exit code 1/) },
  { job: 'text-before', title: 'prints a line before its answer', outcome: crashed('protocol', /debug: here I/) },
  { job: 'text-after', title: 'prints a line behind its answer', outcome: DONE },
  { job: 'zeros-before', title: 'writes zeros before its answer', outcome: crashed('protocol', /checksum/) },
  { job: 'php-fatal', title: 'prints the error of an interpreter', outcome: crashed('protocol', /Could not op/) },
  { job: 'half-header', title: 'ends in the middle of a header', outcome: crashed('exit', /inside the header/) },
  { job: 'half-payload', title: 'ends in the middle of a payload', outcome: crashed('exit', /inside a frame/) },
  { job: 'half-and-silence', title: 'keeps silent in the middle of a payload', options: short, outcome: crashed('timeout', /200 ms.*exec_ttl/) },
  { job: 'silence', title: 'never answers', options: short, outcome: crashed('timeout', /exec_ttl/) },
  { job: 'loop', title: 'computes for ever', options: short, outcome: crashed('timeout', /exec_ttl/) },
  { job: 'no-option', title: 'leaves the option word out', outcome: crashed('protocol', /0 options instead of 1/) },
  { job: 'two-options', title: 'gives an option too many', outcome: crashed('protocol', /2 options instead of 1/) },
  { job: 'eleven-options', title: 'gives eleven options', outcome: crashed('protocol', /11 options/) },
  { job: 'big-option', title: 'claims a context longer than its answer', outcome: crashed('protocol', /context of 1000 bytes/) },
  { job: 'stream-bit', title: 'answers with a stream', outcome: crashed('protocol', /stream/) },
  { job: 'ping', title: 'sends a ping', outcome: crashed('protocol', /stream/) },
  { job: 'wrong-crc', title: 'sends a wrong checksum', outcome: crashed('protocol', /checksum/) },
  { job: 'version-2', title: 'speaks another version', outcome: crashed('protocol', /version 2/) },
  { job: 'claim-4-gib', title: 'claims 4 GiB', outcome: crashed('protocol', /4294967295/) },
  {
    job: 'too-large',
    title: 'sends more than a frame may have',
    options: { host: { maxPayloadBytes: 1_048_576 } },
    outcome: crashed('protocol', /2097152.*1048576/),
  },
  { job: 'control-answer', title: 'sends its process id instead of an answer', outcome: crashed('protocol', /control frame/) },
  { job: 'answer-twice', title: 'answers twice', outcome: DONE },
  { job: 'error-frame', title: 'sends an error frame', outcome: crashed('protocol', /the database is away/), isKept: true },
  { job: 'empty-answer', title: 'sends an empty answer', outcome: failed(/empty/) },
  { job: 'say', body: 'no json', title: 'sends text that is no JSON', outcome: failed(/no JSON: no json/) },
  { job: 'say', body: '[]', title: 'sends a list', outcome: failed(/no JSON object/) },
  { job: 'say', body: 'null', title: 'sends null', outcome: failed(/no JSON object/) },
  { job: 'say', body: '{"type":9,"data":{}}', title: 'sends a type that nobody knows', outcome: failed(/wrong shape/) },
  { job: 'say', body: '{"type":"2","data":[]}', title: 'sends a type as text', outcome: failed(/wrong shape/) },
  { job: 'say', body: '{"type":1}', title: 'sends an error without data', outcome: failed(/wrong shape/) },
  { job: 'say', body: '{"type":4,"data":[]}', title: 'sends a list as data', outcome: failed(/wrong shape/) },
  { job: 'say', body: '{"type":4,"data":{"headers":{"a":"b"}}}', title: 'sends headers that are no lists', outcome: failed(/wrong shape/) },
  { job: 'say', body: '{"type":4,"data":{"headers":[{"a":["b"]}]}}', title: 'sends headers as a list', outcome: failed(/wrong shape/) },
  { job: 'say', body: '{"type":3,"data":{"delay_seconds":0.5}}', title: 'sends a delay that is no whole number', outcome: failed(/wrong shape/) },
  {
    job: 'say',
    body: '{"type":1,"data":{"message":"final"},"nrr":{"kind":"unstarted"}}',
    title: 'pretends to be ours',
    outcome: { kind: 'rejected', error: { type: 'Error', message: 'final' } },
    isKept: true,
  },
  { job: 'close-output', title: 'closes its output and lives on', outcome: crashed('protocol', /closed its relay and lived on/) },
  { job: 'close-input', title: 'closes its input and answers', outcome: DONE, isDeaf: true },
  { job: 'byte-by-byte', title: 'answers byte by byte', outcome: DONE, isKept: true },
  { job: 'other-context', title: 'answers with a context that means nothing', outcome: DONE, isKept: true },
  { job: 'context-no-json', title: 'answers with a context that is no JSON', outcome: DONE, isKept: true },
  {
    job: 'restart-once',
    title: 'asks to be replaced, again and again',
    headers: { restart: ['yes'] },
    outcome: {
      kind: 'rejected',
      error: { type: 'WorkerProtocolError', code: 'JOB_CRASHED', message: '3 workers asked to be replaced instead of answering.' },
    },
  },
  {
    job: 'eat-memory',
    title: 'eats memory while it has a job',
    options: { settings: { supervisor: supervisor({ maxWorkerMemoryMb: 100 }) } },
    outcome: crashed('memory', /max_worker_memory/),
  },
];

function stderrOf({ message, fields }: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }): string {
  return fields['stream'] === 'stderr' ? message.replace(/^Worker \d+: /, '') : '';
}

async function outcomeOf({ run }: OpenedPool, { job, body, headers }: Behaviour): Promise<Outcome> {
  return run(job, body, headers === undefined ? {} : { headers }).outcome;
}

describe('A worker that', () => {
  it.each(BEHAVIOURS.map((behaviour) => [behaviour.title, behaviour] as const))(
    '%s: its job is accounted for, and the next one runs',
    async (_title, behaviour) => {
      const opened = await openPool(behaviour.options);
      const [before] = await opened.pids();
      expect(await outcomeOf(opened, behaviour)).toEqual(behaviour.outcome);
      await opened.pids();
      if (behaviour.isDeaf === true) return;
      const next = await opened.run('ack').outcome;
      // Sent to a process that was about to end: nobody can know whether it ran.
      if (behaviour.endsLater === true && next.kind === 'crashed') expect(await opened.run('ack').outcome).toEqual(DONE);
      else expect(next).toEqual(DONE);
      const pids = await opened.pids();
      if (behaviour.isKept === true) expect(pids).toEqual([before]);
      else expect(pids.filter((pid) => pid !== before)).toHaveLength(1);
    },
  );

  it('sends a frame that nobody asked for is replaced before the next job', async () => {
    const opened = await openPool({ args: ['unsolicited-later'] });
    const [before] = await opened.pids();
    while ((await opened.pids()).includes(before)) await new Promise((resolve) => setTimeout(resolve, 10));
    await opened.ready();
    expect(opened.log.lines.map(({ message }) => message)).toContainEqual(expect.stringMatching(/answer to nothing/));
    expect(hasGroup(before)).toBe(false);
  });

  it('answers a job twice settles no other one: the job behind it runs in another process', async () => {
    const opened = await openPool();
    const first = opened.run('answer-twice').outcome;
    const second = opened.run('pid').outcome;
    expect(await first).toEqual(DONE);
    expect(await second).toMatchObject({ kind: 'requeue', reason: expect.stringMatching(/^[0-9]+$/) });
    expect(opened.seen.size).toBe(1);
    expect([...opened.seen].map(String)).not.toContain(((await second) as { reason: string }).reason);
  });

  it('is asked for another worker gets its job done there, with nothing counted', async () => {
    const opened = await openPool({ settings: { numWorkers: 2 }, args: [] });
    const run = opened.run('restart-once');
    expect(await run.outcome).toEqual(DONE);
  });

  it('floods its standard error fills no log: what is left out is counted', async () => {
    const opened = await openPool();
    expect(await opened.run('flood-stderr').outcome).toEqual(DONE);
    await opened.stop();
    const lines = opened.log.lines.filter((line) => /^Worker \d+: /.test(line.message));
    const dropped = opened.log.lines.reduce((sum, { fields }) => sum + Number(fields['dropped'] ?? 0), 0);
    expect(lines.length).toBeLessThanOrEqual(400);
    expect(lines.length + dropped).toBe(100_000);
  });

  it('writes a line of a megabyte leaves 8 KiB of it in the log', async () => {
    const opened = await openPool();
    expect(await opened.run('long-stderr').outcome).toEqual(DONE);
    await opened.stop();
    expect(opened.log.lines.map((line) => stderrOf(line).length)).toContain(8_192);
  });

  it('writes control characters changes no other line of the log', async () => {
    const opened = await openPool();
    expect(await opened.run('stderr-control').outcome).toEqual(DONE);
    await opened.stop();
    expect(opened.log.lines.map((line) => stderrOf(line))).toContain('red alert\ufffd');
  });

  it('starts processes of its own takes them with it', async () => {
    const opened = await openPool({ args: ['grandchild'] });
    const [pid] = await opened.pids();
    expect(await opened.run('exit-3').outcome).toMatchObject({ kind: 'crashed' });
    const line = opened.log.lines.map((one) => stderrOf(one)).find((text) => text.startsWith('grandchild'));
    expect(line).toBeDefined();
    expect(isAlive(Number(line!.split(' ')[1]))).toBe(false);
    expect(hasGroup(pid)).toBe(false);
  });
});
