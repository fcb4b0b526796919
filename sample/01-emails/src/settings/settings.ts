import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SAMPLE = fileURLToPath(new URL('../..', import.meta.url));
const DEFAULT_PORT = 3_000;

/** What the command line and the environment say. */
export class Settings {
  private constructor(
    /** Ends when every signup of the file is accounted for. */
    readonly once: boolean,
    /** The file of signups; `undefined` only serves. */
    readonly signupsFile: string | undefined,
    /** Where the mail server writes; cleared at the start. */
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
    const { PORT, OUTBOX } = environment;
    return new Settings(
      values.once ?? false,
      values['no-csv'] === true ? undefined : (values.csv ?? join(SAMPLE, 'data/signups.csv')),
      OUTBOX ?? join(SAMPLE, 'outbox'),
      PORT === undefined ? DEFAULT_PORT : portOf(PORT),
      PORT !== undefined,
    );
  }
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`PORT is "${text}". Give a number from 0 to 65535; 0 takes a free one.`);
}
