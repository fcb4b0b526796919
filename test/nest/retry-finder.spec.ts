import type { KernelOptions } from '../../lib/config/kernel-options.js';
import { retryFinder } from '../../lib/nest/retry-finder.js';

/** Attempts, the wait after the second run in milliseconds, and where a failed job goes. */
function policyOf(options: unknown, queue: string): unknown[] {
  const { attempts, backoff, onFailure } = retryFinder(options as KernelOptions)(queue);
  return [attempts, backoff(2), onFailure];
}

describe('what a worker that decides itself does with failed jobs', () => {
  const pipelines = {
    flat: { driver: 'memory', attempts: 5, backoff: { type: 'fixed', delay: 7, jitter: 'none' }, onFailure: 'queue:dead' },
    nested: { driver: 'memory', config: { attempts: 6, on_failure: 'drop' } },
    text: { driver: 'memory', attempts: '4', backoff: '{"type":"fixed","delay":"2s","jitter":"none"}', on_failure: 'queue:dead' },
  };
  const retry = { attempts: '2', backoff: '{"delay":3,"factor":10,"jitter":"none"}', onFailure: 'queue:rest' };

  it.each([
    ['flat', [5, 7_000, 'queue:dead']],
    ['nested', [6, 30_000, 'drop']],
    ['text', [4, 2_000, 'queue:dead']],
    ['elsewhere', [2, 30_000, 'queue:rest']],
    ['__proto__', [2, 30_000, 'queue:rest']],
  ])('is what the options say of queue %s, in every form that a kernel takes', (queue, policy) => {
    expect(policyOf({ pipelines, retry }, queue)).toEqual(policy);
  });

  it('is the default where they say nothing', () => {
    const { attempts, onFailure } = retryFinder({})('q');
    expect([attempts, onFailure]).toEqual([3, 'store']);
  });

  it('is read when a job fails first, not before: most workers never ask', () => {
    expect(() => retryFinder({ retry: { attempts: 0 } })).not.toThrow();
    expect(() => retryFinder({ retry: { attempts: 0 } })('q')).toThrow('retry.attempts');
  });
});
