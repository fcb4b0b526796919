import { Logger, type LogLevel } from '@nestjs/common';

const WHILE_BOOTING = ['warn', 'error', 'fatal'] as const satisfies readonly LogLevel[];
const AFTERWARDS = ['log', 'debug', 'verbose'] as const satisfies readonly LogLevel[];

/** The levels of a boot, to be told from those of an application. */
class BootLevels extends Array<LogLevel> {}

/**
 * Nest's logger speaks from `warn` on until {@link endQuietBoot}: what Nest says while it boots is the same in every worker, and the kernel has it in
 * its log already. Without effect where the application has chosen levels, or chooses them afterwards.
 */
export function beginQuietBoot(): void {
  if (Logger['logLevels'] === undefined) Logger.overrideLogger(BootLevels.from(WHILE_BOOTING));
}

// Added to the levels instead of setting others: Nest 11 gives a logger its levels with the first line, and never again.
export function endQuietBoot(): void {
  const levels = Logger['logLevels'];
  if (levels instanceof BootLevels && levels.length === WHILE_BOOTING.length) levels.push(...AFTERWARDS);
}
