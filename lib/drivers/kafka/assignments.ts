import type { DriverContext } from '../../contract/driver.js';
import { AT_START, type ConsumptionSettings, type KafkaOptions, type KafkaSettings, type StartOffset } from './config.js';
import { Partition } from './partition.js';
import type { CommittedPlace, KafkaAdmin, KafkaConsumer, ReceivedRecord, TopicPartition } from './port.js';
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

interface Bound {
  readonly first: number;
  readonly end: number;
}

/** The partitions that this process has, and what it knows of them. */
export class Assignments implements Iterable<Partition> {
  readonly #options: AssignmentsOptions;
  readonly #partitions = new Map<string, Partition>();
  #consumer: KafkaConsumer | undefined;
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
    const bounds = await this.#boundsOfAll();
    const outdated = this.#outdated(committed, bounds);
    const fresh = places.filter((place) => {
      const known = this.get(place);
      return known === undefined || outdated.has(known);
    });
    const starts = await this.#startsOf(fresh.filter((place) => !committed.has(keyOf(place))));
    // Another rebalance came meanwhile.
    if (number !== this.#count || this.#isStopped) return;
    for (const partition of outdated) this.#lose(partition);
    for (const place of fresh) this.#begin(place, committed.get(keyOf(place)), starts.get(keyOf(place)));
    this.#point(consumer, bounds);
  }

  /**
   * The partition as it is to be read on. Undefined when it is another one: the topic was deleted and made anew, and is read from its begin.
   *
   * @param first - The first record that was fetched.
   */
  async current(partition: Partition, first: ReceivedRecord): Promise<Partition | undefined> {
    const isLast = partition.isLast(first);
    if (isLast === true || first.offset >= (partition.next ?? 0)) return partition;
    const bound = await this.#boundOf(partition);
    if (partition.isLost) return undefined;
    const wasMadeAnew = isLast === false || isBehind(bound, partition);
    if (bound === undefined || !wasMadeAnew) return partition;
    this.#lose(partition);
    const begun = this.#begin(partition, undefined, bound.first);
    if (first.offset === bound.first) return begun;
    this.#consumer?.seek({ topic: partition.topic, partition: partition.partition, offset: bound.first });
    return undefined;
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
  #point(consumer: KafkaConsumer, bounds: ReadonlyMap<Partition, Bound>): void {
    this.#consumer = consumer;
    for (const partition of this) {
      const offset = partition.beginAfter(bounds.get(partition)?.first ?? Infinity);
      if (offset !== undefined) consumer.seek({ topic: partition.topic, partition: partition.partition, offset });
      if (partition.isPaused) consumer.pause(partition);
      else consumer.resume(partition); // it may have been paused before it went to another member
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
  #outdated(committed: ReadonlyMap<string, CommittedPlace>, bounds: ReadonlyMap<Partition, Bound>): ReadonlySet<Partition> {
    const isAsLeft = (partition: Partition): boolean => partition.isAsCommitted(committed.get(keyOf(partition)));
    return new Set([...this].filter((partition) => !isAsLeft(partition) || isBehind(bounds.get(partition), partition)));
  }

  async #boundsOfAll(): Promise<ReadonlyMap<Partition, Bound>> {
    const bounds = new Map<Partition, Bound>();
    for (const topic of new Set([...this].map((partition) => partition.topic))) {
      for (const bound of await this.#options.admin().bounds(topic)) {
        const partition = this.get({ topic, partition: bound.partition });
        if (partition !== undefined) bounds.set(partition, bound);
      }
    }
    return bounds;
  }

  async #boundOf({ topic, partition }: TopicPartition): Promise<Bound | undefined> {
    return (await this.#options.admin().bounds(topic)).find((one) => one.partition === partition);
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

/** It ends before what was read of it: it is another one. */
function isBehind(bound: Bound | undefined, { next = 0 }: Partition): boolean {
  return bound !== undefined && bound.end < next;
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition}/${topic}`;
}
