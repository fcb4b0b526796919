import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deadlineAfter } from '../../lib/contract/clock.js';
import { KernelEnvironment } from '../../lib/contract/kernel-environment.js';
import { RelayError } from '../../lib/contract/rpc-errors.js';
import type { PayloadParts, PayloadSource } from '../../lib/contract/service.js';
import { FinalizerList } from '../../lib/host/finalizer-list.js';
import { ServiceHost } from '../../lib/host/service-host.js';
import { TickerDispatcher } from '../../lib/host/ticker.dispatcher.js';
import { TickerService } from '../../lib/host/ticker.service.js';
import { turns } from '../../lib/testing/virtual-clock.js';
import { encodeFrame, FrameFlag } from '../../lib/wire/frame.js';
import { Worker } from '../../lib/worker/worker.js';
import { createTempFolder } from '../support/temp-folder.js';
import { FakeKernel, textOf } from '../worker/support/fake-kernel.js';
import { createBench, workerState, type HostBench } from './support/bench.js';

const SECTION = { interval: 1, workers: { command: 'node app.js' } };
/** The second in which the virtual clock starts. */
const START = Date.UTC(2026, 0, 1) / 1_000;
const folder = createTempFolder();

async function start(config: unknown = SECTION): Promise<HostBench & { readonly ticker: TickerService; readonly host: ServiceHost }> {
  const bench = createBench();
  const ticker = new TickerService();
  const host = new ServiceHost({ services: [{ service: ticker, config }], context: bench.context });
  await host.start();
  return { ...bench, ticker, host };
}

describe('The ticker', () => {
  it('gives ticks that count from 0, each with the second of the one before', async () => {
    const { clock, pool } = await start();
    await clock.advance('4s');
    expect(pool.given).toEqual([
      { context: '{"lastTick":0}', body: '{"tick":0}' },
      { context: `{"lastTick":${START + 1}}`, body: '{"tick":1}' },
      { context: `{"lastTick":${START + 2}}`, body: '{"tick":2}' },
      { context: `{"lastTick":${START + 3}}`, body: '{"tick":3}' },
    ]);
  });

  it('keeps its interval', async () => {
    const { clock, pool } = await start({ ...SECTION, interval: 60 });
    await clock.advance(59_999);
    expect(pool.given).toHaveLength(0);
    await clock.advance(1);
    expect(pool.given).toHaveLength(1);
    await clock.advance('2m');
    expect(pool.given).toHaveLength(3);
  });

  it('skips and counts ticks while the one before is unanswered', async () => {
    const { clock, pool, ticker } = await start();
    pool.answersAtOnce = false;
    await clock.advance('3s');
    expect(pool.given).toHaveLength(1);
    expect(ticker.skipped).toBe(2);
    pool.answer();
    await clock.advance('1s');
    expect(pool.given[1]).toEqual({ context: `{"lastTick":${START + 1}}`, body: '{"tick":1}' });
    expect([ticker.ticks, ticker.skipped]).toEqual([2, 2]);
  });

  it('goes on after a tick that failed', async () => {
    const { clock, pool, ticker, lines } = await start();
    pool.answersAtOnce = false;
    await clock.advance('1s');
    pool.fail(new Error('the worker is gone'));
    await clock.advance('1s');
    expect(pool.given).toHaveLength(2);
    expect(ticker.failed).toBe(1);
    expect(lines).toEqual(['Tick 0 failed: the worker is gone']);
  });

  it('asks for a pool with its mode, the older variable and one worker', async () => {
    const { requests } = await start();
    expect(requests).toEqual([
      { mode: 'ticker', environment: { RR_TICKER: 'true' }, settings: { num_workers: 1, command: 'node app.js' }, path: 'ticker.workers' },
    ]);
  });

  it.each([
    [
      { interval: 1, 'workers.command': 'php app.php' },
      { num_workers: 1, command: 'php app.php' },
    ],
    [
      { interval: '2', workers: { command: 'node app.js', num_workers: 3 } },
      { num_workers: 3, command: 'node app.js' },
    ],
    [
      { interval: 1, workers: { num_workers: 2 }, 'workers.command': 'node app.js' },
      { num_workers: 2, command: 'node app.js' },
    ],
    [{ interval: 1 }, { num_workers: 1 }],
  ])('reads the workers of %j', async (config, settings) => {
    expect((await start(config)).requests[0].settings).toEqual(settings);
  });

  it.each([0, 0.5, -1, 1.5, '1s', '', null, true, undefined])('refuses the interval %p', async (interval) => {
    await expect(start({ ...SECTION, interval })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      issues: [{ path: 'ticker.interval', message: expect.stringContaining('interval must be at least one second') }],
    });
  });

  it.each([null, 'every second', [1]])('refuses the section %p', async (config) => {
    await expect(start(config)).rejects.toMatchObject({ code: 'INVALID_CONFIG', issues: [{ path: 'ticker' }] });
  });

  it('does not begin without a section', () => {
    expect(() => new TickerService().init(undefined, createBench().context)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  });

  it('names keys that it does not know', async () => {
    const error = start({ internal: 1, 'workers.command': 'php app.php', workers: 7 });
    await expect(error).rejects.toMatchObject({ issues: [{ path: 'ticker.interval' }, { path: 'ticker.workers' }, { path: 'ticker.internal' }] });
  });

  it('gives no tick after a stop, and ends its workers once', async () => {
    const { clock, pool, host } = await start();
    await clock.advance('1s');
    await host.stop(deadlineAfter(clock, 1_000));
    expect(pool.calls).toEqual(['stop']);
    expect(clock.pending).toBe(0);
    await clock.advance('5s');
    expect(pool.given).toHaveLength(1);
  });

  it('waits for the tick under way before it ends its workers', async () => {
    const { clock, pool, ticker } = await start();
    pool.answersAtOnce = false;
    await clock.advance('1s');
    const stopped = ticker.stop(deadlineAfter(clock, 1_000));
    await turns();
    expect(pool.calls).toEqual([]);
    pool.answer();
    await stopped;
    expect(pool.calls).toEqual(['stop']);
    expect(clock.pending).toBe(0);
  });

  it('ends its workers at the deadline, whatever is under way', async () => {
    const { clock, pool, ticker } = await start();
    pool.answersAtOnce = false;
    await clock.advance('1s');
    const stopped = ticker.stop(deadlineAfter(clock, 1_000));
    await clock.advance(999);
    expect(pool.calls).toEqual([]);
    await clock.advance(1);
    await stopped;
    expect(pool.calls).toEqual(['stop']);
  });

  it('can be stopped before it began', async () => {
    const bench = createBench();
    const ticker = new TickerService();
    ticker.init(SECTION, bench.context);
    await ticker.stop(deadlineAfter(bench.clock, 0));
    expect(ticker.workers()).toEqual([]);
  });

  it('is seen by lists and resets, and is ready while a worker is', async () => {
    const { pool, ticker } = await start();
    expect(ticker.ready()).toBe(false);
    pool.states = [workerState('ready')];
    expect(ticker.workers()).toBe(pool.states);
    expect(ticker.ready()).toBe(true);
    await ticker.addWorker();
    await ticker.removeWorker();
    await ticker.reset();
    expect(pool.calls).toEqual(['add', 'remove', 'reset']);
  });
});

/** Payloads of a test, and what was answered. */
class ScriptedSource implements PayloadSource {
  readonly answers: string[] = [];
  readonly #bodies: string[];

  constructor(...bodies: string[]) {
    this.#bodies = bodies;
  }

  waitPayload(): Promise<PayloadParts | undefined> {
    const body = this.#bodies.shift();
    if (body === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ header: Buffer.from('{"lastTick":0}'), body: Buffer.from(body), eos: true });
  }

  respond({ header, body }: PayloadParts): Promise<void> {
    this.answers.push(Buffer.concat([header, body]).toString());
    return Promise.resolve();
  }

  error(message: string): Promise<void> {
    this.answers.push(`error: ${message}`);
    return Promise.resolve();
  }
}

describe('The dispatcher of ticks', () => {
  const finalizer = new FinalizerList();

  it.each([
    [{ RR_MODE: 'ticker' }, true],
    [{ RR_TICKER: 'true' }, true],
    [{ RR_MODE: 'jobs' }, false],
    [{ RR_TICKER: 'false' }, false],
    [{}, false],
  ])('with %j answers %p when it is asked whether it can serve', (values, canServe) => {
    const dispatcher = new TickerDispatcher({
      worker: () => {
        throw new Error('A worker was made too early.');
      },
      finalizer,
    });
    expect(dispatcher.canServe(new KernelEnvironment(values))).toBe(canServe);
  });

  it('writes the number of each tick as a line, answers, then finalizes', async () => {
    const path = join(folder, 'ticks.txt');
    const source = new ScriptedSource('{"tick":0}', '{"tick":1}');
    const answered: number[] = [];
    const own = new FinalizerList().add((terminate) => void answered.push(terminate ? -1 : source.answers.length));
    expect(await new TickerDispatcher({ worker: () => source, finalizer: own, path }).serve()).toBe(2);
    expect(readFileSync(path, 'utf8')).toBe('0\n1\n');
    expect(source.answers).toEqual(['OK', 'OK']);
    expect(answered).toEqual([1, 2]);
  });

  it('answers with an error what is no tick, and a file that cannot be written, and goes on', async () => {
    const broken = new ScriptedSource('{"tick":0}');
    const missing = join(folder, 'missing', 'ticks.txt');
    expect(await new TickerDispatcher({ worker: () => broken, finalizer, path: missing }).serve()).toBe(0);
    expect(broken.answers).toEqual([expect.stringMatching(/^error: ENOENT/)]);
    const source = new ScriptedSource('{"tock":1}', 'no JSON', '{"tick":7}');
    expect(await new TickerDispatcher({ worker: () => source, finalizer, path: join(folder, 'some.txt') }).serve()).toBe(1);
    expect(source.answers).toEqual([expect.stringMatching(/^error: A tick has no number/), expect.stringMatching(/^error: /), 'OK']);
  });

  it('serves a worker over its relay', async () => {
    const kernel = new FakeKernel();
    const path = join(folder, 'relayed.txt');
    const served = new TickerDispatcher({ worker: () => new Worker(kernel.relay), finalizer, path }).serve();
    const context = '{"lastTick":0}';
    kernel.send(encodeFrame({ flags: FrameFlag.raw, options: [context.length], payload: Buffer.from(`${context}{"tick":3}`) }));
    const [answer] = await kernel.answers(1);
    expect([answer.options, textOf(answer)]).toEqual([[0], 'OK']);
    kernel.control({ stop: true });
    expect(await served).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe('3\n');
  });

  it('ends without an error when the kernel has gone while a tick was written', async () => {
    const path = join(folder, 'gone.txt');
    const source = new ScriptedSource('{"tick":0}');
    source.respond = () => Promise.reject(new RelayError('pipes', 'It is closed.'));
    expect(await new TickerDispatcher({ worker: () => source, finalizer, path }).serve()).toBe(1);
  });

  it('ends when its state could not be reset', async () => {
    const failing = new FinalizerList().add(() => Promise.reject(new Error('dirty')));
    const source = new ScriptedSource('{"tick":0}', '{"tick":1}');
    const served = new TickerDispatcher({ worker: () => source, finalizer: failing, path: join(folder, 'dirty.txt') }).serve();
    await expect(served).rejects.toBeInstanceOf(AggregateError);
    expect(source.answers).toHaveLength(1);
  });
});
