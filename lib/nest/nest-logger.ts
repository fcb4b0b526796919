import { Logger } from '@nestjs/common';
import type { JobsLogger } from '../contract/logger.js';
import { escaped } from '../contract/shown.js';

/** A fact of a line is cut after it. Unit: characters. */
const MAX_FACT = 1_024;
/** What moves a cursor or turns the direction of the text; tabs and ends of lines do no harm in a stack. */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu;

/** Writes to the application's logger. A stack goes where Nest expects it; other facts follow the message. */
export function createNestLogger(context = 'JobsModule'): JobsLogger {
  const logger = new Logger(context);
  return {
    debug: (message, fields) => logger.debug(line(message, fields)),
    info: (message, fields) => logger.log(line(message, fields)),
    warn: (message, fields) => logger.warn(line(message, fields)),
    error: (message, fields) => logger.error(line(message, fields), stackOf(fields)),
  };
}

/** On one line, and without what moves a cursor or turns the direction of the text: the name of a job, for one, is whatever a producer wrote. */
export function oneLine(text: string): string {
  return escaped(text.replaceAll(/[\t\n\v\f\r\u0085\u2028\u2029]+/gu, ' '), UNSEEN);
}

// Its lines are its own.
function stackOf(fields: Readonly<Record<string, unknown>> = {}): unknown {
  const { stack } = fields;
  return typeof stack === 'string' ? escaped(stack, UNSEEN) : stack;
}

function line(message: string, fields: Readonly<Record<string, unknown>> = {}): string {
  const facts = Object.entries(fields).filter(([name]) => name !== 'stack');
  if (facts.length === 0) return oneLine(message);
  return `${oneLine(message)} (${facts.map(([name, value]) => `${name}: ${oneLine(textOf(value)).slice(0, MAX_FACT)}`).join(', ')})`;
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
