import * as v from 'valibot';
import { type ConfigIssue, JobsConfigError } from '../contract/errors.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import type { KernelSettings } from '../contract/settings.js';
import { readCommonOptions } from './common-options.js';
import { readDriver } from './declaration.js';
import { pathOf, shown, wrongValue } from './issues.js';
import { OptionBag } from './option-bag.js';
import { isPipelineName, PIPELINE_NAME_EXPECTED } from './pipeline-name.js';
import { retryOptions } from './retry-options.js';
import { check, closed, duration, flag, integer, isRecord, oneOf, text } from './schema.js';
import { suggest } from './suggest.js';

export interface KernelConfiguration {
  readonly settings: KernelSettings;
  /** In the order of the configuration; their options are checked by `readPipeline`, once the driver is known. */
  readonly declarations: readonly PipelineDeclaration[];
  /** Each name once; `undefined` when the configuration does not say. */
  readonly consume: readonly string[] | undefined;
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
    },
    declarations,
    consume,
  };
}

/** The keys of `KernelOptions`, for whoever adds keys of its own to them. */
export function kernelOptionNames(): string[] {
  return Object.keys(kernelEntries());
}

function kernelOptions() {
  return closed(kernelEntries());
}

function kernelEntries() {
  return {
    pipelines: v.optional(v.unknown()), // read apart: names such as __proto__ are data
    consume: v.optional(v.unknown()),
    numPollers: counted('jobs', DEFAULT_NUM_POLLERS),
    timeout: v.optional(duration(), DEFAULT_TIMEOUT_S),
    pipelineSize: counted('jobs', DEFAULT_PIPELINE_SIZE),
    maxBytes: counted('bytes', DEFAULT_MAX_BYTES),
    maxPayload: counted('bytes', DEFAULT_MAX_PAYLOAD),
    maxCrashes: counted('crashes', DEFAULT_MAX_CRASHES),
    grace: v.optional(duration(), DEFAULT_GRACE_S),
    retry: v.optional(retryOptions(), {}),
    failed: v.optional(failedOptions(), {}),
    shutdown: v.optional(shutdownOptions(), {}),
    dataDir: v.optional(text('the path of a folder'), () => process.env['NRR_DATA_DIR'] ?? DEFAULT_DATA_DIR),
  };
}

function failedOptions() {
  return closed({
    store: v.optional(oneOf(['memory', 'embedded'])), // its default depends on the drivers
    count: counted('jobs', DEFAULT_FAILED_COUNT),
    age: v.optional(duration('more than 0', 1), DEFAULT_FAILED_AGE),
  });
}

function shutdownOptions() {
  return closed({
    timeout: v.optional(duration(), DEFAULT_SHUTDOWN_TIMEOUT_S),
    grace: v.optional(duration(), DEFAULT_SHUTDOWN_GRACE_S),
  });
}

function counted(unit: string, fallback: number) {
  return v.optional(integer({ min: 1, unit, default: fallback }), fallback);
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
  readCommonOptions(new OptionBag(section, path, issues), issues); // told here, together with what else is wrong
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
