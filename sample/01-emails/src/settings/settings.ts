import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SAMPLE = fileURLToPath(new URL('../..', import.meta.url));
const DEFAULT_PORT = 3_000;
const DRIVERS = ['embedded', 'memory'] as const;

/** Where jobs are kept. */
export type JobsDriver = (typeof DRIVERS)[number];

/** What the command line and the environment say. */
export class Settings {
  private constructor(
    /** Ends when every signup of the file is accounted for. */
    readonly once: boolean,
    /** The file of signups; `undefined` only serves. */
    readonly signupsFile: string | undefined,
    readonly driver: JobsDriver,
    /** The folder of everything that outlives the process: the jobs, the failed ones, and how far the signups have come. */
    readonly dataDir: string,
    /** Where the mail server writes; cleared when a run begins anew. */
    readonly outbox: string,
    readonly port: number,
    /** True when the port was asked for: no other one will do. */
    readonly isPortFixed: boolean,
  ) {}

  static read(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): Settings {
    const { values } = parseArgs({
      args: [...args],
      options: { once: { type: 'boolean' }, csv: { type: 'string' }, 'no-csv': { type: 'boolean' } },
    });
    const { PORT, OUTBOX, DATA_DIR, JOBS_DRIVER } = environment;
    return new Settings(
      values.once ?? false,
      values['no-csv'] === true ? undefined : (values.csv ?? join(SAMPLE, 'data/signups.csv')),
      driverOf(JOBS_DRIVER ?? 'embedded'),
      DATA_DIR ?? join(SAMPLE, '.nrr'),
      OUTBOX ?? join(SAMPLE, 'outbox'),
      PORT === undefined ? DEFAULT_PORT : portOf(PORT),
      PORT !== undefined,
    );
  }
}

function driverOf(text: string): JobsDriver {
  const driver = DRIVERS.find((name) => name === text);
  if (driver !== undefined) return driver;
  throw new Error(`JOBS_DRIVER is "${text}". Use ${DRIVERS.join(' or ')}.`);
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`PORT is "${text}". Give a number from 0 to 65535; 0 takes a free one.`);
}
