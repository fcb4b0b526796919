import * as v from 'valibot';
import { type ConfigIssue, JobsConfigError } from '../contract/errors.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import type { BrokerSections, KernelSettings } from '../contract/settings.js';
import { readCommonOptions } from './common-options.js';
import { readDriver } from './declaration.js';
import { pathOf, shown, wrongValue } from './issues.js';
import { driverSections } from './rr-yaml/driver-sections.js';
import { OptionBag } from './option-bag.js';
import { isPipelineName, PIPELINE_NAME_EXPECTED } from './pipeline-name.js';
import { readNamedPools, readPoolOptions, type PoolConfiguration } from './pool-options.js';
import { retryOptions } from './retry-options.js';
import { readRpcOptions, type RpcConfiguration } from './rpc-options.js';
import { about, check, closed, duration, filled, flag, integer, isRecord, oneOf, text } from './schema.js';
import { suggest } from './suggest.js';

export interface KernelConfiguration {
  readonly settings: KernelSettings;
  /** In the order of the configuration; their options are checked by `readPipeline`, once the driver is known. */
  readonly declarations: readonly PipelineDeclaration[];
  /** Each name once; `undefined` when the configuration does not say. */
  readonly consume: readonly string[] | undefined;
  /** `undefined` when the kernel is alone in its process. */
  readonly rpc: RpcConfiguration | undefined;
  /** `undefined` when jobs run in this process, or there are named pools. */
  readonly pool: PoolConfiguration | undefined;
  /** By name, instead of `pool`; empty when there are none. */
  readonly pools: ReadonlyMap<string, PoolConfiguration>;
}

const DEFAULT_NUM_POLLERS = 64;
const DEFAULT_TIMEOUT_S = 60;
const DEFAULT_PIPELINE_SIZE = 1_000_000;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
const DEFAULT_MAX_PAYLOAD = 16 * 1024 * 1024;
const DEFAULT_MAX_CRASHES = 3;
const DEFAULT_GRACE_S = 1;
const DEFAULT_FAILED_COUNT = 10_000;
const DEFAULT_FAILED_AGE = '7d';
const DEFAULT_SHUTDOWN_TIMEOUT_S = 25;
const DEFAULT_SHUTDOWN_GRACE_S = 1;
/** Also of `.rr.yaml`. */
export const BOTH_POOLS = '"pool" and "pools" stand side by side. Keep "pools", with the workers of "pool" under a name of their own.';
const DEFAULT_DATA_DIR = '.nrr';

/**
 * Reads the options of a kernel: checks all of them, fills in the defaults, converts units.
 *
 * @param input - What a user wrote as `KernelOptions`; `undefined` is `{}`.
 * @throws {@link JobsConfigError} with everything that is wrong.
 */
export function readKernelOptions(input: unknown = {}): KernelConfiguration {
  const issues: ConfigIssue[] = [];
  const options = check(kernelOptions(), input, '', issues);
  const tree = isRecord(input) ? input : {};
  const declarations = readPipelines(tree.pipelines, issues);
  const consume = readConsume(tree.consume, isRecord(tree.pipelines) ? Object.keys(tree.pipelines) : [], issues);
  const rpc = tree.rpc === undefined ? undefined : readRpcOptions(tree.rpc, 'rpc', issues);
  const pool = tree.pool === undefined ? undefined : readPoolOptions(tree.pool, 'pool', issues);
  const pools = tree.pools === undefined ? new Map<string, PoolConfiguration>() : readNamedPools(tree.pools, 'pools', issues);
  if (tree.pool !== undefined && tree.pools !== undefined) issues.push({ path: 'pools', message: BOTH_POOLS });
  if (rpc?.target !== undefined) refuseOwnPipelines(tree, issues);
  if (options === undefined || issues.length > 0) throw new JobsConfigError(issues);
  return {
    settings: {
      numPollers: options.numPollers,
      timeoutMs: options.timeout,
      pipelineSize: options.pipelineSize,
      maxBytes: options.maxBytes,
      maxPayloadBytes: options.maxPayload,
      maxCrashes: options.maxCrashes,
      graceMs: options.grace,
      retry: options.retry,
      failed: {
        ...(options.failed.store === undefined ? {} : { store: options.failed.store }),
        count: options.failed.count,
        ageMs: options.failed.age,
      },
      shutdown: { timeoutMs: options.shutdown.timeout, graceMs: options.shutdown.grace },
      dataDir: options.dataDir,
      ...brokersOf(options),
    },
    declarations,
    consume,
    rpc,
    pool,
    pools,
  };
}

/** The keys of `KernelOptions`, for whoever adds keys of its own to them. */
export function kernelOptionNames(): string[] {
  return Object.keys({ ...kernelEntries(), ...brokerEntries() });
}

function kernelOptions() {
  return closed({ ...kernelEntries(), ...brokerEntries() });
}

/** The options of a kernel, for whoever reads them in another form. */
export function kernelTable(): v.ObjectEntries {
  return kernelEntries();
}

/** One line per option: checks, suggestions, keys of `.rr.yaml` and the JSON Schema are made from it. */
function kernelEntries() {
  return {
    pipelines: v.optional(v.unknown()), // read apart: names such as __proto__ are data
    consume: v.optional(v.unknown()),
    numPollers: counted('jobs', DEFAULT_NUM_POLLERS, 'Jobs handled at once over all pipelines.'),
    timeout: seconds(DEFAULT_TIMEOUT_S, 'How long a push or the end of a pipeline may take.'),
    pipelineSize: counted('jobs', DEFAULT_PIPELINE_SIZE, 'Jobs in the priority queue, over all pipelines.'),
    maxBytes: counted('bytes', DEFAULT_MAX_BYTES, 'Payloads and headers in the priority queue and in running jobs.'),
    maxPayload: counted('bytes', DEFAULT_MAX_PAYLOAD, 'The largest payload of a job.'),
    maxCrashes: counted('crashes', DEFAULT_MAX_CRASHES, 'Deaths of its process at which a job may run before it goes to the failed store.'),
    grace: seconds(DEFAULT_GRACE_S, "Between the abort of a timed out job's signal and the moment its slot is given away."),
    retry: v.optional(about('What happens to jobs that fail.', retryOptions()), {}),
    failed: v.optional(about('Where failed jobs are kept, and how many.', failedOptions()), {}),
    shutdown: v.optional(about('How much time a stop may take.', shutdownOptions()), {}),
    rpc: v.optional(v.unknown()), // read apart: it may be a text
    pool: v.optional(v.unknown()), // read apart: `.rr.yaml` has another form
    pools: v.optional(v.unknown()),
    dataDir: v.optional(
      about(
        'The folder of the files of embedded pipelines and of the state. Default: the variable `NRR_DATA_DIR`, or `.nrr`.',
        filled('the path of a folder'),
      ),
      () => process.env['NRR_DATA_DIR'] || DEFAULT_DATA_DIR, // an empty variable is how deployments unset one
    ),
  };
}

// In `.rr.yaml` they stand at the root, beside the section of the kernel.
function brokerEntries() {
  const { amqp, beanstalk, sqs, kafka } = driverSections(() => duration());
  return { amqp: v.optional(amqp!), beanstalk: v.optional(beanstalk!), sqs: v.optional(sqs!), kafka: v.optional(kafka!) };
}

type BrokerName = 'amqp' | 'beanstalk' | 'sqs' | 'kafka';

function brokersOf({ amqp, beanstalk, sqs, kafka }: { readonly [K in BrokerName]?: BrokerSections[string] }): Pick<KernelSettings, 'brokers'> {
  const given = Object.entries({ amqp, beanstalk, sqs, kafka }).filter(([, section]) => section !== undefined);
  return given.length === 0 ? {} : { brokers: Object.fromEntries(given) };
}

function failedOptions() {
  return closed({
    store: v.optional(about('`embedded` keeps them in a file; its default depends on the drivers.', oneOf(['memory', 'embedded']))),
    count: counted('jobs', DEFAULT_FAILED_COUNT, 'How many are kept; beyond it the oldest go.'),
    age: v.optional(about('How long one is kept.', duration('more than 0', 1)), DEFAULT_FAILED_AGE),
  });
}

function shutdownOptions() {
  return closed({
    timeout: seconds(DEFAULT_SHUTDOWN_TIMEOUT_S, 'How long running jobs may go on after a stop began.'),
    grace: seconds(DEFAULT_SHUTDOWN_GRACE_S, 'Between the abort of the signals of jobs that still run and their return to the brokers.'),
  });
}

function counted(unit: string, fallback: number, meaning: string) {
  return v.optional(about(meaning, integer({ min: 1, unit, default: fallback })), fallback);
}

function seconds(fallback: number, meaning: string) {
  return v.optional(about(meaning, duration()), fallback);
}

// Which of the two would a push go to? The kernel over there has pipelines of its own.
function refuseOwnPipelines(tree: Readonly<Record<string, unknown>>, issues: ConfigIssue[]): void {
  for (const key of ['pipelines', 'consume', 'pool', 'pools']) {
    const value = tree[key];
    const isEmpty = value === undefined || (Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0);
    if (isEmpty && (key !== 'pool' || value === undefined)) continue;
    issues.push({
      path: key,
      message: `It stands beside "rpc.connect", where pushes go to the pipelines of another kernel. Remove "${key}", or remove "rpc.connect" to run them here.`,
    });
  }
}

function readPipelines(input: unknown, issues: ConfigIssue[]): PipelineDeclaration[] {
  if (input === undefined) return [];
  if (!isRecord(input)) {
    issues.push(wrongValue('pipelines', input, 'an object with a section for each pipeline, by name'));
    return [];
  }
  const declarations: PipelineDeclaration[] = [];
  for (const name of Object.keys(input)) {
    const declaration = readSection(name, input[name], pathOf('pipelines', name), issues);
    if (declaration !== undefined) declarations.push(declaration);
  }
  return declarations;
}

function readSection(name: string, section: unknown, path: string, issues: ConfigIssue[]): PipelineDeclaration | undefined {
  if (!isPipelineName(name)) issues.push(wrongValue(path, name, PIPELINE_NAME_EXPECTED));
  if (!isRecord(section)) {
    issues.push(wrongValue(path, section, 'an object with "driver" and the options of the driver'));
    return undefined;
  }
  if (section.name !== undefined && section.name !== name) {
    issues.push({
      path: pathOf(path, 'name'),
      message: `${shown(section.name)} differs from the key ${shown(name)}, which names the pipeline. Remove it.`,
    });
  }
  const driver = readDriver(section, path, issues);
  readCommonOptions(OptionBag.of(section, path, issues), issues); // told here, together with what else is wrong
  return driver === undefined ? undefined : { ...section, name, driver };
}

function readConsume(input: unknown, pipelines: readonly string[], issues: ConfigIssue[]): readonly string[] | undefined {
  if (input === undefined) return undefined;
  if (!Array.isArray(input)) {
    issues.push(wrongValue('consume', input, 'a list of names of pipelines'));
    return undefined;
  }
  const names = new Set<string>();
  for (const [index, item] of (input as unknown[]).entries()) {
    const path = pathOf('consume', index);
    const { name, declaredLater } = isRecord(item)
      ? (check(consumeOption(), item, path, issues) ?? {})
      : { name: check(text('the name of a pipeline'), item, path, issues), declaredLater: false };
    if (name === undefined) continue;
    if (!declaredLater && !pipelines.includes(name)) issues.push({ path, message: unknownPipelineMessage(name, pipelines) });
    names.add(name);
  }
  return [...names];
}

function consumeOption() {
  return closed({ name: text('the name of a pipeline'), declaredLater: v.optional(flag(), false) });
}

function unknownPipelineMessage(name: string, pipelines: readonly string[]): string {
  const suggestion = suggest(name, pipelines);
  return (
    `No pipeline is called ${shown(name)}.${suggestion === undefined ? '' : ` Did you mean "${suggestion}"?`} ` +
    'Configure it under "pipelines", or write { name, declaredLater: true } if it is declared at run time.'
  );
}
