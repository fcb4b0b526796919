import { DEFAULT_PAGE, isAskedFor, pagePlace, viewOf } from '../../contract/job-view.js';
import type { JobRecord } from '../../contract/job.js';
import type { JobPage, JobQuery, JobView } from '../../contract/kernel-admin.js';
import type { LmdbDatabase } from '../../files/lmdb-file.js';
import type { EmbeddedDelivery } from './delivery.js';
import { keyAfter, majorOf, Region, regionOf, sequenceOf } from './key.js';
import { crashesOf, decodeRecord } from './record.js';

/** A job that waits in the file. */
export interface WaitingEntry {
  readonly key: Buffer;
  readonly record: JobRecord;
  readonly crashes: number;
}

/** Where jobs wait: in the file from these places on, and given back in memory. */
export interface WaitingPlaces {
  readonly database: LmdbDatabase;
  readonly pipeline: string;
  readonly returned: Iterable<EmbeddedDelivery>;
  readonly ranges: Iterable<{ readonly start: Buffer; readonly end: Buffer }>;
  /** Its removal is on its way to the disk. */
  isLeaving(key: Buffer): boolean;
}

/** The waiting jobs that match, in the order of delivery. Damaged records are passed over. */
export function* waitingEntries(places: WaitingPlaces, query: JobQuery): Iterable<WaitingEntry> {
  for (const { job, key, starts } of places.returned) {
    const entry = { key, record: job as JobRecord, crashes: starts };
    if (isAskedFor(entry.record, stateOf(entry.key), query)) yield entry;
  }
  for (const range of places.ranges) {
    for (const { key, value } of places.database.getRange(range)) {
      const entry = places.isLeaving(key) ? undefined : entryOf(key, Buffer.from(value), places.pipeline);
      if (entry !== undefined && isAskedFor(entry.record, stateOf(entry.key), query)) yield entry;
    }
  }
}

/** What a part of a scan has found. */
export interface ScannedPart {
  readonly keys: readonly Buffer[];
  /** The last key that was looked at; undefined at the end. */
  readonly mark: Buffer | undefined;
}

/** Keys of waiting jobs of the file that match, among the next `limit` behind `mark`, without jobs that were pushed after `lastSequence`. */
export function scanFile(
  { database, pipeline, ranges, isLeaving }: WaitingPlaces,
  query: JobQuery,
  { mark, lastSequence, limit }: { readonly mark: Buffer | undefined; readonly lastSequence: number; readonly limit: number },
): ScannedPart {
  const keys: Buffer[] = [];
  const from = mark === undefined ? undefined : keyAfter(mark);
  let looked = 0;
  database.resetReadTxn();
  // The ranges are in the order of their keys, and what was lent meanwhile is before them.
  for (const { start, end } of ranges) {
    const isPast = from !== undefined && Buffer.compare(from, end) >= 0;
    if (isPast) continue;
    const next = from !== undefined && Buffer.compare(from, start) > 0 ? from : start;
    for (const { key, value } of database.getRange({ start: next, end })) {
      const entry = sequenceOf(key) > lastSequence || isLeaving(key) ? undefined : entryOf(key, Buffer.from(value), pipeline);
      if (entry !== undefined && isAskedFor(entry.record, stateOf(entry.key), query)) keys.push(key);
      if (++looked === limit) return { keys, mark: key };
    }
  }
  return { keys, mark: undefined };
}

/** Keys of matching jobs that were given back and wait in memory. */
export function scanMemory({ returned }: WaitingPlaces, query: JobQuery): Buffer[] {
  return [...returned].filter(({ job, key }) => isAskedFor(job, stateOf(key), query)).map(({ key }) => key);
}

export function browsePage(places: WaitingPlaces, query: JobQuery): JobPage {
  const limit = query.limit ?? DEFAULT_PAGE;
  const skipped = pagePlace(query.after);
  const jobs: JobView[] = [];
  let position = 0;
  for (const entry of waitingEntries(places, query)) {
    if (position++ < skipped) continue;
    if (jobs.length === limit) return { jobs, next: String(skipped + limit) };
    jobs.push(viewOfEntry(entry));
  }
  return { jobs };
}

function entryOf(key: Buffer, value: Buffer, pipeline: string): WaitingEntry | undefined {
  try {
    return { key, record: decodeRecord(value, pipeline), crashes: crashesOf(value) };
  } catch {
    return undefined;
  }
}

function viewOfEntry({ key, record, crashes }: WaitingEntry): JobView {
  return {
    ...viewOf(record, stateOf(key)),
    ...(regionOf(key) === Region.delayed ? { dueAt: majorOf(key) } : {}),
    ...(crashes === 0 ? {} : { crashes }),
  };
}

function stateOf(key: Buffer): 'waiting' | 'delayed' {
  return regionOf(key) === Region.delayed ? 'delayed' : 'waiting';
}
