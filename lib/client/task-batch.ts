import { JobsArgumentError } from '../contract/errors.js';
import type { Job } from '../contract/job.js';
import { ACCEPTED, type JobsApi } from '../contract/jobs-api.js';
import { PushBatchError } from '../contract/pipeline-errors.js';
import { shown } from '../contract/shown.js';
import { PreparedTask } from './prepared-task.js';
import { QueuedTask } from './queued-task.js';

/** Tasks one by one, or one iterable of them. @publicApi */
export type TaskList = readonly PreparedTask[] | readonly [Iterable<PreparedTask>];

// No `async` on the push path: the promise that is returned is the only one.
export function pushJob(api: JobsApi, job: Job): Promise<QueuedTask> {
  const accepted = api.push(job);
  if (accepted === ACCEPTED) return Promise.resolve(new QueuedTask(job));
  return accepted.then((receipt) => new QueuedTask(job, receipt.deduplicatedBy));
}

/** @throws PushBatchError when not all were stored. */
export async function pushJobs(api: JobsApi, jobs: readonly Job[]): Promise<QueuedTask[]> {
  if (jobs.length === 0) return [];
  const outcomes = await api.pushMany(jobs);
  const tasks: QueuedTask[] = [];
  for (const [at, job] of jobs.entries()) {
    const outcome = outcomes[at];
    if (outcome?.ok) tasks.push(new QueuedTask(job, outcome.receipt.deduplicatedBy));
  }
  if (tasks.length < jobs.length) throw new PushBatchError(outcomes);
  return tasks;
}

/** @throws JobsArgumentError when something else is among them. */
export function tasksOf(list: TaskList): PreparedTask[] {
  const [first] = list;
  const tasks: unknown[] = list.length === 1 && isIterable(first) ? [...first] : [...list];
  return tasks.map(checkedTask);
}

/** @throws JobsArgumentError when it is none. */
export function checkedTask(task: unknown): PreparedTask {
  if (task instanceof PreparedTask) return task;
  throw new JobsArgumentError(`A task is ${shown(task)}. Make it with queue.create(name, payload), or use push(name, payload).`);
}

function isIterable(value: unknown): value is Iterable<PreparedTask> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}
