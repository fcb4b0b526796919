import { durationMs } from '../contract/duration.js';
import { EXPIRES_AT_HEADER, MAX_ATTEMPTS_HEADER, TIMEOUT_HEADER } from '../contract/job-headers.js';
import { JobRecord, type JobHeaders, type KafkaPlace, type Payload } from '../contract/job.js';
import type { JobsApi } from '../contract/jobs-api.js';
import type { JobOptions } from './job-options.js';
import { KafkaOptions } from './kafka-options.js';
import { copyOf, sentHeaders } from './task-headers.js';

/** Options worked out once, so that a push only copies values. What depends on the moment of the push is worked out there. */
export class JobTemplate {
  readonly #id: string | undefined;
  readonly #headers: JobHeaders;
  readonly #priority: number;
  readonly #delayMs: number;
  readonly #autoAck: boolean;
  readonly #kafka: KafkaPlace | undefined;
  readonly #dueAt: Date | undefined;
  readonly #expiresIn: JobOptions['expiresIn'];

  constructor(options: JobOptions, headers: JobHeaders = options.headers) {
    this.#id = options.id;
    this.#headers = travellingHeaders(options, headers);
    this.#priority = options.priority ?? 0;
    this.#dueAt = options.delay instanceof Date ? options.delay : undefined;
    this.#delayMs = options.delay === undefined || this.#dueAt !== undefined ? 0 : durationMs(options.delay, 'delay');
    this.#autoAck = options.autoAck ?? false;
    this.#kafka = options instanceof KafkaOptions ? options.place : undefined;
    this.#expiresIn = options.expiresIn;
  }

  /** @param api - Tells what time it is, where it has a time of its own. */
  job(name: string, pipeline: string, payload: Payload, api: Pick<JobsApi, 'now'>): JobRecord {
    const headers = this.#expiresIn === undefined ? this.#headers : this.#expiring(this.#expiresIn, nowOf(api));
    const delayMs = this.#dueAt === undefined ? this.#delayMs : durationMs(this.#dueAt, 'delay', () => nowOf(api));
    return new JobRecord(name, pipeline, payload, headers, this.#priority, delayMs, this.#autoAck, this.#id, this.#kafka);
  }

  #expiring(expiresIn: NonNullable<JobOptions['expiresIn']>, now: number): JobHeaders {
    const at = Math.ceil(now + durationMs(expiresIn, 'expiresIn', () => now));
    return Object.assign(copyOf(this.#headers), { [EXPIRES_AT_HEADER]: [String(at)] });
  }
}

function nowOf(api: Pick<JobsApi, 'now'>): number {
  return api.now?.() ?? Date.now();
}

function travellingHeaders(options: JobOptions, headers: JobHeaders): JobHeaders {
  const { attempts, timeout } = options;
  const sent = sentHeaders(headers);
  if (attempts === undefined && timeout === undefined) return sent;
  const all = copyOf(sent);
  if (attempts !== undefined) all[MAX_ATTEMPTS_HEADER] = [String(attempts)];
  if (timeout !== undefined) all[TIMEOUT_HEADER] = [String(Math.ceil(durationMs(timeout, 'timeout')))];
  return all;
}
