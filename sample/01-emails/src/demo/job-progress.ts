import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { JobsService, OnJobEvent } from 'nestjs-roadrunner';
import { EMAILS } from '../emails/email-jobs.js';

const LOOK_AGAIN_MS = 20;
/** Far longer than any wait between two attempts. */
const STALL_MS = 30_000;

/** Counts what becomes of the jobs. */
@Injectable()
export class JobProgress {
  done = 0;
  retried = 0;
  failed = 0;
  private changedAt = performance.now();

  constructor(private readonly jobs: JobsService) {}

  /** Jobs that will not run again. */
  get finished(): number {
    return this.done + this.failed;
  }

  @OnJobEvent('completed', { queue: EMAILS })
  countDone(): void {
    this.done++;
    this.changedAt = performance.now();
  }

  @OnJobEvent('retrying', { queue: EMAILS })
  countRetry(): void {
    this.retried++;
    this.changedAt = performance.now();
  }

  @OnJobEvent('failed', { queue: EMAILS })
  countFailure(): void {
    this.failed++;
    this.changedAt = performance.now();
  }

  /** True when the queue has become empty, delayed jobs included; false when nothing happens any more. */
  async untilEmpty(): Promise<boolean> {
    this.changedAt = performance.now();
    while (performance.now() - this.changedAt < STALL_MS) {
      const stat = await this.jobs.queue(EMAILS).stat();
      if (stat === undefined || stat.active + stat.delayed + stat.reserved === 0) return true;
      await delay(LOOK_AGAIN_MS);
    }
    return false;
  }
}
