import type { MailboxMood } from '../mail/refusals.js';
import type { AuditReport } from './audit.js';
import { number } from './progress-view.js';
import type { RefusedSignup } from './signup-feed.js';
import type { Terminal } from './terminal.js';

/** What the run is about. */
export interface Banner {
  readonly signups: number;
  readonly file: string;
  readonly url: string;
  readonly outbox: string;
}

/** How the run ended. */
export interface Summary {
  readonly report: AuditReport;
  readonly refused: readonly RefusedSignup[];
  /** False when jobs were left that did not go on. */
  readonly isEmpty: boolean;
  readonly seconds: number;
  readonly retried: number;
  readonly outbox: string;
}

const MAX_PROBLEMS = 10;

const OUTCOMES: Readonly<Record<MailboxMood, string>> = {
  ok: 'welcome and tips arrived once each',
  'refused-once': 'refused at first, arrived once each by a retry',
  'refused-always': 'tried three times, both jobs are in the failed store',
};

export function printBanner(terminal: Terminal, { signups, file, url, outbox }: Banner): void {
  const arrow = terminal.dim('→');
  terminal.print(
    '',
    `  ${terminal.bold('nestjs-roadrunner')} ${terminal.dim('· sample 01-emails')}`,
    '',
    `  ${number(signups)} signups of ${file}`,
    `  ${arrow} POST ${url}/signup`,
    `  ${arrow} jobs ${terminal.bold('email.welcome')} at once, ${terminal.bold('email.tips')} after 2 s`,
    `  ${arrow} SMTP ${arrow} ${outbox}`,
    '',
  );
}

export function printSummary(terminal: Terminal, { report, refused, isEmpty, seconds, retried, outbox }: Summary): void {
  const { groups, problems, mails, failedJobs } = report;
  const total = [...groups.values()].reduce((sum, group) => sum + group.total, 0);
  const accounted = total - problems.length;
  const time = `${seconds.toFixed(1)} s`;
  const verdict =
    problems.length === 0
      ? terminal.green(`✔ All ${number(total)} signups are accounted for after ${time}.`)
      : terminal.red(`✘ ${number(accounted)} of ${number(total)} signups are accounted for after ${time}.`);
  terminal.print('', `  ${terminal.bold(verdict)}`, '');
  for (const [mood, group] of groups) terminal.print(groupLine(terminal, mood, group));
  terminal.print(
    '',
    `  ${counted(mails, 'mail', 'mails')} in ${terminal.cyan(outbox)}, ${counted(retried, 'retry', 'retries')}, ${counted(failedJobs, 'failed job', 'failed jobs')}`,
    '',
  );
  if (!isEmpty) terminal.print(terminal.red('  Jobs are left that did not go on.'), '');
  printList(terminal, 'Not accounted for', problems);
  printList(
    terminal,
    'Not taken by POST /signup',
    refused.map(({ email, reason }) => `${email}: ${reason}`),
  );
}

function counted(count: number, one: string, many: string): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

function groupLine(terminal: Terminal, mood: MailboxMood, { total, accounted }: { readonly total: number; readonly accounted: number }): string {
  const count = accounted === total ? number(total) : `${number(accounted)} of ${number(total)}`;
  return `    ${mood.padEnd(14)}  ${terminal.bold(count.padStart(5))}  ${terminal.dim(OUTCOMES[mood])}`;
}

function printList(terminal: Terminal, title: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  terminal.print(terminal.red(`  ${title} (${number(lines.length)}):`), ...lines.slice(0, MAX_PROBLEMS).map((line) => `    ${line}`));
  if (lines.length > MAX_PROBLEMS) terminal.print(`    … and ${number(lines.length - MAX_PROBLEMS)} more`);
  terminal.print('');
}
