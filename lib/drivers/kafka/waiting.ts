import type { Consumption } from './consumption.js';
import { AT_START, type KafkaSettings } from './config.js';
import { markedOffsets } from './marks.js';
import { MissingTopicError, type KafkaAdmin, type TopicPartition } from './port.js';
import { startOffsets } from './start-offsets.js';

/** Records of a partition that may wait: from `from` on, before `end`. */
export interface WaitingRange extends TopicPartition {
  readonly from: number;
  readonly end: number;
  /** False for one that is done, or lent here. What other processes have fetched is not known. */
  isWaiting(offset: number): boolean;
}

/** What waits behind the places of the group, in the order of the topics and of their partitions; the topic of delays comes last. */
export async function waitingRanges(admin: KafkaAdmin, settings: KafkaSettings, consumption: Consumption | undefined): Promise<WaitingRange[]> {
  const { partitions, topics, start } = settings.consumption!;
  const named = partitions?.map(({ topic }) => topic) ?? topics.filter((topic) => typeof topic === 'string');
  const isRead = (topic: string, partition: number): boolean =>
    topic === settings.delayTopic || partitions === undefined || partitions.some((place) => place.topic === topic && place.partition === partition);
  const ranges: WaitingRange[] = [];
  for (const topic of new Set([...named, ...(settings.delayTopic === undefined ? [] : [settings.delayTopic])])) {
    const given = topic === settings.delayTopic ? AT_START : start;
    ranges.push(
      ...(await ofTopic(admin, topic, { groupId: settings.consumption!.groupId, start: given, consumption })).filter((one) =>
        isRead(topic, one.partition),
      ),
    );
  }
  return ranges;
}

async function ofTopic(
  admin: KafkaAdmin,
  topic: string,
  { groupId, start, consumption }: { groupId: string | undefined; start: typeof AT_START; consumption: Consumption | undefined },
): Promise<WaitingRange[]> {
  const bounds = await admin.bounds(topic).catch((error: unknown) => {
    if (error instanceof MissingTopicError) return []; // nothing was pushed there yet
    throw error;
  });
  const sorted = [...bounds].sort((one, other) => one.partition - other.partition);
  const committed = groupId === undefined || sorted.length === 0 ? [] : await admin.committed(groupId, [topic]);
  const starts = await startOffsets(
    admin,
    bounds.map(({ partition }) => ({ topic, partition })),
    start,
  );
  return sorted.map(({ partition, first, end }) => {
    const here = consumption?.partition({ topic, partition });
    if (here?.next !== undefined) {
      const { next } = here;
      const waiting = here.waitingOffsets();
      const [from = next] = waiting;
      return { topic, partition, from, end, isWaiting: (offset) => (offset < next ? waiting.has(offset) : !here.isDone(offset)) };
    }
    const place = committed.find((one) => one.partition === partition);
    const done = place === undefined ? new Set<number>() : markedOffsets(place.offset, place.metadata);
    const begin = place?.offset ?? starts.find((one) => one.partition === partition)?.offset ?? first;
    return { topic, partition, from: Math.max(first, begin), end, isWaiting: (offset) => !done.has(offset) };
  });
}
