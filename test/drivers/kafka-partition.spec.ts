import fc from 'fast-check';

import { markedOffsets, Marks, MAX_MARKED } from '../../lib/drivers/kafka/marks.js';
import { KafkaDelivery, Partition } from '../../lib/drivers/kafka/partition.js';
import { aJob } from '../support/jobs.js';

const PLACE = { topic: 'emails', partition: 0 };
/** What a broker takes beside an offset, unless it is told otherwise. Unit: bytes. */
const METADATA_LIMIT = 4_096;

/** As the driver takes them: what is done is passed over. */
function fetch(partition: Partition, offsets: readonly number[]): KafkaDelivery[] {
  return offsets.flatMap((offset) => {
    if (partition.isDone(offset)) {
      partition.passed(offset);
      return [];
    }
    const delivery = new KafkaDelivery(aJob(), partition, offset, 0, undefined);
    partition.fetched(delivery);
    return [delivery];
  });
}

describe('a partition', () => {
  const begin = (): Partition => {
    const partition = new Partition(PLACE);
    partition.startAt(0, undefined);
    return partition;
  };

  it('commits, after any order of settlements and at any time, what makes the next owner run the unfinished ones and no others', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 60 }), // distances: Kafka leaves offsets out
        fc.array(fc.nat({ max: 59 }), { maxLength: 60 }),
        fc.nat({ max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        (distances, settlements, readLater, fetchedAtOnce) => {
          let offset = -1;
          const offsets = distances.map((distance) => (offset += distance));
          const split = Math.min(readLater, offsets.length);
          const first = begin();
          const fetched = fetch(first, offsets.slice(0, split));
          const finished = new Set<number>();
          for (const index of settlements) {
            const delivery = fetched[index];
            if (delivery === undefined) continue;
            first.finish(delivery);
            finished.add(delivery.offset);
          }
          const place = first.toCommit()?.place ?? { ...PLACE, offset: 0, metadata: '' };
          const second = new Partition(PLACE);
          second.startAt(place.offset, place);
          const left = offsets.filter((one) => one >= place.offset);
          const again: number[] = [];
          let last = place;
          // One fetch brings only a part of them, and what it brought may be done and committed before the next one.
          for (let at = 0; at < left.length; at += fetchedAtOnce) {
            const deliveries = fetch(second, left.slice(at, at + fetchedAtOnce));
            for (const delivery of deliveries) second.finish(delivery);
            again.push(...deliveries.map((one) => one.offset));
            last = second.toCommit()?.place ?? last;
          }
          expect(again).toEqual(offsets.filter((one) => !finished.has(one)));
          expect(last).toMatchObject({ offset: offset + 1, metadata: '' });
        },
      ),
    );
  });

  it('has nothing to commit twice, and has it again when that failed', () => {
    const partition = begin();
    const [a, b] = fetch(partition, [0, 1]);
    partition.finish(b!);
    const commit = partition.toCommit()!;
    expect(partition.toCommit()).toBeUndefined();
    partition.commitFailed();
    expect(partition.toCommit()?.place).toEqual(commit.place);
    partition.committed(commit);
    expect(partition.toCommit()).toBeUndefined();
    partition.finish(a!);
    expect(partition.toCommit()?.place).toEqual({ ...PLACE, offset: 2, metadata: '' });
  });

  it('tells its own commits from those of others, one without an answer included', () => {
    const partition = begin();
    const [a, b] = fetch(partition, [0, 1]);
    expect(partition.isAsCommitted(undefined)).toBe(true);
    partition.finish(b!);
    const { place } = partition.toCommit()!;
    expect(partition.isAsCommitted(place)).toBe(true);
    expect(partition.isAsCommitted({ ...place, metadata: '' })).toBe(false);
    partition.finish(a!);
    expect(partition.isAsCommitted({ ...PLACE, offset: 2, metadata: '' })).toBe(false);
  });

  it('tells each of its commits that had no answer from those of others', () => {
    const partition = begin();
    const deliveries = fetch(partition, [0, 1, 2]);
    const places = deliveries.map((delivery) => {
      partition.finish(delivery);
      const { place } = partition.toCommit()!;
      partition.commitFailed();
      return place;
    });
    expect(places.map((place) => partition.isAsCommitted(place))).toEqual([true, true, true]);
    expect(partition.isAsCommitted({ ...PLACE, offset: 7, metadata: '' })).toBe(false);
  });

  it('takes none for its own that is older than one with an answer', () => {
    const partition = begin();
    const [a, b] = fetch(partition, [0, 1]);
    partition.finish(a!);
    const { place } = partition.toCommit()!;
    partition.commitFailed();
    partition.finish(b!);
    partition.committed(partition.toCommit()!);
    expect(partition.isAsCommitted(place)).toBe(false);
  });

  it('goes back to what counted as done before it ran and was not run', () => {
    const partition = begin();
    const [once] = fetch(partition, [0]);
    partition.markEarly(once!, 'asked');
    const commit = partition.toCommit()!;
    expect(commit).toMatchObject({ place: { offset: 1 }, early: [once] });
    partition.committed(commit);
    expect(once!.early).toBe('stored');
    partition.markEarly(once!, 'no');
    expect(partition.toCommit()?.place.offset).toBe(0);
  });

  it('asks for a job with autoAck no sooner than its mark fits', () => {
    const partition = begin();
    const [oldest, once] = fetch(partition, [0, MAX_MARKED + 1]);
    partition.markEarly(once!, 'asked');
    expect(partition.toCommit()?.early ?? []).toEqual([]);
    partition.finish(oldest!);
    expect(partition.toCommit()?.early).toEqual([once]);
  });
});

describe('marks behind an offset', () => {
  it('fit into what a broker takes, all of them', () => {
    const marks = new Marks(7);
    const offsets = Array.from({ length: MAX_MARKED }, (_, index) => 8 + index);
    for (const offset of offsets) expect(marks.add(offset)).toBe(true);
    expect(marks.add(8 + MAX_MARKED)).toBe(false);
    expect(marks.toString().length).toBeLessThan(METADATA_LIMIT);
    expect([...markedOffsets(7, marks.toString())]).toEqual(offsets);
  });

  it.each(['', 'franz-go', '{"offset":1}', 'nrr1', 'nrr2.AQ'])('are none in the text of a stranger: %j', (text) => {
    expect(markedOffsets(0, text).size).toBe(0);
  });
});
