import { appendFileSync } from 'node:fs';

/** What one round of one fault did to the jobs of a driver. */
export interface FaultRound {
  readonly driver: string;
  /** The fault: `broker killed`, `connection dropped`, `connection frozen`, `queue deleted`, `kernel killed`. */
  readonly fault: string;
  readonly accepted: number;
  readonly lost: number;
  /** What went with a queue that was deleted. */
  readonly deleted?: number;
  readonly duplicates: number;
  /** From the end of the fault to the first job that was handled after it. Unit: milliseconds. */
  readonly recoveryMs?: number | undefined;
}

/** Prints the round, and keeps it for the table of `npm run faults`. */
export function reportFault(round: FaultRound): void {
  const { driver, fault, accepted, lost, deleted = 0, duplicates, recoveryMs } = round;
  const recovery = recoveryMs === undefined ? '' : `, recovery ${Math.round(recoveryMs)} ms`;
  const gone = deleted === 0 ? '' : `, ${deleted} deleted with their queue`;
  process.stdout.write(`${driver}, ${fault}: ${accepted} jobs accepted, ${lost} lost${gone}, ${duplicates} duplicates${recovery}\n`);
  const file = process.env['NRR_FAULT_REPORT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(round)}\n`);
}
