import type { KafkaJsModule, KafkaJsPartitioner } from './kafkajs-types.js';
import { murmur2 } from './murmur2.js';
import { MissingPartitionError, type Partitioning, type TopicPartition } from './port.js';

const NO_USER_DATA = Buffer.alloc(0);

/** RoadRunner's strategies. `nextBatch` is called before each request. */
export function createPartitioner(strategy: Partitioning): { partitioner: KafkaJsPartitioner; nextBatch(): void } {
  let turn = 0;
  const choose: KafkaJsPartitioner = ({ partitionMetadata: partitions, message }) => {
    if (strategy === 'Uniform') return partitionOfKey(message.key, partitions.length);
    if (strategy === 'RoundRobin') turn++;
    return partitions[turn % partitions.length]!.partitionId;
  };
  return {
    partitioner: (args) => {
      const { topic, message, partitionMetadata: partitions } = args;
      const isThere = message.partition !== undefined && partitions.some(({ partitionId }) => partitionId === message.partition);
      // kafkajs leaves out a record for a partition that it does not know, and says that all were stored.
      if (!isThere && strategy === 'Manual') throw new MissingPartitionError(topic, message.partition, partitions.length);
      // A request that is repeated asks again. What an idempotent producer repeats has to go where it went before, if that is still there.
      if (!isThere) message.partition = choose(args);
      return message.partition!;
    },
    // Sticky, LeastBackup: one partition a request. What waits for a partition is always the same here, as there is one queue before all of them.
    nextBatch: () => {
      if (strategy === 'Sticky' || strategy === 'LeastBackup') turn++;
    },
  };
}

/** As every client of Kafka chooses it. kafkajs comes to the same, in numbers of 64 bits that it makes anew at each step. */
export function partitionOfKey(key: string, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}

/** Assigns these partitions to the only member of a group of its own: kafkajs reads by groups only. */
export function directAssigner({ AssignerProtocol }: KafkaJsModule, partitions: readonly TopicPartition[]): () => unknown {
  const name = 'nrr-direct';
  const version = 1;
  const assignment: Record<string, number[]> = {};
  for (const { topic, partition } of partitions) (assignment[topic] ??= []).push(partition);
  return () => ({
    name,
    version,
    protocol: ({ topics }: { readonly topics: readonly string[] }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData: NO_USER_DATA }),
    }),
    assign: ({ members }: { readonly members: readonly { readonly memberId: string }[] }) =>
      Promise.resolve(
        members.map(({ memberId }) => ({
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({ version, assignment, userData: NO_USER_DATA }),
        })),
      ),
  });
}
