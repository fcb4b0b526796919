import type { SqsApi } from '../../lib/drivers/sqs/api.js';
import { Batches } from '../../lib/drivers/sqs/batches.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const PATIENCE_MS = 60_000;
/** Far more than it takes, and far less than a time that grows with the square of the items. Unit: milliseconds. */
const MOST_MS = 10_000;

describe('Requests of sqs', () => {
  // The stacks of so many errors would take most of the time.
  const { stackTraceLimit } = Error;
  beforeEach(() => (Error.stackTraceLimit = 0));
  afterEach(() => (Error.stackTraceLimit = stackTraceLimit));

  it('are given up in one go, however many wait, without holding up the process', async () => {
    const clock = new VirtualClock();
    const batches = new Batches({
      api: { call: () => new Promise(() => {}) } as unknown as SqsApi,
      operation: 'SendMessageBatch',
      clock,
      parallel: 8,
      requestTimeoutMs: 10_000,
      patienceMs: PATIENCE_MS,
      url: () => Promise.resolve('queue'),
      onMissing: () => 'retry',
      onAnswer: () => {},
    });
    const added = Promise.allSettled(Array.from({ length: 200_000 }, () => batches.add({}, 1)));
    await clock.advance(PATIENCE_MS - 1);
    const startedAt = performance.now();
    await clock.advance(1);
    expect(performance.now() - startedAt).toBeLessThan(MOST_MS);
    const outcomes = await added;
    // What no request took is known not to be there.
    expect(outcomes.filter((outcome) => (outcome as { reason?: { kind?: string } }).reason?.kind === 'uncertain')).toHaveLength(80);
    expect(outcomes.filter((outcome) => (outcome as { reason?: { kind?: string } }).reason?.kind === 'busy')).toHaveLength(199_920);
  }, 120_000);
});
