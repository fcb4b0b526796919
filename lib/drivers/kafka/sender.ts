import type { Clock, Timer } from '../../contract/clock.js';
import { JobsConfigError, JobsError } from '../../contract/errors.js';
import type { JobsLogger } from '../../contract/logger.js';
import { BrokerRefusedError, BrokerUnavailableError, DriverStoppedError, PushUncertainError } from '../../contract/pipeline-errors.js';
import { SupervisedConnection, type SupervisedRedial } from '../supervised-connection.js';
import type { KafkaClient, KafkaProducer, OutgoingRecord, ProduceFailure, ProducerSettings } from './port.js';
import { sizeOfRecord } from './record.js';

/** Whose record it is, and how long it may take. */
export interface SendOptions {
  readonly pipeline: string;
  /** Unit: milliseconds; `Infinity`: until it is stored or the pipeline stops. */
  readonly timeoutMs: number;
}

interface Pending {
  readonly record: OutgoingRecord;
  readonly bytes: number;
  readonly pipeline: string;
  readonly tick: Tick;
  resolve(): void;
  reject(error: Error): void;
  batch: Batch | undefined;
  isOver: boolean;
}

/** Pushes of one turn of the event loop have one deadline and one timer. */
interface Tick {
  readonly timeoutMs: number;
  readonly pending: Pending[];
  left: number;
  timer: Timer | undefined;
}

/** Records of one topic that wait, and whether a request of it is under way: one at a time, so that their order stays. */
interface Lane {
  readonly topic: string;
  waiting: Pending[];
  isSending: boolean;
}

/** Records of one request: it is repeated as it is or not at all, or the broker takes a repetition for something else. */
interface Batch {
  readonly topic: string;
  readonly pending: readonly Pending[];
  readonly records: readonly OutgoingRecord[];
  left: number;
  /** Nobody waits for it any more. */
  onOver: (() => void) | undefined;
}

const DRIVER = 'kafka';
/** Between two requests with the same records, beside the pauses of the client. */
const RETRY_MS = 250;
/** How long a push that may not wait for a connection waits for the answer. */
const ANSWER_MS = 10_000;
/** So often a topic has to be unknown before that is believed: a broker that has just started does not know it either. */
const MISSING_TIMES = 2;

/** Writes records: those of one tick, and those that came during a request, in one request. */
export class Sender {
  readonly #settings: ProducerSettings;
  readonly #clock: Clock;
  readonly #connection: SupervisedConnection<KafkaProducer>;
  readonly #lanes = new Map<string, Lane>();
  readonly #pauses = new Map<Timer, () => void>();
  #tick: Tick | undefined;
  #isStopped = false;

  constructor(options: {
    readonly name: string;
    readonly client: KafkaClient;
    readonly settings: ProducerSettings;
    readonly clock: Clock;
    readonly logger: JobsLogger;
    readonly redial?: SupervisedRedial;
  }) {
    const { client, settings, clock, logger, name, redial } = options;
    this.#settings = settings;
    this.#clock = clock;
    this.#connection = new SupervisedConnection({
      driver: DRIVER,
      name,
      connect: () => client.openProducer(settings),
      close: (producer) => producer.close(),
      isFinal: isRefusal,
      clock,
      logger,
      ...(redial === undefined ? {} : { redial }),
    });
  }

  /**
   * Resolves when the record is stored.
   *
   * @throws BrokerUnavailableError when it was not sent in time.
   * @throws JobsConfigError when the brokers refuse who asks, or are not to be trusted.
   * @throws PushUncertainError when it was sent and not answered in time.
   * @throws BrokerRefusedError when it is too large, or the broker says no.
   */
  send(topic: string, record: OutgoingRecord, { pipeline, timeoutMs }: SendOptions): Promise<void> {
    if (this.#isStopped) return Promise.reject(new DriverStoppedError(pipeline));
    const bytes = sizeOfRecord(record);
    if (bytes > this.#settings.maxMessageBytes) {
      const reason = `The record has ${bytes} bytes, which is over the limit of ${this.#settings.maxMessageBytes}. Raise "maxMessageBytes" and the limit of the topic, or store the data elsewhere.`;
      return Promise.reject(new BrokerRefusedError(pipeline, DRIVER, reason));
    }
    // 0 refuses at once what has to wait for a connection; the answer of the broker it awaits.
    if (timeoutMs <= 0 && this.#connection.current === undefined) {
      this.#connection.start();
      return Promise.reject(new BrokerUnavailableError(pipeline, DRIVER, 0, this.#connection.lastError));
    }
    return new Promise<void>((resolve, reject) => {
      const tick = this.#tickOf(timeoutMs <= 0 ? ANSWER_MS : timeoutMs);
      const pending: Pending = { record, bytes, pipeline, tick, resolve, reject, batch: undefined, isOver: false };
      tick.pending.push(pending);
      tick.left++;
      this.#add(topic, pending);
    });
  }

  /** Rejects what was not sent yet. What was sent is answered. */
  abandon(pipeline: string): void {
    for (const { waiting } of this.#lanes.values()) {
      for (const pending of waiting) if (pending.pipeline === pipeline) end(pending, new DriverStoppedError(pipeline));
    }
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    for (const [timer, resume] of this.#pauses) {
      timer.cancel();
      resume();
    }
    for (const { waiting } of this.#lanes.values()) for (const pending of waiting) end(pending, new DriverStoppedError(pending.pipeline));
    await this.#connection.stop();
  }

  #tickOf(timeoutMs: number): Tick {
    if (this.#tick?.timeoutMs === timeoutMs) return this.#tick;
    const tick: Tick = { timeoutMs, pending: [], left: 0, timer: undefined };
    if (timeoutMs !== Infinity) tick.timer = this.#clock.setTimer(timeoutMs, () => this.#expire(tick));
    this.#tick = tick;
    setImmediate(() => {
      if (this.#tick === tick) this.#tick = undefined;
    });
    return tick;
  }

  #expire({ pending, timeoutMs }: Tick): void {
    for (const one of pending) {
      const { pipeline, record, batch } = one;
      if (one.isOver) continue;
      end(
        one,
        batch === undefined
          ? new BrokerUnavailableError(pipeline, DRIVER, timeoutMs, this.#connection.lastError)
          : new PushUncertainError(pipeline, record.key, timeoutMs),
      );
    }
  }

  #add(topic: string, pending: Pending): void {
    let lane = this.#lanes.get(topic);
    if (lane === undefined) this.#lanes.set(topic, (lane = { topic, waiting: [], isSending: false }));
    lane.waiting.push(pending);
    if (lane.isSending) return;
    lane.isSending = true;
    // All pushes of this turn are there then.
    const started = lane;
    setImmediate(() => void this.#drain(started));
  }

  async #drain(lane: Lane): Promise<void> {
    while (lane.waiting.length > 0 && !this.#isStopped) {
      // Only what the broker can be given now is taken: the rest may still be told that it was never sent.
      const refusal = await this.#connection.use(Infinity).then(
        () => undefined,
        (error: unknown) => error as Error,
      );
      if (refusal === undefined) await this.#deliver(this.#nextBatch(lane));
      else await this.#turnedAway(lane, refusal);
    }
    lane.isSending = false;
    if (lane.waiting.length === 0) this.#lanes.delete(lane.topic);
  }

  /** Who may wait for ever does: somebody may correct the broker. */
  async #turnedAway(lane: Lane, refusal: Error): Promise<void> {
    for (const pending of lane.waiting) if (pending.tick.timeoutMs !== Infinity) end(pending, refusal);
    lane.waiting = lane.waiting.filter(({ isOver }) => !isOver);
    if (lane.waiting.length > 0 && !this.#isStopped) await this.#pause();
  }

  #nextBatch(lane: Lane): Batch {
    let bytes = 0;
    let count = 0;
    const waiting = lane.waiting.filter(({ isOver }) => !isOver);
    while (count < waiting.length && (count === 0 || bytes + waiting[count]!.bytes <= this.#settings.maxMessageBytes))
      bytes += waiting[count++]!.bytes;
    lane.waiting = waiting.slice(count);
    return batchOf(lane.topic, waiting.slice(0, count));
  }

  /** Ends every record of the batch. Never rejects. */
  async #deliver(batch: Batch): Promise<void> {
    let missing = 0;
    while (batch.left > 0 && !this.#isStopped) {
      const failure = await this.#attempt(batch);
      if (failure === undefined) return;
      missing = failure.kind === 'missing' ? missing + 1 : 0;
      if (failure.kind === 'refused' || missing === MISSING_TIMES) return this.#refuse(batch, failure);
      await this.#pause();
    }
    for (const pending of batch.pending) end(pending, new DriverStoppedError(pending.pipeline));
    // A request of it may have been stored. The next one would begin with the same number, and be taken for its repetition.
    const { current } = this.#connection;
    if (current !== undefined && !this.#isStopped) this.#connection.lost(current, new Error(`No answer to ${batch.records.length} records in time.`));
  }

  async #attempt(batch: Batch): Promise<ProduceFailure | undefined> {
    let producer: KafkaProducer;
    try {
      producer = await this.#connection.use(Infinity);
    } catch (error) {
      return { kind: 'retry', error: error as Error };
    }
    const isOver = new Promise<'over'>((resolve) => (batch.onOver = () => resolve('over')));
    try {
      const sent = producer.send(batch.topic, batch.records);
      if ((await Promise.race([sent, isOver])) === 'over') {
        // Its count of records would not fit to what is sent next.
        sent.catch(() => {});
        this.#connection.lost(producer, new Error(`No answer to ${batch.records.length} records for topic "${batch.topic}".`));
        return undefined;
      }
    } catch (error) {
      const failure = producer.failureOf(error);
      if (failure.kind === 'renew') this.#connection.lost(producer, failure.error);
      return failure;
    }
    for (const pending of batch.pending) end(pending);
    return undefined;
  }

  /** One that the broker does not take must not take the others with it. */
  async #refuse({ topic, pending }: Batch, { kind, error: cause }: ProduceFailure): Promise<void> {
    if (pending.length > 1 && kind === 'refused' && !(cause instanceof JobsError)) {
      const middle = pending.length >> 1;
      for (const half of [pending.slice(0, middle), pending.slice(middle)]) await this.#deliver(batchOf(topic, half));
      return;
    }
    for (const one of pending) {
      if (!one.isOver)
        end(one, cause instanceof JobsError ? cause : new BrokerRefusedError(one.pipeline, DRIVER, `topic "${topic}": ${cause.message}`, { cause }));
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(RETRY_MS, () => {
        this.#pauses.delete(timer);
        resolve();
      });
      this.#pauses.set(timer, resolve);
    });
  }
}

/** True for what waiting does not heal. */
export function isRefusal(error: unknown): boolean {
  return error instanceof JobsConfigError;
}

function batchOf(topic: string, pending: readonly Pending[]): Batch {
  const batch: Batch = {
    topic,
    pending,
    records: pending.map(({ record }) => record),
    left: pending.filter(({ isOver }) => !isOver).length,
    onOver: undefined,
  };
  for (const one of pending) one.batch = batch;
  return batch;
}

function end(pending: Pending, error?: Error): void {
  if (pending.isOver) return;
  pending.isOver = true;
  const { tick, batch } = pending;
  if (--tick.left === 0) tick.timer?.cancel();
  if (batch !== undefined && --batch.left === 0) batch.onOver?.();
  if (error === undefined) pending.resolve();
  else pending.reject(error);
}
