import { Logger } from '@nestjs/common';
import type { JobsLogger } from '../contract/logger.js';

/** A fact of a line is cut after it. Unit: characters. */
const MAX_FACT = 1_024;

/** Writes to the application's logger. A stack goes where Nest expects it; other facts follow the message. */
export function createNestLogger(context = 'JobsModule'): JobsLogger {
  const logger = new Logger(context);
  return {
    debug: (message, fields) => logger.debug(line(message, fields)),
    info: (message, fields) => logger.log(line(message, fields)),
    warn: (message, fields) => logger.warn(line(message, fields)),
    error: (message, fields) => logger.error(line(message, fields), fields?.['stack']),
  };
}

function line(message: string, fields: Readonly<Record<string, unknown>> = {}): string {
  const facts = Object.entries(fields).filter(([name]) => name !== 'stack');
  if (facts.length === 0) return message;
  return `${message} (${facts.map(([name, value]) => `${name}: ${shown(value)}`).join(', ')})`;
}

// Control characters of a foreign text would write lines of their own.
function shown(value: unknown): string {
  return textOf(value)
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, MAX_FACT);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return value.message;
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value); // it refers to itself, or holds a bigint
  }
}
