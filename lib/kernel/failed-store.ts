import type { Clock } from '../contract/clock.js';
import { JobsArgumentError } from '../contract/errors.js';
import {
  ATTEMPT_HEADER,
  CRASHES_HEADER,
  DUE_AT_HEADER,
  EXPIRES_AT_HEADER,
  FIRST_AT_HEADER,
  REPLAY_OF_HEADER,
  withHeaders,
} from '../contract/job-headers.js';
import { DEFAULT_PAGE, pageSize } from '../contract/job-view.js';
import { DONE, JobRecord, type Job } from '../contract/job.js';
import type { FailedJob, FailedJobPage, FailedJobQuery, FailedJobs, ReplayOptions, ReplayResult } from '../contract/kernel-admin.js';
import type { FailedStoreSettings } from '../contract/settings.js';
import type { StateStore, StateTransaction } from '../contract/state-store.js';
import { errorOf } from '../contract/thrown.js';
import { idKey } from './id-key.js';

/** What a failed store is given. */
export interface FailedStoreOptions {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly settings: FailedStoreSettings;
  push(job: Job): Promise<unknown>;
}

/** `failed/job/<failedAt>/<id>` holds the record, `failed/id/<id>` the key of the newest record of this id. */
const JOBS = 'failed/job/';
const IDS = 'failed/id/';
const DELETED_AT_ONCE = 256;
/** Jobs that share the commits of a replay. A death between the two pushes them again at the next replay, so not too many. */
const REPLAYED_AT_ONCE = 256;
/** Digits of a time in ms: enough until the year 33658. */
const TIME_DIGITS = 15;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Jobs that will not run again unless they are replayed. Bounded by count and age. */
export class FailedStore implements FailedJobs {
  readonly #options: FailedStoreOptions;
  /** Ends the waits of replays that have a rate. */
  readonly #wakes = new Set<() => void>();
  #isStopped = false;
  #lastBound: Promise<void> = DONE;
  #nextBound: Promise<void> | undefined;

  constructor(options: FailedStoreOptions) {
    this.#options = options;
  }

  async add(job: FailedJob): Promise<void> {
    const { store, settings } = this.#options;
    const key = keyOf(job);
    const ttl = { ttlMs: settings.ageMs };
    await store.transaction(async (transaction) => {
      transaction.put(key, encode(job), ttl);
      transaction.put(IDS + idKey(job.id), encoder.encode(key), ttl);
    });
    await this.#bound();
  }

  async list(query: FailedJobQuery = {}): Promise<FailedJobPage> {
    const limit = pageSize(query.limit);
    const jobs: FailedJob[] = [];
    let last: string | undefined;
    for await (const { key, job } of this.#matching(query)) {
      if (jobs.length === limit) return { jobs, next: last! };
      jobs.push(job);
      last = key;
    }
    return { jobs };
  }

  async get(id: string): Promise<FailedJob | undefined> {
    const key = await this.#options.store.get(IDS + idKey(id));
    const value = key === undefined ? undefined : await this.#options.store.get(decoder.decode(key));
    return value === undefined ? undefined : decode(value);
  }

  async count(query: FailedJobQuery = {}): Promise<number> {
    if (Object.values(query).every((value) => value === undefined)) return this.#options.store.count(JOBS);
    let count = 0;
    for await (const _entry of this.#matching(query)) count++;
    return count;
  }

  async replay(which: string | readonly string[] | FailedJobQuery, options: ReplayOptions = {}): Promise<ReplayResult> {
    if (options.rate !== undefined && !(options.rate > 0)) {
      throw new JobsArgumentError(`rate is ${options.rate}. Give the number of jobs per second, more than 0.`);
    }
    const errors: { id: string; error: Error }[] = [];
    const jobs = await this.#select(which);
    const startedAt = this.#options.clock.monotonic();
    const atOnce = options.rate === undefined ? REPLAYED_AT_ONCE : 1;
    let replayed = 0;
    for (let start = 0; start < jobs.length; start += atOnce) {
      if (options.rate !== undefined) await this.#waitUntil(startedAt + (start * 1_000) / options.rate);
      if (this.#isStopped) break;
      replayed += await this.#replaySome(jobs.slice(start, start + atOnce), options, errors);
    }
    return { replayed, errors };
  }

  async remove(which: string | readonly string[] | FailedJobQuery): Promise<number> {
    const jobs = await this.#select(which);
    await this.#deleteAll(jobs);
    return jobs.length;
  }

  /** Ends replays that are under way. */
  stop(): void {
    this.#isStopped = true;
    for (const wake of this.#wakes) wake();
  }

  /** What is there at the call, oldest first: a job that fails again meanwhile is not taken twice. */
  async #select(which: string | readonly string[] | FailedJobQuery): Promise<FailedJob[]> {
    if (typeof which === 'string') which = [which];
    const jobs: FailedJob[] = [];
    if (isList(which)) {
      for (const id of new Set(which)) {
        const job = await this.get(id);
        if (job !== undefined) jobs.push(job);
      }
      return jobs;
    }
    for await (const { job } of this.#matching(which)) {
      jobs.push(job);
      if (which.limit !== undefined && jobs.length >= which.limit) break;
    }
    return jobs.reverse();
  }

  async *#matching(query: FailedJobQuery): AsyncIterable<{ key: string; job: FailedJob }> {
    let { after } = query;
    if (after === undefined && query.until !== undefined) after = JOBS + timeText(query.until);
    for (;;) {
      const entries = await this.#options.store.range({
        prefix: JOBS,
        reverse: true,
        limit: DEFAULT_PAGE,
        ...(after === undefined ? {} : { after }),
      });
      for (const { key, value } of entries) {
        const job = decode(value);
        if (query.since !== undefined && job.failedAt < query.since) return;
        if (isMatch(job, query)) yield { key, job };
      }
      if (entries.length < DEFAULT_PAGE) return;
      after = entries.at(-1)!.key;
    }
  }

  // All are in their queues before the first of their records goes: a death between makes a duplicate, never a loss.
  async #replaySome(jobs: readonly FailedJob[], options: ReplayOptions, errors: { id: string; error: Error }[]): Promise<number> {
    const pushes = await Promise.allSettled(jobs.map((job) => this.#options.push(replayOf(job, options))));
    const pushed: FailedJob[] = [];
    for (const [index, push] of pushes.entries()) {
      const job = jobs[index]!;
      if (push.status === 'fulfilled') pushed.push(job);
      else errors.push({ id: job.id, error: errorOf(push.reason) });
    }
    try {
      await this.#deleteAll(pushed);
      return pushed.length;
    } catch (error) {
      for (const { id } of pushed) errors.push({ id, error: errorOf(error) });
      return 0;
    }
  }

  // Many in one transaction: a durable store makes one commit of it.
  async #deleteAll(jobs: readonly FailedJob[]): Promise<void> {
    for (let start = 0; start < jobs.length; start += DELETED_AT_ONCE) {
      const some = jobs.slice(start, start + DELETED_AT_ONCE);
      await this.#options.store.transaction((transaction) => deleteIn(transaction, some));
    }
  }

  // One at a time: two that count the same surplus would remove it twice. What is added meanwhile shares the next one.
  #bound(): Promise<void> {
    this.#nextBound ??= this.#lastBound.then(() => {
      this.#nextBound = undefined;
      const bound = this.#dropOldest();
      this.#lastBound = bound.catch(() => {});
      return bound;
    });
    return this.#nextBound;
  }

  async #dropOldest(): Promise<void> {
    const { store, settings } = this.#options;
    let surplus = (await store.count(JOBS)) - settings.count;
    while (surplus > 0) {
      const oldest = await store.range({ prefix: JOBS, limit: Math.min(surplus, DELETED_AT_ONCE) });
      if (oldest.length === 0) return; // somebody else removed them
      await this.#deleteAll(oldest.map(({ value }) => decode(value)));
      surplus -= oldest.length;
    }
  }

  #waitUntil(at: number): Promise<void> {
    const { clock } = this.#options;
    const leftMs = at - clock.monotonic();
    if (leftMs <= 0 || this.#isStopped) return DONE;
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#wakes.delete(wake);
        resolve();
      };
      const timer = clock.setTimer(leftMs, wake);
      this.#wakes.add(wake);
    });
  }
}

async function deleteIn(transaction: StateTransaction, jobs: readonly FailedJob[]): Promise<void> {
  for (const job of jobs) {
    const key = keyOf(job);
    transaction.delete(key);
    const newest = await transaction.get(IDS + idKey(job.id));
    if (newest !== undefined && decoder.decode(newest) === key) transaction.delete(IDS + idKey(job.id));
  }
}

function replayOf(job: FailedJob, options: ReplayOptions): Job {
  const resets = options.resetAttempts ?? true;
  const headers = withHeaders(job.headers, {
    [REPLAY_OF_HEADER]: job.headers[REPLAY_OF_HEADER] ?? [job.id],
    [DUE_AT_HEADER]: undefined,
    [EXPIRES_AT_HEADER]: undefined,
    ...(resets ? { [ATTEMPT_HEADER]: undefined, [CRASHES_HEADER]: undefined, [FIRST_AT_HEADER]: undefined } : {}),
  });
  return new JobRecord(job.name, options.to ?? job.pipeline, job.payload, headers, job.priority, 0, false, undefined);
}

function isMatch(job: FailedJob, query: FailedJobQuery): boolean {
  return (
    (query.id === undefined || query.id === job.id) &&
    (query.name === undefined || query.name === job.name) &&
    (query.pipeline === undefined || query.pipeline === job.pipeline) &&
    (query.reason === undefined || query.reason === job.reason) &&
    (query.errorType === undefined || query.errorType === job.error.type) &&
    (query.until === undefined || job.failedAt < query.until)
  );
}

function isList(which: readonly string[] | FailedJobQuery): which is readonly string[] {
  return Array.isArray(which);
}

function keyOf(job: FailedJob): string {
  return `${JOBS}${timeText(job.failedAt)}/${idKey(job.id)}`;
}

function timeText(at: number): string {
  return String(Math.max(0, Math.trunc(at))).padStart(TIME_DIGITS, '0');
}

// JSON with bytes as base64: text in a store is readable by every tool.
function encode(job: FailedJob): Uint8Array {
  const { payload, ...rest } = job;
  const kept =
    typeof payload === 'string'
      ? { text: payload }
      : { bytes: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64') };
  return encoder.encode(JSON.stringify({ ...rest, payload: kept }));
}

function decode(value: Uint8Array): FailedJob {
  const stored = JSON.parse(decoder.decode(value)) as Omit<FailedJob, 'payload'> & { payload: { text?: string; bytes?: string } };
  const payload = stored.payload.text ?? new Uint8Array(Buffer.from(stored.payload.bytes ?? '', 'base64'));
  return { ...stored, payload, headers: Object.assign(Object.create(null) as Record<string, readonly string[]>, stored.headers) };
}
