import type { DriverCapabilities, DriverContext } from '../../contract/driver.js';
import { type ConfigIssue, JobsConfigError } from '../../contract/errors.js';
import type { OptionSpec } from '../../contract/option-spec.js';
import { lentAtOnce, optionTable } from '../option-table.js';
import type { BeanstalkAddress } from './client.js';

/** Settings of a `beanstalk` pipeline. */
export interface BeanstalkOptions {
  /** Where beanstalkd listens: `tcp://host:port` or `unix://path`. Default: that of the section `beanstalk`. */
  readonly addr?: string;
  /** The tube. Default: `default`. */
  readonly tube?: string;
  /** Of all jobs of this pipeline among those of its tube: lower first. Range: 0 to 2^32 − 1. Default: `0`; `1` when it is declared at run time. */
  readonly tubePriority?: number;
  /** How long one wait for a job lasts. Unit: milliseconds; seconds in the configuration. Default: `1` second; `5` when it is declared at run time. */
  readonly reserveTimeout?: number;
  /** Jobs lent to the kernel at once, running ones included. Default: `1_000`. */
  readonly prefetch?: number;
}

/** The same, checked and complete. */
export interface BeanstalkSettings {
  readonly address: BeanstalkAddress;
  /** As text, for log lines. */
  readonly addressText: string;
  readonly tube: string;
  readonly tubePriority: number;
  readonly reserveSeconds: number;
  /** How long a reserved job may stay without a sign of life. Unit: seconds. */
  readonly ttrSeconds: number;
  readonly connectTimeoutMs: number;
  readonly answerMs: number;
}

export const MAX_UINT32 = 2 ** 32 - 1;
const DEFAULT_ADDRESS = 'tcp://127.0.0.1:11300';
const DEFAULT_TUBE = 'default';
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_PREFETCH = 1_000;
/** beanstalkd answers in well under a millisecond. */
const MAX_ANSWER_MS = 10_000;
const MAX_TUBE_BYTES = 200;
const TUBE = /^[A-Za-z0-9+/;.$_()][-A-Za-z0-9+/;.$_()]*$/u;
const TCP = /^tcp:\/\/(?:\[([^\]/]+)\]|([^:/]+)):(\d{1,5})$/iu;
const UNIX = /^unix:\/\/(.+)$/iu;

export const capabilities: DriverCapabilities = {
  persistent: true,
  connection: true,
  delay: true,
  priority: false,
  deadLetter: true,
  countsStarts: false,
  browse: true,
  remove: true,
  promote: true,
  purge: true,
};

export const options: readonly OptionSpec[] = optionTable<BeanstalkOptions>({
  addr: { type: 'text', meaning: 'Where beanstalkd listens: `tcp://host:port` or `unix://path`; else that of the section `beanstalk`.' },
  tube: { type: 'text', default: DEFAULT_TUBE, meaning: 'The tube.' },
  tubePriority: {
    type: 'integer',
    min: 0,
    max: MAX_UINT32,
    meaning: 'The priority of all jobs of this pipeline among those of its tube: lower first. 0, or 1 when it is declared at run time.',
  },
  reserveTimeout: { type: 'duration', meaning: 'How long one wait for a job lasts. 1 second, or 5 when it is declared at run time.' },
  prefetch: lentAtOnce(DEFAULT_PREFETCH),
});

/**
 * What holds for one pipeline. RoadRunner's defaults differ between its file and a declaration at run time.
 *
 * @throws JobsConfigError when address or tube cannot be used.
 */
export function resolveSettings({ pipeline, options: given, section, isDeclared }: DriverContext<BeanstalkOptions>): BeanstalkSettings {
  const issues: ConfigIssue[] = [];
  // A program elsewhere does not choose whom this one connects to.
  const isOwnAddress = given.addr !== undefined && !isDeclared;
  const addressText = isOwnAddress ? given.addr : ((section?.['addr'] as string | undefined) ?? DEFAULT_ADDRESS);
  const address = addressOf(addressText);
  if (address === undefined) {
    const path = isOwnAddress ? `pipelines.${pipeline}.addr` : 'beanstalk.addr';
    issues.push({
      path,
      message: `"${addressText}" is not allowed. Give an address such as "tcp://127.0.0.1:11300" or "unix:///run/beanstalkd.sock".`,
    });
  }
  if (given.addr !== undefined && isDeclared) {
    issues.push({
      path: `pipelines.${pipeline}.addr`,
      message: 'A pipeline that is declared at run time uses the address of the section "beanstalk". Leave it out.',
    });
  }
  const { tube = DEFAULT_TUBE } = given;
  if (!TUBE.test(tube) || tube.length > MAX_TUBE_BYTES) {
    const message = `${JSON.stringify(tube)} is not allowed. Give 1 to ${MAX_TUBE_BYTES} of the characters A–Z a–z 0–9 - + / ; . $ _ ( ), the first one no "-".`;
    issues.push({ path: `pipelines.${pipeline}.tube`, message });
  }
  if (issues.length > 0 || address === undefined) throw new JobsConfigError(issues);
  const timeoutMs = (section?.['timeout'] as number | undefined) ?? DEFAULT_TIMEOUT_MS;
  const reserveMs = given.reserveTimeout ?? (isDeclared ? 5_000 : 1_000);
  return {
    address,
    addressText,
    tube,
    tubePriority: given.tubePriority ?? (isDeclared ? 1 : 0),
    reserveSeconds: seconds(reserveMs, 1),
    ttrSeconds: seconds(timeoutMs, 1),
    connectTimeoutMs: Math.max(1, timeoutMs),
    answerMs: Math.max(1, Math.min(timeoutMs, MAX_ANSWER_MS)),
  };
}

/** Whole seconds, not less time than asked for. */
export function seconds(ms: number, least = 0): number {
  return Math.max(least, Math.ceil(ms / 1_000));
}

function addressOf(text: string): BeanstalkAddress | undefined {
  const path = UNIX.exec(text)?.[1];
  if (path !== undefined) return { path };
  const [, bracketed, plain, port] = TCP.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}
