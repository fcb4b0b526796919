import { createRequire } from 'node:module';
import fc from 'fast-check';
import { partitionOfKey } from '../../lib/drivers/kafka/partitioners.js';

interface KafkaJs {
  readonly Partitioners: {
    DefaultPartitioner(): (args: { topic: string; partitionMetadata: readonly object[]; message: { key: string } }) => number;
  };
}

const { Partitioners } = createRequire(import.meta.url)('kafkajs') as KafkaJs;
const ofKafkaJs = Partitioners.DefaultPartitioner();

describe('The partition of a key', () => {
  it('is the one that other clients of Kafka choose', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
        const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: 1 }));
        expect(partitionOfKey(key, partitions)).toBe(ofKafkaJs({ topic: 'a', partitionMetadata, message: { key } }));
      }),
    );
  });

  // Of the tests of Kafka's own Java client: murmur2("21") is -973932308, murmur2("foobar") is -790332482.
  it.each([
    ['21', (-973_932_308 & 0x7fffffff) % 1_000],
    ['foobar', (-790_332_482 & 0x7fffffff) % 1_000],
  ])('of %p is the one of the Java client', (key, partition) => {
    expect(partitionOfKey(key, 1_000)).toBe(partition);
  });
});
