import { existsSync, readFileSync } from 'node:fs';

/** A line of the ledger; `job-process.mjs` says what the kinds mean. */
export interface LedgerLine {
  readonly kind: 'T' | 'A' | 'S' | 'F' | 'X';
  readonly round: number;
  readonly job: string;
  readonly at: number;
  /** Of a push: when the job is due. */
  readonly due: number;
}

/** A process that was killed. */
export interface Kill {
  readonly round: number;
  readonly at: number;
  readonly concurrency: number;
}

/** What became of all jobs. */
export interface Account {
  readonly accepted: number;
  readonly finished: number;
  /** Accepted and never finished. */
  readonly lost: readonly string[];
  /** Ran again because they ran when their process was killed. By round of the kill. */
  readonly wereRunning: ReadonlyMap<number, number>;
  /** Ran again although they had finished: their removal was on its way to the disk. By round of the kill. */
  readonly wereUnsynced: ReadonlyMap<number, number>;
  /** Runs that nothing explains. */
  readonly unexplained: readonly string[];
  /** Runs before the job was due. */
  readonly early: readonly string[];
}

/** From the end of a run to the sync of its removal. Unit: milliseconds; a sync takes long on a busy machine. */
const SYNC_MS = 2_000;

export function readLedger(file: string): LedgerLine[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [kind, round, job, at, due] = line.split(' ');
      return { kind: kind as LedgerLine['kind'], round: Number(round), job: job!, at: Number(at), due: Number(due) };
    });
}

export function accountFor(lines: readonly LedgerLine[], kills: readonly Kill[]): Account {
  const killOf = new Map(kills.map((kill) => [kill.round, kill]));
  const accepted = new Set<string>();
  const finished = new Set<string>();
  const due = new Map<string, number>();
  const last = new Map<string, LedgerLine>();
  const wereRunning = new Map<number, number>();
  const wereUnsynced = new Map<number, number>();
  const unexplained: string[] = [];
  const early: string[] = [];
  for (const line of lines) {
    const { kind, job } = line;
    if (kind === 'A') accepted.add(job);
    if (kind === 'T') due.set(job, line.due);
    if (kind === 'A' || kind === 'T') continue;
    if (kind === 'F') finished.add(job);
    const before = last.get(job);
    last.set(job, line);
    if (kind !== 'S') continue;
    // A clock is read to the millisecond.
    if (line.at < due.get(job)! - 1) early.push(`${job} ran ${due.get(job)! - line.at} ms early`);
    if (before === undefined || before.kind === 'X') continue;
    const kill = killOf.get(before.round);
    const text = `${job} ran in round ${line.round} after ${before.kind} in round ${before.round}`;
    if (before.round === line.round) unexplained.push(`${text}: twice in one life`);
    else if (kill === undefined) unexplained.push(`${text}: that process was not killed`);
    else if (before.kind === 'S') wereRunning.set(kill.round, (wereRunning.get(kill.round) ?? 0) + 1);
    else if (kill.at - before.at > SYNC_MS) unexplained.push(`${text}, ${kill.at - before.at} ms before the kill`);
    else wereUnsynced.set(kill.round, (wereUnsynced.get(kill.round) ?? 0) + 1);
  }
  const lost = [...accepted].filter((job) => !finished.has(job));
  return { accepted: accepted.size, finished: finished.size, lost, wereRunning, wereUnsynced, unexplained, early };
}

/** From the start of the process to its first run of a job of an earlier one. Unit: milliseconds. */
export function recoveryMs(lines: readonly LedgerLine[], round: number, spawnedAt: number): number | undefined {
  const first = lines.find((line) => line.kind === 'S' && line.round === round && Number(line.job.split('-')[0]) < round);
  return first === undefined ? undefined : first.at - spawnedAt;
}

export function sumOf(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
