import type { Clock } from '../../contract/clock.js';
import type { KafkaSettings } from './config.js';
import type { Consumption } from './consumption.js';
import { markedOffsets } from './marks.js';
import type { KafkaAdmin, KafkaClient } from './port.js';

/** How long a connection is waited for. Unit: milliseconds. */
const CONNECT_MS = 3_000;

/**
 * Jobs that wait, at the broker and here: what a topic holds behind the group's place, without what is lent. Records that were compacted away or that
 * mark transactions count as jobs. Undefined when the broker gives no answer.
 */
export async function countJobs(
  settings: KafkaSettings,
  { client, consumption, clock }: { readonly client: KafkaClient; readonly consumption: Consumption | undefined; readonly clock: Clock },
): Promise<{ readonly reserved: number; readonly delayed: number } | undefined> {
  if (settings.consumption === undefined) return undefined;
  const own = consumption?.session?.admin;
  // A consumer that has no connection dials by itself.
  const admin = own ?? (consumption === undefined ? await openSoon(client, clock) : undefined);
  if (admin === undefined) return undefined;
  try {
    return await count(admin, settings, consumption);
  } catch {
    // A broker that is away, or a topic that is not there yet.
    return undefined;
  } finally {
    if (own === undefined) await admin.close().catch(() => {});
  }
}

/** Undefined when there is none soon; one that comes later is closed. */
function openSoon(client: KafkaClient, clock: Clock): Promise<KafkaAdmin | undefined> {
  return new Promise((resolve) => {
    let isLate = false;
    const limit = clock.setTimer(CONNECT_MS, () => {
      isLate = true;
      resolve(undefined);
    });
    client
      .openAdmin()
      .then((admin) => (isLate ? admin.close() : resolve(admin)))
      .catch(() => resolve(undefined))
      .finally(() => limit.cancel());
  });
}

async function count(
  admin: KafkaAdmin,
  settings: KafkaSettings,
  consumption: Consumption | undefined,
): Promise<{ reserved: number; delayed: number }> {
  const { partitions, topics, groupId } = settings.consumption!;
  const names = partitions?.map(({ topic }) => topic) ?? topics.filter((topic) => typeof topic === 'string');
  const isRead = (topic: string, partition: number): boolean =>
    partitions === undefined || partitions.some((place) => place.topic === topic && place.partition === partition);
  const ofMain = await Promise.all(
    [...new Set(names)].map((topic) => waiting(admin, topic, groupId, consumption, (partition) => isRead(topic, partition))),
  );
  const ofDelays = settings.delayTopic === undefined ? 0 : await waiting(admin, settings.delayTopic, groupId, consumption, () => true);
  const all = ofMain.reduce((sum, one) => sum + one, 0) + ofDelays - (consumption?.lent ?? 0);
  // What is still to be fetched of the topic of delays is delayed; what was fetched is, while it is held.
  const delayed =
    (consumption?.held ?? 0) +
    Math.max(0, ofDelays - (settings.delayTopic === undefined ? 0 : (consumption?.unfinishedOf(settings.delayTopic) ?? 0)));
  return { reserved: Math.max(0, all - delayed), delayed };
}

async function waiting(
  admin: KafkaAdmin,
  topic: string,
  groupId: string | undefined,
  consumption: Consumption | undefined,
  isRead: (partition: number) => boolean,
): Promise<number> {
  const bounds = (await admin.bounds(topic)).filter(({ partition }) => isRead(partition));
  const isUnknown = bounds.some(({ partition }) => consumption?.partition({ topic, partition })?.next === undefined);
  const committed = groupId === undefined || !isUnknown ? [] : await admin.committed(groupId, [topic]);
  return bounds.reduce((sum, { partition, first, end }) => {
    const known = consumption?.partition({ topic, partition });
    if (known?.next !== undefined) return sum + Math.max(0, end - known.next - known.doneFrom(known.next)) + known.unfinished;
    const place = committed.find((one) => one.partition === partition);
    if (place === undefined) return sum + end - first;
    return sum + Math.max(0, end - Math.max(first, place.offset) - markedOffsets(place.offset, place.metadata).size);
  }, 0);
}
