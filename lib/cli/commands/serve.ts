import { dirname, resolve } from 'node:path';
import { describeConfigIssue, JobsConfigError } from '../../contract/errors.js';
import type { Executor } from '../../contract/executor.js';
import type { PipelineStat } from '../../contract/jobs-api.js';
import { createKernel } from '../../runtime/create-kernel.js';
import type { Command, CommandResult } from '../command.js';
import type { CommandLine } from '../command-line.js';
import { DEFAULT_FILE, readConfiguration } from '../configuration.js';
import type { CliIo } from '../io.js';
import { createLineLogger } from '../line-logger.js';

const NOTHING_TO_SAY: CommandResult = { json: undefined };
const NOT_CALLED =
  'The section is missing, so nobody could reach the kernel. Add rpc: { listen: "tcp://127.0.0.1:6001" }, or give -o rpc.listen=tcp://127.0.0.1:6001.';

/** The jobs stay where they are: this process has no handlers and no workers. */
const NO_SLOTS: Executor = { capacity: () => 0, onCapacity: () => {}, execute: () => ({ kind: 'unstarted' }) };

export const serveCommand: Command = {
  name: 'serve',
  takes: '',
  summary: 'Runs the kernel of a .rr.yaml: its pipelines, open to clients by RPC.',
  details:
    'It has no workers of its own yet: jobs are accepted and kept until another program handles them. It ends at SIGTERM or SIGINT, with 0; a second signal ends it at once.',
  examples: ['serve', 'serve -c config/.rr.yaml -o rpc.listen=tcp://127.0.0.1:7001'],
  options: {
    config: { short: 'c', value: '<file>', meaning: `The configuration. Default: ${DEFAULT_FILE}.` },
    override: { short: 'o', value: '<key=value>', isList: true, meaning: 'Takes the place of a value of the file: -o jobs.timeout=10.' },
    directory: { short: 'w', value: '<folder>', meaning: 'The working directory. Default: the folder of the file.' },
  },
  run: serve,
};

async function serve(line: CommandLine, io: CliIo): Promise<CommandResult> {
  const file = line.text('config') ?? DEFAULT_FILE;
  const { kernel: options, rpc, logs, resolved, warnings } = await readConfiguration(file, line.list('override'), io);
  for (const warning of warnings) io.err(`Warning: ${describeConfigIssue(warning)}`);
  if (rpc === undefined) throw new JobsConfigError([{ path: 'rpc', message: NOT_CALLED }]);
  io.changeDirectory(resolve(io.workingDirectory, line.text('directory') ?? dirname(file)));

  const stopped = new Promise<string>((tell) => io.onStop(tell));
  const logger = createLineLogger((text) => io.err(text), logs);
  const kernel = await createKernel(options, { executor: NO_SLOTS, logger, configuration: resolved });
  try {
    await kernel.start();
    const address = kernel.rpcAddress ?? rpc.listen;
    const stats = await kernel.stat();
    io.out(line.has('json') ? JSON.stringify({ ready: true, rpc: address, pipelines: stats }) : readyText(address, stats));
    io.err(`${await stopped}: stopping. Once more ends it at once.`);
  } finally {
    await kernel.close({ timeoutMs: 0, graceMs: 0 }); // nothing runs that could be waited for
  }
  return NOTHING_TO_SAY;
}

function readyText(address: string, stats: readonly PipelineStat[]): string {
  const pipelines = stats.map(({ pipeline, driver, ready }) => `${pipeline} (${driver}${ready ? '' : ', paused'})`);
  return `Ready at ${address}. ${pipelines.length === 0 ? 'There are no pipelines yet.' : `Pipelines: ${pipelines.join(', ')}.`}`;
}
