import { existsSync, readFileSync } from 'node:fs';

/** A line of the ledger; `job-process.mjs` says what the kinds mean. */
export interface LedgerLine {
  readonly kind: 'B' | 'T' | 'A' | 'S' | 'F' | 'X';
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
  /**
   * Ran again because they had failed, and their new copy was stored and the original not removed yet when their process was killed: both are
   * there. By round of the kill.
   */
  readonly wereRequeued: ReadonlyMap<number, number>;
  /** Runs that nothing explains. */
  readonly unexplained: readonly string[];
  /** Runs before the job was due. */
  readonly early: readonly string[];
}

/** From the end of a run to the sync of its removal. Unit: milliseconds; a sync takes long on a busy machine. */
const SYNC_MS = 2_000;
/** Runs that an original makes whose copy runs, too: its own, and that of the next copy, for it fails as it did the first time. */
const RUNS_OF_AN_ORIGINAL = 2;

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
  const requeues = new Requeues(killOf);
  const wereRunning = new Map<number, number>();
  const wereUnsynced = new Map<number, number>();
  const unexplained: string[] = [];
  const early: string[] = [];
  for (const line of lines) {
    const { kind, job } = line;
    if (kind === 'A') accepted.add(job);
    if (kind === 'T') due.set(job, line.due);
    if (kind === 'A' || kind === 'T' || kind === 'B') continue;
    if (kind === 'F') finished.add(job);
    if (kind === 'X') requeues.failed(line);
    const before = last.get(job);
    last.set(job, line);
    if (kind !== 'S') continue;
    // A clock is read to the millisecond.
    if (line.at < due.get(job)! - 1) early.push(`${job} ran ${due.get(job)! - line.at} ms early`);
    if (before === undefined || before.kind === 'X') continue;
    const kill = before.round === line.round ? undefined : killOf.get(before.round);
    if (kill !== undefined && before.kind === 'S') add(wereRunning, kill.round);
    else if (kill !== undefined && kill.at - before.at <= SYNC_MS) add(wereUnsynced, kill.round);
    else if (!requeues.explain(line)) unexplained.push(`${job} ran in round ${line.round} after ${before.kind} in round ${before.round}`);
  }
  const lost = [...accepted].filter((job) => !finished.has(job));
  return { accepted: accepted.size, finished: finished.size, lost, wereRunning, wereUnsynced, wereRequeued: requeues.counts, unexplained, early };
}

/** The lines of a job, to understand what became of it: `0-12: T0+0 A0+3 S0+5 X0+6 S1+1210 F1+1213`, kind, round and milliseconds since the first. */
export function historyOf(lines: readonly LedgerLine[], job: string): string {
  const own = lines.filter((line) => line.job === job);
  return `${job}: ${own.map(({ kind, round, at }) => `${kind}${round}+${at - own[0]!.at}`).join(' ')}`;
}

/** How long a process took to its first run of a job of an earlier one. Unit: milliseconds. */
export interface Recovery {
  /** From the start of the process. */
  readonly fromSpawnMs: number;
  /** From the moment when the library was loaded, which does not count how fast the machine starts Node. */
  readonly fromBootMs: number;
}

/** Undefined when there was no such job. */
export function recoveryOf(lines: readonly LedgerLine[], round: number, spawnedAt: number): Recovery | undefined {
  const boot = lines.find((line) => line.kind === 'B' && line.round === round);
  const first = lines.find((line) => line.kind === 'S' && line.round === round && Number(line.job.split('-')[0]) < round);
  return first === undefined || boot === undefined ? undefined : { fromSpawnMs: first.at - spawnedAt, fromBootMs: first.at - boot.at };
}

export function sumOf(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** Jobs that failed shortly before a kill, and the runs that this explains. */
class Requeues {
  readonly #killOf: ReadonlyMap<number, Kill>;
  readonly #byJob = new Map<string, { readonly round: number; runsLeft: number }[]>();
  readonly counts = new Map<number, number>();

  constructor(killOf: ReadonlyMap<number, Kill>) {
    this.#killOf = killOf;
  }

  failed({ job, round, at }: LedgerLine): void {
    const kill = this.#killOf.get(round);
    if (kill === undefined || kill.at - at > SYNC_MS) return;
    this.#byJob.set(job, [...(this.#byJob.get(job) ?? []), { round, runsLeft: RUNS_OF_AN_ORIGINAL }]);
  }

  /** True when the run may be that of an original whose copy is there as well. */
  explain({ job, round }: LedgerLine): boolean {
    const requeue = this.#byJob.get(job)?.find((one) => one.round !== round && one.runsLeft > 0);
    if (requeue === undefined) return false;
    if (requeue.runsLeft-- === RUNS_OF_AN_ORIGINAL) add(this.counts, requeue.round);
    return true;
  }
}

function add(counts: Map<number, number>, round: number): void {
  counts.set(round, (counts.get(round) ?? 0) + 1);
}
