import { dirname, resolve } from 'node:path';
import { describeConfigIssue, JobsConfigError } from '../../contract/errors.js';
import type { Executor } from '../../contract/executor.js';
import type { PipelineStat } from '../../contract/jobs-api.js';
import type { KernelService } from '../../contract/service.js';
import type { RrConfiguration } from '../../config/rr-yaml/read-rr-yaml.js';
import { builtinServices } from '../../runtime/builtin-services.js';
import { createKernel, type CreateKernelParts } from '../../runtime/create-kernel.js';
import type { Command, CommandResult } from '../command.js';
import type { CommandLine } from '../command-line.js';
import { DEFAULT_FILE, readConfiguration } from '../configuration.js';
import type { CliIo } from '../io.js';
import { createLineLogger } from '../line-logger.js';
import { loadServices } from '../services.js';

const NOTHING_TO_SAY: CommandResult = { json: undefined };
const NOT_CALLED =
  'The section is missing, and there are no workers: nobody could reach the kernel. Add rpc: { listen: "tcp://127.0.0.1:6001" }, or give -o rpc.listen=tcp://127.0.0.1:6001.';

/** The jobs stay where they are: this kernel has no workers. */
const NO_SLOTS: Executor = { capacity: () => 0, onCapacity: () => {}, execute: () => ({ kind: 'unstarted' }) };

export const serveCommand: Command = {
  name: 'serve',
  takes: '',
  summary: 'Runs the kernel of a .rr.yaml: its pipelines, its worker processes, open to clients by RPC.',
  details:
    'The workers are those of "server.command". Without the section "server" jobs are accepted and kept until another program handles them. It ends at SIGTERM or SIGINT, with 0, when running jobs have ended; a second signal ends it at once.',
  examples: ['serve', 'serve -c config/.rr.yaml -o rpc.listen=tcp://127.0.0.1:7001', 'serve --service ./folder.service.js#FolderService'],
  options: {
    config: { short: 'c', value: '<file>', meaning: `The configuration. Default: ${DEFAULT_FILE}.` },
    override: { short: 'o', value: '<key=value>', isList: true, meaning: 'Takes the place of a value of the file: -o jobs.timeout=10.' },
    service: {
      value: '<module#export>',
      isList: true,
      meaning: 'Another source of work, with its section in the file. "ticker" is there without it.',
    },
    directory: { short: 'w', value: '<folder>', meaning: 'The working directory. Default: the folder of the file.' },
  },
  run: serve,
};

async function serve(line: CommandLine, io: CliIo): Promise<CommandResult> {
  const file = line.text('config') ?? DEFAULT_FILE;
  const services = await loadServices(line.list('service'), 'serve', io);
  const names = [...Object.keys(builtinServices), ...services.map(({ name }) => name)];
  const configuration = await readConfiguration(file, line.list('override'), io, names);
  const { kernel: options, rpc, server, logs, warnings } = configuration;
  for (const warning of warnings) io.err(`Warning: ${describeConfigIssue(warning)}`);
  if (rpc === undefined && server === undefined) throw new JobsConfigError([{ path: 'rpc', message: NOT_CALLED }]);
  io.changeDirectory(resolve(io.workingDirectory, line.text('directory') ?? dirname(file)));

  const stopped = new Promise<string>((tell) => io.onStop(tell));
  const logger = createLineLogger((text) => io.err(text), logs);
  const kernel = await createKernel(options, { ...partsOf(configuration, services), logger });
  let isReady = false;
  try {
    const early = await Promise.race([kernel.start(), stopped]);
    if (early !== undefined) return NOTHING_TO_SAY;
    isReady = true;
    const [stats, workers] = await Promise.all([kernel.stat(), kernel.admin.workers()]);
    const address = kernel.rpcAddress;
    if (line.has('json')) io.out(JSON.stringify({ ready: true, rpc: address, workers: workers.length, pipelines: stats }));
    else io.out(readyText(address, stats, server === undefined ? undefined : workers.length));
    io.err(`${await stopped}: stopping. Once more ends it at once.`);
  } finally {
    await kernel.close(isReady && server !== undefined ? {} : { timeoutMs: 0 }); // without workers nothing runs that could be waited for
  }
  return NOTHING_TO_SAY;
}

function partsOf(configuration: RrConfiguration, services: readonly KernelService[]): CreateKernelParts {
  const { server, pool, pools, pipelinePools, sections, resolved, drivers } = configuration;
  const builtin = Object.entries(builtinServices).flatMap(([name, create]) => (sections.has(name) ? [create()] : []));
  const taken = new Set(services.map(({ name }) => name));
  const all = [...builtin.filter(({ name }) => !taken.has(name)), ...services];
  const workers = { pools, pipelinePools, ...(pool === undefined ? {} : { pool }) };
  return {
    ...(server === undefined ? { executor: NO_SLOTS, workers: {} } : { workers: { server, ...workers } }),
    services: all.map((service) => ({ service, config: sections.get(service.name) })),
    configuration: resolved,
    brokers: drivers,
  };
}

/** @param workers - `undefined` when there are to be none. */
function readyText(address: string | undefined, stats: readonly PipelineStat[], workers: number | undefined): string {
  const pipelines = stats.map(({ pipeline, driver, ready }) => `${pipeline} (${driver}${ready ? '' : ', paused'})`);
  const place = address === undefined ? 'Ready.' : `Ready at ${address}.`;
  const processes = workers === undefined ? '' : ` ${workers} worker${workers === 1 ? '' : 's'}.`;
  return `${place}${processes} ${pipelines.length === 0 ? 'There are no pipelines yet.' : `Pipelines: ${pipelines.join(', ')}.`}`;
}
