import { JobsTestingError } from './errors.js';
import type { LentJob } from './lent-job.js';
import { turns } from './virtual-clock.js';

/** What an {@link Activity} is given. */
export interface ActivityOptions {
  /** How long nothing may end while it is waited for. Unit: milliseconds of real time. */
  readonly patienceMs: number;
  /** False when the kernel has given the slot of a handler away that goes on. */
  holdsSlot(lent: LentJob): Promise<boolean>;
}

/** What {@link Activity.quiet} waits for. */
export interface QuietOptions {
  /** Jobs that may go on. Default: none. */
  readonly except?: ReadonlySet<LentJob>;
  /** How long nothing may end. Unit: milliseconds of real time. Default: that of the activity. */
  readonly patienceMs?: number;
}

const NOBODY: ReadonlySet<LentJob> = new Set();

/** Knows which jobs are ready or run, and waits for their end. */
export class Activity {
  readonly #options: ActivityOptions;
  readonly #lent = new Set<LentJob>();
  readonly #whenOver = new Map<LentJob, () => void>();
  #change = new Change();

  constructor(options: ActivityOptions) {
    this.#options = options;
  }

  /** Jobs that are ready or run. */
  get jobs(): ReadonlySet<LentJob> {
    return new Set(this.#lent);
  }

  add(lent: LentJob): void {
    this.#lent.add(lent);
  }

  /** To be called at every settlement and every end of a handler. */
  review(lent: LentJob): void {
    if (!lent.isSettled || !this.#lent.has(lent)) return;
    if (!lent.isRunning && !lent.job.autoAck) return this.#forget(lent);
    // Settled before its handler has ended: by the handler, by `autoAck`, or by the kernel, which waits for it no longer.
    void turns()
      .then(() => this.#options.holdsSlot(lent))
      .then((holds) => holds || this.#forget(lent));
  }

  /** Resolves when the run is over. */
  over(lent: LentJob): Promise<void> {
    if (!this.#lent.has(lent)) return Promise.resolve();
    return new Promise((resolve) => void this.#whenOver.set(lent, resolve));
  }

  /** What is still lent counts as over: its driver has stopped. */
  forgetAll(isTheirs: (lent: LentJob) => boolean): void {
    for (const lent of [...this.#lent].filter(isTheirs)) this.#forget(lent);
  }

  /**
   * Resolves when none but those in `except` is ready or runs, and what they started has had its turn.
   *
   * @throws JobsTestingError when nothing ended for `patienceMs`.
   */
  async quiet({ except = NOBODY, patienceMs = this.#options.patienceMs }: QuietOptions = {}): Promise<void> {
    for (;;) {
      while (this.#busy(except).length > 0) await this.#change.within(patienceMs, () => stuckError(this.#busy(except), patienceMs));
      await turns();
      if (this.#busy(except).length === 0) return;
    }
  }

  #busy(except: ReadonlySet<LentJob>): LentJob[] {
    return [...this.#lent].filter((lent) => !except.has(lent));
  }

  #forget(lent: LentJob): void {
    this.#lent.delete(lent);
    this.#whenOver.get(lent)?.();
    this.#whenOver.delete(lent);
    this.#change.happened();
    this.#change = new Change();
  }
}

/** The next end of a job. */
class Change {
  readonly #promise: Promise<void>;
  happened: () => void = () => {};

  constructor() {
    this.#promise = new Promise((resolve) => {
      this.happened = resolve;
    });
  }

  /** Waits for it. Real time, as a handler may wait for a real database or socket. */
  async within(limitMs: number, error: () => Error): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(error()), limitMs);
    });
    try {
      await Promise.race([this.#promise, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function stuckError(busy: readonly LentJob[], patienceMs: number): JobsTestingError {
  const jobs = busy.map((lent) => {
    const { name, pipeline } = lent.job;
    return `  - "${name}" of queue "${pipeline}", run ${lent.attempt}, ${lent.isRunning ? 'its handler runs' : 'waits for a slot'}`;
  });
  return new JobsTestingError(
    `No job ended within ${patienceMs} ms of real time, but ${busy.length === 1 ? 'one has' : `${busy.length} have`} not:\n${jobs.join('\n')}\n` +
      'A handler that waits for its time-out, or for the clock in another way, goes on with tester.clock.advance(); ' +
      'for one that needs so long, raise "patience" of JobsTestingModule.forRoot().',
  );
}
