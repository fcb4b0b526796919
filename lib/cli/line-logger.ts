import type { JobsLogger } from '../contract/logger.js';
import type { LogChannelSettings } from '../contract/settings.js';
import { messageOf } from '../contract/thrown.js';
import { visible } from './table.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];
type Facts = Readonly<Record<string, unknown>>;

/** Writes one line an event: text for people, or JSON where `logs` of the configuration says so. */
export function createLineLogger(write: (line: string) => void, settings?: Pick<LogChannelSettings, 'mode' | 'level' | 'encoding'>): JobsLogger {
  const { mode = 'development', level: least = 'info', encoding = mode === 'production' ? 'json' : 'console' } = settings ?? {};
  const from = mode === 'off' || mode === 'none' || least === 'panic' ? LEVELS.length : LEVELS.indexOf(least);
  const lineOf = mode === 'raw' ? rawLine : encoding === 'json' ? jsonLine : textLine;
  const at =
    (level: Level) =>
    (message: string, fields: Facts = {}): void => {
      if (LEVELS.indexOf(level) >= from) write(lineOf(level, message, fields));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function rawLine(_level: Level, message: string, { error }: Facts): string {
  const reason = error === undefined ? '' : reasonOf(error);
  return visible(message.includes(reason) ? message : `${message} ${reason}`);
}

function textLine(level: Level, message: string, facts: Facts): string {
  return `${new Date().toISOString()} ${level.toUpperCase()} ${rawLine(level, message, facts)}`;
}

function jsonLine(level: Level, message: string, fields: Facts): string {
  const facts = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, factOf(value)]));
  return JSON.stringify({ ...facts, level, ts: new Date().toISOString(), logger: 'jobs', msg: message });
}

/** With what JSON has words for alone: a fact must not end the line, and the one who writes it. */
function factOf(value: unknown): unknown {
  try {
    const text = JSON.stringify(value, (_name, part: unknown) =>
      part instanceof Error ? reasonOf(part) : typeof part === 'bigint' ? String(part) : part,
    ) as string | undefined;
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return Object.prototype.toString.call(value); // it refers to itself
  }
}

function reasonOf(error: unknown): string {
  const message = messageOf(error);
  if (!(error instanceof AggregateError)) return message;
  const untold = error.errors.map(messageOf).filter((part) => !message.includes(part));
  return [message, untold.join('; ')].filter((part) => part !== '').join(' ');
}
