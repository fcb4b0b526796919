import { relative } from 'node:path';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Refusals } from '../mail/refusals.js';
import { Settings } from '../settings/settings.js';
import { Audit } from './audit.js';
import { JobProgress } from './job-progress.js';
import { LastRun } from './last-run.js';
import { ProgressView } from './progress-view.js';
import { SignupFeed } from './signup-feed.js';
import { readSignups } from './signup-file.js';
import { printBanner, printLeftJobs, printSummary } from './summary.js';
import { TakenSignups } from './taken-signups.js';
import { Terminal } from './terminal.js';

/** A welcome and tips. */
const JOBS_PER_SIGNUP = 2;

/** Signs up everyone of the file, shows what the jobs do, and checks that no mail was lost or sent twice. */
@Injectable()
export class Demo implements OnModuleDestroy {
  private readonly terminal = new Terminal(process.stdout, process.env);
  private view: ProgressView | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly refusals: Refusals,
    private readonly lastRun: LastRun,
    private readonly taken: TakenSignups,
    private readonly feed: SignupFeed,
    private readonly progress: JobProgress,
    private readonly audit: Audit,
  ) {}

  /** Ctrl+C: what the shell writes next begins on a line of its own. */
  onModuleDestroy(): void {
    this.view?.stop();
  }

  /** True when every signup is accounted for. */
  async run(url: string, file: string): Promise<boolean> {
    const signups = await readSignups(file);
    const outbox = shown(this.settings.outbox);
    for (const { email, expect } of signups) this.refusals.set(email, expect);
    const pid = this.settings.driver === 'memory' ? undefined : process.pid;
    printBanner(this.terminal, { signups: signups.length, file: shown(file), url, outbox, pid });
    const { leftJobs } = this.lastRun;
    const isResumed = leftJobs !== undefined;
    const left = signups.filter(({ email }) => !this.taken.has(email));
    if (isResumed) printLeftJobs(this.terminal, leftJobs, { signups: signups.length - left.length, total: signups.length });

    const startedAt = performance.now();
    const total = left.length * JOBS_PER_SIGNUP + (isResumed ? leftJobs.waiting + leftJobs.delayed + leftJobs.interrupted : 0);
    this.view = new ProgressView(this.terminal, this.progress, total);
    this.view.start();
    const refused = await this.feed.send(url, left);
    const isEmpty = await this.progress.untilEmpty();
    this.view.stop();

    const seconds = (performance.now() - startedAt) / 1_000;
    const report = await this.audit.check(signups, isResumed);
    const { retried } = this.progress;
    printSummary(this.terminal, { report, refused, isEmpty, seconds, retried, isResumed, outbox });
    // The next start begins anew.
    if (isEmpty) this.taken.end();
    return report.problems.length === 0;
  }

  /** Without signups to send: what the last run has left is done all the same. */
  printLeftJobs(): void {
    const { leftJobs } = this.lastRun;
    if (leftJobs !== undefined) printLeftJobs(this.terminal, leftJobs);
  }

  /** What can be tried while the application goes on. */
  printInvitation(url: string): void {
    const { terminal } = this;
    terminal.print(
      `  ${terminal.bold('Still serving')} at ${terminal.cyan(url)}. Try:`,
      '',
      `    curl ${url}/failed-jobs`,
      `    curl -X POST ${url}/mail-server/accept-all`,
      `    curl -X POST ${url}/failed-jobs/replay`,
      `    curl -X POST ${url}/signup -H 'content-type: application/json' -d '{"email":"you@example.com","name":"You"}'`,
      '',
      `  ${terminal.dim('Ctrl+C ends it; jobs that run are finished first.')}`,
    );
  }
}

/** As it would be typed here. */
function shown(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}
