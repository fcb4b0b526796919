import { CommitLoop } from '../../lib/drivers/kafka/commit-loop.js';
import { Partition } from '../../lib/drivers/kafka/partition.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

describe('A loop of commits', () => {
  /** Has something to commit as long as `isWanted`; the broker refuses as long as `refusal` is there. */
  const open = () => {
    const clock = new VirtualClock();
    const broker = { isWanted: true, refusal: undefined as Error | undefined, asked: 0 };
    const told: unknown[] = [];
    const place = { topic: 'emails', partition: 0, offset: 1, metadata: '' };
    const loop = new CommitLoop({
      clock,
      collect: () => (broker.isWanted ? [{ partition: new Partition(place), place, early: [] }] : []),
      commit: () => {
        broker.asked++;
        return broker.refusal === undefined ? Promise.resolve() : Promise.reject(broker.refusal);
      },
      onCommitted: () => {},
      onRefused: (error) => told.push(error),
    });
    return { clock, broker, told, loop };
  };

  it('tells once that commits fail and goes on trying', async () => {
    const { clock, broker, told, loop } = open();
    broker.refusal = new Error('Not authorized.');
    loop.soon();
    await clock.advance('9s');
    expect(told).toEqual([]);
    await clock.advance('60s');
    expect(told).toEqual([broker.refusal]);
    const { asked } = broker;
    await clock.advance('1s');
    expect(broker.asked).toBeGreaterThan(asked);
  });

  it('does not tell of failures that end, of a rebalance or of an outage', async () => {
    const { clock, broker, told, loop } = open();
    for (let round = 0; round < 5; round++) {
      broker.refusal = new Error('The group is rebalancing.');
      loop.soon();
      await clock.advance('4s');
      if (round % 2 === 0) broker.refusal = undefined;
      else broker.isWanted = false;
      await clock.advance('4s');
      broker.isWanted = true;
    }
    expect(told).toEqual([]);
  });
});
