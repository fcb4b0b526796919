import type { StartOffset } from './config.js';
import type { KafkaAdmin, PartitionOffset, TopicPartition } from './port.js';

/**
 * Where partitions begin that have no committed offset. RoadRunner's types: `Relative` counts from the end, `WithEpoch` begins at the end (its value, an
 * epoch of leaders, is not used).
 */
export async function startOffsets(admin: KafkaAdmin, places: readonly TopicPartition[], start: StartOffset): Promise<readonly PartitionOffset[]> {
  const byTopic = new Map<string, TopicPartition[]>();
  for (const place of places) byTopic.set(place.topic, [...(byTopic.get(place.topic) ?? []), place]);
  const found = await Promise.all([...byTopic].map(([topic, ofTopic]) => ofTopicOffsets(admin, topic, ofTopic, start)));
  return found.flat();
}

async function ofTopicOffsets(
  admin: KafkaAdmin,
  topic: string,
  places: readonly TopicPartition[],
  { type, value }: StartOffset,
): Promise<PartitionOffset[]> {
  const bounds = new Map((await admin.bounds(topic)).map((bound) => [bound.partition, bound]));
  const after =
    type === 'AfterMilli' ? new Map((await admin.offsetsAfter(topic, value)).map(({ partition, offset }) => [partition, offset])) : undefined;
  return places.flatMap(({ partition }) => {
    const bound = bounds.get(partition);
    if (bound === undefined) return [];
    const { first, end } = bound;
    const wanted = type === 'At' ? value : type === 'Relative' ? end + value : type === 'AtStart' ? first : (after?.get(partition) ?? end);
    return [{ topic, partition, offset: Math.min(Math.max(wanted, first), end) }];
  });
}
