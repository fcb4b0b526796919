import { type ConfigIssue, JobsConfigError } from '../contract/errors.js';
import type { PipelineDeclaration } from '../contract/jobs-api.js';
import { pathOf, wrongValue } from './issues.js';
import { isPipelineName, PIPELINE_NAME_EXPECTED } from './pipeline-name.js';
import { isRecord } from './schema.js';

/**
 * Reads what a producer or an RPC client declares. The name is `name`, or `queue` where that is empty: old clients of
 * RoadRunner send it there. The options are checked later, by `readPipeline`.
 *
 * @param path - Where it stands, for errors. Default: `pipeline`.
 * @throws {@link JobsConfigError} with everything that is wrong.
 */
export function readDeclaration(input: unknown, path = 'pipeline'): PipelineDeclaration {
  if (!isRecord(input)) throw new JobsConfigError([wrongValue(path, input, 'an object with "name", "driver" and the options of the driver')]);
  const issues: ConfigIssue[] = [];
  const driver = readDriver(input, path, issues);
  const name = input.name === undefined || input.name === '' ? (input.queue ?? input.name) : input.name;
  if (!isPipelineName(name)) issues.push(wrongValue(pathOf(path, 'name'), name, PIPELINE_NAME_EXPECTED));
  if (driver === undefined || !isPipelineName(name)) throw new JobsConfigError(issues);
  return { ...input, name, driver };
}

export function readDriver(section: Readonly<Record<string, unknown>>, path: string, issues: ConfigIssue[]): string | undefined {
  const { driver } = section;
  if (typeof driver === 'string' && driver !== '') return driver;
  issues.push(wrongValue(pathOf(path, 'driver'), driver, 'the name of a driver, such as "memory"'));
  return undefined;
}
