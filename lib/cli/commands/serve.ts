import { dirname, resolve } from 'node:path';
import { systemClock } from '../../contract/clock.js';
import { describeConfigIssue, JobsConfigError, ServiceFailedError } from '../../contract/errors.js';
import type { Executor } from '../../contract/executor.js';
import type { PipelineStat } from '../../contract/jobs-api.js';
import type { KernelService } from '../../contract/service.js';
import type { RrConfiguration } from '../../config/rr-yaml/read-rr-yaml.js';
import { builtinServices } from '../../runtime/builtin-services.js';
import { createKernel, type CreateKernelParts } from '../../runtime/create-kernel.js';
import { builtinEntries, kernelPartsOf } from '../../runtime/rr-yaml-file.js';
import type { Command, CommandResult } from '../command.js';
import type { CommandLine } from '../command-line.js';
import { DEFAULT_FILE, readConfiguration } from '../configuration.js';
import type { CliIo } from '../io.js';
import { createLineLogger } from '../line-logger.js';
import { loadServices } from '../services.js';

type ServedKernel = Awaited<ReturnType<typeof createKernel>>;

/** As RoadRunner's. */
const FORCED_EXIT_CODE = 1;
/** A signal may come twice: a terminal sends it to the whole group, and a runner such as npx passes it on. Unit: milliseconds. */
const ECHO_MS = 1_000;
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
    'The workers are those of "server.command". Without the section "server" jobs are accepted and kept until another program handles them. It ends at SIGTERM or SIGINT, with 0, when running jobs have ended; a second signal ends it and its workers at once, with 1. A service that cannot go on ends it as the first signal does, with 1.',
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

  const ending = new Ending(io);
  const logger = createLineLogger((text) => io.err(text), logs);
  const kernel = await createKernel(options, { ...partsOf(configuration, services), logger });
  ending.watch(kernel);
  let isReady = false;
  try {
    isReady = await Promise.race([kernel.start().then(() => true), ending.begun.then(() => false)]);
    if (isReady) await tellReady(kernel, server !== undefined, line, io);
    await ending.begun;
  } finally {
    await kernel.close(isReady && server !== undefined ? {} : { timeoutMs: 0 }); // without workers nothing runs that could be waited for
  }
  if (ending.failure !== undefined) throw ending.failure;
  return NOTHING_TO_SAY;
}

/** @param hasWorkers - Whether there are to be any. */
async function tellReady(kernel: ServedKernel, hasWorkers: boolean, line: CommandLine, io: CliIo): Promise<void> {
  const [stats, workers] = await Promise.all([kernel.stat(), kernel.admin.workers()]);
  const address = kernel.rpcAddress;
  if (line.has('json')) io.out(JSON.stringify({ ready: true, rpc: address, workers: workers.length, pipelines: stats }));
  else io.out(readyText(address, stats, hasWorkers ? workers.length : undefined));
}

/** Why and how the kernel of a process ends: the first signal, or a service that cannot go on, lets it stop; a second signal does not wait. */
class Ending {
  readonly begun: Promise<void>;
  /** What a service said that cannot go on. */
  failure: ServiceFailedError | undefined;
  readonly #io: CliIo;
  #begin: () => void = () => {};
  #kernel: ServedKernel | undefined;
  #firstSignalAt: number | undefined;

  constructor(io: CliIo) {
    this.#io = io;
    this.begun = new Promise((tell) => (this.#begin = tell));
    io.onStop((signal) => this.#onSignal(signal));
  }

  /** As RoadRunner: a source of work that is asked for and cannot go on ends the program, so that its supervisor starts it anew. */
  watch(kernel: ServedKernel): void {
    this.#kernel = kernel;
    kernel.events.on('error', ({ error }) => {
      if (!(error instanceof ServiceFailedError)) return;
      this.failure ??= error;
      this.#begin();
    });
  }

  #onSignal(signal: string): void {
    const now = systemClock.monotonic();
    if (this.#firstSignalAt === undefined) {
      this.#firstSignalAt = now;
      this.#io.err(`${signal}: stopping. Once more ends it at once.`);
      this.#begin();
      return;
    }
    if (now - this.#firstSignalAt < ECHO_MS) return;
    this.#io.err(`${signal} once more: ended at once, workers included. What was in memory is lost.`);
    this.#kernel?.kill();
    this.#io.exit(FORCED_EXIT_CODE);
  }
}

function partsOf(configuration: RrConfiguration, services: readonly KernelService[]): CreateKernelParts {
  const taken = new Set(services.map(({ name }) => name));
  const builtin = builtinEntries(configuration).filter(({ service: { name } }) => !taken.has(name));
  const own = services.map((service) => ({ service, config: configuration.sections.get(service.name) }));
  return {
    ...kernelPartsOf(configuration),
    ...(configuration.server === undefined ? { executor: NO_SLOTS } : {}),
    services: [...builtin, ...own],
  };
}

/** @param workers - `undefined` when there are to be none. */
function readyText(address: string | undefined, stats: readonly PipelineStat[], workers: number | undefined): string {
  const pipelines = stats.map(({ pipeline, driver, ready }) => `${pipeline} (${driver}${ready ? '' : ', paused'})`);
  const place = address === undefined ? 'Ready.' : `Ready at ${address}.`;
  const processes = workers === undefined ? '' : ` ${workers} worker${workers === 1 ? '' : 's'}.`;
  return `${place}${processes} ${pipelines.length === 0 ? 'There are no pipelines yet.' : `Pipelines: ${pipelines.join(', ')}.`}`;
}
