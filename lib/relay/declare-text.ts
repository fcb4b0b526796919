import { JobsArgumentError } from '../contract/errors.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import { optionKey } from '../contract/option-spec.js';

/**
 * A declaration as `jobs.Declare` carries it: everything is text, maps are JSON, keys are those of `.rr.yaml`. What stands under
 * `config` comes up; a flat key wins.
 *
 * @throws JobsArgumentError when a value has no text.
 */
export function declareTexts(pipeline: PipelineDeclaration): Record<string, string> {
  const { config, ...flat } = pipeline;
  const texts = Object.create(null) as Record<string, string>;
  const nested = typeof config === 'object' && config !== null ? (config as Readonly<Record<string, unknown>>) : {};
  for (const fields of [nested, flat as Readonly<Record<string, unknown>>]) {
    for (const key of Object.keys(fields)) {
      if (fields[key] !== undefined) texts[optionKey(key)] = textOf(fields[key], key);
    }
  }
  return texts;
}

function textOf(value: unknown, key: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || typeof value === 'bigint' || Number.isFinite(value)) return String(value);
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value);
    } catch {
      // Falls through to the error below.
    }
  }
  throw new JobsArgumentError(`"${key}" is ${typeof value}, which cannot be sent. Give text, a number, true or false, or plain data.`);
}
