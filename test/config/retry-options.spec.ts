import { readRetryOptions } from '../../lib/config/retry-options.js';
import { issuesOf } from './support.js';

describe('readRetryOptions', () => {
  it.each([
    [{}],
    [{ attempts: 1 }],
    [{ onFailure: 'store' }],
    [{ onFailure: 'drop' }],
    [{ onFailure: 'broker' }],
    [{ onFailure: 'queue:dead.Letters 🚀' }],
    [{ backoff: {} }],
    [{ backoff: { type: 'exponential', delay: 0.5, factor: 1.5, max: '1h', jitter: 'equal' } }],
    [{ backoff: { type: 'fixed', delay: '10s', jitter: 'none' } }],
    [{ backoff: { type: 'list', delays: [1, '5s', '1h30m'], jitter: 'full' } }],
    [{ backoff: { delays: [1, 2] } }],
  ])('takes %j as it is', (options) => {
    expect(readRetryOptions(options, 'retry')).toEqual(options);
  });

  it('takes a function as backoff', () => {
    const options = { backoff: (attempt: number) => attempt };
    expect(readRetryOptions(options, 'retry').backoff).toBe(options.backoff);
  });

  it('reads a backoff that is JSON text, as in a Declare map', () => {
    expect(readRetryOptions({ attempts: '4', backoff: '{"type":"fixed","delay":"2s","factor":"3"}' }, 'retry')).toEqual({
      attempts: 4,
      backoff: { type: 'fixed', delay: '2s', factor: 3 },
    });
  });

  it.each([
    [{ attempts: 0 }, 'retry.attempts', '0 is not allowed. Give a whole number of runs, 1 or more (default 3).'],
    [{ attempts: 2.5 }, 'retry.attempts', '2.5 is not allowed. Give a whole number of runs, 1 or more (default 3).'],
    [{ attempts: Number.NaN }, 'retry.attempts', 'NaN is not allowed. Give a whole number of runs, 1 or more (default 3).'],
    [{ attempts: null }, 'retry.attempts', 'null is not allowed. Give a whole number of runs, 1 or more (default 3).'],
    [{ onFailure: 'retry' }, 'retry.onFailure', '"retry" is not allowed. Give "store", "drop", "broker" or "queue:" with the name of a pipeline.'],
    [{ onFailure: 'queue:' }, 'retry.onFailure', '"queue:" is not allowed. Give "store", "drop", "broker" or "queue:" with the name of a pipeline.'],
    [{ backoff: { type: 'linear' } }, 'retry.backoff.type', '"linear" is not allowed. Give one of "fixed", "exponential", "list".'],
    [
      { backoff: { delay: -1 } },
      'retry.backoff.delay',
      '-1 is not allowed. Give a number of seconds or a duration text such as "90s" or "1h30m", 0 or more.',
    ],
    [{ backoff: { factor: 0.5 } }, 'retry.backoff.factor', '0.5 is not allowed. Give a number, 1 or more.'],
    [{ backoff: { factor: Infinity } }, 'retry.backoff.factor', 'Infinity is not allowed. Give a number, 1 or more.'],
    [{ backoff: { jitter: true } }, 'retry.backoff.jitter', 'true is not allowed. Give one of "full", "equal", "none".'],
    [{ backoff: { delays: [] } }, 'retry.backoff.delays', 'An array is not allowed. Give a list of at least one delay.'],
    [
      { backoff: { delays: [1, 'x'] } },
      'retry.backoff.delays[1]',
      '"x" is not allowed. Give a number of seconds or a duration text such as "90s" or "1h30m", 0 or more.',
    ],
    [{ backoff: { type: 'list' } }, 'retry.backoff', 'Type "list" needs "delays". Give at least one delay.'],
    [{ backoff: { type: 'fixed', delays: [1] } }, 'retry.backoff', '"delays" has no effect with type "fixed". Remove it, or use type "list".'],
    [{ backoff: 5 }, 'retry.backoff', '5 is not allowed. Give an object with some of the keys type, delay, factor, max, delays, jitter.'],
    [{ backoff: '{' }, 'retry.backoff', '"{" is not allowed. Give an object with some of the keys type, delay, factor, max, delays, jitter.'],
    [{ attemps: 3 }, 'retry.attemps', 'There is no option "attemps". Did you mean "attempts"?'],
    ['3', 'retry', '"3" is not allowed. Give an object with some of the keys attempts, backoff, onFailure.'],
  ])('refuses %j', (options, path, message) => {
    expect(issuesOf(() => readRetryOptions(options, 'retry'))).toEqual({ [path]: message });
  });

  it('begins each path with where the options stand', () => {
    expect(Object.keys(issuesOf(() => readRetryOptions({ attempts: 0, backoff: { delay: 'x' } }, 'EmailHandler.send')))).toEqual([
      'EmailHandler.send.attempts',
      'EmailHandler.send.backoff.delay',
    ]);
  });
});
