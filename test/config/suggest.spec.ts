import * as fc from 'fast-check';
import { editDistance, suggest } from '../../lib/config/suggest.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['prefetch', 'prefecth', 2],
    ['flaw', 'lawn', 2],
  ])('between %p and %p is %p', (left, right, distance) => {
    expect(editDistance(left, right)).toBe(distance);
  });

  it('is a metric: zero only for equals, symmetric, with the triangle inequality', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        const ab = editDistance(a, b);
        expect(ab === 0).toBe(a === b);
        expect(editDistance(b, a)).toBe(ab);
        expect(editDistance(a, c)).toBeLessThanOrEqual(ab + editDistance(b, c));
      }),
    );
  });

  it('grows by one with each inserted character', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (word, seed) => {
        const place = seed % (word.length + 1);
        expect(editDistance(word, `${word.slice(0, place)}\u0000${word.slice(place)}`)).toBe(1);
      }),
    );
  });
});

describe('suggest', () => {
  const names = ['prefetch', 'priority', 'maxJobs', 'onFailure'];

  it.each([
    ['prefech', 'prefetch'],
    ['prefecth', 'prefetch'],
    ['Prefetch', 'prefetch'],
    ['max_jobs', 'maxJobs'],
    ['max-job', 'maxJobs'],
    ['onfailure', 'onFailure'],
    ['prioritty', 'priority'],
  ])('takes %p for %p', (word, expected) => {
    expect(suggest(word, names)).toBe(expected);
  });

  it.each(['concurrency', 'x', '', 'jobs', 'constructor', '__proto__'])('finds nothing near %p', (word) => {
    expect(suggest(word, names)).toBeUndefined();
  });

  it('prefers the nearest, and the first of equally near ones', () => {
    expect(suggest('amq', ['amxx', 'amqp', 'amqx'])).toBe('amqp');
  });

  it('has nothing to offer without candidates', () => {
    expect(suggest('memory', [])).toBeUndefined();
  });

  it('always answers a candidate, and an exact one when there is one', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{2,10}$/), { minLength: 1 }), fc.nat(), (candidates, seed) => {
        const word = candidates[seed % candidates.length];
        expect(suggest(word, candidates)).toBe(word);
      }),
    );
  });
});
