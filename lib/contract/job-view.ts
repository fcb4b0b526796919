import { userHeaders } from './job-headers.js';
import type { Job } from './job.js';
import type { JobQuery, JobState, JobView } from './kernel-admin.js';

/** Jobs of a page whose query names no `limit`. */
export const DEFAULT_PAGE = 100;

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
