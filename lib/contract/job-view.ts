import { JobsArgumentError } from './errors.js';
import { userHeaders } from './job-headers.js';
import type { Job } from './job.js';
import type { JobQuery, JobState, JobView } from './kernel-admin.js';

/** Jobs of a page whose query names no `limit`. */
export const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
const PLACE = /^\d{1,15}$/;

/** @throws JobsArgumentError when it is no number of jobs that a page may have. */
export function pageSize(limit: number | undefined): number {
  if (limit === undefined) return DEFAULT_PAGE;
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit;
  throw new JobsArgumentError(`limit is ${limit}. Give a whole number from 1 to ${MAX_PAGE}.`);
}

/** Where the page begins, of a driver that counts jobs. @throws JobsArgumentError when it is no `next` of such a page. */
export function pagePlace(after = '0'): number {
  if (PLACE.test(after)) return Number(after);
  throw new JobsArgumentError(`A page cannot begin after ${JSON.stringify(after)}. Give the "next" of the page before it.`);
}

/** The job as the administration shows it. */
export function viewOf(job: Job, state: JobState): JobView {
  const { id, name, pipeline, priority, payload } = job;
  return { id, name, pipeline, state, priority, headers: userHeaders(job.headers), payload };
}

/** True when the query asks for such a job; what it leaves out is no condition. */
export function isAskedFor(job: Pick<Job, 'id' | 'name'>, state: JobState, query: JobQuery): boolean {
  return (
    (query.id === undefined || query.id === job.id) &&
    (query.name === undefined || query.name === job.name) &&
    (query.state === undefined || query.state === state)
  );
}
