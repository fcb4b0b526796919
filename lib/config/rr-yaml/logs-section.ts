import * as v from 'valibot';
import type { LogChannelSettings, LogFileSettings, LogSettings } from '../../contract/settings.js';
import { about, closed, flag, integer, oneOf, type Schema, text } from '../schema.js';
import { lenientChoice, named, textList } from './values.js';

const MODES = ['development', 'production', 'raw', 'off', 'none'] as const;
const LEVELS = ['debug', 'info', 'warn', 'error', 'panic'] as const;
const DEFAULT_FILE = { maxSizeMb: 100, maxAgeDays: 24, maxBackups: 10 };

/** The section `logs`. */
export function logsSection(): Schema<LogSettings> {
  const section = closed({
    ...channelEntries(),
    channels: v.optional(about('By name of a part, such as `jobs` or `server`: the same keys, for this part only.', named(channelSection()))),
  });
  return v.pipe(
    section,
    v.transform(({ channels, ...own }) => ({ ...channelOf(own), channels: channels ?? new Map<string, LogChannelSettings>() })),
  );
}

function channelSection(): Schema<LogChannelSettings> {
  return v.pipe(closed(channelEntries()), v.transform(channelOf));
}

function channelEntries() {
  const where = 'a list of "stdout", "stderr" and paths of files';
  return {
    mode: v.optional(
      about('`production`: one JSON object per line; `raw`: the message alone; `off` and `none`: nothing.', lenientChoice(MODES, 'development')),
      'development',
    ),
    level: v.optional(about('The least that is logged.', lenientChoice(LEVELS, 'debug')), 'debug'),
    encoding: v.optional(about('The form of a line, where it is not that of the mode.', oneOf(['console', 'json']))),
    output: v.optional(about('Where lines go: `stdout`, `stderr` or paths of files.', textList(where)), ['stderr']),
    errOutput: v.optional(about('Where errors of logging itself go.', textList(where)), ['stderr']),
    lineEnding: v.optional(about('What ends a line.', text()), '\n'),
    fileLoggerOptions: v.optional(about('Also into a file that is rotated.', fileSection())),
  };
}

type Channel = v.InferOutput<v.ObjectSchema<ReturnType<typeof channelEntries>, undefined>>;

function channelOf({ mode, level, encoding, output, errOutput, lineEnding, fileLoggerOptions }: Channel): LogChannelSettings {
  return {
    mode,
    level,
    ...(encoding === undefined ? {} : { encoding }),
    output,
    errOutput,
    lineEnding,
    ...(fileLoggerOptions === undefined ? {} : { file: fileLoggerOptions }),
  };
}

function fileSection(): Schema<LogFileSettings> {
  const section = closed({
    logOutput: about('The path of the file.', text('the path of a file')),
    maxSize: number('MiB', DEFAULT_FILE.maxSizeMb, 'A larger file is put aside.'),
    maxAge: number('days', DEFAULT_FILE.maxAgeDays, 'Older files are removed.'),
    maxBackups: number('files', DEFAULT_FILE.maxBackups, 'Files put aside that are kept.'),
    compress: v.optional(about('Files put aside are compressed.', flag()), false),
  });
  return v.pipe(
    section,
    v.transform(({ logOutput, maxSize, maxAge, maxBackups, compress }) => ({
      path: logOutput,
      maxSizeMb: maxSize,
      maxAgeDays: maxAge,
      maxBackups,
      compress,
    })),
  );
}

function number(unit: string, fallback: number, meaning: string) {
  return v.optional(about(meaning, integer({ min: 0, unit, default: fallback })), fallback);
}
