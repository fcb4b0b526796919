import { ReceivedTask } from '../client/received-task.js';
import type { JobControl } from '../contract/executor.js';
import { FIRST_AT_HEADER, numberHeader, REPLAY_OF_HEADER } from '../contract/job-headers.js';
import type { Job } from '../contract/job.js';
import type { JobsLogger } from '../contract/logger.js';

/** What becomes of the payload before a handler sees it. `json`: parsed; what is no JSON stays text. `raw`: the bytes. @publicApi */
export type PayloadCodec = 'json' | 'raw';

/** A logger that adds id, name, queue and attempt of the job to every line. It is a Nest `LoggerService`. @publicApi */
export interface JobContextLogger {
  log(message: string, ...details: unknown[]): void;
  error(message: string, ...details: unknown[]): void;
  warn(message: string, ...details: unknown[]): void;
  debug(message: string, ...details: unknown[]): void;
  verbose(message: string, ...details: unknown[]): void;
}

/** A class whose objects travel as payloads. @publicApi */
export interface PayloadClass<T = object> {
  readonly prototype: T;
  readonly name: string;
}

/** What a context needs of the handler it is made for. */
export interface JobContextOptions {
  readonly codec: PayloadCodec;
  readonly logger: JobsLogger;
  /** Objects of this class are made of the payload. */
  readonly payloadClass?: PayloadClass | undefined;
}

const NOTHING = Symbol('nothing');

/**
 * A job in the hands of its handler: the task, and what the kernel knows of this run.
 *
 * @publicApi
 */
export class JobContext extends ReceivedTask {
  declare protected readonly control: JobControl;
  readonly #options: JobContextOptions;
  #value: unknown = NOTHING;

  constructor(job: Job, control: JobControl, options: JobContextOptions) {
    super(job, control);
    this.#options = options;
  }

  /** Runs of this job, this one included. Range: 1 or more. */
  get attempt(): number {
    return this.control.attempt;
  }

  /** Aborts at the time-out, at a cancel and when the application stops; `signal.reason` is the error that says which. */
  get signal(): AbortSignal {
    return this.control.signal;
  }

  /** The wall time of the first failure; `undefined` while there was none. Unit: Unix milliseconds. */
  get firstFailedAt(): number | undefined {
    return numberHeader(this.job.headers, FIRST_AT_HEADER);
  }

  /** The id of the failed job of which this one is a replay. */
  get replayOf(): string | undefined {
    return this.job.headers[REPLAY_OF_HEADER]?.[0];
  }

  get logger(): JobContextLogger {
    const { logger } = this.#options;
    const facts = (details: readonly unknown[]): Readonly<Record<string, unknown>> => ({
      id: this.id,
      job: this.name,
      queue: this.pipeline,
      attempt: this.attempt,
      ...(details.length === 0 ? {} : { details }),
    });
    return {
      log: (message, ...details) => logger.info(message, facts(details)),
      error: (message, ...details) => logger.error(message, facts(details)),
      warn: (message, ...details) => logger.warn(message, facts(details)),
      debug: (message, ...details) => logger.debug(message, facts(details)),
      verbose: (message, ...details) => logger.debug(message, facts(details)),
    };
  }

  /** Tells whoever listens how far the job is: a number, or any value. */
  progress(value: unknown): void {
    this.control.progress(value);
  }

  /** The payload as the handler's codec gives it: parsed JSON, text that is no JSON, or bytes. Made once. */
  value(): unknown {
    if (this.#value === NOTHING) this.#value = this.#decode();
    return this.#value;
  }

  /** What `value()` answers from here on: a schema may have changed the payload. */
  replaceValue(value: unknown): void {
    this.#value = value;
  }

  /** The payload as an object of `Class`, made without running its constructor. */
  payloadAs<T extends object>(Class: PayloadClass<T>): T {
    return objectOf(Class, this.json());
  }

  protected override copy(): this {
    const Context = this.constructor as new (job: Job, control: JobControl, options: JobContextOptions) => this;
    return new Context(this.job, this.control, this.#options);
  }

  #decode(): unknown {
    const { codec, payloadClass } = this.#options;
    if (codec === 'raw') return this.payload;
    if (payloadClass !== undefined) return this.payloadAs(payloadClass);
    const text = this.text();
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
}

// Defined, not assigned: a key `__proto__` of a foreign payload is data.
function objectOf<T extends object>(Class: PayloadClass<T>, value: unknown): T {
  const object = Object.create(Class.prototype) as T;
  if (typeof value !== 'object' || value === null) return object;
  for (const key of Object.keys(value)) {
    Object.defineProperty(object, key, { value: (value as Record<string, unknown>)[key], writable: true, enumerable: true, configurable: true });
  }
  return object;
}
