import type { Job } from '../../contract/job.js';
import type { BeanstalkClient, ReplyHandler } from './client.js';
import type { Reply } from './reply-reader.js';

/** What beanstalkd says about a job that has been held for a while. */
export interface LeaseTerms {
  readonly priority: number;
  /** Unit: milliseconds. */
  readonly ttrMs: number;
}

/** A job that is reserved. */
export interface LeasedJob {
  readonly job: Job;
  /** beanstalkd's number of it. */
  readonly number: number;
  terms: LeaseTerms | undefined;
  /** When beanstalkd has to hear of it again. Unit: milliseconds of the clock. */
  touchAt: number;
}

/**
 * `not held`: the lease had ended before, so the job runs again. `refused`: beanstalkd is in need, and answered something else. `not known`: the
 * connection ended, beanstalkd may have the job back.
 */
export type FinishEnd = 'done' | 'not held' | 'refused' | 'not known';
export type FinishVerb = keyof typeof DONE_WORDS;

/** What beanstalkd answers to the last command of a job. */
const DONE_WORDS = { delete: 'DELETED', release: 'RELEASED', bury: 'BURIED' } as const;

/** A connection that reserves: either it waits for a job, or it holds jobs and takes their settlement without delay. */
export class Lane {
  /** Jobs reserved on it, by their numbers. */
  readonly held = new Map<number, LeasedJob>();

  constructor(readonly client: BeanstalkClient) {}

  /** False once it was given up or lost, also when it was reserved anew since. */
  holds(leased: LeasedJob): boolean {
    return this.held.get(leased.number) === leased;
  }

  /** Gives the job up with a last command. Without effect, and without a call back, when it is not held any more. */
  finish(leased: LeasedJob, verb: FinishVerb, terms: string, ended: (end: FinishEnd, word: string) => void): void {
    if (!this.holds(leased)) return;
    this.held.delete(leased.number);
    this.client.tell(`${verb} ${leased.number}${terms}`, {
      replied: ({ word }) => ended(word === DONE_WORDS[verb] ? 'done' : word === 'NOT_FOUND' ? 'not held' : 'refused', word),
      failed: () => ended('not known', ''),
    });
  }

  touch(leased: LeasedJob, handler: ReplyHandler): void {
    if (this.holds(leased)) this.client.tell(`touch ${leased.number}`, handler);
  }

  /** @throws Error when the connection ends, or the job is gone. */
  async termsOf(leased: LeasedJob): Promise<LeaseTerms> {
    leased.terms ??= readTerms(await this.client.ask(`stats-job ${leased.number}`));
    return leased.terms;
  }
}

function readTerms({ word, body }: Reply): LeaseTerms {
  if (word !== 'OK' || body === undefined) throw new Error(`beanstalkd answered "${word}" to stats-job.`);
  const stats = body.toString('latin1');
  return { priority: numberOf(stats, 'pri'), ttrMs: numberOf(stats, 'ttr') * 1_000 };
}

/** A number of the lines of a `stats-…`; 0 when there is none. */
export function numberOf(stats: string, name: string): number {
  return Number(new RegExp(`^${name}: (\\d+)$`, 'mu').exec(stats)?.[1] ?? 0);
}
