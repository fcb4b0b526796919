/** What the kernel writes to. Fields are facts for programs; the message is complete without them. */
export interface JobsLogger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Says nothing. */
export const silentLogger: JobsLogger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
