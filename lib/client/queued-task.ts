import { isReservedHeader, userHeaders } from '../contract/job-headers.js';
import type { Job, JobHeaders, KafkaPlace, Payload } from '../contract/job.js';
import { headerOf } from './task-headers.js';
import { uuidBytes } from './uuid.js';

/** A job that was pushed. @publicApi */
export class QueuedTask {
  readonly #job: Job;
  /** The id of the unfinished job that took its place, where a unique key found one. */
  readonly deduplicatedBy: string | undefined;

  constructor(job: Job, deduplicatedBy?: string) {
    this.#job = job;
    this.deduplicatedBy = deduplicatedBy;
  }

  /** A UUID, unless the push gave another id. */
  get id(): string {
    return this.#job.id;
  }

  /** The 16 bytes of the id; `undefined` when it is no UUID. */
  get idBytes(): Uint8Array | undefined {
    return uuidBytes(this.#job.id);
  }

  get name(): string {
    return this.#job.name;
  }

  /** The name of its queue. */
  get pipeline(): string {
    return this.#job.pipeline;
  }

  /** As it was stored. */
  get payload(): Payload {
    return this.#job.payload;
  }

  /** Where in Kafka it was sent to. */
  get kafka(): KafkaPlace | undefined {
    return this.#job.kafka;
  }

  get headers(): JobHeaders {
    return userHeaders(this.#job.headers);
  }

  /** True when there is at least one value. */
  hasHeader(name: string): boolean {
    return this.header(name).length > 0;
  }

  /** The values in order; empty when there is none. */
  header(name: string): readonly string[] {
    return isReservedHeader(name) ? [] : headerOf(this.#job.headers, name);
  }

  /** The values joined by `,` without a space; empty when there is none. */
  headerLine(name: string): string {
    return this.header(name).join(',');
  }

  toJSON(): { readonly id: string; readonly name: string; readonly pipeline: string } {
    return { id: this.id, name: this.name, pipeline: this.pipeline };
  }
}
