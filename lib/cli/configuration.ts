import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readRrRpc, readRrYaml, type ReadRrYamlOptions, type RrConfiguration } from '../config/rr-yaml/read-rr-yaml.js';
import { JobsConfigError, type ConfigIssue } from '../contract/errors.js';
import type { LogSettings, RpcSettings } from '../contract/settings.js';
import { builtinServices } from '../runtime/builtin-services.js';
import { loadDriverOptions } from '../runtime/driver-options.js';
import type { CliIo } from './io.js';

/** Where a configuration is looked for, in the working directory. */
export const DEFAULT_FILE = '.rr.yaml';

/**
 * Reads a file, with those that it includes, relative to its folder.
 *
 * @param file - As it was written: errors name it so.
 * @param services - Whose sections are handed over as they are. Default: those of the library.
 * @throws JobsConfigError with everything that is wrong.
 */
export async function readConfiguration(
  file: string,
  overrides: readonly string[],
  io: CliIo,
  services: readonly string[] = Object.keys(builtinServices),
): Promise<RrConfiguration> {
  const reading = { ...sourceOf(file, io), overrides, services, drivers: await loadDriverOptions() };
  const configuration = readRrYaml(readText(resolve(io.workingDirectory, file), file), reading);
  const { logs, warnings } = configuration;
  return logs === undefined ? configuration : { ...configuration, warnings: [...warnings, ...unheeded(logs, file)] };
}

/**
 * Reads where the kernel of a file is called, which may be a RoadRunner; `undefined` when the file opens none.
 *
 * @throws JobsConfigError when it is no such file, or its section `rpc` is wrong.
 */
export function readRpc(file: string, io: CliIo): RpcSettings | undefined {
  return readRrRpc(readText(resolve(io.workingDirectory, file), file), sourceOf(file, io));
}

function sourceOf(file: string, io: CliIo): ReadRrYamlOptions {
  const folder = dirname(resolve(io.workingDirectory, file));
  return { file, environment: io.environment, readInclude: (included) => readText(resolve(folder, included), included) };
}

/** What the log of `serve` does not do. */
function unheeded({ output, lineEnding, file: rotated, channels }: LogSettings, file: string): ConfigIssue[] {
  const message =
    'It is not heeded: all lines go to the standard error, in the form that "logs" says. Send that where they are to be, and remove the key.';
  const isUnheeded = {
    output: output.join() !== 'stderr',
    line_ending: lineEnding !== '\n',
    file_logger_options: rotated !== undefined,
    channels: channels.size > 0,
  };
  return Object.entries(isUnheeded).flatMap(([key, is]) => (is ? [{ file, path: `logs.${key}`, message }] : []));
}

function readText(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? 'There is no such file. Name the configuration with -c.' : `It cannot be read: ${message}.`;
    throw new JobsConfigError([{ file, path: '', message: problem }], { cause });
  }
}
