import { declareText } from '../contract/declare-text.js';
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
      if (fields[key] !== undefined) texts[optionKey(key)] = declareText(fields[key], `"${key}"`);
    }
  }
  return texts;
}
