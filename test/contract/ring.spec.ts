import fc from 'fast-check';
import { Ring } from '../../lib/contract/ring.js';

describe('Ring', () => {
  it('behaves as an array, whatever is done to it', () => {
    const step = fc.oneof(
      fc.record({ push: fc.nat() }),
      fc.record({ unshift: fc.nat() }),
      fc.record({ remove: fc.nat({ max: 4 }) }),
      fc.constant('shift' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const ring = new Ring<number>();
        let model: number[] = [];
        for (const one of steps) {
          if (one === 'shift') expect(ring.shift()).toBe(model.shift());
          else if ('push' in one) {
            ring.push(one.push);
            model.push(one.push);
          } else if ('unshift' in one) {
            ring.unshift(one.unshift);
            model.unshift(one.unshift);
          } else {
            const matches = (value: number): boolean => value % 5 === one.remove;
            expect(ring.removeWhere(matches)).toEqual(model.filter(matches));
            model = model.filter((value) => !matches(value));
          }
          expect(ring.length).toBe(model.length);
          expect(ring.peek()).toBe(model[0]);
        }
        expect([...ring]).toEqual(model);
      }),
    );
  });

  it('keeps its order while it grows to many and is emptied', () => {
    const ring = new Ring<number>();
    for (let round = 0; round < 2; round++) {
      for (let value = 0; value < 100_000; value++) ring.push(value);
      for (let value = 0; value < 100_000; value++) if (ring.shift() !== value) throw new Error(`Not ${value}.`);
      expect(ring.length).toBe(0);
    }
  });
});
