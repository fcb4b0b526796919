/** Done already, or a promise of it. Never allocate a promise to say "done". */
export type Done = void | Promise<void>;

/** Text stays text until a border needs bytes. @publicApi */
export type Payload = string | Uint8Array;

/** Names are case-sensitive; the object has no prototype. @publicApi */
export type JobHeaders = Readonly<Record<string, readonly string[]>>;

/** Where a Kafka job goes to or came from. @publicApi */
export interface KafkaPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string;
}

/** A job as the kernel and its drivers see it. @publicApi */
export interface Job {
  /** Chosen by the producer: a UUID unless it says otherwise. At most 255 bytes. */
  readonly id: string;
  readonly name: string;
  readonly pipeline: string;
  readonly payload: Payload;
  readonly headers: JobHeaders;
  /** Lower runs earlier. 0 means the pipeline's. */
  readonly priority: number;
  /** From the push on. Unit: milliseconds. */
  readonly delayMs: number;
  /** Acknowledged when it is handed out: at most once. */
  readonly autoAck: boolean;
  readonly kafka?: KafkaPlace;
}

/** What holds {@link JobRecord}s in this process and takes their settlement. */
export interface JobHolder {
  ack(record: JobRecord): Done;
  nack(record: JobRecord, options: { readonly requeue: boolean; readonly delayMs?: number }): Done;
  requeue(record: JobRecord, change: { readonly headers: JobHeaders; readonly delayMs: number }): Done;
  release(record: JobRecord): Done;
}

/** The promise that says "done": shared, so that saying it allocates nothing. */
export const DONE: Promise<void> = Promise.resolve();

/** No header at all: shared, so that most jobs cost none. */
export const NO_HEADERS: JobHeaders = Object.freeze(Object.create(null) as Record<string, never>);

/**
 * A job made in this process. It is its own `Delivery` while a driver of this process lends it, so that a queued job
 * costs one object: 96 bytes beside its payload (a delivery apart would make it 136).
 */
export class JobRecord implements Job {
  declare readonly kafka?: KafkaPlace;
  /** The driver that lends it; `undefined` while nobody does, so that late settlements go nowhere. */
  holder: JobHolder | undefined = undefined;
  #id: string | undefined;

  constructor(
    readonly name: string,
    readonly pipeline: string,
    readonly payload: Payload,
    readonly headers: JobHeaders,
    /** Written once, by the pipeline that accepts the job. */
    public priority: number,
    readonly delayMs: number,
    readonly autoAck: boolean,
    id: string | undefined,
    kafka?: KafkaPlace,
  ) {
    this.#id = id;
    if (kafka !== undefined) this.kafka = kafka;
  }

  /** The same job as a record: itself, unless it was made elsewhere or is lent already. */
  static from(job: Job): JobRecord {
    return job instanceof JobRecord && job.holder === undefined ? job : JobRecord.changed(job, job.headers, job.delayMs);
  }

  /** A copy with the same id. */
  static changed(job: Job, headers: JobHeaders, delayMs: number): JobRecord {
    return new JobRecord(job.name, job.pipeline, job.payload, headers, job.priority, delayMs, job.autoAck, job.id, job.kafka);
  }

  // Made at the first read: a UUID per queued job would cost more than the rest of the way (0.7 µs and 72 bytes).
  get id(): string {
    return (this.#id ??= crypto.randomUUID());
  }

  get job(): Job {
    return this;
  }

  ack(): Done {
    const holder = this.holder;
    if (holder === undefined) return;
    this.holder = undefined;
    return holder.ack(this);
  }

  nack(options: { readonly requeue: boolean; readonly delayMs?: number }): Done {
    const holder = this.holder;
    if (holder === undefined) return;
    this.holder = undefined;
    return holder.nack(this, options);
  }

  requeue(change: { readonly headers: JobHeaders; readonly delayMs: number }): Done {
    const holder = this.holder;
    if (holder === undefined) return;
    this.holder = undefined;
    return holder.requeue(this, change);
  }

  release(): Done {
    const holder = this.holder;
    if (holder === undefined) return;
    this.holder = undefined;
    return holder.release(this);
  }
}

/** Unit: bytes. For text its length is taken: exact for ASCII, and cheap. Headers count by name and values. */
export function sizeOf(job: Job): number {
  const payloadBytes = typeof job.payload === 'string' ? job.payload.length : job.payload.byteLength;
  return job.headers === NO_HEADERS ? payloadBytes : payloadBytes + headersSize(job.headers);
}

function headersSize(headers: JobHeaders): number {
  let bytes = 0;
  for (const name in headers) {
    bytes += name.length;
    for (const value of headers[name]!) bytes += value.length;
  }
  return bytes;
}
