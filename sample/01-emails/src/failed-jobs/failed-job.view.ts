import type { FailedJob } from 'nestjs-roadrunner';
import type { Recipient } from '../emails/email-jobs.js';

/** A failed job as the API shows it. */
export interface FailedJobView {
  readonly id: string;
  readonly job: string;
  readonly to: string;
  readonly attempts: number;
  readonly error: string;
  readonly failedAt: string;
}

export function viewOf({ id, name, payload, attempts, error, failedAt }: FailedJob): FailedJobView {
  return { id, job: name, to: recipientOf(payload).email, attempts, error: error.message, failedAt: new Date(failedAt).toISOString() };
}

function recipientOf(payload: FailedJob['payload']): Recipient {
  return JSON.parse(typeof payload === 'string' ? payload : new TextDecoder().decode(payload)) as Recipient;
}
