import { Logger } from '@nestjs/common';
import type { RrConfiguration } from '../config/rr-yaml/read-rr-yaml.js';
import type { KernelOptions } from '../config/kernel-options.js';
import { describeConfigIssue, JobsConfigError, type ConfigIssue } from '../contract/errors.js';
import { optionKey } from '../contract/option-spec.js';
import type { ModuleSettings } from './module-settings.js';

const REMEDY = 'Correct "configFile", which is relative to the working directory.';
const NO_LOGS = 'It has no effect in an application: all lines go to the logger of Nest.';

/**
 * The settings with what their `configFile` says, as the command `serve` reads it. A worker has no kernel: it reads no file.
 *
 * @throws JobsConfigError (as a rejection) with everything that is wrong in the file.
 */
export async function withConfigFile(settings: ModuleSettings, environment: Readonly<Record<string, string | undefined>>): Promise<ModuleSettings> {
  const { configFile: file, role, drivers } = settings;
  if (file === undefined || role === 'worker') return settings;
  const { readRrKernel } = await import('../runtime/rr-yaml-file.js'); // most applications read no file
  const read = await readRrKernel(file, { workingDirectory: process.cwd(), environment, remedy: REMEDY, drivers });
  const beside = besideFile(settings.kernel, read.configuration, file);
  tell(read.configuration, file);
  return { ...settings, kernel: { ...read.options, ...beside }, fileParts: read.parts, services: read.services };
}

function besideFile(options: KernelOptions, { kernel }: RrConfiguration, file: string): KernelOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const issues = given
    .filter(([key]) => Object.hasOwn(kernel, key))
    .map(([key]): ConfigIssue => {
      const inFile = key === 'shutdown' ? '"jobs.shutdown" or "endure.grace_period"' : `"jobs.${optionKey(key)}"`;
      return { path: key, message: `The file "${file}" of "configFile" says it too, as ${inFile}. Keep one of them.` };
    });
  if (issues.length > 0) throw new JobsConfigError(issues);
  return Object.fromEntries(given);
}

function tell({ warnings, logs }: RrConfiguration, file: string): void {
  const logger = new Logger('JobsModule');
  const ignored: ConfigIssue[] = logs === undefined ? [] : [{ file, path: 'logs', message: NO_LOGS }];
  for (const warning of [...warnings, ...ignored]) logger.warn(describeConfigIssue(warning));
}
