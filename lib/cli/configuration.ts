import type { RrConfiguration } from '../config/rr-yaml/read-rr-yaml.js';
import type { ConfigIssue } from '../contract/errors.js';
import type { LogSettings, RpcSettings } from '../contract/settings.js';
import { readRrRpcFile, readRrYamlFile } from '../runtime/rr-yaml-file.js';
import type { CliIo } from './io.js';

/** Where a configuration is looked for, in the working directory. */
export const DEFAULT_FILE = '.rr.yaml';

const REMEDY = 'Name the configuration with -c.';

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
  { workingDirectory, environment }: CliIo,
  services?: readonly string[],
): Promise<RrConfiguration> {
  const own = services === undefined ? {} : { services };
  const configuration = await readRrYamlFile(file, { workingDirectory, environment, remedy: REMEDY, overrides, ...own });
  const { logs, warnings } = configuration;
  return logs === undefined ? configuration : { ...configuration, warnings: [...warnings, ...unheeded(logs, file)] };
}

/**
 * Reads where the kernel of a file is called, which may be a RoadRunner; `undefined` when the file opens none.
 *
 * @throws JobsConfigError when it is no such file, or its section `rpc` is wrong.
 */
export function readRpc(file: string, { workingDirectory, environment }: CliIo): RpcSettings | undefined {
  return readRrRpcFile(file, { workingDirectory, environment, remedy: REMEDY });
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
