import { Injectable } from '@nestjs/common';
import { JobsService, type FailedJob } from 'nestjs-roadrunner';
import { TIPS_EMAIL, WelcomeEmail } from '../emails/email-jobs.js';
import { viewOf } from '../failed-jobs/failed-job.view.js';
import { Outbox } from '../mail/outbox.js';
import type { MailboxMood } from '../mail/refusals.js';
import type { Signup } from './signup-file.js';

/** What was found out about the signups of a file. */
export interface AuditReport {
  readonly mails: number;
  readonly failedJobs: number;
  /** Signups by what their mailbox does: how many there are, and how many of them are accounted for. */
  readonly groups: ReadonlyMap<MailboxMood, { readonly total: number; readonly accounted: number }>;
  /** One line for each signup that is not. */
  readonly problems: readonly string[];
}

const JOBS = [WelcomeEmail.name, TIPS_EMAIL];
const PAGE = 1_000;

/** Compares the mails in the outbox and the failed jobs with what the file says: every mail once, or its job failed. */
@Injectable()
export class Audit {
  constructor(
    private readonly outbox: Outbox,
    private readonly jobs: JobsService,
  ) {}

  async check(signups: readonly Signup[]): Promise<AuditReport> {
    const mails = new Tally();
    const failed = new Tally();
    for (const { to, job } of await this.outbox.delivered()) mails.add(to, job);
    for (const { to, job } of (await this.failedJobs()).map(viewOf)) failed.add(to.toLowerCase(), job);
    const groups = new Map<MailboxMood, { total: number; accounted: number }>();
    const problems: string[] = [];
    for (const { email, expect } of signups) {
      const group = groups.get(expect) ?? { total: 0, accounted: 0 };
      groups.set(expect, group);
      group.total++;
      const problem = problemOf(email.toLowerCase(), expect, mails, failed);
      if (problem === undefined) group.accounted++;
      else problems.push(problem);
    }
    return { mails: mails.total, failedJobs: failed.total, groups, problems };
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

/** Counts by address and job. */
class Tally {
  private readonly counts = new Map<string, number>();
  total = 0;

  add(address: string, job: string): void {
    const key = `${job} ${address}`;
    this.counts.set(key, this.of(address, job) + 1);
    this.total++;
  }

  of(address: string, job: string): number {
    return this.counts.get(`${job} ${address}`) ?? 0;
  }
}

function problemOf(email: string, expect: MailboxMood, mails: Tally, failed: Tally): string | undefined {
  const wanted = expect === 'refused-always' ? { mails: 0, failed: 1 } : { mails: 1, failed: 0 };
  const found = JOBS.map((job) => ({ job, mails: mails.of(email, job), failed: failed.of(email, job) }));
  if (found.every((one) => one.mails === wanted.mails && one.failed === wanted.failed)) return undefined;
  return `${email} (${expect}): ${found.map((one) => `${one.job} arrived ${one.mails}×, failed ${one.failed}×`).join('; ')}`;
}
