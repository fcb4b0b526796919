import type { JobsLogger } from '../contract/logger.js';
import type { LogChannelSettings } from '../contract/settings.js';
import { visible } from './table.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

/** Writes one line an event: text for people, or JSON where `logs` of the configuration says so. */
export function createLineLogger(write: (line: string) => void, settings?: Pick<LogChannelSettings, 'mode' | 'level' | 'encoding'>): JobsLogger {
  const { mode = 'development', level: least = 'info', encoding = mode === 'production' ? 'json' : 'console' } = settings ?? {};
  const from = mode === 'off' || mode === 'none' || least === 'panic' ? LEVELS.length : LEVELS.indexOf(least);
  const lineOf = encoding === 'json' ? jsonLine : textLine;
  const at =
    (level: Level) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (LEVELS.indexOf(level) >= from) write(lineOf(level, message, fields));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function textLine(level: Level, message: string): string {
  return `${new Date().toISOString()} ${level.toUpperCase()} ${visible(message)}`;
}

function jsonLine(level: Level, message: string, fields: Readonly<Record<string, unknown>>): string {
  const facts = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? value.message : value]));
  return JSON.stringify({ ...facts, level, ts: new Date().toISOString(), logger: 'jobs', msg: message });
}
