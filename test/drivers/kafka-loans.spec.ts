import { systemClock } from '../../lib/contract/clock.js';
import { silentLogger } from '../../lib/contract/logger.js';
import { Loans } from '../../lib/drivers/kafka/loans.js';
import { KafkaDelivery, Partition } from '../../lib/drivers/kafka/partition.js';
import { Resources } from '../../lib/kernel/shared-resources.js';
import { aJob } from '../support/jobs.js';

describe('Loans of records', () => {
  /** With room for one job, and commits that are never answered. */
  const open = () => {
    const loans = new Loans({
      context: {
        ...{ pipeline: 'contract', driver: 'kafka', priority: 10, options: {}, clock: systemClock, logger: silentLogger, pushTimeoutMs: 0 },
        ...{ dataDir: '', isDeclared: false, resources: new Resources(), sink: { room: 1, accept: () => {}, onRoom: () => {} } },
      },
      commits: { soon: () => {}, now: () => {} },
      copy: () => Promise.resolve(),
      onLess: () => {},
      isStuck: () => false,
    });
    const add = (partition: Partition): KafkaDelivery => {
      const delivery = new KafkaDelivery(aJob({ autoAck: true }), partition, 0, 0, undefined);
      partition.fetched(delivery);
      loans.add(delivery, 0);
      loans.lend();
      return delivery;
    };
    return { loans, add };
  };

  it('go on with a job with autoAck when the one before it has gone to another member', () => {
    const { loans, add } = open();
    const [first, second] = [0, 1].map((partition) => new Partition({ topic: 'emails', partition }));
    add(first!);
    const next = add(second!);
    expect(next.early).toBe('no');
    loans.lose(first!);
    expect(next.early).toBe('asked');
  });
});
