import { type ConfigIssue, JobsConfigError } from '../contract/errors.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import type { OptionSpec } from '../contract/option-spec.js';
import type { RetryOptions } from '../contract/retry-policy.js';
import type { PipelineSettings } from '../contract/settings.js';
import { COMMON_NAMES, readCommonOptions } from './common-options.js';
import { ownQueueMessage, pathOf, unknownKeyMessage } from './issues.js';
import { findNested, isNestedForm } from './nested-form.js';
import { OptionBag, type LeftOption } from './option-bag.js';
import { check, duration, flag, integer, map, oneOf, type Schema, text, wholeSeconds } from './schema.js';

export interface ReadPipelineOptions {
  /** Where the declaration stands, for errors. Default: `pipelines.<name>`. */
  readonly path?: string;
  /**
   * Unknown keys are no error but listed in {@link PipelineReading.ignored}: RoadRunner's clients send some that nobody
   * reads. Wrong values stay errors. Default: `false`.
   */
  readonly lenient?: boolean;
}

export interface PipelineReading {
  readonly settings: PipelineSettings;
  /** What was not used; always empty unless `lenient`. */
  readonly ignored: readonly LeftOption[];
}

/** For drivers that declare no `prefetch`. */
const DEFAULT_PREFETCH = 100_000;
const PREFETCH = 'prefetch';
const IN_FLIGHT = 'maxMessagesInFlight';
/** Keys that name the pipeline or hold its options. */
export const FRAME: readonly string[] = ['name', 'driver', 'config'];

/**
 * Reads a pipeline in any of its three forms: camelCase options, the keys of `.rr.yaml`, or a Declare map, in which every
 * value is text; flat or under `config`, where the flat key wins.
 *
 * @param specs - The options of its driver.
 * @param base - What holds where the pipeline itself says nothing.
 * @throws {@link JobsConfigError} with everything that is wrong.
 */
export function readPipeline(
  declaration: PipelineDeclaration,
  specs: readonly OptionSpec[],
  base: { readonly retry: RetryOptions },
  { path = pathOf('pipelines', declaration.name), lenient = false }: ReadPipelineOptions = {},
): PipelineReading {
  const issues: ConfigIssue[] = [];
  const bag = OptionBag.of(declaration, path, issues);
  const { priority, concurrency, timeoutMs, pool, retry } = readCommonOptions(bag, issues);
  if (retry.onFailure === `queue:${declaration.name}`) issues.push({ path: `${path}.onFailure`, message: ownQueueMessage(retry.onFailure) });
  const options = readDriverOptions(bag, specs, issues);
  const left = bag.left(declaration.queue === declaration.name ? [...FRAME, 'queue'] : FRAME); // old clients name it by `queue`
  if (!lenient) for (const { name, path: where, known } of left) issues.push({ path: where, message: unknownKeyMessage(name, known) });
  if (issues.length > 0) throw new JobsConfigError(issues);
  return {
    settings: {
      name: declaration.name,
      driver: declaration.driver,
      priority,
      prefetch: lentAtOnce(options),
      concurrency,
      timeoutMs,
      ...(pool === undefined ? {} : { pool }),
      retry: {
        attempts: retry.attempts ?? base.retry.attempts,
        backoff: retry.backoff ?? base.retry.backoff,
        onFailure: retry.onFailure ?? base.retry.onFailure,
      },
      options,
    },
    ignored: left,
  };
}

// Where one receive takes less than may be lent, as with SQS, the driver has an option for each.
function lentAtOnce(options: Readonly<Record<string, unknown>>): number {
  const lent = [options[IN_FLIGHT], options[PREFETCH]].find((value) => typeof value === 'number' && value > 0);
  return typeof lent === 'number' ? lent : DEFAULT_PREFETCH;
}

function readDriverOptions(bag: OptionBag, specs: readonly OptionSpec[], issues: ConfigIssue[]): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  const isNested = isNestedForm(bag, specs, issues);
  for (const spec of specs) {
    if (COMMON_NAMES.includes(spec.name)) continue;
    const found = isNested && spec.nested !== undefined ? findNested(bag, spec.nested) : bag.find(spellingsOf(spec));
    const value = found === undefined || saysDefault(spec, found.value) ? undefined : check(schemaOf(spec), found.value, found.path, issues);
    const chosen = value ?? spec.default;
    if (chosen !== undefined) options[spec.name] = chosen;
  }
  return options;
}

function spellingsOf({ name, key, declareKey }: OptionSpec): string[] {
  return declareKey === undefined ? [name, key] : [name, key, declareKey];
}

/** RoadRunner takes an empty text and a prefetch of 0 for "not given". */
function saysDefault(spec: OptionSpec, value: unknown): boolean {
  if (spec.type === 'text') return value === '';
  return spec.name === PREFETCH && (value === 0 || value === '0');
}

/** What checks an option of a driver. */
export function schemaOf(spec: OptionSpec): Schema<unknown> {
  if (spec.type === 'integer') return integer(spec);
  if (spec.type === 'boolean') return flag();
  if (spec.type === 'map') return map();
  if (spec.type === 'seconds') return wholeSeconds(spec);
  if (spec.type === 'duration') return duration(undefined, spec.min);
  return spec.oneOf === undefined ? text() : oneOf(spec.oneOf);
}
