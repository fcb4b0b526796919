import type { Outcome } from '../contract/executor.js';
import { failureOf } from '../contract/failure.js';
import { encodeOutcome } from '../wire/job-answer.js';
import { writeError, type RetryJson } from '../wire/outcome-json.js';
import type { JobRun } from './job-run.js';
import type { ReceivedJob } from './received-job.js';

/**
 * Turns what became of a job into the body of its answer. The one rule of who decides about a failed job:
 *
 * - **A kernel of this library** (it gave `NRR_WINDOW`) is told the outcome as it is, with what the handler's own policy says. It counts the
 *   attempts, waits, requeues, and keeps the failed store. The worker decides nothing: {@link OwnKernelPolicy}.
 * - **Any other kernel** knows no attempts, and takes an error without requeue for a success. There the worker applies the policy of attempts:
 *   `ForeignKernelPolicy`.
 */
export interface AnswerPolicy {
  /** A job with what is known of it beside its header. */
  counted(received: ReceivedJob): ReceivedJob;
  /** What is wrong with the job before it runs: its outcome; `undefined` lets it run. */
  refuse(run: JobRun): Outcome | undefined;
  /** May take time where the job has to be put elsewhere first. */
  answer(run: JobRun, outcome: Outcome): Uint8Array | Promise<Uint8Array>;
}

/** For a kernel of this library: it decides. */
export class OwnKernelPolicy implements AnswerPolicy {
  counted(received: ReceivedJob): ReceivedJob {
    return received;
  }

  refuse(): undefined {
    return undefined;
  }

  answer(run: JobRun, outcome: Outcome): Uint8Array {
    return encodeOutcome(outcome, outcome.kind === 'failed' || outcome.kind === 'rejected' ? retryOf(run) : undefined);
  }
}

// A function does not travel: its answer for this run does.
function retryOf({ retry, attempt }: JobRun): RetryJson | undefined {
  if (retry === undefined) return undefined;
  const { attempts, backoff, onFailure } = retry;
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(backoff === undefined ? {} : delayOf(backoff, attempt)),
    ...(onFailure === undefined ? {} : { onFailure }),
  };
}

// Whether the job needs the delay at all is the kernel's to know.
function delayOf(backoff: (attempt: number) => number, attempt: number): Pick<RetryJson, 'delayMs' | 'backoffError'> {
  try {
    return { delayMs: backoff(attempt) };
  } catch (error) {
    return { backoffError: writeError(failureOf(error)) };
  }
}
