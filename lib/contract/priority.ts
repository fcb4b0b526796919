import type { Job } from './job.js';

/**
 * Where a job's priority is decided: its own, or the pipeline's when it has none. Lower runs earlier.
 * RoadRunner's wire cannot say 0 either, so 0 means "none" everywhere.
 */
export function priorityOf(job: Job, pipelinePriority: number): number {
  return job.priority === 0 ? pipelinePriority : job.priority;
}
