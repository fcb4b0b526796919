import type { KernelOptions } from '../../../lib/config/kernel-options.js';
import type { Kernel } from '../../../lib/kernel/kernel.js';
import { createKernel } from '../../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../../lib/runtime/handler-executor.js';
import { aJob } from '../../support/jobs.js';
import { createLog } from '../../support/kernel.js';
import { createTempFolder } from '../../support/temp-folder.js';
import { after, within } from './processes.js';

/** Driver and options of the pipeline that is put to the test. */
export interface LoadPipeline {
  readonly driver: string;
  readonly [option: string]: unknown;
}

/** What became of the jobs of a load. */
export interface LoadAccount {
  readonly accepted: number;
  /** Accepted and never finished. */
  readonly lost: readonly string[];
  /** Accepted, never finished, and pushed before the broker threw away what it had. */
  readonly deleted: number;
  /** Finished more than once. */
  readonly duplicates: number;
  /** Runs before the delay of their job was over. */
  readonly early: readonly string[];
  /** From the end of the fault to the end of the first run of a job that was accepted after it. Unit: milliseconds. */
  readonly recoveryMs: number | undefined;
}

const PIPELINE = 'q';
const AT_ONCE = 20;
const LONGEST_RUN_MS = 5;
/** How long a state may take to come, on a slow machine whose broker has to start. Unit: milliseconds. */
const WAIT_MS = 90_000;
const LOOK_MS = 20;
/** Between two pushes of what was refused. Unit: milliseconds. */
const AGAIN_MS = 20;
/** How long a kernel that is given up may take to close. Unit: milliseconds. */
const ABANDON_MS = 10_000;
/** Log lines of a report about a failure. */
const LAST_LINES = 12;

/** A kernel that pushes and handles jobs through a broker, and a ledger of them outside of it. */
export class BrokerLoad {
  readonly log = createLog();
  readonly #handlers = new HandlerExecutor();
  readonly #begun = new Map<string, { readonly dueAt: number }>();
  readonly #accepted = new Set<string>();
  readonly #finished = new Map<string, number>();
  readonly #early: string[] = [];
  readonly #watchers = new Set<() => void>();
  /** Accepted after the end of the fault. */
  readonly #acceptedSince = new Set<string>();
  /** Begun before the broker threw away what it had. */
  #excused: ReadonlySet<string> = new Set();
  #kernel: Kernel | undefined;
  #pushing: Promise<void> = Promise.resolve();
  #pushFailure: Error | undefined;
  #phase: 'pushing' | 'draining' | 'over' = 'pushing';
  #healedAt: number | undefined;
  #recoveryMs: number | undefined;

  private constructor() {
    this.#handlers.add(undefined, ({ id }) => this.#handle(id));
  }

  /** Starts to push and to handle. */
  static async start(pipeline: LoadPipeline, more: KernelOptions = {}): Promise<BrokerLoad> {
    const load = new BrokerLoad();
    await load.#start({ dataDir: createTempFolder(), failed: { store: 'memory' }, timeout: 30, ...more, pipelines: { [PIPELINE]: pipeline } });
    return load;
  }

  /** Resolves when so many more were accepted. */
  more(count: number): Promise<void> {
    const goal = this.#accepted.size + count;
    return this.#when(() => this.#accepted.size >= goal, `${goal} jobs are accepted`);
  }

  /** Pushes delayed jobs beside the others. Resolves when they are accepted. */
  async later(count: number, delayMs: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, index) => this.#pushOne(`later-${delayMs}-${index}`, delayMs)));
  }

  /** Resolves when the pipeline says that it consumes, or that it does not. */
  async becomes({ ready }: { readonly ready: boolean }): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    const isSo = async (): Promise<boolean> => {
      // A broker that is frozen may keep the answer back, one that dies may break it off.
      const stats = await within(deadline - performance.now(), this.#kernel!.stat()).catch(() => undefined);
      return stats?.[0]?.ready === ready;
    };
    while (!(await isSo())) {
      if (performance.now() > deadline) throw new Error(`It is not so within ${WAIT_MS} ms that "ready" is ${ready}. ${this.state()}`);
      await after(LOOK_MS);
    }
  }

  /** The fault is over: recovery counts from here. */
  healed(): void {
    this.#healedAt = performance.now();
  }

  /** The broker has thrown away what it had: whose push began until here may be gone. */
  emptied(): void {
    this.#excused = new Set(this.#begun.keys());
  }

  /** Ends the pushes, waits for what is left, closes the kernel. */
  async finish(): Promise<LoadAccount> {
    if (this.#phase === 'pushing') this.#phase = 'draining';
    let isAll = false;
    void this.#pushing.then(() => {
      isAll = true;
      this.#look();
    });
    const isOver = () => isAll && this.#unfinished().every((id) => this.#excused.has(id));
    // What does not come is lost: the account says so.
    await this.#when(isOver, 'every accepted job is finished').catch(() => {});
    if (!isAll) throw new Error(`The pushes do not end. ${this.state()}`);
    await this.#close(WAIT_MS, () => this.#kernel!.close());
    const unfinished = this.#unfinished();
    const lost = unfinished.filter((id) => !this.#excused.has(id));
    return {
      accepted: this.#accepted.size,
      lost,
      deleted: unfinished.length - lost.length,
      duplicates: [...this.#finished.values()].reduce((sum, runs) => sum + runs - 1, 0),
      early: this.#early,
      recoveryMs: this.#recoveryMs,
    };
  }

  /** For a test that failed on its way: ends within seconds, whatever state the broker is in. Without effect after `finish`. */
  async abandon(): Promise<void> {
    if (this.#phase === 'over') return;
    await this.#close(ABANDON_MS, async () => this.#kernel?.close({ timeoutMs: 0, graceMs: 0 })).catch(() => {}); // what failed before is told
  }

  /** Where it stands, for the report of a failure. */
  state(): string {
    const counts = `${this.#begun.size} pushes begun, ${this.#accepted.size} accepted, ${this.#finished.size} jobs finished`;
    const lines = this.log.lines.slice(-LAST_LINES).map(({ level, message }) => `\n  ${level}: ${message}`);
    return `So far: ${counts}. The end of its log:${lines.length === 0 ? ' empty' : lines.join('')}`;
  }

  async #start(options: KernelOptions): Promise<void> {
    this.#kernel = await createKernel(options, { executor: this.#handlers, logger: this.log });
    await this.#kernel.start();
    this.#pushing = this.#push().catch((error: unknown) => {
      this.#pushFailure = error instanceof Error ? error : new Error(String(error));
      this.#look();
    });
  }

  async #handle(id: string): Promise<void> {
    const { dueAt = 0 } = this.#begun.get(id) ?? {};
    // A clock is read to the millisecond.
    if (Date.now() < dueAt - 1) this.#early.push(`${id} ran ${dueAt - Date.now()} ms early`);
    if (this.#finished.size % 2 === 0) await after(Math.random() * LONGEST_RUN_MS);
    this.#finished.set(id, (this.#finished.get(id) ?? 0) + 1);
    if (this.#healedAt !== undefined && this.#acceptedSince.has(id)) this.#recoveryMs ??= performance.now() - this.#healedAt;
    this.#look();
  }

  async #push(): Promise<void> {
    for (let batch = 0; this.#phase === 'pushing'; batch++) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => this.#pushOne(`${batch}-${index}`, 0)));
    }
  }

  // As a careful producer: what is refused or uncertain is pushed again under the same id.
  async #pushOne(id: string, delayMs: number): Promise<void> {
    this.#begun.set(id, { dueAt: Date.now() + delayMs });
    while (this.#phase !== 'over') {
      try {
        await this.#kernel!.push(aJob({ pipeline: PIPELINE, id, payload: `payload of ${id}`, delayMs }));
        this.#accepted.add(id);
        if (this.#healedAt !== undefined) this.#acceptedSince.add(id);
        return this.#look();
      } catch (error) {
        if (this.#isOver()) return;
        if ((error as { retriable?: boolean }).retriable !== true) throw error;
        await after(AGAIN_MS);
      }
    }
  }

  #isOver(): boolean {
    return this.#phase === 'over';
  }

  #unfinished(): string[] {
    return [...this.#accepted].filter((id) => !this.#finished.has(id));
  }

  async #close(timeoutMs: number, close: () => Promise<void>): Promise<void> {
    this.#phase = 'over';
    this.#look();
    const isClosed = await within(
      timeoutMs,
      close().then(() => true),
    );
    if (isClosed !== true) throw new Error(`The kernel is not closed after ${timeoutMs} ms. ${this.state()}`);
  }

  #when(isSo: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        this.#watchers.delete(look);
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (isSo()) end();
        else if (this.#pushFailure !== undefined) end(new Error(`A push was refused: ${this.#pushFailure.message}`, { cause: this.#pushFailure }));
        else if (this.#phase === 'over') end(new Error(`The load was given up before ${what}.`));
      };
      const timer = setTimeout(() => end(new Error(`It is not so within ${WAIT_MS} ms that ${what}. ${this.state()}`)), WAIT_MS);
      this.#watchers.add(look);
      look();
    });
  }

  #look(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
