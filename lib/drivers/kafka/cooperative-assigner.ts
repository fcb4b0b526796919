import type { KafkaJsCluster, KafkaJsModule } from './kafkajs-types.js';
import type { TopicPartition } from './port.js';

// The protocol by which RoadRunner's consumers (franz-go) share the partitions of a group, which has one protocol for all of its members. What a member
// says of itself when it joins, of Kafka's ConsumerProtocolSubscription:
//
//   int16 version, [string topic], bytes user data, from version 1 on: [string topic, [int32 partition]] that it owns
//
// A partition that has to go from one member to another is given to nobody first: its owner lets go of it and joins again, and then it is free. Members
// of kafkajs let go of all before they join, and so own none.

const NAME = 'cooperative-sticky';
const VERSION = 1;
const NOTHING = Buffer.alloc(0);
const OWNS_NOTHING = Buffer.alloc(4);

/** What a member of the group says of itself. */
export interface GroupMember {
  readonly id: string;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
}

interface JoinedMember {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
}

/** Lets members of kafkajs and of RoadRunner share a group. */
export function cooperativeAssigner({ AssignerProtocol }: KafkaJsModule): (parts: { readonly cluster: KafkaJsCluster }) => unknown {
  return ({ cluster }) => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }: { readonly topics: readonly string[] }) => ({
      name: NAME,
      metadata: Buffer.concat([AssignerProtocol.MemberMetadata.encode({ version: VERSION, topics, userData: NOTHING }), OWNS_NOTHING]),
    }),
    assign: async ({ members }: { readonly members: readonly JoinedMember[] }) => {
      const joined = members.map(({ memberId, memberMetadata }) => readMember(memberId, memberMetadata));
      const topics = [...new Set(joined.flatMap((member) => member.topics))];
      await cluster.addMultipleTargetTopics(topics).catch(() => {}); // others read other topics; one that is not there has no partitions
      const partitions = topics.flatMap((topic) =>
        cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partition: partitionId })),
      );
      return [...assign(joined, partitions)].map(([memberId, given]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: VERSION, assignment: byTopic(given), userData: NOTHING }),
      }));
    },
  });
}

/** Who reads what from now on, by the ids of the members. Members keep what they have as long as nobody has too little. */
export function assign(members: readonly GroupMember[], partitions: readonly TopicPartition[]): Map<string, TopicPartition[]> {
  const owners = ownersOf(members);
  const shares = new Shares(members, partitions.length);
  const moving: TopicPartition[] = [];
  for (const partition of partitions) {
    const owner = owners.get(keyOf(partition));
    if (owner === undefined || !owner.topics.includes(partition.topic) || !shares.give(owner, partition)) moving.push(partition);
  }
  for (const partition of moving) shares.place(partition, owners.get(keyOf(partition)));
  return shares.given;
}

/** How many partitions each member may have: as many as any other, or one more. */
class Shares {
  readonly given = new Map<string, TopicPartition[]>();
  readonly #members: readonly GroupMember[];
  readonly #counts = new Map<string, number>();
  readonly #least: number;
  /** Members that may have one more. */
  #larger: number;

  constructor(members: readonly GroupMember[], partitions: number) {
    this.#members = members;
    this.#least = Math.floor(partitions / members.length);
    this.#larger = partitions % members.length;
    for (const { id } of members) {
      this.given.set(id, []);
      this.#counts.set(id, 0);
    }
  }

  /** False when the member has enough. */
  give({ id }: GroupMember, partition: TopicPartition): boolean {
    const count = this.#counts.get(id)!;
    if (count > this.#least || (count === this.#least && this.#larger === 0)) return false;
    if (count === this.#least) this.#larger--;
    this.#counts.set(id, count + 1);
    this.given.get(id)!.push(partition);
    return true;
  }

  /** Gives it to whoever has least, of those that read its topic; counts it only, while another member has it. */
  place(partition: TopicPartition, owner: GroupMember | undefined): void {
    const readers = this.#members.filter(({ topics }) => topics.includes(partition.topic));
    const reader = readers.reduce<GroupMember | undefined>(
      (least, one) => (least === undefined || this.#counts.get(one.id)! < this.#counts.get(least.id)! ? one : least),
      undefined,
    );
    if (reader === undefined) return;
    this.#counts.set(reader.id, this.#counts.get(reader.id)! + 1);
    if (owner === undefined || owner === reader) this.given.get(reader.id)!.push(partition);
  }
}

// What two members say they have, neither of them has for sure.
function ownersOf(members: readonly GroupMember[]): Map<string, GroupMember> {
  const owners = new Map<string, GroupMember>();
  const disputed = new Set<string>();
  for (const member of members) {
    for (const key of member.owned.map(keyOf)) {
      if (owners.has(key)) disputed.add(key);
      owners.set(key, member);
    }
  }
  for (const key of disputed) owners.delete(key);
  return owners;
}

/** @throws RangeError when the bytes end too early. */
export function readMember(id: string, metadata: Buffer): GroupMember {
  let at = 0;
  const int16 = (): number => metadata.readInt16BE((at += 2) - 2);
  const int32 = (): number => metadata.readInt32BE((at += 4) - 4);
  const text = (): string => {
    const length = int16();
    return metadata.toString('utf8', at, (at += length));
  };
  const list = <T>(read: () => T): T[] => Array.from({ length: Math.max(0, int32()) }, read);
  const version = int16();
  const topics = list(text);
  const userData = Math.max(0, int32());
  at += userData;
  if (version < 1 || at >= metadata.length) return { id, topics, owned: [] };
  const owned = list(() => {
    const topic = text();
    return list(int32).map((partition) => ({ topic, partition }));
  });
  return { id, topics, owned: owned.flat() };
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function byTopic(partitions: readonly TopicPartition[]): Record<string, number[]> {
  const assignment: Record<string, number[]> = {};
  for (const { topic, partition } of partitions) (assignment[topic] ??= []).push(partition);
  return assignment;
}
