import type { OnFailure } from '../contract/retry-policy.js';
import type { ReceivedJob } from './received-job.js';

// Where drivers of RoadRunner 2025 do otherwise than the words of an answer say. Read in the sources of boltdb 5.1.9, beanstalk 5.1.9, nats 5.1.9,
// sqs 5.1.9, kafka 5.2.5 and google-pub-sub 5.1.9.
//
//   REQUEUE, its headers           beanstalk, boltdb and nats store none: those of the answer are lost
//   NACK with requeue              beanstalk stores a copy and keeps the original, which runs again after its TTR
//   NACK without requeue           boltdb puts the job back; kafka leaves its offset open, so that a restart delivers it again; sqs stores a copy
//                                  unless `retain_failed_jobs` leaves it to the redrive policy; google_pub_sub delivers it again, to the dead letter
//                                  topic in the end if there is one

const WITHOUT_HEADERS: ReadonlySet<string> = new Set(['beanstalk', 'boltdb', 'nats']);
const WITHOUT_DEAD_LETTERS: ReadonlySet<string> = new Set(['boltdb', 'kafka']);
const BACK_UNLESS_CONFIGURED: ReadonlySet<string> = new Set(['sqs', 'google_pub_sub']);

/** True where NACK with requeue makes a second job of one; REQUEUE without headers says the same there. */
export function doublesAtNack(driver: string): boolean {
  return driver === 'beanstalk';
}

/** True where a job that was refused for good would run again. `broker` means that the broker is set up for it, where it can be. */
export function returnsRefused(driver: string, onFailure: OnFailure): boolean {
  return WITHOUT_DEAD_LETTERS.has(driver) || (BACK_UNLESS_CONFIGURED.has(driver) && onFailure !== 'broker');
}

/** Jobs that have failed and not come back yet; the oldest is forgotten. */
const MOST_REMEMBERED = 10_000;

/** Counts the failed runs in this process, where no header comes back with a job. */
export class FailureCounts {
  readonly #counts = new Map<string, number>();

  /** The job with the number of its run as far as this process knows it. */
  counted(received: ReceivedJob): ReceivedJob {
    const failures = this.#counts.get(received.job.id);
    return failures === undefined || failures < received.attempt ? received : { ...received, attempt: failures + 1 };
  }

  /** A job has failed and comes back. */
  add(driver: string, id: string, failures: number): void {
    if (!WITHOUT_HEADERS.has(driver) || id === '') return;
    this.#counts.delete(id);
    this.#counts.set(id, failures);
    if (this.#counts.size > MOST_REMEMBERED) this.forget(this.#counts.keys().next().value!);
  }

  /** A job does not come back. */
  forget(id: string): void {
    this.#counts.delete(id);
  }
}
