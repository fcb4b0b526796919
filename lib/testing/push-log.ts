import { durationMs, type DurationInput } from '../contract/duration.js';
import { JobsArgumentError } from '../contract/errors.js';
import { userHeaders } from '../contract/job-headers.js';
import type { Job, JobHeaders, Payload } from '../contract/job.js';
import { JobExpectationError } from './errors.js';
import { isPayloadMatch, shownPayload } from './payload-match.js';

/** A job that the application pushed. @publicApi */
export interface PushedJob<P = unknown> {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** As a handler gets it: JSON parsed, other text and bytes as they are. */
  readonly payload: P;
  readonly headers: JobHeaders;
  /** Unit: milliseconds. */
  readonly delayMs: number;
  readonly priority: number;
  readonly autoAck: boolean;
  /** Unit: Unix milliseconds of the virtual clock. */
  readonly pushedAt: number;
}

/** What else is expected of a push. Every field narrows. @publicApi */
export interface PushExpectation {
  readonly queue?: string;
  /** Exactly this delay. Unit: seconds; also a `Date` or duration text. */
  readonly delay?: DurationInput;
  /** These headers, whatever others there are. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** How many pushes have to match. Range: 1 or more. Default: any number from 1 on. */
  readonly times?: number;
}

/** What an expectation is about: all of it has to hold. */
export interface ExpectedPush extends PushExpectation {
  readonly name: string;
  /** Absent is any payload. */
  readonly payload?: unknown;
}

const MAX_SHOWN = 20;

/** The pushes of one application, in their order. */
export class PushLog {
  #jobs: PushedJob[] = [];

  add(job: Job, pushedAt: number): void {
    const { id, name, pipeline: queue, delayMs, priority, autoAck } = job;
    this.#jobs.push({ id, name, queue, payload: decoded(job.payload), headers: userHeaders(job.headers), delayMs, priority, autoAck, pushedAt });
  }

  clear(): void {
    this.#jobs = [];
  }

  all(name?: string): PushedJob[] {
    return name === undefined ? [...this.#jobs] : this.#jobs.filter((job) => job.name === name);
  }

  /**
   * The first push that matches.
   *
   * @throws JobExpectationError when none matches, or another number than `times`.
   * @throws JobsArgumentError when `times` is less than 1.
   */
  expect(expected: ExpectedPush): PushedJob {
    const { times } = expected;
    if (times !== undefined && !(times >= 1)) throw new JobsArgumentError(`times is ${times}. Give 1 or more, or use expectNotPushed().`);
    const found = this.#matching(expected);
    const [first] = found;
    if (first !== undefined && (times === undefined || found.length === times)) return first;
    const often = times === undefined ? '' : ` exactly ${times} time${times === 1 ? '' : 's'}`;
    throw new JobExpectationError(`Expected a push of ${shownExpectation(expected)}${often}, but ${counted(found.length)}.\n${this.#shown()}`);
  }

  /** @throws JobExpectationError when one matches. */
  expectNone(expected: Omit<ExpectedPush, 'times'>): void {
    const found = this.#matching(expected);
    if (found.length === 0) return;
    throw new JobExpectationError(`Expected no push of ${shownExpectation(expected)}, but ${counted(found.length)}.\n${this.#shown()}`);
  }

  #matching(expected: ExpectedPush): PushedJob[] {
    return this.#jobs.filter((job) => isMatch(job, expected));
  }

  #shown(): string {
    if (this.#jobs.length === 0) return 'Nothing was pushed.';
    const lines = this.#jobs.slice(0, MAX_SHOWN).map((job, index) => `  ${index + 1}. ${shownJob(job)}`);
    if (this.#jobs.length > MAX_SHOWN) lines.push(`  … and ${this.#jobs.length - MAX_SHOWN} more`);
    return [`Pushed so far (${this.#jobs.length}):`, ...lines].join('\n');
  }
}

function decoded(payload: Payload): unknown {
  if (typeof payload !== 'string') return payload;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

function isMatch(job: PushedJob, { name, queue, delay, headers = {}, payload }: ExpectedPush): boolean {
  if (job.name !== name || (queue !== undefined && job.queue !== queue)) return false;
  if (delay !== undefined && durationMs(delay, 'delay', () => job.pushedAt) !== job.delayMs) return false;
  if (!Object.entries(headers).every(([header, values]) => isPayloadMatch(job.headers[header], listOf(values)))) return false;
  if (typeof payload === 'function') return (payload as (payload: unknown, job: PushedJob) => boolean)(job.payload, job);
  return payload === undefined || isPayloadMatch(job.payload, payload);
}

function listOf(values: string | readonly string[]): readonly string[] {
  return typeof values === 'string' ? [values] : values;
}

function counted(found: number): string {
  return found === 0 ? 'there was none' : `there ${found === 1 ? 'was 1' : `were ${found}`}`;
}

function shownExpectation({ name, queue, delay, headers, payload }: ExpectedPush): string {
  const parts = [`job "${name}"`];
  if (queue !== undefined) parts.push(`to queue "${queue}"`);
  if (delay !== undefined) parts.push(`delayed by ${delay instanceof Date ? `the time to ${delay.toISOString()}` : JSON.stringify(delay)}`);
  if (headers !== undefined) parts.push(`with headers ${shownPayload(headers)}`);
  if (typeof payload === 'function') parts.push('with a payload for which the given function is true');
  else if (payload !== undefined) parts.push(`with payload ${shownPayload(payload)}`);
  return parts.join(' ');
}

function shownJob({ name, queue, delayMs, headers, payload }: PushedJob): string {
  const delay = delayMs > 0 ? ` delayed by ${delayMs} ms` : '';
  const given = Object.keys(headers).length > 0 ? ` with headers ${shownPayload(headers)}` : '';
  return `"${name}" to "${queue}"${delay}${given}: ${shownPayload(payload)}`;
}
