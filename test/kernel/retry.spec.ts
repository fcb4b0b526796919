import fc from 'fast-check';
import { createBackoff, resolveRetry } from '../../lib/kernel/retry.js';

const noJitter = { jitter: 'none' } as const;
const delays = (options: Parameters<typeof createBackoff>[0], count = 5): number[] => {
  const backoff = createBackoff(options);
  return Array.from({ length: count }, (_, index) => backoff(index + 1));
};

describe('Backoff', () => {
  it('doubles from one second up to an hour, by default', () => {
    expect(delays({ ...noJitter }, 13)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600].map((seconds) => seconds * 1_000));
  });

  it('may be fixed', () => {
    expect(delays({ type: 'fixed', delay: '250ms', ...noJitter })).toEqual([250, 250, 250, 250, 250]);
  });

  it('may have another factor and another end', () => {
    expect(delays({ delay: 2, factor: 3, max: '20s', ...noJitter })).toEqual([2_000, 6_000, 18_000, 20_000, 20_000]);
  });

  it('may be a list, whose last delay is repeated', () => {
    expect(delays({ delays: [1, '5s', '1m'], ...noJitter })).toEqual([1_000, 5_000, 60_000, 60_000, 60_000]);
  });

  it('may be a function that answers seconds', () => {
    expect(delays((attempt) => attempt * 10, 3)).toEqual([10_000, 20_000, 30_000]);
  });

  it('with full jitter lies anywhere between 0 and the delay', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
        const plain = createBackoff({ ...noJitter })(attempt);
        const delay = createBackoff({}, () => random)(attempt);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(plain);
        expect(delay).toBeCloseTo(plain * random, 3);
      }),
    );
  });

  it('with equal jitter keeps half of the delay', () => {
    expect(createBackoff({ type: 'fixed', delay: 10, jitter: 'equal' }, () => 0)(1)).toBe(5_000);
    expect(createBackoff({ type: 'fixed', delay: 10, jitter: 'equal' }, () => 1)(1)).toBe(10_000);
  });

  it('stays finite for any number of runs', () => {
    expect(createBackoff({ ...noJitter })(100_000)).toBe(3_600_000);
  });
});

describe('A retry policy', () => {
  it('is three runs and the failed store, by default', () => {
    expect(resolveRetry(undefined)).toMatchObject({ attempts: 3, onFailure: 'store' });
  });

  it('fills what is left open from its base', () => {
    const policy = resolveRetry({ attempts: 5 }, { attempts: 2, onFailure: 'drop', backoff: { type: 'fixed', delay: 9, ...noJitter } });
    expect([policy.attempts, policy.onFailure, policy.backoff(1)]).toEqual([5, 'drop', 9_000]);
  });
});
