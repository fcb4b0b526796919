// Processor time of other processes, as Linux counts it.
import { readFileSync } from 'node:fs';

const TICK_NS = 10_000_000;
/** Behind the name, which may have spaces: in user mode and in the kernel. */
const USER_FIELD = 11;

/**
 * Of this process and of `pids`, all threads. Unit: nanoseconds, in steps of 10 ms. `NaN` where there is no /proc.
 *
 * @param {readonly number[]} pids
 */
export function cpuOfAll(pids) {
  const { user, system } = process.cpuUsage();
  return pids.reduce((sum, pid) => sum + cpuOf(pid), (user + system) * 1_000);
}

/** @param {number} pid */
function cpuOf(pid) {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[USER_FIELD]) + Number(fields[USER_FIELD + 1])) * TICK_NS;
  } catch {
    return Number.NaN;
  }
}
