import { Injectable } from '@nestjs/common';
import { JobsService, type FailedJob } from 'nestjs-roadrunner';
import { TIPS_EMAIL, WelcomeEmail } from '../emails/email-jobs.js';
import { viewOf } from '../failed-jobs/failed-job.view.js';
import { Outbox } from '../mail/outbox.js';
import type { MailboxMood } from '../mail/refusals.js';
import type { Signup } from './signup-file.js';

/** Signups whose mailboxes do the same. */
export interface SignupGroup {
  readonly total: number;
  readonly accounted: number;
}

/** What was found out about the signups of a file. */
export interface AuditReport {
  readonly mails: number;
  readonly failedJobs: number;
  /** Mails beyond the first of their job: it ran again. */
  readonly sentAgain: number;
  /** Jobs beyond the first of their kind for an address: its signup was taken again. */
  readonly takenAgain: number;
  /** Failed jobs whose mailbox takes mails: their process died at each of their runs. */
  readonly interrupted: number;
  /** Signups by what their mailbox does: how many there are, and how many of them are accounted for. */
  readonly groups: ReadonlyMap<MailboxMood, SignupGroup>;
  /** One line for each signup that is not. */
  readonly problems: readonly string[];
}

const JOBS = [WelcomeEmail.name, TIPS_EMAIL];
const PAGE = 1_000;

/** Compares the mails in the outbox and the failed jobs with what the file says. */
@Injectable()
export class Audit {
  constructor(
    private readonly outbox: Outbox,
    private readonly jobs: JobsService,
  ) {}

  /**
   * Without an interruption every mail has arrived once, or its job has failed once. With one (`isResumed`) nothing is lost all the same;
   * what is there twice is counted.
   */
  async check(signups: readonly Signup[], isResumed: boolean): Promise<AuditReport> {
    const mails = new Tally();
    const failed = new Tally();
    for (const { to, job, jobId } of await this.outbox.delivered()) mails.add(to, job, jobId);
    for (const { to, job, id } of (await this.failedJobs()).map(viewOf)) failed.add(to.toLowerCase(), job, id);
    const problemOf = isResumed ? lossOf : deviationOf;
    const groups = new Map<MailboxMood, { total: number; accounted: number }>();
    const problems: string[] = [];
    const extra = { sentAgain: 0, takenAgain: 0, interrupted: 0 };
    for (const { email, expect } of signups) {
      const group = groups.get(expect) ?? { total: 0, accounted: 0 };
      groups.set(expect, group);
      group.total++;
      const found = JOBS.map((job) => ({ job, mails: mails.of(email, job), failed: failed.of(email, job) }));
      for (const one of found) {
        const jobs = new Set([...one.mails, ...one.failed]).size;
        extra.sentAgain += one.mails.length - new Set(one.mails).size;
        extra.takenAgain += Math.max(0, jobs - 1);
        if (expect !== 'refused-always') extra.interrupted += one.failed.length;
      }
      if (found.every((one) => !problemOf(one, expect))) group.accounted++;
      else
        problems.push(
          `${email} (${expect}): ${found.map((one) => `${one.job} arrived ${one.mails.length}×, failed ${one.failed.length}×`).join('; ')}`,
        );
    }
    return { mails: mails.total, failedJobs: failed.total, ...extra, groups, problems };
  }

  private async failedJobs(): Promise<FailedJob[]> {
    const all: FailedJob[] = [];
    let after: string | undefined;
    do {
      const page = await this.jobs.admin.failed.list({ after, limit: PAGE });
      all.push(...page.jobs);
      after = page.next;
    } while (after !== undefined);
    return all;
  }
}

/** What there is of one job of one signup: the ids of the jobs, one for each mail and for each failure. */
interface Found {
  readonly mails: readonly string[];
  readonly failed: readonly string[];
}

/** Ids of jobs by address and name. */
class Tally {
  private readonly ids = new Map<string, string[]>();
  total = 0;

  add(address: string, job: string, id: string): void {
    const key = keyOf(address, job);
    this.ids.set(key, [...this.of(address, job), id]);
    this.total++;
  }

  of(address: string, job: string): readonly string[] {
    return this.ids.get(keyOf(address, job)) ?? [];
  }
}

function keyOf(address: string, job: string): string {
  return `${job} ${address.toLowerCase()}`;
}

/** Not just as the file says. */
function deviationOf({ mails, failed }: Found, expect: MailboxMood): boolean {
  const wanted = expect === 'refused-always' ? { mails: 0, failed: 1 } : { mails: 1, failed: 0 };
  return mails.length !== wanted.mails || failed.length !== wanted.failed;
}

/** Neither delivered nor kept as failed. */
function lossOf({ mails, failed }: Found): boolean {
  return mails.length + failed.length === 0;
}
