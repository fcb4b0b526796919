import { durationMs, type DurationInput } from '../contract/duration.js';
import { JobsArgumentError } from '../contract/errors.js';
import { NO_HEADERS, type JobHeaders } from '../contract/job.js';
import { shown } from '../contract/shown.js';
import { checkedFlag, checkedInteger, checkedName } from './checks.js';
import { addHeader, headerOf, headersFrom, removeHeader, setHeader, type HeaderInput, type HeaderValue, type TaskHeaders } from './task-headers.js';

/** Options of a push. Any object with these keys will do; others are not looked at. @publicApi */
export interface JobOptionsInput {
  /** The id of the job, for a push that may have to be repeated. Range: 1 to 255 bytes. Default: a new UUID. */
  readonly id?: string | undefined;
  /** Before the job may run. Unit: seconds; also a `Date` or duration text such as `'42m'`. Range: 0 or more. Default: `0`. */
  readonly delay?: DurationInput | undefined;
  /** Lower runs earlier. Range: whole numbers, 0 or more; 0 means the pipeline's. Default: `0`. */
  readonly priority?: number | undefined;
  /** Acknowledged when it is handed out: at most once instead of at least once. Default: `false`. */
  readonly autoAck?: boolean | undefined;
  /** At most 100 names and 64 KiB in all. Names that begin with `nrr-` are reserved. */
  readonly headers?: HeaderInput | undefined;
  /** How many runs the job may have in all; wins over handler and queue. Range: 1 or more. */
  readonly attempts?: number | undefined;
  /** The longest run; wins over the handler's. Unit: seconds, or duration text. Range: more than 0. */
  readonly timeout?: number | string | undefined;
  /** Not to be started later than that after the push. Unit: seconds; also a `Date` or duration text. Range: 0 or more. */
  readonly expiresIn?: DurationInput | undefined;
}

/**
 * Options of a push that can be kept, changed by copy and merged. What was not given is `undefined`.
 *
 * @publicApi
 */
export class JobOptions implements JobOptionsInput, TaskHeaders<JobOptions> {
  /** Nothing given: no delay, the pipeline's priority, acknowledged by the handler. */
  static readonly defaults: JobOptions = new JobOptions();

  readonly id: string | undefined;
  readonly delay: DurationInput | undefined;
  readonly priority: number | undefined;
  readonly autoAck: boolean | undefined;
  readonly headers: JobHeaders;
  readonly attempts: number | undefined;
  readonly timeout: number | string | undefined;
  readonly expiresIn: DurationInput | undefined;

  /** @throws JobsArgumentError when a value cannot be used; it names the option. */
  constructor(input: JobOptionsInput = {}) {
    if (typeof input !== 'object' || input === null) throw new JobsArgumentError(`options is ${shown(input)}. Give an object such as { delay: 10 }.`);
    this.id = input.id === undefined ? undefined : checkedName(input.id, 'id');
    this.delay = checkedDuration(input.delay, 'delay');
    this.priority = input.priority === undefined ? undefined : checkedInteger(input.priority, 'priority', 0);
    this.autoAck = input.autoAck === undefined ? undefined : checkedFlag(input.autoAck, 'autoAck');
    this.headers = headersFrom(input.headers);
    this.attempts = input.attempts === undefined ? undefined : checkedInteger(input.attempts, 'attempts', 1);
    this.timeout = checkedTimeout(input.timeout);
    this.expiresIn = checkedDuration(input.expiresIn, 'expiresIn');
    if (new.target === JobOptions) Object.freeze(this);
  }

  /** A copy of what any object gives, headers included. What belongs to one broker only is left behind. */
  static from(options: JobOptionsInput): JobOptions {
    return new JobOptions(options);
  }

  withId(id: string): this {
    return this.with({ id });
  }

  /** @param delay - Unit: seconds; also a `Date` or duration text. */
  withDelay(delay: DurationInput): this {
    return this.with({ delay });
  }

  withPriority(priority: number): this {
    return this.with({ priority });
  }

  withAutoAck(autoAck = true): this {
    return this.with({ autoAck });
  }

  withAttempts(attempts: number): this {
    return this.with({ attempts });
  }

  /** @param timeout - Unit: seconds, or duration text. */
  withTimeout(timeout: number | string): this {
    return this.with({ timeout });
  }

  /** @param expiresIn - Unit: seconds; also a `Date` or duration text. */
  withExpiresIn(expiresIn: DurationInput): this {
    return this.with({ expiresIn });
  }

  hasHeader(name: string): boolean {
    return this.header(name).length > 0;
  }

  header(name: string): readonly string[] {
    return headerOf(this.headers, name);
  }

  headerLine(name: string): string {
    return this.header(name).join(',');
  }

  withHeader(name: string, value: HeaderValue): this {
    return this.with({ headers: setHeader(this.headers, name, value) });
  }

  withAddedHeader(name: string, value: HeaderValue): this {
    return this.with({ headers: addHeader(this.headers, name, value) });
  }

  withoutHeader(name: string): this {
    const headers = removeHeader(this.headers, name);
    return headers === this.headers ? this : this.with({ headers });
  }

  /**
   * What `other` gives, over this; a given 0 or `false` counts. Headers are taken over as a whole, unless there are none.
   *
   * @throws JobsArgumentError when `other` is a plain object with a topic: make it `KafkaOptions` first.
   */
  merge(other: JobOptionsInput): JobOptions {
    if (other instanceof JobOptions) return other.over(this);
    if ((other as { topic?: unknown }).topic !== undefined) {
      throw new JobsArgumentError('Options with a topic cannot be merged as a plain object. Give new KafkaOptions({ topic, … }) to merge().');
    }
    return new JobOptions(other).over(this);
  }

  /** By the names of RoadRunner's wire. Unit of `delay`: whole seconds, rounded up. Headers are not included. */
  toJSON(): Record<string, unknown> {
    return {
      priority: this.priority ?? 0,
      delay: this.delay === undefined ? 0 : Math.ceil(durationMs(this.delay, 'delay') / 1_000),
      auto_ack: this.autoAck ?? false,
    };
  }

  /** These options over `base`. */
  protected over(base: JobOptions): JobOptions {
    if (base === JobOptions.defaults) return this;
    if (this === JobOptions.defaults) return base;
    return base.with(givenOf(this));
  }

  protected with(changes: JobOptionsInput): this {
    const Options = this.constructor as new (input: object) => this;
    return new Options(Object.assign({}, this, changes));
  }
}

/** Only what was given. */
export function givenOf(options: JobOptions): JobOptionsInput {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== NO_HEADERS));
}

// Kept as given: a Date is a moment, and how far away it is shows at the push.
function checkedDuration(value: DurationInput | undefined, what: string): DurationInput | undefined {
  if (value === undefined) return undefined;
  durationMs(value, what);
  return value instanceof Date ? new Date(value) : value;
}

function checkedTimeout(value: number | string | undefined): number | string | undefined {
  if (value === undefined) return undefined;
  if ((value as unknown) instanceof Date || durationMs(value, 'timeout') === 0) {
    throw new JobsArgumentError(`timeout is ${shown(value)}. Give seconds or a duration text of more than 0, or leave it out for no limit.`);
  }
  return value;
}
