import type { JobRun } from './job-run.js';

/**
 * What runs, in an array where each run knows its place. No Set: V8 chains the tables that it outgrows, and once one of them is in the old
 * generation, whatever was in the later ones survives too.
 */
export class RunSet {
  readonly #runs: JobRun[] = [];

  get size(): number {
    return this.#runs.length;
  }

  /** In no order. */
  get all(): readonly JobRun[] {
    return this.#runs;
  }

  has(run: JobRun): boolean {
    return this.#runs[run.place] === run;
  }

  add(run: JobRun): void {
    run.place = this.#runs.length;
    this.#runs.push(run);
  }

  /** False when it was not there. */
  delete(run: JobRun): boolean {
    if (!this.has(run)) return false;
    const last = this.#runs.pop()!;
    if (last !== run) {
      this.#runs[run.place] = last;
      last.place = run.place;
    }
    run.place = -1;
    return true;
  }
}
