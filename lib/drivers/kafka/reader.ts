import type { Clock, Timer } from '../../contract/clock.js';
import type { ConsumerListener, ConsumerSettings, KafkaClient, KafkaConsumer, ReceivedRecord, TopicPartition } from './port.js';

/** Records of a partition, before `end`. */
export interface RecordRange extends TopicPartition {
  readonly from: number;
  readonly end: number;
}

/** Told each record; false ends the reading. */
export type RecordVisitor<R extends RecordRange> = (record: ReceivedRecord, range: R) => boolean;

/** Without a record for as long, a range counts as read: its last offsets may be marks of transactions, which nobody is given. */
const IDLE_MS = 2_000;

export interface ReadOptions<R extends RecordRange> {
  readonly ranges: readonly R[];
  readonly visit: RecordVisitor<R>;
  readonly clock: Clock;
  /** Ends the reading, with its reason. */
  readonly stopping: AbortSignal;
}

/** Reads ranges one after the other, in a group of its own, and commits nothing. */
export async function readRanges<R extends RecordRange>(
  client: KafkaClient,
  settings: Omit<ConsumerSettings, 'topics' | 'partitions' | 'groupId'>,
  { ranges, visit, clock, stopping }: ReadOptions<R>,
): Promise<void> {
  stopping.throwIfAborted();
  const left = ranges.filter(({ from, end }) => from < end);
  if (left.length === 0) return;
  const reader = new RangeReader(left, visit, clock);
  const topics = [...new Set(left.map(({ topic }) => topic))];
  const end = () => reader.onLost(stopping.reason as Error);
  stopping.addEventListener('abort', end);
  try {
    const consumer = await client.openConsumer({ ...settings, topics, partitions: left, groupId: `nrr-browse-${crypto.randomUUID()}` }, reader);
    try {
      await reader.done;
    } finally {
      await consumer.close();
    }
  } finally {
    stopping.removeEventListener('abort', end);
  }
}

class RangeReader<R extends RecordRange> implements ConsumerListener {
  readonly done: Promise<void>;
  readonly #left: R[];
  readonly #visit: RecordVisitor<R>;
  readonly #clock: Clock;
  #consumer: KafkaConsumer | undefined;
  #timer: Timer | undefined;
  #resolve!: () => void;
  #reject!: (error: Error) => void;

  constructor(ranges: readonly R[], visit: RecordVisitor<R>, clock: Clock) {
    this.#left = [...ranges];
    this.#visit = visit;
    this.#clock = clock;
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

  onRecords({ topic, partition }: TopicPartition, records: readonly ReceivedRecord[]): void {
    const [range] = this.#left;
    if (range?.topic !== topic || range.partition !== partition) return;
    for (const record of records) {
      if (record.offset >= range.from && record.offset < range.end && !this.#visit(record, range)) return this.#end();
    }
    if (records.at(-1)!.offset + 1 >= range.end) this.#next();
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
    this.#timer = this.#clock.setTimer(IDLE_MS, () => this.#next());
  }

  #end(): void {
    this.#left.length = 0;
    this.#timer?.cancel();
    this.#resolve();
  }
}
