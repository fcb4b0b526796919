import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { PipelineStat } from '../../contract/jobs-api.js';
import type { Command, CommandResult } from '../command.js';
import { pairOf, type CommandLine } from '../command-line.js';
import { CONNECTION_OPTIONS, onKernel } from '../connection.js';
import { CliUsageError } from '../errors.js';
import type { CliIo } from '../io.js';
import { table } from '../table.js';

const NONE = 'There are no pipelines.';

/** What RoadRunner's own service `jobs` can do. */
export const jobsCommands: readonly Command[] = [
  {
    name: 'jobs list',
    takes: '',
    summary: 'Lists the names of the pipelines.',
    examples: ['jobs list', 'jobs list --rpc tcp://10.0.0.7:6001 --json'],
    options: CONNECTION_OPTIONS,
    run: (line, io) =>
      onKernel(line, io, async ({ api }) => {
        const names = await api.list();
        return { json: names, text: names.length === 0 ? NONE : names.join('\n') };
      }),
  },
  {
    name: 'jobs stat',
    takes: '[pipeline…]',
    summary: 'Shows what waits and runs in the pipelines.',
    examples: ['jobs stat', 'jobs stat emails'],
    options: CONNECTION_OPTIONS,
    run: (line, io) => onKernel(line, io, async ({ api }) => statResult(await api.stat(), line)),
  },
  {
    name: 'jobs push',
    takes: '<pipeline> <job> [payload]',
    summary: 'Pushes a job and prints its id.',
    details: 'The payload travels as it is written; "-" reads it from the standard input.',
    examples: [`jobs push emails email.welcome '{"to":"ada@example.com"}'`, 'jobs push reports report.make --file report.json --delay 10m'],
    options: {
      file: { value: '<path>', meaning: 'The payload is what this file holds.' },
      id: { value: '<id>', meaning: 'The id of the job. Default: a new UUID.' },
      delay: { value: '<duration>', meaning: 'Before it may run: seconds, or 90s, 10m, 1h30m.' },
      priority: { value: '<number>', meaning: 'Lower runs earlier; 0 means that of the pipeline.' },
      header: { value: '<name=value>', isList: true, meaning: 'A header.' },
      'auto-ack': { meaning: 'Acknowledged when it is handed out: at most once.' },
      ...CONNECTION_OPTIONS,
    },
    run: push,
  },
  {
    name: 'jobs pause',
    takes: '<pipeline…>',
    summary: 'Stops consuming pipelines. Pushes go on.',
    examples: ['jobs pause emails reports'],
    options: CONNECTION_OPTIONS,
    run: (line, io) =>
      onKernel(line, io, async ({ api }) => {
        await api.pause(...line.words);
        return { json: { paused: line.words }, text: `Paused ${line.words.join(', ')}.` };
      }),
  },
  {
    name: 'jobs resume',
    takes: '<pipeline…>',
    summary: 'Consumes pipelines that are paused or newly declared.',
    examples: ['jobs resume emails'],
    options: CONNECTION_OPTIONS,
    run: (line, io) =>
      onKernel(line, io, async ({ api }) => {
        await api.resume(...line.words);
        return { json: { resumed: line.words }, text: `Resumed ${line.words.join(', ')}.` };
      }),
  },
  {
    name: 'jobs destroy',
    takes: '<pipeline…>',
    summary: 'Removes pipelines. Jobs in a broker or a file stay there, jobs in memory are lost.',
    examples: ['jobs destroy emails'],
    options: CONNECTION_OPTIONS,
    run: (line, io) =>
      onKernel(line, io, async ({ api }) => {
        const destroyed = await api.destroy(...line.words);
        return { json: { destroyed }, text: `Destroyed ${destroyed.join(', ')}.` };
      }),
  },
  {
    name: 'jobs declare',
    takes: '<pipeline> [key=value…]',
    summary: 'Adds a pipeline. It is paused until it is resumed.',
    details: 'The keys are those of the driver in .rr.yaml: prefetch=100, priority=5.',
    examples: ['jobs declare reports --driver memory prefetch=100 --resume'],
    options: {
      driver: { value: '<name>', meaning: 'The driver. Default: memory.' },
      resume: { meaning: 'Consumes it at once.' },
      ...CONNECTION_OPTIONS,
    },
    run: declare,
  },
];

function statResult(all: readonly PipelineStat[], { words }: CommandLine): CommandResult {
  const missing = words.filter((name) => !all.some(({ pipeline }) => pipeline === name));
  const stats = words.length === 0 ? all : all.filter(({ pipeline }) => words.includes(pipeline));
  const rows = stats.map((stat) => [
    stat.pipeline,
    stat.driver,
    stat.queue,
    stat.active,
    stat.delayed,
    stat.reserved,
    stat.ready ? 'consuming' : 'paused',
    stat.priority,
  ]);
  const shown = table(['PIPELINE', 'DRIVER', 'QUEUE', 'ACTIVE', 'DELAYED', 'WAITING', 'STATE', 'PRIORITY'], rows);
  const lines = [...(stats.length > 0 ? [shown] : all.length === 0 ? [NONE] : []), ...missing.map((name) => `No pipeline is called "${name}".`)];
  return { json: stats, text: lines.join('\n'), isFailure: missing.length > 0 };
}

async function push(line: CommandLine, io: CliIo): Promise<CommandResult> {
  const [pipeline = '', name = ''] = line.words;
  const options = {
    id: line.text('id'),
    delay: seconds(line.duration('delay')),
    priority: line.integer('priority', 0),
    headers: headersOf(line),
    autoAck: line.has('auto-ack'),
  };
  const payload = await payloadOf(line, io);
  return onKernel(line, io, async ({ jobs }) => {
    const { id } = await jobs.queue(pipeline).push(name, payload, options);
    return { json: { id }, text: id };
  });
}

async function payloadOf(line: CommandLine, io: CliIo): Promise<string | Uint8Array> {
  const [, , written] = line.words;
  const file = line.text('file');
  if (file === undefined) return written === '-' ? io.readInput() : (written ?? '');
  if (written !== undefined) throw line.wrong('file', 'and a payload stand side by side. Give one of them.');
  return readFile(resolve(io.workingDirectory, file));
}

function headersOf(line: CommandLine): Record<string, string[]> {
  const headers = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of line.pairs('header')) (headers[name] ??= []).push(value);
  return headers;
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}

async function declare(line: CommandLine, io: CliIo): Promise<CommandResult> {
  const [name = '', ...settings] = line.words;
  const options = settings.map((setting) => pairOf(setting) ?? misspelt(setting, line.command));
  const { driver = 'memory', ...rest } = withDriver(Object.fromEntries(options), line);
  return onKernel(line, io, async ({ api }) => {
    await api.declare({ ...rest, name, driver });
    if (line.has('resume')) await api.resume(name);
    const state = line.has('resume') ? 'It consumes.' : `It is paused: jobs resume ${name}.`;
    return { json: { declared: name, driver, resumed: line.has('resume') }, text: `Declared ${name} (${driver}). ${state}` };
  });
}

/** The driver is an option, and a key as it is in the file. */
function withDriver(options: Readonly<Record<string, string>>, line: CommandLine): Readonly<Record<string, string>> & { readonly driver?: string } {
  if (options['name'] !== undefined)
    throw new CliUsageError(`"name=${options['name']}" is one name too many. The first word is the name.`, line.command);
  const option = line.text('driver');
  if (option === undefined) return options;
  const key = options['driver'];
  if (key !== undefined && key !== option)
    throw new CliUsageError(`--driver is "${option}", and driver= is "${key}". Give one of them.`, line.command);
  return { ...options, driver: option };
}

function misspelt(setting: string, command: string): never {
  throw new CliUsageError(`"${setting}" is no setting. Write key=value, such as prefetch=100.`, command);
}
