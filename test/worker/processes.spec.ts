import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createTempFolder } from '../support/temp-folder.js';
import { textOf } from './support/fake-kernel.js';
import { DIST, RelayListener, SpawnedWorker, SUPPORT, type SpawnOptions } from './support/spawned-worker.js';

const SUCCESS = '{"type":0,"data":[]}';
const ACK = '{"type":2,"data":[]}';
const folder = createTempFolder();
const workers: SpawnedWorker[] = [];
const listeners: RelayListener[] = [];

function start(options: SpawnOptions): SpawnedWorker {
  if (!existsSync('dist/runtime/worker.js')) throw new Error('The library is not built. Run "npm run build" first.');
  const worker = new SpawnedWorker(options);
  workers.push(worker);
  return worker;
}

async function overSocket(path: string | undefined, kind: SpawnOptions['kind']): Promise<SpawnedWorker> {
  const listener = await RelayListener.open(path);
  listeners.push(listener);
  const worker = start({ kind, env: { RR_RELAY: listener.address } });
  await listener.accept(worker);
  return worker;
}

/** Resolves with the code of its exit after a stop request. */
function stopped(worker: SpawnedWorker): Promise<number | null> {
  worker.control({ stop: true });
  worker.closeInput(); // The shell between, where there is one, waits for it.
  return worker.exited;
}

afterEach(async () => {
  for (const worker of workers) worker.kill();
  await Promise.all(workers.splice(0).map(({ exited }) => exited));
  for (const listener of listeners.splice(0)) listener.close();
});

describe('A worker process over pipes', () => {
  it.each<[string, SpawnOptions]>([
    ['spawned by Node, with the preload', { kind: 'consume', preload: true }],
    ['spawned by Node, without the preload', { kind: 'consume' }],
    ['with real pipes and the preload', { kind: 'consume', preload: true, stdio: 'pipes' }],
    ['with real pipes, without the preload', { kind: 'consume', stdio: 'pipes' }],
  ])('%s, keeps what jobs print away from the relay', async (_, options) => {
    const worker = start(options);
    worker.control({ pid: 1 });
    worker.job('print');
    worker.job('work');
    const frames = await worker.answers(3);
    expect(frames.slice(1).map(textOf)).toEqual([SUCCESS, SUCCESS]);
    expect(await stopped(worker)).toBe(0);
    for (const line of ['stray log', 'stray write', 'to stderr']) expect(worker.stderr).toContain(line);
  });

  it.each(['print.descriptor', 'print.child', 'print.thread'])('with real pipes keeps even "%s" away from the relay', async (job) => {
    const worker = start({ kind: 'consume', preload: true, stdio: 'pipes' });
    worker.job(job);
    worker.job('work');
    expect((await worker.answers(2)).map(textOf)).toEqual([SUCCESS, SUCCESS]);
    expect(await stopped(worker)).toBe(0);
    expect(worker.stderr).toMatch(/stray (descriptor|child|thread)/);
  });

  it.each(['print', 'print.descriptor', 'print.child'])(
    'leaves standard output to "%s" where the kernel gives a descriptor for frames',
    async (job) => {
      const worker = start({ kind: 'consume', preload: true, stdio: 'descriptor' });
      worker.job(job);
      expect((await worker.answers(1)).map(textOf)).toEqual([SUCCESS]);
      expect(await stopped(worker)).toBe(0);
      expect(worker.stdout).toContain('stray');
    },
  );

  it('of Node keeps what a thread prints away from the relay', async () => {
    const worker = start({ kind: 'consume', preload: true });
    worker.job('print.thread');
    worker.job('work');
    expect((await worker.answers(2)).map(textOf)).toEqual([SUCCESS, SUCCESS]);
    expect(await stopped(worker)).toBe(0);
    expect(worker.stderr).toContain('stray thread');
  });

  it('ends with an error that says what to do when its input is no pipe', () => {
    const args = [join(SUPPORT, 'worker-process.mjs'), 'consume', DIST];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    expect(status).toBe(1);
    expect(stderr).toContain('Let a kernel start it, or set RR_RELAY to a socket.');
  });

  it('takes nothing from a process that no kernel spawned, though it has the preload', () => {
    const env = { ...process.env, RR_MODE: '' };
    const args = ['--import', `${DIST}/worker/preload.js`, '-e', 'console.log("plain"); process.stdin.pipe(process.stdout)'];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env, input: 'echo' });
    expect(stdout).toBe('plain\necho');
  });

  it('cannot take back what was printed before it was there: the kernel meets it at once', async () => {
    const worker = start({ kind: 'late' });
    await expect(worker.answers(1)).rejects.toMatchObject({ code: 'RPC_FRAME' });
  });

  it('answers payloads of a megabyte', async () => {
    const worker = start({ kind: 'consume', preload: true });
    worker.job('work', 'x'.repeat(1024 * 1024));
    expect((await worker.answers(1)).map(textOf)).toEqual([SUCCESS]);
    expect(await stopped(worker)).toBe(0);
  });
});

describe.each([
  ['TCP', undefined],
  ['a unix socket', join(folder, 'relay.sock')],
])('A worker process over %s', (_, path) => {
  it('dials the kernel, answers and ends with 0', async () => {
    const worker = await overSocket(path, 'consume');
    worker.control({ pid: 1 });
    worker.job('print');
    const frames = await worker.answers(2);
    expect(frames.map(textOf)).toEqual([`{"pid":${worker.pid}}`, SUCCESS]);
    expect(await stopped(worker)).toBe(0);
    expect(worker.stdout).toContain('stray log');
  });

  it('ends when the kernel closes the connection', async () => {
    const worker = await overSocket(path, 'loop');
    worker.job('work');
    await worker.answers(1);
    worker.closeInput();
    expect(await worker.exited).toBe(0);
    expect(worker.stderr).toContain('ended: closed');
  });
});

describe('A worker loop in a process of its own', () => {
  it('has several jobs in flight where the kernel offers it', async () => {
    const worker = start({ kind: 'loop', preload: true, env: { NRR_WINDOW: '4' } });
    worker.control({ pid: 1 });
    worker.job('sleep', '200', 7);
    worker.job('work', '', 8);
    const [pid, first, second] = await worker.answers(3);
    expect(textOf(pid)).toBe(`{"pid":${worker.pid},"nrr":{"window":4}}`);
    expect([first, second].map(({ options }) => options)).toEqual([
      [0, 8],
      [0, 7],
    ]);
    expect(await stopped(worker)).toBe(0);
  });

  it('finishes the job in hand at a stop request, then ends with 0', async () => {
    const worker = start({ kind: 'loop', preload: true });
    worker.job('sleep', '100');
    worker.control({ stop: true });
    expect((await worker.answers(1)).map(textOf)).toEqual([ACK]);
    expect(await worker.exited).toBe(0);
    expect(worker.stderr).toContain('ended: stop');
  });

  it('ends when its input ends', async () => {
    const worker = start({ kind: 'loop', preload: true });
    worker.job('work');
    await worker.answers(1);
    worker.closeInput();
    expect(await worker.exited).toBe(0);
  });

  it('ends with an error when what comes is no frame', async () => {
    const worker = start({ kind: 'loop', preload: true });
    worker.send(Buffer.from('this is no frame at all'));
    expect(await worker.exited).toBe(1);
    expect(worker.stderr).toContain('Text stands where a frame should begin');
  });

  it.each(['consume', 'loop'])('and one of kind "%s" end when their kernel is killed', async (kind) => {
    const args = [join(SUPPORT, 'kernel-process.mjs'), join(SUPPORT, 'worker-process.mjs'), kind, DIST];
    const kernel = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const [line] = (await once(kernel.stdout, 'data')) as [Buffer];
    expect(Number(line.toString())).toBeGreaterThan(1);
    kernel.kill('SIGKILL');
    // The worker holds the other end of standard error: it ends with the worker.
    await once(kernel.stderr.resume(), 'end');
    expect(kernel.signalCode).toBe('SIGKILL');
  });
});
