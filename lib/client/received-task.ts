import { durationMs, type DurationInput } from '../contract/duration.js';
import { DONE_OUTCOME, type Outcome } from '../contract/executor.js';
import { failureOf } from '../contract/failure.js';
import { JobAlreadySettledError } from '../contract/job-errors.js';
import { isReservedHeader, userHeaders } from '../contract/job-headers.js';
import { DONE, type Done, type Job, type JobHeaders, type KafkaPlace } from '../contract/job.js';
import { bytesOf, jsonOf, textOf } from './payload-codec.js';
import { rejection } from './rejection.js';
import {
  addHeader,
  headerOf,
  headersFrom,
  putOver,
  removeHeader,
  setHeader,
  withReservedOf,
  type HeaderInput,
  type HeaderValue,
  type TaskHeaders,
} from './task-headers.js';
import { uuidBytes } from './uuid.js';

/** What a task needs of the run it belongs to. */
export interface TaskControl {
  /** True when the job has been settled, by whomever. */
  readonly isSettled: boolean;
  /** The driver the job came through. */
  readonly driver: string;
  /** The broker's name of the queue it came from. */
  readonly queue: string;
  /** The promise, if any, is the driver's. */
  settle(outcome: Outcome): Done;
}

/** @publicApi */
export interface FailOptions {
  /** True puts the job back instead of ending it. Default: `false`. */
  readonly requeue?: boolean;
}

/** @publicApi */
export interface NackOptions {
  /** True asks the broker to deliver the job again. Default: `false`. */
  readonly redelivery?: boolean;
  /** Before it is delivered again. Unit: seconds; also a `Date` or duration text. Default: that of `withDelay()`, else 0. */
  readonly delay?: DurationInput;
}

/** @publicApi */
export interface RequeueOptions {
  /** Before it is delivered again. Unit: seconds; also a `Date` or duration text. Default: that of `withDelay()`, else 0. */
  readonly delay?: DurationInput;
  /** Put over the headers of the task, name by name. */
  readonly headers?: HeaderInput;
}

/** What copies made by `with…()` change. */
interface TaskChanges {
  readonly headers: JobHeaders | undefined;
  readonly delayMs: number;
}

/** What a task and its copies have in common. */
interface SharedState {
  bytes: Uint8Array | undefined;
  settledAs: Outcome['kind'] | undefined;
}

/**
 * A job in the hands of its handler, to be settled once. Copies made by `with…()` settle the same job: what one of them
 * has settled is settled for all. The promise of a settle call resolves when the driver has taken it.
 *
 * @publicApi
 */
export class ReceivedTask implements TaskHeaders<ReceivedTask> {
  // Made once per job: two references and two fields that stay undefined unless something is asked for.
  #changes: TaskChanges | undefined = undefined;
  #shared: SharedState | undefined = undefined;

  constructor(
    protected readonly job: Job,
    protected readonly control: TaskControl,
  ) {}

  /** Chosen by the producer: a UUID unless it said otherwise. */
  get id(): string {
    return this.job.id;
  }

  /** The 16 bytes of the id; `undefined` when it is no UUID. */
  get idBytes(): Uint8Array | undefined {
    return uuidBytes(this.job.id);
  }

  get name(): string {
    return this.job.name;
  }

  /** The name of the pipeline, as producers call their queue. */
  get pipeline(): string {
    return this.job.pipeline;
  }

  /** The broker's name of the queue; for Kafka the topic. */
  get queue(): string {
    return this.control.queue;
  }

  /** The driver it came through: one of {@link Driver}, or that of a newer kernel. */
  get driver(): string {
    return this.control.driver;
  }

  /** Where a Kafka job came from. */
  get kafka(): KafkaPlace | undefined {
    return this.job.kafka;
  }

  /** The bytes. Text of this process is encoded at the first read. */
  get payload(): Uint8Array {
    const { payload } = this.job;
    if (typeof payload !== 'string') return payload;
    return (this.#share().bytes ??= bytesOf(payload));
  }

  /** The payload as text. Bytes that are no UTF-8 become U+FFFD. */
  text(): string {
    return textOf(this.job.payload);
  }

  /**
   * The payload parsed as JSON, anew at every call. The type is a claim, not a check.
   *
   * @throws JobValidationError when it is no JSON.
   */
  json<T = unknown>(): T {
    return jsonOf(this.job.name, this.job.payload) as T;
  }

  get headers(): JobHeaders {
    return this.#changes?.headers ?? userHeaders(this.job.headers);
  }

  hasHeader(name: string): boolean {
    return this.header(name).length > 0;
  }

  header(name: string): readonly string[] {
    return isReservedHeader(name) ? [] : headerOf(this.#changes?.headers ?? this.job.headers, name);
  }

  headerLine(name: string): string {
    return this.header(name).join(',');
  }

  withHeader(name: string, value: HeaderValue): this {
    return this.#derive({ headers: setHeader(this.headers, name, value), delayMs: this.#delayMs() });
  }

  withAddedHeader(name: string, value: HeaderValue): this {
    return this.#derive({ headers: addHeader(this.headers, name, value), delayMs: this.#delayMs() });
  }

  withoutHeader(name: string): this {
    const { headers } = this;
    const changed = removeHeader(headers, name);
    return changed === headers ? this : this.#derive({ headers: changed, delayMs: this.#delayMs() });
  }

  /**
   * A copy that waits before it is delivered again, should it be put back.
   *
   * @param delay - Unit: seconds, 0 or more; also a `Date` or duration text such as `'42m'`.
   * @throws JobsArgumentError when it is negative or no duration.
   */
  withDelay(delay: DurationInput): this {
    return this.#derive({ headers: this.#changes?.headers, delayMs: durationMs(delay, 'delay') });
  }

  /** True when the job has been settled: by this task, a copy of it, or the kernel. */
  get isCompleted(): boolean {
    return this.#shared?.settledAs !== undefined || this.control.isSettled;
  }

  /** True when this task or a copy of it has acknowledged the job. */
  get isSuccessful(): boolean {
    return this.#shared?.settledAs === 'done';
  }

  /** True when this task or a copy of it has failed, refused or requeued the job. */
  get isFailed(): boolean {
    const settledAs = this.#shared?.settledAs;
    return settledAs !== undefined && settledAs !== 'done';
  }

  /** The same as {@link isFailed}, by the name of RoadRunner's PHP client. */
  get isFails(): boolean {
    return this.isFailed;
  }

  /**
   * The job is done.
   *
   * @throws JobAlreadySettledError (as a rejection) when the job is settled.
   */
  ack(): Promise<void> {
    return this.#settle(() => DONE_OUTCOME);
  }

  /** The same as {@link ack}. */
  complete(): Promise<void> {
    return this.ack();
  }

  /**
   * The job failed for good: no attempt is left to it. With `requeue` it goes back with the headers and the delay of
   * this task and spends no attempt.
   *
   * @throws JobAlreadySettledError (as a rejection) when the job is settled.
   */
  fail(error: unknown, options: FailOptions | boolean = false): Promise<void> {
    const requeue = typeof options === 'boolean' ? options : options.requeue === true;
    if (requeue) return this.requeue(error);
    return this.#settle(() => ({ kind: 'rejected', error: failureOf(error) }));
  }

  /**
   * The broker is told that the job was not handled. Its headers stay as they were.
   *
   * @throws JobAlreadySettledError (as a rejection) when the job is settled.
   */
  nack(message: unknown, options: NackOptions = {}): Promise<void> {
    return this.#settle(() => ({
      kind: 'nacked',
      requeue: options.redelivery === true,
      delayMs: this.#delayMs(options.delay),
      reason: failureOf(message).message,
    }));
  }

  /**
   * The job goes back with the headers and the delay of this task. It spends no attempt.
   *
   * @throws JobAlreadySettledError (as a rejection) when the job is settled.
   * @throws JobsArgumentError (as a rejection) when an option cannot be used; the job is not settled then.
   */
  requeue(message: unknown, options: RequeueOptions = {}): Promise<void> {
    return this.#settle(() => ({
      kind: 'requeue',
      headers: this.#requeuedHeaders(options.headers),
      delayMs: this.#delayMs(options.delay),
      reason: failureOf(message).message,
      spendsAttempt: false,
    }));
  }

  /**
   * A task of the same class on the same job. A subclass with another constructor overrides it; headers, delay and
   * the state of settlement are carried over by the caller.
   */
  protected copy(): this {
    const Task = this.constructor as new (job: Job, control: TaskControl) => this;
    return new Task(this.job, this.control);
  }

  #derive(changes: TaskChanges): this {
    const copy = this.copy();
    copy.#changes = changes;
    copy.#shared = this.#share();
    return copy;
  }

  #share(): SharedState {
    return (this.#shared ??= { bytes: undefined, settledAs: undefined });
  }

  #delayMs(delay?: DurationInput): number {
    return delay === undefined ? (this.#changes?.delayMs ?? 0) : durationMs(delay, 'delay');
  }

  #requeuedHeaders(input: HeaderInput | undefined): JobHeaders {
    if (input === undefined && this.#changes?.headers === undefined) return this.job.headers;
    return withReservedOf(this.job.headers, putOver(this.headers, headersFrom(input)));
  }

  // Hands on the driver's own promise: the kernel watches it, so a rejection that the handler does not await ends no process.
  #settle(outcomeOf: () => Outcome): Promise<void> {
    if (this.isCompleted) return this.#refuse();
    try {
      const outcome = outcomeOf();
      const done = this.control.settle(outcome);
      this.#share().settledAs = outcome.kind;
      return done ?? DONE;
    } catch (error) {
      return rejection(error);
    }
  }

  #refuse(): Promise<void> {
    const refused = Promise.reject<void>(new JobAlreadySettledError(this.job.id, this.job.name));
    // The kernel came first (a time-out, a lost lease): nobody's mistake, so it must not end the process when nobody awaits it.
    if (this.#shared?.settledAs === undefined) refused.catch(() => {});
    return refused;
  }
}
