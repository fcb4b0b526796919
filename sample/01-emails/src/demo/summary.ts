import type { MailboxMood } from '../mail/refusals.js';
import type { AuditReport, SignupGroup } from './audit.js';
import type { LeftJobs } from './last-run.js';
import { number } from './progress-view.js';
import type { RefusedSignup } from './signup-feed.js';
import type { Terminal } from './terminal.js';

/** What the run is about. */
export interface Banner {
  readonly signups: number;
  readonly file: string;
  readonly url: string;
  readonly outbox: string;
  /** Of this process, where killing it loses nothing. */
  readonly pid: number | undefined;
}

/** How the run ended. */
export interface Summary {
  readonly report: AuditReport;
  readonly refused: readonly RefusedSignup[];
  /** False when jobs were left that did not go on. */
  readonly isEmpty: boolean;
  readonly seconds: number;
  readonly retried: number;
  /** The run went on with what a killed one had left. */
  readonly isResumed: boolean;
  readonly outbox: string;
}

const MAX_PROBLEMS = 10;

const OUTCOMES: Readonly<Record<MailboxMood, string>> = {
  ok: 'welcome and tips arrived once each',
  'refused-once': 'refused at first, arrived once each by a retry',
  'refused-always': 'tried three times, both jobs are in the failed store',
};

/** Where some are there twice, or the process died while they were tried. */
const OUTCOMES_AFTER_A_KILL: Readonly<Record<MailboxMood, string>> = {
  ok: 'welcome and tips arrived',
  'refused-once': 'refused at first, arrived by a retry',
  'refused-always': 'both jobs are in the failed store',
};

export function printBanner(terminal: Terminal, { signups, file, url, outbox, pid }: Banner): void {
  const arrow = terminal.dim('→');
  terminal.print(
    '',
    `  ${terminal.bold('nestjs-roadrunner')} ${terminal.dim('· sample 01-emails')}`,
    '',
    `  ${number(signups)} signups of ${file}`,
    `  ${arrow} POST ${url}/signup`,
    `  ${arrow} jobs ${terminal.bold('email.welcome')} at once, ${terminal.bold('email.tips')} after 2 s`,
    `  ${arrow} SMTP ${arrow} ${outbox}`,
    ...(pid === undefined ? [] : ['', terminal.dim(`  Kill it in the middle and start it again: kill -9 ${pid}`)]),
    '',
  );
}

/** What a killed run has left, and how far it had come. */
export function printLeftJobs(
  terminal: Terminal,
  { waiting, delayed, interrupted }: LeftJobs,
  taken?: { readonly signups: number; readonly total: number },
): void {
  const jobs = `${number(waiting)} waiting, ${number(delayed)} delayed and ${counted(interrupted, 'interrupted job', 'interrupted jobs')} of the last run`;
  const signups = taken === undefined ? '' : `; ${number(taken.signups)} of ${counted(taken.total, 'signup was', 'signups were')} taken`;
  terminal.print(`  ${terminal.yellow(`Found ${jobs}${signups}. Going on.`)}`, '');
}

export function printSummary(terminal: Terminal, { report, refused, isEmpty, seconds, retried, isResumed, outbox }: Summary): void {
  const { groups, problems, mails, failedJobs } = report;
  const total = [...groups.values()].reduce((sum, group) => sum + group.total, 0);
  const accounted = total - problems.length;
  const time = `${seconds.toFixed(1)} s${isResumed ? ' of this run' : ''}`;
  const verdict =
    problems.length === 0
      ? terminal.green(`✔ All ${number(total)} signups are accounted for after ${time}.`)
      : terminal.red(`✘ ${number(accounted)} of ${number(total)} signups are accounted for after ${time}.`);
  terminal.print('', `  ${terminal.bold(verdict)}`, '');
  const outcomes = isResumed ? OUTCOMES_AFTER_A_KILL : OUTCOMES;
  for (const [mood, group] of groups) terminal.print(groupLine(terminal, mood, outcomes[mood], group));
  const retries = `${counted(retried, 'retry', 'retries')}${isResumed ? ' in this run' : ''}`;
  terminal.print(
    '',
    `  ${counted(mails, 'mail', 'mails')} in ${terminal.cyan(outbox)}, ${retries}, ${counted(failedJobs, 'failed job', 'failed jobs')}`,
    '',
  );
  if (isResumed) printTraces(terminal, report);
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

/** What the kill has left to be seen. */
function printTraces(terminal: Terminal, { sentAgain, takenAgain, interrupted }: AuditReport): void {
  const lines: string[] = [];
  if (sentAgain > 0) {
    const were = sentAgain === 1 ? 'it was' : 'they were';
    lines.push(
      `  ${counted(sentAgain, 'mail', 'mails')} arrived twice: ${were} sent when the process was killed before the acknowledgement was on the disk.`,
    );
  }
  if (takenAgain > 0) {
    lines.push(
      `  ${counted(takenAgain, 'job', 'jobs')} came from signups that were sent twice: the process was killed before they were noted as taken.`,
    );
  }
  if (interrupted > 0) {
    lines.push(
      `  ${counted(interrupted, 'job', 'jobs')} ran at every kill and ${interrupted === 1 ? 'is' : 'are'} in the failed store, to be replayed.`,
    );
  }
  if (lines.length > 0) terminal.print(...lines, '');
}

function groupLine(terminal: Terminal, mood: MailboxMood, outcome: string, { total, accounted }: SignupGroup): string {
  const count = accounted === total ? number(total) : `${number(accounted)} of ${number(total)}`;
  return `    ${mood.padEnd(14)}  ${terminal.bold(count.padStart(5))}  ${terminal.dim(outcome)}`;
}

function printList(terminal: Terminal, title: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  terminal.print(terminal.red(`  ${title} (${number(lines.length)}):`), ...lines.slice(0, MAX_PROBLEMS).map((line) => `    ${line}`));
  if (lines.length > MAX_PROBLEMS) terminal.print(`    … and ${number(lines.length - MAX_PROBLEMS)} more`);
  terminal.print('');
}
