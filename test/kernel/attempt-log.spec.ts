import { silentLogger } from '../../lib/contract/logger.js';
import { attemptOf, createAttemptLog } from '../../lib/kernel/attempt-log.js';
import { EmbeddedStore } from '../../lib/store/embedded.store.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { createLog } from '../support/kernel.js';
import { createTempFolder } from '../support/temp-folder.js';

const stores: EmbeddedStore[] = [];

async function open(logger = silentLogger) {
  const clock = new VirtualClock();
  const store = await EmbeddedStore.open({ dataDir: createTempFolder(), clock });
  stores.push(store);
  const openLog = () => createAttemptLog({ store, ttlMs: 1_000, logger });
  return { clock, store, log: openLog(), openLog };
}

const failure = (attempt: number) => attemptOf(attempt, attempt * 10, { type: 'Error', message: `failure ${attempt}`, stack: 'a stack' });

describe('The log of attempts in a durable store', () => {
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });

  it('reads what was added just before, in its order, without stacks', async () => {
    const { log } = await open();
    for (const attempt of [1, 2, 3]) log.add('job', failure(attempt));
    expect(await log.read('job')).toEqual(
      [1, 2, 3].map((attempt) => ({ attempt, at: attempt * 10, error: { type: 'Error', message: `failure ${attempt}` } })),
    );
  });

  it('tells jobs apart, also by ids that begin with another', async () => {
    const { log } = await open();
    log.add('a', failure(1));
    log.add('a/b', failure(2));
    log.forget('a');
    expect([await log.read('a'), (await log.read('a/b')).length]).toEqual([[], 1]);
  });

  it('keeps the last 20 runs of a job', async () => {
    const { log } = await open();
    for (let attempt = 1; attempt <= 25; attempt++) log.add('job', failure(attempt));
    expect((await log.read('job')).map(({ attempt }) => attempt)).toEqual(Array.from({ length: 20 }, (_, index) => index + 6));
  });

  it('is there for the next log of the store, once it is flushed', async () => {
    const { log, openLog } = await open();
    log.add('job', failure(1));
    await log.flush();
    expect(await openLog().read('job')).toHaveLength(1);
  });

  it('ends when its time is over, counted from the last run', async () => {
    const { log, clock, store } = await open();
    log.add('job', failure(1));
    await log.flush();
    await clock.advance(600);
    log.add('job', failure(2));
    await log.flush();
    await clock.advance(600);
    expect(await log.read('job')).toHaveLength(2);
    await clock.advance(400);
    expect([await log.read('job'), await store.count('attempts/')]).toEqual([[], 0]);
  });

  it('warns and goes on when the store fails', async () => {
    const logger = createLog();
    const { log, store } = await open(logger);
    await store.close();
    log.add('job', failure(1));
    await log.flush();
    expect(await log.read('job')).toEqual([]);
    expect(logger.lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'The failed runs of job job could not be written; its record may not show them all.'],
      ['warn', 'The failed runs of job job could not be read; its record may not show them all.'],
    ]);
  });
});
