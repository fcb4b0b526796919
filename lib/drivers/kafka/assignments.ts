import type { DriverContext } from '../../contract/driver.js';
import { AT_START, type ConsumptionSettings, type KafkaOptions, type KafkaSettings, type StartOffset } from './config.js';
import { Partition } from './partition.js';
import type { CommittedPlace, KafkaAdmin, KafkaConsumer, TopicPartition } from './port.js';
import { startOffsets } from './start-offsets.js';

export interface AssignmentsOptions {
  readonly context: DriverContext<KafkaOptions>;
  readonly settings: KafkaSettings;
  readonly consumption: ConsumptionSettings;
  /** Of the session that is being opened, or stands. */
  admin(): KafkaAdmin;
  /** The partition is somebody else's. */
  onLost(partition: Partition): void;
}

/** The partitions that this process has, and what it knows of them. */
export class Assignments implements Iterable<Partition> {
  readonly #options: AssignmentsOptions;
  readonly #partitions = new Map<string, Partition>();
  #count = 0;
  #isStopped = false;

  constructor(options: AssignmentsOptions) {
    this.#options = options;
  }

  [Symbol.iterator](): Iterator<Partition> {
    return this.#partitions.values();
  }

  get(place: TopicPartition): Partition | undefined {
    return this.#partitions.get(keyOf(place));
  }

  /** Has these from here on, and no others. Those that stay go on as they are. */
  async assign(places: readonly TopicPartition[], consumer: KafkaConsumer): Promise<void> {
    const number = ++this.#count;
    const assigned = new Set(places.map(keyOf));
    for (const partition of this) if (!assigned.has(keyOf(partition))) this.#lose(partition);
    const committed = await this.#committedOf(places);
    const outdated = await this.#outdated(committed);
    const fresh = places.filter((place) => {
      const known = this.get(place);
      return known === undefined || outdated.has(known);
    });
    const starts = await this.#startsOf(fresh.filter((place) => !committed.has(keyOf(place))));
    // Another rebalance came meanwhile.
    if (number !== this.#count || this.#isStopped) return;
    for (const partition of outdated) this.#lose(partition);
    for (const place of fresh) this.#begin(place, committed.get(keyOf(place)), starts.get(keyOf(place)));
    this.#point(consumer);
  }

  /**
   * The partition as it is to be read on: as it was, or anew when it counts from 0 again, as the topic was deleted and made.
   *
   * @param first - Offset of the first record that was fetched.
   */
  async current(partition: Partition, first: number): Promise<Partition> {
    const wasMadeAnew = first < (partition.next ?? 0) && (await this.#wasMadeAnew(partition));
    if (!wasMadeAnew) return partition;
    this.#lose(partition);
    return this.#begin(partition, undefined, undefined);
  }

  stop(): void {
    this.#isStopped = true;
  }

  #begin(place: TopicPartition, committed: CommittedPlace | undefined, start: number | undefined): Partition {
    const partition = new Partition(place);
    const offset = committed?.offset ?? start;
    if (offset !== undefined) partition.startAt(offset, committed);
    this.#partitions.set(keyOf(place), partition);
    return partition;
  }

  /** Also those that stayed: the consumer would begin with what is committed, and run what is open here once more. */
  #point(consumer: KafkaConsumer): void {
    for (const partition of this) {
      const { topic, next } = partition;
      if (next !== undefined) consumer.seek({ topic, partition: partition.partition, offset: next });
      if (partition.isPaused) consumer.pause(partition);
    }
  }

  #lose(partition: Partition): void {
    partition.isLost = true;
    partition.wake();
    this.#partitions.delete(keyOf(partition));
    this.#options.onLost(partition);
  }

  async #committedOf(places: readonly TopicPartition[]): Promise<ReadonlyMap<string, CommittedPlace>> {
    const { groupId } = this.#options.consumption;
    if (groupId === undefined || places.length === 0) return new Map();
    const topics = [...new Set(places.map(({ topic }) => topic))];
    return new Map((await this.#options.admin().committed(groupId, topics)).map((place) => [keyOf(place), place]));
  }

  /** Known partitions with which others went on while this process was away, or that were deleted and made anew. */
  async #outdated(committed: ReadonlyMap<string, CommittedPlace>): Promise<ReadonlySet<Partition>> {
    const outdated = new Set<Partition>();
    for (const partition of this) {
      const isAsLeft = partition.isAsCommitted(committed.get(keyOf(partition)));
      if (!isAsLeft || (await this.#wasMadeAnew(partition))) outdated.add(partition);
    }
    return outdated;
  }

  async #wasMadeAnew({ topic, partition, next }: Partition): Promise<boolean> {
    const bound = (await this.#options.admin().bounds(topic)).find((one) => one.partition === partition);
    return bound !== undefined && bound.end < (next ?? 0);
  }

  async #startsOf(places: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    const { consumption, settings, admin } = this.#options;
    const byStart = new Map<StartOffset, TopicPartition[]>();
    for (const place of places) {
      const own = consumption.partitions?.find(({ topic, partition }) => topic === place.topic && partition === place.partition)?.start;
      const start = place.topic === settings.delayTopic ? AT_START : (own ?? consumption.start);
      byStart.set(start, [...(byStart.get(start) ?? []), place]);
    }
    const found = await Promise.all([...byStart].map(([start, ofStart]) => startOffsets(admin(), ofStart, start)));
    return new Map(found.flat().map((position) => [keyOf(position), position.offset]));
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition}/${topic}`;
}
