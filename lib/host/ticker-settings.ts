import { JobsConfigError, type ConfigIssue } from '../contract/errors.js';

/** The section of a ticker, checked. */
export interface TickerSettings {
  readonly intervalMs: number;
  /** Of its worker pool, as written; one worker unless it says more. */
  readonly workers: Readonly<Record<string, unknown>>;
}

const SECTION = 'ticker';
const DOTTED = 'workers.';

/**
 * Reads `{ interval, workers: { command, … } }`; `workers.command` may also be written as one key with a dot.
 *
 * @throws JobsConfigError when it cannot be used.
 */
export function readTickerSettings(config: unknown): TickerSettings {
  if (!isData(config)) {
    throw new JobsConfigError([{ path: SECTION, message: 'is no section. Write { interval: 1, workers: { command: "node app.js" } }.' }]);
  }
  const issues: ConfigIssue[] = [];
  const { interval, workers = {}, ...others } = config;
  const seconds = typeof interval === 'string' && /^\d+$/.test(interval) ? Number(interval) : interval;
  if (!Number.isInteger(seconds) || (seconds as number) < 1) {
    issues.push({ path: `${SECTION}.interval`, message: `interval must be at least one second${writtenAs(interval)}` });
  }
  if (!isData(workers)) issues.push({ path: `${SECTION}.workers`, message: 'is no section. Write { command: "node app.js" }.' });
  const dotted: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(others)) {
    if (key.startsWith(DOTTED)) dotted[key.slice(DOTTED.length)] = value;
    else issues.push({ path: `${SECTION}.${key}`, message: 'is no key of a ticker. There are "interval" and "workers".' });
  }
  if (issues.length > 0) throw new JobsConfigError(issues);
  return { intervalMs: (seconds as number) * 1_000, workers: { num_workers: 1, ...(workers as object), ...dotted } };
}

function writtenAs(interval: unknown): string {
  return interval === undefined ? ': it is missing' : `, in whole seconds: it is ${JSON.stringify(interval)}`;
}

function isData(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
