import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobsService } from 'nestjs-roadrunner';
import { EMAILS } from '../emails/email-jobs.js';
import { Outbox } from '../mail/outbox.js';
import { Refusals } from '../mail/refusals.js';
import { Settings } from '../settings/settings.js';
import { TakenSignups } from './taken-signups.js';

/** Jobs that a run has left behind. */
export interface LeftJobs {
  readonly waiting: number;
  readonly delayed: number;
  /** They ran when their process was killed. */
  readonly interrupted: number;
}

const PAGE = 1_000;

/** Finds out, before the first job runs, whether there is a run to go on with; otherwise it clears the table. */
@Injectable()
export class LastRun implements OnModuleInit {
  private left: LeftJobs | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly jobs: JobsService,
    private readonly outbox: Outbox,
    private readonly refusals: Refusals,
    private readonly taken: TakenSignups,
  ) {}

  /** What the last run has left; `undefined` when this one begins anew. */
  get leftJobs(): LeftJobs | undefined {
    return this.left;
  }

  // Jobs are consumed when all modules are there, not earlier.
  async onModuleInit(): Promise<void> {
    await this.outbox.open();
    await this.taken.load();
    await this.refusals.load();
    if (await this.isUnfinished()) this.left = await this.countJobs();
    else await this.beginAnew();
  }

  private async isUnfinished(): Promise<boolean> {
    // What was in memory has ended with its process.
    if (this.settings.driver === 'memory') return this.refuseUnfinished();
    const stat = await this.jobs.queue(EMAILS).stat();
    return this.taken.isUnfinished || (stat !== undefined && stat.reserved + stat.delayed > 0);
  }

  // It would clear mails that the other run still has to account for.
  private refuseUnfinished(): false {
    const { dataDir } = this.settings;
    if (this.taken.isUnfinished) {
      throw new Error(
        `The last run kept its jobs in ${dataDir} and is not at its end. Finish it without JOBS_DRIVER=memory, or give this one its own DATA_DIR and OUTBOX.`,
      );
    }
    return false;
  }

  private async beginAnew(): Promise<void> {
    await this.outbox.clear();
    await this.refusals.forget();
    await this.jobs.admin.failed.remove({});
    await this.taken.clear();
  }

  private async countJobs(): Promise<LeftJobs> {
    const counts = { waiting: 0, delayed: 0, interrupted: 0 };
    let after: string | undefined;
    do {
      const page = await this.jobs.admin.browse(EMAILS, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      for (const { crashes, dueAt } of page.jobs) {
        if (crashes !== undefined) counts.interrupted++;
        else if (dueAt === undefined || dueAt <= Date.now()) counts.waiting++;
        else counts.delayed++;
      }
      after = page.next;
    } while (after !== undefined);
    return counts;
  }
}
