import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

const KIB = 1_024;

/** Resident memory of processes that live, by process id. Unit: bytes. Empty where the system cannot be asked. */
export async function measureMemory(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  if (pids.length === 0 || process.platform === 'win32') return new Map();
  return process.platform === 'linux' ? readMemory(pids) : askMemory(pids);
}

/** The same for Linux, at once. */
function readMemory(pids: readonly number[]): ReadonlyMap<number, number> {
  const bytes = new Map<number, number>();
  for (const pid of pids) {
    const found = residentBytes(pid);
    if (found !== undefined) bytes.set(pid, found);
  }
  return bytes;
}

function residentBytes(pid: number): number | undefined {
  try {
    const found = /^VmRSS:\s*([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return found === null ? undefined : Number(found[1]) * KIB;
  } catch {
    return undefined; // it has ended, or there is no such folder
  }
}

function askMemory(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')], (_error, output) => {
      const rows = output
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/).map(Number));
      resolve(new Map(rows.filter(([pid, kib]) => pid > 0 && kib > 0).map(([pid, kib]) => [pid, kib * KIB])));
    });
  });
}
