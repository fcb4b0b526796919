import fc from 'fast-check';
import { assign, readMember, type GroupMember } from '../../lib/drivers/kafka/cooperative-assigner.js';

/** Of franz-go 1.19.5, which RoadRunner's driver is made with: topics "emails" and "orders", of which it owns emails/0, emails/2 and orders/1. */
const FRANZ_GO =
  '0003000000020006656d61696c7300066f72646572730000002c000000020006656d61696c7300000002000000000000000200066f7264657273000000010000000100000007' +
  '000000020006656d61696c7300000002000000000000000200066f7264657273000000010000000100000007ffff';

const partitionsOf = (topic: string, count: number) => Array.from({ length: count }, (_, partition) => ({ topic, partition }));
const keysOf = (partitions: Iterable<{ topic: string; partition: number }>) =>
  [...partitions].map(({ topic, partition }) => `${topic}/${partition}`).sort();

describe('A member of a cooperative group', () => {
  it("is read from the bytes of RoadRunner's consumer", () => {
    expect(readMember('rr', Buffer.from(FRANZ_GO, 'hex'))).toEqual({
      id: 'rr',
      topics: ['emails', 'orders'],
      owned: [
        { topic: 'emails', partition: 0 },
        { topic: 'emails', partition: 2 },
        { topic: 'orders', partition: 1 },
      ],
    });
  });

  it('owns nothing where the form is older than that', () => {
    expect(readMember('old', Buffer.from('0000000000010001610000000000', 'hex'))).toEqual({ id: 'old', topics: ['a'], owned: [] });
  });
});

describe('The partitions of a cooperative group', () => {
  const member = (id: string, owned: GroupMember['owned'] = [], topics = ['a']): GroupMember => ({ id, topics, owned });

  it('stay where they are, and one that has to go is nobody’s until its owner has let go of it', () => {
    const all = partitionsOf('a', 4);
    const first = assign([member('rr', all), member('ours')], all);
    expect(keysOf(first.get('rr')!)).toEqual(['a/0', 'a/1']);
    expect(first.get('ours')).toEqual([]);
    const second = assign([member('rr', first.get('rr')), member('ours')], all);
    expect(keysOf(second.get('rr')!)).toEqual(['a/0', 'a/1']);
    expect(keysOf(second.get('ours')!)).toEqual(['a/2', 'a/3']);
  });

  it('go to members that read their topic', () => {
    const given = assign([member('a'), member('b', [], ['b'])], [...partitionsOf('a', 3), ...partitionsOf('b', 1), ...partitionsOf('c', 1)]);
    expect([keysOf(given.get('a')!), keysOf(given.get('b')!)]).toEqual([['a/0', 'a/1', 'a/2'], ['b/0']]);
  });

  it('that two members claim are given to one of them', () => {
    const [one] = partitionsOf('a', 1);
    const given = assign([member('x', [one!]), member('y', [one!])], [one!]);
    expect(keysOf([...given.values()].flat())).toEqual(['a/0']);
  });

  it('are shared evenly once all have joined again, and none is ever given to two', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 30 }),
        fc.array(fc.nat({ max: 6 }), { maxLength: 30 }),
        (count, size, owners) => {
          const all = partitionsOf('a', size);
          let owned = new Map(Array.from({ length: count }, (_, id) => [String(id), all.filter(({ partition }) => owners[partition] === id)]));
          for (let round = 0; round < 2; round++) {
            const given = assign(
              [...owned].map(([id, partitions]) => member(id, partitions)),
              all,
            );
            const keys = keysOf([...given.values()].flat());
            expect(new Set(keys).size).toBe(keys.length);
            for (const [id, partitions] of given) {
              const others = [...owned].filter(([other]) => other !== id).flatMap(([, theirs]) => keysOf(theirs));
              for (const key of keysOf(partitions)) expect(others).not.toContain(key);
            }
            owned = given;
          }
          const counts = [...owned.values()].map(({ length }) => length);
          expect(counts.reduce((sum, one) => sum + one, 0)).toBe(size);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
