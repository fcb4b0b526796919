import { deadlineAfter, systemClock, type Clock } from '../../lib/contract/clock.js';
import type { PoolSettings } from '../../lib/contract/settings.js';
import { PayloadPool } from '../../lib/pool/payload-pool.js';
import { WorkerHost } from '../../lib/pool/worker-host.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { createLog } from '../support/kernel.js';
import { poolSettings, supervisor, workerCommand } from './support.js';

const opened: { readonly pool: PayloadPool; readonly host: WorkerHost }[] = [];

async function open(settings: Partial<PoolSettings> = {}, args: readonly string[] = [], clock: Clock = systemClock): Promise<PayloadPool> {
  const logger = createLog();
  const server = { command: workerCommand('hostile.mjs', args), relay: 'pipes', env: {} };
  const host = new WorkerHost({ server, version: '0', clock, logger });
  const options = { name: 'ticker', host, mode: 'ticker', environment: { RR_TICKER: 'true' }, settings: poolSettings(settings) };
  const pool = new PayloadPool({ ...options, clock, logger, random: () => 0 });
  opened.push({ pool, host });
  await pool.start();
  return pool;
}

afterEach(async () => {
  for (const { pool, host } of opened.splice(0)) {
    await pool.stop(deadlineAfter(systemClock, 1_000));
    await host.close();
  }
});

const payload = (job: string, body = '') => ({ context: Buffer.from(JSON.stringify({ job, headers: {} })), body: Buffer.from(body) });
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('A pool of workers for payloads', () => {
  it('answers with the bytes of a worker', async () => {
    const pool = await open();
    const answer = await pool.execute(payload('say', 'any bytes'));
    expect([text(answer.context), text(answer.body)]).toEqual(['', 'any bytes']);
    expect(text((await pool.execute(payload('other-context'))).context)).toBe('{"trace":"x"}');
  });

  it('tells its workers its mode, and what else they are to know', async () => {
    const pool = await open();
    const { body } = await pool.execute(payload('environment'));
    const { data } = JSON.parse(text(body)) as { data: { message: string } };
    expect(JSON.parse(data.message)).toMatchObject({ RR_MODE: 'ticker', RR_TICKER: 'true' });
  });

  it('lets payloads wait for a worker, in their order', async () => {
    const pool = await open();
    const order: number[] = [];
    await Promise.all([0, 1, 2, 3].map((number) => pool.execute(payload('ack-later', '5')).then(() => order.push(number))));
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it.each([
    ['error-frame', 'WORKER_SOFT', /the database is away/],
    ['exit-3', 'WORKER_EXIT', /exit code 3/],
    ['text-before', 'WORKER_PROTOCOL', /Text stands/],
    ['silence', 'WORKER_TIMEOUT', /exec_ttl/],
    ['eat-memory', 'WORKER_MEMORY', /max_worker_memory/],
  ])('rejects when its worker does "%s", and goes on', async (job, code, message) => {
    const pool = await open({
      supervisor: supervisor({ execTtlMs: job === 'silence' ? 200 : 0, maxWorkerMemoryMb: job === 'eat-memory' ? 100 : 0 }),
    });
    await expect(pool.execute(payload(job))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(text((await pool.execute(payload('say', 'well'))).body)).toBe('well');
  });

  it('gives a payload to another worker when one asks to be replaced, three times at most', async () => {
    const pool = await open({}, ['restarts']);
    await expect(pool.execute(payload('restart-once'))).rejects.toMatchObject({
      code: 'WORKER_PROTOCOL',
      message: expect.stringMatching(/^3 workers/),
    });
  });

  it('rejects what finds no free worker within allocate_timeout; no worker had it', async () => {
    const clock = new VirtualClock();
    const pool = await open({ allocateTimeoutMs: 10_000 }, [], clock);
    const first = pool.execute(payload('ack-later', '1000'));
    const [refused] = await Promise.all([Promise.allSettled([pool.execute(payload('ack'))]), clock.advance('10s')]);
    expect(refused).toMatchObject([{ status: 'rejected', reason: { code: 'WORKER_POOL', reason: 'busy' } }]);
    await first;
  });

  it('rejects what is over max_queue_size', async () => {
    const pool = await open({ maxQueueSize: 2 });
    const taken = [pool.execute(payload('ack-later', '20')), pool.execute(payload('ack-later', '20'))];
    await expect(pool.execute(payload('ack'))).rejects.toMatchObject({ code: 'WORKER_POOL', reason: 'queue' });
    await Promise.all(taken);
  });

  it('takes an aborted payload out of the line, or ends the worker that has it', async () => {
    const pool = await open();
    const [running, waiting] = [new AbortController(), new AbortController()];
    const first = pool.execute(payload('silence'), running.signal);
    const second = pool.execute(payload('ack'), waiting.signal);
    waiting.abort(new Error('not wanted'));
    await expect(second).rejects.toThrow('not wanted');
    running.abort(new Error('too late'));
    await expect(first).rejects.toThrow('too late');
    await expect(pool.execute(payload('ack'), running.signal)).rejects.toThrow('too late');
    expect(text((await pool.execute(payload('say', 'well'))).body)).toBe('well');
  });

  it('rejects what waits for another worker within allocate_timeout, when one asked to be replaced', async () => {
    const clock = new VirtualClock();
    const pool = await open({ allocateTimeoutMs: 10_000 }, ['restarts'], clock);
    const { host } = opened.at(-1)!;
    host.start = () => ({ ready: new Promise(() => {}), cancel: () => Promise.resolve() });
    const given = pool.execute(payload('restart-once'));
    const state = { isOver: false };
    const end = (): void => void (state.isOver = true);
    void given.then(end, end);
    while (!state.isOver) {
      await clock.advance('1s');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await expect(given).rejects.toMatchObject({ code: 'WORKER_POOL', reason: 'busy' });
  });

  it('rejects what waits and what comes when it stops: no worker had it', async () => {
    const pool = await open();
    const running = pool.execute(payload('ack-later', '100'));
    const waiting = pool.execute(payload('ack'));
    const stopping = pool.stop(deadlineAfter(systemClock, 5_000));
    await expect(waiting).rejects.toMatchObject({ code: 'WORKER_POOL', reason: 'stopped' });
    await expect(pool.execute(payload('ack'))).rejects.toMatchObject({ reason: 'stopped' });
    await Promise.allSettled([running, stopping]);
  });

  it.each([
    ['stop', (pool: PayloadPool) => pool.stop(deadlineAfter(systemClock, 300))],
    ['reset', (pool: PayloadPool) => pool.reset()],
  ])('rejects what a worker still has that is ended by a %s: it may have taken effect', async (_what, end) => {
    const pool = await open({ resetTimeoutMs: 300 });
    const running = pool.execute(payload('silence'));
    const ending = end(pool);
    await expect(running).rejects.toMatchObject({ code: 'WORKER_EXIT', detail: expect.stringMatching(/stopped before it answered/) });
    await ending;
  });

  it('shows, adds, removes and resets workers', async () => {
    const pool = await open();
    await pool.addWorker();
    const before = pool.workers().map(({ pid }) => pid);
    expect(before).toHaveLength(2);
    await pool.reset();
    await pool.removeWorker();
    const after = pool.workers().map(({ pid }) => pid);
    expect(after).toHaveLength(1);
    expect(before).not.toContain(after[0]);
  });
});
