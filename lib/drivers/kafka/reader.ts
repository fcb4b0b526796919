import type { Clock, Timer } from '../../contract/clock.js';
import type { ConsumerListener, ConsumerSettings, KafkaClient, KafkaConsumer, ReadUpTo, ReceivedRecord, TopicPartition } from './port.js';

/** Records of a partition, before `end`. */
export interface RecordRange extends TopicPartition {
  readonly from: number;
  readonly end: number;
}

/** Told each record; false ends the reading. */
export type RecordVisitor<R extends RecordRange> = (record: ReceivedRecord, range: R) => boolean;

export interface ReadOptions<R extends RecordRange> {
  readonly ranges: readonly R[];
  readonly visit: RecordVisitor<R>;
  readonly clock: Clock;
  /** How long a fetch may bring nothing before the end of a range. Unit: milliseconds. */
  readonly patienceMs: number;
  /** Ends the reading, with its reason. */
  readonly stopping: AbortSignal;
}

/** The broker gave nothing more, and there is more. */
export class ReadingStalledError extends Error {
  constructor(
    readonly patienceMs: number,
    { topic, partition, end }: RecordRange,
  ) {
    super(`Partition ${partition} of topic "${topic}" ends at offset ${end}, and nothing came of it for ${patienceMs} ms.`);
  }
}

/**
 * Reads ranges one after the other, in a group of its own, and commits nothing.
 *
 * @throws ReadingStalledError when the broker does not give all of them.
 */
export async function readRanges<R extends RecordRange>(
  client: KafkaClient,
  settings: Omit<ConsumerSettings, 'topics' | 'partitions' | 'groupId'>,
  { ranges, visit, clock, patienceMs, stopping }: ReadOptions<R>,
): Promise<void> {
  stopping.throwIfAborted();
  const left = ranges.filter(({ from, end }) => from < end);
  if (left.length === 0) return;
  const reader = new RangeReader(left, { visit, clock, patienceMs });
  const topics = [...new Set(left.map(({ topic }) => topic))];
  const end = () => reader.onLost(stopping.reason as Error);
  stopping.addEventListener('abort', end);
  try {
    const consumer = await client.openConsumer({ ...settings, topics, partitions: left, groupId: `nrr-browse-${crypto.randomUUID()}` }, reader);
    // Nobody waits for the farewell: a broker that is silent would hold up what was read.
    await reader.done.finally(() => void consumer.close().catch(() => {}));
  } finally {
    stopping.removeEventListener('abort', end);
  }
}

class RangeReader<R extends RecordRange> implements ConsumerListener {
  readonly done: Promise<void>;
  readonly #left: R[];
  readonly #options: Pick<ReadOptions<R>, 'visit' | 'clock' | 'patienceMs'>;
  #consumer: KafkaConsumer | undefined;
  #timer: Timer | undefined;
  #resolve!: () => void;
  #reject!: (error: Error) => void;

  constructor(ranges: readonly R[], options: Pick<ReadOptions<R>, 'visit' | 'clock' | 'patienceMs'>) {
    this.#left = [...ranges];
    this.#options = options;
    this.done = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Who opens the consumer may fail first.
    this.done.catch(() => {});
  }

  onAssigned(_places: readonly TopicPartition[], consumer: KafkaConsumer): Promise<void> {
    this.#consumer = consumer;
    for (const [index, { topic, partition, from }] of this.#left.entries()) {
      consumer.seek({ topic, partition, offset: from });
      if (index > 0) consumer.pause({ topic, partition });
    }
    this.#wait();
    return Promise.resolve();
  }

  /** Nobody else is in the group. */
  onRebalancing(): void {}

  onRecords(place: TopicPartition, records: readonly ReceivedRecord[], read: ReadUpTo): void {
    const [range] = this.#left;
    if (range?.topic !== place.topic || range.partition !== place.partition) return;
    for (const record of records) {
      if (record.offset >= range.from && record.offset < range.end && !this.#options.visit(record, range)) return this.#end();
    }
    this.onPassed(place, read);
  }

  onPassed({ topic, partition }: TopicPartition, { next }: ReadUpTo): void {
    const [range] = this.#left;
    if (range?.topic !== topic || range.partition !== partition) return;
    if (next >= range.end) this.#next();
    else this.#wait();
  }

  onLost(error: Error): void {
    this.#timer?.cancel();
    this.#reject(error);
  }

  #next(): void {
    const read = this.#left.shift();
    const [range] = this.#left;
    if (range === undefined) return this.#end();
    this.#consumer!.pause(read!);
    this.#consumer!.resume(range);
    this.#wait();
  }

  #wait(): void {
    this.#timer?.cancel();
    const { clock, patienceMs } = this.#options;
    this.#timer = clock.setTimer(patienceMs, () => this.#reject(new ReadingStalledError(patienceMs, this.#left[0]!)));
  }

  #end(): void {
    this.#left.length = 0;
    this.#timer?.cancel();
    this.#resolve();
  }
}
