import { ServiceError } from '../../contract/rpc-errors.js';
import type { Command, CommandResult } from '../command.js';
import type { CommandLine } from '../command-line.js';
import { CONNECTION_OPTIONS, LONG_CONNECTION_OPTIONS, onKernel, type CliKernel } from '../connection.js';
import type { CliIo } from '../io.js';
import { table } from '../table.js';

/** The state of a worker process, as the service `informer` tells it. */
interface ProcessState {
  readonly pid: number;
  readonly status: number;
  readonly numExecs: number;
  /** Unit: Unix nanoseconds. */
  readonly created: number;
  readonly memoryUsage: number;
  readonly CPUPercent: number;
  readonly statusStr: string;
}

interface WorkerList {
  readonly workers: readonly ProcessState[] | null;
}

const NANOSECONDS_PER_MS = 1_000_000;
const BYTES_PER_MIB = 1_048_576;

/** What RoadRunner's services `informer` and `resetter` can do. */
export const workerCommands: readonly Command[] = [
  {
    name: 'workers',
    takes: '[plugin…]',
    summary: 'Shows the worker processes.',
    examples: ['workers', 'workers jobs --json'],
    options: CONNECTION_OPTIONS,
    run: workers,
  },
  {
    name: 'reset',
    takes: '[plugin…]',
    summary: 'Replaces the worker processes by new ones, of all plugins or of those named.',
    examples: ['reset', 'reset jobs'],
    options: LONG_CONNECTION_OPTIONS,
    run: reset,
  },
];

async function workers(line: CommandLine, io: CliIo): Promise<CommandResult> {
  return onKernel(line, io, async (kernel) => {
    const plugins = await pluginsOf(kernel, line, 'informer.List');
    const lists = await Promise.all(plugins.map(async (plugin) => [plugin, await workersOf(kernel, plugin)] as const));
    const rows = lists.flatMap(([plugin, states]) => states.map((state) => rowOf(plugin, state)));
    const text =
      rows.length === 0 ? 'There are no worker processes.' : table(['PLUGIN', 'PID', 'STATUS', 'JOBS', 'MEMORY MIB', 'CPU %', 'CREATED'], rows);
    return { json: Object.fromEntries(lists), text };
  });
}

async function workersOf({ rpc }: CliKernel, plugin: string): Promise<readonly ProcessState[]> {
  const list = (await rpc.call('informer.Workers', plugin)) as WorkerList;
  return list.workers ?? [];
}

function rowOf(plugin: string, { pid, statusStr, numExecs, created, memoryUsage, CPUPercent }: ProcessState) {
  const createdAt = new Date(created / NANOSECONDS_PER_MS).toISOString();
  return [plugin, pid, statusStr, numExecs, Math.round(memoryUsage / BYTES_PER_MIB), Number(CPUPercent.toFixed(1)), createdAt];
}

async function reset(line: CommandLine, io: CliIo): Promise<CommandResult> {
  return onKernel(line, io, async (kernel) => {
    const done: string[] = [];
    const problems: { readonly plugin: string; readonly message: string }[] = [];
    for (const plugin of await pluginsOf(kernel, line, 'resetter.List')) {
      try {
        await kernel.rpc.call('resetter.Reset', plugin);
        done.push(plugin);
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error; // the connection: the others would fail alike
        problems.push({ plugin, message: error.text });
      }
    }
    const lines = [
      ...(done.length === 0 ? [] : [`Reset ${done.join(', ')}.`]),
      ...problems.map(({ plugin, message }) => `${plugin} was not reset: ${message}`),
    ];
    return { json: { reset: done, errors: problems }, text: lines.join('\n') || 'There is nothing to reset.', isFailure: problems.length > 0 };
  });
}

async function pluginsOf({ rpc }: CliKernel, { words }: CommandLine, method: string): Promise<readonly string[]> {
  return words.length > 0 ? words : ((await rpc.call(method, true)) as readonly string[]);
}
