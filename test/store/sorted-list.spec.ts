import * as fc from 'fast-check';
import { compareKeys } from '../../lib/store/key-order.js';
import { SortedList } from '../../lib/store/sorted-list.js';

const byNumber = (left: number, right: number): number => left - right;

describe('SortedList', () => {
  it('is empty at first', () => {
    const list = new SortedList(byNumber);
    expect([list.first, list.slice(0, 10), list.countWhile(() => true), list.delete(1)]).toEqual([undefined, [], 0, false]);
  });

  // Thousands of items, so that chunks are cut and emptied.
  it.each([
    ['rising', (index: number) => index],
    ['falling', (index: number) => 4_999 - index],
    ['mixed', (index: number) => (index * 1_933) % 5_000],
  ])('keeps %s items in order through many insertions and deletions', (_name, itemAt) => {
    const list = new SortedList(byNumber);
    for (let index = 0; index < 5_000; index++) list.add(itemAt(index));
    expect(list.slice(0, 5_000)).toEqual(Array.from({ length: 5_000 }, (_, index) => index));
    const deleted: boolean[] = [];
    for (let item = 0; item < 5_000; item++) if (item % 3 !== 0) deleted.push(list.delete(item));
    expect([deleted.length, deleted.every(Boolean), list.delete(1)]).toEqual([3_333, true, false]);
    expect(list.slice(0, Infinity)).toEqual(Array.from({ length: 1_667 }, (_, index) => index * 3));
    expect([list.first, list.countWhile((item) => item < 1_500)]).toEqual([0, 500]);
    expect(list.slice(499, 502)).toEqual([1_497, 1_500, 1_503]);
    for (let item = 0; item < 5_000; item += 3) list.delete(item);
    expect([list.first, list.slice(0, 10)]).toEqual([undefined, []]);
  });

  it('does what a sorted array does', () => {
    const step = fc.record({ add: fc.boolean(), item: fc.integer({ min: 0, max: 30 }) });
    fc.assert(
      fc.property(fc.array(step), fc.nat({ max: 31 }), (steps, limit) => {
        const list = new SortedList(byNumber);
        const model = new Set<number>();
        for (const { add, item } of steps) {
          const wasThere = model.delete(item);
          expect(list.delete(item)).toBe(wasThere);
          if (!add) continue;
          list.add(item);
          model.add(item);
        }
        const sorted = [...model].sort(byNumber);
        expect(list.slice(0, 100)).toEqual(sorted);
        expect(list.first).toBe(sorted[0]);
        expect(list.countWhile((item) => item < limit)).toBe(sorted.filter((item) => item < limit).length);
      }),
    );
  });
});

describe('compareKeys', () => {
  it('orders as the UTF-8 bytes do', () => {
    const key = fc.string({
      unit: fc.oneof(
        fc.constantFrom('\u007f', '\u0080', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      ),
      maxLength: 4,
    });
    fc.assert(
      fc.property(key, key, (left, right) => {
        expect(Math.sign(compareKeys(left, right))).toBe(Buffer.compare(Buffer.from(left), Buffer.from(right)));
      }),
      { numRuns: 1_000 },
    );
  });
});
