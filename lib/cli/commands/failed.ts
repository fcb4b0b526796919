import type { Payload } from '../../contract/job.js';
import type { FailedJob, FailedJobQuery, FailedReason, ReplayResult } from '../../contract/kernel-admin.js';
import type { CliOptions } from '../command-form.js';
import type { Command, CommandResult } from '../command.js';
import type { CommandLine } from '../command-line.js';
import { CONNECTION_OPTIONS, LONG_CONNECTION_OPTIONS, onKernel } from '../connection.js';
import { CliUsageError } from '../errors.js';
import type { CliIo } from '../io.js';
import { fields, table } from '../table.js';

const MOMENTS = 'a time such as 2026-01-31T12:00Z, or 1h for an hour ago';
const REASONS: readonly FailedReason[] = ['attempts', 'rejected', 'crashed', 'expired', 'unknown'];
const OURS = 'RoadRunner has no failed store: this needs a kernel of this library.';
const MAX_PAGE = 1_000;

const FILTERS: CliOptions = {
  queue: { value: '<pipeline>', meaning: 'Only jobs of this pipeline.' },
  name: { value: '<job>', meaning: 'Only jobs with this name.' },
  reason: { value: '<reason>', meaning: `Only those that failed for it: ${REASONS.join(', ')}.` },
  error: { value: '<class>', meaning: 'Only those whose error is of this class: TypeError.' },
  since: { value: '<time>', meaning: 'Only those that failed at or after it: 2026-01-31T12:00Z, or 1h for an hour ago.' },
  until: { value: '<time>', meaning: 'Only those that failed before it.' },
};

/** The failed store of a kernel of ours. */
export const failedCommands: readonly Command[] = [
  {
    name: 'failed list',
    takes: '',
    summary: 'Lists failed jobs, the newest first.',
    details: OURS,
    examples: ['failed list', 'failed list --queue emails --since 1h --json'],
    options: {
      ...FILTERS,
      limit: { value: '<number>', meaning: 'How many, at most 1000. Default: 100.' },
      after: { value: '<mark>', meaning: 'Where the page before ended.' },
      ...CONNECTION_OPTIONS,
    },
    run: list,
  },
  {
    name: 'failed show',
    takes: '<id>',
    summary: 'Shows a failed job with its payload and the errors of its runs.',
    details: OURS,
    examples: ['failed show 6f1c3c1e-0b1e-4d51-9a0e-2f6f3f1a8f10'],
    options: CONNECTION_OPTIONS,
    run: show,
  },
  {
    name: 'failed replay',
    takes: '[id…]',
    summary: 'Pushes failed jobs anew and takes them out of the failed store.',
    details: `Name the jobs, or say which by filters, or --all. ${OURS}`,
    examples: [
      'failed replay 6f1c3c1e-0b1e-4d51-9a0e-2f6f3f1a8f10',
      'failed replay --queue emails --error SmtpError --rate 5',
      'failed replay --all',
    ],
    options: {
      all: { meaning: 'Every failed job.' },
      ...FILTERS,
      rate: { value: '<number>', meaning: 'Jobs per second. Default: no limit.' },
      to: { value: '<pipeline>', meaning: 'Another pipeline than the one they came from.' },
      'keep-attempts': { meaning: 'Leaves the count of failed runs.' },
      ...LONG_CONNECTION_OPTIONS,
    },
    run: replay,
  },
];

async function list(line: CommandLine, io: CliIo): Promise<CommandResult> {
  const limit = line.integer('limit', 1);
  if (limit !== undefined && limit > MAX_PAGE) throw line.wrong('limit', `is ${limit}. At most ${MAX_PAGE} come at once.`);
  const after = line.text('after');
  const query = { ...filtersOf(line), ...(limit === undefined ? {} : { limit }), ...(after === undefined ? {} : { after }) };
  return onKernel(line, io, async ({ admin }) => {
    const page = await admin.failed.list(query);
    const json = { ...page, jobs: page.jobs.map(jsonOf) };
    if (json.jobs.length === 0) return { json, text: 'No failed job matches.' };
    const rows = page.jobs.map((job) => [job.id, job.name, job.pipeline, timeOf(job.failedAt), job.attempts, job.reason, errorOf(job)]);
    const shown = table(['ID', 'JOB', 'PIPELINE', 'FAILED AT', 'RUNS', 'REASON', 'ERROR'], rows);
    return { json, text: page.next === undefined ? shown : `${shown}\n\nThere are more: --after ${page.next}` };
  });
}

async function show(line: CommandLine, io: CliIo): Promise<CommandResult> {
  const [id = ''] = line.words;
  return onKernel(line, io, async ({ admin }) => {
    const job = await admin.failed.get(id);
    if (job === undefined) return { json: null, text: `No failed job has the id "${id}".`, isFailure: true };
    return { json: jsonOf(job), text: detailsOf(job) };
  });
}

async function replay(line: CommandLine, io: CliIo): Promise<CommandResult> {
  const which = selectionOf(line);
  const [rate, to] = [line.positive('rate'), line.text('to')];
  const options = {
    ...(rate === undefined ? {} : { rate }),
    ...(to === undefined ? {} : { to }),
    ...(line.has('keep-attempts') ? { resetAttempts: false } : {}),
  };
  return onKernel(line, io, async ({ admin }) => replayResult(await admin.failed.replay(which, options), line.words));
}

function replayResult({ replayed, errors }: ReplayResult, ids: readonly string[]): CommandResult {
  const missing = Math.max(0, ids.length - replayed - errors.length);
  const problems = errors.map(({ id, error }) => ({ id, message: error.message }));
  const lines = [
    `Replayed ${replayed} ${replayed === 1 ? 'job' : 'jobs'}.`,
    ...(missing === 0 ? [] : [`${missing} of ${ids.length} ids are of no failed job.`]),
    ...problems.map(({ id, message }) => `${id} stays: ${message}`),
  ];
  return { json: { replayed, errors: problems }, text: lines.join('\n'), isFailure: errors.length + missing > 0 };
}

function selectionOf(line: CommandLine): readonly string[] | FailedJobQuery {
  const filters = filtersOf(line);
  const isFiltered = Object.keys(filters).length > 0;
  const ways = [line.words.length > 0, isFiltered, line.has('all')].filter(Boolean).length;
  if (ways === 1) return line.words.length > 0 ? line.words : filters;
  throw new CliUsageError(
    `${ways === 0 ? 'Which jobs?' : 'Ids, filters and --all exclude each other.'} Give ids, or filters, or --all.`,
    line.command,
  );
}

function filtersOf(line: CommandLine): FailedJobQuery {
  const [pipeline, name, errorType] = [line.text('queue'), line.text('name'), line.text('error')];
  const [reason, since, until] = [reasonOf(line), momentOf(line, 'since'), momentOf(line, 'until')];
  return {
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(name === undefined ? {} : { name }),
    ...(errorType === undefined ? {} : { errorType }),
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

function reasonOf(line: CommandLine): FailedReason | undefined {
  const text = line.text('reason');
  const reason = REASONS.find((one) => one === text);
  if (text !== undefined && reason === undefined) throw line.wrong('reason', `is "${text}". Give one of ${REASONS.join(', ')}.`);
  return reason;
}

/** A date, or how long ago. */
function momentOf(line: CommandLine, option: string): number | undefined {
  const text = line.text(option);
  if (text === undefined) return undefined;
  const date = /^\d{4}-/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(date)) return date;
  if (/^\d{4}-/.test(text)) throw line.wrong(option, `is "${text}". Give ${MOMENTS}.`);
  return Date.now() - line.duration(option, MOMENTS)!;
}

/** JSON has no bytes: a payload that is no text is told in base64. */
function jsonOf(job: FailedJob): object {
  const text = textOf(job.payload);
  if (text !== undefined) return { ...job, payload: text };
  const { payload, ...rest } = job;
  return { ...rest, payloadBase64: Buffer.from(payload).toString('base64') };
}

function detailsOf(job: FailedJob): string {
  const headers = Object.entries(job.headers).flatMap(([name, values]) => values.map((value) => [`header ${name}`, value] as const));
  const facts = fields([
    ['id', job.id],
    ['job', job.name],
    ['pipeline', job.pipeline],
    ['failed at', timeOf(job.failedAt)],
    ['runs', job.attempts],
    ['reason', job.reason],
    ['priority', job.priority],
    ...headers,
    ['payload', payloadText(job.payload)],
    ['error', errorOf(job)],
  ]);
  const runs = table(
    ['RUN', 'AT', 'ERROR'],
    job.history.map(({ attempt, at, error }) => [attempt, timeOf(at), `${error.type}: ${error.message}`]),
  );
  return [facts, ...(job.history.length === 0 ? [] : ['', runs]), ...(job.error.stack === undefined ? [] : ['', job.error.stack])].join('\n');
}

function payloadText(payload: Payload): string {
  return textOf(payload) ?? `base64 ${Buffer.from(payload).toString('base64')}`;
}

/** `undefined` when the bytes are no text. */
function textOf(payload: Payload): string | undefined {
  if (typeof payload === 'string') return payload;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch {
    return undefined;
  }
}

function errorOf({ error }: FailedJob): string {
  return `${error.type}: ${error.message}`;
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
