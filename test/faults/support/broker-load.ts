import { createKernel } from '../../../lib/runtime/create-kernel.js';
import { HandlerExecutor } from '../../../lib/runtime/handler-executor.js';
import type { KernelOptions } from '../../../lib/config/kernel-options.js';
import type { Kernel } from '../../../lib/kernel/kernel.js';
import { aJob } from '../../support/jobs.js';
import { createLog } from '../../support/kernel.js';
import { createTempFolder } from '../../support/temp-folder.js';

/** What became of the jobs of a load. */
export interface LoadAccount {
  readonly accepted: number;
  /** Accepted and never finished. */
  readonly lost: readonly string[];
  /** Finished more than once. */
  readonly duplicates: number;
  /** From the end of the fault to the end of the first run of a job that was accepted after it. Unit: milliseconds. */
  readonly recoveryMs: number | undefined;
}

const PIPELINE = 'q';
const AT_ONCE = 20;
const LONGEST_RUN_MS = 5;
/** How long what is left may take. Unit: milliseconds. */
const DRAIN_MS = 60_000;

/** A kernel that pushes and handles jobs through a broker, and a ledger of them outside of it. */
export class BrokerLoad {
  readonly log = createLog();
  readonly #kernel: Kernel;
  readonly #accepted = new Set<string>();
  readonly #finished: Map<string, number>;
  readonly #watchers = new Set<() => void>();
  readonly #pushing: Promise<void>;
  #isOver = false;
  readonly #acceptedSince = new Set<string>();
  #healedAt: number | undefined;
  #recoveryMs: number | undefined;

  private constructor(kernel: Kernel, finished: Map<string, number>) {
    this.#kernel = kernel;
    this.#finished = finished;
    this.#pushing = this.#push();
    this.#pushing.catch(() => {}); // told by finish()
  }

  /** Starts to push and to handle. */
  static async start(pipeline: { readonly driver: string; readonly [option: string]: unknown }, more: KernelOptions = {}): Promise<BrokerLoad> {
    const finished = new Map<string, number>();
    const handlers = new HandlerExecutor();
    const listener = { ran: (_id: string): void => {} };
    handlers.add(undefined, async ({ id }) => {
      if (finished.size % 2 === 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_RUN_MS));
      finished.set(id, (finished.get(id) ?? 0) + 1);
      listener.ran(id);
    });
    const options = { dataDir: createTempFolder(), failed: { store: 'memory' as const }, timeout: 30, ...more, pipelines: { [PIPELINE]: pipeline } };
    const kernel = await createKernel(options, { executor: handlers });
    await kernel.start();
    const load = new BrokerLoad(kernel, finished);
    listener.ran = (id) => load.#ran(id);
    return load;
  }

  get accepted(): number {
    return this.#accepted.size;
  }

  get isReady(): Promise<boolean> {
    return this.#kernel.stat().then(([stat]) => stat!.ready);
  }

  /** Resolves when so many more were accepted. */
  more(count: number): Promise<void> {
    const goal = this.#accepted.size + count;
    return this.#when(() => this.#accepted.size >= goal);
  }

  /** The fault is over: recovery counts from here. */
  healed(): void {
    this.#healedAt = performance.now();
  }

  /** Ends the pushes, waits for what is left, closes the kernel. */
  async finish(): Promise<LoadAccount> {
    this.#isOver = true;
    await this.#pushing;
    const left = () => [...this.#accepted].filter((id) => !this.#finished.has(id));
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, DRAIN_MS).unref());
    await Promise.race([this.#when(() => left().length === 0), timeout]);
    await this.#kernel.close();
    const duplicates = [...this.#finished.values()].reduce((sum, runs) => sum + runs - 1, 0);
    return { accepted: this.#accepted.size, lost: left(), duplicates, recoveryMs: this.#recoveryMs };
  }

  /** For a test that failed on its way. Without effect after `finish`. */
  async abandon(): Promise<void> {
    this.#isOver = true;
    await this.#kernel.close({ timeoutMs: 0, graceMs: 0 });
  }

  #ran(id: string): void {
    if (this.#healedAt !== undefined && this.#acceptedSince.has(id)) this.#recoveryMs ??= performance.now() - this.#healedAt;
    this.#look();
  }

  async #push(): Promise<void> {
    for (let batch = 0; !this.#isOver; batch++) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => this.#pushOne(`${batch}-${index}`)));
    }
  }

  // As a careful producer: what is refused or uncertain is pushed again under the same id.
  async #pushOne(id: string): Promise<void> {
    for (;;) {
      try {
        await this.#kernel.push(aJob({ pipeline: PIPELINE, id, payload: `payload of ${id}` }));
        this.#accepted.add(id);
        if (this.#healedAt !== undefined) this.#acceptedSince.add(id);
        return this.#look();
      } catch (error) {
        if ((error as { retriable?: boolean }).retriable !== true) throw error;
      }
    }
  }

  #when(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isSo()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  #look(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
