import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SAMPLE = fileURLToPath(new URL('..', import.meta.url));
const DRIVERS = ['memory', 'embedded', 'amqp', 'beanstalk', 'sqs', 'kafka'] as const;

/** Where jobs are kept. */
export type JobsDriver = (typeof DRIVERS)[number];

/** What the environment says; the same for every process of the demonstration. */
export interface Settings {
  readonly driver: JobsDriver;
  /** Of the broker. `undefined` means the usual port of this machine. */
  readonly brokerUrl: string | undefined;
  /** The queue, tube or topic at the broker. */
  readonly queue: string;
  /** Where sent mails go. */
  readonly outbox: string;
  /** Files of this machine: the jobs of the driver "embedded", and failed jobs of all durable drivers. */
  readonly dataDir: string;
  /** How long it takes to send a mail. Unit: milliseconds. */
  readonly workMs: number;
}

/** @throws Error when `JOBS_DRIVER` is none of the drivers. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const { JOBS_DRIVER = 'embedded', BROKER_URL, QUEUE = 'emails', OUTBOX, DATA_DIR, WORK_MS = '50' } = environment;
  const driver = DRIVERS.find((name) => name === JOBS_DRIVER);
  if (driver === undefined) throw new Error(`JOBS_DRIVER is "${JOBS_DRIVER}". Give one of: ${DRIVERS.join(', ')}.`);
  return {
    driver,
    brokerUrl: BROKER_URL,
    queue: QUEUE,
    outbox: OUTBOX ?? join(SAMPLE, 'outbox'),
    dataDir: DATA_DIR ?? join(SAMPLE, '.nrr'),
    workMs: Number(WORK_MS),
  };
}
